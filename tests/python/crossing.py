"""What test_crossing and test_disconnect serve: things that go to and fro, and a room that forgets who has left."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from typing import Any, Protocol

import pynto

born: weakref.WeakSet[Thing] = weakref.WeakSet()
died: list[float] = []  # when, by time.monotonic()
left: list[tuple[str, str]] = []  # who, and why


class Thing:
    def __init__(self) -> None:
        born.add(self)
        weakref.finalize(self, lambda: died.append(time.monotonic()))

    def number(self) -> int:
        return 1


class Guest(Protocol):
    """What a client lends."""

    def tell(self, text: str) -> int: ...


class Desk:
    """Things of the server's and guests of the client's, in both directions at once."""

    def __init__(self) -> None:
        self._things: list[Thing] = []
        self._guests: list[Any] = []
        self._peer: Any = None

    def make(self) -> Thing:
        return Thing()

    def shared(self, index: int) -> Thing:
        while len(self._things) <= index:
            self._things.append(Thing())
        return self._things[index]

    def forget_things(self) -> None:
        self._things.clear()

    def back(self, thing: Thing) -> Thing:
        return thing

    def both(self, first: Thing, second: Thing) -> tuple[Thing, Thing]:
        return second, first

    def ask(self, look: Callable[[Thing], Thing], thing: Thing) -> Thing:
        return look(thing)

    def keep(self, guest: Guest) -> int:
        self._peer = pynto.connection(guest)
        self._guests.append(guest)
        return len(self._guests)

    def give(self, index: int) -> Guest | None:
        return self._guests[index % len(self._guests)] if self._guests else None

    def forget(self) -> None:
        self._guests.clear()

    def drop_one(self) -> int:
        if self._guests:
            del self._guests[0]
        return len(self._guests)


class Lobby:
    """Members come with a callback, and go when their connection does."""

    def __init__(self) -> None:
        self._members: dict[str, Callable[[str], None]] = {}
        self._endings: dict[str, Any] = {}

    def join(self, name: str, listen: Callable[[str], None]) -> None:
        self._members[name] = listen
        self._endings[name] = pynto.connection(listen).on_disconnect(lambda reason: self._left(name, reason))

    def leave(self, name: str) -> bool:
        self._members.pop(name, None)
        return bool(self._endings.pop(name).cancel())

    def _left(self, name: str, reason: str) -> None:
        del self._members[name]
        left.append((name, reason))
        self.say(f"{name} has left")

    def say(self, text: str) -> int:
        for listen in list(self._members.values()):
            listen(text)
        return len(self._members)

    def throw_out(self, name: str) -> None:
        pynto.connection(self._members[name]).close()

    def who(self) -> tuple[str, ...]:
        return tuple(sorted(self._members))

    def thing(self) -> Thing:
        return Thing()
