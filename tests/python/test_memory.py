"""The Python memory of each connection: what its calls leave, what one may take, and that the others go on."""

from __future__ import annotations

import contextlib
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hoard
import pynto
import pytest
from pynto import _core

MIB = 1 << 20
QUOTA = 8 * MIB
GRACE = MIB  # of overdraft
LEFT_MAX = MIB  # what a connection may still be charged: slabs that are kept for its next blocks, free lists
EXTRA = 16 * MIB  # that a process may have beyond the quota
LONG = int(os.environ.get("PYNTO_EXCEEDINGS", "100"))  # how often it is exceeded in a row

TIME = {"call_seconds": 60.0, "cpu_seconds": 60.0, "cpu_burst": 600.0, "refusals": 1e9, "refusals_per_second": 1e9}


@pytest.fixture(scope="module")
def policy_file(generate: Any) -> Path:
    path: Path = generate("hoard:Hoard")
    return path


class Site:
    """A Hoard that is served, and a client of it that does nothing wrong."""

    def __init__(self, address: str, stack: contextlib.ExitStack) -> None:
        self.address = address
        self.stack = stack
        self.other = self.connect()

    def connect(self) -> pynto.Connection:
        return self.stack.enter_context(pynto.connect(self.address))

    def is_well(self) -> bool:
        return bool(self.other.root.echo(7) == 7)


def one() -> int:
    return 1


def account(connection: pynto.Connection) -> dict[str, int]:
    """What the server has in its books for it."""
    usage: dict[str, int] = connection.root.account(one)
    return usage


def is_lost_by_design(kind: type[BaseException]) -> bool:
    """
    An interrupt that lands in a finalizer, or in the callback of a weak reference, ends there: the interpreter tells of it and goes on, and the call is
    interrupted again. In this process that is code of anybody's, which a collection of garbage runs in the thread of the call.
    """
    return issubclass(kind, pynto.QuotaExceeded)


@pytest.fixture
def site(
    policy_file: Path, serve: Callable[..., Any], serve_child: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Site]]:
    """site(main=True, memory=...): served by the main thread of a process, or by others in this one."""
    told = sys.unraisablehook
    monkeypatch.setattr(sys, "unraisablehook", lambda it: None if is_lost_by_design(it.exc_type) else told(it))
    with contextlib.ExitStack() as stack:

        def start(*, main: bool = True, **quotas: float) -> Site:
            limits = {**TIME, "memory": QUOTA, "call_memory": QUOTA, **quotas}
            if main:
                given = [part for name, value in limits.items() for part in ("--quota", f"{name}={value}")]
                return Site(serve_child(*given, target="hoard:Hoard", policy=policy_file).address, stack)
            served = serve(hoard.Hoard(), policy=policy_file, quotas=limits)
            return Site(served.server.address, stack)

        yield start


BOTH = pytest.mark.parametrize("main", [True, False], ids=["in the main thread", "in others"])


# ---- whatever it is ----


def kinds_where(main: bool) -> list[str]:
    """A finalizer's exception is told to a hook of the tests', where that is in this process, and the hook is interrupted as well."""
    return [kind for kind in hoard.KINDS if main or kind != "finalizers"]


def take_too_much(here: Site, kind: str) -> None:
    with pynto.connect(here.address) as connection:
        with pytest.raises(pynto.QuotaExceeded) as caught:
            connection.root.take(kind)
        assert str(caught.value) == f"memory: {QUOTA}", kind
        assert isinstance(caught.value, MemoryError) and isinstance(caught.value, pynto.Refused)
        books = account(connection)
        if kind != "interned":  # which some versions of the interpreter keep for ever
            assert books["memory"] <= LEFT_MAX, kind
        assert books["memory_peak"] <= QUOTA + 2 * GRACE, kind
        assert books["memory_refused"] == 1, kind
        assert connection.root.echo(3) == 3, kind
        assert here.is_well(), kind


@BOTH
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a finalizer's is what it is
def test_whatever_takes_memory_is_stopped_at_the_quota(site: Callable[..., Site], main: bool) -> None:
    """J03, I07, O-MEM, O-LIVE: in one process, one after the other, each on a connection of its own."""
    here = site(main=main)
    for kind in kinds_where(main):
        take_too_much(here, kind)


