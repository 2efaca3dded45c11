"""Facets: one object, several Protocols. What a method declares is what the caller gets.

The room hands out a Reader to whoever asks, and itself to nobody but its moderator. All of them are the same object; the policy tells them apart.
"""

from __future__ import annotations

from typing import Protocol


class Reader(Protocol):
    def history(self) -> tuple[str, ...]: ...


class Writer(Protocol):
    def post(self, text: str) -> None: ...


class Room:
    def __init__(self) -> None:
        self._lines: list[str] = []

    def post(self, text: str) -> None:
        self._lines.append(text)

    def history(self) -> tuple[str, ...]:
        return tuple(self._lines)

    def clear(self) -> None:
        self._lines.clear()


class Lobby:
    def __init__(self) -> None:
        self._room = Room()

    def reader(self) -> Reader:
        return self._room

    def writer(self) -> Writer:
        return self._room


def demo() -> None:
    from serving import served

    with served(Lobby()) as connection:
        reader, writer = connection.root.reader(), connection.root.writer()
        writer.post("hello")
        assert reader.history() == ("hello",)
        assert not hasattr(reader, "post") and not hasattr(reader, "clear")
        assert not hasattr(writer, "history")
