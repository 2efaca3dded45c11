"""Does everything that a connection holds come back, on every way that it can end?"""

from __future__ import annotations

import contextlib
import gc
import os
import re
import resource
import signal
import sys
import tracemalloc
import weakref
from collections.abc import Callable
from typing import Any

import pynto
import pytest
import served

HELD = ("references", "lent", "calls", "queued", "output")


def held(connection: Any) -> dict[str, int]:
    usage = connection.usage()
    return {name: usage[name] for name in HELD if name in usage}


@pytest.fixture
def count_alive(until: Callable[..., Any]) -> Callable[[int], None]:
    """Waits until as many items as that are alive at the server."""

    def wait(expected: int) -> None:
        def is_so() -> bool:
            gc.collect(0)
            return len(served.alive) == expected

        gc.collect()
        until(is_so, why=f"{expected} items alive, not {len(served.alive)}")

    return wait


@pytest.fixture(autouse=True)
def nothing_from_before() -> None:
    gc.collect()
    served.alive.clear()


def test_an_object_dies_when_its_netref_is_dropped(root: Any, count_alive: Callable[[int], None]) -> None:
    item = root.fresh()
    count_alive(1)
    del item
    count_alive(0)  # without another call: frees go out by themselves


def test_an_object_lives_as_long_as_one_netref_of_it_does(root: Any, count_alive: Callable[[int], None]) -> None:
    item = root.fresh()
    again = root.same_item(item)
    assert again is item
    del item
    root.add(1)
    count_alive(1)
    assert again.name == "fresh"
    del again
    count_alive(0)


def test_an_object_dies_when_a_cycle_of_the_clients_is_collected(root: Any, count_alive: Callable[[int], None]) -> None:
    cycle: list[Any] = [root.fresh()]
    cycle.append(cycle)
    del cycle
    count_alive(0)


def test_release_frees_at_once_and_twice_is_as_good_as_once(root: Any, count_alive: Callable[[int], None]) -> None:
    item = root.fresh()
    line = sys._getframe().f_lineno + 1
    pynto.release(item)
    count_alive(0)
    pynto.release(item)
    assert ", released>" in repr(item)
    place = rf"released at {re.escape(__file__)}:{line}$"
    for use in (item.describe, lambda: item.name, lambda: setattr(item, "name", "x"), lambda: root.same_item(item)):
        with pytest.raises(ReferenceError, match=place):
            use()
    root.add(1)
    assert root.add(1) == 2


def test_release_at_the_end_of_a_block(root: Any, count_alive: Callable[[int], None]) -> None:
    with contextlib.ExitStack() as stack:
        item = root.fresh()
        stack.callback(pynto.release, item)
        assert item.number >= 0
    count_alive(0)
    with pytest.raises(ReferenceError, match="released at"):
        item.describe()


def test_release_of_the_root_leaves_the_connection_alone(connection: Any) -> None:
    root = connection.root
    item = root.item()
    pynto.release(root)
    assert item.number == 1
    with pytest.raises(ReferenceError):
        root.add(1)


def test_a_released_netref_that_is_an_argument_is_refused_at_home(root: Any) -> None:
    item = root.fresh()
    pynto.release(item)
    with pytest.raises(ReferenceError):
        root.is_item(item)
    assert root.add(1) == 2


@pytest.mark.parametrize("end", ["close", "drop", "context"])
def test_objects_die_when_their_client_goes(site: Any, count_alive: Callable[[int], None], end: str) -> None:
    if end == "context":
        with site.connect() as connection:
            items = connection.root.items(50)
            assert len(served.alive) == 50
    else:
        connection = pynto.connect(site.address)
        items = connection.root.items(50)
        assert len(served.alive) == 50
        if end == "close":
            connection.close()
    if end == "drop":
        del connection, items
    count_alive(0)


