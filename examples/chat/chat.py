"""A chat room, with no word about networks in it: its type hints say what a client may do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Reader(Protocol):
    """The narrow side of a room: whoever gets this can read, and nothing else."""

    def history(self) -> tuple[str, ...]: ...


class Room:
    """Keeps what was said, and tells who listens."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._listeners: list[Callable[[str], None]] = []

    def post(self, author: str, text: str) -> None:
        """Say something. ValueError: more than 1,000 characters."""
        if len(author) > 40 or len(text) > 1000:
            raise ValueError("that is too long for this room")
        line = f"{author}: {text}"
        self._lines.append(line)
        for listener in list(self._listeners):
            try:
                listener(line)
            except Exception:  # a listener that has left
                self._listeners.remove(listener)

    def history(self) -> tuple[str, ...]:
        return tuple(self._lines)

    def subscribe(self, listener: Callable[[str], None]) -> None:
        """Call listener with each line from now on."""
        self._listeners.append(listener)

    def reader(self) -> Reader:
        """This room for somebody who is only to read it."""
        return self

    def erase(self) -> None:  # no client gets this: pynto.toml denies it
        self._lines.clear()


lines: list[str] = []
"""A chat server in one line: a list that everybody can append to."""
