"""What is served to the attackers and to the honest client, with the hints that Pynto needs."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator


class Item:
    def get(self) -> int:
        return 1


class Target:
    def echo(self, value: int) -> int:
        return value

    def work(self, milliseconds: float) -> None:
        """Computes in Python for so long."""
        until = time.perf_counter() + milliseconds / 1e3
        while time.perf_counter() < until:
            pass

    def make(self, size: int) -> bytes:
        return bytes(size)

    def take(self, data: bytes) -> int:
        return len(data)

    def new(self) -> Item:
        return Item()

    def call(self, function: Callable[[int], int]) -> int:
        return function(1)

    def count(self, most: int) -> Generator[int, None, None]:
        yield from range(most)

    def note(self, value: int) -> None:
        pass
