"""Containers compare, hash and print what they hold."""
import os


class Loud:
    def __init__(self, line: str) -> None:
        self._line = line

    def __eq__(self, other: object) -> bool:
        return os.system(self._line) == 0  # ! power-processes Root.within() ! power-processes Root.key() ! power-processes Root.same()

    def __hash__(self) -> int:
        os.remove(self._line)  # ! power-files Root.within() ! power-files Root.key() ! power-files Root.same()
        return 1


class Printed:
    def __init__(self, line: str) -> None:
        self._line = line

    def __repr__(self) -> str:
        return str(os.system(self._line))  # ! power-processes Root.shown()


class Root:
    def within(self, line: str) -> bool:
        return Loud(line) in [Loud("a")]

    def key(self, line: str) -> int:
        return len({Loud(line): 1})

    def same(self, line: str) -> bool:
        return [Loud(line)] == [Loud("a")]

    def shown(self, line: str) -> str:
        return str([Printed(line)])
