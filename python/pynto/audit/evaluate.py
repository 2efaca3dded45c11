"""Following values through expressions: from which parameters, attributes and calls a value comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mypy import nodes
from mypy.nodes import (
    AssertTypeExpr,
    AssignmentExpr,
    AwaitExpr,
    CallExpr,
    CastExpr,
    ComparisonExpr,
    ConditionalExpr,
    Decorator,
    DictExpr,
    DictionaryComprehension,
    Expression,
    FuncDef,
    GeneratorExpr,
    IndexExpr,
    LambdaExpr,
    ListComprehension,
    ListExpr,
    MemberExpr,
    MypyFile,
    NameExpr,
    OpExpr,
    OverloadedFuncDef,
    RefExpr,
    SetComprehension,
    SetExpr,
    SliceExpr,
    StarExpr,
    SuperExpr,
    SymbolNode,
    TupleExpr,
    TypeApplication,
    TypeInfo,
    UnaryExpr,
    Var,
    YieldExpr,
    YieldFromExpr,
)
from mypy.types import Type

from . import callees, labels
from .callees import Callees, Owner
from .facts import UNANALYSABLE, Facts, Sink
from .following import Following
from .labels import CLIENT, FUNCTION, LIBRARY, NESTED, NONE, PARAM, SLOT, Label, Labels, union
from .operators import OPERATORS, amplifies
from .program import Function

# Their values are the way from an object to the interpreter, whoever reads them.
INNARDS = frozenset(
    "__dict__ __class__ __bases__ __mro__ __subclasses__ __globals__ __code__ __closure__ __builtins__ __self__ __func__ "
    "__wrapped__ __defaults__ __kwdefaults__ __module__ f_globals f_locals f_builtins f_code f_back gi_frame gi_code cr_frame "
    "cr_code ag_frame ag_code tb_frame tb_next __traceback__ __loader__ __spec__".split()
) - {"__module__"}


class Evaluator:
    """The values of one function. What calls do stands in ``Calls``, what statements do in ``Statements``."""

    def __init__(self, following: Following, function: Function) -> None:
        self.following = following
        self.program = following.program
        self.function = function
        self.callees = Callees(self.program, function)
        self.callees.nested |= function.siblings
        self.facts = Facts()
        self.env: dict[SymbolNode, Labels] = dict(following.closures.get(function.key, {}))
        self.bounded: dict[
            SymbolNode, tuple[bool, bool, int]
        ] = {}  # as a number, as a member, as long as it has this version
        self.versions: dict[SymbolNode, int] = {}  # how often a variable has been assigned so far
        self.nested_returns: dict[FuncDef | LambdaExpr, Labels] = {}
        self.collectors: list[set[Label]] = [set()]  # what return and yield give, of the innermost function last
        self.seen: set[SymbolNode] = set()  # the variables whose values have been asked for in this look at the body
        self.grown = False
        self._outliving: set[str] = set()  # functions inside of this one whose surroundings are being told

    # The surroundings

    def type_of(self, expr: Expression) -> Type | None:
        return self.program.types.get(expr)

    def owners(self, expr: Expression) -> list[Owner]:
        return [owner for owner in self.callees.owners(expr) if owner is not None]

    def grow(self, node: SymbolNode, more: Labels) -> None:
        known = self.env.get(node, NONE)
        if not more <= known:
            self.env[node] = known | more
            self.grown |= node in self.seen  # else nobody has seen it smaller

    def bound_of(self, node: SymbolNode) -> tuple[bool, bool]:
        """By a comparison, as a number and as a member, unless the variable has another value since."""
        number, member, version = self.bounded.get(node, (False, False, 0))
        return (number, member) if version == self.versions.get(node, 0) else (False, False)

    def assigned(self, node: SymbolNode, value: Labels) -> None:
        self.versions[node] = self.versions.get(node, 0) + 1
        self.grow(node, value)

    # Expressions

    def value(self, expr: Expression | None) -> Labels:
        if expr is None:
            return NONE
        evaluate = LOOKS.get(type(expr))
        return evaluate(self, expr) if evaluate is not None else NONE

    def every(self, exprs: Iterable[Expression | None]) -> Labels:
        return union(self.value(expr) for expr in exprs)

    def name(self, expr: NameExpr) -> Labels:
        return self._reference(expr.node)

    def _reference(self, node: SymbolNode | None) -> Labels:
        if node is None or isinstance(node, MypyFile):
            return NONE
        if isinstance(node, Var):
            return self._variable(node)
        target = self.callees.static(node)
        if target.kind == callees.HOME and target.function is not None:
            return frozenset({Label(FUNCTION, target.function.key)})
        if target.kind == callees.CLASS and target.info is not None:
            return frozenset({Label(FUNCTION, target.info.fullname)})
        if target.kind == callees.LIBRARY:
            return frozenset({Label(LIBRARY, " ".join(target.names))})
        return frozenset({Label(NESTED, self.nested_key(target.nested))}) if target.nested is not None else NONE

    def nested_key(self, node: FuncDef | LambdaExpr) -> str:
        return f"{node.line}:{node.column}"

    def _variable(self, var: Var) -> Labels:
        self.seen.add(var)
        if var in self.env:
            return labels.guard(self.env[var], *self.bound_of(var))
        if var.is_self or var.is_cls:
            return NONE
        if self.callees.is_of_library(var):
            return frozenset({Label(LIBRARY, var.fullname)}) if callees.is_callable(var.type) else NONE
        module = var.fullname.rpartition(".")[0]
        if module in self.program.classes or module in self.program.world.modules:
            return frozenset({Label(SLOT, var.fullname)})
        return NONE

    def member(self, expr: MemberExpr) -> Labels:
        if isinstance(expr.expr, RefExpr) and isinstance(expr.expr.node, MypyFile):
            return self._reference(expr.node)
        base = self.value(expr.expr)
        if expr.name in INNARDS:
            self._innards(expr, base)
        found = set(labels.values(base))
        for owner in self.callees.owners(expr.expr):
            if owner is not None:
                found |= self._attribute(expr, owner, base)
        return frozenset(found)

    def _innards(self, expr: MemberExpr, base: Labels) -> None:
        self.facts.sink(
            Sink("introspection", f"the attribute {expr.name}", expr.line, expr.column, NONE, "any", "error", "info")
        )

    def _attribute(self, expr: MemberExpr, owner: Owner, base: Labels) -> Labels:
        holder = next((each for each in owner.info.mro if expr.name in each.names), None)
        if holder is None or not self.program.is_home(holder):
            if holder is None and (hook := self.program.overriding(owner.info, "__getattr__")):
                return union(self.enter(function, expr, []) for function in hook)
            return NONE
        node = holder.names[expr.name].node
        if isinstance(node, Decorator | OverloadedFuncDef) and callees._is_property(node):
            return union(self.enter(each, expr, []) for each in self.program.overriding(owner.info, expr.name))
        if isinstance(node, Var):
            return frozenset({Label(SLOT, f"{holder.fullname}.{expr.name}")}) | self._descriptor(node, expr)
        if isinstance(node, TypeInfo):
            return self._reference(node)
        return frozenset(Label(FUNCTION, each.key) for each in self.program.overriding(owner.info, expr.name))

    def _descriptor(self, node: Var, expr: Expression) -> Labels:
        """Reading an attribute that is a home descriptor runs its ``__get__``."""
        found = [each for info in callees.instances(node.type) for each in self.program.overriding(info, "__get__")]
        return union(self.enter(each, expr, []) for each in found)

    def enter(self, function: Function, at: Expression, arguments: list[Labels], line: int = 0) -> Labels:
        """A call that is not written as one: the arguments fill the parameters behind ``self``."""
        count = len(function.parameters)
        bound = [*([NONE] if function.is_bound else []), *arguments][:count]
        bound += [union(arguments[count - 1 :])] * (count - len(bound)) if arguments else [NONE] * (count - len(bound))
        self.edge(function.key, line or at.line, bound)
        return self.result(function.key, bound)

    def result(self, key: str, bound: list[Labels]) -> Labels:
        """What a function returns, with the labels of the arguments in the place of its parameters."""
        found: set[Label] = set()
        for label in self.following.returns(key):
            if label.kind == PARAM:
                passed = bound[int(label.key)] if int(label.key) < len(bound) else NONE
                found |= labels.guard(passed, label.number, label.member)
            elif label.kind != NESTED:
                found.add(label)
        return frozenset(found)

    def index(self, expr: IndexExpr) -> Labels:
        if expr.analyzed is not None:
            return self.value(expr.analyzed)
        base, index = self.value(expr.base), self.value(expr.index)
        self.implicit(expr.base, ("__getitem__",), [index], expr)
        return base  # which of its own things the server hands over is no value of the client's

    def implicit(self, receiver: Expression, names: Iterable[str], arguments: list[Labels], at: Expression) -> Labels:
        """What an operator runs: a method of a home class, or one of a library that stands in the catalogue."""
        found: Labels = NONE
        for owner in self.owners(receiver):
            for name in names:
                for function in self.program.overriding(owner.info, name):
                    found |= self.enter(function, at, arguments)
                if not self.program.is_home(owner.info) and name in ("__getitem__", "__setitem__", "__delitem__"):
                    self.library_item(owner, name, arguments, at)
        return found

    def library_item(self, owner: Owner, name: str, arguments: list[Labels], at: Expression) -> None:
        raise NotImplementedError

    def operation(self, expr: OpExpr) -> Labels:
        left = self.value(expr.left)
        right = self.value(expr.right)
        for name in OPERATORS.get(expr.op, ()):
            self.implicit(expr.left, (name,), [right], expr)
            self.implicit(expr.right, (name.replace("__", "__r", 1),), [left], expr)
        self._amplified(expr, left, right)
        return left | right

    def _amplified(self, expr: OpExpr, left: Labels, right: Labels) -> None:
        told = amplifies(expr, self.type_of(expr.left), self.type_of(expr.right))
        if told is not None:
            power, name, sides = told
            counted = union(labels.values(side) for side, counts in zip((left, right), sides, strict=True) if counts)
            self.facts.sink(Sink(power, name, expr.line, expr.column, counted, "number", "error", ""))

    def comparison(self, expr: ComparisonExpr) -> Labels:
        parts = [self.value(operand) for operand in expr.operands]
        for operator, first, second in zip(expr.operators, expr.operands, expr.operands[1:], strict=False):
            for name in OPERATORS.get(operator, ()):
                self.implicit(second if operator in ("in", "not in") else first, (name,), parts, expr)
            if operator in ("in", "not in", "==", "!="):
                for operand in (first, second):
                    self.compared(operand, parts, expr)
        return NONE

    def compared(self, operand: Expression, parts: list[Labels], at: Expression) -> None:
        """Containers compare what they hold, and sets and dicts ask for its hash."""
        for owner in callees.held(self.type_of(operand)):
            for name in ("__eq__", "__hash__") if self.program.is_home(owner.info) and not owner.of_class else ():
                for function in self.program.overriding(owner.info, name):
                    self.enter(function, at, parts)

    def hashed(self, at: Expression, keys: Iterable[Expression | None]) -> Labels:
        """What stands in a set, or is a key of a dict."""
        for key in keys:
            if key is not None:
                self.compared(key, [], at)
        return NONE

    def unary(self, expr: UnaryExpr) -> Labels:
        inner = self.value(expr.expr)
        for name in OPERATORS.get(f"unary {expr.op}", ()):
            self.implicit(expr.expr, (name,), [], expr)
        return NONE if expr.op == "not" else inner

    def conditional(self, expr: ConditionalExpr) -> Labels:
        self.value(expr.cond)
        return self.value(expr.if_expr) | self.value(expr.else_expr)

    def comprehension(self, expr: GeneratorExpr | DictionaryComprehension) -> Labels:
        for lvalue, sequence, conditions in zip(expr.indices, expr.sequences, expr.condlists, strict=True):
            self.assign(lvalue, self.iterate(sequence))
            self.every(conditions)
        if isinstance(expr, GeneratorExpr):
            return self.value(expr.left_expr)
        return self.value(expr.key) | self.value(expr.value)

    def iterate(self, expr: Expression) -> Labels:
        """The items of what is iterated."""
        items = self.value(expr)
        return items | self.implicit(expr, ("__iter__", "__next__", "__aiter__", "__anext__"), [], expr)

    def walrus(self, expr: AssignmentExpr) -> Labels:
        found = self.value(expr.value)
        self.assign(expr.target, found)
        return found

    def yielded(self, expr: YieldExpr | YieldFromExpr) -> Labels:
        found = self.iterate(expr.expr) if isinstance(expr, YieldFromExpr) else self.value(expr.expr)
        self.collectors[-1] |= found
        return frozenset({Label(CLIENT)}) if isinstance(expr, YieldExpr) and self._is_sent_to() else found

    def _is_sent_to(self) -> bool:
        """Whether a client may send values into this generator."""
        node = self.function.node
        returned = callees.instances(getattr(node.type, "ret_type", None)) if node is not None else []
        return any(info.name in ("Generator", "AsyncGenerator") for info in returned)

    def awaited(self, expr: AwaitExpr) -> Labels:
        return self.value(expr.expr) | self.implicit(expr.expr, ("__await__",), [], expr)

    def template(self, expr: Expression) -> Labels:
        items = getattr(expr, "items", ())
        return self.every(item[0] if isinstance(item, tuple) else item for item in items)

    def lambda_(self, expr: LambdaExpr) -> Labels:
        return frozenset({Label(NESTED, self.nested_key(expr))}) | labels.values(self.look_into(expr))

    # What the other rooms do

    def assign(self, lvalue: Expression, value: Labels) -> None:
        raise NotImplementedError

    def look_into(self, node: FuncDef | LambdaExpr) -> Labels:
        raise NotImplementedError

    def call(self, expr: CallExpr) -> Labels:
        raise NotImplementedError

    def edge(self, key: str, line: int, bound: list[Labels]) -> None:
        raise NotImplementedError

    def unknown(self, at: Expression, name: str, why: str, passed: Labels = NONE) -> None:
        self.facts.sink(
            Sink(UNANALYSABLE, name, at.line, at.column, labels.values(passed), "any", "warning", "warning", why)
        )


LOOKS: dict[type[Expression], Callable[..., Labels]] = {
    NameExpr: Evaluator.name,
    MemberExpr: Evaluator.member,
    CallExpr: lambda self, expr: self.call(expr),
    IndexExpr: Evaluator.index,
    OpExpr: Evaluator.operation,
    ComparisonExpr: Evaluator.comparison,
    UnaryExpr: Evaluator.unary,
    ConditionalExpr: Evaluator.conditional,
    GeneratorExpr: Evaluator.comprehension,
    DictionaryComprehension: Evaluator.comprehension,
    ListComprehension: lambda self, expr: self.value(expr.generator),
    SetComprehension: lambda self, expr: self.value(expr.generator),
    ListExpr: lambda self, expr: self.every(expr.items),
    TupleExpr: lambda self, expr: self.every(expr.items),
    SetExpr: lambda self, expr: self.hashed(expr, expr.items) | self.every(expr.items),
    DictExpr: lambda self, expr: (
        self.hashed(expr, [key for key, _ in expr.items]) | self.every(each for pair in expr.items for each in pair)
    ),
    SliceExpr: lambda self, expr: self.every((expr.begin_index, expr.end_index, expr.stride)),
    StarExpr: lambda self, expr: self.value(expr.expr),
    CastExpr: lambda self, expr: self.value(expr.expr),
    AssertTypeExpr: lambda self, expr: self.value(expr.expr),
    TypeApplication: lambda self, expr: self.value(expr.expr),
    AssignmentExpr: Evaluator.walrus,
    AwaitExpr: Evaluator.awaited,
    YieldExpr: Evaluator.yielded,
    YieldFromExpr: Evaluator.yielded,
    LambdaExpr: Evaluator.lambda_,
    SuperExpr: lambda self, expr: NONE,
}
if (_template := getattr(nodes, "TemplateStrExpr", None)) is not None:  # t"...", of newer versions of mypy
    LOOKS[_template] = Evaluator.template
