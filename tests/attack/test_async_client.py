"""T01 T07 T10: does a server without scruples get further with a client that an event loop drives?"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pynto
import pynto.aio
import pytest
from rawpeer import CANCEL, DESCRIBE, ERROR, GOODBYE, HELLO, LANE, PING, PONG, RETURN, Mine, RawPeer, Yours, pack

sys.path.append(str(Path(__file__).parents[1] / "python"))
from looped import eventually, looped

ROOT = {
    "get": "() -> int",
    "thing": "() -> m:Thing",
    "call": "(f: fn(int)->int) -> int",
    "wait": "async () -> int",
    "put": "(value: bytes) -> none",
}
FRAGMENT = {"interfaces": {"m:Root": {"get": {"title": "str"}, "methods": ROOT}}}
THING = {"interfaces": {"m:Thing": {"methods": {"f": "() -> int"}}}}


class Evil(RawPeer):
    """A server made of bytes, whose waiting does not hold the loop up."""

    async def next(self) -> Any:
        return await asyncio.to_thread(self.reply)

    async def closed(self) -> Any:
        return await asyncio.to_thread(self.expect_close)


@contextlib.asynccontextmanager
async def evil(**options: Any) -> AsyncIterator[tuple[Evil, pynto.aio.Connection]]:
    """Both ends, behind the greetings."""
    ours, theirs = socket.socketpair()
    with Evil(theirs, timeout=10.0) as peer:
        connecting = asyncio.create_task(pynto.aio.connect(f"fd://{ours.detach()}", **options))
        await asyncio.to_thread(peer.recv_message)
        peer.send([HELLO, "pynto", 1, None, {}])
        peer.send([DESCRIBE, 1, FRAGMENT])
        peer.send([RETURN, Mine(0, 1)])
        async with await connecting as connection:
            yield peer, connection


GARBAGE = {
    "0xC1": b"\xc1",
    "a map": b"\x80\n",
    "no newline": pack([RETURN, 1]) + b"x",
    "an answer in a lane of nobody's": pack([LANE, 4000]) + b"\n" + pack([RETURN, 1]) + b"\n",
    "a call in an idle lane of the client's": pack([LANE, 4000]) + b"\n" + pack([1, "f", [], {}]) + b"\n",
    "a second hello": pack([HELLO, "pynto", 1, None, {}]) + b"\n",
    "a description that is none": pack([DESCRIBE, 2, {"interfaces": {"x": 1}}]) + b"\n",
    "four gigabytes": b"\xdd\xff\xff\xff\xff",
    "a free of nothing": pack([-3, 7, 1]) + b"\n",
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE.keys())
@looped
async def test_a_broken_protocol_fails_all_that_wait_and_ends_the_connection(garbage: bytes) -> None:
    async with evil() as (peer, connection):
        tasks = [asyncio.create_task(connection.root.wait()) for _ in range(20)]
        for _ in tasks:
            await peer.next()
        peer.send_raw(garbage)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, ConnectionError) for result in results), results
        assert connection.closed
        goodbye = await peer.closed()
        assert goodbye is not None
        assert goodbye[0] == GOODBYE


@looped
async def test_an_answer_twice_ends_the_connection_and_the_first_one_counts() -> None:
    async with evil() as (peer, connection):
        task = asyncio.create_task(connection.root.get())
        await peer.next()
        peer.send([RETURN, 1], lane=peer.in_lane)
        peer.send([RETURN, 2])
        assert await task == 1
        await eventually(lambda: connection.closed)


@looped
async def test_answers_that_do_not_fit_fail_their_own_call_only() -> None:
    async with evil() as (peer, connection):
        lies = ["one", None, 1.5, [1], Mine(5, 1), Yours(9), True]
        tasks = [asyncio.create_task(connection.root.get()) for _ in lies]
        for lie in lies:
            await peer.next()
            peer.send([RETURN, lie], lane=peer.in_lane)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, pynto.Refused) for result in results), results
        task = asyncio.create_task(connection.root.get())
        await peer.next()
        peer.send([RETURN, 7], lane=peer.in_lane)
        assert await task == 7


@looped
async def test_errors_are_not_the_clients_own_control_flow() -> None:
    """No name that a server sends is a cancellation, an end of an iteration, or the end of the program."""
    async with evil() as (peer, connection):
        for name in ("CancelledError", "asyncio:CancelledError", "StopIteration", "StopAsyncIteration", "GeneratorExit",
                     "KeyboardInterrupt", "SystemExit", "Cancelled"):  # fmt: skip
            task = asyncio.create_task(connection.root.get())
            await peer.next()
            peer.send([ERROR, [name, "", None, None]], lane=peer.in_lane)
            with pytest.raises(pynto.RemoteError) as caught:
                await task
            assert caught.value.type == name


@looped
async def test_a_cancelled_call_that_is_answered_leaves_nothing_behind() -> None:
    async with evil() as (peer, connection):
        peer.send([DESCRIBE, 2, THING])
        for number in range(1, 51):
            task = asyncio.create_task(connection.root.thing())
            await peer.next()
            lane = peer.in_lane
            task.cancel()
            assert await peer.next() == [CANCEL]
            peer.send([RETURN, Mine(number, 2)], lane=lane)
            with pytest.raises(asyncio.CancelledError):
                await task
        while sum(peer.freed.values()) < 50:
            peer.send([PING, 5])
            assert await peer.next() == [PONG, 5]
        assert sum(peer.freed.values()) == 50
        assert connection.usage()["lent"] == 0


@looped
async def test_a_cancelled_call_that_is_never_answered_keeps_no_objects() -> None:
    async with evil() as (peer, connection):
        counts = []
        for _round in range(2):  # the first makes what is made once
            for _ in range(500):
                task = asyncio.create_task(connection.root.put(bytes(2000)))
                await asyncio.sleep(0)
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            del task
            gc.collect()
            counts.append(len(gc.get_objects()))
        assert counts[1] < counts[0] + 100
        peer.send([PING, 5])
        while (message := await asyncio.to_thread(peer.recv_message)) != [PONG, 5]:
            assert message is not None


@looped
async def test_the_server_calls_only_what_it_was_lent() -> None:
    async with evil() as (peer, connection):
        called: list[int] = []

        async def lent(value: int) -> int:
            called.append(value)
            await asyncio.sleep(0)
            return value

        task = asyncio.create_task(connection.root.call(lent))
        message = await peer.next()
        (reference,) = message[2]
        lane = peer.in_lane
        for call, refusal in [
            ([reference.id, "__call__", ["one"], {}], "TypeError"),
            ([reference.id, "__call__", [1, 2], {}], "TypeError"),
            ([reference.id, "__code__", [], {}], "Refused"),
            ([reference.id, "__getattr__", ["__globals__"], {}], "Refused"),
            ([reference.id, "cr_frame", [], {}], "Refused"),
            ([reference.id + 1, "__call__", [1], {}], "Refused"),
            ([0, "get", [], {}], "Refused"),
        ]:
            peer.send(call, lane=1)
            answer = await peer.next()
            assert answer[0] == ERROR
            assert answer[1][0] == refusal
        assert called == []
        peer.send([reference.id, "__call__", [5], {}], lane=1)
        assert await peer.next() == [RETURN, 5]
        peer.send([RETURN, 1], lane=lane)
        assert await task == 1


@looped
async def test_a_flood_of_calls_runs_no_more_at_once_than_the_quota() -> None:
    async with evil(quotas={"calls": 10}) as (peer, connection):
        running, most = 0, 0
        gate = asyncio.Event()

        async def lent(value: int) -> int:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await gate.wait()
            running -= 1
            return value

        task = asyncio.create_task(connection.root.call(lent))
        message = await peer.next()
        own, reference = peer.in_lane, message[2][0].id
        calls = [pack([LANE, 2 * n + 1]) + b"\n" + pack([reference, "__call__", [n], {}]) + b"\n" for n in range(100)]
        peer.send_raw(b"".join(calls))
        peer.out_lane = 199
        await eventually(lambda: running == 10)
        gate.set()
        answers = [(await peer.next())[0] for _ in range(100)]
        assert most == 10
        assert answers.count(RETURN) >= 10
        assert set(answers) <= {RETURN, ERROR}
        peer.send([RETURN, 1], lane=own)
        assert await task == 1


@looped
async def test_a_server_that_cancels_what_it_calls_ends_that_and_nothing_else() -> None:
    async with evil() as (peer, connection):
        ended: list[int] = []

        async def lent(value: int) -> int:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(value)
            return value

        task = asyncio.create_task(connection.root.call(lent))
        message = await peer.next()
        own, reference = peer.in_lane, message[2][0].id
        for number in range(5):
            peer.send([reference, "__call__", [number], {}], lane=2 * number + 1)
        await eventually(lambda: len(connection._tasks) == 5)
        peer.send([CANCEL], lane=3)
        assert await peer.next() == [ERROR, ["Cancelled", "cancelled", None, None]]
        assert ended == [1]
        peer.send([CANCEL], lane=own)  # a call of the client's own: nothing
        peer.send([RETURN, 1], lane=own)
        assert await task == 1
        assert len(connection._tasks) == 4


@looped
async def test_what_comes_in_the_middle_of_closing_reaches_nobody() -> None:
    async with evil() as (peer, connection):
        called: list[int] = []
        task = asyncio.create_task(connection.root.call(lambda value: called.append(value) or 0))
        message = await peer.next()
        closing = asyncio.create_task(connection.close())
        await asyncio.sleep(0)
        with contextlib.suppress(OSError):
            peer.send([message[2][0].id, "__call__", [1], {}])
        await closing
        with pytest.raises(pynto.Disconnected):
            await task
        assert called == []


@looped
async def test_bytes_one_by_one_are_as_good_as_all_at_once() -> None:
    async with evil() as (peer, connection):
        tasks = [asyncio.create_task(connection.root.get()) for _ in range(3)]
        answers = b""
        for number in range(3):
            await peer.next()
            answers += pack([LANE, peer.in_lane]) + b"\n" + pack([RETURN, number]) + b"\n"
        for at in range(len(answers)):
            peer.send_raw(answers[at : at + 1])
            await asyncio.sleep(0)
        assert await asyncio.gather(*tasks) == [0, 1, 2]


@looped
async def test_a_callback_that_closes_the_connection_ends_it_and_nothing_breaks() -> None:
    async with evil() as (peer, connection):

        def plain(_value: int) -> int:
            connection._close()
            return 1

        task = asyncio.create_task(connection.root.call(plain))
        message = await peer.next()
        peer.send([message[2][0].id, "__call__", [1], {}], lane=1)
        peer.send([message[2][0].id, "__call__", [2], {}], lane=3)
        with pytest.raises(pynto.Disconnected):
            await task
        await connection.close()
