"""Do the ways in which people use remote objects, as the suites of RPyC and Pyro know them, work here?

Those that have files of their own are not repeated: threads, async, callbacks, identity, exceptions, properties, generators, deadlines, floods.
"""

from __future__ import annotations

import gc
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pynto
import pytest
import scenes


@pytest.fixture(scope="module")
def house_policy(generate: Callable[..., Path]) -> Path:
    return generate("scenes:House")


@pytest.fixture
def site(serve: Callable[..., Any], house_policy: Path, tmp_path: Path) -> Any:
    scenes.gate.clear()
    scenes.closed.clear()
    yield serve(scenes.House(tmp_path), policy=pynto.Policy.load(house_policy))
    scenes.gate.set()


# At stake: a list that is lent is the caller's list, not a copy: what is done to it far away is seen here.
def test_the_callee_changes_the_list_of_the_caller(root: Any) -> None:
    numbers = [5, 3, 9, 1]
    root.sort(numbers)
    assert numbers == [1, 3, 5, 9]


# At stake: exposed classes need no locks: what reads and then writes is not disturbed by another client in between.
def test_calls_of_many_clients_do_not_race_for_the_state_of_an_object(site: Any, in_thread: Callable[..., Any]) -> None:
    def work() -> None:
        cell = site.connect().root.cell()
        for _ in range(50):
            cell.add(1)

    for task in [in_thread(work) for _ in range(8)]:
        task.result(60)
    assert site.connect().root.cell().get() == 400


# At stake: two servers that are each other's clients call each other to and fro: who waits holds nobody up.
def test_two_servers_that_call_each_other_do_not_deadlock(
    serve: Callable[..., Any], house_policy: Path, in_thread: Callable[..., Any]
) -> None:
    policy = pynto.Policy.load(house_policy)
    one, two = serve(scenes.House(), policy=policy), serve(scenes.House(), policy=policy)
    one.target.meet(two.connect().root)
    two.target.meet(one.connect().root)
    clients = [one.connect().root, two.connect().root]
    tasks = [in_thread(lambda root=root: [root.ping(6) for _ in range(20)]) for root in clients * 2]
    assert [task.result(60) for task in tasks] == [[6] * 20] * 4


# At stake: a generator stands where it was left, however long the pause and whatever else was called meanwhile.
def test_a_generator_outlives_a_pause(root: Any) -> None:
    numbers = root.count(100)
    assert [next(numbers) for _ in range(3)] == [0, 1, 2]
    gc.collect()
    for _ in range(50):
        root.cell().add(1)
    assert [next(numbers) for _ in range(3)] == [3, 4, 5]
    assert list(numbers) == list(range(6, 100))


# At stake: a generator may be begun in one thread and ended in another.
def test_a_generator_goes_from_thread_to_thread(root: Any, in_thread: Callable[..., Any]) -> None:
    numbers = root.count(20)
    assert [in_thread(lambda: next(numbers)).result() for _ in range(20)] == list(range(20))
    with pytest.raises(StopIteration):
        next(numbers)


# At stake: the server does not go on holding what stood in the middle when its client went.
def test_a_generator_is_closed_when_its_client_goes(site: Any, until: Callable[..., Any]) -> None:
    connection = site.connect()
    numbers = connection.root.count(1000)
    assert next(numbers) == 0
    connection.close()
    until(lambda: scenes.closed == ["count 1000"])
    with pytest.raises(pynto.Disconnected):
        next(numbers)


# At stake: files and locks that an object holds for a client are let go when the client is killed.
def test_resources_of_a_client_are_closed_when_it_is_killed(
    site: Any, start_child: Callable[..., Any], until: Callable[..., Any], tmp_path: Path
) -> None:
    program = (
        "import sys, time, pynto\n"
        "visit = pynto.connect(sys.argv[1]).root.visit('ada', lambda: None)\n"
        "print(visit.write('hello'), flush=True)\n"
        "time.sleep(60)\n"
    )
    child = start_child(sys.executable, "-c", program, site.address)
    assert child.line() == "1"
    assert scenes.closed == []
    child.send_signal(signal.SIGKILL)
    until(lambda: scenes.closed == ["ada"])
    assert (tmp_path / "visits").read_text(encoding="utf-8") == "ada: hello\n"