@BOTH
@pytest.mark.memory
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_was_stopped_is_not_in_the_processs_memory(site: Callable[..., Site], main: bool) -> None:
    """O-MEM: a process has the quota and a little more, whatever was taken before."""
    here = site(main=main)
    base = here.other.root.resident()
    for kind in kinds_where(main):
        take_too_much(here, kind)
        assert here.other.root.resident() <= base + QUOTA + EXTRA, kind


@BOTH
def test_what_a_method_is_told_and_what_its_caller_is(site: Callable[..., Site], main: bool) -> None:
    root = site(main=main).connect().root
    assert root.try_to("one_str") == "MemoryError"  # denied at once: nothing has happened, and it may go on
    with pytest.raises(pynto.QuotaExceeded, match=f"memory: {QUOTA}"):
        root.try_to("in_a_list")  # it was told, and what it makes of that counts no more
    assert root.echo(1) == 1


# ---- what is kept ----


@BOTH
def test_strings_that_a_client_makes_the_server_keep(site: Callable[..., Site], main: bool) -> None:
    """Within a tenth of the quota; the others go on; what is freed is credited, whoever frees it."""
    here = site(main=main, memory=QUOTA)
    greedy = here.connect()
    text = "x" * 1024
    count = 0
    with pytest.raises(pynto.QuotaExceeded, match=f"^memory: {QUOTA}$"):
        for count in range(1, 100_000):
            greedy.root.keep("list", text)
            if count % 1000 == 0:
                assert here.is_well()
    assert 0.9 * QUOTA <= here.other.root.bytes_kept("list") <= 1.1 * QUOTA
    for _ in range(3):
        with pytest.raises(pynto.QuotaExceeded):
            greedy.root.fill("list", 10_000, 1024)
        assert here.is_well()
    assert here.other.root.keep("mine", text) == 1
    assert here.other.root.drop("list") >= count - 1
    assert account(greedy)["memory"] <= LEFT_MAX
    assert greedy.root.keep("list", text) == 1


@BOTH
def test_what_is_left_behind_is_credited_when_it_goes_and_not_before(site: Callable[..., Site], main: bool) -> None:
    here = site(main=main)
    holder = here.connect()
    before = account(holder)["memory"]
    holder.root.fill("kept", 3000, 1024)
    held = account(holder)["memory"] - before
    assert 3000 * 1024 <= held <= 3000 * 1200
    assert account(holder)["memory_peak"] >= held
    here.other.root.drop("kept")
    assert account(holder)["memory"] - before <= 256 * 1024


@pytest.mark.memory
def test_what_a_connection_has_left_outlives_it(site: Callable[..., Site]) -> None:
    """Its blocks are freed when there is no connection any more; pages go back to the system."""
    here = site(memory=64 * MIB, call_memory=64 * MIB)
    base = here.other.root.resident()
    for _ in range(5):
        with pynto.connect(here.address) as gone:
            gone.root.fill("kept", 40_000, 1024)
    assert here.other.root.resident() >= base + 100 * MIB
    here.other.root.drop("kept")
    assert here.other.root.resident() <= base + EXTRA
    assert here.is_well()


def test_who_makes_a_common_thing_grow_is_charged_for_all_of_it(site: Callable[..., Site]) -> None:
    here = site()
    first, second = here.connect(), here.connect()
    first.root.fill("common", 100_000, 0)  # the same string each time: it is the list that grows
    held = account(first)["memory"]
    assert held > 800_000
    second.root.fill("common", 100_000, 0)
    assert account(first)["memory"] < held - 700_000
    assert account(second)["memory"] > 1_500_000


def test_garbage_of_a_call_does_not_stand_in_the_way_of_the_next(site: Callable[..., Site]) -> None:
    root = site().connect().root
    for _ in range(5):
        with pytest.raises(pynto.QuotaExceeded):
            root.take("recursion")
        with pytest.raises(pynto.QuotaExceeded):
            root.take("cycles")
        assert root.text(MIB) == "x" * MIB


