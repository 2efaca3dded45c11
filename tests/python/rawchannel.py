"""The encrypted channel, written a second time, on the PyPI package noiseprotocol: for strangers and attackers. docs/channel.md is what it follows."""

from __future__ import annotations

import base64
import socket
import struct
from typing import Any

from noise.connection import Keypair, NoiseConnection

LOGIN, DATA, END, REFUSED = 1, 2, 3, 4
LOGIN_KEY, LOGIN_CAPABILITY, LOGIN_NARROWED = 1, 2, 3
PATTERNS = {"NK": 1, "IK": 2, "XX": 3, "NKpsk0": 4, "NKpsk2": 5, "IKpsk1": 6, "IKpsk2": 7, "XXpsk3": 8}
MESSAGES = {"NK": (48, 48), "IK": (96, 48), "XX": (32, 96, 64)}


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def split(url: str) -> tuple[bytes, tuple[str, int], bytes]:
    """The key of the server, where it is, and the capability."""
    key, _, rest = url.removeprefix("pynto://").partition("@")
    where, _, capability = rest.partition("/")
    host, _, port = where.rpartition(":")
    return decoded(key), (host, int(port)), decoded(capability)


def opening(pattern: str, version: int = 1) -> bytes:
    return b"PYNTO" + bytes([version, PATTERNS[pattern], 0])


def prologue(pattern: str, key: bytes, transport: bytes = b"tcp") -> bytes:
    return opening(pattern) + bytes([len(transport)]) + transport + key


def noise(
    pattern: str,
    *,
    initiator: bool,
    server_key: bytes,
    static: bytes | None = None,
    psk: bytes | None = None,
    transport: bytes = b"tcp",
) -> Any:
    """One end of a handshake."""
    made = NoiseConnection.from_name(f"Noise_{pattern}_25519_ChaChaPoly_BLAKE2b".encode())
    made.set_as_initiator() if initiator else made.set_as_responder()
    made.set_prologue(prologue(pattern, server_key, transport))
    if initiator and not pattern.startswith("XX"):
        made.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, server_key)
    if static is not None:
        made.set_keypair_from_private_bytes(Keypair.STATIC, static)
    if psk is not None:
        made.set_psks(psk)
    made.start_handshake()
    return made


def framed(message: bytes) -> bytes:
    return struct.pack(">H", len(message)) + bytes(message)


class RawChannel:
    """A client's end over a socket, step by step; what the server says is read exactly."""

    def __init__(
        self, url: str, *, source: str | None = None, timeout: float = 10.0, stream: socket.socket | None = None
    ) -> None:
        self.server_key, where, self.capability = split(url)
        self.socket = stream or socket.create_connection(where, timeout, (source, 0) if source else None)
        self.noise: Any = None

    def read(self, length: int) -> bytes:
        """So many bytes, or EOFError."""
        data = b""
        while len(data) < length:
            try:
                more = self.socket.recv(length - len(data))
            except ConnectionResetError:
                more = b""
            if not more:
                raise EOFError(f"{len(data)} of {length} bytes")
            data += more
        return data

    def frame(self) -> bytes:
        (length,) = struct.unpack(">H", self.read(2))
        return self.read(length)

    def shake(self, pattern: str = "NK", **options: Any) -> RawChannel:
        """The whole handshake."""
        self.noise = noise(pattern, initiator=True, server_key=self.server_key, **options)
        self.socket.sendall(opening(pattern) + framed(self.noise.write_message()))
        while not self.noise.handshake_finished:
            self.noise.read_message(self.frame())
            if not self.noise.handshake_finished:
                self.socket.sendall(framed(self.noise.write_message()))
        return self

    def sealed(self, kind: int, data: bytes = b"") -> bytes:
        return framed(self.noise.encrypt(data + bytes([kind])))

    def send(self, kind: int, data: bytes = b"") -> None:
        self.socket.sendall(self.sealed(kind, data))

    def login(self, data: bytes | None = None) -> RawChannel:
        self.send(LOGIN, bytes([LOGIN_CAPABILITY]) + self.capability if data is None else data)
        return self

    def record(self) -> tuple[int, bytes]:
        """The next record: its kind and its data."""
        text = bytes(self.noise.decrypt(self.frame()))
        return text[-1], text[:-1]

    def rest(self) -> bytes:
        """Everything until the end of the stream."""
        data = b""
        try:
            while more := self.socket.recv(65536):
                data += more
        except ConnectionResetError:
            pass
        return data

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> RawChannel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
