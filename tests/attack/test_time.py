"""Deadlines and cancels from somebody who means no good: classes F and I."""

from __future__ import annotations

from typing import Any

import pytest
from attacker import Attacker, pack
from rawpeer import CANCEL, ERROR, GOODBYE, NEWLINE, RETURN, Ext


def ask(within: Any, *, options: dict[str, Any] | None = None) -> list[Any]:
    return [-11, 0, "add", [1, 2], {}, {"within": within, **(options or {})}]


@pytest.mark.parametrize(
    "within",
    [-1, -(2**63), 2**63, 2**64 - 1, 2**64, -(2**64), 1.5, float("inf"), float("nan"), None, True, "1", b"1", [1], {}],
)
def test_what_is_no_time_ends_the_connection(peer: Attacker, within: Any) -> None:
    peer.send(ask(within))
    goodbye = peer.expect_close()
    assert goodbye is not None and goodbye[:2] == [GOODBYE, 8]


def test_a_time_twice_ends_the_connection(peer: Attacker) -> None:
    once = pack("within") + pack(1)
    peer.send_raw(pack(ask(1))[: -len(once) - 1] + b"\x82" + once + once + NEWLINE)
    goodbye = peer.expect_close()
    assert goodbye is not None and goodbye[:2] == [GOODBYE, 13]


@pytest.mark.parametrize("within", [2**63 - 1, 2**62, 10**9])
def test_no_time_is_too_long(peer: Attacker, within: int) -> None:
    peer.send(ask(within))
    assert peer.reply() == [RETURN, 3]


def test_ten_thousand_calls_without_any_time_cost_nobody_anything(peer: Attacker) -> None:
    """They are errors of the calls, not refusals; each is answered."""
    for _ in range(100):
        peer.send_raw((pack(ask(0)) + NEWLINE) * 100)
        for _ in range(100):
            kind, (name, text, *_) = peer.reply()  # the watchdog may see it first, and has other words for it
            assert (kind, name, text[:10]) == (ERROR, "DeadlineExceeded", "deadline: ")
    assert peer.call(0, "add", [1, 2]) == [RETURN, 3]


def test_a_denied_call_says_nothing_of_time(peer: Attacker) -> None:
    for target in (0, 77, -1):
        peer.send([-11, target, "_private", [], {}, {"within": 0}])
        assert peer.reply() == [ERROR, ["Refused", "not permitted", None, None]]


def test_a_flood_of_cancels_ends_the_connection_and_nothing_else(peer: Attacker) -> None:
    """Each finds its lane idle."""
    assert not peer.pour((pack([CANCEL]) + NEWLINE) * 100_000) or True
    goodbye = peer.expect_close()
    assert goodbye is None or goodbye[:2] == [GOODBYE, 17]


def test_cancels_between_calls_take_none_of_the_answers_away(peer: Attacker) -> None:
    peer.send_raw((pack([0, "add", [1, 2], {}]) + NEWLINE + pack([CANCEL]) + NEWLINE) * 200)
    answers = [peer.reply() for _ in range(200)]
    assert all(answer == [RETURN, 3] or answer[1][0] == "Cancelled" for answer in answers)
    assert peer.call(0, "add", [1, 2]) == [RETURN, 3]


def test_a_time_that_is_an_ext_is_none(peer: Attacker) -> None:
    peer.send(ask(Ext(19, bytes([1] + [0] * 8))))
    goodbye = peer.expect_close()
    assert goodbye is not None and goodbye[:2] == [GOODBYE, 8]
