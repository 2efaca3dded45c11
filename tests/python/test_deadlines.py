"""Deadlines: nothing limits a call but what the program says; what is left travels; the error says who was too slow."""

from __future__ import annotations

import contextvars
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pynto
import pytest
import timed
from rawpeer import CANCEL, ERROR, HELLO, RETURN, Mine, RawPeer

SOON = 0.05  # seconds: over while the other side is still at it
LONG = 60.0  # never reached by a test that passes


@pytest.fixture(scope="module")
def policy(generate: Any) -> pynto.Policy:
    return pynto.Policy.load(generate("timed:Clock"))


@pytest.fixture
def clock(serve: Callable[..., Any], policy: pynto.Policy) -> Any:
    return serve(timed.Clock(), policy=policy)


# ---- the context ----


def test_a_deadline_inside_of_another_never_prolongs_it() -> None:
    with pynto.deadline(10.0) as outer:
        with pynto.deadline(1000.0):
            assert outer.left <= 10.0
        with pynto.deadline(1.0):
            assert outer.left <= 1.0
        assert outer.left > 1.0
    assert outer.left == math.inf


def test_one_object_may_be_entered_again_and_again() -> None:
    limit = pynto.deadline(5.0)
    with limit, limit:
        assert limit.left <= 5.0
    with limit:
        assert limit.left > 0
    assert limit.left == math.inf


def test_a_deadline_is_gone_when_its_block_fails() -> None:
    with pytest.raises(KeyError), pynto.deadline(5.0):
        raise KeyError
    assert not timed.has_deadline()


@pytest.mark.parametrize("seconds", [1e300, math.inf])
def test_no_deadline_is_too_far_off(clock: Any, seconds: float) -> None:
    with pynto.deadline(seconds):
        assert clock.connect().root.left() > 1e6


def test_not_a_number_is_no_deadline() -> None:
    with pytest.raises(ValueError, match="number of seconds"):
        pynto.deadline(math.nan)


def test_a_deadline_belongs_to_its_context_and_goes_with_a_copy_of_it(clock: Any, in_thread: Any) -> None:
    root = clock.connect().root
    with pynto.deadline(LONG):
        inherited = contextvars.copy_context()
        assert in_thread(root.left).result() == math.inf
    assert in_thread(lambda: inherited.run(root.left)).result() <= LONG


# ---- no hidden timeout ----


def test_nothing_limits_a_call_of_a_client_by_default() -> None:
    """Quotas of a client that end a wait by themselves: that of the hello, which is no call, and none else below a day."""
    limits = pynto._core.quotas(None, True)
    assert {name: limits[name] for name in ("hello", "stall")} == {"hello": 10.0, "stall": 86400.0}


def test_without_a_deadline_a_call_is_a_plain_one_and_within_one_it_says_what_is_left(in_thread: Any) -> None:
    ours, theirs = socket.socketpair()

    def use() -> None:
        fd = ours.detach()
        with pynto.Connection(fd, fd, "raw") as connection:
            connection.root.echo(1)
            with pynto.deadline(2.0):
                connection.root.echo(2)

    client = in_thread(use)
    with RawPeer(theirs) as peer:
        assert peer.recv_message()[0] == HELLO
        peer.send([HELLO, "pynto", 1, None, {}])
        peer.send([-5, 1, {"interfaces": {"m:Root": {"methods": {"echo": "(int, /) -> int"}}}}])
        peer.send([RETURN, Mine(0, 1)])
        assert peer.reply() == [0, "echo", [1], {}]
        peer.send([RETURN, 1])
        asked = peer.reply()
        assert asked[:5] == [-11, 0, "echo", [2], {}]
        assert list(asked[5]) == ["within"] and 0 < asked[5]["within"] <= 2_000_000
        peer.send([RETURN, 2])
        client.result()


# ---- our own wait ----


@pytest.mark.parametrize("call", ["wait", "nap", "late"])
def test_who_waits_gives_up_in_time_and_the_connection_lives(clock: Any, call: str) -> None:
    root = clock.connect().root
    began = time.monotonic()
    with pytest.raises(pynto.DeadlineExceeded) as caught, pynto.deadline(SOON):
        _ = root.late if call == "late" else getattr(root, call)(2.0)
    assert time.monotonic() - began < 2.0
    assert caught.value.where in ("waiting", "peer") and caught.value.limit == "deadline"
    assert root.left() == math.inf


