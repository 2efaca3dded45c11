"""Plays a case of cases.json against a server. It needs a socket and msgpack, and nothing of Pynto's."""

from __future__ import annotations

import re
import socket
from typing import Any

import msgpack

HOLE = re.compile(r"<(?P<name>\w*)(?:/(?P<kind>\w+))?>")
FREE, LANE, DESCRIBE, GOODBYE, PING, PONG = -3, -4, -5, -7, -9, -10


class Wrong(AssertionError):
    """The server did not do what the case says."""


class Ended(Exception):
    pass


def shortest(number: int) -> bytes:
    made: bytes = msgpack.packb(number)
    return made


class Player:
    """One connection; found holds what the holes of expected messages have found."""

    def __init__(self, stream: socket.socket, *, patience: float = 10.0) -> None:
        self._stream = stream
        self._patience = patience
        self._buffer = b""
        self._out_lane = self._in_lane = 0
        self.found: dict[str, bytes] = {}
        self.freed: dict[int, int] = {}

    # ---- bytes ----

    def _more(self) -> None:
        self._stream.settimeout(self._patience)
        try:
            data = self._stream.recv(65536)
        except TimeoutError:
            raise Wrong(f"nothing comes; so far {self._buffer[:80].hex()}") from None
        except ConnectionResetError:
            data = b""
        if not data:
            raise Ended
        self._buffer += data

    def _message(self) -> tuple[bytes, Any]:
        """The next message, without its newline, and what it is."""
        while True:
            unpacker = msgpack.Unpacker(ext_hook=lambda code, data: (code, data), strict_map_key=False, raw=True)
            unpacker.feed(self._buffer)
            try:
                value = unpacker.unpack()
            except msgpack.OutOfData:
                self._more()
                continue
            end = unpacker.tell()
            while len(self._buffer) == end:
                self._more()
            if self._buffer[end : end + 1] != b"\n":
                raise Wrong(f"no newline behind {self._buffer[:end].hex()}")
            data, self._buffer = self._buffer[:end], self._buffer[end + 1 :]
            return data, value

    def _next(self) -> tuple[bytes, Any]:
        """The next one that is not of lanes or frees."""
        while True:
            data, value = self._message()
            if value[0] == LANE and len(value) == 2:
                self._in_lane = value[1]
            elif value[0] == FREE and len(value) == 3:
                self.freed[value[1]] = self.freed.get(value[1], 0) + value[2]
            else:
                return data, value

    def _filled(self, text: str) -> bytes:
        def fill(hole: re.Match[str]) -> str:
            found = self.found[hole["name"]]
            if hole["kind"]:
                return found.hex()
            return shortest(int.from_bytes(found, "big")).hex()

        return bytes.fromhex(HOLE.sub(fill, text))

    def _fits(self, text: str, data: bytes) -> bool:
        """Whether a message is so; what the holes have found is kept if it is."""
        at = place = 0
        found: dict[str, bytes] = {}
        while at < len(text):
            hole = HOLE.match(text, at)
            if hole is None:
                if data[place : place + 1].hex() != text[at : at + 2]:
                    return False
                at, place = at + 2, place + 1
                continue
            at = hole.end()
            kind = hole["kind"]
            if kind.isdigit():
                length = int(kind)
            else:
                unpacker = msgpack.Unpacker(strict_map_key=False, raw=True)
                unpacker.feed(data[place:])
                try:
                    value = unpacker.unpack()
                except msgpack.OutOfData:
                    return False
                length = unpacker.tell()
                if kind != "any" and not isinstance(value, {"int": int, "str": bytes}[kind]):
                    return False
            if place + length > len(data):
                return False
            if hole["name"]:
                found[hole["name"]] = data[place : place + length]
            place += length
        if place != len(data):
            return False
        self.found |= found
        return True

    # ---- steps ----

    def play(self, steps: list[dict[str, Any]]) -> None:
        for number, step in enumerate(steps):
            try:
                self._step(step)
            except Ended:
                raise Wrong(f"step {number}, {step}: the connection has ended") from None
            except Wrong as wrong:
                raise Wrong(f"step {number}, {step}: {wrong}") from None

    def _step(self, step: dict[str, Any]) -> None:
        match step:
            case {"send": texts}:
                self._send(
                    b"".join(self._filled(text) for text in texts), step.get("lane", self._out_lane), step.get("cut")
                )
            case {"get": texts}:
                self._get(texts, step.get("lane", 0))
            case {"closes": codes}:
                self._closes(codes)
            case {"silent": True}:
                self._fence()
            case {"freed": freed}:
                self._fence()
                if {str(id): count for id, count in self.freed.items()} != freed:
                    raise Wrong(f"freed {self.freed}")
            case {"differ": [one, other]}:
                if self.found[one] == self.found[other]:
                    raise Wrong(f"{one} is {other}")
            case {"same": [one, other]}:
                if self.found[one] != self.found[other]:
                    raise Wrong(f"{one} is not {other}")
            case _:
                raise Wrong("no step")

    def _send(self, data: bytes, lane: int, cut: int | None) -> None:
        if lane != self._out_lane:
            data = b"\x92\xfc" + shortest(lane) + b"\n" + data
            self._out_lane = lane
        self._stream.settimeout(self._patience)
        step = cut or len(data) or 1
        try:
            for start in range(0, len(data), step):
                self._stream.sendall(data[start : start + step])
        except (BrokenPipeError, ConnectionResetError):
            pass  # what comes back tells why

    def _get(self, texts: list[str], lane: int) -> None:
        data, value = self._next()
        is_of_a_lane = len(value) == 4 or value[0] in (-1, -2, -6, -11, -12, -13)
        if not any(self._fits(text, data) for text in texts):
            raise Wrong(f"{data.hex()} came: {value}")
        if is_of_a_lane and self._in_lane != lane:
            raise Wrong(f"in lane {self._in_lane}")

    def _closes(self, codes: list[int]) -> None:
        """A goodbye with one of the codes, and the end; nothing else, and nothing behind it."""
        try:
            data, value = self._next()
        except Ended:
            if None in codes:
                return
            raise
        if len(value) != 3 or value[0] != GOODBYE or value[1] not in codes:
            raise Wrong(f"{data.hex()} came: {value}")
        try:
            data, value = self._next()
        except Ended:
            if self._buffer:
                raise Wrong(f"behind the goodbye {self._buffer.hex()}") from None
            return
        raise Wrong(f"behind the goodbye {data.hex()}")

    def _fence(self) -> None:
        """A ping, and its pong as the next that comes."""
        self._stream.sendall(b"\x92\xf7\x7b\n")
        data, value = self._next()
        if value != [PONG, 123]:
            raise Wrong(f"{data.hex()} came: {value}")


def play(stream: socket.socket, case: dict[str, Any], *, patience: float = 10.0) -> None:
    """Plays one case on a connection that was just made; raises Wrong when it goes otherwise."""
    Player(stream, patience=patience).play(case["steps"])
