"""A coroutine object has cr_frame; only the result of an async method is awaited for the client."""
from collections.abc import Coroutine
from typing import Any


class Root:
    def tasks(self) -> list[Coroutine[Any, Any, int]]:  # ! forbidden-type Root.tasks()
        return []

    async def fine(self) -> int:
        return 1
