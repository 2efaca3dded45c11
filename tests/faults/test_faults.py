"""Whatever fails once, at any place, ends a call or a connection with a reason; the next one finds everything as it was.

PYNTO_TEST_LONG=1 tools/test python -- tests/faults     every place instead of some
"""

from __future__ import annotations

import errno
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from rig import BYTES_IN, BYTES_OUT, CALLS, FUNCTIONS, MEMORY, PARTS_LEN, PYTHON, SHORT

ENDS = ("server", "client")
EVERYWHERE = [(end, scheme, "") for end in ENDS for scheme in ("unix", "pynto")]


# ---- memory ----


@pytest.mark.parametrize(("end", "scheme", "kind"), [*EVERYWHERE, ("client", "unix", "async")])
def test_an_allocation_of_the_core_that_fails_fails_one_call_or_one_connection(
    rig: Any, some: Any, end: str, scheme: str, kind: str
) -> None:
    made = rig(end, scheme, kind)
    hit = 0
    for at in some(made.count(MEMORY), 16):
        verdict = made.play(kind=MEMORY, at=at)
        made.check(verdict)
        hit += verdict["hit"]
    assert hit > 10
    made.is_as_before()


@pytest.mark.parametrize(("end", "scheme", "kind"), EVERYWHERE)
def test_an_allocation_of_the_interpreter_that_fails_fails_one_call_or_one_connection(
    rig: Any, some: Any, end: str, scheme: str, kind: str
) -> None:
    made = rig(end, scheme, kind, name="interpreter")
    hit = 0
    for at in some(made.count(PYTHON), 24):
        verdict = made.play(kind=PYTHON, at=at)
        made.check(without_lost_steps(verdict))
        hit += verdict["hit"]
    assert hit > 12
    # Between dialling and the connection it is the interpreter that holds the descriptor, and a step of a task that asyncio has taken out of
    # its queue and has no memory for is gone, with the task.
    made.is_as_before(leeway=2, lost=2)


def without_lost_steps(verdict: dict[str, Any]) -> dict[str, Any]:
    """A step of a task that asyncio has no memory to take may be lost within it: then the call ends by its deadline."""
    late = [each for each in verdict["wrong"] if each.startswith("async: DeadlineExceeded")]
    return {**verdict, "wrong": [each for each in verdict["wrong"] if each not in late]}


# ---- system calls ----

READING = ("recv", "read", "recvmsg")
WRITING = ("send", "write", "sendmsg")
ANSWERS: dict[str, tuple[int, tuple[str, ...], bool]] = {  # which functions may give it, and whether nobody may notice
    "EINTR": (errno.EINTR, (*READING, *WRITING, "accept4", "epoll_wait", "poll"), True),
    "EAGAIN": (errno.EAGAIN, (*READING, *WRITING, "accept4", "eventfd_read"), True),
    "short": (SHORT, (*READING, *WRITING), True),
    "EPIPE": (errno.EPIPE, WRITING, False),
    "ECONNRESET": (errno.ECONNRESET, READING, False),
    "ECONNABORTED": (errno.ECONNABORTED, ("accept4",), True),
    "EMFILE": (errno.EMFILE, ("accept4", "socket", "eventfd"), False),
    "ENOMEM": (errno.ENOMEM, ("epoll_ctl", "mprotect", "poll", "socket"), False),
    "ENOBUFS": (errno.ENOBUFS, (*WRITING, "accept4", "setsockopt", "getsockopt"), False),
}


def mask(functions: tuple[str, ...]) -> int:
    return sum(1 << FUNCTIONS.index(name) for name in functions)


@pytest.mark.parametrize(("end", "scheme"), [(end, scheme) for end in ENDS for scheme in ("unix", "pynto")])
def test_a_system_call_may_answer_whatever_it_may_answer(rig: Any, some: Any, end: str, scheme: str) -> None:
    made = rig(end, scheme)
    for name, (error, functions, is_unseen) in ANSWERS.items():
        fault = {"kind": CALLS, "error": error, "mask": mask(functions)}
        for at in some(made.count(CALLS, mask=fault["mask"]), 8):
            verdict = made.play(at=at, **fault)
            try:
                made.check(verdict, strict=is_unseen)
            except AssertionError as wrong:
                raise AssertionError(f"{name} at {at}, {FUNCTIONS[verdict['last']]}: {wrong}") from None
    made.is_as_before()


