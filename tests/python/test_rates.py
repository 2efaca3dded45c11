"""Is who comes too often refused, told when to come back, served then, and sent away when it goes on regardless?"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import pynto
import pytest
from rawpeer import ERROR, GOODBYE, HELLO, NEWLINE, PING, PONG, RETURN, RawPeer, pack

FLOODED = 17

Dial = Callable[..., RawPeer]


@pytest.fixture
def dial(serve: Callable[..., Any]) -> Iterator[Dial]:
    """dial(quota=value, ...): a client of bytes of a server with these quotas, its hello said."""
    peers: list[RawPeer] = []

    def connect(**quotas: float) -> RawPeer:
        site = serve(quotas=quotas)
        peer = RawPeer(site.address.removeprefix("unix://"), timeout=10.0)
        peer.site = site  # type: ignore[attr-defined]
        peers.append(peer)
        peer.hello()
        return peer

    yield connect
    for peer in peers:
        peer.close()


def test_a_call_beyond_the_rate_says_when_to_come_back_and_is_served_then(serve: Callable[..., Any]) -> None:
    site = serve(quotas={"calls_per_second": 4.0, "burst_seconds": 1.0})
    root = site.connect().root
    assert [root.add(n) for n in range(4)] == [1, 2, 3, 4]
    with pytest.raises(pynto.QuotaExceeded, match="calls_per_second: 4") as caught:
        for n in range(20):
            root.add(n)
    assert caught.value.retry_after is not None
    assert 0 < caught.value.retry_after <= 0.25
    time.sleep(caught.value.retry_after)  # as it was told
    assert root.add(1) == 2
    assert site.connect().root.add(1) == 2  # each connection has its own


def test_what_an_operation_costs_is_the_operators_word(serve: Callable[..., Any]) -> None:
    site = serve(quotas={"cost_per_second": 10.0, "burst_seconds": 1.0}, costs={"served:Root.add": 5})
    root = site.connect().root
    assert root.add(1) == 2
    assert root.add(1) == 2
    with pytest.raises(pynto.QuotaExceeded, match="cost_per_second: 10") as caught:
        for _ in range(5):
            root.add(1)
    assert 0 < caught.value.retry_after <= 0.5


@pytest.mark.parametrize(
    "costs", [{"served:Root.nothing": 1}, {"served:Nobody.add": 1}, {"add": 1}, {"served:Root.add": -1}, {"": 1}]
)
def test_a_cost_of_what_is_not_there_is_refused(serve: Callable[..., Any], costs: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="cost"):
        serve(costs=costs)


def test_a_cost_that_is_no_number_is_refused(serve: Callable[..., Any]) -> None:
    with pytest.raises(TypeError):
        serve(costs={"served:Root.add": "much"})


def test_a_quota_that_nobody_can_name_a_time_for_has_none(serve: Callable[..., Any]) -> None:
    root = serve(quotas={"references": 1}).connect().root
    held = root.fresh()
    with pytest.raises(pynto.QuotaExceeded, match="references: 1") as caught:
        root.fresh()
    assert caught.value.retry_after is None
    assert held.name == "fresh"


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_calls_at_once(dial: Dial, over: int) -> None:
    peer = dial(calls_per_second=0.001, burst_seconds=20_000.0)  # 20, and none comes back meanwhile
    peer.send_raw(b"".join(pack([0, "add", [n], {}]) + NEWLINE for n in range(20 + over)))
    answers = [peer.reply() for _ in range(20 + over)]
    assert answers[:20] == [[RETURN, n + 1] for n in range(min(20, 20 + over))]
    if over > 0:
        assert answers[20][:2] == [ERROR, ["QuotaExceeded", "calls_per_second: 0.001", None, None]]
        assert 900 < answers[20][2]["fields"]["retry_after"] <= 1000


def test_who_goes_on_regardless_is_sent_away(dial: Dial) -> None:
    peer = dial(calls_per_second=0.001, burst_seconds=1.0, refusals=20, refusals_per_second=0)
    assert peer.call(0, "add", [1]) == [RETURN, 2]
    for _ in range(20):
        answer = peer.call(0, "add", [1])
        assert answer[0] == ERROR and answer[1][0] == "QuotaExceeded"
    peer.send([0, "add", [1], {}])
    assert peer.expect_close()[:2] == [GOODBYE, FLOODED]  # type: ignore[index]
    assert peer.site.connect().root.add(1) == 2  # type: ignore[attr-defined]


def test_the_bytes_of_what_is_refused_count_too(dial: Dial) -> None:
    peer = dial(bytes_per_second=1000, burst_seconds=10.0)
    values = peer.call(0, "values")[1].id
    assert peer.call(values, "size", [b"x" * 9000])[0] == RETURN
    answer = peer.call(values, "size", [b"x" * 5000])
    assert answer[1][:2] == ["QuotaExceeded", "bytes_per_second: 1000"]
    assert answer[2]["fields"]["retry_after"] > 8.0  # 4 to come, and the 5 that have come for nothing


def test_an_honest_client_in_a_hurry_meets_no_rate(serve: Callable[..., Any]) -> None:
    """The defaults: calls one behind the other, in pipelines, and pings, as fast as they go."""
    connection = serve().connect()
    root = connection.root
    for _ in range(3000):
        root.add(1)
    for _ in range(10):
        with connection.pipeline() as p:
            promises = [p.root.add(n) for n in range(1000)]
        assert [promise.result() for promise in promises] == list(range(1, 1001))
    for _ in range(3000):
        connection.ping()
    assert connection.usage()["refused"] == 0


def test_more_odd_messages_than_anybody_needs_end_the_connection(dial: Dial) -> None:
    peer = dial(oddities_per_second=0.01, burst_seconds=10_000.0)  # 100
    for n in range(100):
        peer.send([PING, n])
        assert peer.recv_message() == [PONG, n]
    peer.send([PING, 100])
    assert peer.expect_close()[:2] == [GOODBYE, FLOODED]  # type: ignore[index]
    assert peer.site.connect().root.add(1) == 2  # type: ignore[attr-defined]


# ---- messages that do not come to their end ----


@pytest.mark.parametrize("begun", [b"\x94", pack([0, "add", [1], {}])[:-1], pack([0, "add", [1], {}])])
def test_a_message_that_never_ends_ends_the_connection(dial: Dial, begun: bytes) -> None:
    peer = dial(unfinished=0.2)
    peer.send_raw(begun)
    assert peer.expect_close()[:2] == [GOODBYE, FLOODED]  # type: ignore[index]
    assert peer.site.connect().root.add(1) == 2  # type: ignore[attr-defined]


def test_one_byte_at_a_time_is_no_way_around(dial: Dial) -> None:
    peer = dial(unfinished=0.5)
    endless = itertools.chain(b"\x94\x00\xa4size\x91\xc6\x00\x0f\x00\x00", itertools.repeat(0))
    began = time.monotonic()
    with pytest.raises(OSError):
        for byte in endless:
            peer.send_raw(bytes([byte]))
            time.sleep(0.01)
            assert time.monotonic() - began < 15
    assert peer.site.connect().root.add(1) == 2  # type: ignore[attr-defined]


def test_what_comes_slowly_and_whole_is_served_and_idling_is_not_slow(dial: Dial) -> None:
    peer = dial(unfinished=1.0)
    call = pack([0, "add", [1], {}]) + NEWLINE
    for _ in range(3):
        for at in range(0, len(call), 3):
            peer.send_raw(call[at : at + 3])
            time.sleep(0.05)  # a third of the time that there is
        assert peer.reply() == [RETURN, 2]
    time.sleep(2.0)  # nothing is on its way
    assert peer.call(0, "add", [1]) == [RETURN, 2]


def test_a_call_that_waits_for_our_room_is_not_slow(dial: Dial) -> None:
    """What stands unread because we do not read is none of the peer's doing."""
    peer = dial(unfinished=0.2, calls=2)
    peer.send_raw(b"".join(pack([0, "wait", [0.4], {}]) + NEWLINE for _ in range(6)))
    assert [peer.reply() for _ in range(6)] == [[RETURN, None]] * 6


# ---- clients of before ----


def test_a_hello_without_a_word_of_rates_is_enough(dial: Dial) -> None:
    """The time to come back stands where any receiver of details takes fields: it needs no new word in the hello."""
    peer = dial(calls_per_second=0.001, burst_seconds=1.0)
    assert peer.server_hello is not None and peer.server_hello[0] == HELLO
    assert set(peer.server_hello[4]) <= {"message", "depth", "elements", "keys", "integer", "references", "part"}
    peer.call(0, "add", [1])
    answer = peer.call(0, "add", [1])
    assert len(answer) == 3 and set(answer[2]) == {"fields"}
