"""What every peer serves, each in its own way: here with the hints that Pynto needs."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator


class Item:
    """A small object, to be handed out by reference."""

    def __init__(self, number: int) -> None:
        self._number = number

    def get(self) -> int:
        return self._number


class Target:
    number: int

    def __init__(self) -> None:
        self.number = 7

    def echo(self, value: int) -> int:
        return value

    def three(self, a: int, b: str, c: float) -> int:
        return a

    def text(self, value: str) -> str:
        return value

    def blob(self, value: bytes) -> bytes:
        return value

    def new(self) -> Item:
        return Item(1)

    def several(self, count: int) -> tuple[Item, ...]:
        return tuple(Item(each) for each in range(count))

    def call(self, function: Callable[[int], int], times: int) -> int:
        total = 0
        for each in range(times):
            total += function(each)
        return total

    def one_by_one(self, count: int) -> Generator[int, None, None]:
        yield from range(count)

    def numbers(self, count: int) -> Iterator[int]:
        return iter(range(count))

    def note(self, value: int) -> None:
        self._noted = value
