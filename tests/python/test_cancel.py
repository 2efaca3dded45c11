"""Cancelling crosses: what the caller does not want any more ends where it runs."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pynto
import pytest
import toil
from rawpeer import CANCEL, ERROR, RETURN, Mine, RawPeer

GENEROUS = 60.0  # for a machine that is much slower
CANCELLED = [ERROR, ["Cancelled", "cancelled", None, None]]


@pytest.fixture(scope="module")
def policy_file(generate: Any) -> Path:
    path: Path = generate("toil:Worker")
    return path


@pytest.fixture
def worker(serve: Callable[..., Any], policy_file: Path) -> Any:
    """A Worker, served by threads in the background."""
    return serve(toil.Worker(), policy=policy_file, quotas={"call_seconds": GENEROUS})


@contextlib.contextmanager
def raw(site: Any) -> Iterator[RawPeer]:
    with RawPeer(site.address.removeprefix("unix://"), timeout=GENEROUS) as peer:
        peer.hello()
        yield peer


def runs(site: Any, until: Any, count: int = 1) -> None:
    """So many calls have begun."""
    until(lambda: len(site.target.begun) >= count)


def test_a_call_that_runs_is_ended_and_answered_so(worker: Any, until: Any) -> None:
    with raw(worker) as peer:
        peer.send([0, "work", ["loop"], {}])
        runs(worker, until)
        peer.send([CANCEL])
        assert peer.reply() == CANCELLED
        assert worker.target.seen == ["Cancelled: "]
        assert peer.call(0, "pause", [0.0]) == [RETURN, "slept"]


def test_in_the_main_thread_even_a_sleep_is(serve_child: Callable[..., Any], policy_file: Path, until: Any) -> None:
    child = serve_child("--quota", f"call_seconds={GENEROUS}", target="toil:Worker", policy=policy_file)
    with RawPeer(child.address.removeprefix("unix://"), timeout=GENEROUS) as peer:
        peer.hello()
        peer.send([0, "work", ["sleep"], {}])
        time.sleep(0.2)  # it need not have begun: then it is not
        peer.send([CANCEL])
        assert peer.reply() == CANCELLED
        assert peer.call(0, "history")[1] in ([], ["Cancelled: "])


def test_a_call_that_waits_for_another_connections_turn_is_not_begun(worker: Any, until: Any) -> None:
    with raw(worker) as busy, raw(worker) as peer:
        busy.send([0, "work", ["loop"], {}])
        runs(worker, until)
        before = worker.calls
        peer.send([0, "work", ["loop"], {}], lane=2)
        until(lambda: worker.calls == before + 1)
        peer.send([CANCEL], lane=2)
        busy.send([CANCEL])
        assert busy.reply() == CANCELLED
        assert peer.reply() == CANCELLED
        assert len(worker.target.begun) == 1


def test_a_call_whose_callback_is_out_is_answered_behind_it(worker: Any, until: Any) -> None:
    with raw(worker) as peer:
        peer.send([0, "call", [Mine(1)], {}])
        assert peer.reply()[1:] == ["__call__", [1], {}]
        peer.send([CANCEL])
        assert peer.reply() == [CANCEL]  # the callback is not wanted any more
        peer.send([RETURN, 7])
        assert peer.reply() == CANCELLED
        assert peer.call(0, "pause", [0.0]) == [RETURN, "slept"]


def test_a_coroutine_is_cancelled(worker: Any) -> None:
    with raw(worker) as peer:
        peer.send([0, "nap", [GENEROUS], {}])
        peer.send([CANCEL])
        assert peer.reply() == CANCELLED


def test_a_client_that_has_gone_cancels_what_runs_for_it(worker: Any, until: Any) -> None:
    with raw(worker) as peer:
        peer.send([0, "work", ["swallow"], {}])
        runs(worker, until)
    until(lambda: worker.connect().root.pause(0.0) == "slept", timeout=GENEROUS)


def test_a_deadline_cancels_at_the_server_whatever_the_method_does(worker: Any, until: Any) -> None:
    root = worker.connect().root
    with pytest.raises(pynto.DeadlineExceeded), pynto.deadline(0.1):
        root.work("swallow")
    assert root.pause(0.0) == "slept"


def test_ctrl_c_in_a_waiting_client_ends_the_call_at_the_server(
    worker: Any, start_child: Callable[..., Any], until: Any
) -> None:
    program = f"""
import signal, pynto
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever has started us may ignore it
connection = pynto.connect({worker.address!r})
try:
    connection.root.work("loop")
