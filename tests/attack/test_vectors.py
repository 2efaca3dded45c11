"""Single hostile messages, byte by byte, over each transport."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attacker import DENIAL, HELLO_BYTES, TRANSPORTS, Attacker, closes
from rawpeer import ERROR, GOODBYE, NEWLINE, RETURN, unpack

VECTORS: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "vectors.json").read_text())


def frame(vector: dict[str, Any]) -> bytes:
    return b"".join(bytes.fromhex(part) * count for part, count in vector["parts"])


def echoed(message: bytes) -> Any:
    """What echo() has to return: its argument, or all of them."""
    args = unpack(message)[2]
    return args[0] if len(args) == 1 else args


def judge(peer: Attacker, vector: dict[str, Any], message: bytes) -> None:
    verdict = vector["verdict"]
    if verdict == "close":
        assert closes(peer, is_reset_fine=len(message) > 4096) != 0
        return
    answer = peer.reply()
    if verdict == "any-but-crash" and (answer is None or answer[0] == GOODBYE):
        return
    if verdict == "ok" or verdict == "any-but-crash":
        assert answer == [RETURN, echoed(message)]
    elif verdict == "deny":
        assert peer.raw == DENIAL, answer
    else:
        assert answer[0] == ERROR and answer[1][0] == "TypeError", answer
    peer.lives()


def is_for(transport: str, number: int) -> bool:
    """All of them over TCP and Unix sockets; where a connection costs more, every fourth, and not the same ones everywhere."""
    return transport in ("tcp", "unix") or number % 4 == TRANSPORTS.index(transport) % 4


CASES = [
    (transport, name) for transport in TRANSPORTS for number, name in enumerate(VECTORS) if is_for(transport, number)
]


@pytest.mark.parametrize(("connect", "name"), CASES, indirect=["connect"])
def test_each_hostile_message_gets_its_verdict(name: str, connect: Callable[..., Attacker]) -> None:
    """A01 A23 B01 B03 B05 B07 B09 B11 B13 D01 D15 H01 H03 H05 H07 H11 H13 H15 H17 H19 H23 H29 P01"""
    vector = VECTORS[name]
    message = frame(vector)
    with connect() as peer:
        peer.pour(message + NEWLINE)
        judge(peer, vector, message)


@pytest.mark.parametrize("name", ["OK", "A01", "B13.8", "H11.5", "H17", "H29.4", "P01.2", "B09.6", "H19.7"])
def test_the_verdict_does_not_depend_on_how_the_bytes_are_cut(name: str, connect: Callable[..., Attacker]) -> None:
    """H09: two writes at each place, and one byte per write, the hello with them."""
    vector = VECTORS[name]
    message = frame(vector)
    stream = HELLO_BYTES + message + NEWLINE
    step = 1 if name == "OK" else 3
    for cut in range(len(HELLO_BYTES), len(stream), step):
        with connect(hello=False) as peer:
            peer.pour(stream[:cut])
            peer.pour(stream[cut:])
            assert [peer.recv_message()[0] for _ in range(3)] == [-8, -5, -1]
            judge(peer, vector, message)
    with connect(hello=False) as peer:
        for byte in stream:
            peer.pour(bytes([byte]))
        assert [peer.recv_message()[0] for _ in range(3)] == [-8, -5, -1]
        judge(peer, vector, message)
