"""Which names a stub uses: made from the policy's, and never anything but a name.

A policy file is hostile input. What comes out of here is an ASCII identifier that is no keyword, stands for one thing, and hides nothing
that an annotation means.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable

_WORD = re.compile(r"[A-Za-z0-9_]+")
_MODULE = re.compile(r"\b[A-Za-z_][A-Za-z0-9_.]*:(?=[A-Za-z_])")
_LENGTH_MAX = 80  # characters of a name that was put together

BUILTINS = frozenset(dir(builtins))
PYTHONS = BUILTINS.union(keyword.kwlist, keyword.softkwlist)


def is_usable(name: str) -> bool:
    """Whether Python can say ``x.name`` or ``f(name=1)``: a policy's identifiers may be keywords."""
    return name.isascii() and name.isidentifier() and not keyword.iskeyword(name)


def is_parameter(name: str) -> bool:
    """Two underscores ahead of a parameter mean something else: to the compiler (mangling) and to type checkers."""
    return is_usable(name) and not name.startswith("__")


class Names:
    """Gives each thing of a policy a name of its own. taken: what nothing may be called."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._used = {*taken}
        self._names: dict[tuple[str, str], str] = {}

    def of(self, kind: str, spelled: str, prefix: str = "") -> str:
        """``chat:Room`` is Room, ``Sequence[chat:Message]`` is Sequence_Message; the second Room is Room_2."""
        key = kind, spelled
        if key not in self._names:
            self._names[key] = self.fresh(prefix + _plain(spelled))
        return self._names[key]

    def fresh(self, wanted: str) -> str:
        name, number = wanted, 1
        while name in self._used:
            number += 1
            name = f"{wanted}_{number}"
        self._used.add(name)
        return name

    def is_free(self, name: str) -> bool:
        return name not in self._used


def _plain(spelled: str) -> str:
    words = _WORD.findall(_MODULE.sub("", spelled))
    name = "_".join(words)[:_LENGTH_MAX].strip("_") or "Interface"
    return name if not name[0].isdigit() else f"N{name}"
