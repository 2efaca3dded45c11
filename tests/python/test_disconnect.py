"""Is everybody told once, and only once, when a connection has ended, whatever has ended it?"""

from __future__ import annotations

import contextlib
import gc
import os
import random
import signal
import socket
import sys
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import crossing
import pynto
import pytest
from rawpeer import DESCRIBE, HELLO, Mine, RawPeer

CLIENT = """
import sys, time, pynto
connection = pynto.connect(sys.argv[1])
room = connection.root
things = [room.thing() for _ in range(20)]
room.join("ada", lambda text: None)
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="module")
def policy(generate: Callable[..., Path]) -> pynto.Policy:
    return pynto.Policy.load(generate("crossing:Lobby"))


@pytest.fixture
def lobby(serve: Callable[..., Any], policy: pynto.Policy) -> Any:
    """A Lobby, served."""
    gc.collect()
    crossing.died.clear()
    crossing.left.clear()
    return serve(crossing.Lobby(), policy=policy)


def quiet(_text: str) -> None:
    pass


# ---- on a client ----


def test_close_tells_once_in_a_thread_of_the_connections(lobby: Any, until: Callable[..., Any]) -> None:
    connection = lobby.connect()
    told: list[tuple[str, str]] = []
    connection.on_disconnect(lambda reason: told.append((reason, threading.current_thread().name)))
    assert connection.root.who() == ()
    assert told == []
    connection.close()
    connection.close()
    until(lambda: told)
    assert told == [("closed", "pynto-background")]
    connection.on_disconnect(lambda reason: told.append((reason, threading.current_thread().name)))
    assert told[1:] == [("closed", threading.current_thread().name)]  # registered after the end: at once


def test_the_servers_end_tells_a_client_that_does_nothing(lobby: Any, until: Callable[..., Any]) -> None:
    told: list[str] = []
    lobby.connect().on_disconnect(told.append)
    lobby.server.close()
    until(lambda: told)
    assert told == ["the server stops"]


def test_a_protocol_error_tells_with_its_reason(in_thread: Callable[..., Any], until: Callable[..., Any]) -> None:
    near, far = socket.socketpair()
    told: list[str] = []
    with RawPeer(far) as server:

        def welcome() -> None:
            assert server.recv_message()[0] == HELLO
            server.send([HELLO, "pynto", 1, None, {}])
            server.send([DESCRIBE, 1, {"interfaces": {"crossing:Lobby": {}}}])
            server.send([-1, Mine(0, 1)])

        task = in_thread(welcome)
        fd = near.detach()
        connection = pynto.Connection(fd, fd, "raw")
        task.result()
        connection.on_disconnect(told.append)
        server.send_raw(b"\xc1")
        until(lambda: told)
    assert told == ["malformed message"]
    assert connection.closed


def test_a_dropped_connection_tells(lobby: Any, until: Callable[..., Any]) -> None:
    told: list[str] = []
    connection = pynto.connect(lobby.address)
    connection.on_disconnect(told.append)
    del connection
    gc.collect()
    until(lambda: told)
    assert told == ["dropped"]


def test_a_killed_server_tells(
    start_child: Callable[..., Any], generate: Callable[..., Path], tmp_path: Path, until: Callable[..., Any]
) -> None:
    path = generate("crossing:Lobby")
    child = start_child(
        sys.executable,
        "-m",
        "pynto",
        "serve",
        "crossing:Lobby",
        "--policy",
        str(path),
        "--listen",
        f"unix://{tmp_path}/s",
    )
    assert "serving" in child.line()  # the socket's file is there before anybody listens
    told: list[str] = []
    connection = pynto.connect(f"unix://{tmp_path}/s")
    connection.on_disconnect(told.append)
    child.send_signal(signal.SIGKILL)
    until(lambda: told)
    assert len(told) == 1
    with pytest.raises(pynto.Disconnected):
        connection.root.who()


def test_what_was_cancelled_is_not_told(lobby: Any, until: Callable[..., Any]) -> None:
    connection = lobby.connect()
    told: list[str] = []
    first, second = connection.on_disconnect(told.append), connection.on_disconnect(told.append)
    assert first.cancel() is True
    assert first.cancel() is False
    connection.close()
    until(lambda: told)
    assert second.cancel() is False
    assert told == ["closed"]


def test_a_cancelled_callback_is_held_by_nobody(lobby: Any) -> None:
    class Listener:
        def __call__(self, reason: str) -> None:
            pass

    listener = Listener()
    watching = weakref.ref(listener)
    ending = lobby.connect().on_disconnect(listener)
    del listener
    assert watching() is not None
    ending.cancel()
    assert watching() is None


def test_only_a_callable_is_taken(lobby: Any) -> None:
    with pytest.raises(TypeError, match="on_disconnect"):
        lobby.connect().on_disconnect(3)


def test_one_that_fails_does_not_keep_the_next_from_being_told(
    lobby: Any, until: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    raised: list[Any] = []
    told: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: raised.append(args.exc_value))
    connection = lobby.connect()

    def fail(reason: str) -> None:
        raise ValueError(reason)

    connection.on_disconnect(fail)
    connection.on_disconnect(told.append)
    connection.close()
    until(lambda: told)
    assert [str(each) for each in raised] == ["closed"]


def test_a_callback_may_use_other_connections_and_this_one(lobby: Any, until: Callable[..., Any]) -> None:
    connection, other = lobby.connect(), lobby.connect()
    root, said = connection.root, []

    def look(reason: str) -> None:
        with pytest.raises(pynto.Disconnected):
            root.who()
        connection.on_disconnect(said.append)
        connection.close()
        said.append(other.root.who())

    connection.on_disconnect(look)
    connection.close()
    until(lambda: len(said) == 2)
    assert said == ["closed", ()]


def test_close_in_a_signal_handler_tells_in_the_background(lobby: Any, until: Callable[..., Any]) -> None:
    connection = lobby.connect()
    told: list[str] = []
    connection.on_disconnect(lambda reason: told.append(threading.current_thread().name))
    before = signal.signal(signal.SIGUSR1, lambda number, frame: connection.close())
    try:
        os.kill(os.getpid(), signal.SIGUSR1)
        until(lambda: told)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert told == ["pynto-background"]


@pytest.mark.parametrize("last", ["", "connection.close()"])
def test_the_end_of_the_program_tells(run_python: Callable[..., Any], lobby: Any, last: str) -> None:
    source = f"""
