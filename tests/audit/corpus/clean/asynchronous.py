"""What is awaited on the server is a result for the client."""
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, Self


class Job:
    def __await__(self) -> Generator[Any, Any, int]:
        yield
        return 1


class Ticker:
    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> int:
        return 1

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *args: object) -> None:
        return None


class Root:
    async def fetch(self, n: int = 1) -> str:
        return ""

    def started(self) -> Coroutine[Any, Any, int]:
        raise NotImplementedError

    def later(self) -> Awaitable[str]:
        raise NotImplementedError

    def job(self) -> Job:
        return Job()

    def ticker(self) -> Ticker:
        return Ticker()

    def each(self, callback: Callable[[int], Awaitable[None]]) -> None:
        return None
