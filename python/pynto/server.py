"""The server's end: an object, its policy, and the addresses where it is served."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import FrameType, TracebackType
from typing import Any

from pynto import _core, admin
from pynto.auditlog import AuditLog
from pynto.client import Connection, _by_name, _fd_of
from pynto.errors import escaped
from pynto.keeper import Keeper
from pynto.policy import Policy, as_policy
from pynto.quotas import BUILT_IN_CLASSES, QuotaClass, as_core
from pynto.state import State
from pynto.threads import kept_up, shared_loop, start_thread

__all__ = ["Drifted", "Server", "pair", "serve"]

_log = logging.getLogger("pynto.server")

_THREADS_AT_START = 2  # one runs a call while the other takes the network


class Drifted(ValueError):
    """The code is not what the policy was made from."""


class Server:
    """Serves an object under a policy, in threads of its own, beside whatever else the program does.

    target: the object; with several roots in the policy, a mapping of their names to objects. policy: a Policy, or its file.
    listen: one address or several (``tcp://127.0.0.1:0`` picks a port). quotas: changes to the limits of each connection.
    plain: plain TCP beyond this machine is wanted. hosts: names by which a WebSocket may be called, beside those of loopback, such as
    that of the proxy in front. origins: web pages that may connect to it, such as ``https://chat.example``. connections: how many
    at once. ends_deserted: run() returns when the last connection is gone. loop: the event loop that runs what is declared
    ``async``; None: one in a thread of its own. audit_log: the file that every decision on a call is written to.
    exits_stuck: a call that nothing in the process can end ends the process, with exit code 70. costs: what a call of an operation
    costs, as in ``{"chat:Room.search": 50}``, of the units that the quota ``cost_per_second`` counts; each other costs 1.
    per_source: connections that one address may have, of IPv6 one /64, over TCP, WebSockets and ``pynto://``. None: a quarter of connections, and as
    many as there are for 127.0.0.1 and ::1, behind which a proxy may stand for everybody.
    classes: what differs from quotas for those who are in a class (see docs/quotas.md), by its name.

    state: the folder of a server at ``pynto://host:port``, where its key is, and what it has granted (see pynto.State); with one, TCP
    beyond this machine is encrypted.

    ValueError: the policy is unsound, has no such root, or the code has drifted from it (Drifted). TypeError: the object is
    not what the policy says. OSError: an address cannot be bound, or the audit log not be opened.
    """

    _is_checked = False  # somebody has looked already whether the code has drifted
    _core_options: Mapping[str, Any] = {}

    def __init__(
        self,
        target: Any,
        *,
        policy: Policy | str | os.PathLike[str],
        listen: str | Iterable[str] = (),
        quotas: Mapping[str, float] | None = None,
        plain: bool = False,
        hosts: Iterable[str] = (),
        origins: Iterable[str] = (),
        connections: int = 1000,
        ends_deserted: bool = False,
        loop: asyncio.AbstractEventLoop | None = None,
        audit_log: AuditLog | str | os.PathLike[str] | None = None,
        state: State | str | os.PathLike[str] | None = None,
        exits_stuck: bool = False,
        costs: Mapping[str, int] | None = None,
        per_source: int | None = None,
        classes: Mapping[str, QuotaClass] | None = None,
    ) -> None:
        self.policy = as_policy(policy)
        if not self._is_checked:
            check_drift(self.policy)
        _log.info("policy sha256:%s", self.policy.sha256)
        self.state = state if state is None or isinstance(state, State) else State(state)
        self._limit = connections
        self._admin: Server | None = None
        self._threads: list[threading.Thread] = []
        self._keeping: threading.Thread | None = None
        self._lock = threading.Lock()
        self._audit_log = _as_audit_log(audit_log)
        self._auditor: threading.Thread | None = None
        self._spawner = _Spawner(self)
        self._core = _core.Server(
            self.policy,
            self._roots(target),
            self._spawner,
            quotas=quotas,
            connections=connections,
            ends_deserted=ends_deserted,
            audit=self._audit_log is not None,
            door=None if self.state is None else self.state.door,
            exits_stuck=exits_stuck,
            costs=costs,
            per_source=per_source or 0,
            classes=as_core(classes or {}, list(self.policy.roots)),
            **self._core_options,
        )
        if self._core.unlimited_memory is not None:
            _log.warning("%s", self._core.unlimited_memory)
        self._keeper = (
            None
            if self.state is None
            else Keeper(self._core, self.state, self._revoked, {*BUILT_IN_CLASSES, *(classes or {})})
        )
        if self._keeper is not None:
            self._keeper.load()
        addresses = [listen] if isinstance(listen, str) else list(listen)
        self._plain = plain
        hosts, origins = _names("hosts", hosts, _HOST), _names("origins", origins, _ORIGIN)
        self.addresses = [self._core.listen(each, plain, hosts, origins) for each in addresses]
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = loop
        self._is_attached = False

    @property
    def address(self) -> str:
        """The first address, with the port that was bound."""
        return self.addresses[0]

    def start(self) -> Server:
        """Serve in the background."""
        self._attach()
        for _ in range(_THREADS_AT_START):
            self._spawn()
        self._start_log()
        return self

    def run(self) -> None:
        """Serve in this thread (and one more) until close() is called."""
        self._attach()
        self._start_log()
        self._core.run()

    def stop(self) -> None:
        """Let run() return; may be called from a signal handler or from a served method."""
        self._core.stop()

    def close(self) -> None:
        """End every connection and wait for the threads."""
        if self._closed:
            return
        self._closed = True
        self._core.stop()
        self._core.hide_metrics()
        if self._admin is not None:
            self._admin.close()
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(timeout=10.0)
        self._core.unlisten()
        self._core.close_log()
        if self.state is not None:
            self.state.door.close()
        if self._keeping is not None and self._keeping is not threading.current_thread():
            self._keeping.join(timeout=10.0)
        self._keeping = self._keeper = self.state = None  # and the key with them
        self._detach()
        if self._auditor is not None:
            self._auditor.join(timeout=10.0)
        self._spawner.server = None

    @property
    def has_audit_log(self) -> bool:
        return self._audit_log is not None

    def reopen_audit_log(self) -> None:
        """Go on in the file of that name, as after it was moved away; may be called from a signal handler."""
        if self._audit_log is not None:
            self._audit_log.reopen()

    def adopt(self, stream: socket.socket | int, out_fd: int = -1, peer: str = "adopted") -> None:
        """Serve a connection that is open already: a connected socket, which is detached, or two descriptors.

        They are the server's from now on. A socket that leads beyond this machine needs ``plain``, as an address does.
        """
        if isinstance(stream, socket.socket):
            in_fd, _ = _core.dial(f"fd://{_fd_of(stream)}", 0.0, self._plain)
            stream.detach()
            self._core.adopt(in_fd, in_fd, peer)
        else:
            self._core.adopt(stream, stream if out_fd < 0 else out_fd, peer, peer == "stdio")

    def show_metrics(self, address: str, *, anywhere: bool = False) -> str:
        """Serve metrics to Prometheus at ``127.0.0.1:9117`` or ``unix:///path``, until close(); the address that was bound.

        They are served by a thread that needs no interpreter: also while a call computes. anywhere: beyond this machine is wanted.
        """
        return self._core.show_metrics(address if "://" in address else f"tcp://{address}", anywhere)

    def metrics(self) -> str:
        """The same text, now."""
        return self._core.metrics()

    def admit(self, address: str) -> str:
        """Let an operator look at this server at ``unix:///path``, with ``pynto top``; the address. The socket's folder is its owner's alone.

        PermissionError: it is not. ValueError: that is another kind of address.
        """
        if self._admin is not None:
            raise ValueError("there is an admin already")
        admin.check_place(address)
        roots = {"admin": admin.Admin(self, self._limit), "control": admin.Control(self)}
        made = Server(roots, policy=admin.POLICY, listen=address, quotas=admin.QUOTAS, connections=admin.CONNECTIONS)
        self._admin = made.start()
        return made.address

    def connections(self) -> list[dict[str, Any]]:
        """Everybody who is connected: number, peer, principal, class, transport, age, and what each of them has had and holds."""
        return self._core.connections()

    def disconnect(self, number: int) -> bool:
        """End the connection of this number; False: there is none."""
        return self._core.disconnect(number)

    def stats(self) -> dict[str, int]:
        """Connections, threads, calls."""
        return self._core.stats()

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _roots(self, target: Any) -> dict[str, Any]:
        return _roots(self.policy, target)

    def _revoked(self, id: bytes) -> None:
        """A grant has been taken back, and who was connected here by it is gone."""

    def _attach(self) -> None:
        """What is declared async runs on the loop from now on."""
        if self._is_attached or not (self._loop or self._core.has_coroutines):
            return
        self._loop = self._loop or shared_loop()
        self._is_attached = True
        wake = self._core.attach(self._loop)
        self._in_loop(partial(self._loop.add_reader, wake, self._core.on_wake))

    def _detach(self) -> None:
        """What ran is cancelled already, and comes to its end; its answers have nowhere to go."""
        if self._is_attached and self._loop is not None:
            self._is_attached = False
            self._in_loop(partial(self._let_end, self._loop, self._core.attach(self._loop)))

    def _let_end(self, loop: asyncio.AbstractEventLoop, wake: int) -> None:
        self._core.on_wake()
        loop.remove_reader(wake)

    def _in_loop(self, call: Callable[[], Any]) -> None:
        assert self._loop is not None
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if running is self._loop:
            call()
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call)

    def _spawn(self) -> None:
        thread = start_thread(partial(self._core.run, True), "pynto-server")
        with self._lock:
            self._threads = [each for each in self._threads if each.is_alive()] + [thread]

    def _start_log(self) -> None:
        start_thread(partial(kept_up, _Logger(self._core)), "pynto-log")
        if self._audit_log is not None:
            self._auditor = start_thread(partial(_audit, self._core, self._audit_log), "pynto-audit")
        if self._keeper is not None:
            self._keeping = start_thread(partial(kept_up, self._keeper), "pynto-keeper")


class _Spawner:
    """What the core calls for one more thread.

    It holds the server, which so lives as long as it serves. After close() nothing is held in a circle: the last reference takes the
    descriptors and the memory with it, however seldom the collector comes.
    """

    def __init__(self, server: Server) -> None:
        self.server: Server | None = server

    def __call__(self) -> None:
        server = self.server
        if server is not None:
            server._spawn()


class _Logger:
    """Carries lines from threads that must not wait to the log."""

    def __init__(self, core: _core.Server) -> None:
        self._core = core

    def __call__(self) -> None:
        while (entry := self._core.next_line()) is not None:
            connection, peer, text, dropped = entry
            told = {"connection": connection, "peer": escaped(peer)} if peer else {}
            _log.info("%s", escaped(f"{peer}: {text}" if peer else text), extra={"pynto": told})
            if dropped:
                _log.warning("%d lines were not logged", dropped)


def check_drift(policy: Policy) -> None:
    """Drifted: the code is not what the policy was made from."""
    drift = policy.drift()
    if drift:
        raise Drifted("the code has drifted from the policy: " + "; ".join(drift))


# What can never be equal to what a browser sends is a mistake.
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
_ORIGIN = re.compile(r"null|[a-z][a-z0-9+.-]*://[^/?#@\s]+")


def _names(name: str, values: Iterable[str], form: re.Pattern[str]) -> tuple[str, ...]:
    if isinstance(values, str):
        raise TypeError(f"{name} is a list of strings, not one")
    names = tuple(values)
    for each in names:
        if not form.fullmatch(each):
            what = "a host has no port" if form is _HOST else "an origin is scheme://host, without a path"
            raise ValueError(f"{name}: {each!r}: {what}")
    return names


def _as_audit_log(audit_log: AuditLog | str | os.PathLike[str] | None) -> AuditLog | None:
    return audit_log if audit_log is None or isinstance(audit_log, AuditLog) else AuditLog(audit_log)


def _audit(core: _core.Server, audit_log: AuditLog) -> None:
    """Carries decisions to the audit log, until there will be no more."""
    taken: list[tuple[bytes, int]] = []  # until they stand there: rather twice than not at all

    def carry() -> None:
        while True:
            if not taken:
                found = core.next_decisions()
                if found is None:
                    return
                taken.append(found)
            audit_log.write(*taken[0])
            taken.clear()

    kept_up(carry)
    audit_log.close()


def _roots(policy: Policy, target: Any) -> dict[str, Any]:
    names = list(policy.roots)
    if len(names) == 1:
        return {names[0]: target}
    if not isinstance(target, dict) or sorted(target) != sorted(names):
        raise ValueError(f"the policy has the roots {', '.join(sorted(names))}: pass a dict with an object for each")
    return {name: target[name] for name in names}  # the order in which the core counts them


def serve(
    target: Any,
    *,
    policy: Policy | str | os.PathLike[str],
    listen: str | Iterable[str],
    quotas: Mapping[str, float] | None = None,
    plain: bool = False,
    hosts: Iterable[str] = (),
    origins: Iterable[str] = (),
    audit_log: AuditLog | str | os.PathLike[str] | None = None,
    state: State | str | os.PathLike[str] | None = None,
    costs: Mapping[str, int] | None = None,
) -> None:
    """Serve target until interrupted (Ctrl-C or SIGTERM, when called in the main thread). See Server."""
    with StoppedBySignals() as signals:
        server = Server(
            target,
            policy=policy,
            listen=listen,
            quotas=quotas,
            plain=plain,
            hosts=hosts,
            origins=origins,
            audit_log=audit_log,
            state=state,
            costs=costs,
        )
        for address in server.addresses:
            print(f"serving at {address}", file=sys.stderr, flush=True)
        signals.run(server)


class StoppedBySignals:
    """SIGINT and SIGTERM end a server in an orderly way, never in the middle of a call, from the moment that this is entered.

    SIGHUP makes one that has an audit log open that anew.

    In another thread than the main one, which alone gets signals, it changes nothing.
    """

    def __init__(self) -> None:
        self._server: Server | None = None
        self._is_stopped = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StoppedBySignals:
        if threading.current_thread() is threading.main_thread():
            self._before = {each: signal.signal(each, self._stop) for each in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._is_stopped = True
        if self._server is not None:
            self._server.stop()

    def run(self, server: Server) -> None:
        """Run it in this thread; it is closed afterwards."""
        self._server = server
        if self._before and server.has_audit_log:
            self._before[signal.SIGHUP] = signal.signal(signal.SIGHUP, lambda *_: server.reopen_audit_log())
        if self._is_stopped:
            server.stop()
        try:
            server.run()
        finally:
            server.close()


class _PairConnection(Connection):
    """The client's end of a pair: closing it closes the server."""

    _server: Server | None = None

    def close(self) -> None:
        super().close()
        server, self._server = self._server, None
        if server is not None:
            server.close()


def pair(
    target: Any,
    *,
    policy: Policy | str | os.PathLike[str],
    types: Iterable[type] = (),
    quotas: Mapping[str, float] | None = None,
) -> Connection:
    """Serve target to this very process, through every byte of the protocol: for tests. Closing the connection ends it."""
    server = Server(target, policy=policy, quotas=quotas).start()
    ours, theirs = socket.socketpair()
    server.adopt(theirs, peer="pair")
    fd = ours.detach()
    made = _PairConnection(fd, fd, "pair", types=_by_name(types))
    made._server = server
    return made
