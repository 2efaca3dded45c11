"""When to try again, and when not: what both kinds of connections that reconnect go by."""

from __future__ import annotations

import logging
import random

from pynto.errors import Disconnected, ProtocolError, Refused

__all__ = ["Backoff", "bare", "check_address", "is_final", "log", "outage", "replaced"]

log = logging.getLogger("pynto.client")

_SHORTEST = 0.1  # seconds, of the first delay
_LONGEST = 30.0
_SCHEMES = ("tcp://", "ws://", "pynto://", "pynto+ws://", "unix://")


class Backoff:
    """Delays that double from 0.1 s to 30 s; each is a random one between the half of it and all of it.

    A connection that has lasted as long as the longest delay begins them anew; one that ends sooner does not, so that a server
    which lets in and then ends is not asked more often than one that is not there.
    """

    def __init__(self) -> None:
        self._count = 0
        self._random = random.SystemRandom()  # so that the children of one process do not come at the same time

    def next(self) -> float:
        delay = min(_LONGEST, _SHORTEST * 2.0 ** min(self._count, 30))
        self._count += 1
        return delay * (0.5 + self._random.random() / 2)

    def lasted(self, seconds: float) -> None:
        if seconds >= _LONGEST:
            self._count = 0


def is_final(error: Exception) -> bool:
    """Would the next try end in the same way? What is refused is; who is not there may come back."""
    known = getattr(error, "_final", None)  # the core has looked at why its link has ended
    if isinstance(known, bool):
        return known
    return not isinstance(error, OSError) or isinstance(error, PermissionError | ProtocolError)


def bare(error: Exception) -> Exception:
    """The same without where it has been: frames hold addresses, and these capabilities."""
    for kind in (Refused, ProtocolError, Disconnected):
        if isinstance(error, kind):
            return kind(str(error))
    return Disconnected(f"{type(error).__name__}: {error}")


def outage(reconnect: bool | float) -> float | None:
    """How many seconds one may last; None: as long as it likes."""
    if isinstance(reconnect, bool):
        return None
    if not 0 < reconnect < 1e9:
        raise ValueError("reconnect: True, or the seconds that an outage may last")
    return float(reconnect)


def check_address(address: object) -> str:
    """ValueError: a server that ends with the connection, or a socket that somebody has connected, is not there to be asked again."""
    if not isinstance(address, str) or not address.startswith(_SCHEMES):
        raise ValueError(f"reconnect is for {', '.join(_SCHEMES)}: nothing else can be asked again")
    return address


def replaced(generation: int) -> str:
    """What a connection says from now on to who still uses a netref of it."""
    return f"this came by connection {generation - 1}, and connection.root gives that of {generation}"
