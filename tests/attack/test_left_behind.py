"""Who comes again and again, and leaves something each time: is it charged for what it has left, whoever of it that was, and until that is freed?"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hoard
import pynto
import pytest

MIB = 1 << 20
GRACE = MIB
MEMORY, PEER = 4 * MIB, 16 * MIB
KEPT = 2 * MIB  # by each connection
LIMITS = {"memory": MEMORY, "call_memory": MEMORY, "call_seconds": 60.0, "cpu_burst": 600.0, "refusals": 1e6}


@pytest.fixture(scope="module")
def policy_file(generate: Any) -> Path:
    path: Path = generate("hoard:Hoard")
    return path


@pytest.fixture
def site(policy_file: Path, serve_child: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """site(peer_memory=...): a Hoard that a process serves, over a Unix socket: all who come are the same user."""

    def start(*more: str, **quotas: float) -> Any:
        given = [part for name, value in {**LIMITS, **quotas}.items() for part in ("--quota", f"{name}={value}")]
        count = 1 + more.count("--listen")
        return serve_child(*given, *more, target="hoard:Hoard", policy=policy_file, count=count)

    yield start


def leave(address: str, name: str) -> None:
    with pynto.connect(address) as connection:
        connection.root.fill(name, KEPT // 1024, 1024)


def usage(connection: pynto.Connection) -> dict[str, int]:
    """What the server has in its books."""
    books: dict[str, int] = connection.root.account(lambda: 1)
    return books


def how_many_may(address: str, tries: int) -> int:
    for number in range(tries):
        try:
            leave(address, f"kept {number}")
        except pynto.QuotaExceeded as refused:
            assert str(refused) == f"peer_memory: {PEER}"
            return number
    return tries


def test_who_comes_again_has_left_what_it_has_left(site: Callable[..., Any]) -> None:
    """J03: each connection is within its quota, and all of them together are not."""
    here = site(peer_memory=PEER)
    may = how_many_may(here.address, 30)
    assert PEER // (KEPT + KEPT // 10) - 1 <= may <= PEER // KEPT
    with pynto.connect(here.address) as connection:
        books = usage(connection)
        assert PEER - KEPT - GRACE <= books["peer_memory"] <= PEER + GRACE
        assert books["peer_memory_limit"] == PEER
        assert books["memory"] < MIB
        for number in range(may + 1):
            connection.root.drop(f"kept {number}")  # whoever frees it
        assert usage(connection)["peer_memory"] <= 2 * MIB
    assert how_many_may(here.address, 30) >= may - 1


def test_many_small_things_come_to_the_same(site: Callable[..., Any]) -> None:
    """A page for each connection that leaves a byte: the limit holds for pages."""
    here = site(memory=MIB, call_memory=MIB, peer_memory=MIB)
    kept = 0
    with pytest.raises(pynto.QuotaExceeded, match=f"^peer_memory: {MIB}$"):
        for kept in range(3000):
            with pynto.connect(here.address) as connection:
                with contextlib.suppress(pynto.QuotaExceeded):  # told, when the last page was an overdraft
                    connection.root.keep("kept", f"{kept}")
                connection.root.echo(1)
    assert 20 < kept < (2 * MIB + GRACE) // 4096


def test_the_limit_is_of_each_user_and_of_no_other(site: Callable[..., Any]) -> None:
    """Of TCP from this machine nothing is known: each connection is somebody else."""
    here = site("--listen", "tcp://127.0.0.1:0", peer_memory=PEER)
    tcp = next(address for address in here.addresses if address.startswith("tcp"))
    assert how_many_may(here.address, 30) < 30
    for number in range(12):
        leave(tcp, f"of nobody {number}")
    with pynto.connect(tcp) as connection:
        assert usage(connection)["peer_memory"] < MIB


def test_what_all_have_left_is_the_limit_of_whose_class_says_so(
    policy_file: Path, serve: Callable[..., Any], tmp_path: Path
) -> None:
    staff = pynto.QuotaClass({"server_memory": 0, "peer_memory": 0}, users=(os.getuid(),))
    served = serve(
        hoard.Hoard(),
        policy=policy_file,
        listen=["tcp://127.0.0.1:0", f"unix://{tmp_path}/staff.sock"],
        quotas={**LIMITS, "server_memory": PEER},
        classes={"staff": staff},
    )
    tcp = next(address for address in served.server.addresses if address.startswith("tcp"))
    unix = next(address for address in served.server.addresses if address.startswith("unix"))
    for again in range(2):
        with pytest.raises(pynto.QuotaExceeded, match=f"^server_memory: {PEER}$"):
            for number in range(30):
                leave(tcp, f"kept {number + 30 * again}")
    with pynto.connect(unix) as connection:  # who has it in hand
        connection.root.fill("of the staff", KEPT // 1024, 1024)
        for number in range(60):
            connection.root.drop(f"kept {number}")
    leave(tcp, "again")
    metrics = dict(line.rsplit(" ", 1) for line in served.server.metrics().splitlines() if not line.startswith("#"))
    assert KEPT <= int(metrics["pynto_left_memory_bytes"]) <= 3 * KEPT


def test_without_the_limit_nothing_is_refused(site: Callable[..., Any]) -> None:
    here = site(peer_memory=0)
    for number in range(12):
        leave(here.address, f"kept {number}")
    with pynto.connect(here.address) as connection:
        assert usage(connection)["peer_memory"] >= 12 * KEPT
        assert usage(connection)["peer_memory_limit"] == 0
