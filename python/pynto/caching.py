"""Answers that a client may keep."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from pynto import _core

__all__ = ["cached", "stale"]

F = TypeVar("F", bound=Callable[..., Any])

_TTL_MAX = 24 * 60 * 60


def cached(*, ttl: float, vary: Iterable[str] | None = None) -> Callable[[F], F]:
    """Let clients keep what this method or property answers, for ttl seconds, told apart by all parameters or those in vary.

    It changes nothing at the server. The policy records it: pynto-policy reads the arguments from the source, where they must
    be literals. What is kept is data; parameters may also be references of the server's own. A property: below ``@property``.
    """
    if not 0.001 <= ttl <= _TTL_MAX:
        raise ValueError(f"ttl is 0.001 to {_TTL_MAX} seconds, not {ttl!r}")
    names = () if vary is None else (vary,) if isinstance(vary, str) else tuple(vary)

    def mark(function: F) -> F:
        function.__pynto_cached__ = (ttl, names)  # type: ignore[attr-defined]  # a function takes any attribute
        return function

    return mark


def stale(obj: object, name: str | None = None) -> int:
    """Tell every client that holds obj that kept answers of it are not true any more: those of one operation, or all.

    obj: an object that is served by this process. name: that of a cached method or property. It may be called from any
    thread, and in a call: then its caller learns it ahead of the answer. Returns how many connections were told.
    """
    return _core.stale(obj, name)
