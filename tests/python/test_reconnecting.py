"""Does a connection come back, and say so; is nothing done twice, and nothing bound to something else in silence?"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import guarded
import pynto
import pytest
from cable import Cable
from house import House
from looped import eventually, looped
from pynto import backoff
from pynto.state import State
from rawpeer import DESCRIBE, GOODBYE, HELLO, Mine, RawPeer


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short delays: how long they are is looked at by themselves."""
    monkeypatch.setattr(backoff, "_SHORTEST", 0.01)
    monkeypatch.setattr(backoff, "_LONGEST", 0.05)


@pytest.fixture(scope="module")
def guarded_policy(generate: Callable[..., Path]) -> Path:
    return generate("guarded:Room")


@pytest.fixture
def house(tmp_path: Path, guarded_policy: Path) -> Iterator[House]:
    made = House(tmp_path / "state", guarded_policy)
    yield made
    made.close()


@pytest.fixture
def cable(house: House) -> Iterator[Cable]:
    made = Cable(int(house.where.rpartition(":")[2]))
    yield made
    made.close()


@pytest.fixture
def url(house: House, cable: Cable) -> str:
    """By way of the cable."""
    return through(house.url(), house, cable)


def through(url: str, house: House, cable: Cable) -> str:
    return url.replace(house.where, f"127.0.0.1:{cable.port}")


# ---- coming back ----


def test_the_root_comes_back_and_an_old_netref_does_not(url: str, cable: Cable, until: Callable[..., Any]) -> None:
    broken: list[str] = []
    again: list[int] = []
    with pynto.connect(url, reconnect=True) as connection:
        connection.on_break(broken.append)
        connection.on_reconnect(lambda root: again.append(root.post("subscribed")))
        old = connection.root
        assert (old.post("one"), connection.generation) == (1, 1)
        cable.cut()
        until(lambda: connection.generation == 2)
        assert connection.root is not old
        assert until(lambda: again) == [2]
        assert connection.root.lines() == ("one", "subscribed")
        assert broken == ["cut: the stream has ended, but nobody has said so"]
        for _ in range(2):
            with pytest.raises(
                pynto.Disconnected, match=r"^cut: .* connection 1, and connection.root gives that of 2$"
            ):
                old.lines()
        assert pynto.connection(old).closed
        assert not connection.closed
        with pytest.raises((pynto.Disconnected, TypeError)):
            connection.root.post(old)
    assert connection.closed


def test_a_call_that_was_out_fails_and_is_not_sent_again(
    house: House, url: str, cable: Cable, in_thread: Callable[..., Any], until: Callable[..., Any]
) -> None:
    with pynto.connect(url, reconnect=True) as connection:
        before = house.server.stats()["calls"]
        out = in_thread(lambda: connection.root.sleep(0.5))
        until(lambda: house.server.stats()["calls"] == before + 1)
        cable.cut()
        with pytest.raises(pynto.Disconnected):
            out.result()
        assert connection.root.lines() == ()
        assert house.server.stats()["calls"] == before + 2  # the one that was cut, and lines()


def test_threads_that_meet_a_break_at_once_cause_one_connection(
    url: str, cable: Cable, in_thread: Callable[..., Any], until: Callable[..., Any]
) -> None:
    with pynto.connect(url, reconnect=True) as connection:
        stop = threading.Event()

        def work() -> None:
            while not stop.is_set():
                with contextlib.suppress(pynto.Disconnected):
                    connection.root.lines()

        tasks = [in_thread(work) for _ in range(6)]
        for count in (2, 3):
            cable.cut()
            until(lambda count=count: connection.generation == count)
        stop.set()
        for task in tasks:
            task.result()
        assert (connection.generation, cable.count) == (3, 3)


