"""Membranes: revoking everything that was obtained through an object, not the object alone.

Each thing that crosses is wrapped by the same membrane; when it closes, all of it is closed. The Protocols say what crosses, so there is one method for
each, and none that would be forgotten: what a Protocol does not name does not cross.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import pynto


class File(Protocol):
    def text(self) -> str: ...


class Folder(Protocol):
    def names(self) -> tuple[str, ...]: ...
    def open(self, name: str) -> File: ...


class Page:
    def __init__(self, text: str) -> None:
        self._text = text

    def text(self) -> str:
        return self._text


class Shelf:
    def __init__(self, pages: dict[str, str]) -> None:
        self._pages = {name: Page(text) for name, text in pages.items()}

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._pages))

    def open(self, name: str) -> File:
        return self._pages[name]


class Membrane:
    """Folders and files that cross it until close()."""

    def __init__(self) -> None:
        self._ends: list[Callable[[], None]] = []

    def folder(self, inner: Folder) -> Folder:
        wrapped, end = pynto.revocable(_Crossing(self, inner), Folder)
        self._ends.append(end)
        return wrapped

    def file(self, inner: File) -> File:
        wrapped, end = pynto.revocable(inner, File)
        self._ends.append(end)
        return wrapped

    def close(self) -> None:
        while self._ends:
            self._ends.pop()()


class _Crossing:
    """A folder whose files cross the membrane, too."""

    def __init__(self, membrane: Membrane, inner: Folder) -> None:
        self._membrane, self._inner = membrane, inner

    def names(self) -> tuple[str, ...]:
        return self._inner.names()

    def open(self, name: str) -> File:
        return self._membrane.file(self._inner.open(name))


class Library:
    def __init__(self) -> None:
        self._shelf = Shelf({"a": "first", "b": "second"})
        self._membrane = Membrane()

    def visit(self) -> Folder:
        return self._membrane.folder(self._shelf)

    def close(self) -> None:
        self._membrane.close()


def demo() -> None:
    from serving import served

    with served(Library()) as connection:
        folder = connection.root.visit()
        assert folder.names() == ("a", "b")
        page = folder.open("a")
        assert page.text() == "first"
        connection.root.close()
        for use in (page.text, folder.names):
            try:
                use()
            except PermissionError:
                continue
            raise AssertionError("it came through a membrane that is closed")
