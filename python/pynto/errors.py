"""What can go wrong, and how a server keeps to itself what a client must not see."""

from __future__ import annotations

import logging
import secrets
import threading
import time
import traceback
from collections import OrderedDict

__all__ = ["DeadlineExceeded", "Disconnected", "ProtocolError", "QuotaExceeded", "Refused", "RemoteError"]

_log = logging.getLogger("pynto.server")

_LINE_MAX = 1024
_LINES_PER_SECOND = 10.0
_LINES_AT_ONCE = 50.0


class Refused(PermissionError):
    """The policy does not permit it, or what it names is not there: the two look the same."""


class QuotaExceeded(Refused, MemoryError):
    """A limit of the connection; the text names it.

    retry_after: seconds until there is room again, where the limit is one of so many in a second; None: nobody can say.
    """

    retry_after: float | None = None


class DeadlineExceeded(TimeoutError):
    """It was not done in time.

    where: who was too slow. "waiting": this side has waited for an answer, and waits no longer. "peer": the other side has ended
    the call. "beyond": so has somebody whom the other side had asked. "running": in a served method, it is this call that is ended.
    limit: what was exceeded: "deadline", or the name of a quota of who has ended it.
    """

    def __init__(self, text: str = "") -> None:
        super().__init__(text) if text else super().__init__()
        self.where = "running"
        self.limit = "deadline"


class Cancelled(BaseException):
    """Raised inside of a served method whose caller does not want its answer any more, or is gone."""


class ProtocolError(ConnectionError):
    """The peer broke the protocol; the connection is over."""


class Disconnected(ConnectionError):
    """The connection is over, or was never there."""


class RemoteError(Exception):
    """An exception at the other side whose class stays there.

    type: its name as far as the other side lets it out. incident: what its log lists the details under, or None.
    fields: the declared fields that the other side lets out, by name.
    """

    def __init__(self, text: str = "", type: str = "RemoteError") -> None:
        super().__init__(text) if text else super().__init__()
        self.type = type
        self.incident: str | None = None
        self.fields: dict[str, object] = {}

    def __str__(self) -> str:
        text = super().__str__()
        return f"{self.type}: {text}" if text else self.type


class _Bucket:
    """A few log lines a second, however many a peer provokes."""

    def __init__(self, share: float = 1.0) -> None:
        self.share = share
        self.tokens = _LINES_AT_ONCE * share
        self.at = time.monotonic()
        self.dropped = 0

    def take(self) -> bool:
        now = time.monotonic()
        most = _LINES_AT_ONCE * self.share
        self.tokens = min(most, self.tokens + (now - self.at) * _LINES_PER_SECOND * self.share)
        self.at = now
        if self.tokens < 1.0:
            self.dropped += 1
            return False
        self.tokens -= 1.0
        return True


_bucket = _Bucket()
_buckets: OrderedDict[str, _Bucket] = OrderedDict()  # of peers, who was heard of last at the end
_PEERS_MAX = 1024
_PEERS_SHARE = 0.2  # of all lines, for one peer: others are heard of as well
_lock = threading.Lock()


def _peer() -> str:
    """Whose call this is."""
    from pynto import _core
    from pynto.threads import served_for

    caller = _core.caller() or served_for.get(None)
    return f"{caller[1]} {caller[2]}" if caller is not None else ""


def _may_log(peer: str) -> bool:
    with _lock:
        own = _buckets.pop(peer, None) or _Bucket(_PEERS_SHARE)
        _buckets[peer] = own
        while len(_buckets) > _PEERS_MAX:
            _buckets.popitem(last=False)
        if own.take() and _bucket.take():
            return True
        _bucket.dropped += own.dropped
        own.dropped = 0
        return False


def escaped(text: str) -> str:
    """One line of printable ASCII, at most 1 KiB."""
    return ascii(text[:_LINE_MAX])[1:-1][:_LINE_MAX]


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno} in {frames[-1].name}" if frames else "no frame"


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException:  # its __str__ is the served object's, and may raise anything
        return "<no text>"


def _note_dropped() -> None:
    from pynto import _core

    _core.note_dropped_line()


def log_incident(operation: str, error: BaseException) -> str:
    """Log what was withheld from the peer, on one line; its id is what the peer gets."""
    incident, peer = secrets.token_hex(8), _peer()
    if _may_log(peer):
        if _bucket.dropped:
            _log.warning("%d incidents were not logged", _bucket.dropped)
            _bucket.dropped = 0
        line = f"incident {incident}: {operation}: {type(error).__qualname__}: {_text(error)} at {_where(error)}"
        _log.error("%s", escaped(line), extra={"pynto": {"incident": incident, "peer": escaped(peer)}})
        _log.debug("incident %s", incident, exc_info=error)
    else:
        _note_dropped()
    return incident
