"""What is known of the whole program while it is followed: what functions return, and what is kept where."""

from __future__ import annotations

from .catalogue import Catalogue
from .facts import Facts
from .labels import CALLABLE, CLIENT, NONE, PARAM, PASSED, SLOT, UNKNOWN, Label, Labels
from .program import Program


class Following:
    """Grows until nothing new is learned: labels are only ever added."""

    def __init__(self, program: Program, catalogue: Catalogue, distrusted: frozenset[str] = frozenset()) -> None:
        self.program = program
        self.catalogue = catalogue
        self.facts: dict[str, Facts] = {}
        self.slots: dict[str, Labels] = {}  # which functions an attribute or a variable of a module may hold
        self.looking = ""  # the function that is looked at
        self.stale: dict[str, None] = {}  # functions that have called what a slot held before it held more
        self.distrusted = distrusted  # slots that clients fill: a comparison with one bounds nothing
        self.bounding: set[str] = set()  # those with which something was compared
        self._callers: dict[str, set[str]] = {}  # of slots

    def returns(self, key: str) -> Labels:
        facts = self.facts.get(key)
        return facts.returns if facts is not None else NONE

    def hold(self, slot: str, labels: Labels) -> None:
        """Functions are remembered at once; data is followed from the store of the slot."""
        kept = frozenset(label for label in labels if label.kind in CALLABLE or label.kind in (CLIENT, SLOT, UNKNOWN))
        kept |= {Label(PASSED, f"{self.looking} {label.key}") for label in labels if label.kind == PARAM}
        known = self.slots.get(slot, NONE)
        if not kept <= known:
            self.slots[slot] = known | kept
            self.stale |= dict.fromkeys(sorted(self._callers.get(slot, ())))

    def callables(self, slot: str) -> Labels:
        """What may be called by calling what a slot holds, through other slots as well."""
        seen: set[str] = set()
        queue, found = [slot], set()
        while queue:
            each = queue.pop()
            if each in seen:
                continue
            seen.add(each)
            self._callers.setdefault(each, set()).add(self.looking)
            content = self.slots.get(each, NONE)
            if not content:
                found.add(Label(UNKNOWN, "nothing here says what it holds"))
            queue += [label.key for label in content if label.kind == SLOT]
            found |= {label for label in content if label.kind != SLOT}
        return frozenset(found)
