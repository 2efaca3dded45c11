"""Are large messages read by a thread of their own, which comes when it is needed, loses nothing and goes with its server?"""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cargo
import pynto
import pytest
from house import House
from rawpeer import RETURN, RawPeer

MIB = 1 << 20
ROOM = 256 * MIB
QUOTAS = {"message": ROOM, "queued": ROOM}
TRIES = 40  # a reader that is as fast as the writer needs no other thread


def porters(pid: int | str = "self") -> int:
    found = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            found += (task / "comm").read_text() == "pynto-porter\n"
        except OSError:  # it has just ended
            continue
    return found


@pytest.fixture(scope="module")
def file(generate: Callable[..., Path]) -> Path:
    return generate("cargo:Hold")


@pytest.fixture
def hold(serve: Callable[..., Any], file: Path) -> Any:
    return serve(
        cargo.Hold(),
        policy=pynto.Policy.load(file),
        listen="tcp://127.0.0.1:0",
        quotas=QUOTAS,
    )


def where(site: Any) -> tuple[str, int]:
    host, _, port = site.address.partition("://")[2].rpartition(":")
    return host, int(port)


@pytest.fixture
def peer(hold: Any) -> Iterator[RawPeer]:
    with RawPeer(where(hold), timeout=30) as peer:
        peer.hello()
        yield peer


def pour(peer: RawPeer, length: int = 32 * MIB) -> None:
    """A large argument, and what is the answer to it."""
    assert peer.call(0, "length", [bytes(length)]) == [RETURN, length]


def until_carried(peer: RawPeer, pid: int | str = "self") -> None:
    for _ in range(TRIES):
        pour(peer)
        if porters(pid):
            return
    pytest.fail("nothing was carried")


def test_there_is_none_until_one_is_needed(peer: RawPeer) -> None:
    assert peer.call(0, "length", [b"abc"]) == [RETURN, 3]
    assert porters() == 0
    until_carried(peer)
    assert porters() == 1


def test_one_carries_for_all_and_small_calls_go_on_beside_it(hold: Any, peer: RawPeer) -> None:
    until_carried(peer)
    answers: list[Any] = []

    def work() -> None:
        with RawPeer(where(hold), timeout=30) as mine:
            mine.hello()
            for length in (3, 16 * MIB, 70_000, 24 * MIB + 1):
                answers.append(mine.call(0, "length", [bytes(length)]) == [RETURN, length])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(50):
        assert peer.call(0, "length", [b"abc"]) == [RETURN, 3]
    for thread in threads:
        thread.join(60)
    assert answers == [True] * 16
    assert porters() == 1


def test_calls_that_follow_a_large_one_keep_their_order(peer: RawPeer) -> None:
    until_carried(peer)
    for length in (8 * MIB, 1, 9 * MIB, 2, 3):
        peer.send([0, "length", [bytes(length)], {}], lane=0)
    assert [peer.reply() for _ in range(5)] == [[RETURN, length] for length in (8 * MIB, 1, 9 * MIB, 2, 3)]


def test_one_who_goes_in_the_middle_is_forgotten(hold: Any, peer: RawPeer, until: Callable[..., Any]) -> None:
    until_carried(peer)
    for _ in range(3):
        with RawPeer(where(hold), timeout=30) as gone:
            gone.hello()
            gone.send_raw(b"\x94\x00\xa6length\x91\xc6" + (64 * MIB).to_bytes(4, "big") + bytes(20 * MIB))
    until(lambda: hold.server.stats()["connections"] == 1)
    pour(peer)


def test_who_stops_in_the_middle_and_goes_on_later_is_served(peer: RawPeer) -> None:
    until_carried(peer)
    length = 24 * MIB
    message = b"\x94\x00\xa6length\x91\xc6" + length.to_bytes(4, "big") + bytes(length) + b"\x80\n"
    halfway = len(message) // 2
    peer.send_raw(message[:halfway])
    with pytest.raises(AssertionError):
        peer.recv_message(timeout=0.2)
    peer.send_raw(message[halfway:])
    assert peer.reply() == [RETURN, length]


def test_what_is_sealed_is_carried_as_well(file: Path, tmp_path: Path) -> None:
    house = House(tmp_path / "state", file, cargo.Hold(), quotas=QUOTAS)
    try:
        root = house.connect(quotas={"message": ROOM}).root
        data = os.urandom(MIB) * 32
        for _ in range(TRIES):
            assert root.length(data) == len(data)
            if porters():
                break
        assert porters() == 1
        assert root.echo(data) == data
    finally:
        house.close()


def test_it_goes_with_its_server(file: Path, until: Callable[..., Any]) -> None:
    server: Any = pynto.Server(cargo.Hold(), policy=file, listen="tcp://127.0.0.1:0", quotas=QUOTAS).start()
    with RawPeer(where(server), timeout=30) as peer:
        peer.hello()
        until_carried(peer)
    server.close()
    server = None
    until(lambda: gc.collect() >= 0 and porters() == 0)


FORKING = """
import gc, os, sys
import cargo, pynto

class Forking(cargo.Hold):
    def length(self, data: bytes) -> int:
        if len(data) != 7:
            return len(data)
        child = os.fork()
        if child == 0:
            global server
            server = None
            gc.collect()
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

server = pynto.Server(Forking(), policy=sys.argv[1], listen="tcp://127.0.0.1:0", quotas={"message": 1 << 28, "queued": 1 << 28})
print(server.address, flush=True)
server.run()
"""


def test_a_child_of_a_fork_has_none_and_waits_for_none(file: Path, start_child: Callable[..., Any]) -> None:
    child = start_child(sys.executable, "-c", FORKING, str(file))
    host, _, port = child.line().partition("://")[2].rpartition(":")
    with RawPeer((host, int(port)), timeout=30) as peer:
        peer.hello()
        until_carried(peer, child.pid)
        assert peer.call(0, "length", [b"1234567"]) == [RETURN, 0]
        pour(peer)
