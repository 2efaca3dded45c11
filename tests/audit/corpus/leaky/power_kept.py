"""Functions that stand inside of others and are kept: whoever calls what holds them calls them."""
import functools
import os
from collections.abc import Callable


def show(base: str, name: str) -> str:
    return open(os.path.join(base, name)).name  # ! power-files Root.act()


ACTIONS = {"show": functools.partial(show, "/srv")}


def made(base: str) -> Callable[[str], None]:
    def remove(name: str) -> None:
        os.remove(base + name)  # ! power-files Root.through_a_maker() ! power-files Root.made_here()

    return remove


class Tool:
    def __call__(self, line: str) -> int:
        return os.system(line)  # ! power-processes Root.go()


class Root:
    tool = Tool()

    def __init__(self) -> None:
        def helper(name: str) -> None:
            os.truncate(name, 0)  # ! power-files Root.do()

        def touch(name: str) -> None:
            helper(name)

        self._verbs: dict[str, Callable[[str], None]] = {"rm": self._rm, "mk": lambda name: os.mkdir(name)}  # ! power-files Root.do()
        self._verbs["touch"] = touch
        self._made = made("/srv")
        prefix = "/srv/"
        self._closed: Callable[[str], int] = lambda name: os.system(prefix + name)  # ! power-processes Root.closed()

    def _rm(self, name: str) -> None:
        os.remove(name)  # ! power-files Root.do()

    def do(self, verb: str, name: str) -> None:
        self._verbs[verb](name)

    def act(self, what: str, name: str) -> str:
        return ACTIONS[what](name)

    def go(self, line: str) -> int:
        return self.tool(line)

    def through_a_maker(self, name: str) -> None:
        self._made(name)

    def made_here(self, name: str) -> None:
        made("/srv")(name)

    def closed(self, name: str) -> int:
        return self._closed(name)
