"""Can one address take more than its part of a server, and what does it pay for trying?"""

from __future__ import annotations

import contextlib
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pynto
import pytest
import victim as served
from attacker import HELLO_BYTES, HERE, POLICY, Attacker, until
from rawpeer import RETURN

SOURCES = "127.77.{}.{}"  # all of 127/8 is this machine's: what is not 127.0.0.1 counts as an address like any other


@pytest.fixture
def serve() -> Iterator[Callable[..., pynto.Server]]:
    with ExitStack() as stack:

        def start(listen: str = "tcp://127.0.0.1:0", **options: Any) -> pynto.Server:
            if str(HERE) not in sys.path:
                sys.path.insert(0, str(HERE))
            return stack.enter_context(pynto.Server(served.Root(), policy=POLICY, listen=listen, **options))

        yield start


def where(server: pynto.Server) -> tuple[str, int]:
    host, _, port = server.address.partition("://")[2].partition("/")[0].rpartition(":")
    return host, int(port)


def dial(server: pynto.Server, source: str) -> socket.socket:
    return socket.create_connection(where(server), 10, (source, 0))


def came_in(server: pynto.Server, source: str) -> Attacker | None:
    """A client of that address whose call is answered; None: it was sent away."""
    peer = Attacker(dial(server, source))
    try:
        peer.hello()
        assert peer.call(0, "echo", [1]) == [RETURN, 1]
    except (AssertionError, OSError):
        peer.close()
        return None
    return peer


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_as_many_connections_of_one_source_as_it_may_have_and_not_one_more(
    serve: Callable[..., pynto.Server], over: int
) -> None:
    """K15: N-1, N, N+1, and again when one has gone."""
    server = serve(per_source=5)
    source = SOURCES.format(1, 1)
    peers = [came_in(server, source) for _ in range(5 + over)]
    assert [peer is not None for peer in peers] == [True] * min(5, 5 + over) + [False] * max(0, over)
    assert server.stats()["crowded"] == max(0, over)
    other = came_in(server, SOURCES.format(1, 2))
    assert other is not None
    if over > 0:
        peers[0].close()  # type: ignore[union-attr]
        until(lambda: server.stats()["connections"] == 5, "it has gone", 5)
        again = came_in(server, source)
        assert again is not None
        peers.append(again)
    for peer in [*peers, other]:
        if peer is not None:
            peer.close()
    until(lambda: server.stats()["connections"] == 0, "nobody is counted any more", 5)
    assert came_in(server, source) is not None


def test_a_quarter_is_what_one_source_may_have_unless_it_is_this_machine(serve: Callable[..., pynto.Server]) -> None:
    server = serve(connections=20)
    source = SOURCES.format(2, 1)
    with ExitStack() as stack:
        peers = [came_in(server, source) for _ in range(8)]
        for peer in peers:
            if peer is not None:
                stack.callback(peer.close)
        assert sum(peer is not None for peer in peers) == 6
        for _ in range(12):  # a proxy may stand behind it
            near = came_in(server, "127.0.0.1")
            assert near is not None
            stack.callback(near.close)


def test_who_floods_with_connections_is_turned_away_and_nobody_else(serve: Callable[..., pynto.Server]) -> None:
    """K09 K15: rubbish, over and over, from one address; it is not even read any more, and another comes in."""
    server = serve()
    source = SOURCES.format(3, 1)
    honest = SOURCES.format(3, 2)
    for _ in range(1500):
        with contextlib.suppress(OSError), dial(server, source) as stream:
            stream.sendall(b"\xc1" * 20)
            stream.recv(64)
        if server.stats()["turned_away"] > 20:
            break
    assert server.stats()["turned_away"] > 20
    for _ in range(5):
        peer = came_in(server, honest)
        assert peer is not None
        peer.close()


def test_eviction_forgives_nobody(serve: Callable[..., pynto.Server]) -> None:
    """A penalised source is not forgotten because a thousand others come by."""
    server = serve()
    source = SOURCES.format(4, 1)

    def is_turned_away() -> bool:
        before = server.stats()["turned_away"]
        with contextlib.suppress(OSError), dial(server, source) as stream:
            stream.sendall(b"\xc1" * 20)
            stream.recv(64)
        return bool(server.stats()["turned_away"] > before)

    for _ in range(2000):
        if is_turned_away() and is_turned_away() and is_turned_away():
            break
    for number in range(400):
        with contextlib.suppress(OSError), dial(server, SOURCES.format(10 + number // 200, 1 + number % 200)):
            pass
    assert any(is_turned_away() for _ in range(200)), "it was forgiven"


def test_honest_clients_of_one_source_pay_nothing(serve: Callable[..., pynto.Server]) -> None:
    """More than a burst of tries: each gets its own back when it is in."""
    server = serve()
    for _ in range(500):
        peer = came_in(server, SOURCES.format(5, 1))
        assert peer is not None
        peer.close()
    assert server.stats()["turned_away"] == 0


def test_who_says_nothing_makes_room_for_who_says_hello(serve: Callable[..., pynto.Server]) -> None:
    """K15: silent connections, from as many addresses as there are, never hold more than a quarter of the places."""
    server = serve(connections=40, quotas={"hello": 600, "handshake": 600})
    with ExitStack() as stack:
        for number in range(120):
            stack.enter_context(dial(server, SOURCES.format(6, 1 + number)))
        until(lambda: server.stats()["accepted"] >= 100, "they have come", 10)
        # Whoever is shown the door gives its place back a moment later.
        until(lambda: server.stats()["connections"] <= 11, "the others have gone", 10)
        for _ in range(10):
            peer = came_in(server, SOURCES.format(7, 1))
            assert peer is not None
            stack.callback(peer.close)
        until(lambda: server.stats()["connections"] <= 21, "the others have gone", 10)


def test_a_message_that_breaks_the_protocol_costs_its_source_more_than_a_try(
    serve: Callable[..., pynto.Server],
) -> None:
    server = serve()
    source = SOURCES.format(8, 1)
    count = 0
    while count < 600:
        peer = came_in(server, source)
        if peer is None:
            break
        peer.pour(b"\xc1")
        peer.expect_close()
        peer.close()
        count += 1
    assert count < 500, "it came in again and again"
    assert came_in(server, SOURCES.format(8, 2)) is not None


def test_a_flood_of_connections_does_not_fill_the_log(serve: Callable[..., pynto.Server], caplog: Any) -> None:
    """K09: each line that a connection makes when it goes, or is refused, is one of so many; the others are counted."""
    server = serve(connections=5)
    caplog.set_level("INFO", "pynto.server")
    with ExitStack() as stack:
        for _ in range(5):
            peer = came_in(server, "127.0.0.1")
            assert peer is not None
            stack.callback(peer.close)
        for _ in range(300):
            with contextlib.suppress(OSError), dial(server, "127.0.0.1") as stream:
                stream.sendall(HELLO_BYTES)
                assert stream.recv(1) == b""
        until(lambda: server.stats()["full"] >= 300, "they were refused", 5)
    refused = [record for record in caplog.records if "too many connections" in record.getMessage()]
    assert len(refused) < 60
    began = time.monotonic()
    for _ in range(400):
        peer = came_in(server, "127.0.0.1")
        if peer is not None:
            peer.close()
        until(lambda: server.stats()["connections"] < 5, "there is room", 5)
    lines = [record for record in caplog.records if "closed by the peer" in record.getMessage()]
    assert len(lines) <= 120 + 10 * (time.monotonic() - began)
    assert server.stats()["unlogged"] > 0