import os, pynto
connection = pynto.connect({lobby.address!r})
connection.on_disconnect(lambda reason: os.write(1, b"told\\n"))
connection.root.who()
{last}
"""
    done = run_python(source)
    assert (done.returncode, done.stdout) == (0, "told\n"), done


def race(lobby: Any, in_thread: Callable[..., Any], until: Callable[..., Any], choose: random.Random) -> None:
    near, far = socket.socketpair()
    os.set_blocking(far.fileno(), False)
    lobby.server.adopt(far.fileno(), os.dup(far.fileno()), "racer")
    cut = far.dup()
    far.detach()
    fd = near.detach()
    connection = pynto.Connection(fd, fd, "race")
    told: list[int] = []
    cancelled: list[int] = []
    barrier = threading.Barrier(5)
    how, pause = choose.randrange(3), choose.random() / 500

    def register(base: int) -> None:
        endings = []
        barrier.wait()
        for number in range(base, base + 20):
            endings.append((number, connection.on_disconnect(lambda reason, number=number: told.append(number))))
        cancelled.extend(number for number, ending in endings[::3] if ending.cancel())

    def call() -> None:
        barrier.wait()
        with contextlib.suppress(pynto.Disconnected, pynto.ProtocolError):
            while True:
                connection.root.who()

    def end() -> None:
        barrier.wait()
        time.sleep(pause)
        if how != 0:
            cut.shutdown(socket.SHUT_RDWR)
        if how != 1:
            connection.close()

    tasks = [in_thread(each) for each in (lambda: register(0), lambda: register(100), call, end)]
    barrier.wait()
    for task in tasks:
        task.result()
    cut.close()
    until(lambda: len(told) + len(cancelled) >= 40, why=f"{told} {cancelled}")
    assert sorted(told + cancelled) == [*range(20), *range(100, 120)]


@pytest.mark.parametrize("seed", range(4))
def test_racing_ends_tell_each_callback_exactly_once(
    lobby: Any, in_thread: Callable[..., Any], until: Callable[..., Any], seed: int
) -> None:
    """Ends from both sides at once, while threads call, register and cancel."""
    choose = random.Random(seed)
    for _ in range(25):
        race(lobby, in_thread, until, choose)


# ---- on a server ----


def test_a_server_forgets_a_member_that_has_left(lobby: Any, until: Callable[..., Any]) -> None:
    ada, bob = lobby.connect(), lobby.connect()
    said: list[str] = []
    ada.root.join("ada", quiet)
    bob.root.join("bob", said.append)
    ada.close()
    until(lambda: said)
    assert said == ["ada has left"]
    assert bob.root.who() == ("bob",)
    assert crossing.left == [("ada", "closed by the peer")] or crossing.left == [("ada", "the peer has said goodbye")]


def test_a_member_that_takes_leave_is_not_told_of(lobby: Any, until: Callable[..., Any]) -> None:
    ada = lobby.connect()
    ada.root.join("ada", quiet)
    assert ada.root.leave("ada") is True
    ada.close()
    until(lambda: lobby.server.stats()["connections"] == 0)
    assert crossing.left == []


def test_a_server_throws_a_member_out(lobby: Any, until: Callable[..., Any]) -> None:
    ada, bob = lobby.connect(), lobby.connect()
    told: list[str] = []
    ada.on_disconnect(told.append)
    ada.root.join("ada", quiet)
    bob.root.throw_out("ada")
    until(lambda: told)
    assert told == ["closed by the server"]
    until(lambda: crossing.left)
    assert crossing.left == [("ada", "closed by the server")]


def test_what_a_server_is_told_of_fails_into_its_log(
    lobby: Any, until: Callable[..., Any], caplog: pytest.LogCaptureFixture, every_line: None
) -> None:
    ada = lobby.connect()
    ada.root.join("ada", quiet)
    lobby.target._members.clear()  # its callback raises KeyError
    ada.close()
    until(lambda: "KeyError" in caplog.text)
    assert "on_disconnect of" in caplog.text


def test_a_peer_is_one_connection(lobby: Any) -> None:
    ada, bob = lobby.connect(), lobby.connect()
    for connection, names in ((ada, ("a1", "a2")), (bob, ("b",))):
        for name in names:
            connection.root.join(name, lambda text, name=name: None)
    first, second, other = (pynto.connection(lobby.target._members[name]) for name in ("a1", "a2", "b"))
    assert first == second != other
    assert len({first, second, other}) == 2
    assert not first.closed
    assert first.usage()["lent"] == 2
    assert isinstance(first, pynto.Peer)
    ada.close()
    listen = lobby.target._members["a1"]
    with pytest.raises(pynto.Disconnected):
        for _ in range(1000):
            listen("x")
    assert first.closed
    assert "gone" in repr(first)


def test_a_client_that_does_not_answer_holds_nobody_up_who_is_told(lobby: Any, until: Callable[..., Any]) -> None:
    """What is told of an end may call another client, who takes his time: calls of others go on."""
    go = threading.Event()
    ada, bob, eve = lobby.connect(), lobby.connect(), lobby.connect()
    ada.root.join("ada", quiet)
    bob.root.join("bob", lambda text: (go.wait(20), None)[1])
    ada.close()
    until(lambda: crossing.left)
    assert eve.root.who() == ("bob",)
    go.set()


def test_the_end_of_a_server_tells_before_close_returns(lobby: Any) -> None:
    for name in ("ada", "bob"):
        lobby.connect().root.join(name, quiet)
    lobby.server.close()
    assert sorted(crossing.left) == [("ada", "the server stops"), ("bob", "the server stops")]


@pytest.mark.parametrize("listen", ["tcp://127.0.0.1:0", ""])
def test_the_objects_of_a_killed_client_are_gone_within_a_second(
    serve: Callable[..., Any],
    policy: pynto.Policy,
    start_child: Callable[..., Any],
    until: Callable[..., Any],
    listen: str,
) -> None:
    site = serve(crossing.Lobby(), policy=policy, **({"listen": listen} if listen else {}))
    for _ in range(3):
        crossing.died.clear()
        crossing.left.clear()
        child = start_child(sys.executable, "-c", CLIENT, site.address)
        assert child.line() == "ready"
        assert crossing.died == []
        killed = time.monotonic()
        child.send_signal(signal.SIGKILL)
        until(lambda: len(crossing.died) == 20 and crossing.left)
        assert max(crossing.died) - killed < 1.0
        child.wait()
        assert [name for name, _ in crossing.left] == ["ada"]
        assert site.connect().root.who() == ()
