"""Can a connection be used from any thread at any time?"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pynto
import pytest

THREADS = 8
CALLS = 500


def test_eight_threads_call_with_callbacks_on_one_connection(root: Any, in_thread: Callable[..., Any]) -> None:
    def work(number: int) -> int:
        total = 0
        for step in range(CALLS):
            value = number * CALLS + step
            if step % 5 == 0:
                total += root.apply(lambda x: x + 1, value) - 1
            else:
                total += root.add(value, 0)
        return total

    tasks = [in_thread(lambda number=number: work(number)) for number in range(THREADS)]
    results = [task.result(60) for task in tasks]
    assert results == [sum(range(number * CALLS, (number + 1) * CALLS)) for number in range(THREADS)]


def test_each_thread_gets_its_own_answers_and_its_own_callbacks(root: Any, in_thread: Callable[..., Any]) -> None:
    all_are_there = threading.Barrier(4)  # an ident is given out again when its thread has ended

    def work() -> set[int]:
        seen = set()
        all_are_there.wait(60)
        for value in range(100):
            assert root.apply(lambda x: seen.add(threading.get_ident()) or x, value) == value
        assert seen == {threading.get_ident()}
        all_are_there.wait(60)
        return seen

    tasks = [in_thread(work) for _ in range(4)]
    assert len(set().union(*(task.result() for task in tasks))) == 4


def test_threads_of_several_connections_do_not_disturb_each_other(site: Any, in_thread: Callable[..., Any]) -> None:
    roots = [site.connect().root for _ in range(4)]

    def work(root: Any, number: int) -> list[str]:
        items = [root.fresh(f"{number}.{step}") for step in range(100)]
        return [item.name for item in items]

    tasks = [in_thread(lambda root=root, n=n: work(root, n)) for n, root in enumerate(roots * 2)]
    for number, task in enumerate(tasks):
        assert task.result() == [f"{number}.{step}" for step in range(100)]


def test_another_thread_calls_while_one_waits_in_a_callback(root: Any, in_thread: Callable[..., Any]) -> None:
    waiting, going_on = threading.Event(), threading.Event()

    def slow(value: int) -> int:
        waiting.set()
        assert going_on.wait(20)
        return value

    task = in_thread(lambda: root.apply(slow, 5))
    assert waiting.wait(20)
    assert [root.add(value) for value in range(20)] == list(range(1, 21))
    assert root.apply(lambda x: x, 7) == 7
    going_on.set()
    assert task.result() == 5


def test_another_thread_calls_while_one_waits_for_a_slow_answer(site: Any, in_thread: Callable[..., Any]) -> None:
    root = site.connect().root
    task = in_thread(lambda: root.meet(2))
    assert root.add(1) == 2
    assert root.meet(2) == 2
    assert task.result() == 2


def test_a_callback_hands_its_work_to_another_thread(root: Any, in_thread: Callable[..., Any]) -> None:
    def elsewhere(value: int) -> int:
        result: int = in_thread(lambda: root.add(value, 10)).result()
        return result

    assert root.apply(elsewhere, 1) == 11


def test_netrefs_are_dropped_in_any_thread(
    root: Any, connection: Any, in_thread: Callable[..., Any], until: Callable[..., Any]
) -> None:
    import served

    before = len(served.alive)
    piles = [[root.fresh() for _ in range(200)] for _ in range(4)]
    assert len(served.alive) == before + 800
    for task in [in_thread(pile.clear) for pile in piles]:
        task.result()
    until(lambda: root.add(1) and len(served.alive) == before, why="all are freed")
    assert connection.usage()["lent"] <= 1


def test_a_netref_is_made_in_one_thread_and_used_in_another(root: Any, in_thread: Callable[..., Any]) -> None:
    item = in_thread(lambda: root.fresh("made elsewhere")).result()
    assert item.name == "made elsewhere"
    assert in_thread(lambda: item.describe()).result() == "made elsewhere 0"


def test_the_same_reference_in_many_threads_is_one_netref(root: Any, in_thread: Callable[..., Any]) -> None:
    barrier = threading.Barrier(THREADS)

    def work() -> list[Any]:
        barrier.wait(20)
        return [root.item() for _ in range(50)]

    found = [task.result() for task in [in_thread(work) for _ in range(THREADS)]]
    assert len({id(item) for items in found for item in items}) == 1


def test_references_come_and_go_in_many_threads_without_a_mistake(
    root: Any, connection: Any, in_thread: Callable[..., Any]
) -> None:
    """The same reference is freed by one thread while another receives it: the counts settle it."""

    def work() -> None:
        for _ in range(300):
            item = root.item()
            assert item.number == 1
            del item

    for task in [in_thread(work) for _ in range(4)]:
        task.result()
    assert connection.closed is False
    assert root.item().number == 1


def test_the_first_reference_of_a_connection_comes_to_many_threads_at_once(
    site: Any, in_thread: Callable[..., Any]
) -> None:
    """While one thread makes the netref (and starts the background), another gets the same reference, uses it and drops it."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(40):
            with site.connect() as connection:
                root = connection.root
                barrier = threading.Barrier(4)

                def work(root: Any = root, barrier: Any = barrier) -> None:
                    barrier.wait(20)
                    for _ in range(8):
                        assert root.item().number == 1

                for task in [in_thread(work) for _ in range(4)]:
                    task.result()
    finally:
        sys.setswitchinterval(interval)


def test_pings_of_many_threads_all_come_back(connection: Any, in_thread: Callable[..., Any]) -> None:
    def work() -> int:
        return len([connection.ping(10.0) for _ in range(50)])

    assert [task.result(60) for task in [in_thread(work) for _ in range(4)]] == [50] * 4


