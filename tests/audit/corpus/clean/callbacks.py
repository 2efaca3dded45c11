"""Callables in both directions; a Protocol with __call__ says what Callable cannot."""
from collections.abc import Callable
from typing import Protocol


class Item:
    name: str


class Handler(Protocol):
    def __call__(self, item: Item, *, urgent: bool = False) -> None: ...


class Root:
    def each(self, callback: Callable[[Item], int | None]) -> None:
        return None

    def adder(self) -> Callable[[int, int], int]:
        raise NotImplementedError

    def compose(self, make: Callable[[], Callable[[str], str]]) -> Callable[[Callable[[int], None]], None]:
        raise NotImplementedError

    def handle(self, handler: Handler) -> None:
        return None
