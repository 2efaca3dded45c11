"""What does not end by itself: served by the tests of cancelling and of the watchdog."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import queue
import random
import re
import threading
import time
from collections.abc import Callable, Iterator


class Slow:
    """Compares for ever."""

    def __lt__(self, other: object) -> bool:
        while True:
            pass


class Lingering:
    """Does not want to die."""

    def __del__(self) -> None:
        while True:
            pass


def swallow() -> None:
    while True:
        try:
            while True:
                pass
        except BaseException:
            continue


def swallow_inside(depth: int = 20) -> None:
    try:
        swallow_inside(depth - 1) if depth else swallow()
    finally:
        with contextlib.suppress(BaseException):
            swallow()


def generate_for_ever() -> Iterator[int]:
    while True:
        try:
            yield 1
        except BaseException:
            continue


def recurse() -> None:
    while True:
        with contextlib.suppress(RecursionError):
            recurse()


def work_for_ever(kind: str) -> object:
    match kind:
        case "loop":
            while True:
                pass
        case "swallow":
            swallow()
        case "swallow inside":
            swallow_inside()
        case "generator":
            return sum(generate_for_ever())
        case "recursion":
            recurse()
        case "del":
            Lingering()
            while True:
                pass
        case "compare":
            return sorted([Slow(), Slow()])
        case "re":
            return re.fullmatch("(a*)*b", "a" * 60)
        case "power":
            return 10 ** (10**8) % 7
        case "any":
            return any(itertools.repeat(0))
        case "sleep":
            time.sleep(3600.0)
        case "lock":
            lock = threading.Lock()
            with lock, lock:
                pass
        case "queue":
            return queue.Queue[int]().get()
        case "sort":
            data = [random.random() for _ in range(300_000)]
            while True:
                sorted(data)
        case "json":
            text = json.dumps(list(range(300_000)))
            while True:
                json.loads(text)
    raise ValueError(kind)


class Worker:
    """Takes turns that it never gives back by itself."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.begun: list[str] = []

    def work(self, kind: str) -> None:
        self.begun.append(kind)
        try:
            work_for_ever(kind)
        except BaseException as error:
            self.seen.append(f"{type(error).__name__}: {getattr(error, 'limit', '')}")
            raise

    def swallow_once(self, seconds: float) -> str:
        """What it gives comes too late, whatever it is."""
        try:
            while True:
                pass
        except Exception:
            return "done"

    def pause(self, seconds: float) -> str:
        time.sleep(seconds)
        return "slept"

    def spin(self, seconds: float) -> str:
        until = time.thread_time() + seconds
        while time.thread_time() < until:
            pass
        return "spun"

    def linger(self) -> Lingering:
        """What it gives is the end of the thread that lets it die."""
        return Lingering()

    def unprintable(self) -> None:
        class Endless(TimeoutError):
            def __str__(self) -> str:
                while True:
                    pass

        raise Endless

    async def nap(self, seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "napped"

    async def stay(self) -> str:
        """Does not take a no."""
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.01)

    def call(self, f: Callable[[int], int]) -> int:
        return f(1)

    def call_and_pause(self, f: Callable[[int], int], seconds: float) -> int:
        """However it ends, it takes its time to."""
        try:
            return f(1)
        finally:
            time.sleep(seconds)

    def thread(self) -> int:
        """Which thread runs calls: 1 when it is the main one."""
        return int(threading.current_thread() is threading.main_thread())

    def history(self) -> tuple[str, ...]:
        return tuple(self.seen)
