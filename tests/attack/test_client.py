"""A hostile server against the ordinary client: nothing runs, nothing is held for ever, nothing is believed."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import socket
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pynto
import pytest
from attacker import SECRET, Attacker, closes, until
from rawpeer import CALL, ERROR, FREE, HELLO, NEWLINE, RETURN, Ext, Mine, RawPeerError, Tag, Yours, pack

LIMITS = {"message": 1 << 24, "depth": 32, "elements": 1 << 16, "references": 10_000}
ROOT = {
    "interfaces": {
        "evil:Root": {
            "get": {"title": "str"},
            "methods": {
                "ask": "() -> evil:Thing",
                "call": "(cb: fn(int)->int) -> int",
                "number": "() -> int",
                "flag": "() -> bool",
                "text": "() -> str",
                "names": "() -> (str*)",
                "take": "(thing: evil:Thing) -> none",
            },
        }
    }
}
THING = {"interfaces": {"evil:Thing": {"methods": {"__len__": "() -> int", "ok": "() -> int"}}}}

Script = Callable[[Attacker], None]


class Evil:
    """Listens, takes one client, and does what the script says."""

    def __init__(self, script: Script, hello: Any = None, root: Any = ROOT) -> None:
        self.errors: list[BaseException] = []
        self._script = script
        self._hello = hello if hello is not None else [HELLO, "pynto", 1, None, LIMITS]
        self._root = root
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(10)
        self.address = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            stream, _ = self._listener.accept()
            with Attacker(stream) as peer:
                assert peer.recv_message()[0] == HELLO
                peer.send(self._hello)
                peer.send([-5, 1, self._root])
                peer.send([RETURN, Mine(0, 1)])
                self._script(peer)
        except (OSError, RawPeerError):
            pass  # the client has left
        except BaseException as error:
            self.errors.append(error)

    def finish(self) -> None:
        self._thread.join(10)
        self._listener.close()
        assert not self._thread.is_alive()
        if self.errors:
            raise self.errors[0]


@contextmanager
def against(
    script: Script, *, quotas: dict[str, float] | None = None, types: Sequence[type] = (), **options: Any
) -> Iterator[pynto.Connection]:
    evil = Evil(script, **options)
    connection = pynto.connect(evil.address, timeout=5, quotas=quotas, types=types)
    try:
        yield connection
    finally:
        connection.close()
        evil.finish()


def answering(*answers: Any) -> Script:
    """Each call gets the next of the answers (bytes: as they are; a list of messages: all of them)."""

    def script(peer: Attacker) -> None:
        for answer in answers:
            message = peer.reply()
            if message is None or len(message) != 4:
                return
            if isinstance(answer, bytes):
                peer.send_raw(answer)
            else:
                for each in answer if answer and isinstance(answer[0], list) else [answer]:
                    peer.send(each)
        peer.reply()

    return script


# ---- errors ----


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        ("builtins:SystemExit", pynto.RemoteError),
        ("SystemExit", pynto.RemoteError),
        ("KeyboardInterrupt", pynto.RemoteError),
        ("GeneratorExit", pynto.RemoteError),
        ("StopIteration", pynto.RemoteError),
        ("StopAsyncIteration", pynto.RemoteError),
        ("BaseException", pynto.RemoteError),
        ("Exception", pynto.RemoteError),
        ("Warning", pynto.RemoteError),
        ("os:system", pynto.RemoteError),
        ("subprocess:Popen", pynto.RemoteError),
        ("builtins.eval", pynto.RemoteError),
        ("pynto.errors:RemoteError", pynto.RemoteError),
        ("evil:Own", pynto.RemoteError),
        ("__class__", pynto.RemoteError),
        ("a" * 255, pynto.RemoteError),
        ("{0.__class__}", pynto.RemoteError),
        ("%s%n", pynto.RemoteError),
        ("Refused", pynto.Refused),
        ("QuotaExceeded", pynto.QuotaExceeded),
        ("DeadlineExceeded", pynto.DeadlineExceeded),
        ("KeyError", KeyError),
        ("OSError", OSError),
        ("UnicodeError", UnicodeError),
        ("UnicodeDecodeError", pynto.RemoteError),
        ("TypeError", TypeError),
    ],
)
def test_errors_are_of_a_closed_set(tmp_path: Path, type_: str, expected: type) -> None:
    """T01 G05: nothing is imported, made or run by name; text and the rest are plain attributes."""
    os.environ["PYNTO_CANARY"] = str(tmp_path / "pwned")
    with against(answering([ERROR, [type_, "touch $PYNTO_CANARY {0.args} %s", "tb", "id"]])) as connection:
        with pytest.raises(expected) as caught:
            connection.root.number()
        assert type(caught.value) is expected
        assert not (tmp_path / "pwned").exists()
        if expected is pynto.RemoteError:
            assert caught.value.type == type_
            assert set(vars(caught.value)) <= {"type", "incident", "fields", "__notes__"}
        assert "\n" not in repr(caught.value)


def test_an_error_may_say_what_it_likes(tmp_path: Path) -> None:
    """T01 P01: control characters, formats, long texts stay texts; the connection goes on."""
    evil = "\x1b]0;x\x07\n{0.__class__}%s\x00\u202e" * 1000
    with against(answering([ERROR, [evil[:60], evil, evil, evil]], [RETURN, 3])) as connection:
        with pytest.raises(pynto.RemoteError) as caught:
            connection.root.number()
        assert str(caught.value)
        assert connection.root.number() == 3


# ---- values ----


@pytest.mark.parametrize(
    "value",
    [
        True,
        "1",
        1.0,
        None,
        b"1",
        [1],
        Mine(1, 1),
        Mine(0, 1),
        Yours(1),
        Yours(0),
        [Tag(6), "os:system", "id"],
        [Tag(7), "evil:E", "X"],
        Ext(25, b"1"),
    ],
    ids=repr,
)
def test_a_result_that_is_not_as_described_is_an_error(value: Any) -> None:
    """T03 E07: an int is an int, also for a client."""
    with (
        against(answering([RETURN, value], [RETURN, 3])) as connection,
        pytest.raises((TypeError, ConnectionError, pynto.Refused, pynto.RemoteError)),
    ):
        raise AssertionError(connection.root.number())


@pytest.mark.parametrize(
    "data",
    [
        b"\xc1",
        b"\xdd\xff\xff\xff\xff",
        b"\x92\xff\xdb\xff\xff\xff\xff",
        b"\x92\xff\xc6\x7f\xff\xff\xff",
        b"\x92\xff" + b"\x91" * 100_000,
        b"\x92\xff\xa2\xc3\x28\n",
        b"\x92\xff\x01\x00",
        b"\x92\xff\xd4\x01\x00\n",
        b"\x92\xff\x82\x01\x01\x01\x01\n",
        b"\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        pack([RETURN, 1]) + NEWLINE + pack([RETURN, 1]) + NEWLINE,
        pack([-5, 1, ROOT]) + NEWLINE,
        pack([-5, 0, ROOT]) + NEWLINE,
        pack([-8, "pynto", 1, None, LIMITS]) + NEWLINE,
        pack([FREE, 5, 1]) + NEWLINE,
        pack([FREE, 0, 1]) + NEWLINE,
        pack([RETURN, Mine(4, 99)]) + NEWLINE,
        pack([CALL, "x", [], {}]) + NEWLINE,
        pack([7, "__call__", [], {}])[:4],
    ],
    ids=lambda data: data[:12].hex(),
)
def test_a_server_that_breaks_the_protocol_is_left(data: bytes) -> None:
    """T05 H01 H05: in time, with an exception, and with all that was going on at an end."""

    def script(peer: Attacker) -> None:
        peer.reply()
        peer.pour(data)
        with suppress(RawPeerError):
            peer.expect_close(0.5)

    with against(script, quotas={"callback": 2}) as connection:
        start = time.monotonic()
        with suppress(ConnectionError, pynto.RemoteError, pynto.Refused, pynto.DeadlineExceeded):
            assert connection.root.number() == 1
            connection.root.number()
        assert time.monotonic() - start < 9


@pytest.mark.parametrize(
    "hello",
    [
        [HELLO, "pynto", 2, None, LIMITS],
        [HELLO, "other", 1, None, LIMITS],
        [HELLO, "pynto", 1, "root", LIMITS],
        [RETURN, 1],
        [ERROR, ["E", "", None, None]],
        [-7, 3, "denied\n\x1b[2J"],
        [0, "x", [], {}],
        "hello",
    ],
    ids=repr,
)
def test_a_hello_that_is_none_is_an_exception(hello: Any) -> None:
    """T05 H35"""
    evil = Evil(lambda peer: peer.expect_close(3) and None, hello=hello)
    with pytest.raises((ConnectionError, pynto.Refused)) as caught:
        pynto.connect(evil.address, timeout=5)
    assert str(caught.value).isprintable()
    evil.finish()


# ---- claims ----


def described(name: str, **parts: Any) -> dict[str, Any]:
    return {"interfaces": {name: parts}}


@pytest.mark.parametrize(
    "description",
    [
        described("evil:Root", methods={"__class__": "() -> int"}),
        described("evil:Root", methods={"__del__": "() -> none"}),
        described("evil:Root", methods={"__getattr__": "(str, /) -> int"}),
        described("evil:Root", methods={"__getattribute__": "(str, /) -> int"}),
        described("evil:Root", methods={"__reduce_ex__": "(int, /) -> str"}),
        described("evil:Root", methods={"__init_subclass__": "() -> none"}),
        described("evil:Root", methods={"__repr__": "() -> str"}),
        described("evil:Root", methods={"__hash__": "() -> int"}),
        described("evil:Root", methods={"__instancecheck__": "(int, /) -> bool"}),
        described("evil:Root", methods={"_private": "() -> int"}),
        described("evil:Root", get={"__dict__": "str"}),
        described("evil:Root", get={"__class__": "str"}),
        described("evil:Root", methods={"ok": "() -> Any"}),
        described("evil:Root", methods={"ok": "() -> int; import os"}),
        described("evil:Root", methods={"ok": "(a: int) -> int\n"}),
        described("evil:Root", methods={"a b": "() -> int"}),
        described("evil:Root", methods={"x" * 256: "() -> int"}),
        described("__import__('os').system('id')", methods={}),
        described("evil:Root\n\x1b[2J", methods={}),
        described("os.path", methods={"join": "() -> str"}),
        {"interfaces": {}},
        {"interfaces": {"evil:A": {}, "evil:B": {}}},
        {"interfaces": {"evil:Root": {"class": "os:system"}}},
        {"interfaces": {"evil:Root": {}}, "roots": {"x": "evil:Root"}},
        {"interfaces": {"evil:Root": {}}, "declared": {}},
        {"interfaces": {"evil:Root": {}}, "records": {"evil:R": {"__class__": "int"}}},
        {"interfaces": {"evil:Root": {}}, "records": {"evil:R": {"__init__": "str"}}},
        {"interfaces": {"evil:Root": {}}, "enums": {"evil:E": ["__class__"]}},
        [],
        "evil:Root",
        None,
        1,
    ],
    ids=lambda description: repr(description)[:60],
)
def test_a_description_that_claims_too_much_is_refused(description: Any) -> None:
    """T03: no dunder that Python asks by itself, no private name, no code; not even a connection is made."""
    evil = Evil(lambda peer: peer.expect_close(3) and None, root=description)
    with pytest.raises((ConnectionError, ValueError)) as caught:
        pynto.connect(evil.address, timeout=5)
    assert str(caught.value).isprintable()
    evil.finish()


@pytest.mark.parametrize(
    "name",
    ["builtins:str", "builtins:type", "builtins:dict", "collections:OrderedDict", "pynto:Connection", "os:PathLike"],
)
def test_a_name_makes_no_class(name: str) -> None:
    """T03: a reference that says it is a str is none, whatever it is called."""
    root = described(name, methods={"ok": "() -> int", "__len__": "() -> int"})
    with against(lambda peer: peer.reply() and None, root=root) as connection:
        netref = connection.root
        module, _, short = name.partition(":")
        real = getattr(__import__(module), short)
        assert not isinstance(netref, real)
        assert not issubclass(type(netref), real)
        assert not isinstance(netref, str | dict | type | int)
        assert netref.__class__ is type(netref)
        for action in (pickle.dumps, copy.copy, copy.deepcopy, os.fspath):
            with pytest.raises(TypeError):
                action(netref)


def test_looking_at_a_netref_asks_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    """T07 T03: repr, str, dir, vars, type, hash, ==, isinstance, help, hasattr, getattr of unlisted names."""
    asked: list[Any] = []

    def script(peer: Attacker) -> None:
        while (message := peer.reply()) is not None and len(message) == 4:
            asked.append(message)
            peer.send([ERROR, ["RuntimeError", "", None, None]])

    with against(script) as connection:
        root = connection.root
        (
            repr(root),
            str(root),
            dir(root),
            type(root),
            hash(root),
            root == root,
            root == 1,
            isinstance(root, dict),
            f"{root}",
            bool(root),
        )
        help(root)
        for name in (
            "__dict__",
            "_x",
            "missing",
            "__wrapped__",
            "_ipython_display_",
            "_repr_html_",
            "__fspath__",
            "shape",
            "__len__",
            "__next__",
        ):
            assert not hasattr(root, name), name
        with pytest.raises(TypeError):
            root.__array__()  # there, so that NumPy is told no and does not look for items
        assert {root} == {root} and root in [root]
        with pytest.raises(AttributeError):
            root.number = 1
        with pytest.raises(AttributeError):
            root.title = "x"
        with pytest.raises((AttributeError, TypeError)):
            del root.number
        assert asked == []
        with pytest.raises(RuntimeError):
            root.number()
        assert len(asked) == 1
    assert SECRET not in capsys.readouterr().out


def test_a_proxys_length_is_checked() -> None:
    """E03 T03: a client is not made to take memory either."""

    def script(peer: Attacker) -> None:
        peer.send([-5, 2, THING])
        peer.reply()
        peer.send([RETURN, Mine(9, 2)])
        for value in (-1, 2**63, 1 << 100, True, "5", None, 1.5):
            message = peer.reply()
            if message is None or message[1:2] != ["__len__"]:
                return
            peer.send([RETURN, value])
        peer.reply()

    with against(script) as connection:
        thing = connection.root.ask()
        for _ in range(7):
            with pytest.raises(
                (TypeError, ValueError, OverflowError, ConnectionError, pynto.Refused, pynto.RemoteError)
            ):
                raise AssertionError(len(thing))


# ---- what a server may call ----


@pytest.mark.parametrize(
    ("call", "why"),
    [
        ([0, "__call__", [1], {}], "the client's root: there is none"),
        ([2, "__call__", [1], {}], "an id that it was not given"),
        ([-1, "__call__", [1], {}], "a negative id"),
        ([2**64 - 1, "__call__", [1], {}], "the last id"),
        ([1, "__class__", [], {}], "a dunder"),
        ([1, "__globals__", [], {}], "a dunder of functions"),
        ([1, "__getattr__", ["__globals__"], {}], "an attribute"),
        ([1, "__setattr__", ["x", 1], {}], "a write"),
        ([1, "__reduce_ex__", [4], {}], "pickle's"),
        ([1, "call", [1], {}], "another name"),
        ([1, "__call__\0", [1], {}], "a NUL"),
    ],
)
def test_a_server_calls_what_it_was_lent_and_as_declared(call: list[Any], why: str) -> None:
    """T01 T05 A01: the client refuses in the same words as a server does."""
    found: list[Any] = []

    def script(peer: Attacker) -> None:
        request = peer.reply()
        assert isinstance(request[2][0], Mine)
        number = request[2][0].id
        made = [number if call[0] == 1 else call[0] + (number if call[0] == 2 else 0), *call[1:]]
        peer.send(made)
        found.append(peer.reply())
        peer.send([RETURN, 5])
        peer.reply()

    ran: list[int] = []
    with against(script) as connection:
        assert connection.root.call(lambda value: ran.append(value) or 1) == 5
    assert found == [[ERROR, ["Refused", "not permitted", None, None]]], why
    assert ran == []


@pytest.mark.parametrize("args", [[], [1, 2], ["1"], [True], [1.0], [None], [Mine(1, 1)], [Yours(1)]], ids=repr)
def test_a_callback_gets_arguments_as_declared(args: list[Any]) -> None:
    """T05 I01"""
    found: list[Any] = []

    def script(peer: Attacker) -> None:
        request = peer.reply()
        peer.send([request[2][0].id, "__call__", args, {}])
        found.append(peer.reply())
        peer.send([RETURN, 5])
        peer.reply()

    ran: list[int] = []
    with against(script) as connection, suppress(ConnectionError):
        connection.root.call(lambda value: ran.append(value) or 1)
    assert ran == []
    assert found[0] is None or found[0][0] in (ERROR, -7)
    if found[0] is not None and found[0][0] == ERROR:
        assert found[0][1][0] in ("TypeError", "Refused")


def test_a_callbacks_exception_tells_a_server_little() -> None:
    """T01 G01: its type, and nothing of the client's files and values."""
    found: list[Any] = []

    def script(peer: Attacker) -> None:
        request = peer.reply()
        peer.send([request[2][0].id, "__call__", [1], {}])
        found.append(peer.reply())
        peer.send([RETURN, 5])
        peer.reply()

    def callback(value: int) -> int:
        raise ValueError(f"{SECRET} {value} {__file__}")

    with against(script) as connection:
        connection.root.call(callback)
    assert SECRET not in repr(found) and "test_client" not in repr(found)
    assert found[0][0] == ERROR


