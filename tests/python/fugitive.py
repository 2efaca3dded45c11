"""An object that tries what a process that serves strangers must not be able to do: served by the tests of isolation."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import ctypes
import hashlib
import itertools
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pynto

_memory: list[bytes] = []
_ptrace = ctypes.CDLL(None, use_errno=True).ptrace


def never_ends(kind: str) -> object:
    """Operations of C that look for nothing until they are done."""
    match kind:
        case "any":
            return any(itertools.repeat(0))
        case "deque":
            return collections.deque(itertools.repeat(0), 0)
        case "in":
            return 1 in itertools.repeat(0)
        case "pbkdf2":
            return hashlib.pbkdf2_hmac("sha256", b"x", b"y", 2**31 - 1)
        case "range":
            return 0.5 in range(10**12)
        case "sum":
            return sum(range(10**12))
    raise ValueError(kind)


def attempt(kind: str, where: str) -> object:
    match kind:
        case "read":
            return Path(where).read_bytes()
        case "write":
            return Path(where).write_bytes(b"x")
        case "list":
            return os.listdir(where)
        case "remove":
            Path(where).unlink()
            return None
        case "exec":
            return os.execv("/bin/true", ["true"])
        case "spawn":
            return os.posix_spawn("/bin/true", ["true"], {})
        case "fork":
            pid = os.fork()
            if pid == 0:
                os._exit(0)
            return pid
        case "connect":
            host, port = where.rsplit(":", 1)
            return socket.create_connection((host, int(port)), 5.0)
        case "unix":
            socket.socket(socket.AF_UNIX).connect(where)
            return None
        case "kill":
            os.kill(int(where), signal.SIGKILL)
            return None
        case "pidfd":
            return os.pidfd_open(int(where))
        case "ptrace":
            ctypes.set_errno(0)
            if _ptrace(16, int(where), None, None) != 0:  # PTRACE_ATTACH
                error = ctypes.get_errno()
                raise OSError(error, os.strerror(error))
            return None
        case "fill":
            return [Path(f"{where}/{number}").write_bytes(bytes(1 << 20)) for number in range(1000)]
    raise ValueError(kind)


class Fugitive:
    """What it gives is text, so that nothing of what it finds has to fit a type."""

    def __init__(self) -> None:
        self.count = 0

    def add(self) -> int:
        self.count += 1
        return self.count

    def echo(self, data: bytes) -> bytes:
        return data

    def apply(self, f: Callable[[int], int], n: int) -> int:
        return f(n)

    def pid(self) -> int:
        return os.getpid()

    def parents(self) -> tuple[int, int]:
        return os.getppid(), os.getpid()

    def who(self) -> tuple[str, str]:
        caller = pynto.caller()
        assert caller is not None
        return caller.principal or "", caller.transport

    def never(self, kind: str) -> None:
        never_ends(kind)

    def tries(self, kind: str, where: str) -> str:
        """How it ended: the name of the exception, or what was got."""
        try:
            return f"got {attempt(kind, where)!r}"[:200]
        except Exception as error:
            return type(error).__name__

    def crash(self) -> None:
        ctypes.string_at(0)

    def leave(self) -> None:
        os._exit(3)

    def stop_itself(self) -> None:
        os.kill(os.getpid(), signal.SIGSTOP)

    def take(self, size: int) -> int:
        """Memory that no allocator of Python's counts."""
        taken = ctypes.CDLL(None).malloc
        taken.restype = ctypes.c_void_p
        return int(taken(ctypes.c_size_t(size)) is not None)

    def hoard(self) -> int:
        """Until there is no more."""
        with contextlib.suppress(MemoryError):
            while len(_memory) < 1 << 14:
                _memory.append(bytes(1 << 20))
        count = len(_memory)
        _memory.clear()
        return count

    def threads(self, count: int) -> int:
        """How many could be started."""
        stop = threading.Event()
        started: list[threading.Thread] = []
        with contextlib.suppress(RuntimeError, MemoryError):
            for _ in range(count):
                thread = threading.Thread(target=stop.wait, daemon=True)
                thread.start()
                started.append(thread)
        stop.set()
        for thread in started:
            thread.join()
        return len(started)

    def descriptors(self) -> tuple[tuple[int, str], ...]:
        """Which are open here, and what sort of thing each is."""
        found = []
        for fd in range(256):
            with contextlib.suppress(OSError):
                mode = os.fstat(fd).st_mode
                kind = {0o140000: "socket", 0o010000: "pipe", 0o020000: "device", 0o100000: "file"}
                found.append((fd, kind.get(mode & 0o170000, "other")))
        return tuple(found)

    def scribble(self) -> int:
        """How many of the descriptors that it has not opened take what it writes."""
        count = 0
        for fd in range(3, 256):
            with contextlib.suppress(OSError):
                os.write(fd, b"\xc1\n")
                count += 1
        return count

    def sleep(self, seconds: float) -> str:
        time.sleep(seconds)
        return "slept"

    def say(self, text: str) -> None:
        print(text)

    async def nap(self, seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "napped"
