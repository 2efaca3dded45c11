"""The watchdog: whatever a call does, its turn ends; and the others go on."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pynto
import pytest
import toil
from rawpeer import ERROR, RETURN, RawPeer

LIMIT = 0.2  # seconds
GENEROUS = 60.0  # for a machine that is much slower

# As far as one process can end them. What runs in one operation of C that looks for nothing, such as any(repeat(0)), needs a process.
ENDED_BY_SIGNAL = ["re", "power", "sleep", "lock", "queue", "sort", "json"]
ENDED_ANYWHERE = ["loop", "swallow", "swallow inside", "generator", "recursion", "compare", "del"]


@pytest.fixture(scope="module")
def policy_file(generate: Any) -> Path:
    path: Path = generate("toil:Worker")
    return path


@pytest.fixture
def worker(serve: Callable[..., Any], policy_file: Path) -> Callable[..., Any]:
    """worker(call_seconds=...): a Worker, served by threads in the background."""
    return lambda **quotas: serve(toil.Worker(), policy=policy_file, quotas=quotas)


@pytest.fixture
def worker_child(serve_child: Callable[..., Any], policy_file: Path) -> Callable[..., Any]:
    """worker_child(call_seconds=...): the same, served by the main thread of a process."""

    def start(*options: str, **quotas: float) -> Any:
        given = [part for name, value in quotas.items() for part in ("--quota", f"{name}={value}")]
        return serve_child(*given, *options, target="toil:Worker", policy=policy_file)

    return start


def call_that_ends(root: Any, kind: str) -> pynto.DeadlineExceeded:
    began = time.monotonic()
    with pytest.raises(pynto.DeadlineExceeded) as caught:
        root.work(kind)
    assert time.monotonic() - began < GENEROUS
    return caught.value


# ---- every row of the table ----


@pytest.mark.parametrize("kind", ENDED_ANYWHERE + ENDED_BY_SIGNAL)
def test_whatever_runs_in_the_main_thread_is_ended(worker_child: Callable[..., Any], kind: str) -> None:
    """J07: a regular expression without end is among them."""
    child = worker_child(call_seconds=LIMIT)
    with pynto.connect(child.address) as connection, pynto.connect(child.address) as other:
        error = call_that_ends(connection.root, kind)
        assert (error.where, error.limit) == ("peer", "call_seconds")
        assert connection.root.pause(0.0) == "slept"
        assert other.root.pause(0.0) == "slept"


@pytest.mark.parametrize("kind", [kind for kind in ENDED_ANYWHERE if kind != "del"])
def test_python_code_is_ended_in_any_thread(worker: Callable[..., Any], kind: str) -> None:
    served = worker(call_seconds=LIMIT)
    root = served.connect().root
    error = call_that_ends(root, kind)
    assert (error.where, error.limit) == ("peer", "call_seconds")
    assert root.pause(0.0) == "slept"
    assert served.connect().root.pause(0.0) == "slept"


def test_a_thousand_ends_leave_a_server_that_works(worker: Callable[..., Any]) -> None:
    root = worker(call_seconds=0.001, cpu_burst=1000).connect().root
    for _ in range(100):
        call_that_ends(root, "loop")
    served = worker(call_seconds=GENEROUS)
    assert served.connect().root.pause(0.0) == "slept"


# ---- what the call and its caller see ----


def test_the_call_sees_why_it_is_ended(worker_child: Callable[..., Any]) -> None:
    child = worker_child(call_seconds=LIMIT)
    with pynto.connect(child.address) as connection:
        call_that_ends(connection.root, "sleep")
        assert connection.root.history() == ("DeadlineExceeded: call_seconds",)


def test_what_is_returned_too_late_is_not_sent(worker: Callable[..., Any]) -> None:
    with pytest.raises(pynto.DeadlineExceeded, match="call_seconds"):
        worker(call_seconds=LIMIT).connect().root.swallow_once(0.0)


def test_a_call_that_ends_in_time_is_left_alone(worker: Callable[..., Any]) -> None:
    root = worker(call_seconds=GENEROUS).connect().root
    assert root.pause(0.1) == "slept"
    assert root.spin(0.1) == "spun"


def test_waiting_for_a_client_or_in_a_coroutine_holds_no_turn(worker: Callable[..., Any]) -> None:
    root = worker(call_seconds=LIMIT).connect().root

    def slow(value: int) -> int:
        time.sleep(3 * LIMIT)
        return value

    assert root.call(slow) == 1
    assert root.nap(3 * LIMIT) == "napped"


def test_finalizers_and_texts_of_exceptions_are_ended_as_well(worker_child: Callable[..., Any]) -> None:
    child = worker_child(call_seconds=LIMIT)
    with pynto.connect(child.address) as connection:
        root = connection.root
        held = root.linger()
        pynto.release(held)
        assert root.pause(0.0) == "slept"
        with pytest.raises((TimeoutError, pynto.RemoteError)):
            root.unprintable()
        assert root.pause(0.0) == "slept"


# ---- CPU time ----


def test_cpu_time_is_not_wall_time(worker: Callable[..., Any]) -> None:
    root = worker(cpu_seconds=LIMIT, call_seconds=GENEROUS).connect().root
    assert root.pause(3 * LIMIT) == "slept"
    error = call_that_ends(root, "loop")
    assert error.limit == "cpu_seconds"


def test_a_connection_that_has_used_up_its_cpu_time_waits_and_the_others_do_not(
    worker: Callable[..., Any], until: Any
) -> None:
    served = worker(cpu_burst=LIMIT, cpu_share=0.02, cpu_seconds=GENEROUS, call_seconds=GENEROUS)
    greedy, honest = served.connect().root, served.connect().root
    error = call_that_ends(greedy, "loop")
    assert error.limit == "cpu_burst"
    with pytest.raises(pynto.QuotaExceeded, match=r"^cpu_burst: 0\.2$"):
        for _ in range(50):  # the end of the call may have taken longer than what has come back since
            with contextlib.suppress(pynto.DeadlineExceeded):
                greedy.spin(0.05)
    assert honest.spin(0.01) == "spun"

    def is_forgiven() -> bool:
        try:
            return bool(greedy.pause(0.0))
        except (pynto.QuotaExceeded, pynto.DeadlineExceeded):  # refused, or ended for the little that was there
            return False

    until(is_forgiven, timeout=GENEROUS)


def test_many_short_calls_are_counted_too(worker: Callable[..., Any]) -> None:
    """Each is over between two looks of the watchdog."""
    root = worker(cpu_burst=0.3, cpu_share=0.01).connect().root
    with pytest.raises((pynto.QuotaExceeded, pynto.DeadlineExceeded), match="cpu_burst"):
        for _ in range(2000):
            root.spin(0.001)


# ---- the deadline of the caller ----


def test_a_deadline_ends_the_call_at_the_server(worker: Callable[..., Any], until: Any) -> None:
    served = worker(call_seconds=GENEROUS)
    with RawPeer(served.address.removeprefix("unix://"), timeout=GENEROUS) as peer:
        peer.hello()
        peer.send([-11, 0, "work", ["loop"], {}, {"within": 100_000}])
        assert peer.reply() == [ERROR, ["DeadlineExceeded", "deadline: ended when its time was over", None, None]]
        assert peer.call(0, "history") == [RETURN, ["DeadlineExceeded: deadline"]]


def test_no_number_of_the_clients_outlasts_the_quota(worker: Callable[..., Any]) -> None:
    served = worker(call_seconds=LIMIT)
    with RawPeer(served.address.removeprefix("unix://"), timeout=GENEROUS) as peer:
        peer.hello()
        peer.send([-11, 0, "work", ["loop"], {}, {"within": 2**63 - 1}])
        assert peer.reply()[1][:2] == ["DeadlineExceeded", "call_seconds: 0.2"]


def test_a_coroutine_is_cancelled_when_its_time_is_over(worker: Callable[..., Any]) -> None:
    root = worker().connect().root
    with pytest.raises(pynto.DeadlineExceeded), pynto.deadline(LIMIT):
        root.nap(GENEROUS)
    assert root.nap(0.0) == "napped"


# ---- the threads ----


def test_calls_run_in_the_main_thread_and_elsewhere_only_while_it_waits(worker_child: Callable[..., Any]) -> None:
    child = worker_child()
    with pynto.connect(child.address) as connection, pynto.connect(child.address) as other:
        root = connection.root
        assert {root.thread() for _ in range(200)} == {1}
        assert root.call(lambda value: other.root.thread()) == 0
        assert root.thread() == 1


def test_pings_and_refusals_are_answered_while_the_main_thread_is_busy(
    worker_child: Callable[..., Any], in_thread: Any
) -> None:
    child = worker_child(call_seconds=GENEROUS)
    with pynto.connect(child.address) as busy, RawPeer(child.address.removeprefix("unix://"), timeout=GENEROUS) as peer:
        peer.hello()
        working = in_thread(lambda: busy.root.pause(2.0))
        for token in range(20):
            peer.send([-9, token])
            assert peer.reply() == [-10, token]
            assert peer.call(0, "no_such_method")[1][0] == "Refused"
            time.sleep(0.01)
        assert working.is_alive()
        assert working.result() == "slept"
        assert peer.call(0, "thread") == [RETURN, 1]


def test_a_handler_of_somebody_elses_is_left_alone(run_python: Callable[..., Any], policy_file: Path) -> None:
    done = run_python(f"""