def test_pings_are_answered_while_a_call_runs(site: Any, in_thread: Callable[..., Any]) -> None:
    connection = site.connect()
    task = in_thread(lambda: connection.root.wait(0.5))
    longest = max(connection.ping() for _ in range(10))
    assert longest < 0.4
    task.result()


def test_closing_ends_the_calls_of_other_threads(
    site: Any, in_thread: Callable[..., Any], until: Callable[..., Any]
) -> None:
    connection = site.connect()
    tasks = [in_thread(lambda: connection.root.meet(100)) for _ in range(3)]
    watching = site.connect().root
    until(lambda: watching.most_at_once() == 0 and site.calls >= 5)
    connection.close()
    for task in tasks:
        with pytest.raises(pynto.Disconnected):
            task.result()
    with pytest.raises(pynto.Disconnected):
        connection.root.add(1)
    assert watching.add(1) == 2


def test_a_server_that_closes_ends_waiting_calls(
    serve: Callable[..., Any], in_thread: Callable[..., Any], until: Callable[..., Any]
) -> None:
    site = serve()
    root = site.connect().root
    task = in_thread(lambda: root.meet(2))
    until(lambda: site.calls >= 1)
    site.server.close()
    with pytest.raises(pynto.Disconnected):
        task.result()


INTERRUPTED = """
import os, signal, sys, threading, time
import pynto

connection = pynto.connect(sys.argv[1])
root = connection.root
{background}
def interrupt():
    while not sys.argv[2:] or not {ready}:
        time.sleep(0.01)
    time.sleep(0.2)  # into the call; wherever it strikes, KeyboardInterrupt is due
    os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever has started us may ignore it
threading.Thread(target=interrupt, daemon=True).start()
began = time.monotonic()
try:
    {call}
except KeyboardInterrupt:
    print("interrupted", time.monotonic() - began < 5)
else:
    print("not interrupted")
print([root.add(n) for n in range(5)], root.apply(abs, -4))
print(root.events())
connection.close()
"""


@pytest.mark.parametrize(
    ("call", "background", "why"),
    [
        ("root.slow(8.0, 1)", "", "the only thread waits and reads"),
        ("root.slow(8.0, 1)", "keep = root.fresh()", "there is a thread in the background"),
        (
            "root.slow(8.0, 1)",
            "threading.Thread(target=lambda: root.slow(3.0, 1), daemon=True).start(); time.sleep(0.1)",
            "another thread reads",
        ),
        ("root.apply(lambda value: time.sleep(8) or 1, 1)", "", "in a callback"),
        ("root.apply(lambda value: root.slow(8.0, 1), 1)", "", "in a call of a callback"),
        ("[None for _ in root.count(10**9)]", "", "in an iteration"),
    ],
)
def test_ctrl_c_ends_a_waiting_call_and_the_connection_lives(
    serve_child: Callable[..., Any], start_child: Callable[..., Any], call: str, background: str, why: str
) -> None:
    import sys

    server = serve_child()
    source = INTERRUPTED.format(call=call, background=background, ready="True")
    child = start_child(sys.executable, "-X", "faulthandler", "-c", source, server.address, "x")
    said = child.line(15)
    assert child.wait(20) == 0, (why, child.stderr)
    assert said == "interrupted True", (why, child.stderr)
    assert child.line() == "[1, 2, 3, 4, 5] 4", why


def test_a_call_that_was_given_up_leaves_nothing_behind(
    site: Any, in_thread: Callable[..., Any], until: Callable[..., Any]
) -> None:
    """Its answer is a reference that nobody waits for any more: it is given back."""
    import ctypes

    import served

    connection = site.connect()
    root = connection.root
    before = len(served.alive)
    started = threading.Event()

    class Stop(Exception):
        pass

    def call() -> None:
        started.set()
        root.wait(0.3)
        root.fresh()

    task = in_thread(call)
    assert started.wait(20)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(task.ident), ctypes.py_object(Stop))
    with pytest.raises(Stop):
        task.result()
    assert root.add(1) == 2
    until(lambda: len(served.alive) == before)


def test_deadlock_between_two_clients_that_call_each_other_is_none(site: Any, in_thread: Callable[..., Any]) -> None:
    """A keeps a function that calls the server, B calls it through the server, and the other way round, all at once."""
    a, b = site.connect(), site.connect()
    a.root.keep(lambda value: a.root.add(value, 100))
    b.root.keep(lambda value: b.root.add(value, 200))

    def work(root: Any) -> None:
        for value in range(30):
            assert root.call_kept(value) == (str(value + 100), str(value + 200))

    began = time.monotonic()
    for task in [in_thread(lambda each=each: work(each.root)) for each in (a, b, a, b)]:
        task.result(60)
    assert time.monotonic() - began < 60


PINNED = """
import os, sys, threading
cpu = min(os.sched_getaffinity(0))
os.sched_setaffinity(0, {cpu})  # the server, a child, as well
import pynto

connection = pynto.spawn("served:Root", policy=sys.argv[1])
root, sums, failed = connection.root, [0] * 50, []


def work(number):
    try:
        for step in range(1000):
            sums[number] += root.apply(lambda value: value + 1, step)
    except BaseException as error:
        failed.append(error)


threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(50)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not failed, failed
assert sums == [500_500] * 50, sums
usage = connection.usage()
connection.close()
print("done", usage["calls"])
"""


def test_fifty_threads_with_callbacks_on_one_core_lose_no_reply(
    start_child: Callable[..., Any], served_policy: Path
) -> None:
    """50,000 calls that call back. A deadlock would be seen as one: nothing in here has a time limit but the test."""
    child = start_child(sys.executable, "-c", PINNED, str(served_policy))
    assert child.line(timeout=600) == "done 0"
    assert child.wait() == 0
