"""Which processes there are, and how they stand to one another: for tests of servers that have several."""

from __future__ import annotations

import os
from pathlib import Path


def _fields(pid: int) -> list[str]:
    """From the state on; empty: there is none of that number."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def children(pid: int) -> list[int]:
    """The oldest first; also those that have ended, and that nobody has asked for."""
    found = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return sorted(each for each in found if (fields := _fields(each)) and int(fields[1]) == pid)


def is_there(pid: int) -> bool:
    return bool(_fields(pid)) and not is_zombie(pid)


def is_zombie(pid: int) -> bool:
    return _fields(pid)[:1] == ["Z"]


def family(pid: int) -> tuple[int, list[int]]:
    """Of an isolating server: the process that forks, and those that it has forked off and that are alive."""
    (zygote,) = children(pid)
    return zygote, [each for each in children(zygote) if is_there(each)]


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))
