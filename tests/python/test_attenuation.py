"""Do attenuate and revocable give less than the whole, wherever it goes, and never more?"""

from __future__ import annotations

import copy
import gc
import pickle
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import pynto
import pytest
from mypy import api
from pynto.audit import layout
from rawpeer import ERROR, RETURN, RawPeer, pack

T = TypeVar("T", covariant=True)


class Reader(Protocol):
    limit: int

    @property
    def name(self) -> str: ...
    def last(self) -> str: ...
    def me(self) -> Reader: ...


class Longer(Reader, Protocol):
    def __len__(self) -> int: ...


class Box(Protocol, Generic[T]):
    def get(self) -> T: ...


class Room:
    limit = 3
    secret = "hunter2"

    def __init__(self) -> None:
        self.lines = ["hello"]
        self.reads = 0

    @property
    def name(self) -> str:
        return "lobby"

    def last(self) -> str:
        self.reads += 1
        return self.lines[-1]

    def me(self) -> Reader:
        return self

    def post(self, text: str) -> None:
        self.lines.append(text)

    def get(self) -> int:
        return 7

    def __len__(self) -> int:
        return len(self.lines)

    def __enter__(self) -> Room:
        return self

    def __exit__(self, *error: object) -> None: ...

    def __iter__(self) -> Iterator[str]:
        return iter(self.lines)


# attenuate


def test_it_offers_what_the_protocol_names_and_nothing_else() -> None:
    room = Room()
    reader = pynto.attenuate(room, Reader)
    assert (reader.last(), reader.name, reader.limit) == ("hello", "lobby", 3)
    assert {each for each in dir(reader) if not each.startswith("_")} == {"last", "limit", "me", "name"}
    for name in ("post", "secret", "lines", "get"):
        with pytest.raises(AttributeError):
            getattr(reader, name)
    for use in (len, iter):
        with pytest.raises(TypeError):
            use(reader)  # type: ignore[arg-type]
    room.post("again")
    assert reader.last() == "again"


def test_what_the_protocol_lets_write_is_written_through() -> None:
    room = Room()
    reader = pynto.attenuate(room, Reader)
    reader.limit = 5
    assert room.limit == 5
    for name in ("name", "last", "other"):
        with pytest.raises(AttributeError):
            setattr(reader, name, 1)


def test_a_protocol_has_the_members_of_its_bases() -> None:
    longer = pynto.attenuate(Room(), Longer)
    assert len(longer) == 1 and longer.last() == "hello"
    assert pynto.attenuate(longer, Reader).last() == "hello"
    with pytest.raises(TypeError, match="it has no __len__"):
        pynto.attenuate(pynto.attenuate(Room(), Reader), Longer)


def test_a_generic_protocol_can_be_given_its_arguments() -> None:
    assert pynto.attenuate(Room(), Box[int]).get() == 7


def test_it_is_not_the_class_and_gives_itself_not_its_target() -> None:
    room = Room()
    reader = pynto.attenuate(room, Reader)
    assert not isinstance(reader, Room)
    assert reader.me() is reader


@pytest.mark.parametrize("wrong", [Room, int, object, Protocol, None, "Reader", [], lambda: None])
def test_only_a_protocol_says_what_is_left(wrong: Any) -> None:
    with pytest.raises(TypeError):
        pynto.attenuate(Room(), wrong)


def test_what_is_not_there_cannot_be_offered() -> None:
    with pytest.raises(TypeError, match="a Child is no Reader: it has no limit, me, name"):
        pynto.attenuate(Child(), Reader)


def test_looking_runs_nothing_of_the_target() -> None:
    class Trap(Room):
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(name)

        @property
        def name(self) -> str:
            raise AssertionError("it was read")

    pynto.attenuate(Trap(), Reader)
    with pytest.raises(TypeError):
        pynto.attenuate(Trap(), Missing)


class Missing(Protocol):
    def nowhere(self) -> int: ...


