"""Functions that are put into a table by others, and found there by name or by type."""
import functools
import os
from collections.abc import Callable

ROUTES: dict[str, Callable[[str], object]] = {}
PLUGINS: dict[str, type["Plugin"]] = {}


def register(name: str, function: Callable[[str], object]) -> None:
    ROUTES[name] = function


register("remove", os.remove)


def route(name: str) -> Callable[[Callable[[str], int]], Callable[[str], int]]:
    def put(function: Callable[[str], int]) -> Callable[[str], int]:
        ROUTES[name] = function
        return function

    return put


@route("run")
def run(line: str) -> int:
    return os.system(line)  # ! power-processes Root.routed()


@functools.singledispatch
def act(what: object) -> int:
    return 0


@act.register
def _(what: str) -> int:
    return os.system(what)  # ! power-processes Root.dispatched()


@act.register(bytes)
def _(what: bytes) -> int:
    os.rmdir(what)  # ! power-files Root.dispatched()
    return 0


class Plugin:
    def __init_subclass__(cls) -> None:
        PLUGINS[cls.__name__] = cls

    def use(self, what: str) -> None: ...


class Touch(Plugin):
    def use(self, what: str) -> None:
        os.mkdir(what)  # ! power-files Root.plugged()


class Bus:
    def __init__(self) -> None:
        self._heard: list[Callable[[str], object]] = []

    def on(self, function: Callable[[str], object]) -> None:
        self._heard.append(function)

    def emit(self, what: str) -> None:
        for each in self._heard:
            each(what)  # ! power-files Root.emitted()


class Root:
    def __init__(self) -> None:
        self._bus = Bus()
        self._bus.on(os.unlink)

    def routed(self, name: str, what: str) -> None:
        ROUTES[name](what)  # ! power-files Root.routed()

    def dispatched(self, what: str) -> int:
        return act(what)

    def plugged(self, name: str, what: str) -> None:
        PLUGINS[name]().use(what)

    def emitted(self, what: str) -> None:
        self._bus.emit(what)
