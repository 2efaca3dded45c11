"""T03 T07: what a client keeps of descriptions is the same for the same bytes, and nobody's but its server's.

Servers made of bytes that describe the same names otherwise, change their mind, describe without end; a program that tries to change what connections
have in common; threads, an event loop and forks that use it at once.
"""

from __future__ import annotations

import abc
import asyncio
import contextlib
import dataclasses
import gc
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import pynto
import pynto.aio
import pytest
from pynto import _core
from rawpeer import DESCRIBE, GOODBYE, HELLO, PING, PONG, RETURN, Mine, RawPeer, Tag, pack

PLACES = 64  # forms.h
WEIGHT = 16384
EACH = WEIGHT // 4


def describing(methods: dict[str, str], name: str = "m:Room", **more: Any) -> dict[str, Any]:
    return {"interfaces": {name: {"methods": methods}}, **more}


ROOM = describing({"who": "() -> str"})


class Impostor:
    """A server at a path that tells each connection what it is told to, and answers every call with the name of what was called."""

    def __init__(self, path: Path, *fragments: dict[str, Any]) -> None:
        """The last of the fragments is for all that come behind it."""
        self.address = f"unix://{path}"
        self.fragments = list(fragments)
        self.answer: Any = None  # instead of the name
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(64)
        self._listener.settimeout(30)
        self._threads: list[threading.Thread] = []
        self._is_over = False
        self._start(self._accept)

    def _start(self, call: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=call, args=args, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _accept(self) -> None:
        while True:
            try:
                stream = self._listener.accept()[0]
            except OSError:
                return
            if self._is_over:
                stream.close()
                return
            fragment = self.fragments[0] if len(self.fragments) == 1 else self.fragments.pop(0)
            self._start(self._serve, stream, fragment)

    def _serve(self, stream: socket.socket, fragment: dict[str, Any]) -> None:
        with RawPeer(stream, timeout=30.0) as peer, contextlib.suppress(AssertionError, OSError):
            peer.recv_message()
            peer.send([HELLO, "pynto", 1, None, {}])
            peer.send([DESCRIBE, 1, fragment])
            peer.send([RETURN, Mine(0, 1)])
            while True:
                message = peer.recv_message()
                if message[0] == GOODBYE:
                    return
                if message[0] >= 0:
                    peer.send([RETURN, message[1] if self.answer is None else self.answer])

    def close(self) -> None:
        self._is_over = True
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as last:
            last.connect(self.address.removeprefix("unix://"))
        self._listener.close()
        for thread in self._threads:
            thread.join(30)


@pytest.fixture
def impostor(tmp_path: Path) -> Iterator[Callable[..., Impostor]]:
    made: list[Impostor] = []

    def make(*fragments: dict[str, Any]) -> Impostor:
        made.append(Impostor(tmp_path / f"{len(made)}.sock", *fragments))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_what_one_server_calls_by_a_name_is_not_what_another_does(impostor: Callable[..., Impostor]) -> None:
    """The same interface, the same method, the same length: another type."""
    kind, cruel = impostor(describing({"who": "() -> str"})), impostor(describing({"who": "() -> int"}))
    for one, other in ((kind, cruel), (cruel, kind)):
        with pynto.connect(one.address) as first, pynto.connect(other.address) as second:
            for connection, is_kind in ((first, one is kind), (second, other is kind)):
                if is_kind:
                    assert connection.root.who() == "who"
                else:
                    with pytest.raises(pynto.Refused, match="does not fit"):
                        connection.root.who()


def test_a_description_that_changes_counts_from_the_connection_that_is_told_it(
    impostor: Callable[..., Impostor],
) -> None:
    server = impostor(ROOM, describing({"what": "() -> str"}), ROOM)
    first, second, third = (pynto.connect(server.address) for _ in range(3))
    with first, second, third:
        for connection, there, absent in ((first, "who", "what"), (second, "what", "who"), (third, "who", "what")):
            assert getattr(connection.root, there)() == there
            assert not hasattr(connection.root, absent)
        assert type(first.root) is type(third.root)
        assert type(first.root) is not type(second.root)


def test_connections_to_one_server_have_their_classes_in_common_and_nothing_else(
    impostor: Callable[..., Impostor],
) -> None:
    server = impostor(ROOM)
    with pynto.connect(server.address) as first:
        second = pynto.connect(server.address)
        room, other = first.root, second.root
        assert type(room) is type(other)
        assert room != other
        assert pynto.connection(other) is second
        second.close()
        with pytest.raises(pynto.Disconnected):
            other.who()
        del second, other
        gc.collect()
        assert room.who() == "who"


def test_servers_that_describe_the_same_are_told_apart(impostor: Callable[..., Impostor]) -> None:
    """What a program registers for the class of one holds for no other."""

    class Trusted(abc.ABC):  # noqa: B024
        pass

    @runtime_checkable
    class Room(Protocol):
        def who(self) -> str: ...

    ours, theirs = impostor(ROOM), impostor(ROOM)
    with pynto.connect(ours.address) as one, pynto.connect(theirs.address) as other:
        assert type(one.root) is not type(other.root)
        assert not isinstance(other.root, type(one.root))
        Trusted.register(type(one.root))
        assert isinstance(one.root, Trusted)
        assert not isinstance(other.root, Trusted)
        assert isinstance(one.root, Room) and isinstance(other.root, Room)
        with pynto.connect(theirs.address) as again:
            assert not isinstance(again.root, Trusted)


def test_descriptors_say_nothing_of_who_is_there() -> None:
    types = []
    for _ in range(2):
        ours, theirs = socket.socketpair()
        with RawPeer(theirs, timeout=10.0) as peer:
            for message in ([HELLO, "pynto", 1, None, {}], [DESCRIBE, 1, ROOM], [RETURN, Mine(0, 1)]):
                peer.send(message)
            with pynto.connect(f"fd://{ours.detach()}") as connection:
                types.append(type(connection.root))
    assert types[0] is not types[1]


@pytest.mark.parametrize(
    "change",
    [
        lambda kind: setattr(kind, "who", lambda self: "nobody"),
        lambda kind: setattr(kind, "more", 1),
        lambda kind: delattr(kind, "who"),
        lambda kind: setattr(kind, "__name__", "Other"),
        lambda kind: setattr(kind, "__bases__", (object,)),
        lambda kind: setattr(kind, "__doc__", "other"),
        lambda kind: setattr(kind.who, "__name__", "other"),
        lambda kind: type.__setattr__(kind, "who", None),
    ],
)
def test_nothing_can_be_changed_for_others(impostor: Callable[..., Impostor], change: Callable[[type], None]) -> None:
    with pynto.connect(impostor(ROOM).address) as connection:
        with pytest.raises((TypeError, AttributeError)):
            change(type(connection.root))
        with pytest.raises((TypeError, AttributeError)):
            connection.root.__class__ = int
        assert connection.root.who() == "who"


def test_what_a_program_gives_for_the_servers_types_is_its_connections_alone(impostor: Callable[..., Impostor]) -> None:
    def make() -> type:
        kind = dataclasses.make_dataclass("Note", [("text", str)], frozen=True)
        kind.__module__ = "m"
        return kind

    server = impostor(describing({"note": "() -> rec m:Note"}, records={"m:Note": {"text": "str"}}))
    server.answer = [Tag(6), "m:Note", "x"]
    one, other = make(), make()
    with (
        pynto.connect(server.address, types=[one]) as first,
        pynto.connect(server.address, types=[other]) as second,
        pynto.connect(server.address) as third,
        pynto.connect(server.address) as fourth,
    ):
        notes = [each.root.note() for each in (first, second, third, fourth)]
        assert [type(note) for note in notes[:2]] == [one, other]
        assert len({type(note) for note in notes}) == 4
        type(notes[2]).mark = 1
        assert not hasattr(fourth.root.note(), "mark")
        assert type(first.root) is type(third.root)
    kept = weakref.ref(one)
    del one, make, notes, first
    gc.collect()
    assert kept() is None


def test_an_event_loop_has_classes_of_its_own(impostor: Callable[..., Impostor]) -> None:
    server = impostor(describing({"__next__": "() -> str", "__iter__": "() -> m:Room"}))

    async def use() -> type:
        async with await pynto.aio.connect(server.address) as connection:
            assert hasattr(type(connection.root), "__aiter__")
            return type(connection.root)

    with pynto.connect(server.address) as connection:
        assert asyncio.run(use()) is not type(connection.root)
        assert not hasattr(type(connection.root), "__aiter__")
        assert asyncio.run(use()) is asyncio.run(use())


def test_as_many_classes_are_kept_as_there_are_places_and_no_more(impostor: Callable[..., Impostor]) -> None:
    """N - 1, N, N + 1; the oldest goes, and comes again when it is needed."""
    fragments = [describing({f"f{i}": "() -> str"}) for i in range(PLACES + 1)]
    server = impostor(*fragments, fragments[PLACES], fragments[0])
    alive = []
    for i in range(PLACES + 1):
        with pynto.connect(server.address) as connection:
            alive.append(weakref.ref(type(connection.root)))
            if i == 0:
                first = repr(connection.root)
        del connection
        gc.collect()
        assert _core._shared_forms()[0] <= PLACES
        assert (alive[0]() is None) == (i == PLACES), i
    assert _core._shared_forms()[0] == PLACES
    with pynto.connect(server.address) as connection:
        assert type(connection.root) is alive[PLACES]()
    with pynto.connect(server.address) as connection:
        assert connection.root.f0() == "f0"
        assert repr(connection.root) == first


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_a_description_that_is_large_is_kept_up_to_its_share(impostor: Callable[..., Impostor], more: int) -> None:
    room = {
        "methods": {f"f{i:05}": "() -> none" for i in range(EACH // 2)},
        "get": {f"g{i:05}": "int" for i in range(EACH // 2 - 1 + more)},  # the interface counts as well
    }
    server = impostor({"interfaces": {"m:Room": room}})
    kinds = []
    for _ in range(2):
        with pynto.connect(server.address) as connection:
            kinds.append(weakref.ref(type(connection.root)))
        del connection
        gc.collect()
        assert _core._shared_forms()[1] <= WEIGHT
    assert (kinds[0]() is not None) == (more <= 0)


def test_ten_thousand_descriptions_leave_nothing_behind() -> None:
    """A client that has seen them is no larger than one that has seen a thousand of them."""

    def describe(many: range) -> None:
        ours, theirs = socket.socketpair()
        with RawPeer(theirs, timeout=30.0) as peer:
            peer.send([HELLO, "pynto", 1, None, {}])
            peer.send([DESCRIBE, 1, ROOM])
            peer.send([RETURN, Mine(0, 1)])
            with pynto.connect(f"fd://{ours.detach()}") as connection:
                for start in range(many.start, many.stop, 100):
                    described = [
                        pack([DESCRIBE, 2 + i - many.start, describing({"f": "() -> str"}, name=f"m:C{i}")]) + b"\n"
                        for i in range(start, start + 100)
                    ]
                    peer.send_raw(b"".join(described))
                    pinged = threading.Thread(target=connection.ping)
                    pinged.start()
                    while (message := peer.recv_message())[0] != PING:
                        pass
                    peer.send([PONG, message[1]])
                    pinged.join()
                assert connection.usage()["interfaces"] == len(many) + 1

    def resident() -> int:
        gc.collect()
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    describe(range(1000))
    before = resident()
    for start in range(1000, 10_000, 1000):
        describe(range(start, start + 1000))
    assert resident() - before < 32 << 20, "nine thousand that are kept would be eighty"  # the allocator keeps some


def test_threads_that_come_and_go_do_not_disturb_each_other(impostor: Callable[..., Impostor]) -> None:
    servers = [impostor(ROOM), impostor(ROOM, *[describing({"what": "() -> str"})])]
    failures: list[BaseException] = []

    def come_and_go(server: Impostor) -> None:
        try:
            for _ in range(40):
                with pynto.connect(server.address) as connection:
                    method = "who" if hasattr(connection.root, "who") else "what"
                    assert getattr(connection.root, method)() == method
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=come_and_go, args=(servers[i % 2],)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures


FORKS = """
import os, sys, threading, time
import pynto

address, rounds = sys.argv[1], int(sys.argv[2])
over = threading.Event()

def come_and_go():
    while not over.is_set():
        with pynto.connect(address) as connection:
            connection.root.who()

with pynto.connect(address) as held:
    kind = type(held.root)
    threads = [threading.Thread(target=come_and_go) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(rounds):
        child = os.fork()
        if child == 0:
            with pynto.connect(address) as connection:
                assert connection.root.who() == "who"
            try:
                held.root.who()
            except pynto.Disconnected:
                os._exit(0)
            os._exit(3)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    over.set()
    for thread in threads:
        thread.join()
    assert held.root.who() == "who" and type(held.root) is kind
print("done")
"""


def test_a_child_of_a_fork_connects_whatever_the_parents_threads_were_at(impostor: Callable[..., Impostor]) -> None:
    command = [sys.executable, "-c", FORKS, impostor(ROOM).address, "15"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.returncode) == ("done\n", 0), done.stderr
