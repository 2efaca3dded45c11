"""Calls in processes of their own: what is asked for, and what such a process may still read."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pynto import _core
from pynto.quotas import Quota, checked

__all__ = ["LIMITS", "Isolation"]

# What a process may take: --isolate-NAME, and [isolate] in pynto.toml.
LIMITS = {
    row.name: row
    for row in (
        Quota(
            *("memory", "bytes", "bytes beyond what a new process has", 256 << 20, 1 << 20, 1 << 40),
            "`MemoryError` in the call",
        ),
        Quota(*("file", "bytes", "bytes of one file that it writes", 64 << 20, 1, 1 << 40), "`OSError` in the call"),
        Quota(*("descriptors", "count", "descriptors that it has open", 128, 32, 1 << 20), "`OSError` in the call"),
        Quota(*("workers", "count", "processes that serve, at once", 100, 1, 10_000), "closed: no process is free"),
        Quota(*("spares", "count", "processes that wait for the next connection", 1, 1, 64), ""),
        Quota(*("grace", "seconds", "behind its limit, that a call may go on", 2, 0.05, 3600), "the process is ended"),
        Quota(*("patience", "seconds", "without a sign of life", 5, 0.2, 3600), "the process is ended"),
    )
}

# What the interpreter and shared libraries read without being asked; the same on every machine, and nobody's secret.
_SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/share/zoneinfo", "/etc/localtime")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")

_OWN = 64 << 20  # bytes: the stacks of its own threads count as memory that is used


@dataclass(frozen=True)
class Isolation:
    """Who shares a process, and what it may do.

    by: ``"connection"``: each has a process, and with it an object, of its own; ``"class"``: those of one quota class share one.
    read, write: files and folders beside what was imported. network: sockets of its own. memory: bytes beyond what a new process has.
    file: bytes of one file that it writes. workers: processes that serve, at once. spares: that wait for the next connection.
    grace: seconds that a call may go on behind its limit until its process is ended. patience: seconds that a process may give no sign of life.
    best_effort: serve also where the kernel lacks a part.
    """

    by: str
    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    network: bool = False
    memory: int = int(LIMITS["memory"].usual)
    file: int = int(LIMITS["file"].usual)
    descriptors: int = int(LIMITS["descriptors"].usual)
    workers: int = int(LIMITS["workers"].usual)
    spares: int = int(LIMITS["spares"].usual)
    grace: float = LIMITS["grace"].usual
    patience: float = LIMITS["patience"].usual
    best_effort: bool = False

    def __post_init__(self) -> None:
        if self.by not in ("connection", "class"):
            raise ValueError("calls are isolated by connection or by class")
        for name, limit in LIMITS.items():
            try:
                checked(float(getattr(self, name)), limit)
            except ValueError as error:
                raise ValueError(f"isolation: {name}: {error}") from None
        for path in (*self.read, *self.write):
            if not os.path.isabs(path):
                raise ValueError(f"isolation: {path} is not an absolute path")
            if not os.path.exists(path):
                raise ValueError(f"isolation: {path} is not there")

    @property
    def meaning(self) -> str:
        """For who starts the server."""
        if self.by == "connection":
            return "each connection has a process, and an object, of its own: nothing is shared between two of them"
        return "the connections of a quota class share a process and its object; other classes have others"

    def readable(self) -> tuple[str, ...]:
        """What may be read, once everything is imported: import paths, and of the folder that is served from only what was imported."""
        return tuple(dict.fromkeys((*_SYSTEM, *_DEVICES, *_imported(), *map(os.path.realpath, self.read))))

    def enter(self, readable: Iterable[str]) -> list[str]:
        """Close this process in, for good: which parts are on. OSError: it cannot be, and nothing is to be served."""
        return _core.enter_sandbox(
            tuple(map(os.fsencode, readable)),
            tuple(os.fsencode(os.path.realpath(path)) for path in self.write),
            self.network,
            self.memory + _OWN,
            self.file if self.write else 0,
            self.descriptors,
            self.best_effort,
        )


def _imported() -> Iterator[str]:
    here = os.path.realpath(os.getcwd())
    folders = {os.path.realpath(path) for path in sys.path if path} | {os.path.realpath(p) for p in _installed()}
    folders -= {here, "/", os.path.realpath(Path.home())}
    yield from sorted(folders)
    for module in list(sys.modules.values()):
        for path in _places(module):
            if not any(Path(path).is_relative_to(folder) for folder in folders):
                yield path


def _installed() -> Iterator[str]:
    for name in ("stdlib", "platstdlib", "purelib", "platlib"):
        yield sysconfig.get_path(name)


def _places(module: object) -> Iterator[str]:
    """A package is a folder, which may hold what is imported later; a module is its file."""
    try:
        places = [path for path in getattr(module, "__path__", ()) if isinstance(path, str)]
        file = getattr(module, "__file__", None)
    except Exception:
        return
    if not places and isinstance(file, str):
        places = [file]
    yield from (os.path.realpath(path) for path in places)


def covering(readable: Iterable[str], path: str | os.PathLike[str]) -> str | None:
    """Which of them lets path, or something in it, be read."""
    wanted = Path(os.path.realpath(path))
    for each in readable:
        if wanted.is_relative_to(each) or Path(each).is_relative_to(wanted):
            return each
    return None