def test_objects_die_when_their_client_is_killed(
    site: Any, start_child: Callable[..., Any], count_alive: Callable[[int], None], until: Callable[..., Any]
) -> None:
    source = """
import sys, time, pynto
connection = pynto.connect(sys.argv[1])
items = connection.root.items(50)
counting = connection.root.count(5)
next(counting)
connection.root.keep(lambda value: value)
print("ready", flush=True)
time.sleep(60)
"""
    child = start_child(sys.executable, "-c", source, site.address)
    assert child.line() == "ready"
    assert len(served.alive) == 50
    child.send_signal(signal.SIGKILL)
    child.wait()
    count_alive(0)
    until(lambda: site.server.stats()["connections"] == 0)
    assert site.connect().root.events() == ("count 5 begins", "count 5 ends")


def test_a_generator_that_is_dropped_runs_its_finally(root: Any, until: Callable[..., Any]) -> None:
    counting = root.count(100)
    next(counting)
    assert root.events() == ("count 100 begins",)
    del counting
    said: list[str] = []
    until(lambda: said.extend(root.events()) or said == ["count 100 ends"])


def test_generators_are_closed_with_their_connection(site: Any, until: Callable[..., Any]) -> None:
    connection, watching = site.connect(), site.connect().root
    generators = [connection.root.count(7) for _ in range(5)]
    for each in generators:
        next(each)
    connection.close()
    said: list[str] = []
    until(lambda: said.extend(watching.events()) or said.count("count 7 ends") == 5)


def test_counters_return_to_where_they_were(site: Any, until: Callable[..., Any]) -> None:
    connection = site.connect()
    root = connection.root
    before = held(connection)
    items = root.items(100)
    kept = [root.fresh() for _ in range(10)]
    root.keep(lambda value: value)
    assert connection.usage()["lent"] >= 110
    assert connection.usage()["references"] == 1
    root.forget()
    del items, kept
    gc.collect()
    until(lambda: root.add(1) and held(connection) == before, why=f"{held(connection)} is {before}")
    usage = connection.usage()
    assert usage["lent_peak"] >= 110
    assert usage["references_peak"] >= 1


def test_ten_thousand_netrefs_come_and_go(site: Any, count_alive: Callable[[int], None]) -> None:
    connection = site.connect()
    for _ in range(10):
        items = connection.root.items(1000)
        assert items[999].number == 999
        del items
    count_alive(0)
    many = [connection.root.fresh() for _ in range(2000)]
    assert len(served.alive) == 2000
    del many
    count_alive(0)
    assert connection.usage()["lent"] <= 1


def test_references_cross_each_other_on_their_way(root: Any) -> None:
    """The client frees what the server sends again at the same time; neither loses count."""
    seen: list[int] = []

    def look(item: Any) -> Any:
        seen.append(item.number)
        return item

    for _ in range(200):
        assert root.each(look) is True
        item = root.item()
        del item
    assert seen == [1] * 200
    assert root.item().number == 1


def test_nothing_of_a_clients_is_held_when_the_server_lets_go(
    root: Any, connection: Any, until: Callable[..., Any]
) -> None:
    class Listener:
        def __call__(self, value: int) -> int:
            return value

    listeners = [Listener() for _ in range(100)]
    watching = [weakref.ref(each) for each in listeners]
    for each in listeners:
        root.keep(each)
    del listeners, each
    gc.collect()
    assert all(ref() is not None for ref in watching)
    root.forget()
    until(lambda: root.add(1) and not any(ref() for ref in watching))
    assert connection.usage()["references"] == 0


def test_nothing_of_a_clients_is_held_when_the_connection_is_over(site: Any, until: Callable[..., Any]) -> None:
    class Listener:
        def __call__(self, value: int) -> int:
            return value

    connection = site.connect()
    listener = Listener()
    watching = weakref.ref(listener)
    connection.root.keep(listener)
    del listener
    connection.close()
    until(lambda: watching() is None)


def test_arguments_and_results_of_a_call_are_not_kept(site: Any) -> None:
    root = site.connect().root

    class Big:
        def __call__(self, value: int) -> int:
            return value

    big = Big()
    assert root.apply(big, 1) == 1
    watching = weakref.ref(big)
    del big
    root.add(1)
    gc.collect()
    assert watching() is None


