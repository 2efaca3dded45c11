"""What a client's callback gives, and what clients call of ours."""
import os
from collections.abc import Callable
from typing import Protocol


class Namer(Protocol):
    def name(self, index: int) -> str: ...


class Root:
    def __init__(self) -> None:
        self._removers: list[Callable[[str], None]] = []

    def asked(self, ask: Callable[[int], str]) -> None:
        os.remove(ask(1))  # ! power-files Root.asked()

    def named(self, namer: Namer) -> None:
        os.remove(namer.name(1))  # ! power-files Root.named()

    def inner(self) -> Callable[[str], None]:
        def run(path: str) -> None:
            os.remove(path)  # ! power-files Root.inner()

        return run

    def short(self) -> Callable[[str], None]:
        return lambda path: os.remove(path)  # ! power-files Root.short()

    def method(self) -> Callable[[str], None]:
        return self._remove

    def _remove(self, path: str) -> None:
        os.remove(path)  # ! power-files Root.method() ! power-files Root.handed() ! power-files Root.kept()

    def handed(self, path: str) -> None:
        self._apply(self._remove, path)

    def _apply(self, function: Callable[[str], None], value: str) -> None:
        function(value)

    def kept(self, path: str) -> None:
        self._removers.append(self._remove)
        for remove in self._removers:
            remove(path)
