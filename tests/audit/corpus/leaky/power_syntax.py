"""Values through match, walrus, stars, conditional expressions, nested data and loops."""
import os
from dataclasses import dataclass
from typing import TypedDict


class Options(TypedDict):
    path: str


@dataclass(frozen=True)
class Move:
    source: str


class Root:
    def matched(self, move: Move) -> None:
        match move:
            case Move(source=where):
                os.remove(where)  # ! power-files Root.matched()

    def sequence(self, parts: tuple[str, ...]) -> None:
        match parts:
            case (first, *_):
                os.remove(first)  # ! power-files Root.sequence()
            case _:
                pass

    def walrus(self, name: str) -> None:
        if path := name.strip():
            os.remove(path)  # ! power-files Root.walrus()

    def starred(self, *names: str) -> None:
        self._both(*names)

    def _both(self, a: str, b: str) -> None:
        os.rename(a, b)  # ! power-files Root.starred() ! power-files Root.keywords()

    def keywords(self, a: str) -> None:
        both = {"a": a, "b": "x"}
        self._both(**both)

    def conditional(self, name: str, flag: bool) -> None:
        os.remove(name if flag else "x")  # ! power-files Root.conditional()

    def options(self, options: Options) -> None:
        os.remove(options["path"])  # ! power-files Root.options()

    def carried(self, names: tuple[str, ...]) -> None:
        last = ""
        for name in names:
            if last:
                os.remove(last)  # ! power-files Root.carried()
            last = name

    def nested(self, name: str) -> None:
        def inner() -> None:
            os.remove(name)  # ! power-files Root.nested()

        inner()

    def joined(self, names: tuple[str, ...]) -> None:
        os.remove("/".join(sorted(set(names))))  # ! power-files Root.joined()
