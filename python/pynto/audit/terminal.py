"""What a terminal adds: colours, and a line that says what takes so long. A file or a pipe gets neither."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

_CODES = {
    "error": "1;31",
    "warning": "1;33",
    "info": "1;36",
    "fail": "1;37;41",
    "pass": "1;30;42",
    "dim": "2",
    "bold": "1",
}
_PATIENCE_S = 1.0  # what is quicker says nothing
_TICK_S = 0.2


class Paint:
    """Colours for one stream, or none."""

    def __init__(self, stream: TextIO) -> None:
        self.on = is_terminal(stream) and not os.environ.get("NO_COLOR")

    def __call__(self, text: str, style: str) -> str:
        return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if self.on and text else text


def is_terminal(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM") != "dumb"


@contextmanager
def waiting(stream: TextIO, what: str) -> Iterator[None]:
    """Show on a terminal that work goes on, if it takes longer than a moment."""
    if not is_terminal(stream):
        yield
        return
    done = threading.Event()
    ticker = threading.Thread(target=_tick, args=(stream, what, done), daemon=True)
    ticker.start()
    try:
        yield
    finally:
        done.set()
        ticker.join()


def _tick(stream: TextIO, what: str, done: threading.Event) -> None:
    start = time.monotonic()
    if done.wait(_PATIENCE_S):
        return
    turn = 0
    while True:
        bar = "".join("=" if (turn + place) % 6 < 3 else " " for place in range(12))
        stream.write(f"\r\x1b[K[{bar}] {what}, {time.monotonic() - start:.0f} s")
        stream.flush()
        if done.wait(_TICK_S):
            stream.write("\r\x1b[K")
            stream.flush()
            return
        turn -= 1
