"""Comparisons that bound a variable: ``if n > 100: raise``, ``if name not in NAMES: return``."""

from __future__ import annotations

from dataclasses import dataclass

from mypy.nodes import ComparisonExpr, Expression, NameExpr, OpExpr, SymbolNode, UnaryExpr, Var

_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "==", "in": "not in", "not in": "in"}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


@dataclass(frozen=True)
class Bound:
    """The variable is no greater than something, or one of some things."""

    variable: SymbolNode
    by: Expression
    number: bool
    member: bool


def bounds(condition: Expression, holds: bool) -> list[Bound]:
    """What is known of variables where the condition holds, or where it does not."""
    if isinstance(condition, UnaryExpr) and condition.op == "not":
        return bounds(condition.expr, not holds)
    if isinstance(condition, OpExpr) and condition.op == ("and" if holds else "or"):
        return bounds(condition.left, holds) + bounds(condition.right, holds)
    if isinstance(condition, ComparisonExpr) and (holds or len(condition.operators) == 1):
        pairs = zip(condition.operands, condition.operators, condition.operands[1:], strict=False)
        return [found for first, operator, second in pairs for found in _pair(first, operator, second, holds)]
    if isinstance(condition, ComparisonExpr):
        return _chain(condition)
    return []


def _chain(condition: ComparisonExpr) -> list[Bound]:
    """``if not 0 < n <= 100: raise`` is a UnaryExpr; a chain that does not hold says nothing."""
    return []


def _pair(first: Expression, operator: str, second: Expression, holds: bool) -> list[Bound]:
    if not holds:
        operator = _OPPOSITE.get(operator, "")
    found = []
    if (variable := _variable(first)) is not None:
        found += _bound(variable, operator, second)
    if (variable := _variable(second)) is not None and operator in _MIRRORED:
        found += _bound(variable, _MIRRORED[operator], first)
    return found


def _bound(variable: SymbolNode, operator: str, by: Expression) -> list[Bound]:
    if operator in ("<", "<="):
        return [Bound(variable, by, True, False)]
    if operator in ("==", "in"):
        return [Bound(variable, by, True, True)]
    return []


def _variable(expr: Expression) -> SymbolNode | None:
    return expr.node if isinstance(expr, NameExpr) and isinstance(expr.node, Var) else None
