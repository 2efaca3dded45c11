"""Generators take and return what they declare, or are iterators; context managers have two ends."""
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import TracebackType
from typing import Any, Self


class Session:
    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return None


class Root:
    def iterator(self) -> Iterator[int]:
        yield 1

    def generator(self) -> Generator[str, int, None]:
        yield ""

    def counted(self) -> Generator[int, None, tuple[str, ...]]:
        yield 1
        return ()

    def loose(self) -> Generator[int, Any, Any]:
        yield 1

    async def stream(self) -> AsyncIterator[int]:
        yield 1

    async def agenerator(self) -> AsyncGenerator[str, None]:
        yield ""

    @contextmanager
    def opened(self) -> Iterator[Session]:
        yield Session()

    @asynccontextmanager
    async def aopened(self) -> AsyncIterator[int]:
        yield 1

    def feed(self, lines: Iterable[str]) -> None:
        return None