class Child:
    def last(self) -> str:
        return "child"


def test_a_part_cannot_be_copied_or_pickled() -> None:
    reader = pynto.attenuate(Room(), Reader)
    for use in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            use(reader)


# revocable


def test_a_forwarder_is_of_use_until_it_is_revoked() -> None:
    reader, revoke = pynto.revocable(Room(), Reader)
    assert reader.last() == "hello"
    revoke()
    for use in (lambda: reader.last(), lambda: reader.name, lambda: setattr(reader, "limit", 1)):
        with pytest.raises(pynto.Refused, match="it was revoked"):
            use()
    revoke()


def test_without_a_protocol_it_offers_what_its_target_does() -> None:
    room = Room()
    whole, revoke = pynto.revocable(room)
    with whole as same:
        assert same is whole
    whole.post("more")
    assert len(whole) == 2 and list(whole) == ["hello", "more"] and whole.secret == "hunter2"
    revoke()
    with pytest.raises(pynto.Refused):
        whole.post("no")
    with pytest.raises(pynto.Refused):
        len(whole)


def test_what_was_revoked_lets_go_of_its_target() -> None:
    room = Room()
    alive = weakref.ref(room)
    reader, revoke = pynto.revocable(room, Reader)
    del room
    assert alive() is not None
    revoke()
    gc.collect()
    assert alive() is None and reader is not None


def test_one_forwarder_of_many_is_revoked_alone() -> None:
    room = Room()
    first, end = pynto.revocable(room, Reader)
    second, _ = pynto.revocable(room, Reader)
    end()
    assert second.last() == "hello"
    with pytest.raises(pynto.Refused):
        first.last()


# Through a connection

NAME = __name__


class Site:
    def __init__(self) -> None:
        self.room = Room()
        self.lent: list[Callable[[], None]] = []

    def reader(self) -> Small:
        return pynto.attenuate(self.room, Small)

    def lend(self) -> Small:
        lent, end = pynto.revocable(self.room, Small)
        self.lent.append(end)
        return lent

    def take_back(self) -> None:
        for end in self.lent:
            end()

    def read(self, reader: Small) -> str:
        return reader.last()

    def whole(self, room: Room) -> int:
        return len(room)

    def lie(self) -> Room:
        return pynto.attenuate(self.room, Small)  # type: ignore[return-value]

    def attenuated(self, theirs: Any) -> str:
        return pynto.attenuate(theirs, Small).last()


class Small(Protocol):
    def last(self) -> str: ...


def policy() -> pynto.Policy:
    small, room, site = f"{NAME}:Small", f"{NAME}:Room", f"{NAME}:Site"
    document = {
        "imports": {small: {"facet": True, "methods": {"last": "() -> str"}}},
        "interfaces": {
            room: {"class": room, "methods": {"last": "() -> str", "post": "(text: str) -> none"}},
            site: {
                "class": site,
                "methods": {
                    "attenuated": f"(theirs: {small}) -> str",
                    "lend": f"() -> {small}",
                    "lie": f"() -> {room}",
                    "read": f"(reader: {small}) -> str",
                    "reader": f"() -> {small}",
                    "take_back": "() -> none",
                    "whole": f"(room: {room}) -> int",
                },
            },
            small: {"facet": True, "methods": {"last": "() -> str"}},
        },
        "platform": sys.platform,
        "pynto-policy": 1,
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "roots": {"site": site},
    }
    return pynto.Policy(layout.dumps(document).encode())


@pytest.fixture
def site() -> Iterator[Any]:
    with pynto.pair(Site(), policy=policy()) as connection:
        yield connection.root


def test_a_client_gets_the_part_and_can_hand_it_back(site: Any) -> None:
    reader = site.reader()
    assert reader.last() == "hello" and not hasattr(reader, "post")
    assert site.read(reader) == "hello"


