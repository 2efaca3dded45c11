"""Do a server's coroutines run without a thread for each, and end when nobody wants them any more?"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pynto
import pytest
import served
from rawpeer import CANCEL, Mine, RawPeer


def raw(site: Any) -> RawPeer:
    peer = RawPeer(site.address.removeprefix("unix://"))
    peer.hello()
    return peer


def events(site: Any) -> list[str]:
    return list(site.target._log)


def test_a_thousand_coroutines_of_one_client_hold_no_thread(site: Any, until: Callable[..., Any]) -> None:
    with raw(site) as peer:
        before = threading.active_count()
        for number in range(1000):
            peer.send([0, "hold", [number], {}], lane=2 * number)
        until(lambda: len(site.target._holding) == 1000)
        assert threading.active_count() <= before
        assert site.server.stats()["suspended"] == 0
        for number in reversed(range(1000)):
            peer.send([0, "let_go", [number], {}], lane=2 * number + 10_000)
        lanes: dict[int, Any] = {}
        while len(lanes) < 1000:
            answer = peer.reply()
            if peer.in_lane < 2000:
                lanes[peer.in_lane] = answer
        assert lanes == {2 * number: [-1, number] for number in range(1000)}


def test_answers_come_in_the_order_in_which_coroutines_end(site: Any, until: Callable[..., Any]) -> None:
    with raw(site) as peer:
        for number in range(10):
            peer.send([0, "hold", [number], {}], lane=2 * number)
        until(lambda: len(site.target._holding) == 10)
        for number in (7, 2, 9):
            assert peer.call(0, "let_go", [number], lane=100) in ([-1, None], [-1, number])
            first, second = peer.in_lane, None
            peer.reply()
            second = peer.in_lane
            assert {first, second} == {100, 2 * number}


def test_a_call_behind_a_coroutine_in_its_lane_waits_for_it(site: Any, until: Callable[..., Any]) -> None:
    with raw(site) as peer:
        peer.send([0, "hold", [1], {}], lane=0)
        peer.send([0, "add", [1], {}], lane=0)
        until(lambda: site.target._holding)
        assert peer.call(0, "let_go", [1], lane=2) in ([-1, None], [-1, 1])
        assert {str(peer.reply()), str(peer.reply())} <= {"[-1, 1]", "[-1, 2]", "[-1, None]"}


def test_beyond_the_quota_of_calls_a_client_waits_and_is_served_in_the_end(serve: Callable[..., Any]) -> None:
    site = serve(quotas={"calls": 20})
    with raw(site) as peer:
        for number in range(200):
            peer.send([0, "slow", [0.001, number], {}], lane=2 * number)
        assert sorted(peer.reply()[1] for _ in range(200)) == list(range(200))
        assert site.target.most_at_once() <= 20


# ---- cancelling ----


def test_a_cancel_ends_the_coroutine_and_its_call(site: Any, until: Callable[..., Any]) -> None:
    with raw(site) as peer:
        peer.send([0, "hold", [1], {}], lane=4)
        until(lambda: site.target._holding)
        peer.send([CANCEL])
        assert peer.reply() == [-2, ["Cancelled", "cancelled", None, None]]
        assert peer.in_lane == 4
        assert not site.target._holding
        assert events(site) == ["cancelled 1"]
        assert peer.call(0, "add", [1], lane=4) == [-1, 2]


def test_a_coroutine_may_answer_a_cancel_with_its_result(site: Any, until: Callable[..., Any]) -> None:
    with raw(site) as peer:
        peer.send([0, "hold_on", [5], {}], lane=0)
        until(lambda: site.target._holding)
        peer.send([CANCEL])
        peer.send([CANCEL])
        assert peer.reply() == [-1, -5]


def test_a_cancel_right_behind_its_call_is_not_lost(site: Any) -> None:
    """Whether it finds the call waiting for the loop, being started, or running."""
    with raw(site) as peer:
        for lane in range(0, 600, 2):
            peer.send([0, "hold", [lane], {}], lane=lane)
            peer.send([CANCEL])
        cancelled = {}
        for _ in range(300):
            answer = peer.reply()
            cancelled[peer.in_lane] = answer
        assert set(cancelled) == set(range(0, 600, 2))
        assert all(answer[1][0] == "Cancelled" for answer in cancelled.values())
        assert not site.target._holding
        assert peer.call(0, "add", [1]) == [-1, 2]


def test_a_call_that_waits_for_its_turn_is_cancelled_before_it_runs(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    entered, blocked, ran = threading.Event(), threading.Event(), threading.Event()

    def add(self: Any, value: int) -> int:
        if value == 1000:
            entered.set()
            blocked.wait(20)
        else:
            ran.set()
        return value

    monkeypatch.setattr(served.Root, "add", add)
    with raw(site) as peer, raw(site) as other:
        peer.send([0, "add", [1000], {}], lane=0)
        assert entered.wait(10)
        other.send([0, "add", [1], {}], lane=2)
        other.send([CANCEL])
        other.send([-9, 7])
        assert other.reply() == [-10, 7]  # both were read
        blocked.set()
        assert other.reply() == [-2, ["Cancelled", "cancelled", None, None]]
        assert peer.reply() == [-1, 1000]
        assert not ran.is_set()


def test_a_client_that_goes_ends_its_coroutines_and_no_others(site: Any, until: Callable[..., Any]) -> None:
    staying = raw(site)
    with raw(site) as leaving:
        for lane in range(0, 100, 2):
            leaving.send([0, "hold", [lane], {}], lane=lane)
        staying.send([0, "hold", [1], {}], lane=0)
        until(lambda: len(site.target._holding) == 51)
    until(lambda: list(site.target._holding) == [1])
    assert len(events(site)) == 50
    with staying:
        staying.send([0, "let_go", [1], {}], lane=2)
        assert sorted([str(staying.reply()), str(staying.reply())]) == ["[-1, 1]", "[-1, None]"]
    until(lambda: not site.server._core.tasks)


def test_what_coroutines_held_is_charged_and_comes_back(site: Any, until: Callable[..., Any]) -> None:
    connection = site.connect()
    with raw(site) as peer:
        for round_ in range(3):
            for lane in range(0, 200, 2):
                peer.send([0, "hold", [lane], {}], lane=lane)
            until(lambda: len(site.target._holding) == 100, why=str(round_))
            for lane in range(0, 200, 2):
                peer.send([CANCEL], lane=lane)
            for _ in range(100):
                assert peer.reply()[1][0] == "Cancelled"
    assert connection.root.add(1) == 2


# ---- calling the client ----


def test_a_coroutine_awaits_a_callback_of_a_client_with_threads(root: Any) -> None:
    assert root.call_soon(lambda value: value + 1, 1) == 2

    async def later(value: int) -> int:
        await asyncio.sleep(0)
        return value * 2

    assert root.call_soon(later, 4) == 8


def test_callbacks_that_are_gathered_are_out_at_the_same_time(site: Any) -> None:
    with raw(site) as peer:
        peer.send([0, "call_together", [Mine(1), 20], {}], lane=0)
        calls = [(peer.reply(), peer.in_lane) for _ in range(20)]
        assert [call[0][2] for call in calls] == [[number] for number in range(20)]
        assert len({lane for _, lane in calls}) == 20
        assert all(lane % 2 == 1 for _, lane in calls)
        for call, lane in reversed(calls):
            peer.send([-1, call[2][0] * 10], lane=lane)
        assert peer.reply() == [-1, [10 * number for number in range(20)]]
        assert peer.in_lane == 0


def test_other_coroutines_go_on_while_one_waits_for_a_callback(site: Any) -> None:
    with raw(site) as peer, raw(site) as other:
        peer.send([0, "call_soon", [Mine(1), 3], {}], lane=0)
        assert peer.reply() == [1, "__call__", [3], {}]
        assert other.call(0, "slow", [0.0, 9]) == [-1, 9]
        assert other.call(0, "add", [1]) == [-1, 2]
        peer.send([-1, 33], lane=peer.in_lane)
        assert peer.reply() == [-1, 33]


def test_a_callback_that_is_given_up_is_cancelled_at_the_client(site: Any) -> None:
    with raw(site) as peer:
        peer.send([0, "call_within", [Mine(1), 0.05], {}], lane=0)
        assert peer.reply() == [1, "__call__", [1], {}]
        lane = peer.in_lane
        assert lane % 2 == 1
        messages = [(peer.reply(), peer.in_lane) for _ in range(2)]
        assert messages == [([CANCEL], lane), ([-1, "too late"], 0)]
        peer.send([-2, ["Cancelled", "cancelled", None, None]], lane=lane)
        assert peer.call(0, "add", [1], lane=0) == [-1, 2]


def test_a_callback_that_is_never_answered_ends_the_connection_in_the_time_of_the_quota(
    serve: Callable[..., Any],
) -> None:
    site = serve(quotas={"callback": 0.2})
    with raw(site) as peer:
        peer.send([0, "call_within", [Mine(1), 0.01], {}], lane=0)
        goodbye = peer.expect_close(timeout=20)
        assert goodbye is not None and goodbye[1] == 15
    assert site.connect().root.add(1) == 2


def test_an_answer_that_does_not_fit_fails_the_coroutine_and_not_the_connection(site: Any) -> None:
    with raw(site) as peer:
        peer.send([0, "call_soon", [Mine(1), 3], {}], lane=0)
        assert peer.reply() == [1, "__call__", [3], {}]
        peer.send([-1, "no number"], lane=peer.in_lane)
        assert peer.reply()[0] == -2
        assert peer.call(0, "add", [1]) == [-1, 2]


def test_awaitables_and_iterators_of_a_client_are_awaited_in_a_coroutine(root: Any) -> None:
    async def number() -> int:
        await asyncio.sleep(0)
        return 41

    assert root.wait_for(number()) == 42
    assert root.add_all(iter([1, 2, 3])) == 6


def test_a_coroutine_whose_client_goes_while_it_awaits_a_callback_gets_disconnected(
    site: Any, until: Callable[..., Any]
) -> None:
    with raw(site) as peer:
        peer.send([0, "call_soon", [Mine(1), 3], {}], lane=0)
        assert peer.reply() == [1, "__call__", [3], {}]
    until(lambda: not site.server._core.tasks)
    until(lambda: site.server.stats()["connections"] == 0)


def test_an_operation_that_python_wants_at_once_is_refused_on_the_loop_with_a_hint(
    serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    hints: list[str] = []

    async def add_all(self: Any, numbers: Any) -> int:
        for use in (lambda: list(numbers), lambda: next(numbers)):
            with pytest.raises(TypeError) as caught:
                use()
            hints.append(str(caught.value))
        return 0

    monkeypatch.setattr(served.Root, "add_all", add_all)
    assert serve().connect().root.add_all(iter([1])) == 0
    assert "await anext(x)" in hints[0]


# ---- whose loop ----


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


def test_a_server_runs_its_coroutines_on_the_loop_that_it_is_given(
    serve: Callable[..., Any], loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[asyncio.AbstractEventLoop] = []

    async def on_loop(self: Any) -> bool:
        seen.append(asyncio.get_running_loop())
        return True

    monkeypatch.setattr(served.Root, "on_loop", on_loop)
    site = serve(loop=loop)
    assert site.connect().root.on_loop() is True
    assert seen == [loop]


def test_a_server_without_coroutines_starts_no_loop(
    chat_policy: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pynto import server

    def never() -> None:
        raise AssertionError("a loop was started")

    monkeypatch.setattr(server, "shared_loop", never)
    monkeypatch.syspath_prepend("examples/chat")
    import importlib

    chat = importlib.import_module("chat")
    with pynto.Server(chat.Room(), policy=chat_policy, listen=f"unix://{tmp_path}/s.sock") as one:
        with pynto.connect(one.address) as connection:
            connection.root.post("ada", "hello")


def test_closing_a_server_ends_its_coroutines(serve: Callable[..., Any], until: Callable[..., Any]) -> None:
    site = serve()
    with raw(site) as peer:
        for lane in range(0, 20, 2):
            peer.send([0, "hold", [lane], {}], lane=lane)
        until(lambda: len(site.target._holding) == 10)
        site.server.close()
        until(lambda: not site.target._holding)
        until(lambda: not site.server._core.tasks)
    assert len(events(site)) == 10