except KeyboardInterrupt:
    print("interrupted, then", connection.root.pause(0.0), flush=True)
"""
    child = start_child(sys.executable, "-c", program)
    runs(worker, until)
    os.kill(child.pid, signal.SIGINT)
    assert child.line(GENEROUS) == "interrupted, then slept"
    assert worker.target.seen == ["Cancelled: "]


def test_a_cancel_of_a_lane_of_another_connections_does_nothing(worker: Any, until: Any) -> None:
    with raw(worker) as victim, raw(worker) as attacker:
        victim.send([0, "pause", [0.3], {}], lane=6)
        attacker.send([CANCEL], lane=6)
        attacker.send([CANCEL], lane=0)
        assert victim.reply() == [RETURN, "slept"]


def test_a_cancel_that_comes_too_late_ends_nothing_else(worker: Any) -> None:
    """The lane may serve another call by then: none has begun when the cancel is read."""
    with raw(worker) as peer:
        for _ in range(100):
            assert peer.call(0, "pause", [0.0], lane=4) == [RETURN, "slept"]
            peer.send([CANCEL], lane=4)
            assert peer.call(0, "pause", [0.0], lane=4) == [RETURN, "slept"]


def test_a_race_of_cancels_and_answers_gives_one_answer_each(worker: Any) -> None:
    answers = [CANCELLED, [RETURN, "slept"]]
    with raw(worker) as peer:
        for number in range(300):
            peer.send([0, "pause", [0.0], {}], lane=2)
            if number % 3 == 0:
                time.sleep(0.0002 * (number % 7))
            peer.send([CANCEL], lane=2)
            assert peer.reply() in answers
        peer.send([-9, 5])
        assert peer.reply() == [-10, 5]  # and nothing else


def test_a_cancel_that_meets_the_end_of_its_call_ends_none_that_follows(
    serve_child: Callable[..., Any], policy_file: Path
) -> None:
    """The server's own clock ends the call in the same moment: what is about to be answered takes the cancel along."""
    child = serve_child("--quota", "refusals=100000", target="toil:Worker", policy=policy_file)
    with pynto.connect(child.address) as connection:
        root = connection.root
        for _ in range(400):
            with pytest.raises(pynto.DeadlineExceeded), pynto.deadline(0.002):
                root.nap(GENEROUS)
            assert root.pause(0.0) == "slept"


def test_a_call_inside_of_one_that_is_given_up_has_an_answer_of_its_own(worker: Any) -> None:
    """The outer one comes to its end while the inner one waits for its turn: who was called last is answered first all the same."""
    with raw(worker) as peer:
        for number in range(1, 4):
            peer.send([0, "call_and_pause", [Mine(number), 0.2], {}])
            assert peer.reply() == [number, "__call__", [1], {}]
            peer.send([CANCEL])
            assert peer.reply() == [CANCEL]
            assert peer.call(0, "pause", [0.0]) == [RETURN, "slept"]
            peer.send([RETURN, 1])
            assert peer.reply() == CANCELLED


def test_threads_that_give_up_all_the_time_leave_a_connection_that_works(worker: Any, in_thread: Any) -> None:
    root = worker.connect().root

    def work(number: int) -> int:
        given_up = 0
        for step in range(20):
            try:
                with pynto.deadline(0.001 * (1 + (number + step) % 5)):
                    root.pause(0.002)
            except pynto.DeadlineExceeded:
                given_up += 1
        return given_up

    tasks = [in_thread(lambda number=number: work(number)) for number in range(4)]
    assert sum(task.result(GENEROUS) for task in tasks) > 0
    assert root.pause(0.0) == "slept"


def test_an_exception_that_was_left_for_a_call_never_meets_the_next_one(worker: Any) -> None:
    """The interrupt and the end of the call race: a thousand short calls behind cancelled ones are left alone."""
    root = worker.connect().root
    for _ in range(100):
        with contextlib.suppress(pynto.DeadlineExceeded), pynto.deadline(0.004):
            root.spin(0.004)
        for _ in range(5):
            assert root.pause(0.0) == "slept"


def test_no_thread_is_left_behind(worker: Any, until: Any) -> None:
    before = threading.active_count()
    for _ in range(20):
        with raw(worker) as peer:
            peer.send([0, "work", ["loop"], {}])
    until(lambda: worker.server.stats()["connections"] == 0)
    until(lambda: threading.active_count() <= before + 2)
