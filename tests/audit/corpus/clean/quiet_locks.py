"""Locks, contexts and buffers in memory."""
import contextlib
import io
import logging
import threading
from collections.abc import Iterator

_LOG = logging.getLogger(__name__)


class Root:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._total = 0

    def add(self, n: int) -> int:
        with self._lock:
            self._total += n
            _LOG.info("added %s", n)
            return self._total

    @contextlib.contextmanager
    def held(self) -> Iterator[int]:
        with self._lock:
            yield self._total

    def drawn(self, lines: tuple[str, ...]) -> str:
        out = io.StringIO()
        for line in lines:
            out.write(line)
        return out.getvalue()
