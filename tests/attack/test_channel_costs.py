"""What does a stranger cost before it is in? Counted, not timed: class N, 17 and 1."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fortress import Fortress
from house import House
from pynto import _core
from rawchannel import DATA, LOGIN_CAPABILITY, LOGIN_KEY, MESSAGES, RawChannel, framed, opening
from rawpeer import HELLO, pack

TRIES = (
    8.0,
    1e-9,
    3.0,
)  # at once, each second, what a failure costs in addition: so two failures are two thirds of a source


@pytest.fixture(scope="module")
def policy(generate: Callable[..., Path]) -> Path:
    return generate("guarded:Room")


@pytest.fixture
def house(tmp_path: Path, policy: Path) -> Iterator[House]:
    made = House(tmp_path / "state", policy)
    yield made
    made.close()


@pytest.fixture
def strict(tmp_path: Path, policy: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """One whose sources have few tries, which do not come back."""
    door = _core.Door
    monkeypatch.setattr("pynto.state._core.Door", lambda key, psk=None: door(key, psk, TRIES))
    made = House(tmp_path / "state", policy)
    yield made
    made.close()


def multiplications(house: House) -> int:
    return house.server.stats()["multiplications"]


def garbage(house: House, pattern: str, source: str = "127.50.0.1") -> None:
    with RawChannel(house.url(), source=source) as channel, contextlib.suppress(OSError):
        channel.socket.sendall(opening(pattern) + framed(os.urandom(MESSAGES[pattern][0])))
        assert channel.rest() == b""


@pytest.mark.parametrize(("pattern", "most"), [("NK", 1), ("IK", 1)])
def test_a_first_message_that_does_not_open_costs_one_multiplication(
    house: House, pattern: str, most: int, until: Callable[..., Any]
) -> None:
    """N17"""
    garbage(house, pattern)
    until(lambda: house.server.stats()["failed"] == 1)
    assert multiplications(house) == most


@pytest.mark.parametrize(("pattern", "needs"), [("NK", 3), ("XX", 4), ("IK", 5)])
def test_a_whole_handshake_costs_what_its_pattern_needs(
    house: House, pattern: str, needs: int, until: Callable[..., Any]
) -> None:
    key = None if pattern == "NK" else os.urandom(32)
    login = bytes([LOGIN_KEY]) if key else bytes([LOGIN_CAPABILITY]) + os.urandom(32)
    with RawChannel(house.url(), source="127.50.0.2") as channel:
        channel.shake(pattern, static=key).login(login)
        assert channel.record()[0] == 4
    until(lambda: house.server.stats()["failed"] == 1)
    assert multiplications(house) == needs <= 5


def test_a_source_over_its_rate_costs_no_multiplication(strict: House, until: Callable[..., Any]) -> None:
    """N17"""
    for count in (1, 2):
        garbage(strict, "IK")
        until(lambda count=count: strict.server.stats()["failed"] == count)
    for _ in range(20):
        garbage(strict, "IK")
    garbage(strict, "IK", "127.50.0.9")  # of another source: when it is done with, so are those
    until(lambda: strict.server.stats()["failed"] == 3)
    assert multiplications(strict) == 3
    assert strict.server.stats()["connections"] == 0
    assert strict.connect().root.lines() == ()  # from yet another one


@pytest.mark.memory
def test_who_is_not_in_yet_takes_little_memory(house: House, until: Callable[..., Any]) -> None:
    """As much as may be there at once, each at its most expensive: shaken, with the whole of a login but for its last byte."""
    held = []

    def memory() -> int:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def one(number: int) -> RawChannel:
        channel = RawChannel(house.url() if not held else url, source=f"127.51.{number // 200}.{number % 200 + 1}")
        channel.shake("NK")
        channel.socket.sendall(channel.sealed(1, bytes(1024))[:-1])
        channel.noise = None
        return channel

    url = house.url()
    try:
        held += [one(number) for number in range(50)]  # what the first ones bring along is not theirs
        before = memory()
        held += [one(number) for number in range(50, 250)]
        assert house.server.stats()["connections"] == 250
        assert memory() - before < 200 * (16 << 10)
    finally:
        for each in held:
            each.close()


# ---- who is there and says nothing ----

IDLE, IDLE_MAX = 250, 4096  # connections; bytes of the server's memory for each


def settled(memory: Callable[[], int]) -> int:
    """What is left when what is kept to be quick has been given back: two looks more than half a second apart find nothing less."""
    before = memory()
    for _ in range(30):
        time.sleep(0.7)
        now = memory()
        if now >= before:
            break
        before = now
    return before


@pytest.mark.memory
def test_an_idle_connection_costs_little_encrypted_too(tmp_path: Path, generate: Callable[..., Path]) -> None:
    fortress = Fortress(tmp_path, generate("guarded:Room"), "--connections", "1000")
    peers = []

    def open_one(number: int) -> None:
        peer = RawChannel(fortress.url, source=f"127.7.{number // 200}.{number % 200 + 1}").shake().login()
        peers.append(peer)
        peer.send(DATA, pack([HELLO, "pynto", 1, None, {}]) + b"\n")
        assert peer.record()[0] == DATA  # and so it is known, and welcome

    try:
        for number in range(60):  # what is made once has been made
            open_one(number)
        before = settled(fortress.memory)
        for number in range(60, 60 + IDLE):
            open_one(number)
        each = (settled(fortress.memory) - before) / IDLE
        assert each <= IDLE_MAX, f"{each:.0f} bytes for an idle connection"
        fortress.is_sound()
    finally:
        for peer in peers:
            peer.close()
        assert fortress.stop() == 0