def test_frees_of_more_than_was_lent_end_the_connection() -> None:
    """T05 D05: as on a server; the callback is let go."""

    def script(peer: Attacker) -> None:
        request = peer.reply()
        number = request[2][0].id
        peer.send_raw(
            pack([FREE, number, 1]) + NEWLINE + pack([FREE, number, 1]) + NEWLINE + pack([RETURN, 1]) + NEWLINE
        )
        assert closes(peer, within=5) == 15

    class Callback:
        def __call__(self, value: int) -> int:
            return value

    callback = Callback()
    dead = weakref.ref(callback)
    with against(script) as connection:
        with suppress(ConnectionError):
            connection.root.call(callback)
        until(lambda: connection.closed, "it is over")
    del callback
    until(lambda: gc.collect() is not None and dead() is None, "the callback is let go")


def test_a_server_that_never_frees_holds_a_bounded_number() -> None:
    """T05 K05: the quota `references` of the client; all are let go at the end."""
    dead: list[Any] = []

    def script(peer: Attacker) -> None:
        while (message := peer.reply()) is not None and len(message) == 4:
            peer.send([RETURN, 1])

    def lend(root: Any, number: int) -> bool:
        callback = _Held(number)
        dead.append(weakref.ref(callback))
        try:
            return root.call(callback) == 1
        except pynto.QuotaExceeded:
            return False

    with against(script, quotas={"references": 50}) as connection:
        assert [lend(connection.root, i) for i in range(200)].count(True) in (49, 50)
        assert 40 <= sum(ref() is not None for ref in dead) <= 51
    until(lambda: gc.collect() is not None and not any(ref() is not None for ref in dead), "all are let go")


