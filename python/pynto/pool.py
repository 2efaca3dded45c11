"""The processes that serve for a server: one that waits for the next connection, those that serve, and what becomes of their connections when they end."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from pynto import _core
from pynto.auditlog import AuditLog
from pynto.errors import escaped
from pynto.isolation import Isolation
from pynto.threads import start_thread
from pynto.zygote import Zygote

__all__ = ["Pool"]

_log = logging.getLogger("pynto.server")

_ROUND = 0.1  # seconds: nothing waits for the pool longer than this
_MOMENT = 0.002  # seconds until what could not be handed over is tried again
_PINGS = 5  # until patience is at its end
_LEAVE_WITHIN = 5.0  # seconds, behind all grace, for the pool itself
_REVOKED_WITHIN = 1.0  # seconds that a process has to end a connection by itself
_START_WITHIN = 30.0
_PACKET = 64 << 10


class _Leaver(NamedTuple):
    """A connection that waits to be served."""

    token: int
    serial: int
    who: str
    quota_class: str
    peer: str
    grant: bytes


class _Worker:
    def __init__(self, number: int, control: socket.socket) -> None:
        self.number = number
        self.control = control
        self.began_at = time.monotonic()
        self.pid = 0
        self.pidfd = -1
        self.is_ready = False
        self.is_stopping = False
        self.is_ending = False  # by itself, and soon
        self.key: str | None = None  # the class that it serves; None: nobody yet
        self.serves: dict[int, _Leaver] = {}  # by serial
        self.due: dict[int, float] = {}  # serial -> until when it has to be over
        self.pinged_at = 0.0
        self.answered_at = 0.0
        self.why = "its process has ended"

    def say(self, word: bytes) -> None:
        with contextlib.suppress(OSError):  # who does not listen is found out otherwise
            self.control.send(word, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)

    def kill(self, why: str) -> None:
        self.why = why
        if self.pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def close(self) -> None:
        self.control.close()
        if self.pidfd >= 0:
            os.close(self.pidfd)
        self.pidfd = -1


class Pool:
    """Everything happens in one thread of its own; stop() and revoke() may be called from others."""

    def __init__(
        self,
        core: _core.Server,
        zygote: Zygote,
        isolation: Isolation,
        audit_log: AuditLog | None,
        abandon: Callable[[], None],
    ) -> None:
        self._core = core
        self._zygote = zygote
        self._isolation = isolation
        self._audit_log = audit_log
        self._abandon = abandon  # nothing can be served any more
        self._workers: dict[int, _Worker] = {}  # by number
        self._by_fd: dict[int, _Worker] = {}
        self._count = 0
        self._waiting: deque[_Leaver] = deque()
        self._revoked: deque[bytes] = deque()
        self._parts: str | None = None
        self._fault = ""
        self._retry_at = 0.0
        self._retry_after = _ROUND
        self._stop_by: float | None = None
        self._is_busy = False  # something could not be handed over
        self._ended = 0
        self._started_in = 0.0
        self._news = threading.Condition()
        self._wake, self._woken = socket.socketpair()
        self._poll = select.poll()
        for fd in (self._wake.fileno(), zygote.control.fileno(), core.leaving_fd):
            self._poll.register(fd, select.POLLIN)
        self._thread: threading.Thread | None = None

    # ---- from other threads ----

    def start(self) -> str:
        """What closes the processes in. OSError: why none can be started."""
        self._thread = start_thread(self._run, "pynto-pool")
        with self._news:
            self._news.wait_for(lambda: self._parts is not None or self._fault, _START_WITHIN)
        if self._parts is None:
            raise OSError(self._fault or "no process that serves was ready in time")
        return self._parts

    def revoke(self, id: bytes) -> None:
        self._revoked.append(id)
        self._woken.send(b"r")

    def stop(self, grace: float = 10.0) -> None:
        """Let them end what runs, then end them."""
        if self._thread is None:
            return
        self._stop_by = time.monotonic() + grace
        self._woken.send(b"s")
        if self._thread is not threading.current_thread():
            self._thread.join(grace + _LEAVE_WITHIN)
        self._zygote.end()

    def stats(self) -> dict[str, Any]:
        workers = list(self._workers.values())
        return {
            "workers": sum(worker.key is not None for worker in workers),
            "spares": sum(worker.is_ready and worker.key is None for worker in workers),
            "workers_ended": self._ended,
            "worker_started_in": self._started_in,
        }

    # ---- the loop ----

    def _run(self) -> None:
        try:
            self._fill()
            while self._stop_by is None or (self._workers and time.monotonic() < self._stop_by):
                for fd, _ in self._poll.poll(1000 * (_MOMENT if self._is_busy else _ROUND)):
                    self._handle(fd)
                self._tend(time.monotonic())
        finally:
            for worker in list(self._workers.values()):
                worker.kill("the server stops")
                self._lose(worker)

    def _handle(self, fd: int) -> None:
        if fd == self._wake.fileno():
            self._take_orders(self._wake.recv(4096))
        elif fd == self._zygote.control.fileno():
            self._hear_zygote()
        elif fd == self._core.leaving_fd:
            while (leaver := self._core.next_leaver()) is not None:
                self._waiting.append(_Leaver(*leaver))
        elif fd in self._by_fd:
            self._hear(self._by_fd[fd])

    def _take_orders(self, orders: bytes) -> None:
        if b"s" in orders:
            for worker in self._workers.values():
                worker.is_stopping = True
                worker.say(b"S")
        while self._revoked:
            self._take_back(self._revoked.popleft())

    def _take_back(self, id: bytes) -> None:
        for worker in self._workers.values():
            mine = [serial for serial, leaver in worker.serves.items() if leaver.grant == id]
            if mine:
                worker.due.update(dict.fromkeys(mine, time.monotonic() + _REVOKED_WITHIN))
                worker.say(b"R" + id)

    def _tend(self, now: float) -> None:
        self._is_busy = False
        if self._stop_by is not None:
            return
        self._place()
        self._fill()
        for worker in list(self._workers.values()):
            if any(now > due for due in worker.due.values()):
                worker.kill("what was granted has been revoked")
            elif worker.is_ready:
                self._ping(worker, now)
            elif now - worker.began_at > _START_WITHIN:
                worker.kill("it was not ready in time")

    def _ping(self, worker: _Worker, now: float) -> None:
        if worker.answered_at >= worker.pinged_at:
            if now - worker.pinged_at >= self._isolation.patience / _PINGS:
                worker.pinged_at = now
                worker.say(b"P" + worker.number.to_bytes(8, "big"))
        elif now - worker.pinged_at > self._isolation.patience:
            worker.kill("its process did not answer")

    # ---- starting ----

    def _fill(self) -> None:
        """As many wait as are to."""
        waiting = sum(worker.key is None for worker in self._workers.values())
        while waiting < self._isolation.spares and time.monotonic() >= self._retry_at:
            self._start_one()
            waiting += 1

    def _start_one(self) -> None:
        self._count += 1
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        worker = _Worker(self._count, ours)
        self._workers[worker.number] = worker
        self._by_fd[ours.fileno()] = worker
        self._poll.register(ours.fileno(), select.POLLIN)
        with theirs, contextlib.suppress(OSError):
            socket.send_fds(self._zygote.control, [b"%d" % worker.number], [theirs.fileno()])

    def _hear_zygote(self) -> None:
        data, fds, _, _ = socket.recv_fds(self._zygote.control, 4096, 1)
        if not data:
            self._poll.unregister(self._zygote.control.fileno())
            if self._stop_by is None:
                _log.error("the process that the others are forked off from has ended: the server ends")
                self._stop_by = 0.0
                self._abandon()
            return
        said = json.loads(data)
        if "forked" in said:
            worker = self._workers.get(said["forked"])
            if worker is None or not fds:
                for fd in fds:
                    os.close(fd)
            else:
                worker.pid, worker.pidfd = said["pid"], fds[0]
        elif "ended" in said:
            self._note_end(said["ended"], said["code"])

    def _note_end(self, number: int, code: int) -> None:
        if code < 0:
            how = f"killed by {signal.Signals(-code).name}" if -code in set(signal.Signals) else f"killed by {-code}"
        else:
            how = f"exit code {code}"
        if code != 0 and self._stop_by is None:
            _log.warning("worker %d has ended: %s", number, how)
        worker = self._workers.get(number)
        if worker is not None:  # its last words may still stand there
            worker.why = f"its process has ended: {how}" if worker.why == "its process has ended" else worker.why

    # ---- serving ----

    def _place(self) -> None:
        while self._waiting:
            leaver = self._waiting[0]
            worker, fault = self._choose(leaver)
            if fault:
                self._core.part_ended(leaver.token, False, fault)
            elif worker is None or not self._hand_over(leaver, worker):
                return
            self._waiting.popleft()

    def _choose(self, leaver: _Leaver) -> tuple[_Worker | None, str]:
        """One for it; or none, yet; or why there will be none."""
        serving = [worker for worker in self._workers.values() if worker.key is not None]
        if self._isolation.by == "class":
            for worker in serving:
                if worker.key == leaver.quota_class and not worker.is_ending:
                    return worker, ""
        if len(serving) >= self._isolation.workers:
            return None, "no process is free"
        spare = next((each for each in self._workers.values() if each.is_ready and each.key is None), None)
        return spare, ""

    def _hand_over(self, leaver: _Leaver, worker: _Worker) -> bool:
        """False: it waits on."""
        result = self._core.part(leaver.token, worker.control.fileno())
        if result == "parted":
            worker.key = leaver.quota_class
            worker.serves[leaver.serial] = leaver
        elif result == "barred":
            self._core.part_ended(leaver.token, False, "too many processes have ended badly: try again later")
        elif result == "not":
            worker.kill("it takes no connection")
            self._lose(worker)
            return False
        self._is_busy = result == "later"
        return result != "later"

    def _hear(self, worker: _Worker) -> None:
        try:
            data = worker.control.recv(_PACKET)
        except OSError:
            data = b""
        word, rest = data[:1], data[1:]
        if not data:
            self._lose(worker)
        elif word == b"r":
            self._greet(worker, rest)
        elif word == b"f":
            self._blame(rest.decode("ascii", "replace"))
        elif word == b"p":
            worker.answered_at = time.monotonic()
        elif word == b"o" and len(rest) == 8:
            self._end(worker, int.from_bytes(rest, sys.byteorder))
        elif word == b"k":
            worker.why = "a call did not end: its process was ended"
            worker.is_ending = True
        elif word == b"a" and self._audit_log is not None:
            self._audit(rest)

    def _greet(self, worker: _Worker, parts: bytes) -> None:
        worker.is_ready = True
        worker.answered_at = worker.pinged_at = time.monotonic()
        self._started_in = worker.answered_at - worker.began_at
        self._retry_after = _ROUND
        with self._news:
            self._parts = parts.decode("ascii", "replace")
            self._news.notify_all()

    def _blame(self, fault: str) -> None:
        with self._news:
            self._fault = self._fault or fault
            self._news.notify_all()
        _log.error("a process that was to serve could not be started: %s", escaped(fault))

    def _end(self, worker: _Worker, serial: int) -> None:
        leaver = worker.serves.pop(serial, None)
        worker.due.pop(serial, None)
        if leaver is not None:
            self._core.part_ended(leaver.token, False, "it has ended")

    def _lose(self, worker: _Worker) -> None:
        """It is gone, or as good as that."""
        fd = worker.control.fileno()
        self._poll.unregister(fd)
        del self._by_fd[fd], self._workers[worker.number]
        if worker.pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(worker.pidfd, signal.SIGKILL)
        worker.close()
        is_bad = not worker.is_stopping and not worker.due
        if worker.serves:
            _log.warning("worker %d: %s; connections lost: %d", worker.number, worker.why, len(worker.serves))
            self._ended += 1
        for leaver in worker.serves.values():
            self._core.part_ended(leaver.token, is_bad, worker.why)
        if not worker.is_ready and self._stop_by is None:
            self._retry_at = time.monotonic() + self._retry_after
            self._retry_after = min(2 * self._retry_after, 5.0)
            with self._news:
                self._fault = self._fault or "the process has ended before it was ready"
                self._news.notify_all()

    # ---- what they say ----

    def _audit(self, packet: bytes) -> None:
        """Whole lines of printable ASCII, whoever has written them."""
        dropped, lines = int.from_bytes(packet[:8], "big"), packet[8:]
        is_sound = lines.isascii() and (not lines or lines.endswith(b"\n"))
        if is_sound and all(each.isprintable() for each in lines.decode().split("\n")):
            assert self._audit_log is not None
            self._audit_log.write(lines, min(dropped, 1 << 40))
