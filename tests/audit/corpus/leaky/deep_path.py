"""The path in a finding is the shortest one."""
from collections.abc import Sequence
from typing import Any, Protocol


class Message:
    author: Any  # ! any-result Root.reader() -> Reader.history() -> Sequence[Message].__getitem__() -> Message.author


class Reader(Protocol):
    def history(self) -> Sequence[Message]: ...


class Long:
    def reader(self) -> Reader:
        raise NotImplementedError


class Root:
    def a_long_way(self) -> Long:
        raise NotImplementedError

    def reader(self) -> Reader:
        raise NotImplementedError