class _Held:
    def __init__(self, number: int) -> None:
        self.number = number

    def __call__(self, value: int) -> int:
        return value


def test_a_flood_of_calls_references_and_pings_is_bounded() -> None:
    """T05 K05: from a server to a client that does nothing: closed, refused, or held back; never without end."""

    def script(peer: Attacker) -> None:
        peer.reply()
        for i in range(2000):
            if not peer.pour(pack([-4, 2 * i + 1]) + NEWLINE + pack([1, "__call__", [1], {}]) + NEWLINE):
                return
        peer.expect_close(1)

    with against(script, quotas={"lent": 100}) as connection, suppress(ConnectionError, pynto.RemoteError):
        connection.root.call(lambda value: value)

    def hoard(peer: Attacker) -> None:
        peer.send([-5, 2, THING])
        peer.reply()
        for i in range(1, 500):
            peer.send([RETURN, Mine(i, 2)])
            if peer.reply() is None:
                return

    kept: list[Any] = []
    with against(hoard, quotas={"lent": 100}) as connection:
        with pytest.raises((pynto.QuotaExceeded, pynto.RemoteError, ConnectionError)):
            for _ in range(499):
                kept.append(connection.root.ask())
        assert 90 <= len(kept) <= 101


MANY = 3000
CHOICES: dict[str, Callable[[int], int]] = {
    "in order": lambda i: i + 1,
    "alike in their low bits": lambda i: (i + 1) << 48,
    "far apart": lambda i: (i + 1) << 32 | i << 6,
    "downwards from the highest": lambda i: 2**64 - 1 - i,
    "places and generations": lambda i: i % 64 + 1 + (i // 64 << 32),
}


@pytest.mark.parametrize("choice", CHOICES)
def test_whatever_ids_a_server_chooses_each_is_one_object_and_goes_back_exactly(choice: str) -> None:
    """D17 D19 T05: many at once, announced twice, called, freed and announced anew."""
    ids = [CHOICES[choice](i) for i in range(MANY)]
    called: list[int] = []

    def script(peer: Attacker) -> None:
        peer.send([-5, 2, THING])
        while (message := peer.reply()) is not None and len(message) == 4:
            if message[0] != 0:
                called.append(message[0])
                peer.send([RETURN, 1])
            else:
                peer.send([RETURN, tuple(Mine(each, 2) for each in ids) if message[1] == "many" else 1])
        assert peer.freed == dict.fromkeys(ids, 4)

    root = described("evil:Root", methods={"many": "() -> (evil:Thing*)", "number": "() -> int"})
    with against(script, root=root, quotas={"lent": MANY}) as connection:
        for _ in range(2):
            things = connection.root.many()
            assert len(set(map(id, things))) == MANY
            assert all(one is other for one, other in zip(things, connection.root.many(), strict=True))
            assert [things[i].ok() for i in (0, 77, MANY - 1)] == [1, 1, 1]
            assert connection.usage()["lent"] == MANY
            for thing in things[::2]:
                pynto.release(thing)
            with pytest.raises(ReferenceError):
                things[0].ok()
            assert "released" in repr(things[0])
            del thing, things
            connection.root.number()  # the frees go ahead of it
            assert connection.usage()["lent"] == 0
    assert called == [ids[0], ids[77], ids[MANY - 1]] * 2


def test_one_id_under_two_interfaces_is_two_references() -> None:
    """C01 T03: what the one may is not the other's, however they come and go; both are freed."""
    other = described("evil:Other", methods={"different": "() -> int"})

    def script(peer: Attacker) -> None:
        peer.send([-5, 2, THING])
        peer.send([-5, 3, other])
        while (message := peer.reply()) is not None and len(message) == 4:
            peer.send([RETURN, (Mine(2**64 - 1, 2), Mine(2**64 - 1, 3)) if message[1] == "both" else 1])
        assert peer.freed == {2**64 - 1: 6}

    root = described("evil:Root", methods={"both": "() -> (evil:Thing, evil:Other)", "number": "() -> int"})
    with against(script, root=root) as connection:
        thing, different = connection.root.both()
        assert thing is not different and type(thing) is not type(different)
        assert thing.ok() == different.different() == 1
        pynto.release(thing)
        again, the_same = connection.root.both()
        assert the_same is different and again is not thing
        assert again.ok() == 1
        with pytest.raises(ReferenceError):
            thing.ok()
        del thing
        assert again.ok() == 1
        del again, different, the_same
        connection.root.number()
        first, second = connection.root.both()
        assert first.ok() == second.different() == 1
        del first, second
        connection.root.number()


def test_a_netref_is_whole_when_its_connection_has_gone() -> None:
    """T05: the server leaves while hundreds are held: each says what it was, none is called, all go in any order."""

    def script(peer: Attacker) -> None:
        peer.send([-5, 2, THING])
        peer.reply()
        peer.send([RETURN, tuple(Mine(i << 40, 2) for i in range(1, 501))])
        peer.reply()

    root = described("evil:Root", methods={"many": "() -> (evil:Thing*)", "number": "() -> int"})
    with against(script, root=root) as connection:
        things = list(connection.root.many())
        held = things[1::3]
        pynto.release(things[1])
        del things[::2]
        with pytest.raises(ConnectionError):
            connection.root.number()
        connection.close()
        assert connection.usage()["lent"] == 0
        assert " 5497558138880 of " in repr(held[1])
        for each in held[1:]:
            with pytest.raises(pynto.Disconnected):
                each.ok()
        pynto.release(held[2])
        assert "released" in repr(held[2])
        assert pynto.connection(held[2]) is connection
        del things
        del held[::2], held


def test_descriptions_without_end_are_cut_off() -> None:
    """T03 K13: the quota `interfaces`, and the size of one."""

    def script(peer: Attacker) -> None:
        peer.reply()
        for i in range(2, 5000):
            if not peer.pour(pack([-5, i, described(f"evil:T{i}", methods={"ok": "() -> int"})]) + NEWLINE):
                return
        assert closes(peer, within=5, is_reset_fine=True) in (17, None)

    with against(script) as connection, pytest.raises(ConnectionError):
        connection.root.number()
    evil = Evil(
        lambda peer: peer.expect_close(3) and None,
        root=described("evil:Root", methods={f"m{i}": "() -> int" for i in range(40_000)}),
    )
    with pytest.raises(ConnectionError):
        pynto.connect(evil.address, timeout=5)
    evil.finish()


def test_a_server_that_says_nothing_is_left_in_time() -> None:
    """L01 T05: connect() does not wait for ever."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        start = time.monotonic()
        with pytest.raises((ConnectionError, TimeoutError)):
            pynto.connect(f"tcp://127.0.0.1:{listener.getsockname()[1]}", timeout=1, quotas={"hello": 0.5})
        assert time.monotonic() - start < 5


def test_nobody_else_is_hurt_by_a_servers_end() -> None:
    """L05 T05: in the middle of an answer, with many threads waiting: each gets one exception, soon."""

    def script(peer: Attacker) -> None:
        for _ in range(8):
            peer.reply()
        peer.send_raw(b"\x92\xff\xda\x10\x00abc")

    outcomes: list[BaseException] = []

    def work(root: Any) -> None:
        try:
            root.text()
        except BaseException as error:
            outcomes.append(error)

    with against(script) as connection:
        threads = [threading.Thread(target=work, args=(connection.root,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert len(outcomes) == 8
        assert all(isinstance(error, pynto.Disconnected | pynto.ProtocolError) for error in outcomes)
        with pytest.raises(ConnectionError):
            connection.root.number()


def test_a_netref_of_one_connection_is_nothing_to_another() -> None:
    """C01 D01: it is not sent as what it is elsewhere."""

    def script(peer: Attacker) -> None:
        peer.send([-5, 2, THING])
        while (message := peer.reply()) is not None and len(message) == 4:
            peer.send([RETURN, Mine(9, 2) if message[1] == "ask" else None])

    with against(script) as first, against(script) as second:
        thing = first.root.ask()
        first.root.take(thing)
        with pytest.raises((TypeError, pynto.Refused)):
            second.root.take(thing)


# ---- what comes along with an error ----


class Short(Exception):
    left: int

    def __init__(self, *args: Any) -> None:
        raise AssertionError("it was run")

    @property
    def trap(self) -> int:
        return 1

    @trap.setter
    def trap(self, value: int) -> None:
        raise AssertionError("it was run")


Short.__module__, Short.__qualname__ = "evil", "Short"


def failing(details: Any, type_: str = "evil:Short", **options: Any) -> BaseException:
    with against(answering([ERROR, [type_, "", None, None], details]), **options) as connection:
        with pytest.raises(Exception) as caught:
            connection.root.number()
    return caught.value


def test_a_server_sets_no_attribute_that_the_class_does_not_declare() -> None:
    """T01 G05: of the user's class what it annotates; of nothing else anything."""
    names = "left args errno value with_traceback add_note trap real mro incident type fields".split()
    error = failing({"fields": dict.fromkeys(names, 7)}, types=[Short])
    assert type(error) is Short
    assert vars(error) == {"left": 7, "incident": None}
    assert error.args == () and error.trap == 1 and callable(error.with_traceback)
    error = failing({"fields": dict.fromkeys(names, 7)}, "KeyError")
    assert type(error) is KeyError
    assert vars(error) == {"incident": None}
    error = failing({"fields": dict.fromkeys(names, 7)}, "evil:Other")
    assert type(error) is pynto.RemoteError
    assert error.fields == dict.fromkeys(names, 7)
    assert (error.type, error.incident, error.args) == ("evil:Other", None, ())


@pytest.mark.parametrize(
    "type_", ["SystemExit", "KeyboardInterrupt", "StopIteration", "GeneratorExit", "os:system", "evil:Other"]
)
def test_causes_and_members_are_of_the_closed_set(type_: str) -> None:
    """T01 G07: a cause is text, a member what an error of its own would be."""
    error = failing({"causes": [[type_, "{0.__class__}", "id"]] * 8}, "KeyError")
    for _ in range(8):
        assert error.__cause__ is not None
        error = error.__cause__
        assert type(error) is pynto.RemoteError and (error.type, error.incident) == (type_, "id")
    assert error.__cause__ is None
    group = failing({"errors": [[[type_, "", None, None], {}], [["KeyError", "", None, None], {}]]}, "ExceptionGroup")
    assert type(group) is ExceptionGroup
    assert [type(each) for each in group.exceptions] == [pynto.RemoteError, KeyError]


@pytest.mark.parametrize(
    "details",
    [
        {"value": 1},
        {"fields": {"left": Mine(7, 1)}},
        {"fields": {"left": [Tag(6), "evil:Thing", 1]}},
        {"fields": {"left": [Tag(7), "evil:Thing", "A"]}},
        {"errors": [[["KeyError", "", None, None], {"fields": {"left": Yours(0)}}]]},
    ],
    ids=repr,
)
def test_details_that_do_not_fit_are_refused_with_their_error(details: Any) -> None:
    assert type(failing(details, "ExceptionGroup", types=[Short])) is pynto.Refused


@pytest.mark.parametrize("details", [{}, {"causes": [["KeyError", "", None]]}, {"fields": {"a": 1}}], ids=repr)
def test_a_group_without_members_is_none(details: Any) -> None:
    error = failing(details, "ExceptionGroup")
    assert type(error) is pynto.RemoteError and error.type == "ExceptionGroup"


def test_who_has_thrown_nothing_gets_nothing_back() -> None:
    error = failing({"yours": True}, "RemoteError")
    assert type(error) is pynto.RemoteError


# ---- items that were asked for ahead ----

STREAM = {"interfaces": {"Iterator[int]": {"methods": {"__iter__": "() -> Iterator[int]", "__next__": "() -> int"}}}}
THINGS = {"interfaces": {"Iterator[evil:Thing]": {"methods": {"__next__": "() -> evil:Thing"}}}}


def streaming(*messages: Any) -> Script:
    """An iterator that is read ahead after eight steps; then these are the answer to the first ask for two."""

    def script(peer: Attacker) -> None:
        for step in range(8):
            assert peer.reply() == [0, "__next__", [], {}]
            peer.send([RETURN, step])
        assert peer.reply() == [-11, 0, "__next__", [], {}, {"ahead": 2}]
        for message in messages:
            peer.send(message)
        while (message := peer.reply()) is not None and message[0] != -7:
            peer.send([RETURN, None])

    return script


@pytest.mark.parametrize(
    "messages",
    [
        [[-13, [1, 2, 3]]],
        [[-13, [1, 2]], [-13, [3]]],
        [[-13, [1]], [-13, [2]], [-13, [3]]],
        [[-13, list(range(65_000))]],
        [[-13, []]],
        [[-13, [Tag(2), 1]]],
        [[-13, 1]],
        [[-13, {1: 2}]],
        [[-13, ["1"]]],
        [[-13, [1, True]]],
        [[-13, [1.0]]],
        [[-13, [Mine(5, 1)]]],
        [[-13, [Yours(1)]]],
        [[-13, [1, 2], 3]],
    ],
    ids=lambda messages: repr(messages)[:60],
)
def test_items_beyond_what_was_asked_for_end_the_connection(messages: list[Any]) -> None:
    """R13 T01: too many, of another type, of another shape, or when nobody has asked."""
    with against(streaming(*messages), root=STREAM) as connection:
        iterator = connection.root
        assert [next(iterator) for _ in range(8)] == list(range(8))
        with pytest.raises((pynto.ProtocolError, pynto.Disconnected)):
            for _ in range(5):
                with suppress(pynto.Refused):
                    next(iterator)
        assert connection.closed


@pytest.mark.parametrize(
    "messages",
    [[[RETURN, None]], [[RETURN, 1]], [[-13, [1]], [RETURN, 2]], [[-13, [1, 2]], [RETURN, Mine(5, 1)]]],
    ids=repr,
)
def test_an_answer_to_an_ask_is_nil_behind_items(messages: list[Any]) -> None:
    with against(streaming(*messages), root=STREAM) as connection:
        iterator = connection.root
        assert [next(iterator) for _ in range(8)] == list(range(8))
        with pytest.raises(pynto.Refused):
            next(iterator)
        assert not connection.closed


def test_items_are_held_up_to_a_limit() -> None:
    """R13: what an ask may bring is bounded by its bytes, whatever its number."""
    blob = "x" * 70_000
    texts = {"interfaces": {"Iterator[str]": {"methods": {"__next__": "() -> str"}}}}

    def script(peer: Attacker) -> None:
        for _ in range(8):
            peer.reply()
            peer.send([RETURN, "a"])
        peer.reply()
        peer.send([-13, [blob]])
        peer.send([-13, [blob]])
        peer.send([RETURN, None])
        peer.reply()

    with against(script, root=texts) as connection:
        assert [next(connection.root) for _ in range(8)] == ["a"] * 8
        with pytest.raises(pynto.ProtocolError):
            next(connection.root)


def test_an_iterator_of_objects_is_never_asked_ahead() -> None:
    asked: list[Any] = []

    def script(peer: Attacker) -> None:
        peer.send([-5, 2, THING])
        while (message := peer.reply()) is not None and message[0] != -7:
            asked.append(message)
            peer.send([RETURN, Mine(len(asked), 2)])

    with against(script, root=THINGS) as connection:
        things = [next(connection.root) for _ in range(30)]
        assert len(set(map(id, things))) == 30
        assert asked[:30] == [[0, "__next__", [], {}]] * 30


# ---- one-way calls ----


@pytest.mark.parametrize("is_waiting", [False, True])
def test_a_flood_of_one_way_calls_is_held_by_the_clients_quotas(is_waiting: bool) -> None:
    """It stops reading; while it waits for an answer it refuses them, until it has had enough."""
    opened, stuck = threading.Event(), []

    def script(peer: Attacker) -> None:
        lent = peer.reply()[2][0].id
        if not is_waiting:
            peer.send([RETURN, 1])
        data = pack([-11, lent, "__call__", [1], {}, {"oneway": True}]) + NEWLINE
        peer.send([-4, 1])
        try:
            for _ in range(300):
                peer.send_raw(data * 1000, timeout=1.0)
        except TimeoutError:
            stuck.append(True)

    def callback(value: int) -> int:
        opened.wait(20)
        return value

    with against(script, quotas={"calls": 20}) as connection:
        try:
            if is_waiting:
                with pytest.raises((pynto.ProtocolError, pynto.Disconnected)):
                    connection.root.call(callback)
            else:
                assert connection.root.call(callback) == 1
                until(lambda: stuck, "the server cannot write on")
            assert connection.usage()["calls_peak"] <= 20
        finally:
            opened.set()


def test_a_server_does_not_ask_for_descriptions() -> None:
    def script(peer: Attacker) -> None:
        assert peer.reply() == [0, "number", [], {}]
        peer.send([-15, 1, "evil:Root"])
        assert peer.expect_close() == [-7, 15, "message out of turn"]

    with against(script) as connection, pytest.raises((pynto.ProtocolError, pynto.Disconnected)):
        connection.root.number()


# ---- batches ----


def batched(*answers: Any, looks: Any = None) -> Script:
    """A look is answered with these messages; the batch gets these answers."""

    def script(peer: Attacker) -> None:
        while (message := peer.reply()) is not None and message[0] != -12:
            if message[0] == -15:
                for each in looks or []:
                    peer.send(each)
            elif message[0] == -9:
                peer.send([-10, message[1]])
            elif message[0] == -7:
                return
        for each in answers:
            peer.send(each)
        peer.expect_close()

    return script


def test_an_answer_to_a_step_is_of_its_declared_type() -> None:
    error = [ERROR, ["ValueError", "", None, None]]
    with against(batched([RETURN, "no"], [RETURN, Mine(9, 0)], error, [RETURN, "yes"])) as connection:
        with connection.pipeline() as p:
            steps = [p.root.number(), p.root.number(), p.root.number(), p.root.text()]
        for step in steps[:2]:
            with pytest.raises(pynto.Refused, match="does not fit"):
                step.result()
        with pytest.raises(ValueError):
            steps[2].result()
        assert steps[3].result() == "yes"


@pytest.mark.parametrize("more", [[RETURN, 3], [ERROR, ["ValueError", "", None, None]], [-13, [1]]], ids=repr)
def test_more_answers_than_steps_end_the_connection(more: Any) -> None:
    with against(batched([RETURN, 1], [RETURN, 2], more)) as connection:
        with suppress(pynto.ProtocolError, pynto.Disconnected), connection.pipeline() as p:
            steps = [p.root.number(), p.root.number()]
        assert steps[0].result() == 1
        with pytest.raises((pynto.ProtocolError, pynto.Disconnected)):
            connection.root.number()


def test_fewer_answers_than_steps_and_an_end() -> None:
    with against(batched([RETURN, 1], [-7, 0, "bye"])) as connection:
        with connection.pipeline() as p:
            steps = [p.root.number() for _ in range(5)]
        assert steps[0].result() == 1
        for step in steps[1:]:
            with pytest.raises((pynto.ProtocolError, pynto.Disconnected)):
                step.result()


def test_a_value_for_a_step_whose_promise_has_failed_is_no_more_than_that() -> None:
    error = [ERROR, ["ValueError", "", None, None]]
    thing = [-5, 2, THING]
    with against(batched(error, [RETURN, 5], looks=[thing])) as connection:
        with connection.pipeline() as p:
            asked = p.root.ask()
            ok = asked.ok()
        with pytest.raises(ValueError):
            asked.result()
        assert ok.result() == 5


@pytest.mark.parametrize(
    "looks", [[], [[-5, 2, {"interfaces": {"evil:Other": {"methods": {"ok": "() -> int"}}}}]]], ids=["none", "another"]
)
def test_what_a_server_does_not_describe_has_no_operations(looks: Any) -> None:
    with against(batched([RETURN, 1], looks=looks)) as connection, connection.pipeline() as p:
        asked = p.root.ask()
        with pytest.raises(pynto.Refused, match="does not say what evil:Thing is"):
            asked.ok()
        connection.close()
    with pytest.raises(pynto.Disconnected):
        asked.result()
