"""Where a value may come from: the labels that following a value collects.

A label is about the function in which it stands: "what came in as parameter 2". At a call the labels of the arguments take
the place of the callee's parameters, so that one look at a function serves all its callers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

PARAM = "param"  # key: the index of a parameter of this function
SLOT = "slot"  # key: an attribute (module.Class.name) or a variable of a module
CLIENT = "client"  # what a client's own callback or object gave
FUNCTION = "function"  # key: a function of the home packages, or a class: the value can be called
LIBRARY = "library"  # key: a function or class of a library
NESTED = "nested"  # key: a function inside this one
PASSED = "passed"  # key: function and parameter: what an attribute holds was passed there
UNKNOWN = "unknown"  # key: why nobody can say what it is


class Label(NamedTuple):
    kind: str
    key: str = ""
    number: bool = False  # a comparison with something of the server's bounds it
    member: bool = False  # it is one of a collection of the server's

    def guarded(self, number: bool, member: bool) -> Label:
        return self._replace(number=self.number or number, member=self.member or member)


Labels = frozenset[Label]
NONE: Labels = frozenset()
CALLABLE = frozenset({FUNCTION, LIBRARY, NESTED})


def union(parts: Iterable[Labels]) -> Labels:
    return frozenset().union(*parts)


def values(labels: Labels) -> Labels:
    """Without what only says which function a value is."""
    return frozenset(label for label in labels if label.kind not in CALLABLE and label.kind not in (PASSED, UNKNOWN))


def guard(labels: Labels, number: bool, member: bool) -> Labels:
    if not (number or member):
        return labels
    return frozenset(
        label.guarded(number, member) if label.kind in (PARAM, SLOT, CLIENT) else label for label in labels
    )
