"""Powers: which of an operation's calls lead to files, processes, the network and their like, and with what a client passes.

Each pair of an operation and a sink is a finding of its own.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

from mypy.types import CallableType, Instance, LiteralType, NoneType, TupleType, Type, UnionType, get_proper_type

from . import catalogue, grammar, spelling
from .build import World
from .callees import DEPTH_MAX, may_be_called
from .catalogue import NUMBER, TEXT, canonical_name
from .exposure import Operation, hints, operations
from .facts import CALLEE, STORE, UNANALYSABLE, Edge, Facts, Sink
from .findings import INFO, Finding, Trace, finding
from .flow import Flow
from .following import Following
from .labels import CLIENT, FUNCTION, PARAM, PASSED, SLOT, UNKNOWN, Label
from .members import class_name
from .program import Program
from .standard import template_of
from .statements import look
from .summaries import Key, Place, Summaries
from .walk import Walk


@dataclass(frozen=True)
class Reach:
    """The most telling way in which an operation reaches a sink."""

    operation: Operation
    function: str
    key: Key
    distance: int
    parameter: str = ""  # of the operation, whose value gets there
    slot: str = ""  # a client's value gets there by way of this attribute
    bounded: bool = False


class Powers:
    def __init__(self, walk: Walk, world: World) -> None:
        self.walk = walk
        self.program = Program(world, walk.home)
        self._live = {name for name, node in walk.side(Flow.OUT).items() if _is_mutable(node.instance)}
        self._follow_all()

    def findings(self) -> list[Finding]:
        """For each operation and each place the most telling one: a function inside another is read with it, and by itself."""
        found = [each for operation in self.operations if operation.names for each in self._of_library(operation)]
        best: dict[tuple[str, str, Place], Reach] = {}
        for operation in self.operations:
            for key, distance in self._entries(operation):
                reach = self._reach(operation, key, distance)
                if reach is not None:
                    place = (operation.path, self.program.functions[key[0][0]].file, key[0][1])
                    best[place] = min(best.get(place, reach), reach, key=_rank)
        told = [self._finding(best[place]) for place in sorted(best)]
        return list(dict.fromkeys([*found, *(each for each in told if each is not None)]))

    # Following

    def _follow_all(self) -> None:
        """Again, if what a client puts into an attribute has been taken for a bound."""
        distrusted: frozenset[str] = frozenset()
        while True:
            self.following = Following(self.program, catalogue.standard(), distrusted)
            self._follow()
            self.operations = operations(self.walk, self.program)
            self._hand_out()
            self.summaries = Summaries(self._behind_operations(), self._may_be_function)
            self.tainted = self._tainted()
            if not (more := self.following.bounding & self.tainted.keys() - distrusted):
                return
            distrusted |= more

    def _follow(self) -> None:
        """Look at functions until no look at one changes what is known of another."""
        functions, facts = self.program.functions, self.following.facts
        callers: dict[str, set[str]] = {}
        queue = dict.fromkeys(sorted(functions))
        while queue:
            key = next(iter(queue))
            del queue[key]
            self.following.looking = key
            new = look(self.following, functions[key])
            for callee, _ in new.edges:
                callers.setdefault(callee, set()).add(key)
            old = facts.get(key)
            facts[key] = new
            if old is None or old.returns != new.returns:
                queue |= dict.fromkeys(sorted(callers.get(key, ())))
            queue |= self.following.stale
            self.following.stale = {}
        self.following.looking = ""

    def _hand_out(self) -> None:
        """Functions that operations return, or keep in attributes that can be read, are called by clients as well."""
        known = {(each.path, each.function.key) for each in self.operations if each.function is not None}
        for operation in list(self.operations):
            for key in self._given(operation):
                function = self.program.functions.get(key)
                if function is None or function.node is None or (operation.path, key) in known:
                    continue
                known.add((operation.path, key))
                own = range(1 if function.is_bound else 0, len(hints(function.node)))
                chosen = dict.fromkeys(own, TEXT)
                self.operations.append(
                    Operation(
                        operation.node, operation.member, operation.step, operation.owner, function,
                        chosen=chosen, callbacks=set(own),
                    )
                )  # fmt: skip

    def _given(self, operation: Operation) -> Iterator[str]:
        if not _may_be_called(operation):
            return
        if operation.function is not None:
            given = self.following.returns(operation.function.key)
        elif not operation.names and not operation.writes:
            given = frozenset({Label(SLOT, self._slot(operation))})
        else:
            return
        for label in sorted(given):
            held = self.following.callables(label.key) if label.kind == SLOT else (label,)
            yield from (each.key for each in held if each.kind == FUNCTION)

    def _slot(self, operation: Operation) -> str:
        info = operation.node.instance.type
        holder = next((base for base in info.mro if operation.member in base.names), info)
        return f"{holder.fullname}.{operation.member}"

    def _may_be_function(self, key: str, label: Label) -> bool:
        """Whether what a function has under a label can be called, by what it is declared as."""
        if label.kind == PARAM:
            return may_be_called(self.program.parameter(f"{key} {label.key}"))
        return label.kind != SLOT or self.following.may_hold_functions(label.key)

    def _behind_operations(self) -> dict[str, Facts]:
        """The functions that an operation may lead to; what the others do is nobody's power here."""
        facts = self.following.facts
        queue = [each.function.key for each in self.operations if each.function is not None]
        found: dict[str, Facts] = {}
        while queue:
            key = queue.pop()
            if key not in found:
                found[key] = facts[key]
                queue += [callee for callee, _ in facts[key].edges]
        return found

    # Which attributes hold what a client chose

    def _tainted(self) -> dict[str, str]:
        """Slot -> the operation by which a client's value gets into it."""
        tainted: dict[str, str] = {}
        for operation in self.operations:
            for slot in self._exposed_slots(operation):
                tainted.setdefault(slot, operation.label)
        while True:
            before = len(tainted)
            for operation in self.operations:
                for (sink_id, label), _ in self._entries(operation):
                    if sink_id[1][0] == STORE and label is not None and self._is_clients(operation, label, tainted):
                        tainted.setdefault(sink_id[1][1], operation.label)
            if len(tainted) == before:
                return tainted

    def _exposed_slots(self, operation: Operation) -> Iterator[str]:
        """Attributes that clients write, and live containers that they can change."""
        if operation.writes:
            yield self._slot(operation)
        elif operation.function is None and not operation.names:
            if self._is_live(operation.node.get.get(operation.member, "")):
                yield self._slot(operation)
        elif operation.function is not None:
            texts = operation.node.methods.get(operation.member, [operation.node.get.get(operation.member, "")])
            if any(self._is_live(text.rpartition(" -> ")[2]) for text in texts):
                given = self.following.returns(operation.function.key)
                slots = sorted(label.key for label in given if label.kind == SLOT)
                yield from (slot for slot in slots if _may_be_live(self.program.declared(slot)))

    def _is_live(self, text: str) -> bool:
        """Whether a spelled type has a container that a client can change."""
        return not self._live.isdisjoint(text.split("|"))

    def _entries(self, operation: Operation) -> list[tuple[Key, int]]:
        key = operation.function.key if operation.function is not None else ""
        return [(entry, step.distance) for entry, step in self.summaries.entries.get(key, {}).items()]

    def _is_clients(self, operation: Operation, label: Label, tainted: dict[str, str]) -> bool:
        match label.kind:
            case "client":
                return True
            case "slot":
                return label.key in tainted
            case "param":
                return int(label.key) in operation.chosen
            case _:
                return False

    # One operation

    def _of_library(self, operation: Operation) -> Iterator[Finding]:
        """A member of a library class that the config allows: the client calls it itself."""
        entries = catalogue.standard().lookup(operation.names)
        owner = class_name(operation.owner)
        if entries is None:
            message = f"{operation.label} is not in the catalogue, and has no source in a home package"
            yield finding(
                "unanalysable",
                message,
                path=operation.path,
                owner=owner,
                member=operation.member,
                interface=operation.node.name,
            )
        for entry in entries or ():
            severity = (entry.client or entry.reached) if entry.args - {"self"} else entry.reached
            if severity:
                message = f"{operation.label} is {canonical_name(operation.names[0])}, called by the client itself"
                yield finding(
                    f"power-{entry.power}",
                    message,
                    severity=severity,
                    path=operation.path,
                    owner=owner,
                    member=operation.member,
                    interface=operation.node.name,
                )

    def _reach(self, operation: Operation, key: Key, distance: int) -> Reach | None:
        (_, place), label = key
        sink = self.summaries.sink(key[0])
        if place[0] == STORE:
            return None
        function = operation.function
        assert function is not None
        if place[0] == CALLEE:
            return self._unknown_callee(operation, key, distance)
        if label is None or not self._is_clients(operation, label, self.tainted):
            return Reach(operation, function.key, (key[0], None), distance)
        if label.kind == PARAM and sink.kind == TEXT and operation.chosen[int(label.key)] == NUMBER:
            return Reach(operation, function.key, (key[0], None), distance)
        bounded = label.member or (label.number and sink.kind == NUMBER)
        parameter = function.parameters[int(label.key)] if label.kind == PARAM else ""
        slot = label.key if label.kind == SLOT else ""
        return Reach(operation, function.key, key, distance, parameter or "a callback", slot, bounded)

    def _unknown_callee(self, operation: Operation, key: Key, distance: int) -> Reach | None:
        """A parameter is called: fine where it is the client's own function, or one that is followed by itself."""
        label = key[1]
        assert operation.function is not None
        if label is None or label.kind == CLIENT:
            return None
        if label.kind == PARAM and int(label.key) in operation.callbacks:
            return None
        if label.kind == SLOT and all(map(self._is_followed, self.following.callables(label.key))):
            return None
        if label.kind == PASSED and self._is_followed(label):
            return None
        return Reach(operation, operation.function.key, key, distance)

    def _is_followed(self, label: Label) -> bool:
        """Whether all that can be called there is the client's own, or followed where it was handed over."""
        if label.kind == UNKNOWN:
            return False
        seen, queue = set(), [label]
        while queue:
            each = queue.pop()
            if each.kind != PASSED or each in seen:
                continue
            seen.add(each)
            function, _, index = each.key.rpartition(" ")
            if not self._may_be_called(function, int(index)):
                continue
            edges = self._edges.get(function, [])
            lent = any(int(index) in callbacks for callbacks in self._lent.get(function, []))
            if not edges and not lent:
                return False  # whoever passes it stands outside of the home packages
            for caller, edge in edges:
                passed = edge.bound[int(index)]
                if any(other.kind == UNKNOWN for other in passed):
                    return False
                queue += [Label(PASSED, f"{caller} {other.key}") for other in passed if other.kind == PARAM]
                held = (self.following.callables(other.key) for other in passed if other.kind == SLOT)
                for content in held:
                    if any(other.kind == UNKNOWN for other in content):
                        return False
                    queue += content
        return True

    def _may_be_called(self, key: str, index: int) -> bool:
        """By what the parameter is declared as."""
        function = self.program.functions.get(key)
        declared = hints(function.node) if function is not None and function.node is not None else []
        return index >= len(declared) or may_be_called(declared[index])

    @functools.cached_property
    def _edges(self) -> dict[str, list[tuple[str, Edge]]]:
        """The calls of each function."""
        found: dict[str, list[tuple[str, Edge]]] = {}
        for caller, facts in self.following.facts.items():
            for edge in facts.edges.values():
                found.setdefault(edge.callee, []).append((caller, edge))
        return found

    @functools.cached_property
    def _lent(self) -> dict[str, list[set[int]]]:
        """The functions that operations run, and where clients pass functions of their own."""
        found: dict[str, list[set[int]]] = {}
        for operation in self.operations:
            if operation.function is not None:
                found.setdefault(operation.function.key, []).append(operation.callbacks)
        return found

    # Findings

    def _finding(self, reach: Reach) -> Finding | None:
        sink = self.summaries.sink(reach.key[0])
        severity = self._severity(sink, reach)
        if not severity:
            return None
        operation = reach.operation
        home = self.program.functions[reach.key[0][0]]
        unknown = sink.power in (UNANALYSABLE, CALLEE)
        return finding(
            "unanalysable" if unknown else f"power-{sink.power}",
            self._message(sink, reach),
            severity=severity,
            path=operation.path,
            owner=class_name(operation.owner),
            member=operation.member,
            file=home.file,
            line=sink.line,
            trace=tuple(self._trace(reach, sink)),
            interface=operation.node.name,
        )

    def _severity(self, sink: Sink, reach: Reach) -> str:
        if sink.power == CALLEE:
            return "warning"
        if not reach.parameter:
            return sink.reached
        return INFO if reach.bounded and sink.client else sink.client or sink.reached

    def _message(self, sink: Sink, reach: Reach) -> str:
        label = reach.operation.label
        if sink.power in (UNANALYSABLE, CALLEE):
            why = sink.why or "nothing here says which function it is"
            return f"{label} calls {sink.name}, which cannot be followed: {why}"
        if not reach.parameter:
            return f"{label} reaches {sink.name}"
        if reach.slot:
            told = f"with {_short(reach.slot)}, which {self.tainted[reach.slot]} lets a client choose"
        elif reach.parameter == "a callback":
            told = "with what a client's callback gives"
        else:
            told = f"with what a client passes as {reach.parameter}"
        return f"{label} reaches {sink.name} {told}" + (", after a comparison" if reach.bounded else "")

    def _trace(self, reach: Reach, sink: Sink) -> Iterator[Trace]:
        for key, edge in self.summaries.chain(reach.function, reach.key):
            function = self.program.functions[key]
            if edge is not None:
                callee = self.program.functions[edge.callee]
                yield Trace(function.file, edge.line, f"{function.name} calls {callee.name}")
            else:
                yield Trace(function.file, sink.line, f"{function.name} calls {sink.name}")


