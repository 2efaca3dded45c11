"""Who is calling."""

from __future__ import annotations

from typing import NamedTuple

from pynto import _core
from pynto.threads import served_for

__all__ = ["Caller", "caller"]


class Caller(NamedTuple):
    """On whose behalf a call is served. Nothing of it is what the client says: all of it was proved, or seen by this machine.

    principal: ``"capability 0f3a…"`` (its id, never itself), ``"key …"`` (a public key), ``"uid 1000"`` (of a Unix socket),
    ``"parent"`` (who has started this process, over stdio), or None: nobody has proved anything.
    """

    principal: str | None
    transport: str
    address: str


def caller() -> Caller | None:
    """Who has made the call that is being served here; None outside of one."""
    found = _core.caller() or served_for.get()
    return None if found is None else Caller(*found)
