"""The process that imports what is served, and forks off the processes that serve it.

It is forked off before the server has read its key, opened a listener or started a thread, and never sees a byte of a client's. So a process that
serves starts with everything imported, and with nothing in its memory that its clients must not have.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn

from pynto import _core
from pynto.auditlog import AuditLog
from pynto.errors import escaped
from pynto.isolation import Isolation
from pynto.policy import Policy
from pynto.server import Server
from pynto.threads import start_thread

__all__ = ["Job", "Zygote", "fork_zygote"]

_PACKET = 60 << 10  # bytes of a packet to the server
_LINES_A_SECOND = 200  # that all of them together can write to the server's stderr
_ADJUSTMENT = b"500"  # when memory runs out, the kernel ends one of these first


@dataclass(frozen=True)
class Job:
    """What is to be served, and how.

    find: imports it, in the zygote. make: what each process serves of that: an object of its own, when it is a class.
    """

    find: Callable[[], Any]
    make: Callable[[Any], Any]
    policy: Policy
    isolation: Isolation
    options: Mapping[str, Any]  # of its Server
    is_audited: bool


@dataclass
class Zygote:
    """The server's end."""

    pid: int
    control: socket.socket
    readable: tuple[str, ...] = ()

    def wait_until_imported(self) -> None:
        """ValueError: why it cannot be served."""
        answer = json.loads(self.control.recv(1 << 16) or b'{"failed": "the process that imports it has ended"}')
        if "failed" in answer:
            raise ValueError(answer["failed"])
        self.readable = tuple(answer["imported"])

    def end(self, timeout: float = 5.0) -> None:
        """It ends when nobody is left at the other end, and everything that it has forked off with it."""
        self.control.close()
        with contextlib.suppress(ChildProcessError):
            fd = os.pidfd_open(self.pid)
            try:
                if not select.select([fd], [], [], timeout)[0]:
                    signal.pidfd_send_signal(fd, signal.SIGKILL)
            finally:
                os.close(fd)
            os.waitpid(self.pid, 0)


def fork_zygote(job: Job) -> Zygote:
    """To be called while this process has one thread and no secret."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    out_of, into = os.pipe()
    parent = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        try:
            if _core.follow(parent):
                _Zygote(job, theirs, into).run()
        finally:
            os._exit(1)
    theirs.close()
    os.close(into)
    start_thread(partial(_relay, out_of), "pynto-output")
    return Zygote(pid, ours)


def _relay(output: int) -> None:
    """What they print, on the server's stderr, a limited number of lines a second."""
    allowed, counted_at, dropped = float(_LINES_A_SECOND), time.monotonic(), 0
    with open(output, "rb") as lines:
        while line := lines.readline(1024):
            now = time.monotonic()
            allowed = min(_LINES_A_SECOND, allowed + (now - counted_at) * _LINES_A_SECOND)
            counted_at = now
            if allowed < 1:
                dropped += 1
                continue
            allowed -= 1
            note = f"({dropped} lines before this one were not written) " if dropped else ""
            dropped = 0
            with contextlib.suppress(OSError, ValueError):
                print(note + escaped(line.decode("utf-8", "replace").rstrip("\n")), file=sys.stderr, flush=True)


# ---- the zygote ----


