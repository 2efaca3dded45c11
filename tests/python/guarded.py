"""What is served at pynto:// in the tests: a room that says who is calling, with a facet."""

from __future__ import annotations

import time
from typing import Protocol

import pynto


class Reader(Protocol):
    def lines(self) -> tuple[str, ...]: ...


class Room:
    def __init__(self) -> None:
        self._lines: list[str] = []

    def post(self, text: str) -> int:
        self._lines.append(text)
        return len(self._lines)

    def lines(self) -> tuple[str, ...]:
        return tuple(self._lines)

    def reader(self) -> Reader:
        return self

    def who(self) -> tuple[str, ...]:
        return tuple(map(str, pynto.caller() or ()))

    async def who_later(self) -> tuple[str, ...]:
        return self.who()

    def size(self, data: bytes) -> int:
        return len(data)

    def bytes(self, size: int) -> bytes:
        return b"x" * size

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class Hall:
    """Another root, for others."""

    def name(self) -> str:
        return "hall"


room = Room()
hall = Hall()
