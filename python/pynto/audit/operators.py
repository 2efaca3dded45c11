"""Operators: which methods they run, and where they make much out of little."""

from __future__ import annotations

from mypy.nodes import Expression, IntExpr, OpExpr
from mypy.types import Type

from .callees import instances

OPERATORS: dict[str, tuple[str, ...]] = {
    "+": ("__add__",),
    "-": ("__sub__",),
    "*": ("__mul__",),
    "/": ("__truediv__",),
    "//": ("__floordiv__",),
    "%": ("__mod__",),
    "**": ("__pow__",),
    "@": ("__matmul__",),
    "&": ("__and__",),
    "|": ("__or__",),
    "^": ("__xor__",),
    "<<": ("__lshift__",),
    ">>": ("__rshift__",),
    "==": ("__eq__",),
    "!=": ("__ne__", "__eq__"),
    "<": ("__lt__",),
    "<=": ("__le__",),
    ">": ("__gt__",),
    ">=": ("__ge__",),
    "in": ("__contains__", "__iter__"),
    "not in": ("__contains__", "__iter__"),
    "unary -": ("__neg__",),
    "unary +": ("__pos__",),
    "unary ~": ("__invert__",),
    "unary not": ("__bool__", "__len__"),
}

_SEQUENCES = frozenset(
    "builtins.str builtins.bytes builtins.bytearray builtins.list builtins.tuple collections.deque array.array".split()
)
_NUMBERS = frozenset("builtins.int decimal.Decimal _decimal.Decimal fractions.Fraction".split())


def amplifies(expr: OpExpr, left: Type | None, right: Type | None) -> tuple[str, str, tuple[bool, bool]] | None:
    """The power, what to call it, and which of both sides decides how much it is; None for what stays small."""
    if expr.op in ("*", "*=") and (_is(left, _SEQUENCES) or _is(right, _SEQUENCES)):
        return "memory", "repetition (*)", (_is(left, _NUMBERS), _is(right, _NUMBERS))
    if expr.op in ("**", "**=") and (_is(left, _NUMBERS) or left is None) and not _is_small(expr.right):
        return "memory", "exponentiation (**)", (True, True)
    if expr.op in ("<<", "<<=") and not _is_small(expr.right):
        return "memory", "a shift (<<)", (False, True)
    if expr.op in ("%", "%=") and _is(left, frozenset({"builtins.str", "builtins.bytes"})):
        return "memory", "formatting (%)", (True, False)
    return None


def _is(type_: Type | None, names: frozenset[str]) -> bool:
    return any(base.fullname in names for info in instances(type_) for base in info.mro)


def _is_small(expr: Expression) -> bool:
    return isinstance(expr, IntExpr) and expr.value <= 64
