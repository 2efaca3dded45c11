"""What takes its time: served by the tests of deadlines."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import pynto
from pynto.deadlines import ends_at


class Item:
    def name(self) -> str:
        return "item"


class Clock:
    def __init__(self, other: Any = None) -> None:
        self._other = other
        self.started: list[str] = []
        self.ended: list[str] = []

    @property
    def late(self) -> str:
        """A property that takes its time."""
        self._run("late", lambda: time.sleep(1.0))
        return "late"

    def _run(self, name: str, work: Callable[[], Any]) -> None:
        self.started.append(name)
        try:
            work()
        finally:
            self.ended.append(name)

    def wait(self, seconds: float) -> None:
        self._run("wait", lambda: time.sleep(seconds))

    def spin(self, seconds: float) -> None:
        def work() -> None:
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                pass

        self._run("spin", work)

    async def nap(self, seconds: float) -> None:
        self.started.append("nap")
        try:
            await asyncio.sleep(seconds)
        finally:
            self.ended.append("nap")

    def left(self) -> float:
        """Seconds that the call may still take; infinity when nothing limits it."""
        return pynto.deadline(0).left

    async def left_there(self) -> float:
        await asyncio.sleep(0)
        return self.left()

    def apply(self, f: Callable[[int], int], value: int) -> int:
        return f(value)

    def try_apply(self, f: Callable[[int], int], seconds: float) -> str:
        """Does not wait for a slow client."""
        try:
            with pynto.deadline(seconds):
                return f"got {f(1)}"
        except pynto.DeadlineExceeded as error:
            return f"{error.where}: {error.limit}"

    def try_twice(self, f: Callable[[int], int], g: Callable[[int], int], seconds: float) -> str:
        return self.try_apply(f, seconds) + f", then {g(2)}"

    def ask_other(self, seconds: float) -> None:
        self._other.wait(seconds)

    def item(self, seconds: float) -> Item:
        """A reference, late."""
        time.sleep(seconds)
        return Item()

    def count(self, n: int) -> Iterator[int]:
        yield from range(n)

    @pynto.cached(ttl=60)
    def fact(self) -> int:
        self.started.append("fact")
        return 42

    def size(self, data: bytes) -> int:
        return len(data)


def has_deadline() -> bool:
    return ends_at.get() is not None
