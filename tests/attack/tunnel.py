"""The attacker's bytes through a WebSocket or an encrypted channel: its end is a plain socket, whatever lies beyond.

Two threads carry bytes, each in one direction; both end with the connection. Every wait of an attacker is on its own socket and has a limit.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any, Protocol

from rawchannel import DATA, END, RawChannel
from webstream import WebStream, head

RECORD_MAX = 60_000  # bytes of plain text in one record


class Far(Protocol):
    """What carries the bytes beyond the tunnel."""

    socket: socket.socket

    def write(self, data: bytes) -> None: ...
    def read(self) -> bytes:
        """More bytes; none at the end of the stream."""


class WebFar(WebStream):
    """A WebSocket, as a client of Pynto's opens one."""

    def __init__(self, where: tuple[str, int], path: str) -> None:
        self.socket = socket.create_connection(where, 10)
        super().__init__(self.socket)
        self.socket.sendall(head(f"GET {path} HTTP/1.1", f"{where[0]}:{where[1]}"))
        answer = self.head()
        assert answer.startswith(b"HTTP/1.1 101 "), answer
        self.socket.settimeout(None)

    def write(self, data: bytes) -> None:
        self.sendall(data)

    def read(self) -> bytes:
        return self.recv(0)


class WebSocket(WebFar):
    """The same, read as a socket is: at most so many bytes at a time."""

    def __init__(self, where: tuple[str, int], path: str) -> None:
        super().__init__(where, path)
        self._rest = b""

    def recv(self, count: int) -> bytes:
        data = self._rest or super().recv(0)
        self._rest = data[count:]
        return data[:count]


class SealedFar:
    """The encrypted channel, by its second implementation, with a capability."""

    def __init__(self, url: str) -> None:
        self._begin(RawChannel(url))
        self.socket = self._channel.socket
        self.socket.settimeout(None)

    def _begin(self, channel: RawChannel, **options: Any) -> None:
        self._channel = channel.shake("NK", **options).login()

    def write(self, data: bytes) -> None:
        for start in range(0, len(data), RECORD_MAX):
            self._channel.send(DATA, data[start : start + RECORD_MAX])

    def read(self) -> bytes:
        while True:
            kind, data = self._channel.record()
            if kind == END:
                return b""
            if data:
                return data


class SealedWebFar(SealedFar):
    """The same within a WebSocket; url: ``pynto+ws://key@host:port/path#capability``."""

    def __init__(self, url: str) -> None:
        front, _, capability = url.removeprefix("pynto+ws://").partition("#")
        place, _, path = front.partition("/")
        host, _, port = place.rpartition("@")[2].rpartition(":")
        web: Any = WebSocket((host, int(port)), f"/{path}")
        self._begin(RawChannel(f"pynto://{place}/{capability}", stream=web), transport=b"ws")
        self.socket = web.socket
        self.socket.settimeout(None)


def dig(far: Far) -> socket.socket:
    """The attacker's end of a tunnel to there."""
    ours, inner = socket.socketpair()

    def out() -> None:
        with contextlib.suppress(OSError, EOFError):
            while data := inner.recv(65536):
                far.write(data)
        with contextlib.suppress(OSError):
            far.socket.shutdown(socket.SHUT_RDWR)

    def back() -> None:
        with contextlib.suppress(OSError, EOFError):
            while data := far.read():
                inner.sendall(data)
        with contextlib.suppress(OSError):
            inner.shutdown(socket.SHUT_RDWR)

    def run() -> None:
        outward = threading.Thread(target=out, daemon=True)
        outward.start()
        back()
        outward.join()
        far.socket.close()
        inner.close()

    threading.Thread(target=run, daemon=True).start()
    return ours
