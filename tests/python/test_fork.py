"""Does a child of a fork leave alone what is its parent's, on both sides?"""

from __future__ import annotations

import gc
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import crossing
import pynto
import pytest

HEAD = """
import gc, multiprocessing, os, sys, time, traceback
import pynto

def in_child(work, plain=False):
    # Runs work in a forked child; a plain one ends as a program does, with all exit handlers. Its exit code.
    if plain:
        child = os.fork()
        if child == 0:
            work()
            sys.exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join(30)
    return child.exitcode

def live_on():
    os.closerange(0, 3)  # nobody waits for the end of these
    time.sleep(20)
    os._exit(0)
"""

CLIENT = (
    HEAD
    + """
connection = pynto.connect(sys.argv[1])
room = connection.root
things = [room.thing() for _ in range(5)]
room.join("ada", lambda text: None)
told = []
connection.on_disconnect(lambda reason: (told.append(reason), os.write(1, b"told")))

def work():
    for use in (room.who, things[0].number, lambda: room.join("eve", lambda text: None), connection.ping):
        try:
            use()
        except pynto.Disconnected as error:
            assert "parent" in str(error), error
        else:
            sys.exit(3)
    pynto.release(things[1])
    now = []
    connection.on_disconnect(now.append)
    assert now and "parent" in now[0], now
    assert connection.closed
    del things[:]
    gc.collect()
    HOW
    assert told == [], told

assert in_child(work, plain=PLAIN) == 0
assert told == []
assert things[0].number() == 1 and room.who() == ("ada",)
"""
)


@pytest.fixture(scope="module")
def policy_file(generate: Callable[..., Path]) -> Path:
    return generate("crossing:Lobby")


@pytest.fixture
def lobby(serve: Callable[..., Any], policy_file: Path) -> Any:
    gc.collect()
    crossing.died.clear()
    crossing.left.clear()
    return serve(crossing.Lobby(), policy=pynto.Policy.load(policy_file))


@pytest.mark.parametrize(
    "how", ["connection.close()", "globals().update(connection=None, room=None); gc.collect()", "sys.exit(0)", "pass"]
)
@pytest.mark.parametrize("plain", [False, True])
def test_a_child_of_a_client_frees_and_closes_nothing(
    lobby: Any, start_child: Callable[..., Any], how: str, plain: bool
) -> None:
    source = CLIENT.replace("HOW", how).replace("PLAIN", str(plain)) + "print('well', flush=True)\ntime.sleep(60)\n"
    child = start_child(sys.executable, "-c", source, lobby.address)
    assert child.line() == "well", child.stderr
    assert crossing.died == []
    assert crossing.left == []
    assert lobby.server.stats()["connections"] == 1


def test_a_child_that_lives_on_does_not_hide_that_its_parent_was_killed(
    lobby: Any, start_child: Callable[..., Any], until: Callable[..., Any]
) -> None:
    source = (
        HEAD
        + """
connection = pynto.connect(sys.argv[1])
things = [connection.root.thing() for _ in range(5)]
connection.root.join("ada", lambda text: None)
if os.fork() == 0:
    live_on()
print("ready", flush=True)
time.sleep(60)
"""
    )
    child = start_child(sys.executable, "-c", source, lobby.address)
    assert child.line() == "ready"
    killed = time.monotonic()
    child.send_signal(signal.SIGKILL)
    until(lambda: len(crossing.died) == 5 and crossing.left)
    assert max(crossing.died) - killed < 1.0


SERVER = (
    HEAD
    + """
import crossing

class Forking(crossing.Lobby):
    def thing(self):
        if HOW:
            assert in_child(lambda: (server.close(), gc.collect())) == 0
        elif os.fork() == 0:
            live_on()
        return crossing.Thing()

server = pynto.Server(Forking(), policy=sys.argv[1], listen=sys.argv[2]).start()
told = []
print("ready", flush=True)
time.sleep(60)
"""
)


def test_a_child_of_a_server_closes_nothing(policy_file: Path, tmp_path: Path, start_child: Callable[..., Any]) -> None:
    address = f"unix://{tmp_path}/s"
    child = start_child(sys.executable, "-c", SERVER.replace("HOW", "True"), str(policy_file), address)
    assert child.line() == "ready", child.stderr
    with pynto.connect(address) as connection:
        told: list[str] = []
        connection.on_disconnect(told.append)
        heard: list[str] = []
        connection.root.join("ada", heard.append)
        thing = connection.root.thing()  # forks, and the child closes its server
        assert thing.number() == 1
        connection.root.say("hello")
        assert heard == ["hello"]
        with pynto.connect(address) as other:  # the listener and its path are there
            assert other.root.who() == ("ada",)
        assert told == []


def test_a_child_that_lives_on_does_not_hide_that_its_server_was_killed(
    policy_file: Path, tmp_path: Path, start_child: Callable[..., Any], until: Callable[..., Any]
) -> None:
    address = f"unix://{tmp_path}/s"
    child = start_child(sys.executable, "-c", SERVER.replace("HOW", "False"), str(policy_file), address)
    assert child.line() == "ready", child.stderr
    connection = pynto.connect(address)
    told: list[str] = []
    connection.on_disconnect(told.append)
    assert connection.root.thing().number() == 1
    child.send_signal(signal.SIGKILL)
    until(lambda: told)
    with pytest.raises(pynto.Disconnected):
        connection.root.who()
    with pytest.raises(pynto.Disconnected):  # nobody listens any more
        pynto.connect(address)
