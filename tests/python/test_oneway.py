"""Is a one-way call made and counted like any other, and is nothing of it lost but its answer?"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import logging
import pickle
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pynto
import pynto.aio
import pytest
import told
from rawpeer import FREE, GOODBYE, LANE, NEWLINE, PING, RETURN, Mine, RawPeer, pack

ASK = -11
ONEWAY = {"oneway": True}


@pytest.fixture(scope="module")
def policy(generate: Callable[..., Path]) -> pynto.Policy:
    return pynto.Policy.load(generate("told:Told", config='[policy]\nset = ["told:Box.number"]\n'))


@pytest.fixture
def site(serve: Callable[..., Any], policy: pynto.Policy) -> Any:
    told.gate.clear()
    yield serve(told.Told(), policy=policy)
    told.gate.set()


def test_it_gives_none_at_once_and_the_call_is_made(root: Any, until: Callable[..., Any]) -> None:
    assert pynto.oneway(root.tell)(3) is None
    until(lambda: root.seen() == (3,))


def test_it_does_not_wait_for_what_takes_long(root: Any, until: Callable[..., Any]) -> None:
    pynto.oneway(root.tell_when_open)(1)  # would hang until the gate is open
    told.gate.set()
    until(lambda: root.seen() == (1,))


def test_a_call_that_follows_comes_behind_it(root: Any) -> None:
    for number in range(200):
        pynto.oneway(root.tell)(number)
        assert root.seen()[-1] == number


def test_a_call_that_follows_comes_behind_all_of_them(root: Any) -> None:
    sent = 0
    for round_ in range(200):
        for _ in range(1 + round_ % 20):
            pynto.oneway(root.tell)(sent)
            sent += 1
        assert len(root.seen()) == sent


def test_calls_of_other_lanes_come_between_one_way_calls_as_they_came(raw: RawPeer) -> None:
    """Of three lanes, in one piece: a call waits for what was told before it, and not for what comes after."""
    told_ones = [pack([ASK, 0, "tell", [number], {}, ONEWAY]) + NEWLINE for number in range(6)]
    seen = pack([0, "seen", [], {}]) + NEWLINE
    lanes = [pack([LANE, lane]) + NEWLINE for lane in (0, 2, 4)]
    raw.send_raw(b"".join([lanes[1], *told_ones[:3], lanes[2], seen, lanes[1], *told_ones[3:], lanes[0], seen]))
    assert [len(raw.reply()[1]) for _ in range(2)] == [3, 6]


def test_one_way_calls_are_served_in_their_order_whatever_they_wait_for(root: Any, until: Callable[..., Any]) -> None:
    for number in range(60):
        tell = [root.tell, root.tell_slowly, root.tell_and_make][number % 3]
        pynto.oneway(tell)(number)
    until(lambda: len(root.seen()) == 60)
    assert root.seen() == tuple(range(60))


def test_one_way_calls_of_many_threads_keep_the_order_of_each(
    root: Any, in_thread: Callable[..., Any], until: Callable[..., Any]
) -> None:
    def work(thread: int) -> None:
        for step in range(100):
            pynto.oneway(root.tell)(thread * 1000 + step)

    for task in [in_thread(lambda thread=thread: work(thread)) for thread in range(8)]:
        task.result()
    until(lambda: len(root.seen()) == 800)
    seen = root.seen()
    assert all(
        [each for each in seen if each // 1000 == thread] == sorted(each for each in seen if each // 1000 == thread)
        for thread in range(8)
    )


def test_what_it_returns_is_dropped_and_nothing_is_lent(site: Any, until: Callable[..., Any]) -> None:
    connection = site.connect()
    root = connection.root
    before = len(told.made)
    for number in range(50):
        pynto.oneway(root.tell_and_make)(number)
    until(lambda: len(root.seen()) == 50)
    assert len(told.made) <= before  # what an earlier server has made may still be on its way out
    root.tell_through(0, lambda value: value)
    assert connection.usage()["lent"] == 0


def test_its_arguments_are_checked_here_and_now(root: Any) -> None:
    with pytest.raises(TypeError, match="argument 1 must be int, not str"):
        pynto.oneway(root.tell)("one")
    with pytest.raises(TypeError):
        pynto.oneway(root.tell)(1, unknown=2)
    assert root.seen() == ()


@pytest.mark.usefixtures("every_line")
def test_what_it_raises_stands_in_the_log_of_the_callee(
    root: Any, until: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "pynto.server"):
        pynto.oneway(root.fail)("nobody hears it")
        until(lambda: root.add(1) and "told:Told.fail: ValueError: nobody hears it" in caplog.text)
    assert "incident" in caplog.text


@pytest.mark.usefixtures("every_line")
def test_what_a_callback_raises_stands_in_the_log_of_the_client(
    root: Any, until: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    def fail(number: int) -> None:
        raise [ValueError, SystemExit, KeyboardInterrupt][number]("here")

    with caplog.at_level(logging.ERROR, "pynto.server"):
        assert root.count(3, fail) == 3
        until(lambda: all(f"{name}: here" in caplog.text for name in ("ValueError", "SystemExit", "KeyboardInterrupt")))
    assert root.add(1) == 2


def test_a_server_tells_a_client_and_does_not_wait(root: Any, until: Callable[..., Any]) -> None:
    open_up, heard = threading.Event(), []

    def hear(number: int) -> None:
        assert open_up.wait(20)
        heard.append(number)

    assert root.count(50, hear) == 50  # although not one of them has been heard
    assert heard == []
    open_up.set()
    until(lambda: len(heard) == 50)
    assert heard == list(range(50))


@pytest.mark.parametrize("times", [2, 20])
def test_a_callback_in_another_lane_comes_behind_those_that_were_told(root: Any, times: int) -> None:
    heard: list[int] = []

    def hear(number: int) -> int:
        heard.append(number)
        return len(heard)

    for _ in range(20):
        heard.clear()
        assert root.count_and_ask_slowly(times, hear) == times + 1
        assert heard == [*range(times), times]


def test_the_same_in_a_client_with_an_event_loop(site: Any) -> None:
    heard: list[int] = []

    async def main() -> None:
        async with await pynto.aio.connect(site.address) as connection:
            for _ in range(20):
                heard.clear()
                await connection.root.count_and_ask_slowly(20, lambda number: heard.append(number) or number)
                assert heard == [*range(21)]

    asyncio.run(main())


def test_a_callback_is_told_and_called_in_one_call(root: Any, until: Callable[..., Any]) -> None:
    heard: list[tuple[int, int]] = []

    def hear(number: int) -> int:
        heard.append((threading.get_ident(), number))
        return number

    assert root.count_twice(5, hear) == 5
    until(lambda: len(heard) == 2)
    assert [number for _, number in heard] == [5, 5]
    assert threading.get_ident() in {thread for thread, _ in heard}


def test_who_serves_it_may_call_back_and_be_told_again(root: Any, until: Callable[..., Any]) -> None:
    def again(number: int) -> int:
        if number < 10:
            pynto.oneway(root.tell_through)(number + 1, again)
        return root.add(number, 0)

    pynto.oneway(root.tell_through)(0, again)
    until(lambda: len(root.seen()) == 11)
    assert root.seen() == tuple(range(11))


def test_one_way_calls_from_inside_a_callback(root: Any, until: Callable[..., Any]) -> None:
    def inside(number: int) -> int:
        for step in range(5):
            pynto.oneway(root.tell)(step)
        return number

    assert root.apply(inside, 1) == 1
    until(lambda: root.seen() == (0, 1, 2, 3, 4))


def test_a_callable_netref_can_be_told(root: Any) -> None:
    add = root.adder(1)
    assert pynto.oneway(add)(1) is None
    assert add(1) == 2


@pytest.mark.parametrize("what", [print, len, "tell", None, lambda: None, int])
def test_only_what_is_at_the_other_end_can_be_told(root: Any, what: Any) -> None:
    with pytest.raises(TypeError, match="a method of a netref is needed"):
        pynto.oneway(what)
    with pytest.raises(TypeError):
        pynto.oneway(root)  # it has no __call__


def test_a_released_one_is_not_told(root: Any) -> None:
    box = root.box()
    tell = pynto.oneway(box.put)
    pynto.release(box)
    with pytest.raises(ReferenceError):
        tell(1)


def test_after_the_end_it_raises_disconnected(site: Any) -> None:
    connection = site.connect()
    tell = pynto.oneway(connection.root.tell)
    connection.close()
    with pytest.raises(pynto.Disconnected):
        tell(1)


def test_it_keeps_its_netref_and_cannot_be_copied(root: Any) -> None:
    tell = pynto.oneway(root.box(5).put)
    tell(6)
    assert "put" in repr(tell)
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            attempt(tell)


def test_each_is_admitted_and_charged_as_any_call(site: Any, until: Callable[..., Any]) -> None:
    connection = site.connect()
    root = connection.root
    before = site.calls
    for number in range(300):
        pynto.oneway(root.tell)(number)
    until(lambda: len(root.seen()) == 300)
    assert site.calls >= before + 300


# ---- who tries ----


@pytest.fixture
def raw(site: Any) -> Iterator[RawPeer]:
    with RawPeer(site.address.removeprefix("unix://")) as peer:
        peer.hello()
        yield peer


def test_nothing_is_answered_whatever_becomes_of_it(raw: RawPeer, every_line: None) -> None:
    for name, args in [("tell", [1]), ("fail", ["x"]), ("nothing", []), ("tell", ["x"]), ("tell_and_make", [2])]:
        raw.send([ASK, 0, name, args, {}, ONEWAY])
    assert raw.call(0, "seen") == [RETURN, [1, 2]]


def test_refused_ones_are_counted_until_it_is_enough(raw: RawPeer) -> None:
    with contextlib.suppress(ConnectionError):
        raw.send_raw((pack([ASK, 0, "nothing", [], {}, ONEWAY]) + NEWLINE) * 2000)
    assert raw.expect_close() == [GOODBYE, 17, "flooded"]


def test_what_a_refused_one_brought_goes_back(raw: RawPeer) -> None:
    raw.send([ASK, 0, "tell", [Mine(3)], {}, ONEWAY])
    raw.send([PING, 1])
    assert raw.recv_message() == [FREE, 3, 1]


def test_one_that_nests_closes(raw: RawPeer) -> None:
    assert raw.call(0, "apply", [Mine(1), 5])[:2] == [1, "__call__"]
    raw.send([ASK, 0, "tell", [1], {}, ONEWAY])
    assert raw.expect_close() == [GOODBYE, 15, "message out of turn"]


def test_its_callbacks_come_in_a_lane_of_the_servers(raw: RawPeer) -> None:
    raw.send([ASK, 0, "tell_through", [1, Mine(1)], {}, ONEWAY])
    assert raw.reply()[:3] == [1, "__call__", [1]]
    assert raw.in_lane % 2 == 1
    raw.send([RETURN, 4], lane=raw.in_lane)
    assert raw.call(0, "seen") == [RETURN, [4]]


def test_a_flood_is_held_by_the_quota_of_calls(
    serve: Callable[..., Any], policy: pynto.Policy, until: Callable[..., Any]
) -> None:
    told.gate.clear()
    site = serve(told.Told(), policy=policy, quotas={"calls": 10})
    with RawPeer(site.address.removeprefix("unix://")) as peer:
        peer.hello()
        message = pack([ASK, 0, "tell_when_open", [1], {}, ONEWAY]) + NEWLINE
        with pytest.raises(TimeoutError):  # the server reads no further
            for _ in range(200):
                peer.send_raw(message * 1000, timeout=1.0)
        assert pynto.connect(site.address).ping() > 0
        told.gate.set()
        peer.send_raw(b"")
    until(lambda: site.server.stats()["connections"] <= 1, why="it goes when it is gone")
