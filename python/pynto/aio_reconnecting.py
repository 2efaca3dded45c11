"""The same as ``pynto.reconnecting``, for an event loop: no thread, and what waits is awaited."""

from __future__ import annotations

import asyncio
import inspect
import weakref
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from pynto.backoff import Backoff, bare, is_final, log, replaced
from pynto.errors import Disconnected, escaped
from pynto.reconnecting import Waiting

if TYPE_CHECKING:
    from pynto.aio import Connection

__all__ = ["Reconnecting"]

_TRY = 30.0  # seconds for one try where connect was given no limit


class Reconnecting:
    """What ``await pynto.aio.connect(..., reconnect=True)`` gives: one connection after the other, each when the one before has broken.

    ``root`` is that of the connection that is there now. Netrefs belong to the connection that they came by: those of one that
    has broken raise Disconnected for ever. So do calls that were out: they may have been run, and are never sent again.
    """

    def __init__(
        self, dial: Callable[[], Awaitable[Connection]], first: Connection, timeout: float, longest: float | None
    ) -> None:
        self._dial = dial
        self._timeout = timeout if timeout > 0 else _TRY
        self._longest = longest
        self._loop = asyncio.get_running_loop()
        self._current = first
        self._generation = 1
        self._since = self._loop.time()
        self._backoff = Backoff()
        self._over: Exception | None = None
        self._why = ""
        self._settled = asyncio.Event()  # it is there, or over for good
        self._settled.set()
        self._task: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._on_break: list[Waiting] = []
        self._on_reconnect: list[Waiting] = []
        self._on_disconnect: list[Waiting] = []
        self._watch(first)

    # ---- what is there now ----

    @property
    def root(self) -> Any:
        """What the server serves, by the connection that is there now. Disconnected: there is none; ``await ready()`` waits for one."""
        if self._over is not None:
            raise type(self._over)(str(self._over))
        if self._current.closed:
            raise Disconnected(f"not connected again yet: {self._why or self._current._reason}")
        return self._current.root

    async def ready(self, timeout: float | None = None) -> Connection:
        """The connection that is there now, or the next one, within so many seconds; usual: those of ``connect``.

        Disconnected: none within that time, or closed, or the server has ended it for good. Refused: what let us in does not any more.
        """
        seconds = self._timeout if timeout is None else timeout
        try:
            async with asyncio.timeout(seconds):
                while self._over is None and self._current.closed:
                    self._settled.clear()
                    await self._settled.wait()
        except TimeoutError:
            raise Disconnected(
                f"not connected again within {seconds:g} s: {self._why or self._current._reason}"
            ) from None
        if self._over is not None:
            raise type(self._over)(str(self._over))
        return self._current

    @property
    def generation(self) -> int:
        """The number of the newest connection, from 1."""
        return self._generation

    @property
    def peer(self) -> str:
        """The other side, for people."""
        return self._current.peer

    @property
    def closed(self) -> bool:
        """It is over for good."""
        return self._over is not None

    def __repr__(self) -> str:
        state = ", closed" if self.closed else ", broken" if self._current.closed else ""
        return f"<pynto.aio.Reconnecting to {self.peer}, connection {self._generation}{state}>"

    async def ping(self, timeout: float = 10.0) -> float:
        """The seconds of a round trip that runs no Python at the other side."""
        return await (await self.ready()).ping(timeout)

    def usage(self) -> dict[str, int]:
        """What this end holds for the peer, and has held at most, in the newest connection."""
        return self._current.usage()

    # ---- the end ----

    async def close(self) -> None:
        """Say goodbye, and try no more. Every reference is gone afterwards, and what ran here for the server has ended."""
        self._end(Disconnected("closed"))
        task, self._task = self._task, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            await asyncio.wait([task])
        await self._current.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __del__(self) -> None:
        task = getattr(self, "_task", None)
        if task is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(task.cancel)

    def _end(self, why: Exception) -> None:
        if self._over is not None:
            return
        self._over = why
        self._settled.set()
        self._on_break.clear()
        self._on_reconnect.clear()
        whom = tuple(self._on_disconnect)
        self._on_disconnect.clear()
        self._tell(whom, str(why))

    # ---- who wants to know ----

    def on_break(self, callback: Callable[[str], object]) -> Waiting:
        """Call callback(reason) on the loop each time when a connection has broken, and another one is going to be tried."""
        return Waiting(self._on_break, callback)

    def on_reconnect(self, callback: Callable[[Any], object]) -> Waiting:
        """Call callback(root) on the loop each time when there is another connection. A coroutine that it returns is run."""
        return Waiting(self._on_reconnect, callback)

    def on_disconnect(self, callback: Callable[[str], object]) -> Waiting:
        """Call callback(reason) once on the loop, when it is over for good; at once if it is."""
        entry = Waiting(self._on_disconnect, callback)
        if self._over is not None:
            entry.cancel()
            self._tell([entry], str(self._over))
        return entry

    def _tell(self, whom: list[Waiting] | tuple[Waiting, ...], what: object) -> None:
        for entry in tuple(whom):
            task = self._loop.create_task(_told(entry, what, self.peer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    # ---- connecting again ----

    def _watch(self, connection: Connection) -> None:
        owner = weakref.ref(self)

        def broken(reason: str) -> None:
            found = owner()
            if found is not None and not found._loop.is_closed():
                found._broke(reason)

        connection.on_disconnect(broken)

    def _broke(self, reason: str) -> None:
        if self._over is not None:
            return
        if self._current._final:
            self._end(Disconnected(reason))
            return
        self._backoff.lasted(self._loop.time() - self._since)
        log.warning("%s: connection %d has ended, and is tried again: %s", self.peer, self._generation, escaped(reason))
        self._task = self._loop.create_task(_try(weakref.ref(self), self._dial, self._backoff, self._timeout))
        self._tell(self._on_break, reason)

    def _take(self, made: Connection) -> None:
        before, self._current = self._current, made
        self._generation += 1
        self._since = self._loop.time()
        self._why = ""
        before._superseded(replaced(self._generation))
        log.info("%s: connection %d is there", self.peer, self._generation)
        self._settled.set()
        self._tell(self._on_reconnect, made.root)
        self._watch(made)

    def _failed(self, error: Exception, for_seconds: float) -> None:
        self._why = escaped(str(error))
        if is_final(error):
            log.error("%s: it is not tried again: %s", self.peer, self._why)
            self._end(bare(error))
        elif self._longest is not None and for_seconds >= self._longest:
            log.error("%s: given up after %g s: %s", self.peer, self._longest, self._why)
            self._end(Disconnected(f"given up after {self._longest:g} s: {self._why}"))
        else:
            log.debug("%s: not yet: %s", self.peer, self._why)


async def _told(entry: Waiting, what: object, peer: str) -> None:
    try:
        result = entry.call(what)
        if inspect.isawaitable(result):
            await result
    except Disconnected as error:  # it has broken again meanwhile: the next one is told, too
        log.info("what was to be told of %s met its end: %s", peer, escaped(str(error)))
    except Exception:
        log.exception("a callback that was to be told of %s", peer)


async def _try(
    owner: weakref.ref[Reconnecting], dial: Callable[[], Awaitable[Connection]], backoff: Backoff, timeout: float
) -> None:
    """Holds nobody while it waits: who drops the connections ends it."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while True:
        await asyncio.sleep(backoff.next())
        try:
            async with asyncio.timeout(timeout):
                made = await dial()
        except Exception as error:
            found = owner()
            if found is None:
                return
            found._failed(error, loop.time() - began)
            if found._over is not None:
                return
            del found
            continue
        found = owner()
        if found is None or found._over is not None:
            await made.close()
        else:
            found._take(made)
        return
