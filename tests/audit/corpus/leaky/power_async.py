"""Coroutines, asynchronous generators and contexts."""
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def opened(path: str) -> AsyncIterator[int]:
    yield os.open(path, 0)  # ! power-files Root.entered()


class Root:
    async def read(self, path: str) -> bytes:
        return await self._read(path)

    async def _read(self, path: str) -> bytes:
        return os.read(os.open(path, 0), 1)  # ! power-files Root.read() ! power-files Root.read()

    async def entered(self, path: str) -> None:
        async with opened(path):
            pass

    async def items(self, paths: tuple[str, ...]) -> AsyncIterator[str]:
        for path in paths:
            yield os.readlink(path)  # ! power-files Root.items()
