"""What is left of the interpreter's own state when there is no memory for a moment. All of a session: tests/faults."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import pynto
import pytest
from pynto import deadlines, keeper, threads


def test_a_thread_that_others_depend_on_goes_on_when_there_is_memory_again() -> None:
    tries = []

    def step() -> None:
        tries.append(1)
        if len(tries) < 4:
            raise MemoryError

    threads.kept_up(step)
    assert len(tries) == 4
    with pytest.raises(ZeroDivisionError):
        threads.kept_up(lambda: 1 // 0)


def test_a_step_of_a_task_that_was_lost_is_taken_again() -> None:
    async def slow() -> int:
        await asyncio.sleep(0)
        return 7

    loop = asyncio.new_event_loop()
    try:
        loop.set_exception_handler(threads._on_fault)
        task = loop.create_task(slow())
        handle = loop._ready.pop()  # type: ignore[attr-defined]  # as when the loop had no memory to run it
        loop.call_exception_handler({"message": "", "exception": MemoryError(), "handle": handle})
        assert loop.run_until_complete(asyncio.wait_for(task, 10)) == 7
        told: list[Any] = []
        loop.default_exception_handler = told.append  # type: ignore[method-assign,assignment]
        loop.call_exception_handler({"message": "", "exception": MemoryError(), "handle": handle})  # it is done already
        loop.call_exception_handler({"message": "another", "exception": ValueError(), "handle": handle})
        assert len(told) == 2
    finally:
        loop.close()


def test_a_deadline_is_gone_behind_its_block_whatever_there_was_no_memory_for() -> None:
    memory = pytest.importorskip("_testcapi", reason="this interpreter has no _testcapi")
    failed = 0
    for at in range(40):
        try:
            memory.set_nomemory(at, at + 1)
            with pynto.deadline(60):
                pass
        except MemoryError:
            failed += 1
        finally:
            memory.remove_mem_hooks()
        assert deadlines.ends_at.get() is None, at
    assert failed


@pytest.mark.parametrize("how", ["quotas", "read_ahead"])
def test_no_descriptor_is_left_when_a_connection_refuses_how_it_is_to_be(site: Any, until: Any, how: str) -> None:
    options: dict[str, Any] = {"quotas": {"no_such_quota": 1}} if how == "quotas" else {"read_ahead": -1}
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        with pytest.raises((ValueError, KeyError)):
            pynto.connect(site.address, **options)
    until(lambda: len(os.listdir("/proc/self/fd")) <= before, why="the server has closed its ends")


def test_who_looks_after_grants_survives_what_nobody_has_foreseen() -> None:
    """Without it nobody would come in any more, and nobody who was revoked would go."""
    decided: list[tuple[int, bool]] = []
    uses = [(1, b"a"), (2, b"b"), None]

    class Door:
        def next_use(self, seconds: float) -> tuple[int, bytes] | None:
            if not uses:
                raise EOFError
            return uses.pop(0)

    class State:
        door = Door()
        faults: ClassVar[list[BaseException]] = [TypeError("stat: path should be string, not PosixPath"), MemoryError()]

        def count_use(self, id: bytes) -> bool:
            raise self.faults.pop(0)

        def version(self) -> None:
            return None

    class Core:
        def decide(self, token: int, is_in: bool) -> None:
            decided.append((token, is_in))

    core: Any = Core()
    state: Any = State()
    keeper.Keeper(core, state, lambda id: None, ())()
    assert decided == [(1, False), (2, False)]


def test_what_passes_is_told_from_what_is_wrong_with_a_store(tmp_path: Path) -> None:
    def fault(path: Path, statement: str = "BEGIN IMMEDIATE") -> sqlite3.Error:
        with pytest.raises(sqlite3.Error) as caught, closing(sqlite3.connect(path, timeout=0)) as store:
            store.execute(statement)
        return caught.value

    store = tmp_path / "store"
    with closing(sqlite3.connect(store, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        busy = fault(store)
    (tmp_path / "damaged").write_bytes(b"not a database" * 100)
    for error in (busy, fault(tmp_path / "none" / "store"), OSError(errno.EMFILE, ""), OSError(errno.ENOMEM, "")):
        assert keeper._is_passing(error), error
    for error in (
        fault(tmp_path / "damaged"),
        fault(store, "SELECT * FROM capabilities"),
        FileNotFoundError(errno.ENOENT, ""),
    ):
        assert not keeper._is_passing(error), error
    assert not keeper._is_passing(PermissionError("open to others")) and not keeper._is_passing(ValueError("a line"))
