"""What many programs do: caches with makers, patterns, groups, counters, property chains."""

import collections
import contextlib
import enum
import functools
import itertools
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from typing import Generic, TypeVar

T = TypeVar("T")
WORD = re.compile(r"\w+")


class State(enum.Enum):
    OPEN = enum.auto()
    CLOSED = enum.auto()


@dataclass(frozen=True)
class Note:
    text: str
    at: datetime
    state: State = State.OPEN
    tags: frozenset[str] = frozenset()

    def tagged(self, tag: str) -> "Note":
        return replace(self, tags=self.tags | {tag})


@dataclass
class Stats:
    counts: collections.Counter[str] = field(default_factory=collections.Counter)

    def add(self, word: str) -> None:
        self.counts[word] += 1


class Cache(Generic[T]):
    def __init__(self, size: int) -> None:
        self._size, self._items = size, OrderedDict[str, T]()

    def get(self, key: str, make: Callable[[], T]) -> T:
        if key not in self._items:
            self._items[key] = make()
            if len(self._items) > self._size:
                self._items.popitem(last=False)
        return self._items[key]


class Batch:
    def __init__(self) -> None:
        self._lines: list[str] = []

    def add(self, line: str) -> None:
        self._lines.append(line)

    def lines(self) -> tuple[str, ...]:
        return tuple(self._lines)


class Root:
    def __init__(self) -> None:
        self._notes: list[Note] = []
        self._stats = Stats()
        self._cache: Cache[str] = Cache(10)

    def put(self, text: str, *tags: str) -> Note:
        note = Note(text.strip(), datetime.now(timezone.utc))
        for word in map(str.lower, WORD.findall(text)):
            self._stats.add(word)
        for tag in tags:
            note = note.tagged(tag)
        self._notes.append(note)
        return note

    def count(self, text: str) -> dict[str, int]:
        found: dict[str, int] = {}
        for word in map(str.lower, WORD.findall(text)):
            found[word] = found.get(word, 0) + 1
        return found

    def words(self, text: str) -> tuple[str, ...]:
        return tuple(WORD.findall(text))

    def upper(self, text: str) -> str:
        return self._cache.get(text, lambda: text.upper())

    def since(self, age: timedelta) -> tuple[Note, ...]:
        start = datetime.now(timezone.utc) - age
        return tuple(sorted((note for note in self._notes if note.at >= start), key=lambda note: note.at))

    def by_state(self) -> Mapping[State, int]:
        return collections.Counter(note.state for note in self._notes)

    def grouped(self) -> dict[str, tuple[str, ...]]:
        notes = sorted(self._notes, key=lambda note: note.state.name)
        groups = itertools.groupby(notes, key=lambda note: note.state.name)
        return {name: tuple(note.text for note in group) for name, group in groups}

    def ratio(self, a: int, b: int) -> str:
        return str(Fraction(a, b or 1))

    @functools.cached_property
    def longest(self) -> int:
        return max((len(note.text) for note in self._notes), default=0)

    @contextlib.contextmanager
    def batch(self) -> Iterator[Batch]:
        batch = Batch()
        yield batch
        for line in batch.lines():
            self.put(line)
