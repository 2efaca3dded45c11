"""Does each connection get its share of the time in which calls run, whatever it sends?"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from rawpeer import NEWLINE, RETURN, RawPeer, RawPeerError, pack


def many(seconds: float, count: int) -> bytes:
    return (pack([0, "wait", [seconds], {}]) + NEWLINE) * count


@pytest.fixture
def dial(site: Any) -> Callable[[], RawPeer]:
    def connect() -> RawPeer:
        peer = RawPeer(site.address.removeprefix("unix://"), timeout=20.0)
        peer.hello()
        return peer

    return connect


def test_turns_are_dealt_by_the_time_that_they_take_not_by_their_number(dial: Callable[[], RawPeer]) -> None:
    with dial() as slow, dial() as quick:
        slow.send_raw(many(0.01, 200))
        quick.send_raw(many(0.001, 200))
        for _ in range(200):
            assert quick.reply() == [RETURN, None]
        served = 0
        with contextlib.suppress(RawPeerError):  # those whose answers stand there
            while slow.recv_message(0.001) == [RETURN, None]:
                served += 1
        assert served < 90, "a turn of ten milliseconds was dealt for each of one"


def test_who_asks_for_little_is_served_between_two_turns_of_all_the_others(dial: Callable[[], RawPeer]) -> None:
    """Not behind one turn of each of them."""
    others = [dial() for _ in range(20)]
    with dial() as honest:
        assert honest.call(0, "add", [1]) == [RETURN, 2]
        for other in others:
            other.send_raw(many(0.02, 30))
        assert others[0].reply() == [RETURN, None]
        waits = []
        for _ in range(10):
            began = time.monotonic()
            assert honest.call(0, "add", [1]) == [RETURN, 2]
            waits.append(time.monotonic() - began)
        waits.sort()
        assert waits[5] < 0.1, f"{waits}: a round of all the others takes 0.4 s"
    for other in others:
        other.close()


def test_calls_that_come_back_from_callbacks_wait_for_their_turns_like_others(
    serve: Callable[..., Any], until: Callable[..., Any]
) -> None:
    """Connections whose calls go to and fro all the time leave room for one that asks now and then."""
    site = serve()
    stop = threading.Event()
    rounds = [0] * 4

    def ping_pong(number: int) -> None:
        root = site.connect().root

        def answer(value: int) -> int:
            rounds[number] += 1
            return value

        while not stop.is_set():
            root.apply(answer, 1)

    threads = [threading.Thread(target=ping_pong, args=(n,), daemon=True) for n in range(4)]
    for thread in threads:
        thread.start()
    try:
        root = site.connect().root
        until(lambda: min(rounds) > 20, why="all are at it")
        before = list(rounds)
        for n in range(50):
            assert root.add(n) == n + 1
        assert root.add(1) == 2
        until(lambda: all(now > then for now, then in zip(rounds, before, strict=True)), why="and go on")
    finally:
        stop.set()
        for thread in threads:
            thread.join(10)
