"""Facets, callbacks, records, enums, literals: the example of the documentation."""
from __future__ import annotations
import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

class Color(enum.Enum):
    RED = 1
    GREEN = 2

@dataclass(frozen=True)
class Receipt:
    no: int
    at: str

class Message:
    def __init__(self, author: str, text: str) -> None:
        self.author: str = author
        self.text: str = text

class User:
    name: str
    def rename(self, name: str) -> None:
        self.name = name

class Admin(User):
    def ban(self, who: User) -> None:
        return None

class Reader(Protocol):
    def history(self) -> Sequence[Message]: ...

class Watcher(Protocol):
    def joined(self, who: User) -> None: ...

class Root:
    """A chat room."""
    title: str
    def __init__(self) -> None:
        self._lines: list[str] = []
    def post(self, text: str, /, *, color: Color = Color.RED, mode: Literal["now", "later"] = "now") -> Receipt:
        return Receipt(1, text)
    def history(self) -> tuple[str, ...]: return tuple(self._lines)
    def login(self, name: str, password: str) -> User | Admin | None: return None
    async def fetch(self, n: int = 3) -> tuple[Message, ...]: return ()
    def reader(self) -> Reader: raise NotImplementedError
    def subscribe(self, callback: Callable[[Message], None]) -> Callable[[], None]: raise NotImplementedError
    def watch(self, watcher: Watcher) -> None:
        return None
