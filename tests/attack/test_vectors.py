"""Single hostile messages, byte by byte, over each transport. tools/attacks sends each over all of them, and prints what came of it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attacker import DENIAL, EVERY_TRANSPORT, HELLO_BYTES, Attacker, closes
from rawpeer import ERROR, GOODBYE, NEWLINE, RETURN, unpack

VECTORS: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "vectors.json").read_text())
WHOLE_MATRIX = os.environ.get("PYNTO_ATTACK_MATRIX") == "1"  # tools/attacks


def frame(vector: dict[str, Any]) -> bytes:
    return b"".join(bytes.fromhex(part) * count for part, count in vector["parts"])


def echoed(message: bytes) -> Any:
    """What echo() has to return: its argument, or all of them."""
    args = unpack(message)[2]
    return args[0] if len(args) == 1 else args


def outcome(peer: Attacker, vector: dict[str, Any], message: bytes) -> str:
    """What came of it, in a word or two: ``ok``, ``deny``, the type of an error, or ``close`` with its code, if that was to be read."""
    if vector["verdict"] == "close":
        code = closes(peer, is_reset_fine=len(message) > 4096)
        return "close" if code is None else f"close {code}"
    answer = peer.reply()
    if answer is None or answer[0] == GOODBYE:
        return "end" if answer is None else f"close {answer[1]}"
    peer_said = peer.raw
    peer.lives()
    if answer == [RETURN, echoed(message)]:
        return "ok"
    if peer_said == DENIAL:
        return "deny"
    return str(answer[1][0]) if answer[0] == ERROR else f"another answer: {answer!r}"


WANTED = {
    "ok": r"ok",
    "deny": r"deny",
    "exc": r"TypeError",
    "close": r"close( [1-9]\d*)?",
    "any-but-crash": r"ok|end|close \d+",
}


def judge(peer: Attacker, vector: dict[str, Any], message: bytes) -> str:
    found = outcome(peer, vector, message)
    assert re.fullmatch(WANTED[vector["verdict"]], found), f"{found} in place of {vector['verdict']}"
    return found


def transports_for(number: int) -> tuple[str, ...]:
    """All of them where that is asked for; else TCP and Unix sockets, and of those where a connection costs more each in turn."""
    if WHOLE_MATRIX:
        return EVERY_TRANSPORT
    cheap = ("tcp", "unix")
    dear = [each for each in EVERY_TRANSPORT if each not in cheap]
    return (*cheap, dear[number % len(dear)])


@pytest.mark.parametrize(("number", "name"), list(enumerate(VECTORS)), ids=VECTORS)
def test_each_hostile_message_gets_its_verdict_and_the_same_on_every_transport(
    number: int, name: str, connect_over: Callable[..., Attacker], record_property: Callable[[str, object], None]
) -> None:
    """A01 A23 B01 B03 B05 B07 B09 B11 B13 D01 D15 H01 H03 H05 H07 H11 H13 H15 H17 H19 H23 H29 P01"""
    vector = VECTORS[name]
    message = frame(vector)
    found: dict[str, str] = {}
    for transport in transports_for(number):
        with connect_over(transport) as peer:
            peer.pour(message + NEWLINE)
            found[transport] = judge(peer, vector, message)
    told = {each for each in found.values() if each != "close"}  # a reset may take the code along
    assert len(told) <= 1, found
    record_property("vector", (name, vector["note"], vector["verdict"], found))


def test_the_cheaper_run_leaves_no_transport_out() -> None:
    assert {each for number in range(len(VECTORS)) for each in transports_for(number)} == set(EVERY_TRANSPORT)


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
