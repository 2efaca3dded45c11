"""Does a server start, serve and stop as a part of a program that has other things to do?"""

from __future__ import annotations

import gc
import os
import random
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pynto
import pytest
import served


def fds() -> int:
    return len(os.listdir("/proc/self/fd"))


def threads() -> int:
    return threading.active_count()


def test_port_zero_is_replaced_by_the_port_that_was_bound(serve: Callable[..., Any]) -> None:
    site = serve(listen="tcp://127.0.0.1:0")
    host, _, port = site.address.removeprefix("tcp://").rpartition(":")
    assert host == "127.0.0.1"
    assert int(port) > 0
    assert site.connect().root.add(1) == 2


def test_several_listeners_serve_the_same_object(serve: Callable[..., Any], tmp_path: Path) -> None:
    site = serve(listen=[f"unix://{tmp_path}/a.sock", "tcp://127.0.0.1:0", f"unix://{tmp_path}/b.sock"])
    assert len(site.server.addresses) == 3
    for number, address in enumerate(site.server.addresses):
        with pynto.connect(address) as connection:
            connection.root.numbers().append(number)
    assert site.target._numbers == [1, 2, 3, 0, 1, 2]


def test_a_unix_socket_is_for_its_owner_only_and_goes_with_the_server(
    serve: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "own.sock"
    site = serve(listen=f"unix://{path}")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    site.close()
    began = time.monotonic()
    with pytest.raises(OSError):
        pynto.connect(f"unix://{path}", timeout=1)
    assert time.monotonic() - began < 5
    assert not path.exists()


def test_a_socket_that_a_dead_server_has_left_is_taken_over(serve: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "left.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    site = serve(listen=f"unix://{path}")
    assert site.connect().root.add(1) == 2


def test_an_address_in_use_is_an_error_that_names_it(serve: Callable[..., Any], tmp_path: Path) -> None:
    for listen in ("tcp://127.0.0.1:0", f"unix://{tmp_path}/used.sock"):
        site = serve(listen=listen)
        with pytest.raises(OSError, match="in use") as caught:
            serve(listen=site.address)
        assert site.address.removeprefix("tcp://") in str(caught.value)
        assert site.connect().root.add(1) == 2


@pytest.mark.parametrize(
    "address",
    [
        "",
        "tcp://",
        "tcp://host",
        "tcp://127.0.0.1:x",
        "tcp://127.0.0.1:99999",
        "unix://",
        "http://x:1",
        "127.0.0.1:1",
        "fd://x",
        "tcp://127.0.0.1:1/x",
    ],
)
def test_what_is_no_address_is_a_value_error(serve: Callable[..., Any], address: str) -> None:
    with pytest.raises(ValueError):
        serve(listen=[address])
    with pytest.raises(ValueError):
        pynto.connect(address)


def test_plain_tcp_beyond_this_machine_is_refused_unless_it_is_asked_for(serve: Callable[..., Any]) -> None:
    for listen in ("tcp://0.0.0.0:0", "tcp://[::]:0"):
        with pytest.raises(OSError, match="plain"):
            serve(listen=listen)
    with pytest.raises(OSError, match="plain"):
        pynto.connect("tcp://192.0.2.1:7117", timeout=0.5)
    site = serve(listen="tcp://0.0.0.0:0", plain=True)
    port = site.address.rpartition(":")[2]
    with pynto.connect(f"tcp://127.0.0.1:{port}") as connection:
        assert connection.root.add(1) == 2


def test_a_server_stops_when_it_is_told_to_and_can_be_closed_twice(serve: Callable[..., Any]) -> None:
    site = serve()
    connection = site.connect()
    assert connection.root.add(1) == 2
    began = time.monotonic()
    site.server.close()
    site.server.close()
    assert time.monotonic() - began < 3
    with pytest.raises(pynto.Disconnected):
        connection.root.add(1)
    began = time.monotonic()
    with pytest.raises(OSError):
        pynto.connect(site.address, timeout=1)
    assert time.monotonic() - began < 5
    assert not [thread for thread in threading.enumerate() if thread.name == "pynto-server"]


def test_a_server_that_was_never_started_can_be_closed(loaded_policy: Any, tmp_path: Path) -> None:
    server = pynto.Server(served.Root(), policy=loaded_policy, listen=f"unix://{tmp_path}/x")
    server.close()


@pytest.mark.parametrize("is_started", [False, True], ids=["never started", "has served"])
def test_what_a_closed_server_held_goes_with_the_last_reference_to_it(
    loaded_policy: Any, until: Callable[..., Any], is_started: bool
) -> None:
    """Without the collector: programs that make many would run out of descriptors ahead of it."""
    gc.collect()
    gc.disable()
    try:
        before = fds()
        for _ in range(20):
            server = pynto.Server(served.Root(), policy=loaded_policy, listen="tcp://127.0.0.1:0")
            if is_started:
                server.start()
                with pynto.connect(server.address) as connection:
                    assert connection.root.add(1) == 2
            server.close()
            del server
        # A thread lets go of the last one a moment later; some are made once for a process.
        until(lambda: fds() < before + 10)
    finally:
        gc.enable()


def test_a_server_closes_while_calls_run(
    serve: Callable[..., Any], in_thread: Callable[..., Any], until: Callable[..., Any]
) -> None:
    site = serve()
    connections = [site.connect() for _ in range(4)]
    latest = time.monotonic() + 30

    def work(root: Any) -> None:
        while time.monotonic() < latest:  # until the end of its connection ends it
            root.add(1)
            root.apply(abs, -1)

    tasks = [in_thread(lambda each=each: work(each.root)) for each in connections]
    until(lambda: site.calls > 50)
    began = time.monotonic()
    site.server.close()
    assert time.monotonic() - began < 5
    for task in tasks:
        with pytest.raises(ConnectionError):
            task.result()


def test_a_running_call_is_finished_before_close_returns(
    serve: Callable[..., Any], in_thread: Callable[..., Any], until: Callable[..., Any]
) -> None:
    site = serve()
    root = site.connect().root
    task = in_thread(lambda: root.wait(0.5))
    until(lambda: site.calls >= 1)
    site.server.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "pynto-server"]
    with pytest.raises(pynto.Disconnected):
        task.result()


def test_a_served_method_may_stop_the_server(serve: Callable[..., Any]) -> None:
    site = serve()
    site.target._stopper = site.server.stop
    root = site.connect().root
    try:
        root.stop()
    except ConnectionError:
        pass  # whether the answer was faster is nobody's promise
    site.server.close()
    with pytest.raises(ConnectionError):
        root.add(1)


def test_a_served_method_may_close_the_server(serve: Callable[..., Any]) -> None:
    site = serve()
    site.target._stopper = site.server.close
    root = site.connect().root
    try:
        root.stop()
    except ConnectionError:
        pass
    with pytest.raises(ConnectionError):
        root.add(1)


def test_two_hundred_connections_leave_nothing_behind(serve: Callable[..., Any], until: Callable[..., Any]) -> None:
    """Without the help of the collector of cycles: a program that connects in a loop does not run out of descriptors."""
    site = serve()
    gc.collect()
    before = fds(), threads()
    gc.disable()
    try:
        for _ in range(4):
            connections = [pynto.connect(site.address) for _ in range(50)]
            until(lambda: site.server.stats()["connections"] == 50)
            items = [connection.root.fresh(str(n)) for n, connection in enumerate(connections)]
            assert [item.name for item in items] == [str(n) for n in range(50)]
            for connection in connections:
                connection.close()
            del connections, connection, items
            until(lambda: site.server.stats()["connections"] == 0)
        until(lambda: fds() <= before[0] and threads() <= before[1], why="descriptors and threads as before")
    finally:
        gc.enable()
    assert site.server.stats()["accepted"] == 200


def test_no_more_connections_than_allowed_are_taken(serve: Callable[..., Any], until: Callable[..., Any]) -> None:
    site = serve(connections=3)
    kept = [site.connect() for _ in range(3)]
    with pytest.raises(ConnectionError):
        pynto.connect(site.address, timeout=3)
    assert [connection.root.add(1) for connection in kept] == [2, 2, 2]
    kept[0].close()
    until(lambda: site.server.stats()["connections"] == 2)
    assert site.connect().root.add(1) == 2


def test_places_are_used_again_in_whatever_order_they_come_free(
    serve: Callable[..., Any], until: Callable[..., Any]
) -> None:
    places = 5
    site = serve(connections=places)
    chance = random.Random(7)
    kept: list[pynto.Connection[Any]] = []
    for _ in range(60):
        if kept and (len(kept) == places or chance.random() < 0.5):
            kept.pop(chance.randrange(len(kept))).close()
            until(lambda: site.server.stats()["connections"] == len(kept))
        else:
            kept.append(site.connect())
        if len(kept) == places:
            with pytest.raises(ConnectionError):
                pynto.connect(site.address, timeout=3)
        assert [connection.root.add(1) for connection in kept] == [2] * len(kept)
    assert len(site.server.connections()) == len(kept)


def test_a_program_goes_on_with_its_own_work(site: Any) -> None:
    root = site.connect().root
    total = 0
    for number in range(200):
        total += root.add(number, 0)
        site.target._numbers.append(number)
    assert total == sum(range(200))
    assert len(root.numbers()) == 203


def test_calls_run_one_at_a_time(site: Any, in_thread: Callable[..., Any]) -> None:
    """An exposed class needs no lock: a list that is read and written in steps stays whole."""

    class Slow(int):
        pass

    running: list[int] = []
    most: list[int] = []

    def add(self: Any, a: int, b: int = 1) -> int:
        running.append(a)
        most.append(len(running))
        time.sleep(0.002)
        running.remove(a)
        return a + b

    original = served.Root.add
    served.Root.add = add  # type: ignore[method-assign]
    try:
        tasks = [in_thread(lambda n=n: [site.connect().root.add(n) for _ in range(5)]) for n in range(4)]
        for number, task in enumerate(tasks):
            assert task.result() == [number + 1] * 5
    finally:
        served.Root.add = original  # type: ignore[method-assign]
    assert max(most) == 1


def test_a_server_is_the_client_of_another_and_passes_references_on(
    serve: Callable[..., Any], generate: Callable[..., Path]
) -> None:
    """A has an item, B has A's netref and serves it on, C uses it: B's policy says what C may do."""
    a = serve()
    middle = a.connect()
    item = middle.root.fresh("far away")

    class Relaying(served.Root):
        def describe_it(self) -> str:
            text: str = item.describe()
            return text

        def apply(self, f: Callable[[int], int], value: int) -> int:
            result: int = middle.root.apply(f, value)
            return result

        def same_item(self, given: Any) -> Any:
            return given

    b = serve(Relaying())
    c = b.connect().root
    assert c.apply(lambda value: value * 3, 14) == 42, "C's function, called by A, through B"
    with pytest.raises(pynto.RemoteError):
        c.apply(lambda value: "wrong", 1)  # type: ignore[arg-type,return-value]
    assert c.add(1) == 2


def test_a_netref_of_another_server_is_an_object_like_others_where_a_facet_is_declared(
    serve: Callable[..., Any],
) -> None:
    a = serve()
    middle = a.connect()
    shelf = middle.root.shelf()
    shelf.write("a line")

    class Relaying(served.Root):
        def shelf(self) -> Any:
            return served.Shelf()

    class Passing(served.Shelf):
        def reader(self) -> Any:
            return shelf  # A's: it has every member of the facet

        def can_be_read(self, reader: Any) -> bool:
            return reader is shelf

    root = Relaying()
    root.shelf = lambda: None  # type: ignore[method-assign]
    passing = Passing()
    Relaying.shelf = lambda self: passing  # type: ignore[method-assign,assignment]
    b = serve(root)
    c = b.connect().root
    reader = c.shelf().reader()
    assert reader.read() == ("a line",)
    assert c.shelf().can_be_read(reader) is True, "it comes back as the very netref that B has"
    assert not hasattr(reader, "write")


def test_serve_runs_until_it_is_interrupted(
    start_child: Callable[..., Any], served_policy: Path, tmp_path: Path
) -> None:
    import signal

    source = f"""
import pynto, served
pynto.serve(served.Root(), policy={str(served_policy)!r}, listen="unix://{tmp_path}/s.sock")
print("after")
"""
    child = start_child(sys.executable, "-c", source)
    deadline = time.monotonic() + 20
    while not child.errors and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "serving at unix://" in child.stderr
    with pynto.connect(f"unix://{tmp_path}/s.sock") as connection:
        assert connection.root.add(1) == 2
        child.send_signal(signal.SIGINT)
        assert child.line() == "after"
        assert child.wait() == 0


def test_the_log_tells_of_connections(serve: Callable[..., Any], caplog: Any, until: Callable[..., Any]) -> None:
    import logging

    caplog.set_level(logging.INFO, logger="pynto.server")
    site = serve()
    site.connect().close()
    until(lambda: "closed" in caplog.text or "gone" in caplog.text or "goodbye" in caplog.text)


def test_pair_goes_through_every_byte_and_ends_as_a_whole(loaded_policy: Any) -> None:
    before = threads()
    with pynto.pair(served.Root(), policy=loaded_policy) as connection:
        assert connection.root.add(1) == 2
        assert connection.root.apply(lambda value: value, 5) == 5
        assert isinstance(connection, pynto.Connection)
    deadline = time.monotonic() + 10
    while threads() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threads() <= before
