"""A peer of bytes: speaks the protocol of docs/protocol.md, and whatever else a test wants it to write.

It needs msgpack and nothing of pynto. Every wait has a limit.
"""

from __future__ import annotations

import datetime as dt
import decimal
import socket
import struct
import time
import uuid
from dataclasses import dataclass
from typing import Any

import msgpack

CALL, RETURN, ERROR, FREE, LANE, DESCRIBE = 0, -1, -2, -3, -4, -5
CANCEL, GOODBYE, HELLO, PING, PONG, BATCH, PART = -6, -7, -8, -9, -10, -12, -16
VERSION = 1
NEWLINE = b"\n"


@dataclass(frozen=True)
class Mine:
    """A reference of the sender's."""

    id: int
    interface: int = 0


@dataclass(frozen=True)
class Yours:
    """A reference of the receiver's, coming home."""

    id: int


@dataclass(frozen=True)
class Tag:
    """The first item of an array that is more than a tuple."""

    number: int


@dataclass(frozen=True)
class Promise:
    """The result of a step of the same batch."""

    step: int


@dataclass(frozen=True)
class Ext:
    """An ext of another code, or one whose payload is not as it should be."""

    code: int
    data: bytes


class RawPeerError(AssertionError):
    """The other end did not do what the test waits for."""


# ---- values ----


def _time(data: bytes) -> tuple[list[int], dt.tzinfo | None]:
    hour, minute, second, fold = data[:4]
    zone = None
    if len(data) == 10:
        zone = dt.timezone(dt.timedelta(seconds=int.from_bytes(data[7:], "big", signed=True)))
    return [hour, minute, second, int.from_bytes(data[4:7], "big"), fold], zone


def _decode(code: int, data: bytes) -> Any:
    if code == 16:
        return Mine(*struct.unpack(">QI", data))
    if code == 17:
        return Yours(*struct.unpack(">Q", data))
    if code == 18:
        return Tag(*struct.unpack(">B", data))
    if code == 19 and len(data) > 8:
        return int.from_bytes(data, "big", signed=True)
    if code == 20:
        return complex(*struct.unpack(">dd", data))
    if code == 21 and len(data) in (11, 14):
        year, month, day = struct.unpack(">HBB", data[:4])
        (hour, minute, second, micro, fold), zone = _time(data[4:])
        return dt.datetime(year, month, day, hour, minute, second, micro, zone, fold=fold)
    if code == 22:
        return dt.date(*struct.unpack(">HBB", data))
    if code == 23 and len(data) in (7, 10):
        (hour, minute, second, micro, fold), zone = _time(data)
        return dt.time(hour, minute, second, micro, zone, fold=fold)
    if code == 24:
        return dt.timedelta(*struct.unpack(">iII", data))
    if code == 25:
        return decimal.Decimal(data.decode("ascii"))
    if code == 26:
        return uuid.UUID(bytes=data)
    if code == 27:
        return Promise(*struct.unpack(">I", data))
    return Ext(code, data)


def decode_ext(code: int, data: bytes) -> Any:
    """What an ext stands for; an Ext when it is not one of the protocol's."""
    try:
        return _decode(code, data)
    except (struct.error, ValueError, ArithmeticError):
        return Ext(code, data)


def _clock(value: dt.datetime | dt.time) -> bytes:
    data = bytes([value.hour, value.minute, value.second, value.fold]) + value.microsecond.to_bytes(3, "big")
    offset = value.utcoffset()
    return data if offset is None else data + int(offset.total_seconds()).to_bytes(3, "big", signed=True)