import signal, threading, pynto, toil
seen = []
signal.signal(signal.SIGURG, lambda *_: seen.append(1))
server = pynto.Server(toil.Worker(), policy={str(policy_file)!r}, listen="tcp://127.0.0.1:0", quotas={{"call_seconds": 0.1}})
def use():
    with pynto.connect(server.address) as connection:
        try:
            connection.root.work("loop")
        except pynto.DeadlineExceeded as error:
            print(error.limit)
    server.stop()
threading.Thread(target=use).start()
server.run()
server.close()
print(seen, signal.getsignal(signal.SIGURG).__name__)
""")
    assert (done.stdout, done.returncode) == ("call_seconds\n[] <lambda>\n", 0), done.stderr


def test_the_signal_is_given_back_when_the_server_has_stopped(
    run_python: Callable[..., Any], policy_file: Path
) -> None:
    done = run_python(f"""
import signal, threading, pynto, toil
server = pynto.Server(toil.Worker(), policy={str(policy_file)!r}, listen="tcp://127.0.0.1:0")
threading.Timer(0.2, server.stop).start()
server.run()
server.close()
print(signal.getsignal(signal.SIGURG) is signal.SIG_DFL)
""")
    assert (done.stdout, done.returncode) == ("True\n", 0), done.stderr


# ---- what cannot be ended ----


def test_what_cannot_be_ended_is_an_alarm_and_if_so_wanted_the_end_of_the_process(
    worker_child: Callable[..., Any],
) -> None:
    child = worker_child("--exit-stuck", call_seconds=LIMIT)
    with pynto.connect(child.address) as connection, pytest.raises((pynto.Disconnected, pynto.ProtocolError)):
        connection.root.work("any")
    assert child.wait(GENEROUS) == 70
    assert "a call of unix" in child.stderr and "does not end" in child.stderr


# ---- the price ----


def test_the_watchdog_costs_nothing_when_nothing_runs_and_little_when_something_does(
    worker_child: Callable[..., Any],
) -> None:
    child = worker_child(call_seconds=GENEROUS)

    def used() -> int:
        """CPU time of the process in hundredths of a second, the steps of its clock."""
        fields = Path(f"/proc/{child.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    with pynto.connect(child.address) as connection:
        connection.root.pause(0.0)
        time.sleep(0.1)
        before = used()
        connection.root.pause(3.0)
        assert used() - before <= 6  # 2 %
        before = used()
        time.sleep(1.0)
        assert used() - before <= 1


def test_the_names_are_threads_that_can_be_found(worker: Callable[..., Any]) -> None:
    worker(call_seconds=LIMIT).connect().root.pause(0.0)
    assert "pynto-interrupt" in {thread.name for thread in threading.enumerate()}
