"""Revocable forwarders: access that can be taken back, without a word to whoever has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import pynto


class Reader(Protocol):
    def read(self) -> str: ...


class Document:
    def __init__(self, text: str) -> None:
        self._text = text

    def read(self) -> str:
        return self._text

    def change(self, text: str) -> None:
        self._text = text


class Desk:
    """Lends one document at a time: whoever has it loses it when the next one asks."""

    def __init__(self) -> None:
        self._document = Document("minutes")
        self._take_back: Callable[[], None] = lambda: None

    def lend(self) -> Reader:
        self._take_back()
        lent, self._take_back = pynto.revocable(self._document, Reader)
        return lent


def demo() -> None:
    from serving import served

    with served(Desk()) as connection:
        first = connection.root.lend()
        assert first.read() == "minutes"
        second = connection.root.lend()
        assert second.read() == "minutes"
        try:
            first.read()
        except PermissionError:
            pass
        else:
            raise AssertionError("it was taken back")
