"""Following values through statements: what is assigned, kept, returned, and what a comparison bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mypy import nodes, patterns
from mypy.nodes import Block, Expression, FuncDef, LambdaExpr, Statement, Var

from . import callees, labels
from .calls import Calls
from .facts import Facts, Sink
from .following import Following
from .guards import Bound, bounds
from .labels import CLIENT, FUNCTION, NONE, PARAM, SLOT, UNKNOWN, Label, Labels
from .operators import OPERATORS, amplifies
from .program import Function


class Statements(Calls):
    def read(self) -> Facts:
        """Look at the body until nothing new is learned about its variables."""
        node = self.function.node
        for index, argument in enumerate(node.arguments if node is not None else ()):
            start = self.value(argument.initializer)
            if not (self.function.is_bound and index == 0):
                start |= {Label(PARAM, str(index))}
            self.env[argument.variable] = start
        self.grown = True
        while self.grown:  # labels only grow, and there are few
            self.grown = False
            self.bounded = {}
            self.seen = set()
            self.block(self.function.body)
        self._decorators()
        self.facts.returns = self.outliving(frozenset(self.collectors[0]))
        return self.facts

    def _decorators(self) -> None:
        """A decorator runs instead of the function, and is given it."""
        own = frozenset({Label(FUNCTION, self.function.key)})
        for decorator in self.function.decorators:
            value = self.value(decorator)
            self._registered(decorator, own)
            target = self.callees.of(decorator)[0]
            if target.kind == callees.HOME and target.function is not None and target.function.node is not None:
                count = len(target.function.parameters)
                self.edge(target.function.key, decorator.line, [own] * count)
                self.run(self.following.returns(target.function.key), frozenset({Label(CLIENT)}), decorator)
            elif target.kind == callees.LIBRARY and self.following.catalogue.lookup(target.names) is None:
                self.unknown(decorator, target.names[0], "a decorator that is not in the catalogue")
            elif any(label.kind == UNKNOWN for label in value):
                self.unknown(decorator, "a decorator", "nobody knows what it does")
            elif target.kind == callees.VALUE:  # made by a call: it is called with the function
                self.run(frozenset(label for label in value if label.kind == FUNCTION), own, decorator)

    def _registered(self, decorator: Expression, own: Labels) -> None:
        """``@act.register``, ``@act.register(bytes)``: a call of ``act`` may run it."""
        expr = decorator.callee if isinstance(decorator, nodes.CallExpr) else decorator
        if not isinstance(expr, nodes.MemberExpr) or expr.name != "register":
            return
        if any(owner.info.module_name == "functools" for owner in self.owners(expr.expr)):
            for label in self.value(expr.expr):
                if label.kind == FUNCTION:
                    self.following.hold(self.registry(label.key), own)

    def block(self, block: Block | None) -> None:
        """Statements in their order; what bounds a variable holds until the end of its block."""
        if block is None or block.is_unreachable:
            return
        before = self.bounded
        for statement in block.body:
            look = LOOKS.get(type(statement))
            if look is not None:
                look(self, statement)
        self.bounded = before

    @contextmanager
    def _bounded(self, found: tuple[Bound, ...] | list[Bound]) -> Iterator[None]:
        before = self.bounded
        self._bound(found)
        yield
        self.bounded = before

    def _bound(self, found: tuple[Bound, ...] | list[Bound]) -> None:
        for bound in found:
            if self._is_trusted(bound.by):
                number, member = self.bound_of(bound.variable)
                version = self.versions.get(bound.variable, 0)
                known = (number or bound.number, member or bound.member, version)
                self.bounded = self.bounded | {
                    bound.variable: known
                }  # another one: who has kept the one before gets it back

    def _is_trusted(self, by: Expression) -> bool:
        """Whether a bound is the server's own: not one that a client passes, nor what a client can put into an attribute."""
        found = labels.values(self.value(by))
        if not all(label.kind == SLOT for label in found):
            return False
        if (
            isinstance(by, nodes.CallExpr)
            and isinstance(by.callee, nodes.RefExpr)
            and by.callee.fullname == "builtins.len"
        ):
            return True  # how many there are costs whoever puts them there
        slots = {label.key for label in found}
        self.following.bounding |= slots
        return slots.isdisjoint(self.following.distrusted)

    # Assignments

    def assignment(self, statement: nodes.AssignmentStmt) -> None:
        value = self.value(statement.rvalue)
        for lvalue in statement.lvalues:
            self.assign(lvalue, value)

    def in_place(self, statement: nodes.OperatorAssignmentStmt) -> None:
        value = self.value(statement.rvalue) | self.value(statement.lvalue)
        for name in OPERATORS.get(statement.op, ()):
            self.implicit(statement.lvalue, (name.replace("__", "__i", 1), name), [value], statement.lvalue)
        operation = nodes.OpExpr(statement.op, statement.lvalue, statement.rvalue)
        told = amplifies(operation, self.type_of(statement.lvalue), self.type_of(statement.rvalue))
        if told is not None:
            power, name, _ = told
            counted = labels.values(self.value(statement.rvalue))
            self.facts.sink(Sink(power, name, statement.line, statement.column, counted, "number", "error", ""))
        self.assign(statement.lvalue, value)

    def assign(self, lvalue: Expression, value: Labels) -> None:
        if isinstance(lvalue, nodes.TupleExpr | nodes.ListExpr):
            for item in lvalue.items:
                self.assign(item, value)
        elif isinstance(lvalue, nodes.StarExpr):
            self.assign(lvalue.expr, value)
        elif isinstance(lvalue, nodes.NameExpr):
            self._assign_name(lvalue, value)
        elif isinstance(lvalue, nodes.MemberExpr):
            self._assign_member(lvalue, value)
        elif isinstance(lvalue, nodes.IndexExpr):
            self.value(lvalue.base)
            self.implicit(lvalue.base, ("__setitem__",), [self.value(lvalue.index), value], lvalue)
            self.flow_into(lvalue.base, value)

    def _assign_name(self, lvalue: nodes.NameExpr, value: Labels) -> None:
        if not isinstance(lvalue.node, Var):
            return
        if self._is_kept(lvalue.node):
            self.keep(lvalue.node.fullname, value, lvalue)
        else:
            self.assigned(lvalue.node, value)

    def _is_kept(self, var: Var) -> bool:
        """Whether it is a variable of a module or class, which others can read."""
        owner = var.fullname.rpartition(".")[0]
        return "." in var.fullname and (owner in self.program.world.modules or owner in self.program.classes)

    def _assign_member(self, lvalue: nodes.MemberExpr, value: Labels) -> None:
        self.value(lvalue.expr)
        if isinstance(lvalue.expr, nodes.RefExpr) and isinstance(lvalue.expr.node, nodes.MypyFile):
            self.keep(f"{lvalue.expr.node.fullname}.{lvalue.name}", value, lvalue)
            return
        for owner in self.owners(lvalue.expr):
            for each in self.program.overriding(owner.info, lvalue.name):
                setter = self.program.functions.get(f"{each.key}.setter")
                if setter is not None:
                    self.enter(setter, lvalue, [value])
            self.store(owner.info, lvalue.name, value, lvalue)

    def flow_into(self, expr: Expression, value: Labels) -> None:
        if not value:
            return
        if isinstance(expr, nodes.NameExpr) and isinstance(expr.node, Var):
            self._assign_into(expr.node, value, expr)
        elif isinstance(expr, nodes.MemberExpr):
            for owner in self.owners(expr.expr):
                self.store(owner.info, expr.name, value, expr)
        elif isinstance(expr, nodes.IndexExpr):
            self.flow_into(expr.base, value)
        elif isinstance(expr, nodes.CallExpr) and isinstance(expr.callee, nodes.MemberExpr):
            self.flow_into(expr.callee.expr, value)

    def _assign_into(self, var: Var, value: Labels, at: Expression) -> None:
        if self._is_kept(var):
            self.keep(var.fullname, value, at)
        elif not (var.is_self or var.is_cls):
            self.grow(var, value)

    # Control

    def branches(self, statement: nodes.IfStmt) -> None:
        excluded: list[Bound] = []
        for condition, body in zip(statement.expr, statement.body, strict=True):
            self.value(condition)
            with self._bounded([*excluded, *bounds(condition, True)]):
                self.block(body)
            excluded += bounds(condition, False)
        with self._bounded(excluded):
            self.block(statement.else_body)
        if all(map(_leaves, statement.body)):
            self._bound(excluded)

    def loop(self, statement: nodes.ForStmt) -> None:
        lazy = isinstance(statement.expr, nodes.CallExpr) and _yields(statement.body)
        if lazy and isinstance(
            statement.expr, nodes.CallExpr
        ):  # the client asks for each item: it costs what it brings
            self.assign(statement.index, self.lazily(statement.expr))
        else:
            self.assign(statement.index, self.iterate(statement.expr))
        self._turns(statement.body, None)
        self.block(statement.else_body)

    def lazily(self, expr: nodes.CallExpr) -> Labels:
        """A ``range`` that a generator walks, item by item."""
        if isinstance(expr.callee, nodes.RefExpr) and expr.callee.fullname == "builtins.range":
            return labels.values(self.every(expr.args))
        return self.iterate(expr)

    def while_(self, statement: nodes.WhileStmt) -> None:
        self._turns(statement.body, statement.expr)
        self.block(statement.else_body)

    def _turns(self, body: Block, condition: Expression | None) -> None:
        """A loop's body, and again where it assigns what was bounded ahead of it: the bound does not hold in the next turn."""
        before = {node: self.versions.get(node, 0) for node in self.bounded}
        for _ in range(2):
            self.value(condition)
            with self._bounded(bounds(condition, True) if condition is not None else ()):
                self.block(body)
            if all(self.versions.get(node, 0) == version for node, version in before.items()):
                return

    def asserted(self, statement: nodes.AssertStmt) -> None:
        self.every((statement.expr, statement.msg))

    def with_(self, statement: nodes.WithStmt) -> None:
        for expr, target in zip(statement.expr, statement.target, strict=True):
            value = self.value(expr)
            value |= self.implicit(expr, ("__enter__", "__exit__", "__aenter__", "__aexit__"), [], expr)
            if target is not None:
                self.assign(target, value)
        self.block(statement.body)

    def try_(self, statement: nodes.TryStmt) -> None:
        self.block(statement.body)
        self.every(statement.types)
        for handler in statement.handlers:
            self.block(handler)
        self.block(statement.else_body)
        self.block(statement.finally_body)

    def match(self, statement: nodes.MatchStmt) -> None:
        subject = self.value(statement.subject)
        for pattern, condition, body in zip(statement.patterns, statement.guards, statement.bodies, strict=True):
            self._capture(pattern, subject)
            self.value(condition)
            self.block(body)

    def _capture(self, pattern: patterns.Pattern | None, subject: Labels) -> None:
        """The names that a pattern binds hold parts of the subject."""
        match pattern:
            case patterns.AsPattern():
                self._capture(pattern.pattern, subject)
                self._captured(pattern.name, subject)
            case patterns.OrPattern() | patterns.SequencePattern():
                for each in pattern.patterns:
                    self._capture(each, subject)
            case patterns.StarredPattern():
                self._captured(pattern.capture, subject)
            case patterns.MappingPattern():
                for each in pattern.values:
                    self._capture(each, subject)
                self._captured(pattern.rest, subject)
            case patterns.ClassPattern():
                for each in [*pattern.positionals, *pattern.keyword_values]:
                    self._capture(each, subject | self._held_by(pattern))
            case _:
                return

    def _captured(self, name: nodes.NameExpr | None, subject: Labels) -> None:
        if name is not None:
            self.assign(name, subject)

    def _held_by(self, pattern: patterns.ClassPattern) -> Labels:
        node = pattern.class_ref.node
        if not isinstance(node, nodes.TypeInfo) or not self.program.is_home(node):
            return NONE
        return frozenset(Label("slot", f"{node.fullname}.{name}") for name in node.names)

    def returned(self, statement: nodes.ReturnStmt) -> None:
        value = self.value(statement.expr)
        self.collectors[-1] |= value

    def raised(self, statement: nodes.RaiseStmt) -> None:
        self.every((statement.expr, statement.from_expr))

    def deleted(self, statement: nodes.DelStmt) -> None:
        if isinstance(statement.expr, nodes.IndexExpr):
            index = self.value(statement.expr.index)
            self.implicit(statement.expr.base, ("__delitem__",), [index], statement.expr)

    # What is defined inside

    def nested(self, statement: nodes.FuncDef | nodes.Decorator) -> None:
        function = statement.func if isinstance(statement, nodes.Decorator) else statement
        if self.function.node is None and not self._is_local(function):
            return  # it is a function of a module or class, which is looked at by itself
        self.callees.nested[function] = function
        if isinstance(statement, nodes.Decorator):
            self.every(statement.decorators)
            self.callees.nested[statement] = function
        for argument in function.arguments:
            self.grow(argument.variable, self.value(argument.initializer))
        self.look_into(function)

    def _is_local(self, function: FuncDef) -> bool:
        return function.fullname not in self.program.functions

    def look_into(self, node: FuncDef | LambdaExpr) -> Labels:
        self.nested_returns.setdefault(node, NONE)
        for argument in node.arguments:
            self.grow(argument.variable, self.value(argument.initializer))
        self.collectors.append(set())
        self.block(node.body)
        found = frozenset(self.collectors.pop())
        if not found <= self.nested_returns[node]:
            self.nested_returns[node] |= found
            self.grown = True
        return self.nested_returns[node]

    def class_(self, statement: nodes.ClassDef) -> None:
        """The body of a class runs where it stands; its methods are looked at by themselves, or here if nobody else can."""
        self.every(statement.base_type_exprs)
        local = self.function.node is not None
        for each in statement.defs.body:
            if isinstance(each, nodes.FuncDef | nodes.Decorator | nodes.OverloadedFuncDef):
                if local:
                    self._local_method(each)
            else:
                look = LOOKS.get(type(each))
                if look is not None:
                    look(self, each)

    def _local_method(self, node: Statement) -> None:
        """A method of a class inside a function: who calls it, and with what, is not followed."""
        for part in node.items if isinstance(node, nodes.OverloadedFuncDef) else [node]:
            function = part.func if isinstance(part, nodes.Decorator) else part
            if isinstance(function, FuncDef):
                for argument in function.arguments[1:]:
                    self.grow(argument.variable, frozenset({Label(CLIENT)}))
                self.look_into(function)


