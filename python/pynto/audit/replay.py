"""``pynto-policy simulate``: which verdicts of an audit log would another policy change?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .config import BadInput
from .listing import count, plain
from .trail import Decision, Trail

if TYPE_CHECKING:
    from pynto.policy import Policy

FORMAT = 1


@dataclass(frozen=True)
class Turn:
    """A decision that would be another one, or might be."""

    decision: Decision
    count: int
    was: str  # allow deny
    now: str  # allow maybe deny


class Replay:
    def __init__(self, policy: Policy, trail: Trail) -> None:
        self.total = self.skipped = 0
        self.dropped = trail.dropped
        self.turns: list[Turn] = []
        for decision, times in sorted(trail.decisions.items(), key=lambda item: (str(item[0]), item[0].verdict)):
            self.total += times
            if decision.verdict == "quota" or not decision.interface:
                self.skipped += times  # no policy decides that
                continue
            self._replay(policy, decision, times)

    def _replay(self, policy: Policy, decision: Decision, times: int) -> None:
        try:
            now = policy._judge(
                decision.interface, decision.kind, decision.name, decision.arguments, decision.signature
            )
        except ValueError as error:
            raise BadInput(f"{decision}: {error}") from None
        was = "allow" if decision.verdict == "allow" else "deny"
        if now != was:
            self.turns.append(Turn(decision, times, was, now))

    def text(self) -> str:
        return "".join(f"{plain(line)}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        changed = sum(turn.count for turn in self.turns if turn.now != "maybe")
        open_ = sum(turn.count for turn in self.turns if turn.now == "maybe")
        yield f"{count(self.total, 'decision')}: {changed} would change, {open_} may, by the values that were given"
        for was, now, label in (
            ("allow", "deny", "allowed, would be denied"),
            ("deny", "allow", "denied, would be allowed"),
        ):
            yield from self._group(was, now, label)
        yield from self._group("allow", "maybe", "allowed, may be denied")
        yield from self._group("deny", "maybe", "denied, may be allowed")
        if self.skipped:
            yield f"{count(self.skipped, 'decision')} no policy decides: quotas, and references that were none"
        if self.dropped:
            yield f"{self.dropped} were not written down"

    def _group(self, was: str, now: str, label: str) -> Iterator[str]:
        group = [turn for turn in self.turns if (turn.was, turn.now) == (was, now)]
        if group:
            yield f"{label}:"
            yield from (f"  {turn.count:6} {turn.decision}" for turn in sorted(group, key=lambda turn: -turn.count))

    def json(self) -> str:
        turns = [
            {
                "count": turn.count,
                "interface": turn.decision.interface,
                "kind": turn.decision.kind,
                "name": turn.decision.name,
                "arguments": turn.decision.arguments,
                "was": turn.was,
                "now": turn.now,
            }
            for turn in self.turns
        ]
        document = {
            "pynto-simulation": FORMAT,
            "decisions": self.total,
            "skipped": self.skipped,
            "dropped": self.dropped,
            "changes": turns,
        }
        return json.dumps(document, indent=1) + "\n"
