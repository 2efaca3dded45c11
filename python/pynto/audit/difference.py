"""``pynto-policy diff``: what a client can do under the new policy and could not under the old one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from .engine import Change, Node, Operation, Reach, changes
from .listing import count, plain

FORMAT = 1
LINES_MAX = 10  # of a summary, its first and last line included
_TEXT_MAX = 160  # characters of one side of a change in a summary

_MARKS = {"added": "+", "widened": "+", "changed": "~", "narrowed": "-", "removed": "-"}


class Difference:
    """Two policies, compared. The ways are those of the policy that has the operation."""

    def __init__(self, old: Reach, new: Reach) -> None:
        self._old, self._new = old, new
        self.changes = changes(old.policy, new.policy)
        self.grew = any(change.grew for change in self.changes)

    def way(self, change: Change) -> str:
        """A shortest way from a root to what has changed; empty for what is not an operation or an interface."""
        if change.subject not in ("operation", "interface"):
            return ""
        reach = self._old if change.kind == "removed" else self._new
        node = reach.find(change.owner, change.hand)
        if node is None or reach.steps(node) is None:
            return ""
        named = change.subject == "operation"
        operation = Operation(Node(change.owner, change.hand), change.operation or "", change.name) if named else None
        return reach.way_text(node, operation)

    # For a person

    def text(self, full: bool = False) -> str:
        """At most LINES_MAX lines, unless all are wanted."""
        lines = [self._verdict(), *(line for change in self.changes for line in self._lines(change, full))]
        if not full and len(lines) > LINES_MAX:
            left = len(lines) - (LINES_MAX - 1)
            lines = [*lines[: LINES_MAX - 1], f"... and {count(left, 'more change')}: --full shows them"]
        return "".join(f"{plain(line)}\n" for line in lines)

    def _verdict(self) -> str:
        if not self.changes:
            return "A client can do what it could: nothing has changed"
        if not self.grew:
            return f"A client can do less: {_told(self.changes)}"
        grown = [change for change in self.changes if change.grew]
        writes = sum(change.write for change in grown)
        marked = f"; {count(writes, 'write')} among them" if writes else ""
        return f"AUTHORITY GREW: {_told(grown)}{marked}"

    def _lines(self, change: Change, full: bool) -> Iterator[str]:
        write = " WRITE" if change.write and change.grew else ""
        yield f"{_MARKS[change.kind]}{write} {change.label}{_sides(change, full)}"
        if full and (way := self.way(change)):
            yield f"    way: {way}"

    # For a machine

    def json(self, old: str, new: str) -> str:
        document = {
            "pynto-diff": FORMAT,
            "old": old,
            "new": new,
            "grew": self.grew,
            "changes": [self._object(change) for change in self.changes],
        }
        return json.dumps(document, indent=1) + "\n"

    def _object(self, change: Change) -> dict[str, object]:
        return {
            "kind": change.kind,
            "subject": change.subject,
            "hand": change.hand,
            "owner": change.owner,
            "name": change.name,
            "operation": change.operation or "",
            "old": list(change.old),
            "new": list(change.new),
            "grew": change.grew,
            "write": change.write,
            "way": self.way(change),
        }


def _told(found: Sequence[Change]) -> str:
    kinds = [(kind, sum(change.kind == kind for change in found)) for kind in _MARKS]
    return ", ".join(f"{number} {kind}" for kind, number in kinds if number)


def _sides(change: Change, full: bool) -> str:
    old, new = (_joined(side, full) for side in (change.old, change.new))
    if change.kind in ("added", "removed"):
        side = new or old
        return _spelled(change, side) if side else ""
    return f": {change.kind}, was {old}, is {new}"


def _spelled(change: Change, side: str) -> str:
    """A signature stands right behind its name, a type behind a colon."""
    return side if side.startswith("(") and change.operation == "method" else f": {side}"


def _joined(side: Sequence[str], full: bool) -> str:
    text = " or ".join(side)
    return text if full or len(text) <= _TEXT_MAX else text[: _TEXT_MAX - 3] + "..."