def test_a_deadline_that_is_over_sends_nothing(clock: Any) -> None:
    connection = clock.connect()
    root = connection.root
    before = clock.calls
    for _ in range(3):
        with pytest.raises(pynto.DeadlineExceeded, match="over before the call") as caught, pynto.deadline(0):
            root.left()
        assert caught.value.where == "waiting"
    root.left()
    assert clock.calls == before + 1


def test_what_the_late_answer_brings_is_given_back(clock: Any, until: Any) -> None:
    connection = clock.connect()
    root = connection.root
    with pytest.raises(pynto.DeadlineExceeded), pynto.deadline(SOON):
        root.item(0.3)
    until(lambda: clock.calls >= 1)
    until(lambda: connection.usage()["lent"] <= 1, why="the late reference is not held")
    root.left()
    until(lambda: root.left() == math.inf and connection.usage()["lent"] <= 1)


def test_an_answer_that_is_kept_is_the_same_with_and_without_a_deadline(clock: Any) -> None:
    root = clock.connect().root
    with pynto.deadline(LONG):
        assert root.fact() == 42
        assert root.fact() == 42
    assert root.fact() == 42
    assert clock.target.started == ["fact"]


def test_each_thread_has_its_own_deadline(clock: Any, in_thread: Any) -> None:
    root = clock.connect().root

    def impatient() -> str:
        try:
            with pynto.deadline(SOON):
                root.nap(LONG)
        except pynto.DeadlineExceeded as error:
            return error.where
        return "no"

    patient = in_thread(lambda: root.nap(0.5))
    assert {in_thread(impatient).result() for _ in range(4)} <= {"waiting", "peer"}
    patient.result()


def test_connecting_is_limited_as_well(tmp_path: Path) -> None:
    silent = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    silent.bind(f"{tmp_path}/silent.sock")
    silent.listen()
    with pytest.raises(pynto.DeadlineExceeded) as caught, pynto.deadline(SOON):
        pynto.connect(f"unix://{tmp_path}/silent.sock")
    assert caught.value.where == "waiting"
    with pytest.raises(pynto.DeadlineExceeded), pynto.deadline(0):
        pynto.connect(f"unix://{tmp_path}/silent.sock")
    silent.close()


def test_sending_is_limited_as_well_and_what_is_left_of_the_message_goes_later(in_thread: Any) -> None:
    ours, theirs = socket.socketpair()
    data = bytes(4_000_000)

    def use() -> list[str]:
        seen = []
        fd = ours.detach()
        with pynto.Connection(fd, fd, "raw") as connection:
            root = connection.root
            with pytest.raises(pynto.DeadlineExceeded) as caught, pynto.deadline(0.2):
                root.size(data)
            seen.append(caught.value.where)
            gave_up.set()
            seen.append(str(root.size(b"12")))
        return seen

    gave_up = threading.Event()
    client = in_thread(use)
    with RawPeer(theirs, timeout=20.0) as peer:
        peer.recv_message()
        peer.send([HELLO, "pynto", 1, None, {}])
        peer.send([-5, 1, {"interfaces": {"m:Root": {"methods": {"size": "(bytes, /) -> int"}}}}])
        peer.send([RETURN, Mine(0, 1)])
        assert gave_up.wait(20.0)
        first = peer.reply()
        assert first[0] == -11 and len(first[3][0]) == len(data)
        assert peer.reply() == [CANCEL]
        first_lane = peer.in_lane
        second = peer.reply()
        assert second[1:] == ["size", [b"12"], {}]
        second_lane = peer.in_lane
        peer.send([RETURN, 4_000_000], lane=first_lane)
        peer.send([RETURN, 2], lane=second_lane)
        assert client.result() == ["waiting", "2"]


# ---- at the server ----


def test_a_call_knows_what_is_left_and_so_does_its_coroutine(clock: Any) -> None:
    root = clock.connect().root
    with pynto.deadline(LONG):
        assert 0 < root.left() <= LONG
        assert 0 < root.left_there() <= LONG
    assert root.left() == math.inf
    assert root.left_there() == math.inf


