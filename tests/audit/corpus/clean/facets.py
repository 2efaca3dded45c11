"""Attenuation: the same object through a smaller door."""
from typing import Protocol


class Reader(Protocol):
    def read(self) -> str: ...


class Writer(Protocol):
    def write(self, text: str) -> None: ...


class Document:
    def __init__(self) -> None:
        self._text = ""

    def read(self) -> str:
        return self._text

    def write(self, text: str) -> None:
        self._text = text

    def erase(self) -> None:
        self._text = ""


class Root:
    def __init__(self) -> None:
        self._document = Document()

    def reader(self) -> Reader:
        return self._document

    def writer(self) -> Writer:
        return self._document

    def copy(self, source: Reader) -> None:
        self._document.write(source.read())