def _leaves(block: Block) -> bool:
    """Whether what stands behind the block is not reached through it."""
    last = block.body[-1] if block.body else None
    if isinstance(last, nodes.IfStmt) and last.else_body is not None:
        return all(map(_leaves, [*last.body, last.else_body]))
    return isinstance(last, nodes.ReturnStmt | nodes.RaiseStmt | nodes.ContinueStmt | nodes.BreakStmt)


def _yields(block: Block) -> bool:
    """Whether each turn of a loop gives an item to whoever iterates."""
    last = [each for each in block.body if isinstance(each, nodes.ExpressionStmt | nodes.AssignmentStmt)]
    values = [each.expr if isinstance(each, nodes.ExpressionStmt) else each.rvalue for each in last]
    return any(isinstance(value, nodes.YieldExpr) for value in values)


LOOKS: dict[type[Statement], Callable[..., None]] = {
    nodes.Block: Statements.block,
    nodes.ExpressionStmt: lambda self, statement: self.value(statement.expr),
    nodes.AssignmentStmt: Statements.assignment,
    nodes.OperatorAssignmentStmt: Statements.in_place,
    nodes.IfStmt: Statements.branches,
    nodes.ForStmt: Statements.loop,
    nodes.WhileStmt: Statements.while_,
    nodes.AssertStmt: Statements.asserted,
    nodes.WithStmt: Statements.with_,
    nodes.TryStmt: Statements.try_,
    nodes.MatchStmt: Statements.match,
    nodes.ReturnStmt: Statements.returned,
    nodes.RaiseStmt: Statements.raised,
    nodes.DelStmt: Statements.deleted,
    nodes.FuncDef: Statements.nested,
    nodes.Decorator: Statements.nested,
    nodes.ClassDef: Statements.class_,
}


def look(following: Following, function: Function) -> Facts:
    return Statements(following, function).read()
