"""The arguments of a call: to which parameters they go, and what a library may do to objects of ours that it is given."""

from __future__ import annotations

from dataclasses import dataclass

from mypy.nodes import ArgKind, Expression, FuncItem

from .catalogue import Entry
from .labels import NONE, Labels, union
from .program import Function


@dataclass(frozen=True)
class Passed:
    """The arguments of one call."""

    expr: Expression
    values: tuple[Labels, ...]
    kinds: tuple[ArgKind, ...]
    names: tuple[str | None, ...]
    exprs: tuple[Expression, ...] = ()
    receiver: Labels = NONE

    @property
    def all(self) -> Labels:
        return union(self.values)

    def bind(self, function: Function, through: bool) -> list[Labels]:
        """What goes into each parameter of a function."""
        node = function.node
        assert node is not None
        bound = [NONE] * len(node.arguments)
        named = {argument.variable.name: index for index, argument in enumerate(node.arguments)}
        rest = next((i for i, kind in enumerate(node.arg_kinds) if kind == ArgKind.ARG_STAR), None)
        options = next((i for i, kind in enumerate(node.arg_kinds) if kind == ArgKind.ARG_STAR2), None)
        position = 1 if through and function.is_bound else 0
        for value, kind, name in zip(self.values, self.kinds, self.names, strict=True):
            if kind == ArgKind.ARG_POS:
                self._give(bound, position if self._fits(node, position) else rest, value)
                position += 1
            elif kind == ArgKind.ARG_NAMED:
                self._give(bound, named.get(name or "", options), value)
            else:  # *rest and **options may fill any parameter that is left
                for index in range(position if kind == ArgKind.ARG_STAR else 0, len(bound)):
                    bound[index] |= value
        return bound

    @staticmethod
    def _fits(node: FuncItem, position: int) -> bool:
        return position < len(node.arguments) and node.arg_kinds[position].is_positional()

    @staticmethod
    def _give(bound: list[Labels], index: int | None, value: Labels) -> None:
        if index is not None:
            bound[index] |= value

    def of(self, entry: Entry) -> Labels:
        """The arguments that an entry of the catalogue names."""
        found = self.receiver if "self" in entry.args else NONE
        if entry.takes_all:
            return found | self.all
        position = 0
        for value, kind, name in zip(self.values, self.kinds, self.names, strict=True):
            if kind.is_star() or (name in entry.args if name else str(position) in entry.args):
                found |= value
            position += kind == ArgKind.ARG_POS
        return found


_TEXT, _SIZE, _ITEMS = (
    ("__str__", "__repr__", "__format__"),
    ("__len__",),
    ("__iter__", "__next__", "__getitem__", "__len__"),
)
_ORDER, _NUMBER = (
    ("__eq__", "__hash__", "__lt__", "__gt__"),
    ("__int__", "__index__", "__float__", "__abs__", "__round__"),
)
_ALL = (
    *_TEXT,
    *_SIZE,
    *_ITEMS,
    *_ORDER,
    *_NUMBER,
    "__bool__",
    "__contains__",
    "__call__",
    "__enter__",
    "__exit__",
    "__fspath__",
)
# Which methods of an object a function of a library runs that is given one; for those that are not listed: any.
_RUN = {
    "builtins.str": _TEXT, "builtins.repr": _TEXT, "builtins.format": _TEXT, "builtins.print": _TEXT,
    "builtins.ascii": _TEXT, "builtins.str.format": _TEXT, "builtins.str.join": _ITEMS, "builtins.len": _SIZE,
    "builtins.bool": ("__bool__", "__len__"), "builtins.hash": ("__hash__",), "builtins.int": _NUMBER,
    "builtins.float": _NUMBER, "builtins.abs": _NUMBER, "builtins.round": _NUMBER, "builtins.iter": _ITEMS,
    "builtins.next": _ITEMS, "builtins.list": _ITEMS, "builtins.tuple": _ITEMS, "builtins.enumerate": _ITEMS,
    "builtins.isinstance": (), "builtins.issubclass": (), "builtins.id": (), "builtins.type": (), "builtins.callable": (),
}  # fmt: skip
_COLLECTIONS = ("builtins.list.", "builtins.dict.", "builtins.set.", "collections.deque.", "typing.Mutable")


def dunders(name: str) -> tuple[str, ...]:
    return _ORDER if name.startswith(_COLLECTIONS) else _RUN.get(name, _ALL)
