"""Are results that are used before they are awaited fetched in one round trip, once, and as if each had been awaited?"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import pynto
import pynto.aio
import pytest
from looped import eventually, looped
from rawpeer import BATCH, Mine, Promise, RawPeer


@contextlib.asynccontextmanager
async def connected(site: Any) -> AsyncIterator[Any]:
    async with await pynto.aio.connect(site.address) as connection:
        yield connection.root


@looped
async def test_a_chain_gives_what_its_steps_would_have_given(site: Any) -> None:
    async with connected(site) as root:
        assert await root.fresh("ada").describe(loud=True) == "ADA 0"
        assert await root.fresh("ada").name == "ada"
        assert await root.myself().myself().add(1, b=2) == 3
        assert await root.numbers()[0] == 1
        assert await root.adder(5)(2) == 7
        assert await root.item().title == (await (await root.item()).title)


@contextlib.asynccontextmanager
async def watched() -> AsyncIterator[tuple[RawPeer, Any]]:
    """A server of bytes, which sees what is sent, and the root of a client of it."""
    ours, theirs = socket.socketpair()
    with RawPeer(theirs) as peer:
        connecting = asyncio.create_task(pynto.aio.connect(f"fd://{ours.detach()}"))
        await asyncio.to_thread(peer.recv_message)
        peer.send([-8, "pynto", 1, None, {}])
        peer.send([-5, 1, {"interfaces": {"m:Root": {"methods": {"thing": "(n: int) -> m:Thing"}}}}])
        peer.send([-1, Mine(0, 1)])
        async with await connecting as connection:
            yield peer, connection.root


THING = {"interfaces": {"m:Thing": {"methods": {"f": "(n: int) -> int"}}}}


@looped
async def test_a_chain_is_one_message() -> None:
    async with watched() as (peer, root):
        peer.send([-5, 2, THING])
        peer.send([-9, 1])
        assert await asyncio.to_thread(peer.reply) == [-10, 1]
        task = asyncio.create_task(_await(root.thing(1).f(root.thing(2).f(3))))
        message = await asyncio.to_thread(peer.reply)
        assert message == [
            BATCH,
            [
                [0, "thing", [1], {}],
                [0, "thing", [2], {}],
                [Promise(1), "f", [3], {}],
                [Promise(0), "f", [Promise(2)], {}],
            ],
            {},
        ]
        for answer in (Mine(1, 2), Mine(2, 2), 30, 300):
            peer.send([-1, answer], lane=peer.in_lane)
        assert await task == 300


@looped
async def test_what_was_never_described_costs_one_round_trip_more_once() -> None:
    async with watched() as (peer, root):
        task = asyncio.create_task(_await(root.thing(1).f(2)))
        look = await asyncio.to_thread(peer.reply)
        assert look[0] not in (BATCH, 0)
        ping = await asyncio.to_thread(peer.reply)
        assert ping[0] == -9
        peer.send([-5, 2, THING])
        peer.send([-10, ping[1]])
        assert (await asyncio.to_thread(peer.reply))[0] == BATCH
        peer.send([-1, Mine(1, 2)], lane=peer.in_lane)
        peer.send([-1, 5])
        assert await task == 5
        task = asyncio.create_task(_await(root.thing(1).f(2)))
        assert (await asyncio.to_thread(peer.reply))[0] == BATCH
        peer.send([-2, ["KeyError", "gone", None, None]], lane=peer.in_lane)
        peer.send([-2, ["KeyError", "gone", None, None]])
        with pytest.raises(KeyError):
            await task


@looped
async def test_a_server_that_does_not_say_what_it_gives_is_refused_its_chain() -> None:
    async with watched() as (peer, root):
        task = asyncio.create_task(_await(root.thing(1).f(2)))
        await asyncio.to_thread(peer.reply)
        for _ in range(4):
            message = await asyncio.to_thread(peer.reply) if not task.done() else None
            if message is not None and message[0] == -9:
                peer.send([-10, message[1]])
            await asyncio.sleep(0.01)
            if task.done():
                break
        with pytest.raises(pynto.Refused):
            await task


@looped
async def test_results_are_arguments_before_they_are_there(site: Any) -> None:
    async with connected(site) as root:
        assert await root.add(root.add(1, 2), b=root.add(3, 4)) == 10
        assert await root.is_item(root.item()) is True
        item = await root.item()
        assert await root.same_item(root.item()) is item


@looped
async def test_a_result_that_several_use_is_asked_for_once(site: Any) -> None:
    async with connected(site) as root:
        before = site.calls
        item = root.fresh("shared")
        assert await item.describe() == "shared 0"
        assert await item.name == "shared"
        netref = await item
        assert await netref.name == "shared"
        assert site.calls == before + 4
        other = root.fresh("other")
        names = await asyncio.gather(*(other.describe() for _ in range(10)), other)
        assert names[:10] == ["other 0"] * 10
        assert await names[10].name == "other"
        assert site.calls == before + 4 + 12


@looped
async def test_a_chain_that_breaks_raises_what_broke_it(site: Any) -> None:
    async with connected(site) as root:
        with pytest.raises(TypeError):
            await root.fresh(5).name
        with pytest.raises(AttributeError):
            await root.item().missing()
        with pytest.raises(AttributeError):
            await root.item().name.upper()
        failing = root.countdown(1, lambda _value: 1 // 0)
        with pytest.raises(pynto.RemoteError):
            await root.add(failing)
        with pytest.raises(pynto.RemoteError):
            await failing
        assert await root.add(1) == 2


@looped
async def test_cancelling_a_chain_cancels_it_at_the_server(site: Any) -> None:
    async with connected(site) as root:
        task = asyncio.create_task(_await(root.add(root.hold(1))))
        await eventually(lambda: site.target._holding)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await eventually(lambda: not site.target._holding)
        assert await root.add(1) == 2


async def _await(awaitable: Any) -> Any:
    return await awaitable


@looped
async def test_a_chain_ends_with_its_connection(site: Any) -> None:
    async with connected(site) as root:
        task = asyncio.create_task(_await(root.add(root.hold(1))))
        await eventually(lambda: site.target._holding)
        await pynto.connection(root).close()
        with pytest.raises(pynto.Disconnected):
            await task


@looped
async def test_a_chain_has_the_deadline_of_its_task(site: Any) -> None:
    async with connected(site) as root:
        with pytest.raises(pynto.DeadlineExceeded), pynto.deadline(0.05):
            await root.add(root.hold(1))
        await eventually(lambda: not site.target._holding)
        assert await root.add(root.add(1)) == 3


@looped
async def test_a_promise_is_no_value(site: Any) -> None:
    async with connected(site) as root:
        number = root.add(1).real
        with pytest.raises(TypeError):
            bool(number)
        with pytest.raises(TypeError):
            list(number)
        awaited = root.add(1)
        await awaited
        with pytest.raises(RuntimeError, match="awaited already"):
            root.add(awaited)


@looped
async def test_a_long_chain_needs_no_stack(site: Any) -> None:
    async with connected(site) as root:
        number = root.add(0, 0)
        for _ in range(600):
            number = root.add(number, 1)
        assert await number == 600
