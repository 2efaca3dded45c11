"""Attenuation: a facet that stays one inside of the server, too.

A plain facet is still the whole object to the server's own code: a plug-in that is given a Reader could post. What pynto.attenuate gives is a
Reader and no Room, wherever it goes.
"""

from __future__ import annotations

from typing import Protocol

import pynto


class Reader(Protocol):
    def history(self) -> tuple[str, ...]: ...


class Room:
    def __init__(self) -> None:
        self._lines: list[str] = []

    def post(self, text: str) -> None:
        self._lines.append(text)

    def history(self) -> tuple[str, ...]:
        return tuple(self._lines)

    def reader(self) -> Reader:
        return pynto.attenuate(self, Reader)


class Archive:
    """Code that is not trusted with the room."""

    def keep(self, reader: Reader) -> int:
        assert not hasattr(reader, "post")
        return len(reader.history())


class Site:
    def __init__(self) -> None:
        self._room = Room()
        self._archive = Archive()

    def room(self) -> Room:
        return self._room

    def keep(self, reader: Reader) -> int:
        return self._archive.keep(reader)


def demo() -> None:
    from serving import served

    with served(Site()) as connection:
        room = connection.root.room()
        room.post("hello")
        reader = room.reader()
        assert reader.history() == ("hello",)
        assert not hasattr(reader, "post")
        assert connection.root.keep(reader) == 1  # it comes home as the Reader that it is