def _may_be_live(type_: Type | None, depth: int = DEPTH_MAX) -> bool:
    """Whether a value of a type may be, or hold, a container that can be changed."""
    proper = get_proper_type(type_)
    if not depth or proper is None:
        return True
    if isinstance(proper, UnionType | TupleType):
        return any(_may_be_live(item, depth - 1) for item in proper.items)
    if isinstance(proper, Instance):
        if proper.type.fullname == "builtins.object" or _is_mutable(proper):
            return True
        return any(_may_be_live(each, depth - 1) for each in proper.args)
    return not isinstance(proper, NoneType | LiteralType | CallableType)


def _may_be_called(operation: Operation) -> bool:
    """Whether what it gives may be, or hold, a function: data cannot."""
    node, name = operation.node, operation.member
    if name in node.methods:
        types = [grammar.parse_signature(text).result for text in node.methods[name]]
    else:
        types = [grammar.parse_type(node.get[name])] if name in node.get else []
    return not types or not all(map(spelling.is_data, types))


def _is_mutable(instance: Instance) -> bool:
    template = template_of(instance)
    return template is not None and template.mutable


def _rank(reach: Reach) -> tuple[bool, bool, bool, int, str]:
    """A client's value, unbounded, by a parameter, by the shortest chain, comes first."""
    return (not reach.parameter, reach.bounded, bool(reach.slot), reach.distance, reach.parameter)


def _short(slot: str) -> str:
    return ".".join(slot.split(".")[-2:])
