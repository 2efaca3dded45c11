"""What the checks of several peers do alike."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


def start(module: str, *arguments: str) -> subprocess.Popen[str]:
    """A server's process; it has said that it is ready."""
    child = subprocess.Popen(
        [sys.executable, "-P", str(HERE / f"{module}.py"), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=HERE,
        env={**os.environ, "PYTHONPATH": str(HERE), "PYTHONUNBUFFERED": "1"},
    )
    assert child.stdout is not None
    if child.stdout.readline().strip() != "ready":
        raise RuntimeError(f"{module} has not started")
    return child


def stop(child: subprocess.Popen[str]) -> None:
    child.kill()
    child.wait()


def until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def together(first: Callable[[], Any], second: Callable[[], Any]) -> bool:
    """Does second come to its end while first, which takes a second, is under way?"""
    ended = threading.Event()
    thread = threading.Thread(target=lambda: (first(), ended.set()), daemon=True)
    thread.start()
    time.sleep(0.2)
    second()
    was_first = not ended.is_set()
    thread.join(10)
    return was_first


LARGE = 64 << 20


def beside(large: Callable[[bytes], Any], small: Callable[[], Any], tries: int = 3) -> int:
    """How many small calls begin and end while a large value goes and comes back, at best."""
    best = 0
    data = bytes(LARGE)
    for _ in range(tries):
        ended = threading.Event()
        thread = threading.Thread(target=lambda ended=ended: (large(data), ended.set()), daemon=True)
        thread.start()
        count = 0
        while True:
            small()
            if ended.is_set():
                break
            count += 1
        thread.join(60)
        best = max(best, count)
    return best


def yes(condition: bool, otherwise: str = "no") -> str:
    return "yes" if condition else otherwise