def test_a_call_whose_time_is_over_before_its_turn_is_not_run(clock: Any, policy: pynto.Policy) -> None:
    with RawPeer(clock.address.removeprefix("unix://")) as peer:
        peer.hello()
        peer.send([-11, 0, "wait", [0.0], {}, {"within": 0}])
        kind, (name, text, *_) = peer.reply()
        assert (kind, name, text[:10]) == (ERROR, "DeadlineExceeded", "deadline: ")
        peer.send([-12, [[0, "wait", [0.0], {}], [0, "left", [], {}]], {"within": 0}])
        assert [peer.reply()[1][0] for _ in range(2)] == ["DeadlineExceeded"] * 2
        assert clock.target.started == []
        assert peer.call(0, "left") == [RETURN, math.inf]


def test_the_answer_of_the_peer_says_that_it_was_the_peer(in_thread: Any) -> None:
    for details, where in (([], "peer"), ([{"beyond": True}], "beyond")):
        ours, theirs = socket.socketpair()

        def use(ours: socket.socket = ours) -> pynto.DeadlineExceeded:
            fd = ours.detach()
            with (
                pynto.Connection(fd, fd, "raw") as connection,
                pytest.raises(pynto.DeadlineExceeded, match="call_seconds: 10") as caught,
            ):
                connection.root.echo(1)
            return caught.value

        client = in_thread(use)
        with RawPeer(theirs) as peer:
            peer.recv_message()
            peer.send([HELLO, "pynto", 1, None, {}])
            peer.send([-5, 1, {"interfaces": {"m:Root": {"methods": {"echo": "(int, /) -> int"}}}}])
            peer.send([RETURN, Mine(0, 1)])
            peer.reply()
            peer.send([ERROR, ["DeadlineExceeded", "call_seconds: 10", None, None], *details])
            error = client.result()
        assert (error.where, error.limit) == (where, "call_seconds")


# ---- others ----


def test_a_callback_has_what_is_left_and_its_own_calls_too(clock: Any) -> None:
    root = clock.connect().root
    seen: list[float] = []

    def note(value: int) -> int:
        seen.append(pynto.deadline(0).left)
        seen.append(root.left())
        return value

    with pynto.deadline(LONG):
        assert root.apply(note, 7) == 7
    assert all(0 < left <= LONG for left in seen) and len(seen) == 2


def test_a_server_that_does_not_wait_for_a_slow_client_answers_when_that_has_answered(clock: Any) -> None:
    root = clock.connect().root
    called = threading.Event()

    def slow(value: int) -> int:
        called.wait(0.3)
        return value

    assert root.try_apply(lambda value: value, LONG) == "got 1"
    assert root.try_apply(slow, SOON) == "waiting: deadline"
    assert root.try_apply(lambda value: value, LONG) == "got 1"


def test_a_server_may_call_its_client_again_while_a_callback_is_overdue(clock: Any) -> None:
    root = clock.connect().root
    again = threading.Event()

    def slow(value: int) -> int:
        assert again.wait(20.0)
        return value

    def quick(value: int) -> int:
        again.set()
        return value

    assert root.try_twice(slow, quick, SOON) == "waiting: deadline, then 2"


def test_the_error_says_that_it_was_a_third_party(serve: Callable[..., Any], policy: pynto.Policy) -> None:
    far = serve(timed.Clock(), policy=policy)
    near = serve(timed.Clock(far.connect().root), policy=policy)
    near.connect().root.ask_other(0.0)
    with RawPeer(near.address.removeprefix("unix://"), timeout=20.0) as peer:  # it waits as long as it takes
        peer.hello()
        peer.send([-11, 0, "ask_other", [0.5], {}, {"within": 50_000}])
        head, details = peer.reply()[1:]
        assert head[0] == "DeadlineExceeded" and head[1].startswith("deadline: ")
        assert details == {"beyond": True}


def test_an_iterator_read_ahead_has_a_deadline_too(clock: Any) -> None:
    with pynto.deadline(LONG):
        assert list(clock.connect().root.count(300)) == list(range(300))


@pytest.fixture(autouse=True)
def no_deadline_is_left_behind() -> Iterator[None]:
    yield
    assert not timed.has_deadline()
