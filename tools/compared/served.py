"""What the peers for Python serve: plain code, with hints for those that read them."""

from __future__ import annotations

import asyncio
import datetime
import decimal
import gc
import threading
import time
import weakref
from collections.abc import Callable, Generator
from typing import Any

alive: weakref.WeakSet[Thing] = weakref.WeakSet()


class Thing:
    def name(self) -> str:
        return "thing"

    def __init__(self) -> None:
        alive.add(self)


class Target:
    def __init__(self) -> None:
        self.looks = 0
        self.lines = ["first"]
        self.thing = Thing()
        self.cancelled = False

    @property
    def looked(self) -> int:
        self.looks += 1
        return self.looks

    def look_count(self) -> int:
        return self.looks

    def echo(self, value: int) -> int:
        return value

    def sleep(self, seconds: float) -> bool:
        for _ in range(int(seconds * 100)):
            time.sleep(0.01)
        self.slept = True
        return True

    def has_slept(self) -> bool:
        return getattr(self, "slept", False)

    async def later(self, value: int) -> int:
        await asyncio.sleep(0)
        return value

    def call(self, function: Callable[[int], int], value: int) -> int:
        return function(value)

    def numbers(self, count: int) -> Generator[int, int, str]:
        yield from range(count)
        return "done"

    def add_up(self) -> Generator[int, int, str]:
        total = 0
        while total < 10:
            total += (yield total) or 0
        return "enough"

    def kinds(self) -> tuple[Any, ...]:
        return ((1, 2), {1}, frozenset({2}), 1j, datetime.date(2020, 1, 2), decimal.Decimal("1.5"))

    def shared(self) -> list[str]:
        return self.lines

    def line_count(self) -> int:
        return len(self.lines)

    def same(self) -> Thing:
        return self.thing

    def is_same(self, thing: Any) -> bool:
        return thing is self.thing

    def fresh(self) -> Thing:
        return Thing()

    def alive(self) -> int:
        gc.collect()
        return len(alive)

    def fail(self) -> None:
        raise KeyError("no such key")

    def secret(self) -> str:
        return "not meant for clients"

    def lie(self) -> int:
        return "not an int"  # type: ignore[return-value]

    def threads(self) -> int:
        return threading.active_count()
