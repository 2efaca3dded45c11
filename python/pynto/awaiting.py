"""What netrefs need where an event loop drives their connection. The core looks these up."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, NoReturn

from pynto import _core

_HOW = {
    "__bool__": "await pynto.aio.truth(x)",
    "__contains__": "await pynto.aio.contains(x, item)",
    "__delitem__": "await pynto.aio.delitem(x, key)",
    "__enter__": "async with x",
    "__exit__": "async with x",
    "__iter__": "async for item in x",
    "__len__": "await pynto.aio.length(x)",
    "__next__": "await anext(x)",
    "__setattr__": "await pynto.aio.setattr(x, name, value)",
    "__setitem__": "await pynto.aio.setitem(x, key, value)",
}


def cannot_wait(name: str) -> NoReturn:
    """Python wants the result of this operation at once, and an event loop cannot wait for it."""
    how = _HOW.get(name, f"await pynto.aio.call(x, {name!r}, ...)")
    raise TypeError(f"{name} cannot be awaited by Python's syntax for it; write: {how}")


async def awaited(awaitable: Awaitable[Any]) -> Any:
    """A coroutine, which is what a task wants."""
    return await awaitable


class Iteration:
    """An asynchronous iteration over something that is asked for its iterator first, when the first item is wanted."""

    def __init__(self, netref: Any, name: str = "__aiter__") -> None:
        self._netref = netref
        self._name = name
        self._iterator: Any = None

    def __aiter__(self) -> Iteration:
        return self

    async def __anext__(self) -> Any:
        if self._iterator is None:
            self._iterator = await _core.operate(self._netref, self._name)
            self._netref = None
        return await anext(self._iterator)


def _itself(netref: Any) -> Any:
    return netref


def _iterate(netref: Any) -> Iteration:
    return Iteration(netref, "__iter__")


def _step(netref: Any) -> Awaitable[Any]:
    return _core.operate(netref, "__next__")


def _enter(netref: Any) -> Awaitable[Any]:
    return _core.operate(netref, "__enter__")


def _exit(netref: Any, *error: Any) -> Awaitable[Any]:
    return _core.operate(netref, "__exit__", *error)


HELPERS: dict[str, dict[str, Any]] = {
    "__next__": {"__anext__": _step, "__aiter__": _itself},
    "__iter__": {"__aiter__": _iterate},
    "__enter__": {"__aenter__": _enter, "__aexit__": _exit},
}
"""What a type of netrefs gets beside each of these operations, unless it has it already: an order that counts."""
