"""What an operator sees of a running server, and may do to it: objects that are served themselves, under a policy of their own.

``pynto serve --admin unix:///run/chat/admin/admin.sock`` serves them at a socket of mode 0600 in a folder that is its owner's alone; ``pynto top`` is a client
of it. There are two roots: ``admin`` looks, ``control`` ends connections.
"""

from __future__ import annotations

import os
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pynto import _core

__all__ = ["Admin", "Control", "Snapshot"]

POLICY = Path(__file__).with_name("admin.policy.json")
ROWS_MAX = 2000  # connections that are told in one snapshot, those that have used most
QUOTAS = {"message": 65536, "references": 16, "calls": 16, "output": 8 << 20}  # of who looks
CONNECTIONS = 8


@dataclass(frozen=True)
class Row:
    """One connection."""

    number: int
    peer: str
    principal: str
    quota_class: str
    transport: str
    age: float
    served: int
    refused: int
    received: int
    sent: int
    busy: float
    cpu: float
    references: int
    lent: int
    calls: int
    queued: int
    output: int
    memory: int


@dataclass(frozen=True)
class Totals:
    """The server."""

    uptime: float
    connections: int
    limit: int
    accepted: int
    turned_away: int
    failed: int
    calls: int
    threads: int
    memory: int
    cpu: float


@dataclass(frozen=True)
class Snapshot:
    """One moment."""

    at: float
    totals: Totals
    rows: tuple[Row, ...]


class _Watched(Protocol):
    """As much of a Server as is needed here."""

    @property
    def _core(self) -> _core.Server: ...


class Admin:
    """Looks, and changes nothing."""

    def __init__(self, server: _Watched, limit: int) -> None:
        self._server = server
        self._limit = limit
        self._since = time.monotonic()

    def snapshot(self) -> Snapshot:
        """Who is connected, what each of them has used and holds, and what the server is doing in all."""
        core = self._server._core
        found = sorted(core.connections(), key=lambda each: -int(each["served"]))[:ROWS_MAX]
        return Snapshot(time.time(), self._totals(core.stats()), tuple(map(_row, found)))

    def metrics(self) -> str:
        """As Prometheus would get them."""
        return self._server._core.metrics()

    def _totals(self, stats: dict[str, int]) -> Totals:
        times = os.times()
        return Totals(
            uptime=time.monotonic() - self._since,
            connections=stats["connections"],
            limit=self._limit,
            accepted=stats["accepted"],
            turned_away=stats["turned_away"],
            failed=stats["failed"],
            calls=stats["calls"],
            threads=stats["threads"],
            memory=_resident(),
            cpu=times.user + times.system,
        )


class Control:
    """Ends connections."""

    def __init__(self, server: _Watched) -> None:
        self._server = server

    def disconnect(self, number: int) -> bool:
        """End the connection of this number; False: there is none."""
        return self._server._core.disconnect(number)


def _row(found: dict[str, Any]) -> Row:
    names = {"quota_class": "class"}
    return Row(**{name: found.get(names.get(name, name), 0) for name in Row.__dataclass_fields__})


def _resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def check_place(address: str) -> None:
    """The socket's folder is made, when it is not there, and has to be its owner's alone. PermissionError, ValueError."""
    if not address.startswith("unix:///"):
        raise ValueError(f"{address}: an admin's address is unix:///path")
    folder = Path(address.removeprefix("unix://")).parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise PermissionError(f"{folder} must be a folder of our own, of mode 0700: who comes in there sees everybody")
