"""The threads that the core asks for."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

from pynto.errors import Disconnected

# On whose behalf a coroutine runs that serves a call: set by the core, read by pynto.caller().
served_for: ContextVar[tuple[str | None, str, str] | None] = ContextVar("pynto.caller", default=None)

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None


def start_thread(function: Callable[[], Any], name: str) -> threading.Thread:
    """Run function in a daemon thread."""
    thread = threading.Thread(target=function, name=name, daemon=True)
    thread.start()
    return thread


def shared_loop() -> asyncio.AbstractEventLoop:
    """The event loop for coroutines that have no other; it has a thread of its own."""
    global _loop
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            start_thread(_loop.run_forever, "pynto-asyncio")
        return _loop


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    try:
        return await awaitable
    except StopIteration as error:  # a coroutine cannot raise it
        raise RuntimeError("StopIteration in a coroutine") from error


_LOOK_EVERY = 0.1  # seconds between two looks whether the server is still there
_GRACE = 5.0  # seconds that a cancelled coroutine has to come to its end


def run_coroutine(awaitable: Awaitable[Any], is_over: Callable[[], bool]) -> Any:
    """Wait for what an ``async def`` callback returned, in the thread of a client that no event loop drives.

    It is cancelled when is_over() becomes true.
    """
    future = asyncio.run_coroutine_threadsafe(_awaited(awaitable), shared_loop())
    while not concurrent.futures.wait([future], _LOOK_EVERY).done:
        if is_over():
            future.cancel()
            concurrent.futures.wait([future], _GRACE)
            raise Disconnected("the server has left")
    return future.result()
