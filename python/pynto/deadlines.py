"""How long this context may wait: a deadline is set here, travels with every call, and nothing else limits a call of a client's."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Self

from pynto.errors import DeadlineExceeded, Disconnected

__all__ = ["deadline"]

ends_at: ContextVar[int | None] = ContextVar("pynto.deadline", default=None)  # an instant of time.monotonic_ns()

_NS = 1_000_000_000
_LONGEST = 1 << 62  # further off than any clock goes


class deadline:
    """``with pynto.deadline(2.0):`` calls of netrefs inside of the block are done within so many seconds, or raise DeadlineExceeded.

    What is left goes along with each call: the other side ends it there when the time is over, and so does whoever it asks.
    Inside of another deadline the earlier one counts. It belongs to the context, as context variables do: a task or a thread
    that is started with this context has it as well. Zero or less: over at once. Code that waits for nobody is not interrupted.
    """

    def __init__(self, seconds: float) -> None:
        if math.isnan(seconds):
            raise ValueError("a deadline is a number of seconds")
        self._seconds = seconds
        self._tokens: list[Token[int | None]] = []

    def __enter__(self) -> Self:
        outer = ends_at.get()
        now = time.monotonic_ns()
        own = now + int(min(max(self._seconds, 0.0), _LONGEST / _NS) * _NS)
        try:
            self._tokens.append(ends_at.set(own if outer is None else min(own, outer)))
        except MemoryError:  # the interpreter may have set it all the same
            ends_at.set(outer)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            ends_at.reset(self._tokens[-1])
        except MemoryError:
            # The token is used up. A deadline that is left behind would end what has nothing to do with it.
            old = self._tokens[-1].old_value
            ends_at.set(None if old is Token.MISSING else old)
        finally:
            del self._tokens[-1]

    @property
    def left(self) -> float:
        """Seconds that are left in this context: zero when it is over, infinity when there is no deadline."""
        at = ends_at.get()
        return math.inf if at is None else max(0, at - time.monotonic_ns()) / _NS


@contextmanager
def bounded(timeout: float) -> Iterator[float]:
    """So many seconds, or those that are left; a Disconnected when they are over is the deadline's."""
    at = ends_at.get()
    left = math.inf if at is None else (at - time.monotonic_ns()) / _NS
    if left <= 0:
        raise _late("deadline: over before the connection was there")
    try:
        yield min(timeout, left) if timeout > 0 else left if at is not None else 0.0
    except Disconnected:
        if at is not None and time.monotonic_ns() >= at:
            raise _late("deadline: the connection was not there in time") from None
        raise


def _late(text: str) -> DeadlineExceeded:
    error = DeadlineExceeded(text)
    error.where = "waiting"
    return error
