"""Does a large argument or result leave room for small calls of the same connection, and does everything else keep its order?"""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cargo
import pynto
import pytest
from house import House
from rawpeer import DESCRIBE, HELLO, LANE, NEWLINE, PART, RETURN, Mine, RawPeer, pack

MIB = 1 << 20
SIZE = 48 * MIB
TRIES = 40  # large values that are sent until small calls were seen beside one
WANTED = 4  # small calls that begin and end while one is on its way: one or two may be seen there without parts
QUOTAS = {"message": 2 * SIZE, "stall": 60}


@pytest.fixture(scope="module")
def file(generate: Callable[..., Path]) -> Path:
    return generate("cargo:Hold")


@pytest.fixture(scope="module")
def policy(file: Path) -> pynto.Policy:
    return pynto.Policy.load(file)


@pytest.fixture(params=["unix", "tcp", "ws", "pair", "pynto"])
def root(
    request: pytest.FixtureRequest, serve: Callable[..., Any], policy: pynto.Policy, file: Path, tmp_path: Path
) -> Iterator[Any]:
    """A cargo.Hold behind each transport."""
    if request.param == "pair":
        with pynto.pair(cargo.Hold(), policy=policy, quotas=QUOTAS) as connection:
            yield connection.root
    elif request.param == "pynto":
        house = House(tmp_path / "state", file, cargo.Hold(), quotas=QUOTAS)
        yield house.connect(quotas=QUOTAS).root
        house.close()
    else:
        listen = {"unix": None, "tcp": "tcp://127.0.0.1:0", "ws": "ws://127.0.0.1:0"}[request.param]
        yield serve(cargo.Hold(), policy=policy, quotas=QUOTAS, listen=listen).connect(quotas=QUOTAS).root


def beside(large: Callable[[], Any], small: Callable[[], Any]) -> int:
    """How many small calls begin and end while a large one is on its way, at best."""
    best = 0
    for _ in range(TRIES):
        times: list[float] = []

        def carry(times: list[float] = times) -> None:
            times.append(time.perf_counter())
            large()
            times.append(time.perf_counter())

        thread = threading.Thread(target=carry)
        calls: list[tuple[float, float]] = []
        thread.start()
        while len(times) < 2:
            began = time.perf_counter()
            small()
            calls.append((began, time.perf_counter()))
        thread.join()
        best = max(best, sum(times[0] < began and ended < times[1] for began, ended in calls))
        if best >= WANTED:
            break
    return best


def test_small_calls_go_beside_a_large_argument(root: Any) -> None:
    data = bytes(SIZE)
    assert root.length(b"x") == 1
    assert beside(lambda: root.length(data), lambda: root.length(b"x")) >= WANTED
    assert root.length(data) == SIZE


def test_small_calls_go_beside_a_large_result(root: Any) -> None:
    assert beside(lambda: root.made(SIZE), lambda: root.length(b"x")) >= WANTED
    assert root.made(SIZE) == bytes(SIZE)


@pytest.mark.parametrize("way", ["there", "back"])
def test_an_event_loop_calls_beside_a_large_value(way: str, serve_child: Callable[..., Any], file: Path) -> None:
    """The server is another process: in this one the loop and the server would take turns by the interpreter's lock."""
    child = serve_child("--quota", f"message={2 * SIZE}", "--quota", "stall=60", target="cargo:Hold", policy=file)
    data = bytes(SIZE)

    async def main() -> int:
        best = 0
        async with await pynto.aio.connect(child.address, quotas=QUOTAS) as connection:
            root = connection.root
            for _ in range(TRIES):
                large = asyncio.ensure_future(root.length(data) if way == "there" else root.made(SIZE))
                calls = 0
                await asyncio.sleep(0)
                while not large.done():
                    await root.length(b"x")
                    calls += not large.done()
                assert await large == (SIZE if way == "there" else data)
                best = max(best, calls)
                if best >= WANTED:
                    break
        return best

    assert asyncio.run(main()) >= WANTED


# ---- order ----


class Server(RawPeer):
    """A server of one root with one operation, to see what a client writes."""

    def welcome(self, limits: dict[str, int]) -> list[Any]:
        hello = self.recv_message()
        self.send([HELLO, "pynto", 1, None, limits])
        methods = {"length": "(data: bytes) -> int"}
        self.send([DESCRIBE, 1, {"interfaces": {"cargo:Hold": {"methods": methods}}}])
        self.send([RETURN, Mine(0, 1)])
        assert isinstance(hello, list)
        return hello

    def answer_two(self, large: bytes) -> list[str]:
        """Answers a large call and a small one as they become whole: in which order that was."""
        order: list[str] = []
        carried = b""
        while len(order) < 2:
            message = self.recv_message()
            assert message is not None
            if message[0] == PART:
                assert 0 < len(message[1]) <= MIB
                carried += message[1]
                if carried.endswith(large):
                    assert carried[: -len(large)] in (b"", pack([LANE, carried[2]]) + NEWLINE)
                    self.send([RETURN, -1], lane=carried[2] if len(carried) > len(large) else 0)
                    order.append("large")
            elif len(message) == 4:
                is_large = pack(message) + NEWLINE == large
                self.send([RETURN, -1 if is_large else 1], lane=self.in_lane)
                order.append("large" if is_large else "small")
            else:
                assert message[0] == LANE, message
        return order


@pytest.mark.parametrize("part", [MIB, 64 * 1024 - 1, None])
def test_a_client_sends_parts_to_who_takes_them_and_to_nobody_else(
    part: int | None, in_thread: Callable[..., Any]
) -> None:
    """The large call begins first; the small one goes behind a part of it, or behind all of it."""
    ours, theirs = socket.socketpair()
    data = b"x" * (8 * MIB)

    async def main(peer: Server) -> list[str]:
        welcome = in_thread(lambda: peer.welcome({"part": part} if part else {}))
        async with await pynto.aio.connect(ours) as connection:
            assert welcome.result()[4]["part"] == MIB
            first = asyncio.ensure_future(connection.root.length(data))
            await asyncio.sleep(0)
            second = asyncio.ensure_future(connection.root.length(b"y"))
            await asyncio.sleep(0)  # both stand in the output, for nobody reads
            answering = in_thread(lambda: peer.answer_two(pack([0, "length", [data], {}]) + NEWLINE))
            assert await asyncio.gather(first, second) == [-1, 1]
            order: list[str] = answering.result()
            return order

    with Server(theirs, timeout=30) as peer:
        order = asyncio.run(main(peer))
    assert order == (["small", "large"] if part == MIB else ["large", "small"])


def test_one_way_calls_are_not_overtaken_by_calls_behind_them(serve: Callable[..., Any], policy: pynto.Policy) -> None:
    root = serve(cargo.Hold(), policy=policy, quotas=QUOTAS).connect(quotas=QUOTAS).root
    for length in (MIB, 8 * MIB, 300 * 1024):
        pynto.oneway(root.made)(length)
        pynto.oneway(root.keep)(bytes(length))
        assert len(root.kept) == length


def test_what_is_lent_in_parts_is_let_go_of(serve: Callable[..., Any], policy: pynto.Policy) -> None:
    root = serve(cargo.Hold(), policy=policy, quotas=QUOTAS).connect(quotas=QUOTAS).root
    data = bytes(8 * MIB)
    before = sys.getrefcount(data)
    for _ in range(3):
        assert root.length(data) == len(data)
    assert sys.getrefcount(data) == before
