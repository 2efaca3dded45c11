"""The stream: what is announced costs nothing, what is cut is joined, what is broken ends that connection and no other."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
from attacker import HELLO_BYTES, Attacker, Honest, Process, call_bytes, closes, serving, until
from rawpeer import ERROR, HELLO, NEWLINE, RETURN, Tag, pack


@pytest.mark.memory
@pytest.mark.parametrize(
    ("head", "why"),
    [
        (b"\xdd\xff\xff\xff\xff", "an array of 2**32 - 1"),
        (b"\x94\x00\xa4echo\xdd\xff\xff\xff\xff", "as arguments"),
        (b"\x94\x00\xa4echo\x91\xdf\xff\xff\xff\xff", "a map"),
        (b"\x94\x00\xdb\xff\xff\xff\xff", "as the name"),
        (b"\x94\x00\xa4echo\x90\xdf\xff\xff\xff\xff", "as keywords"),
        (b"\x94\x00\xa4echo\x91\xc6\x01\x00\x00\x01", "one byte more than a message may have"),
        (b"\x94\x00\xa4echo\x91\xdb\x01\x00\x00\x00", "as many as a message may have, and others already"),
        (b"\x94\x00\xa4echo\x91\xdd\x00\x01\x00\x01", "one element more than a message may have"),
        (b"\x94\x00\xa4echo\x91\xc9\xff\xff\xff\xff\x10", "a reference of 4 GiB"),
        (b"\x94\x00\xa4echo\x91\xc8\x10\x01\x13", "an integer of 4,097 bytes"),
    ],
)
def test_what_is_announced_is_refused_at_its_header(victim: Process, head: bytes, why: str) -> None:
    """H01 H03: at once, without a byte of what was announced."""
    before = victim.rss()
    with victim.connect() as peer:
        peer.send_raw(head)
        assert closes(peer) == 11, why
    assert victim.rss() - before < 2 << 20


def test_a_message_may_be_as_large_as_the_limit_and_no_larger() -> None:
    """H03 K13: N-1, N and N+1 bytes, elements and levels."""
    with serving("--quota", "message=4096", "--quota", "elements=64", "--quota", "depth=8") as server:
        overhead = len(pack([0, "echo", [b"x" * 4000], {}])) - 4000
        for size, is_fine in ((4095, True), (4096, True), (4097, False)):
            with server.connect() as peer:
                peer.pour(pack([0, "echo", [b"x" * (size - overhead)], {}]) + NEWLINE)
                assert (peer.reply()[0] == RETURN) if is_fine else closes(peer) == 11
        for count, is_fine in ((57, True), (58, True), (59, False)):  # and six around them
            with server.connect() as peer:
                peer.pour(pack([0, "echo", [[1] * count], {}]) + NEWLINE)
                assert (peer.reply()[0] == RETURN) if is_fine else closes(peer) == 11
        for depth, is_fine in ((5, True), (6, True), (7, False)):  # and two around them
            value: Any = 1
            for _ in range(depth):
                value = [value]
            with server.connect() as peer:
                peer.pour(pack([0, "trips", [value], {}]) + NEWLINE)
                assert (peer.reply()[1][0] == "TypeError") if is_fine else closes(peer) == 10


@pytest.mark.parametrize("tail", [b"", b"\x00", b"\r\n", b"\xc0", b"\x94", b" ", b"\r"])
def test_the_byte_behind_a_message_is_a_newline(peer: Attacker, tail: bytes) -> None:
    """H11"""
    peer.pour(pack([0, "echo", [1], {}]) + tail + pack([0, "echo", [2], {}]) + NEWLINE)
    assert closes(peer) == 9


@pytest.mark.parametrize("count", [1, 2, 1000])
def test_empty_messages_are_none(peer: Attacker, count: int) -> None:
    """H11"""
    peer.pour(NEWLINE * count)
    assert closes(peer) == 8


def test_a_newline_inside_of_a_message_is_what_msgpack_says(peer: Attacker) -> None:
    """H11: in integers, lengths, texts, bytes, keys, exts of all forms."""
    for value in (
        10,
        0x0A0A,
        0x0A0A0A0A,
        0x0A0A0A0A0A0A0A0A,
        "\n" * 10,
        b"\n" * 0x0A0A,
        {"\n": 10},
        [10] * 10,
        {10: 10},
        1 << 2571,
    ):
        assert peer.value(0, "echo", [value]) == value


def test_nothing_is_served_behind_a_broken_message(victim: Process) -> None:
    """H25: an error in the middle, and then whatever is valid, in one write or in the next: the connection is over."""
    broken = [
        b"\xc1",
        b"\x94\x00\xa4echo\x91\x82\xa1a\xc1",
        b"\x94\x00\xa2\xc3\x28\x90\x80\n",
        b"\x90\n",
        b"\x94\x00\xa4echo\x91\xd4\x01\x65\x80\n",
    ]
    for bad in broken:
        with victim.connect() as peer:
            peer.value(0, "clear")
            peer.pour(bad + call_bytes(0, "echo", 1) * 50 + NEWLINE)
            assert closes(peer) in (8, 12, 14)
        with victim.connect() as peer:
            peer.send_raw(bad)
            peer.pour(call_bytes(0, "echo", 1))
            assert closes(peer, is_reset_fine=True) in (8, 12, 14, None)


def test_calls_ahead_of_a_broken_message_have_at_most_one_answer(victim: Process) -> None:
    """H25 O-ONE: what was valid may have been served; nothing is served twice, nothing behind it at all."""
    with victim.connect() as peer:
        peer.pour(b"".join(call_bytes(0, "echo", i) for i in range(100)) + b"\xc1" + call_bytes(0, "echo", 777))
        came: list[Any] = []
        while (message := peer.recv_message()) is not None:
            came.append(message)
        assert came[-1][:2] == [-7, 8]
        answers = [message[1] for message in came[:-1]]
        assert answers == list(range(len(answers)))


def test_nothing_of_one_connection_is_seen_by_another(victim: Process) -> None:
    """H27: half a message here, a whole one there, in turns."""
    first, second = victim.connect(), victim.connect()
    with first, second:
        message = call_bytes(0, "echo", "first " * 50)
        for cut in range(1, len(message), 7):
            first.send_raw(message[:cut])
            assert second.value(0, "echo", ["second"]) == "second"
            second.send_raw(call_bytes(0, "echo", "other")[:5])
            first.send_raw(message[cut:])
            assert first.reply() == [RETURN, "first " * 50]
            second.send_raw(call_bytes(0, "echo", "other")[5:])
            assert second.reply() == [RETURN, "other"]


@pytest.mark.parametrize(
    ("hello", "code"),
    [
        ([HELLO, "pynto", 0, None, {}], 16),
        ([HELLO, "pynto", 2, None, {}], 16),
        ([HELLO, "pynto", 2**64 - 1, None, {}], 16),
        ([HELLO, "Pynto", 1, None, {}], 16),
        ([HELLO, "pynto\0", 1, None, {}], 16),
        ([HELLO, "pynto", 1, "nobody", {}], 3),
        ([HELLO, "pynto", 1, "Root\0", {}], 3),
        ([HELLO, "pynto", 1, "root", {}], 3),
        ([HELLO, "pynto", 1, "__class__", {}], 3),
        ([HELLO, "pynto", 1, "", {}], 8),
        ([HELLO, "pynto", 1, "x" * 256, {}], 8),
        ([HELLO, "pynto", 1, 0, {}], 8),
        ([HELLO, "pynto", True, None, {}], 8),
        ([HELLO, "pynto", 1.0, None, {}], 8),
        ([HELLO, b"pynto", 1, None, {}], 8),
        ([HELLO, "pynto", 1, None, []], 8),
        ([HELLO, "pynto", 1, None, {"message": "x"}], 8),
        ([HELLO, "pynto", 1, None, {"message": -1}], 8),
        ([HELLO, "pynto", 1, None], 8),
        ([HELLO, "pynto", 1, None, {}, 1], 8),
        ([0, "echo", [1], {}], 15),
        ([-9, 1], 15),
        ([-3, 1, 1], 15),
        ([-4, 2], 15),
        ([-6], 15),
        ([RETURN, 1], 15),
    ],
    ids=repr,
)
def test_nothing_is_served_ahead_of_a_proper_hello(victim: Process, hello: Any, code: int) -> None:
    """H35 D33: another version, protocol, root, shape, or no hello at all; a call behind it is not served."""
    with victim.connect(hello=False) as peer:
        peer.pour(pack(hello) + NEWLINE + call_bytes(0, "echo", 1))
        assert closes(peer) == code


def test_a_hello_may_have_keys_that_nobody_knows_and_no_flood_of_them(victim: Process) -> None:
    """H35: refused or left aside; their number is bounded like everything else."""
    for limits in ({"later": 1}, {f"k{i}": i for i in range(1000)}, {f"k{i}": i for i in range(5000)}):
        with victim.connect(hello=False) as peer:
            peer.pour(pack([HELLO, "pynto", 1, None, limits]) + NEWLINE)
            message = peer.recv_message()
            assert message[0] in (HELLO, -7)
    victim.is_sound()


def test_a_second_hello_ends_the_connection(victim: Process) -> None:
    """C27 H35: at once, and in the middle of a call."""
    with victim.connect(hello=False) as peer:
        peer.pour(HELLO_BYTES * 2)
        while (message := peer.recv_message()) is not None and message[0] != -7:
            pass
        assert message[1] == 15
    with victim.connect() as peer:
        peer.send([0, "wait", [0.05], {}])
        peer.pour(HELLO_BYTES)
        assert closes(peer) == 15


@pytest.mark.parametrize(
    "limits",
    [
        {"message": 0},
        {"message": 1},
        {"depth": 0},
        {"elements": 0},
        {"references": 0},
        {"depth": 1, "elements": 1, "message": 60},
    ],
    ids=repr,
)
def test_a_client_that_takes_nothing_gets_nothing_and_hurts_nobody(victim: Process, limits: dict[str, int]) -> None:
    """H35 K17: limits that make every answer too large."""
    with victim.connect(hello=False) as peer:
        peer.pour(
            pack([HELLO, "pynto", 1, None, limits])
            + NEWLINE
            + call_bytes(0, "open", "a")
            + call_bytes(0, "echo", "x" * 100)
        )
        for _ in range(6):
            message = peer.recv_message()
            if message is None or message[0] == -7:
                break
            if message[0] in (RETURN, ERROR):
                peer.send([-9, 1])
                break
    victim.is_sound()


CHUNKS = {
    "nil": b"\xc0",
    "array": b"\x90",
    "map": b"\x80",
    "text": b"\xa1a",
    "nested": b"\x91\xc0",
    "float": b"\xcb" + bytes(8),
    "int": b"\xce\x00\x01\x02\x03",
}


@pytest.mark.memory
@pytest.mark.parametrize("kind", CHUNKS)
def test_a_message_costs_what_it_weighs(victim: Process, kind: str) -> None:
    """H23: the densest messages that are taken; memory comes back."""
    count = 30_000
    message = b"\x94\x00\xa5trips\x91\xdd" + count.to_bytes(4, "big") + CHUNKS[kind] * count + b"\x80\n"
    echo = b"\x94\x00\xa4echo\x91\xdd" + count.to_bytes(4, "big") + CHUNKS[kind] * count + b"\x80\n"
    with victim.connect() as peer:
        peer.lives()
        before = victim.rss()
        for _ in range(5):
            peer.pour(message)
            assert peer.reply()[1][0] == "TypeError"
            peer.pour(echo)
            assert peer.reply()[0] in (RETURN, ERROR)
        assert victim.rss() - before < 48 << 20
        peer.lives()


def test_keys_cannot_be_chosen_to_be_slow(victim: Process) -> None:
    """H17: keys of equal hash, NaNs, zeros of both signs, within a small multiple of what random keys cost."""
    randoms = random.Random(7)
    modulus = (1 << 61) - 1
    families: dict[str, list[Any]] = {
        "random": [randoms.getrandbits(60) for _ in range(1000)],
        "low bits": [j << 32 for j in range(1000)],
        "high bits": [j << 48 for j in range(1000)],
        "one hash": [k * modulus for k in range(9)],
        "texts": [f"{k:>040}" for k in range(1000)],
    }
    floats = [2.0 ** (61 * k) for k in range(-16, 16)]
    with victim.connect() as peer:
        times: dict[str, float] = {}
        for name, keys in families.items():
            times[name] = timed(peer, [dict.fromkeys(keys)])
        assert max(times.values()) < 10 * times["random"] + 0.2, times
        answer = peer.call(0, "echo", [[Tag(8), *itertools.chain.from_iterable((value, 1) for value in floats)]])
        assert answer[0] in (RETURN, ERROR)
    with victim.connect() as peer:
        answer = peer.call(0, "echo", [[Tag(3), *[float("nan")] * 1000]])
        assert answer is None or answer[0] in (RETURN, ERROR, -7)
    victim.is_sound()


def timed(peer: Attacker, args: list[Any]) -> float:
    import time

    start = time.monotonic()
    for _ in range(10):
        assert peer.call(0, "echo", args)[0] == RETURN
    return time.monotonic() - start


def test_rubbish_ends_connections_and_nothing_else(victim: Process) -> None:
    """H33 A23: random bytes, mutated and truncated messages, other protocols' greetings; an honest client is served throughout."""
    randoms = random.Random(20240229)
    valid = [
        call_bytes(0, "echo", {"a": [1, "b", None, 1.5, b"c"]}, k=1),
        call_bytes(0, "add", 1, 2),
        call_bytes(0, "open", "a"),
        pack([-3, 1, 1]) + NEWLINE,
    ]
    valid += [
        pack([-4, 2]) + NEWLINE,
        pack([-6]) + NEWLINE,
        pack([-9, 3]) + NEWLINE,
        call_bytes(0, "echo", [Tag(2), 1]),
        call_bytes(1, "balance"),
    ]
    greetings = [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"SSH-2.0-x\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"PYRO\x01\xf6",
        b"JRMI\x00\x02K",
        b"#CHALLENGE#",
        b"\x80\x04\x95R.",
        b"\x00\x00\x00\x10\x00\x01",
        b"(lp0\n.",
    ]
    with Honest(victim):
        for greeting in greetings:
            with victim.connect("tcp", hello=False) as peer:
                peer.pour(greeting)
                assert closes(peer) != 0
        for _ in range(150):
            data = bytearray(b"".join(randoms.choices(valid, k=6)))
            for _ in range(randoms.randrange(1, 6)):
                data[randoms.randrange(len(data))] = randoms.randrange(256)
            if randoms.random() < 0.3:
                del data[randoms.randrange(len(data)) :]
            if randoms.random() < 0.1:
                data = bytearray(randoms.randbytes(200))
            with victim.connect(hello=randoms.random() < 0.9) as peer:
                peer.pour(bytes(data))
        with victim.connect() as peer:
            until(lambda: peer.lives() or True, "it lives")
    victim.is_sound()
