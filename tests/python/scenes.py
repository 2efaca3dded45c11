"""What test_scenarios serves: one class for each way in which people use remote objects."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pynto

closed: list[str] = []
gate = threading.Event()
cells: weakref.WeakSet[Cell] = weakref.WeakSet()


class Cell:
    def __init__(self, value: int = 0) -> None:
        self._value = value
        cells.add(self)

    def get(self) -> int:
        return self._value

    def add(self, amount: int) -> None:
        """Reads, lets others run if they may, and writes: right only if one call runs at a time."""
        before = self._value
        threading.Event().wait(0.0001)
        self._value = before + amount


class Visit:
    """One client's own, with a file that is open as long as the client is there."""

    def __init__(self, path: Path, who: str) -> None:
        self._file = path.open("a", encoding="utf-8")
        self._who = who
        self._count = 0

    def write(self, text: str) -> int:
        self._file.write(f"{self._who}: {text}\n")
        self._count += 1
        return self._count

    def end(self) -> None:
        self._file.close()
        closed.append(self._who)


class Numbers(Protocol):
    """As much of a list as sorting needs."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> int: ...
    def __setitem__(self, index: int, value: int) -> None: ...


class House:
    limit: int

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._cell = Cell()
        self._kept: list[Cell] = []
        self._ears: dict[str, Callable[[str], None]] = {}
        self._log: list[str] = []
        self._neighbour: Any = None
        self.limit = 5

    def cell(self) -> Cell:
        return self._cell

    def keep(self) -> Cell:
        self._kept.append(Cell(len(self._kept)))
        return self._kept[-1]

    def throw_away(self) -> None:
        self._kept.clear()

    def visit(self, who: str, leave: Callable[[], None]) -> Visit:
        assert self._folder is not None
        visit = Visit(self._folder / "visits", who)
        pynto.connection(leave).on_disconnect(lambda reason: visit.end())
        return visit

    def sort(self, numbers: Numbers) -> None:
        """In place: the numbers are the caller's."""
        for end in range(len(numbers) - 1, 0, -1):
            for at in range(end):
                if numbers[at] > numbers[at + 1]:
                    numbers[at], numbers[at + 1] = numbers[at + 1], numbers[at]

    def count(self, n: int) -> Iterator[int]:
        try:
            yield from range(n)
        finally:
            closed.append(f"count {n}")

    def listen(self, name: str, ear: Callable[[str], None]) -> None:
        self._ears[name] = ear

    def say(self, to: str, text: str) -> None:
        self._ears[to](text)

    def is_ear(self, name: str, ear: Callable[[str], None]) -> bool:
        return self._ears[name] is ear

    def work(self, text: str) -> None:
        assert gate.wait(20)
        self._log.append(text)

    def log(self) -> tuple[str, ...]:
        return tuple(self._log)

    @property
    def missing(self) -> int:
        raise AttributeError("not today")

    def meet(self, neighbour: Any) -> None:
        """Another house, of which this one is a client."""
        self._neighbour = neighbour

    def ping(self, depth: int) -> int:
        return 0 if depth == 0 else 1 + int(self._neighbour.ping(depth - 1))

    def each(self, cells: tuple[Cell, ...], f: Callable[[Cell], int]) -> tuple[int, ...]:
        return tuple(f(cell) for cell in cells)
