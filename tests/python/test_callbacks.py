"""Can the server call a client's objects as if they were its own, and only as they were declared?"""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import pynto
import pytest


def test_a_function_of_the_clients_is_called(root: Any) -> None:
    assert root.apply(lambda value: value * 2, 21) == 42
    assert root.apply(abs, -3) == 3
    assert root.apply([10, 20, 30].__getitem__, 1) == 20
    assert root.apply(root.add, 5) == 6  # a bound method of the server's, wrapped by the client


def test_callbacks_nest_twenty_deep_in_both_directions(root: Any) -> None:
    depth = 0

    def down(n: int) -> int:
        nonlocal depth
        depth = max(depth, 20 - n)
        return 1 + root.countdown(n - 1, down) if n > 0 else 0

    assert root.countdown(20, down) == 20
    assert depth == 19


def test_a_protocol_object_is_called_back_with_functions_of_the_servers(root: Any) -> None:
    class Partner:
        def bounce(self, depth: int, back: Callable[[int], int]) -> int:
            return 1 + back(depth - 1) if depth > 0 else 0

    assert root.bounce(12, Partner()) == 12


def test_a_client_object_implements_a_protocol(root: Any) -> None:
    class Watcher:
        def __init__(self) -> None:
            self.seen: list[str] = []

        def joined(self, item: Any) -> str:
            self.seen.append(item.name)
            item.rename(item.name + "!")
            return item.name

        def may_join(self, name: str) -> bool:
            return name != "mallory"

        def private(self) -> str:
            return "not asked for"

    watcher = Watcher()
    root.watch(watcher)
    assert root.join("ada") == ("ada!",)
    assert root.join("mallory") == ()
    assert watcher.seen == ["ada"]


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: object(), "has none of the members"),
        (lambda: type("Half", (), {"joined": lambda self, item: ""})(), "has one of two"),
        (lambda: 5, "a number"),
        (lambda: None, "nothing"),
        (lambda: "text", "a str"),
    ],
)
def test_what_does_not_implement_the_protocol_is_not_lent(root: Any, make: Callable[[], Any], why: str) -> None:
    with pytest.raises(TypeError):
        root.watch(make())
    assert root.join("ada") == (), why


def test_members_in_the_instance_do_not_make_a_protocol(root: Any) -> None:
    class Fake:
        pass

    fake = Fake()
    fake.joined = lambda item: ""  # type: ignore[attr-defined]
    fake.may_join = lambda name: True  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        root.watch(fake)


def test_what_cannot_be_called_is_not_lent_as_a_function(root: Any) -> None:
    for wrong in (5, "text", None, object(), [1]):
        with pytest.raises(TypeError):
            root.apply(wrong, 1)
    assert root.apply(abs, -1) == 1


def test_an_exception_of_a_callback_is_a_remote_error_at_the_server(root: Any) -> None:
    class Mine(Exception):
        pass

    def fail(value: int) -> int:
        raise Mine("my text")

    assert root.what_came(fail) == "pynto.errors.RemoteError: RemoteError"

    def value_error(value: int) -> int:
        raise ValueError("my text")

    came = root.what_came(value_error)
    assert came.startswith("pynto.errors.RemoteError: ValueError")

    with pytest.raises(pynto.RemoteError):  # neither of the two is the server's own exception
        root.apply(value_error, 1)
    assert root.add(1) == 2


@pytest.mark.parametrize("value", ["text", None, 1.5, b"", (1,), object(), [1]])
def test_a_result_of_another_type_does_not_reach_the_server(root: Any, value: Any) -> None:
    came = root.what_came(lambda _: value)
    assert not came.startswith("returned")
    with pytest.raises((pynto.RemoteError, pynto.Refused, TypeError)):
        root.apply(lambda _: value, 1)
    assert root.apply(lambda x: x, 1) == 1


def test_a_callback_that_takes_other_arguments_fails_for_its_caller(root: Any) -> None:
    with pytest.raises(pynto.RemoteError):
        root.apply(lambda: 1, 1)
    with pytest.raises(pynto.RemoteError):
        root.apply(lambda a, b: 1, 1)
    assert root.add(1) == 2


def test_listeners_are_told_while_their_client_is_idle(site: Any, until: Callable[..., Any]) -> None:
    """A thread in the background serves what comes by itself."""
    heard: list[tuple[str, str]] = []
    idle = site.connect()
    stop = idle.root.subscribe(lambda text: heard.append((text, threading.current_thread().name)))
    speaker = site.connect().root
    for number in range(5):
        assert speaker.publish(f"news {number}") == 1
    assert [text for text, _ in heard] == [f"news {number}" for number in range(5)]
    assert threading.current_thread().name not in {name for _, name in heard}
    stop()
    assert speaker.publish("more") == 0
    assert len(heard) == 5