def test_a_part_does_not_leave_as_the_whole_nor_come_home_as_it(site: Any) -> None:
    with pytest.raises(pynto.RemoteError):
        site.lie()
    with pytest.raises((pynto.Refused, TypeError)):
        site.whole(site.reader())


def test_what_is_revoked_is_refused_to_the_client(site: Any) -> None:
    lent = site.lend()
    assert lent.last() == "hello"
    site.take_back()
    with pytest.raises(PermissionError):
        lent.last()
    with pytest.raises(PermissionError):
        site.read(lent)
    assert site.reader().last() == "hello"


def dialled(server: pynto.Server) -> RawPeer:
    host, _, port = server.address.removeprefix("tcp://").rpartition(":")
    return RawPeer((host, int(port)))


def test_nothing_that_was_queued_starts_behind_a_revocation() -> None:
    """D27: a thousand calls in one write, the revocation amid them; another facet of the object goes on."""
    site = Site()
    with pynto.Server(site, policy=policy(), listen="tcp://127.0.0.1:0").start() as server, dialled(server) as peer:
        peer.hello()
        lent, other = (peer.call(0, name)[1].id for name in ("lend", "reader"))
        calls = (
            [[lent, "last", [], {}]] * 400
            + [[0, "take_back", [], {}]]
            + [[lent, "last", [], {}], [other, "last", [], {}]] * 300
        )
        before = site.room.reads
        peer.send_raw(b"".join(pack(call) + b"\n" for call in calls))
        answers = [peer.reply() for _ in calls]
        assert answers[:401] == [[RETURN, "hello"]] * 400 + [[RETURN, None]]
        assert answers[402::2] == [[RETURN, "hello"]] * 300
        assert {(answer[0], answer[1][0]) for answer in answers[401::2]} == {(ERROR, "Refused")}
        assert site.room.reads - before == 700


def test_a_netref_is_attenuated_by_what_its_interface_names(site: Any) -> None:
    reader = pynto.attenuate(site.reader(), Small)
    assert reader.last() == "hello"
    with pytest.raises(TypeError, match="it has no limit, me, name"):
        pynto.attenuate(site.reader(), Reader)
    assert site.read(reader) == "hello"  # it goes there as an object of ours, and its calls come back
    lent, revoke = pynto.revocable(site.reader())
    assert lent.last() == "hello"
    revoke()
    with pytest.raises(pynto.Refused):
        lent.last()


def test_a_server_attenuates_what_a_client_has_given(site: Any) -> None:
    assert site.attenuated(Child()) == "child"


# For type checkers


def test_mypy_knows_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "use.py").write_text(
        "from collections.abc import Callable\n"
        "from typing import Protocol\n"
        "import pynto\n"
        "class Reader(Protocol):\n"
        "    def last(self) -> str: ...\n"
        "class Room:\n"
        "    def last(self) -> str: return ''\n"
        "    def post(self) -> None: ...\n"
        "    def reader(self) -> Reader: return pynto.attenuate(self, Reader)\n"
        "    def wrong(self) -> 'Room': return pynto.attenuate(self, Reader)\n"
        "def f() -> None:\n"
        "    part, end = pynto.revocable(Room(), Reader)\n"
        "    part.last(); end()\n"
        "    part.post()\n"
        "    whole, end = pynto.revocable(Room())\n"
        "    whole.post()\n"
    )
    monkeypatch.chdir(tmp_path)
    out, err, _ = api.run(["--strict", "--no-error-summary", "--python-executable", sys.executable, "use.py"])
    assert err == ""
    assert [line.split(":")[1] for line in out.splitlines() if " error: " in line] == ["10", "14"], out


def test_context_managers_and_iterators_are_forwarded() -> None:
    class Listed(Protocol):
        def __iter__(self) -> Iterator[str]: ...
        def __enter__(self) -> AbstractContextManager[object]: ...
        def __exit__(self, *error: object) -> None: ...

    listed = pynto.attenuate(Room(), Listed)
    with listed as entered:
        assert entered is listed and list(listed) == ["hello"]
