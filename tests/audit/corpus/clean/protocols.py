"""A Protocol that comes out is a facet, one that goes in can be the client's own object."""
from typing import Protocol


class Named(Protocol):
    @property
    def name(self) -> str: ...


class Reader(Protocol):
    def read(self, n: int = -1) -> bytes: ...


class Closable(Reader, Protocol):
    def close(self) -> None: ...


class File:
    def read(self, n: int = -1) -> bytes:
        return b""

    def write(self, data: bytes) -> int:
        return 0


class Root:
    def open(self, name: str) -> File:
        return File()

    def reader(self) -> Reader:
        return File()

    def closable(self) -> Closable:
        raise NotImplementedError

    def copy(self, source: Reader, name: Named) -> None:
        return None
