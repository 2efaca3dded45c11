"""Are ``async def`` methods served like others, side by side, without holding anybody up?"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pynto
import pytest


def test_an_async_method_is_called_like_any_other(root: Any) -> None:
    assert root.slow(0.0, 5) == 5
    assert root.on_loop() is True


def test_coroutines_of_two_clients_run_at_the_same_time(site: Any, in_thread: Callable[..., Any]) -> None:
    """Each waits until the other is there: one after the other would never end."""
    roots = [site.connect().root for _ in range(2)]
    tasks = [in_thread(lambda root=root: root.meet(2)) for root in roots]
    assert [task.result() for task in tasks] == [2, 2]


def test_many_coroutines_of_one_client_run_at_the_same_time(site: Any, in_thread: Callable[..., Any]) -> None:
    root = site.connect().root
    tasks = [in_thread(lambda: root.meet(10)) for _ in range(10)]
    assert [task.result() for task in tasks] == [10] * 10


def test_ordinary_calls_go_on_while_coroutines_wait(site: Any, in_thread: Callable[..., Any]) -> None:
    root = site.connect().root
    waiting = [in_thread(lambda: root.meet(4)) for _ in range(3)]
    other = site.connect().root
    assert [other.add(n) for n in range(50)] == list(range(1, 51))
    assert root.add(1) == 2
    assert other.meet(4) == 4
    for task in waiting:
        assert task.result() == 4


def test_sleeping_coroutines_overlap(site: Any, in_thread: Callable[..., Any]) -> None:
    roots = [site.connect().root for _ in range(5)]
    began = time.monotonic()
    tasks = [in_thread(lambda root=root, n=n: root.slow(0.3, n)) for n, root in enumerate(roots)]
    assert [task.result() for task in tasks] == [0, 1, 2, 3, 4]
    assert time.monotonic() - began < 1.4
    assert roots[0].most_at_once() > 1


def test_an_exception_of_a_coroutine_is_told_like_any_other(root: Any) -> None:
    with pytest.raises(ValueError) as caught:
        root.fail_later("ValueError")
    assert "hunter2" not in str(caught.value)
    with pytest.raises(pynto.RemoteError) as hidden:
        root.fail_later("Hidden")
    assert hidden.value.incident
    with pytest.raises(RuntimeError):  # as Python itself makes it of a coroutine's StopIteration
        root.fail_later("StopIteration")
    assert root.add(1) == 2


def test_an_async_iterator_is_stepped_through(root: Any) -> None:
    ticks = root.ticks(3)
    assert [ticks.__anext__() for _ in range(3)] == [0, 1, 2]
    with pytest.raises(StopAsyncIteration):
        ticks.__anext__()


def test_coroutines_of_a_client_that_has_gone_are_ended(
    site: Any, in_thread: Callable[..., Any], until: Callable[..., Any]
) -> None:
    leaving, staying = site.connect(), site.connect()
    task = in_thread(lambda: leaving.root.slow(60.0, 1))
    until(lambda: staying.root.most_at_once() == 1)
    leaving.close()
    with pytest.raises(pynto.Disconnected):
        task.result()
    until(lambda: site.target._running == 0, why="its finally has run")
    assert staying.root.slow(0.0, 7) == 7


def test_a_client_cannot_use_up_the_threads_with_waiting_coroutines(site: Any, until: Callable[..., Any]) -> None:
    """Whoever comes and goes with calls that never end does not keep the others from theirs."""
    from rawpeer import RawPeer

    for _ in range(10):
        with RawPeer(site.address.removeprefix("unix://")) as peer:
            peer.hello()
            for lane in range(0, 20, 2):
                peer.send([0, "slow", [60.0, 1], {}], lane=lane)
            peer.send([-9, 1])
            until(lambda peer=peer: peer.reply() == [-10, 1])
    honest = site.connect().root
    assert honest.slow(0.0, 7) == 7
    assert honest.apply(lambda value: value, 1) == 1