class _Zygote:
    def __init__(self, job: Job, control: socket.socket, into: int) -> None:
        self._job = job
        self._control = control
        self._children: dict[int, int] = {}  # pid -> number of the worker
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # the server says when it is over
        _core.hide_memory()
        null = os.open(os.devnull, os.O_RDONLY)
        for fd, target in ((null, 0), (into, 1), (into, 2)):
            os.dup2(fd, target)
        keep = control.fileno()
        os.closerange(3, keep)
        os.closerange(keep + 1, min(os.sysconf("SC_OPEN_MAX"), 1 << 20))
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]

    def _say(self, what: dict[str, Any], fds: list[int] | None = None) -> None:
        socket.send_fds(self._control, [json.dumps(what).encode()], fds or [])

    def run(self) -> NoReturn:
        try:
            self._found = self._job.find()
            if threading.active_count() > 1:
                raise ValueError("a module starts threads when it is imported: a process that serves would lack them")
            self._readable = self._job.isolation.readable()
            self._limit_memory()
            self._say({"imported": self._readable})
        except BaseException as error:
            self._say({"failed": str(error) or type(error).__name__})
            os._exit(1)
        gc.collect()
        gc.freeze()  # what the collector never touches stays one memory for all
        wake, woken = socket.socketpair()
        self._sockets = (wake, woken)
        woken.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(woken.fileno())
        while True:
            readable, _, _ = select.select([self._control, wake], [], [])
            if wake in readable:
                wake.recv(4096)
                self._reap()
            if self._control in readable:
                data, fds, _, _ = socket.recv_fds(self._control, 64, 1)
                if not data or not fds:
                    os._exit(0)  # and the kernel ends the others
                self._fork(int(data), fds[0])

    def _limit_memory(self) -> None:
        """Here, where address space is not limited yet. Where it cannot be done the processes that serve find it out as any server does."""
        quotas = self._job.options.get("quotas") or {}
        unless_off = any(quotas.get(name) != 0 for name in ("memory", "call_memory"))
        if unless_off or any(quotas.get(name) for name in ("peer_memory", "server_memory")):
            with contextlib.suppress(RuntimeError):
                _core._limit_memory()

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            self._say({"ended": self._children.pop(pid), "code": os.waitstatus_to_exitcode(status)})

    def _fork(self, number: int, fd: int) -> None:
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            os.close(fd)
            self._say({"ended": number, "code": error.errno or 1})
            return
        if pid == 0:
            try:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for each in (*self._sockets, self._control):
                    each.close()
                if _core.follow(parent):
                    _serve(self._job, self._found, self._readable, socket.socket(fileno=fd))
            finally:
                os._exit(1)
        os.close(fd)
        self._children[pid] = number
        watching = os.pidfd_open(pid)
        try:
            self._say({"forked": number, "pid": pid}, [watching])
        finally:
            os.close(watching)


# ---- a process that serves ----


class _Forwarded(AuditLog):
    """Its lines go to the server, which alone can write to the file."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control

    def write(self, lines: bytes, dropped: int = 0) -> None:
        while lines or dropped:
            part = lines[:_PACKET]
            if len(part) < len(lines):
                part = part[: part.rfind(b"\n") + 1]
            self._control.send(b"a" + dropped.to_bytes(8, "big") + part)
            lines, dropped = lines[len(part) :], 0

    def reopen(self) -> None:
        """It is not here that it is open."""

    def close(self) -> None:
        """Nor that it is closed."""


class _WorkerServer(Server):
    _is_checked = True  # before there was any of them

    def __init__(self, target: Any, job: Job, audit_log: AuditLog | None) -> None:
        self._core_options = {"stuck_seconds": job.isolation.grace}
        super().__init__(
            target,
            policy=job.policy,
            ends_deserted=job.isolation.by == "connection",
            audit_log=audit_log,
            exits_stuck=True,
            **job.options,
        )

    def attend(self, control: int) -> None:
        self._core.attend(control)


def _serve(job: Job, found: Any, readable: tuple[str, ...], control: socket.socket) -> NoReturn:
    code = 1
    words = socket.socket(fileno=os.dup(control.fileno()))
    try:
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "wb", buffering=0) as file:
            file.write(_ADJUSTMENT)
        parts = job.isolation.enter(readable)
        server = _WorkerServer(job.make(found), job, _Forwarded(words) if job.is_audited else None)
        server.attend(control.detach())
        words.send(b"r" + ", ".join(parts).encode())
        server.run()
        server.close()
        code = 0
    except BaseException as error:
        traceback.print_exc()
        with contextlib.suppress(OSError):
            words.send(b"f" + escaped(f"{type(error).__name__}: {error}").encode()[:1024])
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