def test_a_connection_that_holds_more_than_it_may_is_ended(site: Callable[..., Site]) -> None:
    """An overdraft that stays: it is refused, and then its connection ends."""
    here = site()
    greedy = here.connect()
    with pytest.raises(pynto.QuotaExceeded):
        greedy.root.take_and_keep("in_a_deque", "kept")
    assert greedy.root.echo(1) == 1  # the deque went with the call
    kept = 0
    with pytest.raises((pynto.QuotaExceeded, pynto.Disconnected)):
        for kept in range(20):
            with contextlib.suppress(pynto.QuotaExceeded):
                greedy.root.take_and_keep("stubborn", f"kept {kept}")
            greedy.root.echo(1)
    with pytest.raises((pynto.QuotaExceeded, pynto.Disconnected, pynto.ProtocolError)):
        for _ in range(3):
            greedy.root.echo(1)
    assert here.is_well()


# ---- what one call may take ----


@BOTH
def test_a_call_may_take_less_than_its_connection_may_hold(site: Callable[..., Site], main: bool) -> None:
    here = site(main=main, memory=16 * MIB, call_memory=2 * MIB)
    root = here.connect().root
    with pytest.raises(pynto.QuotaExceeded, match=f"^call_memory: {2 * MIB}$"):
        root.text(3 * MIB)
    with pytest.raises(pynto.QuotaExceeded, match=f"^call_memory: {2 * MIB}$"):
        root.take("in_a_list")
    for i in range(5):
        assert root.fill(f"kept {i}", 1000, 1024) == 1000  # together they hold more than one of them may take
    assert root.echo(1) == 1


def test_arguments_and_results_count(site: Callable[..., Site]) -> None:
    root = site(call_memory=2 * MIB).connect().root
    assert len(root.text(MIB)) == MIB
    assert root.keep("a", "x" * MIB) == 1
    with pytest.raises(pynto.QuotaExceeded, match="call_memory"):
        root.keep("b", "x" * (2 * MIB))
    with pytest.raises(pynto.QuotaExceeded, match="call_memory"):
        root.text(2 * MIB)


@BOTH
def test_a_result_that_was_read_is_held_no_longer(site: Callable[..., Site], main: bool) -> None:
    """It was lent to be written, and the next call is asked as soon as it has been."""
    connection = site(main=main).connect()
    for _ in range(50):
        assert len(connection.root.text(MIB)) == MIB
        assert account(connection)["memory"] < MIB // 2


def test_arguments_of_a_coroutine_count(site: Callable[..., Site]) -> None:
    root = site(memory=2 * MIB, call_memory=2 * MIB).connect().root
    assert root.later("x" * MIB) == MIB
    assert root.fill("kept", 1200, 1024) == 1200
    with pytest.raises(pynto.QuotaExceeded, match=f"^memory: {2 * MIB}$"):
        root.later("x" * MIB)
    assert root.later("x") == 1


@BOTH
def test_a_call_that_waits_for_its_client_and_then_takes(site: Callable[..., Site], main: bool) -> None:
    """Others run meanwhile, in accounts of their own; a callback calls back into the same connection."""
    here = site(main=main)
    connection = here.connect()
    seen: list[int] = []

    def back() -> int:
        seen.append(connection.root.fill("nested", 1000, 1024))
        seen.append(here.other.root.fill("other", 1000, 1024))
        return 5

    with pytest.raises(pynto.QuotaExceeded, match="memory"):
        connection.root.call(back, "in_a_list")
    assert seen == [1000, 1000]
    books = account(connection)
    assert 1000 * 1024 <= books["memory"] <= 1000 * 1024 + LEFT_MAX
    assert here.is_well()


# ---- for long ----


