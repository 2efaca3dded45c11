"""Following values into calls: home functions are entered, libraries looked up, and the rest reported."""

from __future__ import annotations

from mypy.nodes import (
    ArgKind,
    CallExpr,
    Expression,
    FuncDef,
    IndexExpr,
    LambdaExpr,
    MemberExpr,
    RefExpr,
    SuperExpr,
    TypeInfo,
)
from mypy.types import Instance, Type, UnionType, get_proper_type

from . import callees, labels
from .arguments import Passed, dunders
from .callees import Owner, Target, is_any
from .catalogue import Entry, canonical_name
from .evaluate import Evaluator
from .facts import CALLEE, STORE, Sink
from .labels import (
    CALLABLE,
    CLIENT,
    FUNCTION,
    LIBRARY,
    NESTED,
    NONE,
    PARAM,
    PASSED,
    SLOT,
    UNKNOWN,
    Label,
    Labels,
    union,
)
from .program import Function

# What they give says little about what they were given: a length, a yes or no.
_PLAIN = frozenset(
    "builtins.len builtins.isinstance builtins.issubclass builtins.callable builtins.bool builtins.hash builtins.id "
    "builtins.any builtins.all builtins.hasattr builtins.type builtins.ord".split()
)
_BUILT_IN = frozenset(
    "builtins.str builtins.bytes builtins.int builtins.float builtins.tuple builtins.frozenset".split()
)
# A call of a method changes nothing in these.
_UNCHANGED = _BUILT_IN | frozenset(
    "re.Pattern logging.Logger pathlib.PurePath datetime.date datetime.datetime datetime.time datetime.timedelta "
    "decimal.Decimal _decimal.Decimal fractions.Fraction uuid.UUID random.Random builtins.range".split()
)
# Functions that put what they are given into their first argument.
_INTO_FIRST = ("heapq.heap", "bisect.insort", "_heapq.heap", "_bisect.insort", "operator.setitem", "_operator.setitem")


# What they make is called, and uses no power that was not told where it was made.
_MAKERS = frozenset({"operator.itemgetter", "pynto.attenuation.revocable"})


