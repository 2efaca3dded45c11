"""What the examples of docs/pipelining.md are run against."""

from __future__ import annotations


class Room:
    def __init__(self) -> None:
        self._lines: list[str] = []

    def post(self, author: str, text: str) -> None:
        self._lines.append(f"{author}: {text}")

    def history(self) -> tuple[str, ...]:
        return tuple(self._lines)


class Lobby:
    def __init__(self) -> None:
        self._rooms = {"lobby": Room()}
        self._notes: list[str] = []

    def room(self, name: str) -> Room:
        return self._rooms[name]

    def quote(self, lines: tuple[str, ...]) -> str:
        return " / ".join(lines)

    def note(self, text: str) -> None:
        self._notes.append(text)

    def notes(self) -> tuple[str, ...]:
        return tuple(self._notes)