@BOTH
@pytest.mark.memory
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_many_exceedings_in_a_row_leave_nothing(site: Callable[..., Site], main: bool) -> None:
    """PYNTO_EXCEEDINGS=10000: as many of them."""
    here = site(main=main, memory=MIB, call_memory=MIB)
    kinds = [kind for kind in hoard.KINDS if kind not in {"interned", "finalizers", "one_decompressed"}]
    chosen = random.Random(5)
    connection = here.connect()
    seen: list[int] = []
    for i in range(LONG):
        kind = chosen.choice(kinds)
        with pytest.raises(pynto.QuotaExceeded):
            connection.root.take(kind)
        if i % 50 == 49:
            assert here.is_well()
            here.other.root.collect()
            seen.append(here.other.root.resident())
            assert seen[-1] <= seen[0] + EXTRA, i
    assert account(connection)["memory"] <= MIB
    half = len(seen) // 2
    assert len(seen) < 20 or max(seen[half:]) <= max(seen[:half]) + 2 * MIB, seen


@pytest.mark.memory
def test_pinning_costs_what_it_pins(site: Callable[..., Site]) -> None:
    """O-MEM: many blocks, of which one in each page stays; then others of another size, and so on."""
    here = site(memory=16 * MIB, call_memory=16 * MIB)
    greedy = here.connect()
    base = here.other.root.resident()
    most = 0
    for size in (48, 64, 96, 128, 256, 512, 700, 1024, 2048, 3000, 8192, 16384, 40000):
        for _ in range(3):
            with contextlib.suppress(pynto.QuotaExceeded):
                greedy.root.pin("pinned", size, 2)
        most = max(most, here.other.root.resident())
    assert account(greedy)["memory"] >= 12 * MIB  # it has tried
    assert most <= base + 16 * MIB + EXTRA
    here.other.root.drop("pinned")
    assert here.other.root.resident() <= base + EXTRA
    assert here.is_well()


# ---- how it is set up ----


@pytest.mark.parametrize("name", ["memory", "call_memory"])
def test_a_limit_is_a_mebibyte_at_least_or_none(name: str) -> None:
    assert _core.quotas({name: MIB})[name] == MIB
    assert _core.quotas({name: 0})[name] == 0
    assert _core.quotas()[name] == 64 * MIB
    for wrong in (MIB - 1, 1, -1, float("nan"), 2.0**60):
        with pytest.raises(ValueError, match=name):
            _core.quotas({name: wrong})


def test_without_a_limit_it_takes_what_there_is(site: Callable[..., Site]) -> None:
    here = site(memory=0, call_memory=0, message=64 * MIB)
    root = here.connect().root
    assert len(root.text(32 * MIB)) == 32 * MIB
    assert account(here.connect())["memory"] == 0


START = """
import hoard
import pynto
from pynto import _core
{before}
with pynto.Server(hoard.Hoard(), policy={policy!r}, listen={listen!r}, quotas={quotas}) as server:
    with pynto.connect(server.address) as connection:
        {body}
print("done")
"""


@pytest.fixture
def program(run_python: Callable[..., Any], policy_file: Path, tmp_path: Path) -> Callable[..., Any]:
    """program(body): what a process prints that serves a Hoard, and calls it."""

    def run(body: str = "pass", *options: str, before: str = "", quotas: str = "None", **more: Any) -> Any:
        listen = f"unix://{tmp_path}/s"
        source = START.format(body=body, before=before, policy=str(policy_file), listen=listen, quotas=quotas)
        path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
        env = {"PYTHONPATH": path, **more.pop("env", {})}
        return run_python(source, *options, env=env, **more)

    return run


def test_the_hooks_are_put_in_once(program: Callable[..., Any]) -> None:
    body = """
        try:
            _core._limit_memory()
        except RuntimeError as error:
            print(error)
    """.strip()
    done = program(body)
    assert done.stdout == "the allocators of this interpreter have our hooks already\ndone\n", done.stderr


def test_not_beside_a_trace_of_memory(program: Callable[..., Any]) -> None:
    done = program("pass", "-X", "tracemalloc")
    assert done.stdout == "done\n", done.stderr
    assert "memory of connections cannot be limited: tracemalloc is tracing" in done.stderr
    asked = program("pass", "-X", "tracemalloc", quotas="{'memory': 1 << 20}")
    assert asked.returncode == 1
    assert "RuntimeError: the Python memory of connections cannot be limited: tracemalloc is tracing" in asked.stderr
    other = program("pass", "-X", "tracemalloc", quotas="{'references': 5}")  # who has asked for something else is told
    assert other.stdout == "done\n", other.stderr
    assert "memory of connections cannot be limited: tracemalloc is tracing" in other.stderr
    off = program("pass", "-X", "tracemalloc", quotas="{'memory': 0, 'call_memory': 0}")
    assert (off.stdout, off.stderr) == ("done\n", "")


