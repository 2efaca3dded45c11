"""The threads that the core asks for."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import partial
from typing import Any

from pynto.errors import Disconnected

# On whose behalf a coroutine runs that serves a call: set by the core, read by pynto.caller().
served_for: ContextVar[tuple[str | None, str, str] | None] = ContextVar("pynto.caller", default=None)

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_AGAIN = 0.001  # seconds, while there is no memory


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
            _loop.set_exception_handler(_on_fault)
            start_thread(partial(kept_up, _loop.run_forever), "pynto-asyncio")
        return _loop


def _on_fault(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A step of a task that there was no memory for is taken again: without it the task would never end, not even when it is cancelled."""
    handle = context.get("handle")
    step = getattr(handle, "_callback", None)
    task = getattr(step, "__self__", None)
    is_step = isinstance(task, asyncio.Task) and not task.done()
    if isinstance(context.get("exception"), MemoryError) and (is_step or type(step).__module__ == "pynto._core"):
        assert isinstance(handle, asyncio.Handle) and step is not None
        loop.call_soon(step, *handle._args, context=handle._context)  # type: ignore[attr-defined]
    else:
        loop.default_exception_handler(context)


def kept_up(function: Callable[[], Any]) -> None:
    """Run function until it returns: what it has no memory for ends a step of it, not the thread that others depend on."""
    while True:
        try:
            function()
            return
        except MemoryError:
            time.sleep(_AGAIN)


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
