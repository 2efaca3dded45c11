"""What is known of the whole program while it is followed: what functions return, and what is kept where."""

from __future__ import annotations

from mypy.nodes import SymbolNode

from .callees import may_be_called
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
        self.passed: dict[str, Labels] = {}  # "function index" -> the functions that are passed there
        self.closures: dict[
            str, dict[SymbolNode, Labels]
        ] = {}  # of functions inside of functions that are kept somewhere
        self.looking = ""  # the function that is looked at
        self.stale: dict[str, None] = {}  # functions that have called what a slot held before it held more
        self.distrusted = distrusted  # slots that clients fill: a comparison with one bounds nothing
        self.bounding: set[str] = set()  # those with which something was compared
        self._declared: dict[str, bool] = {}  # whether a slot may hold functions
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

    def capture(self, key: str, seen: dict[SymbolNode, Labels]) -> None:
        """What the variables around a function that is kept may hold."""
        known = self.closures.setdefault(key, {})
        news = {node: found - known.get(node, NONE) for node, found in seen.items()}
        if key not in self.facts or any(news.values()):
            self.stale[key] = None
        for node, found in news.items():
            known[node] = known.get(node, NONE) | found

    def give(self, key: str, bound: list[Labels]) -> None:
        """Which functions are passed to a function of ours: what it keeps of them is called by calling what holds it."""
        for index, labels in enumerate(bound):
            place = f"{key} {index}"
            kept = frozenset(
                label for label in labels if label.kind in CALLABLE or label.kind in (CLIENT, SLOT, PASSED)
            )
            kept |= {Label(PASSED, f"{self.looking} {label.key}") for label in labels if label.kind == PARAM}
            known = self.passed.get(place, NONE)
            if not kept <= known:
                self.passed[place] = known | kept
                self.stale |= dict.fromkeys(sorted(self._callers.get(place, ())))

    def callables(self, slot: str) -> Labels:
        """What may be called by calling what a slot holds, through other slots and through parameters as well."""
        seen: set[str] = set()
        queue, found = [slot], set()
        while queue:
            each = queue.pop()
            if each in seen:
                continue
            seen.add(each)
            self._callers.setdefault(each, set()).add(self.looking)
            is_parameter = " " in each
            content = (self.passed if is_parameter else self.slots).get(each, NONE)
            if not content and not is_parameter:
                found.add(Label(UNKNOWN, "nothing here says what it holds"))
            for label in content:
                if label.kind == SLOT:
                    queue += [label.key] if self.may_hold_functions(label.key) else []
                    continue
                found.add(label)
                if label.kind == PASSED and may_be_called(self.program.parameter(label.key)):
                    queue.append(label.key)
        return frozenset(found)

    def may_hold_functions(self, slot: str) -> bool:
        """By the declared type of the attribute or variable: what is data, or an object that cannot be called, holds none."""
        if slot not in self._declared:
            self._declared[slot] = may_be_called(self.program.declared(slot))
        return self._declared[slot]
