"""Does a reference pass through a third party as if it were not there, with what that one lets through and no more?"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pynto
import pytest
import three
from rawpeer import ERROR, RawPeer


@pytest.fixture(scope="module")
def shop_policy(generate: Callable[..., Path]) -> Path:
    return generate("three:Shop")


@pytest.fixture(scope="module")
def broker_policy(generate: Callable[..., Path]) -> Path:
    return generate("three:Broker")


@pytest.fixture
def shop(serve: Callable[..., Any], shop_policy: Path) -> Any:
    """A."""
    return serve(three.Shop(), policy=pynto.Policy.load(shop_policy))


@pytest.fixture
def broker(serve: Callable[..., Any], broker_policy: Path, shop: Any) -> Any:
    """B, a client of A's."""
    return serve(three.Broker(shop.connect().root), policy=pynto.Policy.load(broker_policy))


@pytest.fixture
def client(broker: Any) -> pynto.Connection:
    """C, a client of B's."""
    connection: pynto.Connection = broker.connect()
    return connection


# ---- there and back ----


def test_a_reference_that_went_through_two_hands_comes_home_as_the_object(client: pynto.Connection) -> None:
    best = client.root.best()
    assert best.name() == "best"
    assert client.root.is_best(best) is True
    assert client.root.is_best(client.root.make("other")) is False


def test_one_object_is_one_netref_at_the_far_end(client: pynto.Connection) -> None:
    best = client.root.best()
    assert client.root.best() is best
    assert client.root.same(best) is best


def test_what_is_done_to_it_far_away_is_done_to_the_object(client: pynto.Connection, shop: Any) -> None:
    numbers = client.root.numbers()
    for number in range(5):
        numbers.append(number)
    assert len(numbers) == 5
    assert shop.target._numbers == [0, 1, 2, 3, 4]


def test_a_callback_goes_through_and_its_own_calls_come_back(client: pynto.Connection) -> None:
    root = client.root

    def deeper(depth: int) -> int:
        return 0 if depth == 0 else 1 + int(root.apply(deeper, depth - 1))

    assert root.apply(lambda value: root.add(value, 1), 5) == 6
    assert root.apply(deeper, 5) == 5


def test_an_error_keeps_its_type_through_both(client: pynto.Connection) -> None:
    def fail(value: int) -> int:
        raise KeyError(value)

    with pytest.raises(pynto.RemoteError):  # a client's exception has no type at a server
        client.root.apply(fail, 1)
    assert client.root.add(1, 1) == 2


def test_a_pipeline_goes_through_a_third_party(client: pynto.Connection) -> None:
    with client.pipeline() as p:
        best = p.root.best()
        name, home = best.name(), p.root.is_best(best)
    assert (name.result(), home.result()) == ("best", True)


# ---- no more than is let through ----


def test_each_hop_gives_as_much_as_its_policy_names(broker: Any, client: pynto.Connection, shop: Any) -> None:
    thing = client.root.make("mine")
    for name in ("secret", "rename", "_name", "__class__.__init__"):
        with pytest.raises(AttributeError):
            getattr(thing, name)()
    direct = shop.connect().root.make("mine")
    assert direct.secret() == "the secret of mine"
    with RawPeer(broker.address.removeprefix("unix://")) as peer:
        peer.hello()
        reference = peer.call(0, "make", ["raw"])[1]
        assert peer.call(reference.id, "name") == [-1, "raw"]
        for name in ("secret", "rename", "__getattr__", "__reduce__"):
            assert peer.call(reference.id, name, ["x"] if name == "rename" else [])[:2] == [
                ERROR,
                ["Refused", "not permitted", None, None],
            ]


def test_a_stranger_is_no_thing_of_the_shops(client: pynto.Connection) -> None:
    class Fake:
        def name(self) -> str:
            return "best"

    with pytest.raises(TypeError):  # a Named may be the client's own, a Thing is the shop's
        client.root.is_best(Fake())
    assert client.usage()["references"] == 0


# ---- letting go ----


def test_what_the_far_end_drops_is_gone_at_the_source(client: pynto.Connection, until: Callable[..., Any]) -> None:
    gc.collect()
    before = len(three.alive)
    things = [client.root.make(str(number)) for number in range(50)]
    assert len(three.alive) == before + 50
    del things
    gc.collect()
    # each hop gives back with its next message
    until(lambda: client.root.best().name() and gc.collect() >= 0 and len(three.alive) == before)


