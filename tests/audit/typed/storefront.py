"""A server that uses about everything that a hint can say."""

from __future__ import annotations

import datetime
import enum
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Generic, Literal, NewType, NotRequired, Protocol, TypedDict, TypeVar, overload

import pynto

T = TypeVar("T")


class Color(enum.Enum):
    GREEN = 1
    RED = 2


@dataclass(frozen=True)
class Receipt:
    no: int
    at: datetime.datetime
    color: Color


class Filter(TypedDict):
    text: str
    limit: NotRequired[int]


UserId = NewType("UserId", int)


class Reader(Protocol):
    def last(self) -> str: ...


class Watcher(Protocol):
    @property
    def mood(self) -> str: ...
    def joined(self, who: User) -> None: ...
    async def asked(self, question: str) -> int: ...


class User:
    @property
    def name(self) -> str:
        return "ada"


class Admin(User):
    def reset(self) -> None: ...


class Box(Generic[T]):
    def __init__(self, value: T) -> None:
        self._value = value

    def value(self) -> T:
        return self._value


class Shop:
    title: str
    note: str
    lines: tuple[str, ...]

    def __init__(self) -> None:
        self.title, self.note, self.lines = "shop", "", ()

    def post(
        self, author: str, text: str, *, color: Color = Color.GREEN, mode: Literal["now", "later"] = "now"
    ) -> Receipt:
        return Receipt(1, datetime.datetime.now(), color)

    def place(self, amount: float, /, count: int = 1) -> None: ...
    def many(self, *parts: str, **options: int) -> int:
        return len(parts)

    def reader(self) -> Reader:
        raise NotImplementedError

    def login(self, name: str) -> Admin | User | None:
        return None

    def greet(self, who: User) -> UserId:
        return UserId(1)

    def watch(self, watcher: Watcher) -> None: ...
    def subscribe(self, told: Callable[[User, int], bool]) -> Callable[[], None]:
        raise NotImplementedError

    async def fetch(self, n: int) -> Sequence[User]:
        return []

    def prices(self) -> Mapping[str, float]:
        return {}

    def copied(self, lines: pynto.Copy[list[str]]) -> pynto.Copy[dict[str, int]]:
        raise NotImplementedError

    def count(self) -> Iterator[int]:
        yield 1

    def talk(self) -> Generator[int, str, bool]:
        raise NotImplementedError

    def ticks(self) -> AsyncIterator[int]:
        raise NotImplementedError

    def lock(self) -> AbstractContextManager[User, None]:
        raise NotImplementedError

    def box(self) -> Box[int]:
        return Box(1)

    def search(self, how: Filter) -> list[Receipt]:
        return []

    def keep(self, receipt: Receipt) -> None: ...
    @overload
    def find(self, key: int) -> str: ...
    @overload
    def find(self, key: str) -> bytes: ...
    def find(self, key: int | str) -> str | bytes:
        return "" if isinstance(key, int) else b""

    def __len__(self) -> int:
        return 0

    def __getitem__(self, key: str) -> User:
        return User()