def test_a_listener_is_told_by_its_own_call_too(root: Any) -> None:
    heard: list[str] = []
    root.subscribe(heard.append)
    assert root.publish("to myself") == 1
    assert heard == ["to myself"]


def test_a_listener_may_call_back_from_the_background(site: Any) -> None:
    heard: list[Any] = []
    listening = site.connect()
    listening.root.subscribe(lambda text: heard.append((text, listening.root.add(1, 2))))
    assert site.connect().root.publish("news") == 1
    assert heard == [("news", 3)]


def test_many_listeners_of_many_connections_are_told_in_order(site: Any) -> None:
    heard: list[int] = []
    connections = [site.connect() for _ in range(5)]
    for number, connection in enumerate(connections):
        connection.root.subscribe(lambda text, number=number: heard.append(number))
    assert connections[2].root.publish("x") == 5
    assert heard == [0, 1, 2, 3, 4]


def test_a_function_that_is_kept_after_its_client_has_gone_is_disconnected(site: Any) -> None:
    leaving, staying = site.connect(), site.connect()
    leaving.root.keep(lambda value: value)
    assert staying.root.call_kept(1) == ("1",)
    leaving.close()
    began = time.monotonic()
    (said,) = staying.root.call_kept(1)
    assert said.startswith("Disconnected: ")
    assert time.monotonic() - began < 5
    assert staying.root.add(1) == 2


def test_a_function_lives_at_the_client_as_long_as_the_server_keeps_it(root: Any, until: Callable[..., Any]) -> None:
    def mine(value: int) -> int:
        return value + 1

    watching = weakref.ref(mine)
    root.keep(mine)
    del mine
    gc.collect()
    assert watching() is not None
    assert root.call_kept(1) == ("2",)
    root.forget()
    until(lambda: root.add(1) and watching() is None, why="the server has forgotten it")


def test_the_same_function_kept_twice_is_lent_once(root: Any, connection: Any) -> None:
    def mine(value: int) -> int:
        return value

    assert [root.keep(mine) for _ in range(5)] == [1, 2, 3, 4, 5]
    assert connection.usage()["references"] == 1


def test_a_slow_callback_does_not_hold_up_other_connections(site: Any, in_thread: Callable[..., Any]) -> None:
    waiting, going_on = threading.Event(), threading.Event()

    def slow(value: int) -> int:
        waiting.set()
        assert going_on.wait(20)
        return value

    task = in_thread(lambda: site.connect().root.apply(slow, 7))
    assert waiting.wait(20)
    other = site.connect().root
    assert [other.add(number) for number in range(5)] == [1, 2, 3, 4, 5]
    going_on.set()
    assert task.result() == 7


def test_a_callback_is_served_by_the_thread_that_waits(root: Any) -> None:
    assert root.apply(lambda value: threading.get_ident(), 1) == threading.get_ident()


def test_a_connection_may_be_closed_in_its_own_callback(site: Any) -> None:
    connection = site.connect()

    def closing(value: int) -> int:
        connection.close()
        return value

    with pytest.raises(pynto.Disconnected):
        connection.root.apply(closing, 1)
    assert site.connect().root.add(1) == 2


def test_a_callback_of_a_coroutine_method_is_called(root: Any) -> None:
    assert root.call_soon(lambda value: value + 1, 1) == 2


def test_a_callback_may_drop_what_it_was_given(site: Any) -> None:
    root = site.connect().root
    kept: list[Any] = []

    def look(item: Any) -> Any:
        kept.append(item)
        pynto.release(item)
        return root.item()

    assert root.each(look) is True
    with pytest.raises(ReferenceError):
        kept[0].describe()


def test_callbacks_get_references_that_outlive_them(root: Any) -> None:
    kept: list[Any] = []
    root.each(lambda item: kept.append(item) or item)
    assert kept[0].describe() == "the item 1"


def test_a_callback_does_not_answer_in_time_and_only_its_call_fails(serve: Callable[..., Any]) -> None:
    site = serve(quotas={"callback": 0.3})
    silent = threading.Event()
    connection = site.connect()
    connection.root.keep(lambda value: silent.wait(20) or 1)
    other = site.connect().root
    began = time.monotonic()
    (said,) = other.call_kept(1)
    assert not said.isdigit()
    assert time.monotonic() - began < 10
    assert other.add(1) == 2
    silent.set()
    connection.close()
