"""A WebSocket by hand: requests and frames as bytes, right or wrong."""

from __future__ import annotations

import socket
import struct

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
FIELDS = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Protocol": "pynto.1",
}
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def head(line: str = "GET /pynto HTTP/1.1", host: str | None = "127.0.0.1", *more: str, **changes: str | None) -> bytes:
    fields: dict[str, str | None] = {"Host": host, **FIELDS}
    fields |= {name.replace("_", "-"): value for name, value in changes.items()}
    lines = [line, *(f"{name}: {value}" for name, value in fields.items() if value is not None), *more]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def frame(payload: bytes, opcode: int = BINARY, *, fin: int = 0x80, mask: bytes | None = b"\1\2\3\4") -> bytes:
    bit = 0x80 if mask is not None else 0
    size = len(payload)
    if size < 126:
        start = bytes([fin | opcode, bit | size])
    elif size < 65536:
        start = bytes([fin | opcode, bit | 126]) + struct.pack(">H", size)
    else:
        start = bytes([fin | opcode, bit | 127]) + struct.pack(">Q", size)
    if mask is None:
        return start + payload
    key = (mask * (size // 4 + 1))[:size]
    return start + mask + (int.from_bytes(payload) ^ int.from_bytes(key)).to_bytes(size)


class WebStream:
    """What RawPeer needs of a socket, over frames."""

    def __init__(self, stream: socket.socket) -> None:
        self.stream = stream
        self.buffer = bytearray()
        self.code: int | None = None

    def settimeout(self, seconds: float) -> None:
        self.stream.settimeout(seconds)

    def close(self) -> None:
        self.stream.close()

    def sendall(self, data: bytes) -> None:
        self.stream.sendall(frame(data))

    def more(self) -> None:
        part = self.stream.recv(65536)
        if not part:
            raise EOFError
        self.buffer += part

    def take(self, count: int) -> bytes:
        while len(self.buffer) < count:
            self.more()
        taken = bytes(self.buffer[:count])
        del self.buffer[:count]
        return taken

    def head(self) -> bytes:
        while b"\r\n\r\n" not in self.buffer:
            self.more()
        return self.take(self.buffer.index(b"\r\n\r\n") + 4)

    def frame(self) -> tuple[int, bytes]:
        first, size = self.take(2)
        assert first & 0xF0 == 0x80 and size < 128, f"{first:02x} {size:02x}: a server sends whole frames, unmasked"
        if size == 126:
            (size,) = struct.unpack(">H", self.take(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", self.take(8))
        return first & 15, self.take(size)

    def recv(self, _: int) -> bytes:
        """The next piece of the stream; nothing at its end."""
        try:
            while True:
                opcode, payload = self.frame()
                if opcode == BINARY:
                    return payload
                if opcode == CLOSE:
                    self.code = int.from_bytes(payload[:2], "big")
                    return b""
        except EOFError:
            return b""
