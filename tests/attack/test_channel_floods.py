"""Does a listener on the open network still take honest clients while somebody keeps it busy?"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fortress import Fortress
from rawchannel import RawChannel, framed, opening

SLOW = 10  # how much slower than ours a machine may be


@pytest.fixture
def fortress(tmp_path: Path, generate: Callable[..., Path]) -> Iterator[Fortress]:
    made = Fortress(tmp_path, generate("guarded:Room"))
    made.lines()
    yield made
    made.is_sound()
    assert made.stop() == 0, made.log()[-3000:]


def where(fortress: Fortress) -> tuple[str, int]:
    host, _, port = fortress.where.rpartition(":")
    return host, int(port)


def half_open(fortress: Fortress, source: str, data: bytes = b"") -> socket.socket | None:
    try:
        stream = socket.create_connection(where(fortress), 5, (source, 0))
        stream.sendall(data)
    except OSError:
        return None
    return stream


class Flood:
    """Threads that do one thing over and over, until the block ends."""

    def __init__(self, act: Callable[[], None], threads: int = 2) -> None:
        self._over = threading.Event()
        self.done = 0
        self._act = act
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def _run(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(OSError, EOFError):
                self._act()
            self.done += 1

    def __enter__(self) -> Flood:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(10)


def longest_wait(fortress: Fortress, tries: int = 10) -> float:
    """Seconds of the slowest of some honest clients, from the dialling to the answer of a call."""
    slowest = 0.0
    for _ in range(tries):
        began = time.monotonic()
        with fortress.connect() as connection:
            assert isinstance(connection.root.lines(), tuple)
        slowest = max(slowest, time.monotonic() - began)
    return slowest


def test_garbage_from_one_source_does_not_stop_another(fortress: Fortress, until: Callable[..., object]) -> None:
    def act() -> None:
        with socket.create_connection(where(fortress), 5, ("127.66.0.1", 0)) as stream:
            stream.sendall(opening("NK") + framed(os.urandom(48)))
            stream.recv(1)

    with Flood(act) as flood:
        until(lambda: flood.done > 500, timeout=60)
        assert longest_wait(fortress) < 1.0 * SLOW


def test_first_messages_from_many_sources_do_not_stop_an_honest_client(
    fortress: Fortress, until: Callable[..., object]
) -> None:
    numbers = iter(range(1, 1 << 22))

    def act() -> None:
        number = next(numbers)
        source = f"127.{70 + (number >> 14) % 100}.{(number >> 7) % 128 + 1}.{number % 128 + 1}"
        with socket.create_connection(where(fortress), 5, (source, 0)) as stream:
            stream.sendall(opening("IK") + framed(os.urandom(96)))
            stream.recv(1)

    with Flood(act) as flood:
        until(lambda: flood.done > 300, timeout=60)
        assert longest_wait(fortress) < 1.0 * SLOW


@pytest.mark.memory
def test_ten_thousand_half_open_connections_take_no_place_and_no_memory(fortress: Fortress) -> None:
    memory, descriptors = fortress.memory(), fortress.descriptors()
    held: list[socket.socket] = []
    try:
        for number in range(10_000):
            source = f"127.{180 + number // 10_000}.{number // 200 % 250 + 1}.{number % 200 + 1}"
            stream = half_open(fortress, source, (b"", b"PYN", opening("NK"))[number % 3])
            if stream is not None:
                held.append(stream)
            if number % 2000 == 1999:
                assert longest_wait(fortress, 2) < 1.0 * SLOW
                assert fortress.descriptors() - descriptors < 600  # 256, and those that are just being let go
        assert len(held) > 9_000
        assert fortress.memory() - memory < 32 << 20
        assert longest_wait(fortress) < 1.0 * SLOW
    finally:
        for stream in held:
            stream.close()


def test_who_stalls_is_gone_in_ten_seconds(fortress: Fortress) -> None:
    began = time.monotonic()
    with RawChannel(fortress.url, source="127.99.0.1", timeout=60) as silent:
        with RawChannel(fortress.url, source="127.99.0.2", timeout=60) as shaken:
            shaken.shake()
            assert silent.rest() == b"" and shaken.rest() == b""
    assert time.monotonic() - began < 10 * SLOW


def test_who_drips_its_bytes_is_gone_as_soon(fortress: Fortress) -> None:
    began = time.monotonic()
    with RawChannel(fortress.url, source="127.99.0.3", timeout=60) as channel:
        with pytest.raises(OSError):
            for byte in opening("NK") + framed(bytes(40)) + bytes(1000):
                channel.socket.sendall(bytes([byte]))
                time.sleep(0.3)
                assert time.monotonic() - began < 10 * SLOW


def test_honest_clients_of_one_source_are_not_slowed_down(fortress: Fortress) -> None:
    """Far more than a burst of failures would be: each gets its try back when it has come in."""
    for _ in range(600):
        with fortress.connect() as connection:
            connection.ping()


def test_a_flood_does_not_disturb_who_is_in(fortress: Fortress, until: Callable[..., object]) -> None:
    def act() -> None:
        with socket.create_connection(where(fortress), 5, ("127.66.0.2", 0)) as stream:
            stream.sendall(os.urandom(64))
            stream.recv(1)

    with fortress.connect() as connection, Flood(act) as flood:
        until(lambda: flood.done > 200, timeout=60)
        for number in range(1, 200):
            assert connection.root.post(str(number)) == number
    log = fortress.log()
    assert len(log) < 200_000  # not a line for each


def test_a_server_with_few_places_keeps_some_for_who_is_honest(tmp_path: Path, generate: Callable[..., Path]) -> None:
    import guarded
    import pynto

    state = pynto.State(tmp_path / "few")
    secret = state.new_capability()
    policy = generate("guarded:Room")
    with pynto.Server(
        guarded.Room(), policy=policy, listen="pynto://127.0.0.1:0", state=state, connections=8
    ) as server:
        address = server.address.rpartition("@")[2]
        host, _, port = address.rpartition(":")
        held = [socket.create_connection((host, int(port)), 5, (f"127.98.0.{n + 1}", 0)) for n in range(40)]
        with pynto.connect(state.address(address, secret)) as connection:
            assert connection.root.lines() == ()
        for stream in held:
            stream.close()
