"""The two ends of a session in which something fails: a server that tells what it holds, and a client that plays the session again and again.

Each is a process of its own, told what to do by lines of JSON, so that one that crashes is seen. faults.c does the failing.

    python rig.py serve PAGE POLICY STATE     the server
    python rig.py play PAGE ADDRESS MODE      the client; PAGE is that of the process in which something is to fail
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import faulthandler
import gc
import json
import mmap
import os
import struct
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "python"))

import pynto  # noqa: E402

NOTHING, MEMORY, PYTHON, CALLS, BYTES_OUT, BYTES_IN = range(6)
SHORT = -1
FUNCTIONS = (
    *(
        "recv",
        "read",
        "recvmsg",
        "send",
        "write",
        "sendmsg",
        "accept4",
        "epoll_wait",
        "epoll_ctl",
        "poll",
        "eventfd_read",
    ),
    *("connect", "socket", "eventfd", "mprotect", "pthread_create", "getsockopt", "setsockopt"),
)
PAGE_LEN = 4096
PARTS_LEN = 1_300_000  # bytes of a value that goes in two parts
PATIENCE = float(os.environ.get("FAULTS_PATIENCE", "3"))  # seconds, for what takes microseconds
FIELDS = struct.Struct("=9q")  # kind, error, mask, at, times, seen, failed, live, last


class Page:
    """What is to fail in some process, as struct page in faults.c has it."""

    def __init__(self, path: str | Path) -> None:
        with open(path, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), PAGE_LEN)

    @staticmethod
    def make(path: Path) -> Page:
        path.write_bytes(bytes(PAGE_LEN))
        return Page(path)

    def arm(self, kind: int, at: int, *, times: int = 1, error: int = 0, mask: int = 0) -> None:
        self.disarm()
        live = self.get("live")
        self._map[8 : FIELDS.size] = FIELDS.pack(0, error, mask, at, times, 0, 0, live, -1)[8:]
        self._map[:8] = struct.pack("=q", kind)

    def disarm(self) -> None:
        self._map[:8] = bytes(8)

    def get(self, name: str) -> int:
        names = ("kind", "error", "mask", "at", "times", "seen", "failed", "live", "last")
        return int(FIELDS.unpack_from(self._map)[names.index(name)])

    def attach(self, library: str) -> ctypes.PyDLL:
        """In the process in which it is to happen."""
        faults = ctypes.PyDLL(library)
        self._held = ctypes.c_char.from_buffer(self._map)
        faults.faults_begin.argtypes = [ctypes.c_void_p]
        found = faults.faults_begin(ctypes.addressof(self._held))
        assert found > 20, f"only {found} places were found"
        return faults


def porters() -> int:
    """Threads of servers here that read what is large."""
    found = 0
    for task in os.listdir("/proc/self/task"):
        with contextlib.suppress(OSError):
            found += Path(f"/proc/self/task/{task}/comm").read_text() == "pynto-porter\n"
    return found


def descriptors() -> list[str]:
    """What is open here."""
    found = []
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found.append(f"{fd} {os.readlink(f'/proc/self/fd/{fd}')}")
    return found


# ---- the server ----


class Told:
    """What went wrong where nobody can be told."""

    def __init__(self) -> None:
        self.threads: list[str] = []
        self.unraisable: list[str] = []
        threading.excepthook = self._in_thread
        sys.unraisablehook = self._unraisable

    def _in_thread(self, what: Any) -> None:
        self.threads.append(f"{what.thread.name if what.thread else None}: {what.exc_type.__name__}: {what.exc_value}")

    def _unraisable(self, what: Any) -> None:
        self.unraisable.append(f"{what.object!r}: {type(what.exc_value).__name__}: {what.exc_value}")


def census(server: pynto.Server, page: Page, told: Told) -> dict[str, Any]:
    import served

    gc.collect()
    kinds: dict[str, int] = {}
    for each in gc.get_objects():
        if type(each).__module__.startswith("pynto"):
            name = type(each).__name__
            kinds[name] = kinds.get(name, 0) + 1
    return {
        "stats": server.stats(),
        "connections": server.connections(),
        # The porter of a server comes when it is needed, and stays: its epoll is not counted.
        "descriptors": len(os.listdir("/proc/self/fd")) - porters(),
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "alive": len(served.alive),
        "live": page.get("live"),
        "blocks": sys.getallocatedblocks(),
        "kinds": kinds,
        "in_threads": told.threads,
        "unraisable": told.unraisable[-20:],
    }


def serve(library: str, path: str, policy: str, folder: str) -> None:
    import served
    from pynto.state import State

    told = Told()
    page = Page(path)
    state = State(Path(folder) / "state")
    secret = state.new_capability(note="of the faults'")
    listen = [f"unix://{folder}/faults.sock", "tcp://127.0.0.1:0", "pynto://127.0.0.1:0"]
    server = pynto.Server(
        served.Root(), policy=policy, listen=listen, state=state, quotas={"refusals": 100_000}
    ).start()
    page.attach(library).faults_spare()
    where = server.addresses[2].partition("://")[2].partition("@")[2].partition("/")[0]
    addresses = {
        "unix": server.addresses[0],
        "tcp": server.addresses[1],
        "pynto": state.address(where or server.addresses[2].partition("://")[2], secret),
    }
    print(json.dumps(addresses), flush=True)
    for _ in sys.stdin:
        print(json.dumps(census(server, page, told)), flush=True)
    page.disarm()
    server.close()
    print(json.dumps({"in_threads": told.threads, "live": page.get("live")}), flush=True)
    os._exit(0)  # the hooks stay, and the page they look at does not


# ---- the session ----


def _callback(root: Any) -> Any:
    return root.apply(lambda value: value * 2, 21)


def _countdown(root: Any) -> Any:
    def down(n: int) -> int:
        return int(root.countdown(n, down))

    return root.countdown(4, down)


def _kept(root: Any) -> Any:
    root.forget()  # what an earlier session could not take back
    try:
        kept = root.keep(lambda value: value + 1), root.call_kept(1)
    finally:
        root.forget()
    if kept[1][0].startswith(("MemoryError", "RemoteError: MemoryError")):
        raise MemoryError  # the served method has caught it, and told
    return kept


def _talk(root: Any) -> Any:
    try:
        talk = root.talk(3)
        said = [next(talk), talk.send("a")]
        talk.close()
    except RuntimeError as error:
        raise MemoryError from error  # it has caught it, and went on where it should have ended
    return said


def _failing(kind: str) -> Callable[[Any], Any]:
    def fail(root: Any) -> Any:
        try:
            root.fail(kind)
        except MemoryError:
            raise
        except (pynto.RemoteError, ValueError) as error:
            if getattr(error, "type", None) == "RemoteError":
                raise MemoryError from error  # there was none to say what it was
            return type(error).__name__, getattr(error, "type", None)

    return fail


def _refused(root: Any) -> Any:
    try:
        return root.no_such_thing(1)
    except (AttributeError, pynto.Refused) as error:
        if isinstance(error, MemoryError):
            raise
        return "refused"


def _attribute(root: Any) -> Any:
    item = root.fresh("ada")
    item.name = "bob"
    return item.name, item.number, item.title, item.describe(loud=True)


def _released(root: Any) -> Any:
    item = root.fresh("short")
    name = item.name
    pynto.release(item)
    try:
        return item.name
    except ReferenceError:
        return name, "released"


def _with(root: Any) -> Any:
    with root.session() as session:
        said = session.work()
    return said, root.events()[-3:]


def _vector(root: Any) -> Any:
    vector = root.vector(1, 2, 3)
    vector[0] = 5
    return len(vector), vector[0], (vector + vector).values(), list(vector), 3 in vector


def _numbers(root: Any) -> Any:
    numbers = root.items_list()
    return len(numbers), [item.name for item in numbers]


def _pipeline(root: Any) -> Any:
    with pynto.connection(root).pipeline() as pipeline:
        item = pipeline(root).fresh("piped")
        name = item.name
    return name.result()


def _oneway(root: Any) -> Any:
    pynto.oneway(root.note)(5)
    return root.add(1)


def _deadline(root: Any) -> Any:
    with pynto.deadline(30):
        return root.add(3, 4)


def _cached(root: Any) -> Any:
    notice = root.notice()
    kept = notice.text(), notice.text()
    notice.rewrite("new")
    return *kept, notice.text()


def _cancelled(root: Any) -> Any:
    try:
        with pynto.deadline(0.005):
            return root.slow(PATIENCE, 1)
    except TimeoutError:  # a DeadlineExceeded, unless there was no memory to say so much of it
        return "given up"


def _lent(root: Any) -> Any:
    return root.each(lambda item: item)


STEPS: tuple[tuple[str, Callable[[Any], Any], Any], ...] = (
    ("call", lambda root: root.add(1, 2), 3),
    ("keywords", lambda root: root.greet("ada", "hi", "x", loud=True, more=1), "HI ADA ('X',) [('MORE', 1)]"),
    ("big int", lambda root: root.values().echo_int(1 << 300), 1 << 300),
    ("text", lambda root: root.values().echo_str("h\u00e9llo " * 50), "h\u00e9llo " * 50),
    ("bytes", lambda root: root.values().echo_bytes(bytes(9000)), bytes(9000)),
    ("large", lambda root: len(root.values().make_bytes(300_000)), 300_000),
    ("large there", lambda root: root.values().size(bytes(300_000)), 300_000),
    ("pair", lambda root: root.values().echo_pair((1, "a")), (1, "a")),
    ("table", lambda root: root.values().echo_table((("a", "b"), ("c",))), (("a", "b"), ("c",))),
    ("set", lambda root: root.values().echo_frozen(frozenset({1, 2})), frozenset({1, 2})),
    ("list", lambda root: root.values().echo_list([1, 2]), [1, 2]),
    ("dict", lambda root: root.values().echo_dict({"a": 1, "b": 2}), {"a": 1, "b": 2}),
    ("options", lambda root: root.values().echo_options({"depth": 1, "label": "x"}), {"depth": 1, "label": "x"}),
    ("complex", lambda root: root.values().echo_complex(1 + 2j), 1 + 2j),
    ("float", lambda root: root.values().echo_float(0.5), 0.5),
    ("attributes", _attribute, ("bob", 0, "Bob", "BOB 0")),
    ("items", lambda root: [item.name for item in root.items(3)], ["0", "1", "2"]),
    ("identity", lambda root: root.same_item(root.item()) is root.item(), True),
    ("home", lambda root: root.is_item(root.item()), True),
    ("operators", _vector, (3, 5, (10, 4, 6), [5, 2, 3], True)),
    ("container", _numbers, (2, ["a", "b"])),
    ("callback", _callback, 42),
    ("nested callbacks", _countdown, 4),
    ("kept", _kept, (1, ("2",))),
    ("lent and back", _lent, True),
    ("their function", lambda root: root.adder(5)(3), 8),
    ("iterator", lambda root: list(root.count(5)), [0, 1, 2, 3, 4]),
    ("generator", _talk, [0, 1]),
    ("context", _with, ("done", ("enter", "work", "exit None None"))),
    ("exception", _failing("Full"), ("RemoteError", "served:Full")),
    ("built-in exception", _failing("ValueError"), ("ValueError", None)),
    ("refused", _refused, "refused"),
    ("released", _released, ("short", "released")),
    ("async", lambda root: root.slow(0, 9), 9),
    ("pipeline", _pipeline, "piped"),
    ("one way", _oneway, 2),
    ("deadline", _deadline, 7),
    ("cached", _cached, ("old", "old", "new")),
    ("cancelled", _cancelled, "given up"),
    ("parts there", lambda root: root.values().size(bytes(PARTS_LEN)), PARTS_LEN),
    ("parts back", lambda root: len(root.values().make_bytes(PARTS_LEN)), PARTS_LEN),
)


PARTS = ("parts there", "parts back")
LARGE = ("text", "bytes", "large", "large there", *PARTS)  # left out where every byte is a place for a fault


async def _a_call(root: Any) -> Any:
    return await root.add(1, 2)


async def _a_together(root: Any) -> Any:
    return await asyncio.gather(*(root.add(number) for number in range(4)))


async def _a_reference(root: Any) -> Any:
    item = await root.fresh("ada")
    return await item.describe()


async def _a_callback(root: Any) -> Any:
    async def twice(value: int) -> int:
        return value * 2

    return await root.call_soon(twice, 4)


async def _a_iterator(root: Any) -> Any:
    return [number async for number in await root.count(4)]


async def _a_parts(root: Any) -> Any:
    """What goes in parts, in both directions, and small calls between them."""
    values = await root.values()
    large = values.size(bytes(PARTS_LEN)), values.make_bytes(PARTS_LEN)
    there, back, *small = await asyncio.gather(*large, *(root.add(number) for number in range(4)))
    return there, len(back), small


async def _a_cached(root: Any) -> Any:
    notice = await root.notice()
    kept = await notice.text(), await notice.text()
    await notice.rewrite("new")
    return *kept, await notice.text()


async def _a_cancelled(root: Any) -> Any:
    task = asyncio.ensure_future(root.slow(PATIENCE, 1))
    await asyncio.sleep(0.005)
    task.cancel()
    try:
        return await task
    except asyncio.CancelledError:
        return "given up"


async def _a_slow(root: Any) -> Any:
    return await root.slow(0, 3)


async def _a_failing(root: Any) -> Any:
    try:
        await root.fail("Full")
    except pynto.RemoteError as error:
        return error.type


A_STEPS: tuple[tuple[str, Callable[[Any], Any], Any], ...] = (
    ("call", _a_call, 3),
    ("together", _a_together, [1, 2, 3, 4]),
    ("reference", _a_reference, "ada 0"),
    ("callback", _a_callback, 8),
    ("iterator", _a_iterator, [0, 1, 2, 3]),
    ("async", _a_slow, 3),
    ("exception", _a_failing, "served:Full"),
    ("cached", _a_cached, ("old", "old", "new")),
    ("cancelled", _a_cancelled, "given up"),
    ("parts", _a_parts, (PARTS_LEN, PARTS_LEN, [1, 2, 3, 4])),
)


class Wrong(Exception):
    """Neither the right value nor one of the allowed failures."""


def permitted(error: BaseException) -> bool:
    """MemoryError, here or there (a RemoteError to the other end, when it was raised in a callback), or the end of the connection."""
    if isinstance(error, (MemoryError, pynto.Disconnected)):
        return True
    if str(error) in ("can't start new thread", "can't allocate lock"):  # how the interpreter says it
        return True
    if type(error) is OSError and error.errno in (errno.EMFILE, errno.ENOBUFS, errno.ENOMEM):
        return True
    return isinstance(error, pynto.RemoteError) and error.type in ("MemoryError", "RemoteError")


class Player:
    """Plays the session, and tells of each step that did not come to its end."""

    def __init__(self, page: Page, address: str, steps: Any = STEPS) -> None:
        self._page = page
        self._address = address
        self._steps = steps

    def play(self, order: dict[str, Any]) -> dict[str, Any]:
        verdict: dict[str, Any] = {"failed": [], "wrong": [], "closed": False, "reason": ""}
        self._page.arm(**order["fault"])
        self._session(verdict)
        gc.collect()
        for name, field in (("seen", "seen"), ("hit", "failed"), ("last", "last")):
            verdict[name] = self._page.get(field)
        return verdict

    def _session(self, verdict: dict[str, Any]) -> None:
        try:
            connection = pynto.connect(self._address, timeout=PATIENCE)
        except BaseException as error:
            self._page.disarm()
            self._note(verdict, "connect", error)
        else:
            try:
                self._play_steps(connection, verdict)
            except MemoryError as error:
                self._note(verdict, "the player", error)
            self._end(connection, verdict)

    def _note(self, verdict: dict[str, Any], name: str, error: BaseException) -> None:
        told = f"{name}: {type(error).__name__}: {error}"
        verdict["failed" if permitted(error) else "wrong"].append(told)
        error.__traceback__ = None

    def _play_steps(self, connection: Any, verdict: dict[str, Any]) -> None:
        for name, step, wanted in self._steps:
            try:
                with pynto.deadline(PATIENCE):
                    found = step(connection.root)
                if found != wanted:
                    raise Wrong(repr(found)[:200])
            except BaseException as error:
                self._note(verdict, name, error)
            if connection.closed:
                break

    def _end(self, connection: Any, verdict: dict[str, Any]) -> None:
        self._page.disarm()
        verdict["closed"] = connection.closed
        verdict["reason"] = connection._reason
        if not connection.closed:  # then it is as good as before
            with contextlib.suppress(pynto.Disconnected):  # it ends now: what failed was behind the last step
                self._look(connection, verdict)
            gc.collect()
        connection.close()

    def _look(self, connection: Any, verdict: dict[str, Any]) -> None:
        for name, step, wanted in STEPS[:2] + STEPS[21:23]:
            try:
                found = step(connection.root)
            except pynto.Disconnected:
                raise
            except Exception as error:
                found = f"{type(error).__name__}: {error}"
            if found != wanted:
                verdict["wrong"].append(f"afterwards {name}: {found!r}")


class AsyncPlayer(Player):
    """The same by pynto.aio, in one event loop for all of them."""

    def __init__(self, page: Page, address: str) -> None:
        super().__init__(page, address)
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda loop, context: None)

    def _session(self, verdict: dict[str, Any]) -> None:
        try:
            self._loop.run_until_complete(self._in_loop(verdict))
        except BaseException as error:
            self._note(verdict, "session", error)
        self._page.disarm()

    async def _in_loop(self, verdict: dict[str, Any]) -> None:
        async with asyncio.timeout(PATIENCE):
            connection = await pynto.aio.connect(self._address)
        try:
            for name, step, wanted in A_STEPS:
                try:
                    async with asyncio.timeout(PATIENCE):
                        found = await step(connection.root)
                    if found != wanted:
                        raise Wrong(repr(found)[:200])
                except BaseException as error:
                    self._note(verdict, name, error)
                if connection.closed:
                    break
            self._page.disarm()
            verdict["closed"] = connection.closed
            if not connection.closed:
                with contextlib.suppress(pynto.Disconnected):
                    async with asyncio.timeout(PATIENCE):
                        if await connection.root.add(2, 3) != 5:
                            verdict["wrong"].append("afterwards")
        finally:
            await connection.close()


def steps_of(mode: str) -> list[tuple[str, Callable[[Any], Any], Any]]:
    if mode.endswith("parts"):
        return [step for step in STEPS if step[0] in PARTS]
    return [step for step in STEPS if step[0] not in LARGE or not mode.endswith("short")]


def play(library: str, path: str, address: str, mode: str) -> None:
    told = Told()
    page = Page(path)
    if mode.startswith("own"):
        page.attach(library)
    if mode.endswith("async"):
        player: Player = AsyncPlayer(page, address)
    else:
        player = Player(page, address, steps_of(mode))
    print("{}", flush=True)
    for line in sys.stdin:
        began = time.monotonic()
        faulthandler.dump_traceback_later(10 * PATIENCE, exit=True)
        verdict = player.play(json.loads(line))
        faulthandler.cancel_dump_traceback_later()
        verdict["seconds"] = time.monotonic() - began
        verdict["descriptors"] = len(os.listdir("/proc/self/fd"))
        verdict["open"] = descriptors()
        verdict["threads"] = sorted(thread.name for thread in threading.enumerate())
        verdict["live"] = page.get("live")
        verdict["in_threads"] = told.threads
        verdict["unraisable"] = told.unraisable[-20:]
        print(json.dumps(verdict), flush=True)


if __name__ == "__main__":
    faulthandler.enable()
    {"serve": serve, "play": play}[sys.argv[1]](*sys.argv[2:])