def test_a_server_that_has_stopped_is_asked_until_it_is_there_again(
    house: House, url: str, cable: Cable, guarded_policy: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pynto.client")
    with pynto.connect(url, reconnect=True) as connection:
        old = connection.root
        house.server.close()
        with pytest.raises(pynto.Disconnected):
            old.lines()
        with pytest.raises(pynto.Disconnected, match=r"not connected again within 0\.2 s: "):
            connection.ready(0.2)
        with pynto.deadline(0.2), pytest.raises(pynto.DeadlineExceeded) as caught:
            connection.root.lines()
        assert caught.value.where == "waiting"
        assert cable.count > 3
        listen = "pynto://127.0.0.1:0"
        with pynto.Server(
            guarded.Room(), policy=guarded_policy, listen=listen, state=State(house.state.folder)
        ) as server:
            cable.to = int(server.address.rpartition(":")[2])
            assert connection.root.post("hello") == 1
            assert connection.generation == 2
    said = [each.getMessage() for each in caplog.records]
    assert [line for line in said if "the server stops" in line]
    assert [line for line in said if line.endswith("connection 2 is there")]
    assert not [line for line in said if url.rpartition("/")[2] in line]


def test_another_key_is_never_served_by_and_the_right_one_is_waited_for(
    house: House, url: str, cable: Cable, guarded_policy: Path, tmp_path: Path, until: Callable[..., Any]
) -> None:
    """T09"""
    other = House(tmp_path / "other", guarded_policy)
    try:
        with pynto.connect(url, reconnect=True) as connection:
            right, cable.to = cable.to, int(other.where.rpartition(":")[2])
            cable.cut()
            until(lambda: cable.count > 3)
            assert connection.generation == 1
            cable.to = right
            assert connection.root.lines() == ()
            assert connection.generation == 2
        assert other.server.stats()["calls"] == 0
    finally:
        other.close()


# ---- not coming back ----


def test_what_was_revoked_is_not_asked_again(house: House, url: str, cable: Cable, until: Callable[..., Any]) -> None:
    ends: list[str] = []
    connection = pynto.connect(url, reconnect=True)
    connection.on_disconnect(ends.append)
    house.state.revoke(house.id())
    until(lambda: ends)
    assert ends == ["what was granted has been revoked"]
    assert connection.closed
    with pytest.raises(pynto.Disconnected, match="revoked"):
        connection.root.lines()
    connection.on_disconnect(ends.append)
    assert ends == ["what was granted has been revoked"] * 2
    assert cable.count == 1


def test_a_capability_for_one_use_ends_with_its_first_refusal(
    house: House, cable: Cable, until: Callable[..., Any]
) -> None:
    connection = pynto.connect(through(house.url(uses=1), house, cable), reconnect=True)
    assert connection.root.lines() == ()
    cable.cut()
    until(lambda: connection.closed)
    with pytest.raises(pynto.Refused, match="does not let us in"):
        connection.root.lines()
    assert cable.count == 2


def test_close_ends_the_tries_and_whoever_waits(
    url: str, cable: Cable, in_thread: Callable[..., Any], until: Callable[..., Any]
) -> None:
    connection = pynto.connect(url, reconnect=True)
    cable.is_down = True
    cable.cut()
    until(lambda: cable.count > 1)  # it has been noticed
    waits = in_thread(lambda: connection.root)
    until(lambda: cable.count > 3)
    connection.close()
    with pytest.raises(pynto.Disconnected, match=r"^closed$"):
        waits.result()
    until(lambda: not [each for each in threading.enumerate() if each.name == "pynto-reconnect"])
    count = cable.count
    cable.is_down = False
    with pytest.raises(pynto.Disconnected, match=r"^closed$"):
        connection.ready(0.1)
    assert cable.count == count
    connection.close()


def test_who_drops_it_ends_the_tries(url: str, cable: Cable, until: Callable[..., Any]) -> None:
    connection = pynto.connect(url, reconnect=True)
    cable.is_down = True
    cable.cut()
    until(lambda: cable.count > 2)
    del connection
    gc.collect()
    until(lambda: not [each for each in threading.enumerate() if each.name == "pynto-reconnect"])


def test_an_outage_may_be_given_a_limit(url: str, cable: Cable, until: Callable[..., Any]) -> None:
    connection = pynto.connect(url, reconnect=0.2)
    cable.is_down = True
    cable.cut()
    until(lambda: connection.closed)
    with pytest.raises(pynto.Disconnected, match=r"^given up after 0\.2 s: \w"):
        connection.root.lines()


@pytest.mark.parametrize(
    ("code", "comes_again"), [(0, True), (19, True), (3, False), (8, False), (15, False), (17, False), (99, False)]
)
def test_a_goodbye_decides_by_its_code(
    code: int, comes_again: bool, in_thread: Callable[..., Any], until: Callable[..., Any]
) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    count = 0
    connected = threading.Event()

    def serve() -> None:
        nonlocal count
        while count < 3:
            near, _ = listener.accept()
            count += 1
            with RawPeer(near) as server:
                assert server.recv_message()[0] == HELLO
                server.send([HELLO, "pynto", 1, None, {}])
                server.send([DESCRIBE, 1, {"interfaces": {"crossing:Lobby": {}}}])
                server.send([-1, Mine(0, 1)])
                assert connected.wait(10)
                server.send([GOODBYE, code, "words"])

    task = in_thread(serve)
    with listener, pynto.connect(f"tcp://127.0.0.1:{listener.getsockname()[1]}", reconnect=True) as connection:
        connected.set()
        if comes_again:
            until(lambda: count == 3)
            task.result()
        else:
            until(lambda: connection.closed)
            assert count == 1


@pytest.mark.parametrize("address", ["ssh://host/chat:Room", "fd://7", "carrier://x", "tcp:/x"])
def test_what_cannot_be_asked_again_is_no_address_for_it(address: str) -> None:
    with pytest.raises(ValueError, match="reconnect is for tcp://"):
        pynto.connect(address, reconnect=True)


@pytest.mark.parametrize("longest", [0, -1, 1e9, float("nan")])
def test_an_outage_lasts_so_many_seconds_or_any_number(longest: float) -> None:
    with pytest.raises(ValueError, match="seconds that an outage may last"):
        pynto.connect("tcp://127.0.0.1:1", reconnect=longest)


def test_the_first_connection_is_tried_once(cable: Cable, url: str) -> None:
    cable.is_down = True
    with pytest.raises(pynto.Disconnected):
        pynto.connect(url, reconnect=True)
    assert cable.count == 1


# ---- how often ----


def test_delays_double_up_to_a_limit_and_are_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    many = [backoff.Backoff() for _ in range(200)]
    for longest in (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0):
        delays = [each.next() for each in many]
        assert longest / 2 <= min(delays) < longest * 0.55
        assert longest * 0.95 < max(delays) <= longest
    many[0].lasted(29.9)
    assert many[0].next() >= 15.0  # who lets in and then ends is not asked more often
    many[0].lasted(30.0)
    assert many[0].next() <= 0.1


# ---- among other things ----


def test_it_says_nothing_of_the_capability(url: str) -> None:
    secret = url.rpartition("/")[2]
    with pynto.connect(url, reconnect=True) as connection:
        assert secret not in repr(connection) + repr(vars(connection)) + connection.peer
    assert repr(connection).endswith(", connection 1, closed>")


def test_an_exception_that_is_kept_holds_no_address(url: str, cable: Cable, until: Callable[..., Any]) -> None:
    connection = pynto.connect(url, reconnect=0.05)
    cable.is_down = True
    cable.cut()
    until(lambda: connection.closed)
    over = connection._over
    assert over is not None and over.__traceback__ is None and over.__context__ is None and over.__cause__ is None


def test_what_a_callback_raises_is_logged_and_ends_nothing(
    url: str, cable: Cable, caplog: pytest.LogCaptureFixture, until: Callable[..., Any]
) -> None:
    told: list[Any] = []
    with pynto.connect(url, reconnect=True) as connection:
        connection.on_reconnect(lambda root: 1 // 0)
        connection.on_reconnect(told.append)
        taken_back = connection.on_reconnect(told.append)
        assert (taken_back.cancel(), taken_back.cancel()) == (True, False)
        for count in (1, 2):
            cable.cut()
            until(lambda count=count: len(told) == count)
    assert len([each for each in caplog.records if each.exc_info and each.exc_info[0] is ZeroDivisionError]) == 2


def test_a_thread_of_the_programs_own_serves_one_connection_after_the_other(
    site: Any, in_thread: Callable[..., Any], until: Callable[..., Any]
) -> None:
    connection = pynto.connect(site.address, reconnect=True, background=False)
    serving = in_thread(connection.serve)
    connection.close()
    assert serving.result() == 0
    assert connection.serve(0.01) == 0


CHILD = """
import os, sys, pynto
connection = pynto.connect(sys.argv[1], reconnect=True)
old = connection.root
pid = os.fork()
if pid == 0:
    for use in (lambda: connection.root, connection.ready, old.lines, connection.ping):
        try:
            use()
        except pynto.Disconnected as error:
            assert "parent" in str(error), error
        else:
            os._exit(3)
    assert connection.closed and connection.generation == 1
    connection.close()
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
assert old.lines() == () and connection.generation == 1
print("ready", flush=True)
sys.stdin.readline()
sys.exit(0)  # while it tries, and holds a reference
"""


def test_a_fork_leaves_it_to_the_parent_and_a_program_ends_while_it_tries(
    url: str, cable: Cable, start_child: Callable[..., Any], until: Callable[..., Any]
) -> None:
    child = start_child(sys.executable, "-c", CHILD, url, stdin=subprocess.PIPE)
    assert child.line() == "ready"
    assert cable.count == 1
    cable.is_down = True
    cable.cut()
    until(lambda: "is tried again" in child.stderr)
    child.process.stdin.write(b"end\n")
    child.process.stdin.close()
    assert child.wait() == 0, child.stderr
    assert "Traceback" not in child.stderr


# ---- with an event loop ----


@looped
async def test_it_is_the_same_with_an_event_loop(house: House, url: str, cable: Cable) -> None:
    again: list[Any] = []
    broken: list[str] = []

    async def subscribe(root: Any) -> None:
        again.append(await root.post("subscribed"))

    count = threading.active_count()
    async with await pynto.aio.connect(url, reconnect=True) as connection:
        connection.on_reconnect(subscribe)
        connection.on_break(broken.append)
        old = connection.root
        assert await old.post("one") == 1
        out = asyncio.create_task(_called(old))
        before = house.server.stats()["calls"]
        await eventually(lambda: house.server.stats()["calls"] > before)
        cable.cut()
        with pytest.raises(pynto.Disconnected):
            await out
        ready = await connection.ready()
        assert ready.root is connection.root is not old
        await eventually(lambda: again)
        assert await connection.root.lines() == ("one", "subscribed")
        assert (again, len(broken), connection.generation, cable.count) == ([2], 1, 2, 2)
        with pytest.raises(pynto.Disconnected, match=r"connection 1, and connection.root gives that of 2$"):
            await old.lines()
        assert await connection.ping() >= 0.0
    assert connection.closed and threading.active_count() <= count + 40  # of the loop's executor
    with pytest.raises(pynto.Disconnected, match=r"^closed$"):
        await connection.ready()


async def _called(root: Any) -> None:
    await root.sleep(0.5)


@looped
async def test_an_event_loops_ends_for_good_when_it_is_refused_or_closed(house: House, url: str, cable: Cable) -> None:
    ends: list[str] = []
    revoked = await pynto.aio.connect(url, reconnect=True)
    revoked.on_disconnect(ends.append)
    house.state.revoke(house.id())
    await eventually(lambda: ends)
    assert (ends, cable.count) == (["what was granted has been revoked"], 1)
    with pytest.raises(pynto.Disconnected, match="revoked"):
        _ = revoked.root
    await revoked.close()

    once = await pynto.aio.connect(through(house.url(uses=1), house, cable), reconnect=True)
    cable.cut()
    await eventually(lambda: once.closed)
    with pytest.raises(pynto.Refused):
        await once.ready()
    assert cable.count == 3
    await once.close()

    down = await pynto.aio.connect(through(house.url(), house, cable), reconnect=True)
    cable.is_down = True
    cable.cut()
    await eventually(lambda: cable.count > 5)
    with pytest.raises(pynto.Disconnected, match="not connected again yet"):
        _ = down.root
    with pytest.raises(pynto.Disconnected, match=r"not connected again within 0\.05 s"):
        await down.ready(0.05)
    waits = asyncio.create_task(down.ready())
    await asyncio.sleep(0)
    await down.close()
    with pytest.raises(pynto.Disconnected, match=r"^closed$"):
        await waits
    assert down._task is None and repr(down).endswith("connection 1, closed>")
