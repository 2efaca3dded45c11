"""What is known of the whole program while it is followed: what functions return, and what is kept where."""

from __future__ import annotations

from mypy.nodes import SymbolNode, Var

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
            if not content:  # of what may hold functions, as all that comes here
                found.add(Label(UNKNOWN, "nothing here says what it holds"))
            queue += [label.key for label in content if label.kind == SLOT and self._may_hold_functions(label.key)]
            found |= {label for label in content if label.kind != SLOT}
        return frozenset(found)

    def _may_hold_functions(self, slot: str) -> bool:
        """By the declared type of the attribute or variable: what is data, or an object that cannot be called, holds none."""
        if slot not in self._declared:
            owner, _, name = slot.rpartition(".")
            info, tree = self.program.classes.get(owner), self.program.world.modules.get(owner)
            names = info.names if info is not None else tree.names if tree is not None else {}
            symbol = names.get(name)
            variable = symbol.node if symbol is not None else None
            self._declared[slot] = not isinstance(variable, Var) or may_be_called(variable.type)
        return self._declared[slot]