class Calls(Evaluator):
    def call(self, expr: CallExpr) -> Labels:
        if expr.analyzed is not None:
            return self.value(expr.analyzed)
        values = tuple(self.value(argument) for argument in expr.args)
        receiver = self._receiver(expr.callee)
        passed = Passed(expr, values, tuple(expr.arg_kinds), tuple(expr.arg_names), tuple(expr.args), receiver)
        found = union(self._apply(target, expr.callee, passed) for target in self.callees.of(expr.callee))
        return found if found else NONE

    def _receiver(self, callee: Expression) -> Labels:
        return labels.values(self.value(callee.expr)) if isinstance(callee, MemberExpr) else NONE

    def _apply(self, target: Target, callee: Expression, passed: Passed) -> Labels:
        match target.kind:
            case callees.HOME if target.function is not None:
                return self._home(target.function, passed, target.through)
            case callees.CLASS if target.info is not None:
                return self._construct(target.info, passed)
            case callees.LIBRARY:
                return self.library(target.names, callee, passed)
            case callees.NESTED if target.nested is not None:
                return self._nested(target.nested, passed)
            case callees.CLIENT:
                return passed.receiver
            case callees.UNKNOWN:
                self.unknown(passed.expr, _shown(callee), target.why, passed.all)
                return labels.values(passed.all) | passed.receiver
            case _:
                return self._value(callee, passed)

    # Home

    def _home(self, function: Function, passed: Passed, through: bool) -> Labels:
        if function.node is None:
            return NONE
        bound = passed.bind(function, through)
        self.edge(function.key, passed.expr.line, bound)
        self._hand_over(passed)
        if (registered := self.registry(function.key)) in self.following.slots:
            self.run(self.following.callables(registered), labels.values(passed.all), passed.expr)
        result = self.result(function.key, bound)
        if function.info is not None and function.info.is_protocol:
            result |= passed.receiver
        return result

    def _construct(self, info: TypeInfo, passed: Passed) -> Labels:
        entered = False
        for name in ("__new__", "__init__", "__post_init__"):
            function = self.program.of_class(info, name)
            if function is not None:
                entered |= name != "__post_init__"
                if name == "__post_init__":
                    self.enter(function, passed.expr, [])
                else:
                    self._home(function, passed, True)
        if entered:
            return NONE
        self._fill(info, passed)
        self._hand_over(passed)
        library = next((base for base in info.mro if not self.program.is_home(base)), None)
        if library is not None and self.following.catalogue.lookup(names := callees.made_by(library)):
            self.library(names, passed.expr, passed)
        return labels.values(passed.all) if self._is_built_in(info) else NONE

    def _is_built_in(self, info: TypeInfo) -> bool:
        """Whether the value itself holds what it was made of, outside of attributes that are declared here."""
        return info.typeddict_type is not None or any(base.fullname in _BUILT_IN for base in info.mro)

    def _fill(self, info: TypeInfo, passed: Passed) -> None:
        """The attributes that a constructor fills which nobody wrote: that of a dataclass or NamedTuple."""
        fields = _fields(info)
        position = 0
        for value, kind, name in zip(passed.values, passed.kinds, passed.names, strict=True):
            if kind == ArgKind.ARG_POS:
                filled = fields[position : position + 1]
                position += 1
            else:
                filled = [name] if name else fields
            for each in filled:
                self.store(info, each, value, passed.expr)

    def store(self, info: TypeInfo, name: str, value: Labels, at: Expression) -> None:
        holder = next((base for base in info.mro if name in base.names), None)
        if holder is not None:
            self.keep(f"{holder.fullname}.{name}", value, at)

    def keep(self, slot: str, value: Labels, at: Expression) -> None:
        """Into an attribute or a variable of a module: functions are remembered, data is followed."""
        self.following.hold(slot, self.outliving(value))
        if data := labels.values(value):
            self.facts.sink(Sink(STORE, slot, at.line, at.column, data, "any"))

    # Libraries

    def library(self, names: tuple[str, ...], callee: Expression, passed: Passed) -> Labels:
        entries = self.following.catalogue.lookup(names)
        shown = canonical_name(names[0]).removeprefix("builtins.")
        if entries is None:
            self.unknown(passed.expr, shown, "it is not in the catalogue, and not in a home package", passed.all)
        for entry in entries or ():
            self._power(entry, shown, passed)
        self._hand_over(passed)
        for argument in passed.exprs:
            self._run_dunders(argument, dunders(names[0]), passed)
        if isinstance(callee, MemberExpr) and not _is_unchanged(self.owners(callee.expr)):
            self.flow_into(callee.expr, passed.all)
        if names[0].startswith(_INTO_FIRST) and passed.exprs:
            self.flow_into(passed.exprs[0], union(passed.values[1:]))
        return self._library_result(names, passed)

    def _power(self, entry: Entry, shown: str, passed: Passed) -> None:
        name = shown if entry.name.endswith("*") else entry.name.removeprefix("builtins.")
        labels_ = labels.values(passed.of(entry))
        at = passed.expr
        self.facts.sink(Sink(entry.power, name, at.line, at.column, labels_, entry.kind, entry.client, entry.reached))

    def library_item(self, owner: Owner, name: str, arguments: list[Labels], at: Expression) -> None:
        """``os.environ[name]``: an item of an object of a library."""
        names = tuple(f"{base.fullname}.{name}" for base in owner.info.mro)
        passed = Passed(at, tuple(arguments), (ArgKind.ARG_POS,) * len(arguments), (None,) * len(arguments))
        for entry in self.following.catalogue.lookup(names) or ():
            self._power(entry, canonical_name(names[0]), passed)

    def _library_result(self, names: tuple[str, ...], passed: Passed) -> Labels:
        result = labels.values(passed.all) | passed.receiver
        if names[0] in _PLAIN:
            return NONE
        if canonical_name(names[0]) in _MAKERS:
            return result | {Label(LIBRARY, f"{canonical_name(names[0])}()")}
        if names[0] == "functools.partial":  # what it is applied to has been handed over
            return passed.values[0] if passed.values else NONE
        if names[0] == "builtins.min" and len(passed.values) > 1 and not all(map(labels.values, passed.values)):
            return labels.guard(result, True, False)
        if isinstance(passed.expr, CallExpr):
            owners = callees.instances(self.type_of(passed.expr))
            if owners and all(info.fullname in ("builtins.bool", "builtins.NoneType") for info in owners):
                return NONE
        return result

    def _run_dunders(self, argument: Expression, methods: tuple[str, ...], passed: Passed) -> None:
        """A library that is given an object of ours may compare, print and iterate it."""
        for owner in callees.held(self.type_of(argument)) or self.owners(argument):
            if self.program.is_home(owner.info) and not owner.of_class:
                for name in methods:
                    for function in self.program.overriding(owner.info, name):
                        self.enter(function, passed.expr, [])

    # Functions as values

    def _hand_over(self, passed: Passed) -> None:
        """Whoever is given a function may call it, with whatever else it was given."""
        for index, value in enumerate(passed.values):
            others = labels.values(union(other for at, other in enumerate(passed.values) if at != index))
            self.run(value, others, passed.expr, through_library=True)

    def run(self, value: Labels, given: Labels, at: Expression, *, through_library: bool = False) -> Labels:
        """Call what a value may be, with arguments that nobody can tell apart."""
        result: Labels = NONE
        for label in value:
            if label.kind == FUNCTION:
                result |= self._run_function(label.key, given, at)
            elif label.kind == NESTED:
                self._widen(label.key, given)
            elif label.kind == LIBRARY:
                result |= self._run_library(label.key.split(" "), given, at)
        return result

    def _run_function(self, key: str, given: Labels, at: Expression) -> Labels:
        function = self.program.functions.get(key)
        if function is not None and function.node is not None:
            bound = [given] * len(function.parameters)
            self.edge(key, at.line, bound)
            return self.result(key, bound)
        if key in self.program.classes:
            return self._construct(self.program.classes[key], Passed(at, (given,), (ArgKind.ARG_STAR,), (None,)))
        return NONE

    def _run_library(self, names: list[str], given: Labels, at: Expression) -> Labels:
        passed = Passed(at, (given,), (ArgKind.ARG_STAR,), (None,))
        if names[0].removesuffix("()") in _MAKERS:
            return given
        entries = self.following.catalogue.lookup(names)
        if entries is None:
            self.unknown(at, canonical_name(names[0]), "it is not in the catalogue, and not in a home package", given)
        for entry in entries or ():
            self._power(entry, canonical_name(names[0]).removeprefix("builtins."), passed)
        return given

    def _value(self, callee: Expression, passed: Passed) -> Labels:
        value = self.value(callee)
        home = [
            function
            for info in callees.instances(self.type_of(callee))
            for function in self.program.overriding(info, "__call__")
        ]
        result = union(self._home(function, passed, True) for function in home)
        called = bool(home)
        is_known = called and self._is_of_ours(self.type_of(callee))
        for label in sorted(value):
            if not (is_known and label.kind == SLOT):  # an object of a class of ours, wherever it is kept
                called |= self._call_label(label, callee, passed)
            result |= labels.values(frozenset({label}))
        if not called:
            why = (
                "it has no declared type" if is_any(self.type_of(callee)) else "nothing here says which function it is"
            )
            self.unknown(passed.expr, _shown(callee), why, passed.all)
        self._hand_over(passed)
        return result | labels.values(self.run(value, labels.values(passed.all), passed.expr))

    def _is_of_ours(self, type_: Type | None) -> bool:
        """Whether it can only be an object of a home class, whose ``__call__`` is known."""
        proper = get_proper_type(type_)
        if isinstance(proper, UnionType):
            return all(map(self._is_of_ours, proper.items))
        return isinstance(proper, Instance) and self.program.is_home(proper.type) and not proper.type.is_protocol

    def _call_label(self, label: Label, callee: Expression, passed: Passed) -> bool:
        """Whether it is known what calling this does."""
        at = passed.expr
        if label.kind in CALLABLE:
            self.run(frozenset({label}), labels.values(passed.all), at)
            return True
        if label.kind == CLIENT:
            return True
        if label.kind in (PARAM, PASSED):
            sink = Sink(CALLEE, _shown(callee), at.line, at.column, frozenset({label}), "any", "", "", "")
            self.facts.sink(sink)
            return True
        if label.kind == SLOT:
            self._call_slot(label, callee, passed)
            return True
        return False

    def _call_slot(self, label: Label, callee: Expression, passed: Passed) -> None:
        held = self.following.callables(label.key)
        self.run(held, labels.values(passed.all), passed.expr)
        for each in held:
            if each.kind == UNKNOWN:
                self.unknown(passed.expr, _shown(callee), f"{each.key}", passed.all)
            elif each.kind == PASSED:  # fine, if it was passed by a client
                at = passed.expr
                self.facts.sink(Sink(CALLEE, _shown(callee), at.line, at.column, frozenset({each}), "any"))

    # Functions inside of this one

    def _nested(self, node: FuncDef | LambdaExpr, passed: Passed) -> Labels:
        for argument in node.arguments:
            self.grow(argument.variable, passed.all)
        self._hand_over(passed)
        if isinstance(node, LambdaExpr) or node not in self.nested_returns:
            return self.nested_returns.get(node, NONE) or self.look_into(node)
        return self.nested_returns[node]

    def _widen(self, key: str, given: Labels) -> None:
        """A function inside this one is handed out: its parameters are whatever goes along with it."""
        for node in self.nested_nodes(key):
            for argument in node.arguments:
                self.grow(argument.variable, given)

    def edge(self, key: str, line: int, bound: list[Labels]) -> None:
        self.facts.call(key, line, bound)
        self.following.give(key, [self.outliving(each) for each in bound])

    @staticmethod
    def registry(key: str) -> str:
        """The slot of what is registered with a function of functools.singledispatch."""
        return f"{key}.register()"

    def outliving(self, value: Labels) -> Labels:
        return frozenset(each for label in value for each in self._outlives(label))

    def _outlives(self, label: Label) -> Labels:
        """A function inside this one that is kept is called by whoever calls what holds it, with what it sees from here."""
        if label.kind != NESTED:
            return frozenset({label})
        found: Labels = NONE
        for node in self.nested_nodes(label.key):
            function = self.program.enclosed(self.function, node, dict(self.callees.nested))
            found |= {Label(FUNCTION, function.key)}
            if function.key not in self._outliving:
                self._outliving.add(function.key)
                own = {argument.variable for argument in node.arguments}
                seen = {each: self._seen_outside(held) for each, held in self.env.items() if each not in own}
                self.following.capture(function.key, seen)
                self._outliving.discard(function.key)
        return found

    def _seen_outside(self, held: Labels) -> Labels:
        found: Labels = NONE
        for label in held:
            if label.kind == PARAM:
                found |= {Label(PASSED, f"{self.function.key} {label.key}")}
            else:
                found |= self._outlives(label)
        return found

    def nested_nodes(self, key: str) -> list[FuncDef | LambdaExpr]:
        return [node for node in self.nested_returns if self.nested_key(node) == key]

    # Into containers

    def flow_into(self, expr: Expression, value: Labels) -> None:
        """A change through a method: what goes in may come out of the same variable or attribute again."""
        raise NotImplementedError


def _fields(info: TypeInfo) -> list[str]:
    named = info.metadata.get("namedtuple", {}).get("fields", ())
    if named:
        return list(named)
    for base in info.mro:
        dataclass_ = base.metadata.get("dataclass")
        if isinstance(dataclass_, dict):
            return [each["name"] for each in dataclass_.get("attributes", ())]
        attrs = base.metadata.get("attrs")
        if isinstance(attrs, dict):
            return [each["name"] for each in attrs.get("attributes", ())]
    return []


def _is_unchanged(owners: list[Owner]) -> bool:
    return all(any(base.fullname in _UNCHANGED for base in owner.info.mro) for owner in owners)


def _shown(callee: Expression) -> str:
    """As it stands in the source, if it is short."""
    if isinstance(callee, MemberExpr):
        return f"{_shown(callee.expr)}.{callee.name}"
    if isinstance(callee, SuperExpr):
        return f"super().{callee.name}"
    if isinstance(callee, RefExpr):
        return callee.name if hasattr(callee, "name") else callee.fullname
    if isinstance(callee, CallExpr):
        return f"{_shown(callee.callee)}(...)"
    return f"{_shown(callee.base)}[...]" if isinstance(callee, IndexExpr) else "a value"
