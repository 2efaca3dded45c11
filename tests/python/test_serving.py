"""Calls that the server makes by itself run where the client has chosen."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pynto
import pytest

GENEROUS = 60.0


@pytest.fixture
def publish(site: Any, in_thread: Callable[..., Any]) -> Callable[[str], Any]:
    """publish("text"): another client makes the server call all listeners; the task, whose result is how many were told."""
    other = site.connect()
    return lambda text: in_thread(lambda: other.root.publish(text))


@pytest.fixture
def quiet(site: Any) -> Iterator[Any]:
    """A connection that serves in no background, with a listener that notes what it hears, and in which thread."""
    connection = site.connect(background=False)
    connection.heard = []
    connection.root.subscribe(lambda text: connection.heard.append((text, threading.get_ident())))
    yield connection
    connection.close()


def test_by_default_they_run_in_the_background(site: Any, publish: Any) -> None:
    connection = site.connect()
    heard: list[int] = []
    connection.root.subscribe(lambda text: heard.append(threading.get_ident()))
    assert publish("hello").result() == 1
    assert heard and heard[0] != threading.get_ident()
    with pytest.raises(RuntimeError, match="in the background"):
        connection.serve(0)


def test_serve_runs_them_in_the_thread_that_calls_it(quiet: Any, publish: Any) -> None:
    task = publish("hello")
    while not quiet.heard:
        quiet.serve(0.1)
    assert quiet.heard == [("hello", threading.get_ident())]
    assert task.result() == 1


def test_serve_counts_what_it_has_run_and_goes_when_its_time_is_over(quiet: Any, publish: Any) -> None:
    began = time.monotonic()
    assert quiet.serve(0.05) == 0
    assert quiet.serve(0) == 0
    assert 0.05 <= time.monotonic() - began < GENEROUS
    tasks = [publish(str(number)) for number in range(3)]
    count = 0
    while count < 3:
        count += quiet.serve(0.1)
    assert [task.result() for task in tasks] == [1, 1, 1]
    assert sorted(text for text, _ in quiet.heard) == ["0", "1", "2"]


def test_a_deadline_ends_it_as_well(quiet: Any) -> None:
    with pynto.deadline(0.05):
        assert quiet.serve() == 0
        assert quiet.serve(GENEROUS) == 0


@pytest.mark.parametrize("timeout", [-1, float("nan"), float("inf"), "1"])
def test_what_is_no_time_is_refused(quiet: Any, timeout: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        quiet.serve(timeout)


def test_until_then_they_wait_and_cost_nothing(quiet: Any, publish: Any) -> None:
    task = publish("hello")
    before = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - before < 0.25
    assert quiet.heard == [] and task.is_alive()
    assert quiet.root.add(1, 2) == 3  # its own calls go on
    while not quiet.heard:
        quiet.serve(0.1)
    assert task.result() == 1


def test_what_is_called_back_during_a_call_runs_in_its_thread_all_the_same(quiet: Any) -> None:
    seen: list[int] = []
    assert quiet.root.apply(lambda value: seen.append(threading.get_ident()) or value, 5) == 5
    assert seen == [threading.get_ident()]


def test_serve_returns_when_the_connection_is_over(site: Any, quiet: Any, in_thread: Any) -> None:
    serving = in_thread(lambda: quiet.serve())
    site.server.close()
    assert serving.result(GENEROUS) == 0
    assert quiet.serve() == 0


def test_what_ends_a_program_goes_on_from_serve(site: Any, publish: Any) -> None:
    connection = site.connect(background=False)

    def stop(text: str) -> None:
        raise KeyboardInterrupt(text)

    connection.root.subscribe(stop)
    task = publish("stop")
    with pytest.raises(KeyboardInterrupt, match="stop"):
        connection.serve(GENEROUS)
    assert task.result() == 0


def test_an_ordinary_exception_is_the_servers(site: Any, publish: Any) -> None:
    connection = site.connect(background=False)
    told: list[str] = []

    def fail(text: str) -> None:
        told.append(text)
        raise ValueError(text)

    connection.root.subscribe(fail)
    task = publish("no")
    while not told:
        connection.serve(0.1)
    assert task.result() == 0
    assert connection.root.add(1, 1) == 2


def test_ctrl_c_ends_serve(site: Any, start_child: Callable[..., Any]) -> None:
    program = f"""
import signal, pynto
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever has started us may ignore it
connection = pynto.connect({site.address!r}, background=False)
print("ready", flush=True)
try:
    connection.serve()
except KeyboardInterrupt:
    print("interrupted", connection.root.add(1, 2), flush=True)
"""
    child = start_child(sys.executable, "-c", program)
    assert child.line() == "ready"
    with contextlib.suppress(AssertionError):
        time.sleep(0.1)
    os.kill(child.pid, signal.SIGINT)
    assert child.line() == "interrupted 3"