@pytest.mark.parametrize("allocator", ["malloc", "debug", "pymalloc"])
def test_on_top_of_each_allocator_of_the_interpreter(program: Callable[..., Any], allocator: str) -> None:
    body = """
        for kind in ("in_a_list", "one_str", "in_a_dict", "many_locks", "growing_bytearray"):
            try:
                connection.root.take(kind)
            except pynto.QuotaExceeded as error:
                print(error)
    """.strip()
    done = program(body, quotas=f"{{'memory': {QUOTA}}}", env={"PYTHONMALLOC": allocator})
    assert done.stdout == f"memory: {QUOTA}\n" * 5 + "done\n", done.stderr


def test_what_calls_have_imported_and_cached_is_there_until_the_end(program: Callable[..., Any]) -> None:
    """The interpreter frees some of that in ways of its own when it ends."""
    before = """
import importlib
def work(kept):
    for name in ("sqlite3", "decimal", "xml.dom.minidom", "ssl", "ctypes", "curses", "multiprocessing", "_testcapi"):
        try:
            importlib.import_module(name)
        except ImportError:
            pass
    import re, sys, warnings
    re.compile("a(b|c)*d")
    sys.intern("a string of a call's" * 3)
    warnings.filterwarnings("ignore", "something")
hoard.KINDS["work"] = work
    """.strip()
    done = program("connection.root.take('work')", before=before)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


def test_a_child_of_a_fork_may_go_on_allocating(program: Callable[..., Any]) -> None:
    before = """
import os
def work(kept):
    kept.extend("x" * i for i in range(3000))
    child = os.fork()
    if child == 0:
        kept.extend("x" * i for i in range(3000))
        kept.clear()
        os._exit(0)
    kept.append(os.waitpid(child, 0)[1])
    print("child", kept[-1])
hoard.KINDS["work"] = work
    """.strip()
    done = program("connection.root.take('work')", before=before)
    assert (done.returncode, done.stdout) == (0, "child 0\ndone\n"), done.stderr


def test_the_command_can_leave_it_out(serve_child: Callable[..., Any], policy_file: Path) -> None:
    child = serve_child("--no-memory-quota", target="hoard:Hoard", policy=policy_file)
    with pynto.connect(child.address) as connection:
        connection.root.fill("kept", 1000, 1024)
        assert account(connection)["memory"] == 0


def test_what_is_left_out_has_no_limit(run_pynto: Callable[..., Any], policy_file: Path, tmp_path: Path) -> None:
    done = run_pynto(
        "serve", "hoard:Hoard", "--policy", str(policy_file), "--listen", f"unix://{tmp_path}/s", "--no-memory-quota",
        "--quota", "memory=2097152", env={"PYTHONPATH": str(Path(__file__).parent)},
    )  # fmt: skip
    assert done.returncode != 0
    assert "--no-memory-quota, and a quota of memory: which?" in done.stderr


@pytest.mark.memory
def test_a_server_in_little_address_space(program: Callable[..., Any]) -> None:
    """Q07: the range is as large as fits."""
    before = "import resource\nresource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))"
    done = program("print(connection.root.fill('kept', 1000, 1024))", before=before)
    assert done.stdout == "1000\ndone\n", done.stderr


def test_an_honest_client_beside_one_that_always_takes_too_much(site: Callable[..., Site]) -> None:
    """O-LIVE: the median of its calls stays what it was, whatever the other does; no call fails."""
    here = site()
    greedy = here.connect()
    times = []
    for _ in range(20):
        with pytest.raises(pynto.QuotaExceeded):
            greedy.root.take("one_list")
        began = time.monotonic()
        assert here.is_well()
        times.append(time.monotonic() - began)
    assert sorted(times)[len(times) // 2] < 0.1
