"""A second stream that comes in parts: who never ends one, begins many, carries what may not be carried, or announces the world, harms nobody but himself."""

from __future__ import annotations

import pytest
from attacker import Attacker, Honest, Process, closes, serving, until
from rawpeer import ERROR, FREE, GOODBYE, NEWLINE, PART, PONG, RETURN, Yours, pack

CALL = pack([0, "echo", [1], {}]) + NEWLINE
DENIED = [ERROR, ["Refused", "not permitted", None, None]]


@pytest.mark.memory
def test_a_part_of_four_gibibytes_is_refused_at_its_header(victim: Process) -> None:
    """H01: and so is one byte more than a part carries."""
    before = victim.rss()
    for head in (b"\x92\xf0\xc6\xff\xff\xff\xff", b"\x92\xf0\xc6\x00\x10\x00\x01"):
        with victim.connect() as peer:
            peer.send_raw(head)
            assert closes(peer) == 11
    assert victim.rss() - before < 2 << 20


@pytest.mark.memory
def test_a_part_that_is_announced_costs_what_has_come_of_it(victim: Process) -> None:
    """H01 H03: a mebibyte is announced, of a message of sixteen, by fifty peers; nothing of it comes."""
    before = victim.rss()
    peers = [victim.connect() for _ in range(50)]
    for peer in peers:
        peer.send_raw(b"\x92\xf0\xc6\x00\x10\x00\x00\x94\x00\xa4echo\x91\xc6\x00\xff\xff\x00")
    for peer in peers:
        peer.close()
    assert victim.rss() - before < 50 * 100 * 1024


def test_who_begins_many_has_one(peer: Attacker) -> None:
    """There is one second stream: another beginning is what comes next of the first."""
    peer.pour(b"".join(pack([PART, carried]) + NEWLINE for carried in (CALL[:5], CALL[:5], CALL[5:])))
    assert closes(peer) == 12  # in the middle of a name, where a second call begins


def test_parts_of_nothing_close(peer: Attacker) -> None:
    peer.send([PART, b""])
    assert closes(peer) == 8


@pytest.mark.parametrize(
    ("carried", "code"),
    [
        (pack([FREE, 1, 1]) + NEWLINE, 15),
        (pack([GOODBYE, 0, ""]) + NEWLINE, 15),
        (pack([-9, 1]) + NEWLINE, 15),
        (pack([-15, 1, "x"]) + NEWLINE, 15),
        (pack([RETURN, 1]) + NEWLINE, 15),
        (pack([PART, CALL]) + NEWLINE, 8),
        (b"\xc1", 8),
        (CALL[:-1] + b"x", 9),
        (NEWLINE, 8),
    ],
)
def test_what_a_second_stream_does_not_hold_closes(peer: Attacker, carried: bytes, code: int) -> None:
    peer.send([PART, CALL[:4]])
    peer.send([PART, CALL[4:]])
    assert peer.reply() == [RETURN, 1]
    peer.send([PART, carried])
    assert closes(peer) == code


@pytest.mark.parametrize("as_argument", [False, True])
def test_a_free_between_the_parts_of_a_call_is_ahead_of_it(victim: Process, as_argument: bool) -> None:
    """D05: what is given back there is not there when the call ends, whether it is called or handed in; without the free it is."""
    for is_freed in (False, True):
        with victim.connect() as peer:
            ref = peer.ref("open", "a")
            call = pack([0, "audit", [Yours(ref)], {}] if as_argument else [ref, "balance", [], {}]) + NEWLINE
            for part in (call[: len(call) // 2], call[len(call) // 2 : -1]):
                peer.send([PART, part])
            if is_freed:
                peer.send([FREE, ref, 1])
            peer.send([PART, call[-1:]])
            assert (peer.reply() == DENIED) == is_freed


def test_tiny_parts_are_a_flood() -> None:
    """K: a part of a byte costs what an odd message does."""
    with serving("--quota", "oddities_per_second=10", "--quota", "burst_seconds=1") as server, server.connect() as peer:
        text = pack([0, "echo", ["x" * 1000], {}]) + NEWLINE
        peer.pour(b"".join(pack([PART, text[at : at + 1]]) + NEWLINE for at in range(20)))
        assert closes(peer) == 17


def test_who_never_ends_a_message_is_stopped_by_the_clock_whatever_he_says_meanwhile() -> None:
    """L: pings between the parts do not give it more time."""
    with serving("--quota", "unfinished=0.5") as server, server.connect() as peer, Honest(server) as honest:
        peer.send([PART, CALL[:5]])
        ended = []

        def is_over() -> bool:
            try:
                peer.send([-9, 1])
                message = peer.recv_message()
            except OSError:
                message = None
            if message != [PONG, 1]:
                ended.append(message)
            return message != [PONG, 1]

        until(is_over, "it is closed")
        assert ended[0] is None or ended[0][0] == GOODBYE
        assert not honest.failures


def test_a_call_of_another_lane_between_parts_is_charged_as_any(peer: Attacker) -> None:
    """K: the order of answers is that in which the calls were whole."""
    for _ in range(100):
        peer.send([PART, CALL[:7]])
        peer.send([0, "echo", [2], {}], lane=2)
        peer.send([PART, CALL[7:]])
    answers = []
    while len(answers) < 200:
        message = peer.reply()
        assert message[0] == RETURN
        answers.append((peer.in_lane, message[1]))
    assert answers.count((2, 2)) == answers.count((0, 1)) == 100