def test_a_client_that_goes_leaves_nothing_behind_it(broker: Any, until: Callable[..., Any]) -> None:
    gc.collect()
    before = len(three.alive)
    connection = broker.connect()
    things = [connection.root.make(str(number)) for number in range(20)]
    connection.close()
    until(lambda: broker.connect().root.best().name() and len(three.alive) == before, why="the shop has them back")
    with pytest.raises(pynto.Disconnected):
        things[0].name()


def test_a_source_that_goes_breaks_what_was_passed_on_and_not_the_connection(
    client: pynto.Connection, shop: Any
) -> None:
    thing = client.root.make("mine")
    shop.close()
    with pytest.raises(OSError):  # the broker's Disconnected, told by the nearest class that has a name everywhere
        thing.name()
    with pytest.raises(OSError):
        client.root.best()
    assert client.root.add(1, 2) == 3


# ---- in real processes ----


@pytest.fixture
def chain(
    serve_child: Callable[..., Any], shop_policy: Path, broker_policy: Path
) -> Iterator[tuple[Any, Any, pynto.Connection]]:
    shop = serve_child(target="three:Shop", policy=shop_policy)
    broker = serve_child(target="three:Broker", policy=broker_policy, env={"SHOP": shop.address})
    connection = pynto.connect(broker.address)
    yield shop, broker, connection
    with contextlib.suppress(pynto.Disconnected):
        connection.close()


def test_three_processes_are_as_one(chain: tuple[Any, Any, pynto.Connection]) -> None:
    _, _, client = chain
    best = client.root.best()
    assert client.root.is_best(best)
    assert client.root.same(best) is best
    pids = []
    assert client.root.apply(lambda value: pids.append(os.getpid()) or value + 1, 1) == 2
    assert pids == [os.getpid()]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_broker_that_dies_breaks_both_sides_and_leaks_nothing(
    chain: tuple[Any, Any, pynto.Connection], until: Callable[..., Any], number: int
) -> None:
    shop, broker, client = chain
    things = [client.root.make(str(each)) for each in range(20)]
    heard: list[str] = []
    client.root.subscribe(heard.append)
    direct = pynto.connect(shop.address)
    assert direct.root.publish("one") == 1
    until(lambda: heard == ["one"])
    ended: list[str] = []
    client.on_disconnect(ended.append)

    broker.send_signal(number)
    until(lambda: ended, why="the client hears of it")
    for attempt in (things[0].name, client.root.best, lambda: client.root.is_best(things[1])):
        with pytest.raises(pynto.Disconnected):
            attempt()
    until(lambda: direct.root.alive() == 1, why="the shop has all of them back")
    assert direct.root.publish("two") == 0
    assert heard == ["one"]
    direct.close()


def test_a_source_that_is_killed_is_an_error_of_the_call_at_the_far_end(
    chain: tuple[Any, Any, pynto.Connection],
) -> None:
    shop, _, client = chain
    thing = client.root.make("mine")
    shop.send_signal(signal.SIGKILL)
    shop.wait()
    with pytest.raises(OSError):
        thing.name()
    assert client.root.add(1, 2) == 3


def test_a_client_that_is_killed_is_forgotten_at_the_source(
    chain: tuple[Any, Any, pynto.Connection], start_child: Callable[..., Any], until: Callable[..., Any]
) -> None:
    import sys

    shop, broker, _ = chain
    direct = pynto.connect(shop.address)
    program = (
        "import sys, time, pynto\n"
        "root = pynto.connect(sys.argv[1]).root\n"
        "things = [root.make(str(n)) for n in range(30)]\n"
        "root.subscribe(lambda text: None)\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    child = start_child(sys.executable, "-c", program, broker.address)
    assert child.line() == "ready"
    assert direct.root.alive() == 31
    assert direct.root.publish("one") == 1
    child.send_signal(signal.SIGKILL)
    until(lambda: direct.root.publish("two") == 0, why="its callback is gone")
    until(lambda: direct.root.alive() == 1, why="what it held is gone")
    direct.close()
