"""Is a connection that an event loop drives natural to use, quick to cancel, and never in anybody's way?"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import threading
import weakref
from collections.abc import AsyncIterator, Callable
from typing import Any

import pynto
import pynto.aio
import pytest
import served
from looped import eventually, looped
from rawpeer import CANCEL, RawPeer


@contextlib.asynccontextmanager
async def connected(site: Any, **options: Any) -> AsyncIterator[Any]:
    async with await pynto.aio.connect(site.address, **options) as connection:
        yield connection.root


# ---- calls ----


@looped
async def test_methods_are_awaited(site: Any) -> None:
    async with connected(site) as root:
        assert await root.add(1, b=2) == 3
        assert await root.greet("ada", loud=True) == "HELLO ADA () []"
        assert await root.slow(0.0, 5) == 5
        with pytest.raises(TypeError, match="argument 1 must be int"):
            await root.add("one")
        with pytest.raises(ValueError):
            await root.fail("ValueError")
        with pytest.raises(pynto.RemoteError) as hidden:
            await root.fail_later("Hidden")
        assert hidden.value.incident


@looped
async def test_attributes_are_awaited_and_set_by_a_function(site: Any) -> None:
    async with connected(site) as root:
        item = await root.item()
        before = await item.name
        assert await item.title == before.title()
        await pynto.aio.setattr(item, "name", "changed")
        assert await item.name == "changed"
        with pytest.raises(TypeError, match=r"await pynto\.aio\.setattr"):
            item.name = "lost"
        with pytest.raises(AttributeError):
            await pynto.aio.setattr(item, "number", 3)  # read only
        with pytest.raises(AttributeError):
            pynto.aio.call(item, "undeclared")
        assert await item.name == "changed"


@looped
async def test_items_are_awaited_and_what_python_cannot_await_says_what_to_write(site: Any) -> None:
    async with connected(site) as root:
        ages = await root.ages()
        await pynto.aio.setitem(ages, "ada", 36)
        assert await ages["ada"] == 36
        assert await pynto.aio.contains(ages, "ada") is True
        size = await pynto.aio.length(ages)
        await pynto.aio.delitem(ages, "ada")
        assert await pynto.aio.length(ages) == size - 1
        with pytest.raises(KeyError):
            await ages["ada"]
        for use, hint in {
            "len(x)": "await pynto.aio.length(x)",
            "'ada' in x": "await pynto.aio.contains(x, item)",
            "x.__setitem__('ada', 1)": "await pynto.aio.setitem(x, key, value)",
            "x.__delitem__('ada')": "await pynto.aio.delitem(x, key)",
            "list(x)": "async for item in x",
        }.items():
            with pytest.raises(TypeError) as caught:
                eval(use, {"x": ages})
            assert hint in str(caught.value)
        assert await pynto.aio.length(ages) == size - 1


@looped
async def test_operators_are_awaited_and_comparisons_asked_for_by_name(site: Any) -> None:
    async with connected(site) as root:
        one, two = await root.vector(1, 2), await root.vector(3, 4)
        total = await (one + two)
        assert await total.values() == (4, 6)
        assert await pynto.aio.call(one, "__eq__", 5) is False
        assert await pynto.aio.truth(one) is True
        for use in (lambda: one == two, lambda: bool(one), lambda: one != two):
            with pytest.raises(TypeError, match=r"await pynto\.aio\."):
                use()


@looped
async def test_a_call_is_sent_when_it_is_awaited_and_only_once(site: Any) -> None:
    async with connected(site) as root:
        call = root.note(5)
        assert "not awaited" in repr(call)
        before = site.calls
        await root.add(1)
        assert site.calls == before + 1
        await call
        with pytest.raises(RuntimeError, match="awaited already"):
            await call
        with pytest.warns(RuntimeWarning, match="'note' was never awaited"):
            root.note(6)
            gc.collect()


@looped
async def test_calls_are_coroutines_to_asyncio(site: Any) -> None:
    async with connected(site) as root:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(root.add(number)) for number in range(5)]
        assert [task.result() for task in tasks] == [1, 2, 3, 4, 5]
        assert await asyncio.wait_for(root.add(1), 30) == 2
        assert await asyncio.shield(root.add(1)) == 2
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(root.hold(1), 0.05)
        await eventually(lambda: not site.target._holding)


@looped
async def test_a_thousand_calls_are_in_flight_and_answered_out_of_order(site: Any) -> None:
    async with connected(site) as root:
        threads = threading.active_count()
        done: list[int] = []

        async def hold(number: int) -> None:
            assert await root.hold(number) == number
            done.append(number)

        async with asyncio.TaskGroup() as group:
            for number in range(1000):
                group.create_task(hold(number))
            await eventually(lambda: len(site.target._holding) == 1000)
            assert threading.active_count() <= threads
            for number in reversed(range(1000)):
                await root.let_go(number)
        assert sorted(done) == list(range(1000))
        assert done != sorted(done)


@looped
async def test_a_client_has_no_thread_of_its_own(site: Any) -> None:
    async with connected(site) as root:
        names = {thread.name for thread in threading.enumerate()}
        assert await root.call_soon(lambda value: value, 1) == 1
        await root.keep(lambda value: value)
        assert await root.item()
        new = {thread.name for thread in threading.enumerate()} - names
        assert not {name for name in new if "background" in name}


# ---- iterators, generators, context managers ----


@looped
async def test_iterators_of_both_kinds_are_iterated_over(site: Any) -> None:
    async with connected(site) as root:
        assert [tick async for tick in await root.ticks(3)] == [0, 1, 2]
        assert [number async for number in await root.count(4)] == [0, 1, 2, 3]
        assert [number async for number in await root.numbers()] == served.numbers
        counting = await root.count(2)
        assert [await anext(counting), await anext(counting), await anext(counting, "end")] == [0, 1, "end"]
        with pytest.raises(TypeError, match="async for"):
            list(await root.numbers())


@looped
async def test_generators_are_driven_to_their_value(site: Any) -> None:
    async with connected(site) as root:
        talk = await root.talk(3)
        assert await anext(talk) == 0
        assert await talk.send("hello") == 1
        assert await talk.throw(ValueError("in between")) == 2
        with pytest.raises(StopAsyncIteration) as end:
            await talk.send("bye")
        assert "hello" in end.value.args[0]
        chat = await root.chat(4)
        assert await anext(chat) == 0
        assert await chat.asend("hello") == 1
        assert await chat.athrow(ValueError("other")) == 2
        error = ValueError("again")
        with pytest.raises(ValueError) as same:
            await chat.athrow(error)
        assert same.value is error
        closing = await root.chat(4)
        assert await anext(closing) == 0
        await closing.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(closing)
        exiting = await root.chat(4)
        assert await anext(exiting) == 0
        with pytest.raises(GeneratorExit):
            await exiting.athrow(GeneratorExit())


@looped
async def test_an_early_break_closes_the_generator_at_the_server(site: Any) -> None:
    async with connected(site) as root:
        for make in (root.chat, root.count):
            await root.events()
            async for _number in await make(100):
                break
            await eventually(lambda: any(" ends" in event for event in site.target._log))


@looped
async def test_context_managers_of_both_kinds_are_entered_and_left(site: Any) -> None:
    async with connected(site) as root:
        async with await root.scope("a") as name:
            assert name == "a"
        async with await root.opened("b") as item:
            assert await item.name == "b"
        with pytest.raises(KeyError):
            async with await root.scope("c"):
                raise KeyError("inside")
        assert await root.events() == (
            *("enter a", "exit a", "open b", "close b"),
            *("enter c", "KeyError in c", "exit c"),
        )
        with pytest.raises(TypeError, match="async with"):
            with await root.opened("d"):
                pass


# ---- callbacks ----


@looped
async def test_callbacks_run_on_the_loop_of_the_client(site: Any) -> None:
    async with connected(site) as root:
        loop, thread, seen = asyncio.get_running_loop(), threading.get_ident(), []

        def plain(value: int) -> int:
            seen.append((asyncio.get_running_loop() is loop, threading.get_ident() == thread))
            return value + 1

        async def later(value: int) -> int:
            await asyncio.sleep(0)
            return plain(value)

        for method in (root.apply, root.call_soon):
            assert await method(plain, 1) == 2
            assert await method(later, 1) == 2
        assert seen == [(True, True)] * 4


@looped
async def test_a_callback_calls_the_server_while_its_own_call_is_out(site: Any) -> None:
    async with connected(site) as root:

        async def back(value: int) -> int:
            return int(await root.add(value, 1))

        assert await root.apply(back, 1) == 2
        assert await root.call_together(back, 50) == tuple(range(1, 51))


@looped
async def test_callbacks_wait_at_the_same_time(site: Any) -> None:
    async with connected(site) as root:
        together = asyncio.Barrier(20)

        async def meet(value: int) -> int:
            await together.wait()
            return value

        assert await root.call_together(meet, 20) == tuple(range(20))


@looped
async def test_a_callback_that_raises_fails_the_call(site: Any) -> None:
    async with connected(site) as root:

        async def fail(_value: int) -> int:
            raise ValueError("a secret")

        with pytest.raises(pynto.RemoteError) as caught:
            await root.call_soon(fail, 1)
        assert "secret" not in str(caught.value)
        assert await root.add(1) == 2


@looped
async def test_what_the_server_calls_by_itself_runs_on_the_loop(site: Any) -> None:
    async with connected(site) as root:
        heard: list[str] = []

        async def listener(text: str) -> None:
            await asyncio.sleep(0)
            heard.append(text)

        stop = await root.subscribe(listener)
        async with connected(site) as other:
            assert await other.publish("hello") == 1
        assert heard == ["hello"]
        await stop()
        assert await root.publish("again") == 0


@looped
async def test_a_callback_is_cancelled_when_the_server_gives_it_up(site: Any) -> None:
    async with connected(site) as root:
        cancelled = asyncio.Event()

        async def never(_value: int) -> int:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.set()
                raise
            return 0

        assert await root.call_within(never, 0.05) == "too late"
        await cancelled.wait()
        assert await root.add(1) == 2


@looped
async def test_awaitables_are_passed_as_arguments(site: Any) -> None:
    async with connected(site) as root:

        async def number() -> int:
            await asyncio.sleep(0)
            return 41

        assert await root.wait_for(number()) == 42
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_result, 1)
        assert await root.wait_for(future) == 2
        assert await root.add_all(iter([1, 2])) == 3


# ---- cancelling ----


@looped
async def test_cancelling_a_task_cancels_the_coroutine_at_the_server(site: Any) -> None:
    async with connected(site) as root:
        tasks = [asyncio.create_task(root.hold(number)) for number in range(100)]
        await eventually(lambda: len(site.target._holding) == 100)
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, asyncio.CancelledError) for result in results)
        await eventually(lambda: not site.target._holding)
        assert sorted(await root.events()) == sorted(f"cancelled {number}" for number in range(100))
        assert await root.add(1) == 2


@looped
async def test_what_a_cancelled_call_brings_goes_back(site: Any) -> None:
    async with connected(site) as root:
        for _ in range(100):
            task = asyncio.create_task(root.fresh())
            await asyncio.sleep(0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await root.add(1)
        await eventually(lambda: not served.alive)


# ---- the end ----


@looped
async def test_the_end_of_the_connection_fails_every_call_once(site: Any) -> None:
    async with connected(site) as root:
        tasks = [asyncio.create_task(root.hold(number)) for number in range(200)]
        told: list[str] = []
        connection = pynto.connection(root)
        connection.on_disconnect(told.append)
        await eventually(lambda: len(site.target._holding) == 200)
        await asyncio.to_thread(site.server.close)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(result) for result in results} == {pynto.Disconnected}
        assert len({id(result) for result in results}) == 200
        with pytest.raises(pynto.Disconnected):
            await root.add(1)
        await eventually(lambda: told)
        assert len(told) == 1
        assert connection.closed
        with pytest.raises(pynto.Disconnected):
            await connection.ping()


@looped
async def test_closing_ends_what_waits_and_what_runs(site: Any) -> None:
    connection = await pynto.aio.connect(site.address)
    ended = []

    async def never(_value: int) -> int:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)
        return 0

    task = asyncio.create_task(connection.root.call_soon(never, 1))
    await eventually(lambda: connection._tasks)
    await connection.close()
    assert ended == [True]
    with pytest.raises(pynto.Disconnected):
        await task
    with pytest.raises(pynto.Disconnected):
        _ = connection.root
    await connection.close()
    await eventually(lambda: site.server.stats()["connections"] == 0)


@looped
async def test_on_disconnect_tells_once_and_may_be_a_coroutine(site: Any) -> None:
    told: list[str] = []

    async def later(reason: str) -> None:
        await asyncio.sleep(0)
        told.append(reason)

    async with await pynto.aio.connect(site.address) as connection:
        connection.on_disconnect(later)
        connection.on_disconnect(told.append).cancel()
    await eventually(lambda: told)
    connection.on_disconnect(later)
    await eventually(lambda: len(told) == 2)
    await asyncio.sleep(0.01)
    assert len(told) == 2


@looped
async def test_netrefs_that_are_collected_are_freed_from_any_thread_without_a_write(site: Any) -> None:
    async with connected(site) as root:
        held = [await root.fresh(str(number)) for number in range(50)]
        assert len(served.alive) == 50
        thread = threading.Thread(target=held.clear)
        thread.start()
        thread.join()
        await eventually(lambda: not served.alive)


@looped
async def test_several_tasks_use_one_connection(site: Any) -> None:
    async with connected(site) as root:

        async def work(number: int) -> int:
            item = await root.fresh(str(number))
            values = [await root.add(value, number) for value in range(20)]
            assert values == [value + number for value in range(20)]
            return int(await item.name)

        assert await asyncio.gather(*map(work, range(50))) == list(range(50))


@looped
async def test_a_connection_belongs_to_its_loop(site: Any) -> None:
    async with connected(site) as root:

        async def elsewhere() -> str:
            try:
                await root.add(1)
            except RuntimeError as error:
                return str(error)
            return "it went"

        assert "another event loop" in await asyncio.to_thread(asyncio.run, elsewhere())
        assert await root.add(1) == 2


@looped
async def test_a_connection_that_nobody_closed_ends_with_its_loop(site: Any) -> None:
    async def forget() -> weakref.ref[Any]:
        connection = await pynto.aio.connect(site.address)
        assert await connection.root.add(1) == 2
        waiting = asyncio.create_task(connection.root.hold(1))
        await eventually(lambda: site.target._holding)
        del waiting
        return weakref.ref(connection.root)

    ref = await asyncio.to_thread(asyncio.run, forget())
    gc.collect()
    assert ref() is None
    await eventually(lambda: site.server.stats()["connections"] == 0)
    await eventually(lambda: not site.target._holding)


@looped
async def test_ping_and_usage(site: Any) -> None:
    async with await pynto.aio.connect(site.address) as connection:
        assert 0 <= await connection.ping() < 60
        assert all(seconds >= 0 for seconds in await asyncio.gather(*(connection.ping() for _ in range(20))))
        assert connection.usage()["calls"] == 0
        assert connection.peer == site.address
        assert not connection.closed
        assert "pynto.aio.Connection" in repr(connection)


# ---- connecting ----


@looped
async def test_nobody_there_is_disconnected(tmp_path: Any) -> None:
    with pytest.raises(pynto.Disconnected):
        await pynto.aio.connect(f"unix://{tmp_path}/nobody.sock")
    with pytest.raises(ValueError):
        await pynto.aio.connect("nonsense")


@looped
async def test_a_server_that_says_nothing_is_left_in_the_time_of_the_quota() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        with pytest.raises(pynto.ProtocolError, match="no hello"):
            await pynto.aio.connect(f"fd://{ours.detach()}", quotas={"hello": 0.1})
        with RawPeer(theirs) as peer:
            assert peer.recv_message()[0] == -8
            assert peer.expect_close() == [-7, 15, "no hello in time"]


@looped
async def test_another_root_and_given_types(serve: Callable[..., Any], generate: Callable[..., Any]) -> None:
    policy = generate("served:Root", "served:Lobby")
    site = serve({"Root": served.Root(), "Lobby": served.Lobby()}, policy=policy)
    async with connected(site, root="Lobby") as lobby:
        assert await lobby.name() == "lobby"
    async with connected(site, root="Root", types=[served.Point]) as root:
        points = [point async for point in await root.points(2)]
        assert {type(point) for point in points} == {served.Point}
    with pytest.raises(pynto.Disconnected, match="no such root"):
        await pynto.aio.connect(site.address, root="nobody")


# ---- back pressure ----


@looped
async def test_who_awaits_does_not_buffer_without_bound() -> None:
    """A server that does not read holds the calls up before they are packed."""
    ours, theirs = socket.socketpair()
    with RawPeer(theirs) as peer:
        connecting = asyncio.create_task(pynto.aio.connect(f"fd://{ours.detach()}"))
        await asyncio.to_thread(peer.recv_message)
        peer.send([-8, "pynto", 1, None, {}])
        peer.send([-5, 1, {"interfaces": {"m:Root": {"methods": {"put": "(data: bytes) -> none"}}}}])
        peer.send([-1, _mine(0, 1)])
        async with await connecting as connection:
            tasks = [asyncio.create_task(connection.root.put(bytes(64 * 1024))) for _ in range(400)]
            await eventually(lambda: connection.usage()["output"] > 0)
            for _ in range(50):
                await asyncio.sleep(0)
            assert connection.usage()["output"] < 1024 * 1024  # of 25 MiB
            waiting = tasks.pop()
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

            def read_all() -> None:
                for _ in range(len(tasks)):
                    message = peer.reply()
                    assert message[1] == "put"
                    peer.send([-1, None], lane=peer.in_lane)

            await asyncio.to_thread(read_all)
            assert await asyncio.gather(*tasks) == [None] * len(tasks)


@looped
async def test_a_server_that_never_reads_is_left_in_the_time_of_the_quota() -> None:
    ours, theirs = socket.socketpair()
    with RawPeer(theirs) as peer:
        connecting = asyncio.create_task(pynto.aio.connect(f"fd://{ours.detach()}", quotas={"stall": 0.2}))
        await asyncio.to_thread(peer.recv_message)
        peer.send([-8, "pynto", 1, None, {}])
        peer.send([-5, 1, {"interfaces": {"m:Root": {"methods": {"put": "(data: bytes) -> none"}}}}])
        peer.send([-1, _mine(0, 1)])
        async with await connecting as connection:
            results = await asyncio.gather(
                *(connection.root.put(bytes(256 * 1024)) for _ in range(20)), return_exceptions=True
            )
            assert {type(result) for result in results} <= {pynto.Disconnected, pynto.ProtocolError}
            assert connection.closed


def _mine(number: int, interface: int) -> Any:
    from rawpeer import Mine

    return Mine(number, interface)


# ---- both sides on one loop, and clients of both kinds ----


@looped
async def test_a_server_in_the_running_loop(loaded_policy: Any, tmp_path: Any) -> None:
    loop = asyncio.get_running_loop()
    seen: list[Any] = []

    class Root(served.Root):
        async def on_loop(self) -> bool:
            seen.append(asyncio.get_running_loop())
            return True

    target = Root()
    async with pynto.aio.serve(target, policy=loaded_policy, listen=f"unix://{tmp_path}/a.sock") as server:
        async with await pynto.aio.connect(server.address) as connection:
            root = connection.root
            assert await root.on_loop() is True
            assert seen == [loop]
            assert await root.add(1) == 2

            async def back(value: int) -> int:
                return int(await root.add(value))

            assert await root.call_soon(back, 1) == 2
            assert await root.apply(back, 1) == 2
            holding = asyncio.create_task(root.hold(1))
            await eventually(lambda: target._holding)
            with await asyncio.to_thread(pynto.connect, server.address) as threaded:
                assert await asyncio.to_thread(threaded.root.slow, 0.0, 7) == 7
                assert await asyncio.to_thread(threaded.root.call_soon, lambda value: value, 3) == 3
    with pytest.raises(pynto.Disconnected):
        await holding
    assert not target._holding
    assert not server._core.tasks


@looped
async def test_a_server_that_closes_has_ended_what_ran(loaded_policy: Any, tmp_path: Any) -> None:
    target = served.Root()
    async with pynto.aio.serve(target, policy=loaded_policy, listen=f"unix://{tmp_path}/a.sock") as server:
        connection = await pynto.aio.connect(server.address)
        tasks = [asyncio.create_task(connection.root.hold(number)) for number in range(10)]
        await eventually(lambda: len(target._holding) == 10)
    assert not target._holding
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(result) for result in results} == {pynto.Disconnected}
    await connection.close()


@looped
async def test_threads_and_coroutines_use_one_server_at_once(site: Any) -> None:
    threaded = await asyncio.to_thread(site.connect)

    def in_thread() -> int:
        return sum(threaded.root.call_soon(lambda value: value, number) for number in range(50))

    async with connected(site) as root:

        async def identity(value: int) -> int:
            return value

        async def on_loop() -> int:
            return sum([await root.call_soon(identity, number) for number in range(50)])

        assert await asyncio.gather(asyncio.to_thread(in_thread), on_loop()) == [1225, 1225]


# ---- messages ----


@looped
async def test_a_cancelled_call_is_a_cancel_message_in_its_lane() -> None:
    ours, theirs = socket.socketpair()
    with RawPeer(theirs) as peer:
        connecting = asyncio.create_task(pynto.aio.connect(f"fd://{ours.detach()}"))
        await asyncio.to_thread(peer.recv_message)
        peer.send([-8, "pynto", 1, None, {}])
        peer.send([-5, 1, {"interfaces": {"m:Root": {"methods": {"get": "() -> int"}}}}])
        peer.send([-1, _mine(0, 1)])
        async with await connecting as connection:
            tasks = [asyncio.create_task(connection.root.get()) for _ in range(3)]
            lanes = [await asyncio.to_thread(lambda: (peer.reply(), peer.in_lane)[1]) for _ in range(3)]
            assert len(set(lanes)) == 3
            tasks[1].cancel()
            message = await asyncio.to_thread(peer.reply)
            assert (message, peer.in_lane) == ([CANCEL], lanes[1])
            peer.send([-1, 2], lane=lanes[2])
            assert await tasks[2] == 2
            peer.send([-1, 1], lane=lanes[1])  # it comes all the same, and nobody is told
            peer.send([-1, 0], lane=lanes[0])
            assert await tasks[0] == 0
            assert tasks[1].cancelled()


# ---- deadlines ----


@looped
async def test_a_deadline_ends_an_awaited_call_and_the_coroutine_at_the_server(site: Any) -> None:
    async with connected(site) as root:
        with pytest.raises(pynto.DeadlineExceeded):
            with pynto.deadline(0.05):
                await root.hold(1)
        await eventually(lambda: not site.target._holding)
        with pynto.deadline(30.0):
            assert await root.add(1) == 2
        with pytest.raises(pynto.DeadlineExceeded):
            with pynto.deadline(0.0):
                await root.add(1)
        assert await root.add(1) == 2


@looped
async def test_a_coroutine_that_takes_too_long_is_ended_by_the_server_itself(site: Any) -> None:
    with RawPeer(site.address.removeprefix("unix://")) as peer:
        await asyncio.to_thread(peer.hello)
        peer.send([-11, 0, "hold", [1], {}, {"within": 50_000}], lane=0)
        answer = await asyncio.to_thread(peer.reply)
        assert answer[0] == -2
        assert answer[1][0] == "DeadlineExceeded"
        assert not site.target._holding


@looped
async def test_a_deadline_of_one_task_is_not_that_of_another(site: Any) -> None:
    async with connected(site) as root:

        async def impatient() -> None:
            with pytest.raises(pynto.DeadlineExceeded):
                with pynto.deadline(0.05):
                    await root.hold(1)

        async def patient() -> int:
            return int(await root.hold(2))

        waiting = asyncio.create_task(patient())
        await impatient()
        await eventually(lambda: list(site.target._holding) == [2])
        await root.let_go(2)
        assert await waiting == 2


@looped
async def test_one_way_calls_are_sent_from_the_loop_without_waiting(site: Any) -> None:
    async with connected(site) as root:
        for number in range(100):
            assert pynto.oneway(root.note)(number) is None
        assert await root.add(1) == 2


@looped
async def test_large_values_travel_both_ways_beside_small_ones(site: Any) -> None:
    async with connected(site) as root:
        values = await root.values()
        large = bytes(range(256)) * 8192  # 2 MiB
        echoes = await asyncio.gather(*(values.echo_bytes(large) for _ in range(8)), *(root.add(n) for n in range(50)))
        assert all(echo == large for echo in echoes[:8])
        assert echoes[8:] == list(range(1, 51))


def test_a_connection_whose_output_has_waited_is_gone_when_it_is_closed(site: Any) -> None:
    async def use() -> weakref.ref[Any]:
        connection = await pynto.aio.connect(site.address)
        values = await connection.root.values()
        assert await values.size(bytes(8 << 20)) == 8 << 20  # more than there is room for at once
        await connection.close()
        return weakref.ref(connection)

    async def look() -> None:
        gone = await use()
        gc.collect()
        assert gone() is None  # no timer of this loop, which goes on, holds it

    asyncio.run(look())