@pytest.mark.parametrize("end", ENDS)
def test_bytes_may_come_and_go_one_by_one(rig: Any, end: str) -> None:
    made = rig(end)
    for functions in (READING, WRITING):
        verdict = made.play(kind=CALLS, at=0, times=3000, error=SHORT, mask=mask(functions))
        made.check(verdict, strict=True)
        assert verdict["hit"] >= 200
    made.is_as_before()


def test_every_system_call_of_the_product_is_answered_here_or_has_no_bad_day() -> None:
    """Whoever calls another one looks here whether its failures are tried."""
    from pynto import _core

    named = {line.split()[-1].split("@")[0] for line in imports(Path(_core.__file__)).splitlines()}
    tried = {function for _, functions, _ in ANSWERS.values() for function in functions}
    known = {"accept", "connect", "dup", "dup2", "epoll_create1", "eventfd_write", "fcntl", "fopen", "open", "openat"}
    asking = {each for each in named if each.startswith(("accept", "epoll_", "eventfd", "recv", "send", "open", "dup"))}
    asking |= named & {
        "read",
        "write",
        "readv",
        "writev",
        "poll",
        "ppoll",
        "select",
        "socket",
        "connect",
        "pipe2",
        "fcntl",
    }
    assert {"recv", "send", "epoll_wait", "accept4"} <= asking
    assert asking <= tried | known, asking - tried - known


def imports(library: Path) -> str:
    return subprocess.run(
        ["nm", "-D", "--undefined-only", str(library)], capture_output=True, text=True, timeout=30, check=True
    ).stdout


# ---- a peer that is gone ----


@pytest.mark.parametrize(("end", "scheme"), [(end, scheme) for end in ENDS for scheme in ("unix", "pynto")])
@pytest.mark.parametrize("kind", [BYTES_OUT, BYTES_IN], ids=["out", "in"])
def test_a_stream_that_is_cut_behind_any_byte_leaves_nothing_behind(
    rig: Any, some: Any, end: str, scheme: str, kind: int
) -> None:
    made = rig(end, scheme, "short")
    total = made.count(kind)
    assert total > 1500
    for at in some(total, 24):
        verdict = made.play(kind=kind, at=at)
        made.check(verdict)
        assert all("Disconnected" in each for each in verdict["failed"]), (at, verdict)
        if at < total * 0.9:  # when what is freed is told depends on time: sessions differ in length by some bytes
            failed = verdict["failed"]  # none, when it was noticed between two steps
            assert verdict["closed"] or (failed and failed[0].startswith("connect: ")), (at, verdict)
    made.is_as_before()


@pytest.mark.parametrize(("end", "scheme"), [("client", "unix"), ("server", "pynto")])
@pytest.mark.parametrize("kind", [BYTES_OUT, BYTES_IN], ids=["out", "in"])
def test_a_message_that_is_cut_in_any_of_its_parts_leaves_nothing_behind(
    rig: Any, some: Any, end: str, scheme: str, kind: int
) -> None:
    made = rig(end, scheme, "parts")
    total = made.count(kind)
    assert total > PARTS_LEN
    heads = range(1 << 20, (1 << 20) + 2048)  # where the second part begins, and what goes ahead of the first
    places = [
        *some(2048, 4),
        *(heads[at] for at in some(len(heads), 8)),
        *range(0, total, total // (4 * len(some(8, 4)))),
    ]
    for at in places:
        verdict = made.play(kind=kind, at=at)
        made.check(verdict)
        assert all("Disconnected" in each for each in verdict["failed"]), (at, verdict)
        if at < total * 0.9:
            assert verdict["closed"] or verdict["failed"], (at, verdict)
    made.is_as_before()


# ---- what was mended ----


@pytest.mark.parametrize("end", ENDS)
def test_a_signal_at_any_read_is_nobody_s_concern(rig: Any, some: Any, end: str) -> None:
    """A message so large that it is read to where it stays, too."""
    made = rig(end)
    step = 1 if len(some(100, 1)) == 100 else 6
    fault = {"kind": CALLS, "error": errno.EINTR, "mask": mask(("recv",))}
    for at in range(0, made.count(CALLS, mask=fault["mask"]), step):
        made.check(made.play(at=at, **fault), strict=True)
    made.is_as_before()


def test_a_deadline_that_there_was_no_memory_to_take_back_ends_nothing_else(rig: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("FAULTS_PATIENCE", "1")
    made = rig("server", name="impatient")
    began = time.monotonic()
    for at in range(30):  # the first calls of a thread are among them
        made.check(made.play(kind=PYTHON, at=at))
    while time.monotonic() < began + 1.5:  # now those deadlines are over
        made.check(made.play(kind=0, at=0), strict=True)
    made.is_as_before()