def test_an_exception_does_not_keep_what_its_frames_held(site: Any, count_alive: Callable[[int], None]) -> None:
    root = site.connect().root
    for _ in range(20):
        with pytest.raises(Exception):  # noqa: B017
            root.fail("Hidden")
        with pytest.raises(Exception):  # noqa: B017
            root.apply(lambda value: [root.fresh()][1], 1)
    count_alive(0)


def test_an_exception_that_the_server_keeps_does_not_keep_a_clients_call(
    root: Any, count_alive: Callable[[int], None]
) -> None:
    for _ in range(5):
        with pytest.raises(pynto.RemoteError, match="always the same"):
            root.fail_alike(root.fresh())
    count_alive(0)


def test_a_connection_and_its_netrefs_go_without_the_collector(site: Any, until: Callable[..., Any]) -> None:
    connection = pynto.connect(site.address)
    item = connection.root.item()
    watching = weakref.ref(item)
    connection.close()
    with pytest.raises(pynto.Disconnected):
        item.describe()
    del connection, item
    gc.collect()
    assert watching() is None
    until(lambda: site.server.stats()["connections"] == 0)


def test_a_dropped_connection_leaves_no_thread_and_no_descriptor(site: Any, until: Callable[..., Any]) -> None:
    import threading

    def connect_and_drop() -> None:
        connection = pynto.connect(site.address)
        connection.root.item()
        connection.root.keep(lambda value: value)

    connect_and_drop()
    gc.collect()
    until(lambda: site.server.stats()["connections"] == 0)
    until(lambda: not [t for t in threading.enumerate() if t.name == "pynto-background"])
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(10):
        connect_and_drop()
    gc.collect()
    until(lambda: site.server.stats()["connections"] == 0)
    until(lambda: not [t for t in threading.enumerate() if t.name == "pynto-background"])
    until(lambda: len(os.listdir("/proc/self/fd")) <= before)


def one_round(root: Any) -> None:
    root.add(1)
    root.apply(abs, -1)
    item = root.fresh()
    item.name = "x"
    item.describe(loud=True)
    root.values().echo_point(served.Point(1, 2))
    root.values().echo_dict({"a": 1})
    for _ in root.count(1):
        pass
    try:
        root.fail("Hidden")
    except pynto.RemoteError:
        pass


def rounds(root: Any, count: int) -> None:
    for _ in range(count):
        one_round(root)
    root.events()
    gc.collect()


def traced_growth(root: Any, count: int) -> int:
    before = tracemalloc.get_traced_memory()[0]
    rounds(root, count)
    return tracemalloc.get_traced_memory()[0] - before


def test_twenty_thousand_calls_leave_no_memory_behind(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One object left behind by each call of one kind would be 30,000 bytes in 1,000 rounds, by each call 360,000."""
    import logging

    monkeypatch.setattr(logging.getLogger("pynto.server"), "disabled", True)
    root = site.connect().root
    rounds(root, 200)
    tracemalloc.start()
    try:
        rounds(root, 600)
        growth = min(
            traced_growth(root, 1000) for _ in range(3)
        )  # a table of the interpreter's own may be made anew in one of them
    finally:
        tracemalloc.stop()
    assert growth < 25_000, f"{growth} bytes of Python objects are left behind"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rounds(root, 1000)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak
    assert grown < 2 * 1024, f"the process grew by {grown} KiB in 12,000 calls"


@pytest.mark.memory
def test_a_server_process_does_not_grow_with_the_number_of_clients(serve_child: Callable[..., Any]) -> None:
    child = serve_child()

    def visit() -> None:
        with pynto.connect(child.address) as connection:
            connection.root.items(200)
            connection.root.values().size(b"x" * 1_000_000)
            connection.root.keep(abs)
            connection.root.forget()

    for _ in range(15):
        visit()
    before = child.memory()
    for _ in range(60):
        visit()
    assert child.memory() - before < 4 * 2**20
