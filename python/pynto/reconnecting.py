"""Connections that are made again when they break: a new root, never an old netref bound to something new."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, Self

from pynto import _core
from pynto.backoff import Backoff, bare, is_final, log, replaced
from pynto.client import Connection, Root
from pynto.deadlines import bounded, deadline
from pynto.errors import Disconnected, escaped
from pynto.threads import start_thread

__all__ = ["Reconnecting"]

Dial = Callable[[], Connection[Any]]
_TRY = 30.0  # seconds for one try where connect was given no limit


class Waiting:
    """Something to be called: cancel() takes it back."""

    def __init__(self, among: list[Waiting], call: Callable[..., object]) -> None:
        self._among = among
        self.call = call
        among.append(self)

    def cancel(self) -> bool:
        """Will it not be called any more because of this?"""
        try:
            self._among.remove(self)
        except ValueError:
            return False
        return True


class Reconnecting(Generic[Root]):
    """What ``connect(..., reconnect=True)`` gives: one connection after the other to the same server, each when the one before has broken.

    ``root`` is that of the connection that is there now. Netrefs belong to the connection that they came by: those of one that
    has broken raise Disconnected for ever. So do calls that were out: they may have been run, and are never sent again.
    """

    def __init__(self, dial: Dial, first: Connection[Root], timeout: float, longest: float | None) -> None:
        self._dial = dial
        self._timeout = timeout
        self._longest = longest
        self._pid = os.getpid()
        self._state = threading.Condition()
        self._current = first
        self._generation = 1
        self._since = time.monotonic()
        self._backoff = Backoff()
        self._over: Exception | None = None
        self._why = ""  # the newest try that came to nothing
        self._stop = threading.Event()
        self._on_break: list[Waiting] = []
        self._on_reconnect: list[Waiting] = []
        self._on_disconnect: list[Waiting] = []
        self._watch(first)

    # ---- what is there now ----

    @property
    def root(self) -> Root:
        """What the server serves, by the connection that is there now. While there is none it waits, as ``ready`` does."""
        current = self._current
        if self._over is None and not current.closed:  # as nearly always
            return current.root
        return self.ready().root

    def ready(self, timeout: float | None = None) -> Connection[Root]:
        """The connection that is there now, or the next one: within so many seconds (usual: those of ``connect``), or those of a deadline.

        Disconnected: none within that time, or closed, or the server has ended it for good. Refused: what let us in does not any more.
        """
        if os.getpid() != self._pid:
            raise Disconnected("the connection is that of the parent process")
        with bounded(self._timeout if timeout is None else timeout) as seconds, self._state:
            if not self._state.wait_for(self._is_settled, seconds or None):
                raise Disconnected(f"not connected again within {seconds:g} s: {self._why or self._current._reason}")
            if self._over is not None:
                raise type(self._over)(
                    str(self._over)
                )  # a new one for everybody: an exception collects where it has been
            return self._current

    def _is_settled(self) -> bool:
        return self._over is not None or not self._current.closed

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
        return self._over is not None or os.getpid() != self._pid

    def __repr__(self) -> str:
        state = ", closed" if self.closed else ", broken" if self._current.closed else ""
        return f"<pynto.Reconnecting to {self.peer}, connection {self._generation}{state}>"

    def ping(self, timeout: float = 10.0) -> float:
        """The seconds of a round trip that runs no Python at the other side."""
        return self.ready().ping(timeout)

    def usage(self) -> dict[str, int]:
        """What this end holds for the peer, and has held at most, in the newest connection."""
        return self._current.usage()

    def pipeline(self) -> _core.Pipeline:
        """A pipeline of the connection that is there now."""
        return self.ready().pipeline()

    def serve(self, timeout: float | None = None) -> int:
        """Runs the calls that the server makes by itself, in this thread, by one connection after the other: until it is closed, or so many seconds."""
        until = None if timeout is None else time.monotonic() + timeout
        count = 0
        while not self.closed:
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                break
            with self._state:
                if not self._state.wait_for(self._is_settled, left):
                    break
                current = self._current
            count += current.serve(left)
        return count

    # ---- the end ----

    def close(self) -> None:
        """Say goodbye, and try no more. Every reference is gone afterwards."""
        if os.getpid() == self._pid:
            self._end(Disconnected("closed"))
        self._current.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        stop = getattr(self, "_stop", None)
        if stop is not None:
            stop.set()

    def _end(self, why: Exception) -> None:
        """why: one that has been nowhere yet."""
        with self._state:
            if self._over is not None:
                return
            self._over = why
            self._stop.set()
            self._state.notify_all()
        self._on_break.clear()
        self._on_reconnect.clear()
        for entry in tuple(self._on_disconnect):
            if entry.cancel():  # else somebody has, or it came after the end
                self._tell([entry], str(why))

    # ---- who wants to know ----

    def on_break(self, callback: Callable[[str], object]) -> Waiting:
        """Call callback(reason) each time when a connection has broken, and another one is going to be tried."""
        return Waiting(self._on_break, callback)

    def on_reconnect(self, callback: Callable[[Any], object]) -> Waiting:
        """Call callback(root) each time when there is another connection: the place to subscribe again.

        It runs in the thread that has connected, when ``root`` gives the new one already.
        """
        return Waiting(self._on_reconnect, callback)

    def on_disconnect(self, callback: Callable[[str], object]) -> Waiting:
        """Call callback(reason) once, when it is over for good; at once if it is."""
        entry = Waiting(self._on_disconnect, callback)
        if self._over is not None and entry.cancel():
            callback(str(self._over))
        return entry

    def _tell(self, whom: list[Waiting], what: object) -> None:
        for entry in tuple(whom):
            try:
                entry.call(what)
            except Disconnected as error:  # it has broken again meanwhile: the next one is told, too
                log.info("what was to be told of %s met its end: %s", self.peer, escaped(str(error)))
            except Exception:
                log.exception("a callback that was to be told of %s", self.peer)

    # ---- connecting again ----

    def _watch(self, connection: Connection[Any]) -> None:
        """A connection is told to have ended once, whoever has met it: so there is one thread that tries."""
        connection.on_disconnect(_Broken(self))

    def _broke(self, reason: str) -> None:
        broken = self._current
        if self._over is not None:
            return
        if broken._final:
            self._end(Disconnected(reason))
            return
        self._backoff.lasted(time.monotonic() - self._since)
        log.warning("%s: connection %d has ended, and is tried again: %s", self.peer, self._generation, escaped(reason))
        start_thread(_Trying(self), "pynto-reconnect")
        self._tell(self._on_break, reason)

    def _take(self, made: Connection[Any]) -> None:
        with self._state:
            is_late = self._over is not None
            if not is_late:
                before, self._current = self._current, made
                self._generation += 1
                self._since = time.monotonic()
                self._why = ""
                before._superseded(replaced(self._generation))
                self._state.notify_all()
        if is_late:
            made.close()
            return
        log.info("%s: connection %d is there", self.peer, self._generation)
        root = made.root
        self._watch(made)
        self._tell(self._on_reconnect, root)

    def _failed(self, error: Exception, for_seconds: float) -> None:
        """A try has come to nothing: the last one, or not."""
        self._why = escaped(str(error))
        if is_final(error):
            log.error("%s: it is not tried again: %s", self.peer, self._why)
            self._end(bare(error))
        elif self._longest is not None and for_seconds >= self._longest:
            log.error("%s: given up after %g s: %s", self.peer, self._longest, self._why)
            self._end(Disconnected(f"given up after {self._longest:g} s: {self._why}"))
        else:
            log.debug("%s: not yet: %s", self.peer, self._why)


class _Broken:
    """Tells whoever holds the connections, if somebody still does."""

    def __init__(self, owner: Reconnecting[Any]) -> None:
        self._owner = weakref.ref(owner)

    def __call__(self, reason: str) -> None:
        owner = self._owner()
        if owner is not None:
            owner._broke(reason)


class _Trying:
    """The thread that connects again. It holds nobody: who drops the connections ends it."""

    def __init__(self, owner: Reconnecting[Any]) -> None:
        self._owner = weakref.ref(owner)
        self._dial = owner._dial
        self._stop = owner._stop
        self._backoff = owner._backoff
        self._timeout = owner._timeout
        self._since = time.monotonic()

    def __call__(self) -> None:
        while not self._stop.wait(self._backoff.next()):
            try:
                made = self._try()
            except Exception as error:
                owner = self._owner()
                if owner is not None:
                    owner._failed(error, time.monotonic() - self._since)
                del owner
                continue
            owner = self._owner()
            if owner is not None:
                owner._take(made)
            else:
                made.close()
            return

    def _try(self) -> Connection[Any]:
        with deadline(self._timeout if self._timeout > 0 else _TRY):
            return self._dial()