def encode_ext(value: Any) -> msgpack.ExtType:
    """The ext of a value that msgpack has no type for."""
    match value:
        case Mine(id, interface):
            return msgpack.ExtType(16, struct.pack(">QI", id, interface))
        case Yours(id):
            return msgpack.ExtType(17, struct.pack(">Q", id))
        case Tag(number):
            return msgpack.ExtType(18, bytes([number]))
        case Promise(step):
            return msgpack.ExtType(27, struct.pack(">I", step))
        case Ext(code, data):
            return msgpack.ExtType(code, data)
        case int():
            return msgpack.ExtType(19, value.to_bytes((value + (value < 0)).bit_length() // 8 + 1, "big", signed=True))
        case complex():
            return msgpack.ExtType(20, struct.pack(">dd", value.real, value.imag))
        case dt.datetime():
            return msgpack.ExtType(21, struct.pack(">HBB", value.year, value.month, value.day) + _clock(value))
        case dt.date():
            return msgpack.ExtType(22, struct.pack(">HBB", value.year, value.month, value.day))
        case dt.time():
            return msgpack.ExtType(23, _clock(value))
        case dt.timedelta():
            return msgpack.ExtType(24, struct.pack(">iII", value.days, value.seconds, value.microseconds))
        case decimal.Decimal():
            return msgpack.ExtType(25, str(value).encode("ascii"))
        case uuid.UUID():
            return msgpack.ExtType(26, value.bytes)
    raise TypeError(f"{type(value).__name__} does not travel")


def pack(value: Any) -> bytes:
    """One object, without a newline. Lists are arrays; a tuple is one as well."""
    packed: bytes = msgpack.packb(value, default=encode_ext, use_bin_type=True)
    return packed


def unpack(data: bytes) -> Any:
    """The one object that the bytes are."""
    return msgpack.unpackb(data, ext_hook=decode_ext, raw=False, strict_map_key=False)


# ---- the peer ----


def _connect(where: socket.socket | tuple[str, int] | str | int, timeout: float) -> socket.socket:
    if isinstance(where, socket.socket):
        return where
    if isinstance(where, int):
        return socket.socket(fileno=where)
    if isinstance(where, tuple):
        return socket.create_connection(where, timeout)
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    stream.settimeout(timeout)
    stream.connect(where)
    return stream


class RawPeer:
    """One connection, as a client or as a server; lanes are kept for each direction."""

    def __init__(self, where: socket.socket | tuple[str, int] | str | int, *, timeout: float = 5.0) -> None:
        """A socket, (host, port), the path of a Unix socket, or the number of a descriptor, which is taken over."""
        self.timeout = timeout
        self.root: Any = None
        self.interfaces: dict[int, dict[str, Any]] = {}
        self.freed: dict[int, int] = {}  # by id: references of ours that were given back
        self.server_hello: list[Any] | None = None
        self.in_lane = 0
        self.out_lane = 0
        self._stream = _connect(where, timeout)
        self._buffer = bytearray()
        self._is_ended = False

    def __enter__(self) -> RawPeer:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._stream.close()

    # ---- writing ----

    def send_raw(self, data: bytes, *, timeout: float | None = None) -> None:
        self._stream.settimeout(self.timeout if timeout is None else timeout)
        self._stream.sendall(data)

    def send(self, message: Any, *, lane: int | None = None) -> None:
        """One message; lane: which one it belongs to, None: the one that was chosen last."""
        data = b""
        if lane is not None and lane != self.out_lane:
            data = pack([LANE, lane]) + NEWLINE
            self.out_lane = lane
        self.send_raw(data + pack(message) + NEWLINE)

    def hello(self, root: str | None = None) -> list[Any]:
        """Says hello as a client and waits for the root; returns the server's hello."""
        self.send([HELLO, "pynto", VERSION, root, {}])
        answer = self.recv_message()
        if not isinstance(answer, list) or not answer or answer[0] != HELLO:
            raise RawPeerError(f"no hello: {answer!r}")
        self.server_hello = answer
        self.root = self.reply()[1]
        return answer

    def call(
        self, ref: int, name: str, args: list[Any] | None = None, kwargs: dict[str, Any] | None = None, *, lane: int = 0
    ) -> Any:
        """Sends a call and returns what reply() does: the answer, or a call that the other end makes first."""
        self.send([ref, name, args or [], kwargs or {}], lane=lane)
        return self.reply()

    # ---- reading ----

    def _receive(self, timeout: float) -> bool:
        if timeout <= 0:
            raise RawPeerError("nothing came in time")
        self._stream.settimeout(timeout)
        try:
            data = self._stream.recv(65536)
        except TimeoutError:
            raise RawPeerError("nothing came in time") from None
        except ConnectionError:
            data = b""
        self._buffer += data
        self._is_ended = self._is_ended or not data
        return bool(data)

    def _take(self) -> tuple[Any, bool]:
        """A whole message out of the buffer, and whether there was one."""
        unpacker = msgpack.Unpacker(ext_hook=decode_ext, raw=False, strict_map_key=False, max_buffer_size=1 << 30)
        unpacker.feed(self._buffer)
        try:
            message = unpacker.unpack()
        except msgpack.OutOfData:
            return None, False
        end = unpacker.tell()
        if len(self._buffer) == end:
            return None, False
        if self._buffer[end : end + 1] != NEWLINE:
            raise RawPeerError(f"no newline behind {message!r}")
        del self._buffer[: end + 1]
        return message, True

    def recv_message(self, timeout: float | None = None) -> Any:
        """The next message, whatever it is; None when the stream has ended. Lanes, descriptions and frees are noted in passing."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            message, is_whole = self._take()
            if is_whole:
                break
            if self._is_ended or not self._receive(deadline - time.monotonic()):
                if self._buffer:
                    raise RawPeerError(f"the stream ended within a message: {bytes(self._buffer[:40]).hex()}")
                return None
        if isinstance(message, list) and len(message) == 2 and message[0] == LANE:
            self.in_lane = message[1]
        elif isinstance(message, list) and len(message) == 3 and message[0] == DESCRIBE:
            self.interfaces[message[1]] = message[2]
        elif isinstance(message, list) and len(message) == 3 and message[0] == FREE:
            self.freed[message[1]] = self.freed.get(message[1], 0) + message[2]
        return message

    def fence(self) -> None:
        """Everything that the other end has said by now is read."""
        self.send([PING, 1])
        while self.recv_message() != [PONG, 1]:
            pass

    def reply(self, timeout: float | None = None) -> Any:
        """The next message that is neither of a lane, nor a description, nor a free; in_lane says where it belongs."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            message = self.recv_message(deadline - time.monotonic())
            if not (isinstance(message, list) and len(message) != 4 and message[0] in (LANE, DESCRIBE, FREE)):
                return message

    def expect_close(self, timeout: float | None = None) -> list[Any] | None:
        """Waits for the end of the stream; returns the goodbye, None when there was none. Nothing may follow a goodbye."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        goodbye: list[Any] | None = None
        while True:
            message = self.recv_message(deadline - time.monotonic())
            if message is None:
                return goodbye
            if goodbye is not None:
                raise RawPeerError(f"behind the goodbye: {message!r}")
            if isinstance(message, list) and len(message) == 3 and message[0] == GOODBYE:
                goodbye = message