# At stake: each client gets what is its own from one root: there is no instance mode to be chosen.
def test_each_client_has_a_session_of_its_own(site: Any) -> None:
    visits = [site.connect().root.visit(name, lambda: None) for name in ("ada", "bob")]
    assert [visit.write("x") for visit in visits for _ in range(2)] == [1, 2, 1, 2]


# At stake: what the server itself has dropped lives as long as a client holds it, and no longer.
def test_an_object_lives_as_long_as_its_last_holder(root: Any, until: Callable[..., Any]) -> None:
    cell = root.keep()
    before = len(scenes.cells)
    root.throw_away()
    assert cell.get() == 0
    del cell
    until(lambda: root.log() == () and len(scenes.cells) == before - 1)


# At stake: one client's callback is called by what another client does, in the first one's process, and an error there stays between them.
def test_a_callback_is_called_by_another_clients_call(site: Any, until: Callable[..., Any]) -> None:
    one, two = site.connect().root, site.connect().root
    heard: list[str] = []
    one.listen("one", heard.append)
    two.say("one", "hello")
    assert heard == ["hello"]

    def fail(text: str) -> None:
        raise ValueError(text)

    one.listen("one", fail)
    with pytest.raises(pynto.RemoteError):
        two.say("one", "hello")
    one.listen("one", heard.append)
    two.say("one", "again")
    assert heard == ["hello", "again"]


# At stake: a callback that is passed twice is one object at the server: it can be found again and taken off a list.
def test_a_callback_that_is_passed_again_is_the_same(root: Any) -> None:
    heard: list[str] = []
    ear = heard.append
    root.listen("me", ear)
    assert root.is_ear("me", ear)
    assert not root.is_ear("me", lambda text: None)


# At stake: hasattr, getattr with a default: a property that says AttributeError is not there, and others are.
def test_hasattr_is_answered_by_the_property(root: Any) -> None:
    assert not hasattr(root, "missing")
    assert getattr(root, "missing", 7) == 7
    assert not hasattr(root, "nothing")
    assert root.limit == 5


# At stake: a one-way call that runs goes on when its caller has left, and what is queued behind it is dropped with the connection.
def test_a_one_way_call_outlives_its_caller(site: Any, until: Callable[..., Any]) -> None:
    connection = site.connect()
    pynto.oneway(connection.root.work)("one-way")
    until(lambda: connection.ping() > 0 and site.calls >= 1)
    connection.close()
    scenes.gate.set()
    other = site.connect().root
    until(lambda: other.log() in ((), ("one-way",)))
    other.work("another")
    assert other.log()[-1] == "another"


# At stake: a server that comes back at its address is found again; what belonged to the one before says that it is gone.
def test_a_server_that_comes_back_is_found_again(serve: Callable[..., Any], house_policy: Path, tmp_path: Path) -> None:
    address = f"unix://{tmp_path}/again.sock"
    policy = pynto.Policy.load(house_policy)
    first = serve(scenes.House(), policy=policy, listen=address)
    cell = first.connect().root.cell()
    cell.add(1)
    first.close()
    second = serve(scenes.House(), policy=policy, listen=address)
    with pytest.raises(pynto.Disconnected):
        cell.get()
    assert second.connect().root.cell().get() == 0


# At stake: the objects that a call is about may be used by its own callbacks, and are the same there.
def test_arguments_are_themselves_in_a_callback(root: Any) -> None:
    cells = tuple(root.keep() for _ in range(4))
    seen: list[Any] = []

    def look(cell: Any) -> int:
        seen.append(cell)
        cell.add(10)
        return int(cell.get())

    assert root.each(cells, look) == (10, 11, 12, 13)
    assert all(a is b for a, b in zip(seen, cells, strict=True))


# At stake: whoever closes a connection while others wait on it: each hears of it, once, and nobody waits for ever.
def test_closing_wakes_everybody_who_waits(site: Any, in_thread: Callable[..., Any], until: Callable[..., Any]) -> None:
    connection = site.connect()
    root = connection.root
    started = threading.Barrier(5)

    def work() -> str:
        started.wait(20)
        try:
            root.work("never")
        except pynto.Disconnected:
            return "disconnected"
        return "answered"

    tasks = [in_thread(work) for _ in range(4)]
    started.wait(20)
    until(lambda: connection.ping() > 0 and site.calls >= 1)
    connection.close()
    assert [task.result() for task in tasks] == ["disconnected"] * 4
