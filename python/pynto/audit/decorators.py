"""``@pynto.cached(ttl=2.5, vary=("name",))`` as the source has it: its arguments have to be literals."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from mypy.nodes import (
    CallExpr,
    Decorator,
    Expression,
    FloatExpr,
    IntExpr,
    ListExpr,
    NameExpr,
    OverloadedFuncDef,
    RefExpr,
    StrExpr,
    TupleExpr,
)

from .caching import TTL_MS_MAX, Cached
from .members import Member, Refusal

REFUSED = "uncacheable"

_DECORATORS = frozenset({"pynto.cached", "pynto.caching.cached"})
_DUNDERS = frozenset({"__call__", "__contains__", "__getitem__", "__len__"})


def cached(member: Member) -> Cached | None:
    """What the decorator of a member says; a Refusal if it is not to be understood without running it."""
    for call in _calls(member):
        if not isinstance(call, CallExpr):
            raise Refusal(REFUSED, "pynto.cached is called: write @pynto.cached(ttl=60)")
        if member.name.startswith("__") and member.name not in _DUNDERS:
            raise Refusal(REFUSED, f"{member.name} cannot be cached")
        return _read(call)
    return None


def _calls(member: Member) -> Iterator[Expression]:
    node = member.node
    parts = [*node.items, node.impl] if isinstance(node, OverloadedFuncDef) else [node]
    for part in parts:
        for each in part.original_decorators if isinstance(part, Decorator) else ():
            callee = each.callee if isinstance(each, CallExpr) else each
            if isinstance(callee, RefExpr) and callee.fullname in _DECORATORS:
                yield each


def _read(call: CallExpr) -> Cached:
    given: dict[str | None, Expression] = dict(zip(call.arg_names, call.args, strict=True))
    if None in given or not given.keys() <= {"ttl", "vary"} or "ttl" not in given:
        raise Refusal(REFUSED, "pynto.cached takes ttl=... and vary=..., by name")
    return Cached(_ttl(given["ttl"]), _vary(given.get("vary")))


def _ttl(node: Expression) -> int:
    if not isinstance(node, IntExpr | FloatExpr):
        raise Refusal(REFUSED, "ttl is a literal number of seconds")
    ttl_ms = Decimal(repr(node.value)) * 1000
    if ttl_ms != int(ttl_ms) or not 0 < ttl_ms <= TTL_MS_MAX:
        raise Refusal(REFUSED, "ttl is at least 0.001 and at most 86400 seconds, in whole milliseconds")
    return int(ttl_ms)


def _vary(node: Expression | None) -> tuple[str, ...]:
    if node is None or (isinstance(node, NameExpr) and node.fullname == "builtins.None"):
        return ()
    items = node.items if isinstance(node, TupleExpr | ListExpr) else [node]
    names = {item.value for item in items if isinstance(item, StrExpr)}
    if not items or len(names) != len(items):
        raise Refusal(REFUSED, "vary is a literal tuple of names of parameters, each once")
    return tuple(sorted(names))
