"""Tests that are coroutines: each runs on asyncio's own loop and on uvloop's."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

LONGEST = 150.0  # seconds: a test that hangs fails


def _new_loop(kind: str) -> asyncio.AbstractEventLoop:
    if kind == "asyncio":
        return asyncio.new_event_loop()
    uvloop = pytest.importorskip("uvloop")
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


def run(kind: str, coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What it gives. What the loop itself complains of fails the test."""
    complaints: list[dict[str, Any]] = []

    async def main() -> Any:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))
        async with asyncio.timeout(LONGEST):
            return await coroutine

    try:
        with asyncio.Runner(loop_factory=functools.partial(_new_loop, kind)) as runner:
            result = runner.run(main())
    finally:
        coroutine.close()
    assert not complaints
    return result


def looped(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """The test, once on each loop."""

    @functools.wraps(test)
    def wrapper(loop_kind: str, **fixtures: Any) -> None:
        run(loop_kind, test(**fixtures))

    signature = inspect.signature(test)
    mine = inspect.Parameter("loop_kind", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    wrapper.__signature__ = signature.replace(parameters=[mine, *signature.parameters.values()])  # type: ignore[attr-defined]
    return pytest.mark.parametrize("loop_kind", ["asyncio", "uvloop"])(wrapper)


async def eventually(condition: Callable[[], Any]) -> Any:
    """Waits until the condition is true: without a limit, which the test itself has."""
    while True:
        found = condition()
        if inspect.isawaitable(found):
            found = await found
        if found:
            return found
        await asyncio.sleep(0.002)
