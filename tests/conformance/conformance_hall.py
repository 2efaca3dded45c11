"""The object that an implementation serves to be tried by cases.json, for Pynto. README.md has it in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol


class Ticket:
    def __init__(self, number: int) -> None:
        self._number = number

    def number(self) -> int:
        return self._number

    def void(self) -> None:
        self._number = 0


class View(Protocol):
    def number(self) -> int: ...


class Hall:
    def __init__(self) -> None:
        self.title = "hall"
        self.size = 3
        self._given = 0
        self._note = ""

    def add(self, a: int, b: int, /) -> int:
        return a + b

    def echo(self, value: Any) -> Any:
        return value

    def take(self, value: Any) -> None: ...

    def greet(self, name: str, greeting: str = "hello") -> str:
        return f"{greeting} {name}"

    def half(self, value: float) -> float:
        return value / 2

    def total(self, *values: int, **more: int) -> int:
        return sum(values) + sum(more.values())

    def flip(self, value: bool) -> bool:
        return not value

    def note(self, text: str) -> None:
        self._note = text

    def noted(self) -> str:
        return self._note

    def ticket(self) -> Ticket:
        self._given += 1
        return Ticket(self._given)

    def view(self, ticket: Ticket) -> View:
        return ticket

    def number(self, ticket: Ticket) -> int:
        return ticket.number()

    def apply(self, f: Callable[[int], int], n: int) -> int:
        return f(n)

    def count(self, n: int) -> Iterator[int]:
        return iter(range(n))

    def fail(self, kind: str) -> None:
        if kind == "KeyError":
            raise KeyError("a secret")
        if kind == "StopIteration":
            raise StopIteration("a secret")
        raise Unheard("a secret")


class Unheard(Exception):
    pass
