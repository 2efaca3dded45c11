"""Reading what ``pynto serve --audit-log`` has written."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from .config import BadInput

KINDS = ("method", "get", "set")
VERDICTS = ("allow", "deny", "arguments", "quota")
LINE_MAX = 64 * 1024  # bytes
DIFFERENT_MAX = 1_000_000  # decisions that are told apart


@dataclass(frozen=True)
class Decision:
    """What was asked for and decided, without when and by whom."""

    interface: str  # empty: the reference was none
    kind: str
    name: str
    arguments: str
    verdict: str
    signature: str  # that admitted it
    why: str

    def __str__(self) -> str:
        where = self.interface or "?"
        if self.kind == "method":
            return f"{where}.{self.name}({self.arguments})"
        return f"{where}.{self.name}" + (f" = {self.arguments}" if self.kind == "set" else "")


@dataclass
class Trail:
    """Some audit logs, with how often each decision was taken, and how many were not written down."""

    decisions: Counter[Decision] = field(default_factory=Counter)
    dropped: int = 0

    def used(self) -> Counter[tuple[str, str, str]]:
        """The operations that were admitted: (interface, kind, name)."""
        used: Counter[tuple[str, str, str]] = Counter()
        for decision, count in self.decisions.items():
            if decision.verdict == "allow":
                used[decision.interface, decision.kind, decision.name] += count
        return used


def read(paths: Iterable[str]) -> Trail:
    trail = Trail()
    for path in paths:
        for number, line in _lines(path):
            _add(trail, line, f"{path}:{number}")
    return trail


def _lines(path: str) -> Iterator[tuple[int, bytes]]:
    try:
        with open(path, "rb") as file:
            number = 0
            while line := file.readline(LINE_MAX + 1):
                number += 1
                if len(line) > LINE_MAX:
                    raise BadInput(f"{path}:{number}: a line of more than {LINE_MAX} bytes")
                yield number, line
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from error


def _add(trail: Trail, line: bytes, place: str) -> None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        raise BadInput(f"{place}: not a line of an audit log") from None
    if not isinstance(entry, dict):
        raise BadInput(f"{place}: not a line of an audit log")
    dropped = entry.get("dropped")
    if isinstance(dropped, int):
        trail.dropped += dropped
        return
    texts = [entry.get(key, "") for key in ("interface", "kind", "name", "arguments", "verdict", "signature", "why")]
    if not all(isinstance(text, str) for text in texts) or texts[1] not in KINDS or texts[4] not in VERDICTS:
        raise BadInput(f"{place}: not a decision of an audit log")
    trail.decisions[Decision(*texts)] += 1
    if len(trail.decisions) > DIFFERENT_MAX:
        raise BadInput(f"{place}: more than {DIFFERENT_MAX} different decisions")
