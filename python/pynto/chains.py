"""Results that are used before they are awaited: what depends on them goes out together with them, in one message."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

from pynto import _core
from pynto.errors import Refused


class _Node:
    """One call of a chain: what it is made of, and what became of it."""

    __slots__ = ("args", "error", "kwargs", "name", "sent", "target", "value")

    def __init__(self, target: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any] | None) -> None:
        self.target = target  # a netref, or a node
        self.name = name
        self.args = [_node_of(each) for each in args]
        self.kwargs = {key: _node_of(each) for key, each in (kwargs or {}).items()}
        self.sent: asyncio.Future[None] | None = None  # done when it has a value, or an error
        self.value: Any = None
        self.error: BaseException | None = None

    def needed(self) -> list[_Node]:
        return [each for each in (self.target, *self.args, *self.kwargs.values()) if isinstance(each, _Node)]

    def settle(self, value: Any, error: BaseException | None) -> None:
        assert self.sent is not None
        if not self.sent.done():
            self.value, self.error = value, error
            self.sent.set_result(None)

    def result(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.value


class Promised:
    """A call on the result of another that was not awaited, or with one among its arguments. It runs once, whoever awaits it.

    Its methods, attributes and items are calls of the same kind.
    """

    __slots__ = ("_node",)

    def __init__(self, node: _Node) -> None:
        self._node = node

    def __getattr__(self, name: str) -> Promised:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Member(self._node, name)

    def __getitem__(self, key: Any) -> Promised:
        return Promised(_Node(self._node, "__getitem__", (key,), None))

    def __call__(self, *args: Any, **kwargs: Any) -> Promised:
        return Promised(_Node(self._node, "__call__", args, kwargs))

    def __await__(self) -> Generator[Any, None, Any]:
        return _result(self._node).__await__()

    def __bool__(self) -> bool:
        raise TypeError("the result of a call that was not awaited is neither true nor false")

    __iter__ = None


class _Member(Promised):
    """An attribute of a result, or a method when it is called."""

    __slots__ = ("_name", "_owner")

    def __init__(self, owner: _Node, name: str) -> None:
        super().__init__(_Node(owner, "__getattr__", (name,), None))
        self._owner, self._name = owner, name

    def __call__(self, *args: Any, **kwargs: Any) -> Promised:
        return Promised(_Node(self._owner, self._name, args, kwargs))


def promised(netref: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any] | None) -> Promised:
    """What stands for the result of a call that nobody has awaited. The core asks once for each call."""
    return Promised(_Node(netref, name, args, kwargs))


def _node_of(value: Any) -> Any:
    if isinstance(value, _core.Call):
        value = value._promised()
    return value._node if isinstance(value, Promised) else value


async def _result(node: _Node) -> Any:
    if node.sent is None:
        await _Run(node).send()
    else:
        await asyncio.shield(node.sent)
    return node.result()


class _Run:
    """One pipeline: all that one await needs and that nobody has sent yet."""

    def __init__(self, last: _Node) -> None:
        self.nodes: list[_Node] = []  # each behind those that it needs
        self._before: list[asyncio.Future[None]] = []
        self._places: dict[int, int] = {}
        self._find(last)

    def _find(self, last: _Node) -> None:
        seen: set[int] = set()
        waiting = [(last, False)]
        while waiting:
            node, is_ready = waiting.pop()
            if is_ready:
                self._places[id(node)] = len(self.nodes)
                self.nodes.append(node)
            elif id(node) not in seen:
                seen.add(id(node))
                if node.sent is not None:
                    self._before.append(node.sent)
                else:
                    waiting.append((node, True))
                    waiting.extend((each, False) for each in reversed(node.needed()))

    async def send(self) -> None:
        loop = asyncio.get_running_loop()
        for node in self.nodes:
            node.sent = loop.create_future()
        try:
            for each in self._before:
                await asyncio.shield(each)
            await self._send_all()
        except Exception as error:
            self._settle_rest(error)
        finally:
            self._settle_rest(RuntimeError("the task that had sent this call was cancelled"))

    def _settle_rest(self, error: Exception) -> None:
        for node in self.nodes:
            node.settle(None, error)

    async def _send_all(self) -> None:
        connection = _core.connection(self._a_netref())
        pipeline = connection._pipeline()
        promises: list[Any] = []

        def put(value: Any) -> Any:
            if not isinstance(value, _Node):
                return value
            return promises[self._places[id(value)]] if id(value) in self._places else value.result()

        for node in self.nodes:
            target, args = put(node.target), [put(each) for each in node.args]
            kwargs = {key: put(each) for key, each in node.kwargs.items()}
            step = (target if id(node.target) in self._places else pipeline(target), node.name, args, kwargs)
            promises.append(await _step(connection, *step))
        await connection._send(pipeline)
        for node, promise in zip(self.nodes, promises, strict=True):
            try:
                node.settle(promise.result(), None)
            except Exception as error:
                node.settle(None, error)

    def _a_netref(self) -> Any:
        """Whose connection it is: that of the first netref in it, or of a result that is there."""
        for node in self.nodes:
            target = node.target.value if isinstance(node.target, _Node) else node.target
            if _core.is_netref(target):
                return target
        raise Refused("not permitted")  # what was to be called is nothing that can be


async def _step(connection: Any, target: Any, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
    for _ in range(2):
        try:
            if name == "__getattr__":
                return getattr(target, *args)
            if name == "__getitem__":
                return target[args[0]]
            method = target if name == "__call__" else getattr(target, name)
            return method(*args, **kwargs)
        except BlockingIOError:  # the server was asked what it is: the answer to a ping comes behind its answer
            await connection._ping()
    raise Refused("the server does not say what this is")
