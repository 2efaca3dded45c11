"""asyncio, on both sides: connections that an event loop drives without a thread, and servers whose coroutines run on it.

A method of a netref gives something to be awaited once, and is sent then. What Python's syntax cannot await has a function
here, such as ``await pynto.aio.setattr(room, "title", "new")``.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from types import TracebackType
from typing import Any, Literal, Self, overload

from pynto import _core, server
from pynto.aio_reconnecting import Reconnecting
from pynto.backoff import check_address, outage
from pynto.client import _by_name, _fd_of
from pynto.errors import DeadlineExceeded, Disconnected, ProtocolError
from pynto.policy import Policy

__all__ = [
    "Connection",
    "Reconnecting",
    "Server",
    "call",
    "connect",
    "contains",
    "delitem",
    "length",
    "serve",
    "setattr",
    "setitem",
    "truth",
]


# ---- the client ----


class Connection(_core.AsyncConnection):
    """A connection that an event loop drives. It belongs to that loop, and is to be closed: ``async with`` does."""

    _root: Any = None

    @property
    def root(self) -> Any:
        """What the server serves."""
        if self._root is None:
            raise Disconnected(self._reason)
        return self._root

    async def close(self) -> None:
        """Say goodbye. Every reference is gone afterwards, and what ran here for the server has ended."""
        self._close()
        self._root = None
        tasks = self._tasks - {asyncio.current_task()}
        if tasks:
            await asyncio.wait(tasks)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def on_disconnect(self, callback: Callable[[str], object]) -> _core.Ending:
        """Call callback(reason) once on the loop, when the connection has ended; at once if it has.

        A coroutine that it returns is run. The result's cancel() takes it back.
        """
        return self._on_disconnect(partial(_tell, self._loop, callback))

    async def ping(self, timeout: float = 10.0) -> float:
        """The seconds of a round trip that runs no Python at the other side."""
        began = self._loop.time()
        try:
            async with asyncio.timeout(timeout):
                await self._ping()
        except TimeoutError:
            raise DeadlineExceeded("the peer has not answered a ping in time") from None
        if self.closed:
            raise Disconnected(self._reason)
        return self._loop.time() - began


_telling: set[asyncio.Task[Any]] = set()


def _tell(loop: asyncio.AbstractEventLoop, callback: Callable[[str], object], reason: str) -> None:
    result = callback(reason)
    if inspect.iscoroutine(result):
        if loop.is_closed():
            result.close()
            return
        task = loop.create_task(result)
        _telling.add(task)
        task.add_done_callback(_telling.discard)


@overload
async def connect(  # type: ignore[overload-overlap]  # False is a bool, and comes first
    address: str | socket.socket,
    *,
    root: str = "",
    types: Iterable[type] = (),
    quotas: Mapping[str, float] | None = None,
    timeout: float = 30.0,
    plain: bool = False,
    key: str | os.PathLike[str] | None = None,
    psk: str | os.PathLike[str] | None = None,
    reconnect: Literal[False] = False,
) -> Connection: ...


@overload
async def connect(
    address: str,
    *,
    root: str = "",
    types: Iterable[type] = (),
    quotas: Mapping[str, float] | None = None,
    timeout: float = 30.0,
    plain: bool = False,
    key: str | os.PathLike[str] | None = None,
    psk: str | os.PathLike[str] | None = None,
    reconnect: bool | float,
) -> Reconnecting: ...


async def connect(
    address: str | socket.socket,
    *,
    root: str = "",
    types: Iterable[type] = (),
    quotas: Mapping[str, float] | None = None,
    timeout: float = 30.0,
    plain: bool = False,
    key: str | os.PathLike[str] | None = None,
    psk: str | os.PathLike[str] | None = None,
    reconnect: bool | float = False,
) -> Connection | Reconnecting:
    """Connect as pynto.connect() does, for use by the running event loop; ssh:// is not for it.

    Names are looked up, and the transport is made, in the loop's executor; from then on there is no thread.
    """
    if reconnect is not False:
        longest = outage(reconnect)
        address = check_address(address)
    own = None if key is None else _core.Key(key)
    shared = None if psk is None else _core.Key(psk)
    known = _by_name(types)

    async def dial() -> Connection:
        loop = asyncio.get_running_loop()
        if isinstance(address, socket.socket):
            fd, peer = _core.dial(f"fd://{_fd_of(address)}", timeout, plain)
            address.detach()
        else:
            fd, peer = await _dialled(loop, partial(_core.dial, address, timeout, plain))
        text = address if isinstance(address, str) else peer
        made = Connection(loop, fd, fd, peer, root=root, types=known, quotas=quotas, address=text, key=own, psk=shared)
        await _begin(made, _core.quotas(quotas, True)["hello"])
        return made

    return await dial() if reconnect is False else Reconnecting(dial, await dial(), timeout, longest)


async def _begin(made: Connection, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            made._root = await made._begin()
    except TimeoutError:
        made._close("no hello in time")
        late = ProtocolError("no hello in time")
        late._final = False  # type: ignore[attr-defined]  # there may be time the next time
        raise late from None
    except BaseException as error:
        if isinstance(error, ConnectionError | PermissionError):
            error._final = made._final  # type: ignore[union-attr]
        made._close()
        raise


async def _dialled(loop: asyncio.AbstractEventLoop, dial: Callable[[], tuple[int, str]]) -> tuple[int, str]:
    """What has been dialled when nobody wants it any more is hung up."""
    future = loop.run_in_executor(None, dial)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        future.add_done_callback(_hang_up)
        raise


def _hang_up(future: asyncio.Future[tuple[int, str]]) -> None:
    if not future.cancelled() and future.exception() is None:
        os.close(future.result()[0])


# ---- what Python's syntax cannot await ----


def call(netref: Any, name: str, /, *args: Any) -> Awaitable[Any]:
    """An operation by its name, such as ``__eq__``."""
    return _core.operate(netref, name, *args)


def setattr(netref: Any, name: str, value: Any) -> Awaitable[None]:
    """``netref.name = value``."""
    return _core.operate(netref, "__setattr__", name, value)


def setitem(netref: Any, key: Any, value: Any) -> Awaitable[None]:
    """``netref[key] = value``."""
    return _core.operate(netref, "__setitem__", key, value)


def delitem(netref: Any, key: Any) -> Awaitable[None]:
    """``del netref[key]``."""
    return _core.operate(netref, "__delitem__", key)


def length(netref: Any) -> Awaitable[int]:
    """``len(netref)``."""
    return _core.operate(netref, "__len__")


def contains(netref: Any, item: Any) -> Awaitable[bool]:
    """``item in netref``."""
    return _core.operate(netref, "__contains__", item)


def truth(netref: Any) -> Awaitable[bool]:
    """``bool(netref)``."""
    return _core.operate(netref, "__bool__")


# ---- the server ----


class Server(server.Server):
    """A server in a running event loop: what is declared async runs on that loop, everything else in the server's threads."""

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End every connection; what ran for the clients is cancelled, and has ended then."""
        await asyncio.get_running_loop().run_in_executor(None, self.close)
        tasks = self._core.tasks - {asyncio.current_task()}
        if tasks:
            await asyncio.wait(tasks)

    async def serve_forever(self) -> None:
        """Wait until this is cancelled."""
        await asyncio.get_running_loop().create_future()


def serve(
    target: Any,
    *,
    policy: Policy | str | os.PathLike[str],
    listen: str | Iterable[str] = (),
    quotas: Mapping[str, float] | None = None,
    plain: bool = False,
    connections: int = 1000,
) -> Server:
    """``async with pynto.aio.serve(room, policy="policy.json", listen="tcp://127.0.0.1:7117") as server: ...``"""
    return Server(
        target,
        policy=policy,
        listen=listen,
        quotas=quotas,
        plain=plain,
        connections=connections,
        loop=asyncio.get_running_loop(),
    )
