"""Functions that are kept and use no power."""

import operator
from collections.abc import Callable
from typing import Protocol

import pynto

ORDER = operator.itemgetter(1)
UPPER: dict[str, Callable[[str], str]] = {"upper": str.upper, "strip": lambda text: text.strip()}


def counted(step: int) -> Callable[[int], int]:
    def add(number: int) -> int:
        return number + step

    return add


class Reader(Protocol):
    def read(self) -> str: ...


class Page:
    def read(self) -> str:
        return "page"


class Shorten:
    def __call__(self, text: str) -> str:
        return text[:3]


class Root:
    shorten = Shorten()

    def __init__(self) -> None:
        seen: list[str] = []
        self._page = Page()
        self._note: Callable[[str], None] = lambda text: seen.append(text)
        self._add = counted(2)
        self._end: Callable[[], None] = lambda: None
        self._ends: list[Callable[[], None]] = []

    def note(self, text: str) -> None:
        self._note(text)

    def add(self, number: int) -> int:
        return self._add(number)

    def short(self, text: str) -> str:
        return self.shorten(text)

    def change(self, how: str, text: str) -> str:
        return UPPER[how](text)

    def largest(self, pairs: tuple[tuple[str, int], ...]) -> int:
        return max(pairs, key=ORDER)[1]

    def second(self, pair: tuple[str, int]) -> str:
        return str(ORDER(pair))

    def lend(self) -> Reader:
        self._end()
        lent, self._end = pynto.revocable(self._page, Reader)
        self._ends.append(self._end)
        return lent

    def close(self) -> None:
        while self._ends:
            self._ends.pop()()
