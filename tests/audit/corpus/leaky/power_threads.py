"""Work that goes on when the call is over, and what it does."""
import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor


class Root:
    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor()

    def start(self, path: str) -> None:
        threading.Thread(target=self._work, args=(path,)).start()  # ! power-threads Root.start()

    def _work(self, path: str) -> None:
        os.remove(path)  # ! power-files Root.start() ! power-files Root.submit() ! power-files Root.lent()

    def submit(self, path: str) -> None:
        self._pool.submit(self._work, path)

    def lent(self, path: str) -> None:
        self._pool.submit(lambda: self._work(path))

    async def later(self) -> None:
        asyncio.create_task(asyncio.sleep(1))  # ! power-threads Root.later()
