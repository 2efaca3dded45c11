"""What test_three_parties serves: a Shop of its own things, and a Broker who has them from there and passes on a part of them."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from typing import Any, Protocol

import pynto

alive: weakref.WeakSet[Thing] = weakref.WeakSet()


class Thing:
    def __init__(self, name: str) -> None:
        self._name = name
        alive.add(self)

    def name(self) -> str:
        return self._name

    def rename(self, name: str) -> None:
        self._name = name

    def secret(self) -> str:
        return f"the secret of {self._name}"


class Shop:
    """A: what it has is its own."""

    def __init__(self) -> None:
        self._best = Thing("best")
        self._numbers: list[int] = []
        self._listeners: list[Callable[[str], None]] = []

    def best(self) -> Thing:
        return self._best

    def make(self, name: str) -> Thing:
        return Thing(name)

    def is_best(self, thing: Thing) -> bool:
        return thing is self._best

    def same(self, thing: Thing) -> Thing:
        return thing

    def numbers(self) -> list[int]:
        return self._numbers

    def apply(self, f: Callable[[int], int], value: int) -> int:
        return f(value)

    def subscribe(self, listener: Callable[[str], None]) -> None:
        self._listeners.append(listener)

    def publish(self, text: str) -> int:
        """How many have heard it. Who is gone is forgotten."""
        heard = 0
        for listener in list(self._listeners):
            try:
                listener(text)
                heard += 1
            except (ConnectionError, pynto.RemoteError):
                self._listeners.remove(listener)
        return heard

    def alive(self) -> int:
        return len(alive)


class Named(Protocol):
    """What a Broker's clients get of a thing: its name, and no more."""

    def name(self) -> str: ...


class Growing(Protocol):
    """The part of a list that they get."""

    def append(self, value: int, /) -> None: ...
    def __len__(self) -> int: ...


class Broker:
    """B: it has nothing of its own."""

    def __init__(self, shop: Any = None) -> None:
        self._shop: Any = shop if shop is not None else pynto.connect(os.environ["SHOP"]).root

    def best(self) -> Named:
        thing: Named = self._shop.best()
        return thing

    def make(self, name: str) -> Named:
        thing: Named = self._shop.make(name)
        return thing

    def is_best(self, thing: Named) -> bool:
        is_best: bool = self._shop.is_best(thing)
        return is_best

    def same(self, thing: Named) -> Named:
        same: Named = self._shop.same(thing)
        return same

    def numbers(self) -> Growing:
        numbers: Growing = self._shop.numbers()
        return numbers

    def apply(self, f: Callable[[int], int], value: int) -> int:
        result: int = self._shop.apply(f, value)
        return result

    def subscribe(self, listener: Callable[[str], None]) -> None:
        self._shop.subscribe(listener)

    def add(self, a: int, b: int) -> int:
        return a + b
