"""The audit log of a server: one line of JSON for each decision on a call. docs/policy.md says what is in it."""

from __future__ import annotations

import datetime
import json
import logging
import os
import stat
import threading
import time

from pynto.quotas import Quota

__all__ = ["AuditLog"]

_log = logging.getLogger("pynto.server")

SIZE = Quota(
    "audit_log_size", "bytes", "bytes of the audit log's file, until somebody rotates it", 1 << 30, 1, 1 << 50, ""
)
RATE = Quota("audit_log_rate", "rate", "lines of it in a second, averaged over one", 50_000, 0.001, 1e12, "")
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


class AuditLog:
    """Appends lines to a file of mode 0600, and to the next one when that was moved away (logrotate) or reopen() was called.

    size: bytes of one file; rate: lines a second. What is beyond either is dropped, and a line says how many were.

    OSError: it cannot be opened, or is not a regular file of our own (a link, a device, a pipe, somebody else's).
    """

    def __init__(self, path: str | os.PathLike[str], *, size: int = int(SIZE.usual), rate: float = RATE.usual) -> None:
        if size < 1 or not rate > 0:
            raise ValueError("an audit log has room for at least one byte, and a line now and then")
        self.path = os.path.abspath(os.fspath(path))
        self._size_max, self._rate = size, rate
        self._lock = threading.Lock()
        self._wants_reopen = False
        self._is_failing = False
        self._dropped = 0
        self._allowed, self._counted_at = float(rate), time.monotonic()
        self._fd = -1
        self._open()

    def reopen(self) -> None:
        """Before the next line; may be called from a signal handler."""
        self._wants_reopen = True

    def write(self, lines: bytes, dropped: int = 0) -> None:
        """Whole lines, and how many more got lost on the way here. Never raises: a server goes on without its log, and says so once."""
        with self._lock:
            self._dropped += dropped
            try:
                self._turn_over()
                self._append(self._within_rate(lines))
                self._is_failing = False
            except OSError as error:
                self._dropped += lines.count(b"\n")
                if not self._is_failing:
                    _log.error("the audit log %s cannot be written: %s", self.path, error.strerror)
                self._is_failing = True

    def close(self) -> None:
        with self._lock:
            if self._fd >= 0:
                os.close(self._fd)
            self._fd = -1

    def _open(self) -> None:
        fd = os.open(self.path, _FLAGS, 0o600)
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
                raise OSError(0, "it is not a regular file of our own", self.path)
            os.fchmod(fd, 0o600)
        except BaseException:
            os.close(fd)
            raise
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._size = fd, found.st_size
        self._file = found.st_dev, found.st_ino

    def _turn_over(self) -> None:
        """The file of that name, if it is another one by now."""
        if not self._wants_reopen and self._fd >= 0:
            try:
                found = os.stat(self.path, follow_symlinks=False)
            except FileNotFoundError:
                pass
            else:
                if (found.st_dev, found.st_ino) == self._file:
                    self._size = found.st_size  # it may have been cut off where it is
                    return
        self._wants_reopen = False
        self._open()

    def _within_rate(self, lines: bytes) -> bytes:
        now = time.monotonic()
        self._allowed = min(self._rate, self._allowed + (now - self._counted_at) * self._rate)
        self._counted_at = now
        count = lines.count(b"\n")
        kept = min(count, int(self._allowed))
        self._allowed -= kept
        if kept == count:
            return lines
        self._dropped += count - kept
        return b"".join(lines.splitlines(keepends=True)[:kept])

    def _append(self, lines: bytes) -> None:
        note = self._note() if self._dropped else b""
        room = self._size_max - self._size
        if note and len(note) <= room:
            self._put(note)
            self._dropped = 0
            room -= len(note)
        if len(lines) > room:
            kept = lines[: lines.rfind(b"\n", 0, max(room, 0)) + 1]
            self._dropped += lines.count(b"\n") - kept.count(b"\n")
            lines = kept
        if lines:
            self._put(lines)

    def _note(self) -> bytes:
        at = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return json.dumps({"time": at, "dropped": self._dropped}).encode() + b"\n"

    def _put(self, data: bytes) -> None:
        """All of it or nothing: half a line would spoil the next one."""
        written = os.write(self._fd, data)
        if written != len(data):
            os.ftruncate(self._fd, self._size)
            raise OSError(0, "there is no room for a whole line")
        self._size += written
