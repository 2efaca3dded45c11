"""What test_oneway and test_pipeline serve: what was told and in which order, and things that lead to each other."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Awaitable, Callable

import pynto

made: weakref.WeakSet[Box] = weakref.WeakSet()
gate = threading.Event()


class Box:
    """A number, and boxes made of it."""

    number: int

    def __init__(self, number: int = 0) -> None:
        self.number = number
        made.add(self)

    def get(self) -> int:
        return self.number

    def put(self, number: int) -> None:
        self.number = number

    def plus(self, number: int) -> Box:
        return Box(self.number + number)

    def joined(self, other: Box) -> Box:
        return Box(self.number + other.number)

    def fail(self, text: str) -> Box:
        raise ValueError(text)

    def __call__(self, factor: int) -> Box:
        return Box(self.number * factor)

    def __getitem__(self, index: int) -> str:
        return str(self.number)[index]

    def __len__(self) -> int:
        return len(str(self.number))

    def result(self) -> str:
        return f"the result of {self.number}"


class Clerk:
    """Nothing of a client's has met it before a result has brought it."""

    def box(self) -> Box:
        return Box(7)

    def assistant(self) -> Clerk:
        return Clerk()


class Told:
    def __init__(self) -> None:
        self._seen: list[int] = []
        self._box = Box(1)

    def tell(self, number: int) -> None:
        self._seen.append(number)

    def tell_and_make(self, number: int) -> Box:
        self._seen.append(number)
        return Box(number)

    async def tell_slowly(self, number: int) -> None:
        await asyncio.sleep(0.001)
        self._seen.append(number)

    def tell_through(self, number: int, f: Callable[[int], int]) -> None:
        self._seen.append(f(number))

    def tell_when_open(self, number: int) -> None:
        assert gate.wait(20)
        self._seen.append(number)

    def seen(self) -> tuple[int, ...]:
        return tuple(self._seen)

    def forget(self) -> None:
        self._seen.clear()

    def fail(self, text: str) -> None:
        raise ValueError(text)

    def count(self, n: int, f: Callable[[int], None]) -> int:
        """The client hears of each, and is not waited for."""
        tell = pynto.oneway(f)
        for number in range(n):
            tell(number)
        return n

    async def count_and_ask_slowly(self, n: int, f: Callable[[int], Awaitable[int]]) -> int:
        """As count(), and then the client is asked, not in the lane of this call, which has none."""
        tell = pynto.oneway(f)
        for number in range(n):
            tell(number)
        return await f(n)

    def count_twice(self, n: int, f: Callable[[int], int]) -> int:
        """The same with a callback whose result nobody wants, and one that is waited for."""
        pynto.oneway(f)(n)
        return f(n)

    def box(self, number: int = 1) -> Box:
        return Box(number)

    def same_box(self) -> Box:
        return self._box

    def is_same(self, box: Box) -> bool:
        return box is self._box

    def sum(self, *boxes: Box) -> int:
        return sum(box.number for box in boxes)

    def clerk(self) -> Clerk:
        return Clerk()

    def maybe(self, number: int) -> Box | None:
        return Box(number) if number else None

    def either(self, number: int) -> Box | Clerk:
        return Box(number) if number else Clerk()

    def add(self, a: int, b: int = 1) -> int:
        return a + b

    def half(self, a: float) -> float:
        return a / 2

    def text(self, a: str) -> str:
        return a

    def pair(self, a: int, b: str) -> tuple[int, str]:
        return a, b

    def total(self, numbers: tuple[int, ...]) -> int:
        return sum(numbers)

    def boxes(self, numbers: tuple[int, ...]) -> tuple[Box, ...]:
        return tuple(Box(number) for number in numbers)

    def lend(self, f: Callable[[int], int]) -> Callable[[int], int]:
        return f

    def adder(self, n: int) -> Callable[[int], int]:
        return lambda value: value + n

    def apply(self, f: Callable[[int], int], value: int) -> int:
        return f(value)
