"""``pynto-policy explain`` and ``who-can-reach``: why is this there, and who gets at it?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from . import declared
from .config import BadInput
from .engine import CLIENT, SERVER, Node, Operation, Reach
from .listing import count, plain

_SECTIONS = {"method": "methods", "get": "get", "set": "set"}
_NEAR_MAX = 5  # names that are offered for one that is unknown


@dataclass(frozen=True)
class Subject:
    """What a person named: an interface, in one hand or both, or operations of it."""

    node: int
    operations: tuple[Operation, ...]
    whole: bool  # the interface itself was named


class Explainer:
    """One policy file, with the source that it was made from where that is found."""

    def __init__(self, reach: Reach, path: list[str] | None = None) -> None:
        self.reach = reach
        self.document: dict[str, Any] = reach.policy.document
        self._path = path

    def subjects(self, name: str) -> list[Subject]:
        """``chat:Room``, ``chat:Room.post``, or either without its module where only one can be meant."""
        found = self._exact(name) or self._short(name)
        if not found:
            raise BadInput(f"there is no {name} in this policy{self._near(name)}")
        return found

    def _entries(self) -> Iterator[tuple[int, Node, dict[str, Any]]]:
        for index, node in enumerate(self.reach.nodes):
            section = self.document.get("interfaces" if node.hand == CLIENT else "imports", {})
            if node.interface in section:
                yield index, node, section[node.interface]

    def _exact(self, name: str) -> list[Subject]:
        found: list[Subject] = []
        for index, node, entry in self._entries():
            if node.interface == name:
                found.append(Subject(index, tuple(_operations(node, entry)), True))
            elif name.startswith(f"{node.interface}."):
                member = name[len(node.interface) + 1 :]
                named = tuple(each for each in _operations(node, entry) if each.name == member)
                found += [Subject(index, named, False)] if named else []
        return found

    def _short(self, name: str) -> list[Subject]:
        full = {node.interface for _, node, _ in self._entries()}
        meant = {each for each in full if name == _tail(each) or name.startswith(f"{_tail(each)}.")}
        longest = max((len(_tail(each)) for each in meant), default=0)
        meant = {each for each in meant if len(_tail(each)) == longest}
        if len(meant) > 1:
            raise BadInput(f"{name} may be {' or '.join(sorted(meant))}: give the module as well")
        return [subject for each in meant for subject in self._exact(each + name[longest:])]

    def _near(self, name: str) -> str:
        wanted = name.rpartition(".")[2].rpartition(":")[2]
        near = [
            str(each) for _, node, entry in self._entries() for each in _operations(node, entry) if each.name == wanted
        ]
        return f"; did you mean {', '.join(near[:_NEAR_MAX])}?" if near else ""

    # explain

    def explain(self, name: str) -> tuple[str, bool]:
        """The text, and whether a client gets at any of it."""
        subjects = self.subjects(name)
        reached = any(self.reach.steps(subject.node) is not None for subject in subjects)
        lines = [line for subject in subjects for line in self._subject(subject)]
        return "".join(f"{plain(line)}\n" for line in lines), reached

    def _subject(self, subject: Subject) -> Iterator[str]:
        node = self.reach.nodes[subject.node]
        if self.reach.steps(subject.node) is None:
            yield f"{node}: nothing leads there from a root"
            return
        if subject.whole:
            yield f"{node}: {count(len(subject.operations), 'operation')}"
            yield f"    way:  {self._way(subject.node)}"
            yield from self._hint(node.interface, "")
        for operation in subject.operations:
            yield from self._spelled(operation)
            if not subject.whole:
                yield f"    way:  {self._way(subject.node, operation)}"
            yield f"    rule: {operation.rule}"
            yield from self._hint(node.interface, operation.name)

    def _way(self, node: int, operation: Operation | None = None) -> str:
        way = self.reach.way(node)
        start = self.reach.nodes[way[0].source if way else node].interface
        roots = sorted(name for name, interface in self.reach.policy.roots.items() if interface == start)
        return f"{' or '.join(roots)} = {start}; {self.reach.way_text(node, operation)}"

    def _spelled(self, operation: Operation) -> Iterator[str]:
        """One line for each signature."""
        section = self.document["interfaces" if operation.node.hand == CLIENT else "imports"]
        value = section[operation.node.interface][_SECTIONS[operation.kind]][operation.name]
        label, between = str(operation), "" if operation.kind == "method" else ": "
        for text in [value] if isinstance(value, str) else value:
            asynchronous = "async " if text.startswith("async (") else ""
            yield f"{asynchronous}{label.removesuffix('()')}{between}{text.removeprefix(asynchronous)}"

    def _hint(self, interface: str, member: str) -> Iterator[str]:
        """The hint that made it, as the policy has recorded it, and where that stands by now."""
        class_ = interface.partition("[")[0]
        for owner in self._owners(class_, member):
            hint = self.document["declared"][owner].get(member)
            place = self._place(owner, member)
            if hint is not None and (member or place):
                yield f"    hint: {place}{owner}{f'.{member}' if member else ''}{hint if member else ''}"

    def _owners(self, class_: str, member: str) -> Iterator[str]:
        """The class, if it was read; a base of it, if the member is declared there."""
        recorded = self.document.get("declared", {})
        if member in recorded.get(class_, {}):
            yield class_
            return
        bases = str(recorded.get(class_, {}).get("", ""))
        yield from (each for each in sorted(recorded) if member in recorded[each] and _tail(each) in bases)

    def _place(self, class_: str, member: str) -> str:
        module, _, qualname = class_.partition(":")
        file = declared.locate(module, self._path)
        source = declared.class_source(file, qualname) if file else None
        line = source.lines.get(member, source.line) if source else 0
        return f"{_shown(file)}:{line}: " if file and line else ""

    # who-can-reach

    def who(self, name: str) -> tuple[str, bool]:
        """Everything that hands it over, and everybody who gets there in the end; and whether anybody does."""
        subjects = self.subjects(name)
        lines = [line for subject in subjects for line in self._who(subject, name)]
        reached = any(self.reach.steps(subject.node) is not None for subject in subjects)
        return "".join(f"{plain(line)}\n" for line in lines), reached

    def _who(self, subject: Subject, name: str) -> Iterator[str]:
        node = self.reach.nodes[subject.node]
        if self.reach.steps(subject.node) is None:
            yield f"Nobody can reach {node}"
            return
        roots = sorted(root for root, interface in self.reach.policy.roots.items() if interface == node.interface)
        givers = list(self.reach.givers(subject.node))
        yield f"{node} is handed out by {count(len(givers) + len(roots), 'rule')}:"
        yield from (f"  root {root}" for root in roots if node.hand != SERVER)
        for edge in givers:
            yield f"  {self.reach.way_text(edge.source, edge.operation)}  ({edge.via})"
        holders = [str(self.reach.nodes[each]) for each in self.reach.holders(subject.node)]
        if holders:
            yield f"and reached by whoever holds {', '.join(holders)}"


def _operations(node: Node, entry: dict[str, Any]) -> Iterator[Operation]:
    for kind, section in _SECTIONS.items():
        yield from (Operation(node, kind, name) for name in sorted(entry.get(section, {})))


def _shown(file: str) -> str:
    relative = os.path.relpath(file)
    return file if relative.startswith("..") else relative


def _tail(interface: str) -> str:
    """An interface without the module of its own class: what a person would say."""
    name, bracket, rest = interface.partition("[")
    return name.rpartition(":")[2] + bracket + rest
