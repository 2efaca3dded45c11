"""A hostile server against the ordinary client: nothing runs, nothing is held for ever, nothing is believed."""

from __future__ import annotations

import copy
import os
import pickle
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pynto
import pytest
from attacker import SECRET, Attacker
from evil import LIMITS, ROOT, THING, Evil, against, answering, described
from rawpeer import CALL, ERROR, FREE, HELLO, NEWLINE, RETURN, Ext, Mine, RawPeerError, Tag, Yours, pack

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
