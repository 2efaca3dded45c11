"""No name reaches what the policy does not list, whatever it is called and whatever it is asked of."""

from __future__ import annotations

import functools
import re
import socket
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import pynto
import pytest
from attacker import DENIAL, HERE, SECRET, Attacker, Process, call_bytes, closes, serving
from rawpeer import ERROR, NEWLINE, RETURN, Mine, Yours, pack, unpack


def _async_kinds() -> Iterator[object]:
    async def coroutine() -> None: ...

    async def generator() -> Any:
        yield 1

    made = coroutine()
    made.close()
    yield made
    yield generator()


def introspective_names() -> list[str]:
    """Every name that the interpreter's own objects answer to."""
    try:
        raise ValueError
    except ValueError as error:
        traceback = error.__traceback__
        error_names = dir(error)
    assert traceback is not None
    kinds: list[object] = [
        object(),
        type,
        introspective_names,
        str.join,
        [].append,
        len,
        (i for i in ()),
        sys._getframe(),
    ]
    kinds += [traceback, introspective_names.__code__, sys, functools.partial(len), property(), types.SimpleNamespace()]
    kinds += [functools.lru_cache(len), functools.singledispatch(len), super(dict, {}), *_async_kinds()]
    names = {name for kind in kinds for name in dir(kind)} | set(error_names)
    names |= {"func_globals", "im_self", "tb_frame", "f_generator", "gi_yieldfrom", "system", "environ", "path"}
    return sorted(names)


NAMES = introspective_names()
KINDS = "open view sub dyn box runner stream verbs partial cached bound views view_map count locked root".split()
ARGS = {"open": ["a"], "view": ["a"], "count": [3]}


def reference(peer: Attacker, kind: str) -> tuple[int, set[str]]:
    """A reference of that kind, and the names that its interface has."""
    made = peer.root if kind == "root" else peer.value(0, kind, ARGS.get(kind, []))
    assert isinstance(made, Mine)
    ((_, interface),) = peer.interfaces[made.interface]["interfaces"].items()
    return made.id, set(interface.get("methods", {}))


@pytest.mark.parametrize("arg_count", [0, 1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_no_introspective_name_is_answered(victim: Process, kind: str, arg_count: int) -> None:
    """A01 C07 C23: every name, on every kind of reference, with any number of arguments; the denials are the same bytes."""
    assert len(NAMES) > 240
    for start in range(0, len(NAMES), 400):  # what is refused without end, is closed
        with victim.connect() as peer:
            peer.value(0, "clear")
            ref, allowed = reference(peer, kind)
            names = [name for name in NAMES[start : start + 400] if name not in allowed]
            answers = peer.bulk(b"".join(call_bytes(ref, name, *[None] * arg_count) for name in names), -1)
            assert answers == DENIAL * len(names)
            assert peer.trips() == []
    victim.is_sound()


def test_names_that_only_look_alike_are_denied(peer: Attacker) -> None:
    """B03 B05 B07 B13: exact bytes decide; nothing is cut, folded, stripped or split."""
    acct = peer.ref("open", "a")
    for name, why in (
        ("balance\0", "a NUL behind it"),
        ("\0balance", "a NUL ahead"),
        ("balance\0_audit", "a NUL between"),
        ("\0" * 255, "nothing but NULs"),
        ("Balance", "case"),
        ("BALANCE", "case"),
        (" balance", "a blank"),
        ("balance\n", "a newline"),
        ("balance()", "call syntax"),
        ("balance.__self__", "a path"),
        ("victim:Acct.balance", "a full name"),
        ("Acct.balance", "a qualified name"),
        ("ｂalance", "full width b"),
        ("balаnce", "Cyrillic a"),
        ("bala\u006e\u0303ce", "a combining tilde"),
        ("balance\u200b", "no width"),
        ("bal\u00adance", "a soft hyphen"),
        ("＿audit", "folds to an underscore"),
        ("︳audit", "folds to an underscore"),
        ("﹍class﹍", "folds to underscores"),
        ("b" * 255, "as long as names may be"),
        ("balanc", "one letter short"),
        ("balancee", "one letter more"),
    ):
        peer.denied(acct, name)
        assert peer.raw == DENIAL, why
    peer.denied(0, "ﬁnished")
    peer.denied(0, "ech\u006f\u0301", [1])
    assert isinstance(peer.value(acct, "balance"), int)
    assert peer.trips() == []


@pytest.mark.parametrize(
    "name",
    [
        "_Acct__wipe",
        "__wipe",
        "_audit",
        "undeclared",
        "owner",
        "token",
        "_bal",
        "shown",
        "risky",
        "wide",
        "make",
        "helper",
        "exposed_risky",
        "get_risky",
        "get_shown",
        "risky.fget",
        "shown.fget",
        "LIMIT",
        "Inner",
        "Inner.__init__",
        "Acct",
        "dispatch",
    ],
)
def test_what_a_class_has_beside_its_policy_is_denied_before_it_is_touched(peer: Attacker, name: str) -> None:
    """A15 A17 B07: properties, attributes, constants, nested classes, class and static methods, private and denied methods."""
    peer.value(0, "clear")
    acct = peer.ref("open", "a")
    for args, kwargs in (([], {}), ([1], {}), ([], {"self": 1}), ([None, None], {"amount": 1})):
        peer.denied(acct, name, args, kwargs)
    assert peer.trips() == []


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("__reduce_ex__", [4]),
        ("__reduce__", []),
        ("__getstate__", []),
        ("__setstate__", [{"_bal": 10**6}]),
        ("__copy__", []),
        ("__deepcopy__", [{}]),
        ("__sizeof__", []),
        ("__dir__", []),
        ("__format__", ["x"]),
        ("__init__", ["evil", 10**9]),
        ("__new__", []),
        ("__del__", []),
        ("__init_subclass__", []),
        ("__class_getitem__", [1]),
        ("__delattr__", ["_bal"]),
        ("__getattribute__", ["token"]),
        ("__repr__", []),
        ("__eq__", [None]),
        ("__hash__", []),
        ("__call__", []),
    ],
)
def test_the_protocols_of_pickle_and_copy_are_not_spoken(peer: Attacker, name: str, args: list[Any]) -> None:
    """A05"""
    peer.value(0, "clear")
    acct = peer.ref("open", "a")
    before = peer.value(acct, "balance")
    peer.denied(acct, name, args)
    assert peer.value(acct, "balance") == before
    assert peer.value(acct, "__getattr__", ["owner"]) == "a"
    assert peer.trips() == []


@pytest.mark.parametrize("operation", ["__getattr__", "__setattr__"])
def test_attributes_are_read_and_written_by_listed_names_only(peer: Attacker, operation: str) -> None:
    """A03 A15: the operand of an operation is a name like any other."""
    peer.value(0, "clear")
    acct, dyn = peer.ref("open", "a"), peer.ref("dyn")
    operands: list[Any] = [
        "token",
        "__class__",
        "_bal",
        "balance",
        "LIMIT",
        "Inner",
        "risky",
        "owner\0",
        "ｏwner",
        "",
        "own",
    ]
    operands += [1, None, True, b"owner", ["owner"], [["owner"]], {"owner": 1}, 0.5]
    for operand in operands:
        for args in ([operand], [operand, 1], [operand, "x"]):
            peer.denied(acct, operation, args)
            peer.denied(dyn, operation, args)
            peer.denied(0, operation, args)
    peer.denied(acct, operation)
    peer.denied(acct, operation, [], {"name": "token"})
    peer.denied(acct, "__setattr__", ["owner", "me"])  # readable, and no more
    assert peer.value(acct, "__getattr__", ["owner"]) == "a"
    assert peer.value(acct, "__getattr__", ["shown"]) == peer.value(acct, "balance")
    assert peer.trips() == []


def test_reading_an_attribute_with_more_than_its_name_is_no_way_around(peer: Attacker) -> None:
    """A03: a second operand, or a keyword, changes nothing that is read."""
    acct = peer.ref("open", "a")
    for args, kwargs in (
        (["owner", "x"], {}),
        (["owner"], {"name": "token"}),
        (["owner"], {"default": 1}),
        (["owner", "token"], {}),
    ):
        answer = peer.call(acct, "__getattr__", args, kwargs)
        assert answer[0] == ERROR, answer
        assert SECRET not in repr(answer)


def test_public_names_of_library_objects_are_no_permission(peer: Attacker) -> None:
    """A07 C23: what functools, dict, Thread and BytesIO offer is not what the policy offers."""
    for kind, names in (
        ("partial", "func args keywords __setstate__"),
        ("cached", "cache_info cache_clear cache_parameters __wrapped__ register dispatch registry"),
        ("bound", "im_func __func__ __self__"),
        ("box", "update pop get clear items setdefault __getitem__ __setitem__ __len__ __iter__ __contains__ fromkeys"),
        ("runner", "start run join name daemon is_alive _target _args setDaemon"),
        ("stream", "getvalue getbuffer write read seek close truncate detach"),
        ("count", "send throw close gi_frame gi_code gi_running gi_yieldfrom"),
        ("locked", "gen func args kwds _recreate_cm __call__"),
    ):
        ref = peer.ref(kind, *ARGS.get(kind, []))
        for name in names.split():
            peer.denied(ref, name)
            peer.denied(ref, name, ["x"])
            peer.denied(ref, "__getattr__", [name])
    assert peer.value(peer.ref("box"), "ok") == 1
    assert peer.value(peer.ref("runner"), "ok") == 1
    assert peer.trips() == []


def test_a_catch_all_class_catches_nothing(peer: Attacker) -> None:
    """A19 C07: __getattr__ of the class or of a subclass is never consulted."""
    peer.value(0, "clear")
    dyn, sub = peer.ref("dyn"), peer.ref("sub")
    for name in ("anything", "ok2", "Ok", "__len__", "__call__", "_ok", "ok.__func__", "__getattr__"):
        peer.denied(dyn, name)
    for name in ("wipe_all", "anything", "__getattr__", "risky"):
        peer.denied(sub, name)
    assert peer.value(dyn, "ok") == 1
    assert peer.value(sub, "balance") == 1_000_000
    assert peer.trips() == []


def test_methods_that_are_named_like_messages_are_just_methods(peer: Attacker) -> None:
    """B23: and the messages are reached by no call."""
    verbs = peer.ref("verbs")
    for name in ("free", "ping", "close", "hello", "goodbye"):
        assert peer.value(verbs, name) == f"method {name}"
        peer.denied(0, name)
    for name in ("return", "error", "lane", "describe", "cancel", "pong", "-7", "quit"):
        peer.denied(verbs, name)
    peer.send([-9, 77])
    assert peer.reply() == [-10, 77]
    peer.send([-3, verbs, 1])
    peer.denied(verbs, "free")


def test_what_looks_like_a_reference_is_data(peer: Attacker) -> None:
    """B21 A23: dicts, lists, bytes and strings that look like references, pickles or exts come back as they were."""
    acct = peer.ref("open", "a")
    pickled = b"\x80\x04\x95\x1d\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x94\x85\x94R\x94."
    for value in (
        {"__ref__": 0},
        {"$ref": acct},
        {"__class__": "victim.Acct", "state": {}},
        {"__reduce__": "os.system"},
        ["ref", 0],
        ["export", 1],
        [0, "echo"],
        pack(Mine(acct, 1)),
        pack(Yours(acct)),
        pack(Yours(acct)).decode("latin1"),
        pickled,
        pickled.decode("latin1"),
        "BLBI",
        "#CHALLENGE#",
        "{0.__class__.__init__.__globals__[SECRET]}",
        "%(levelname)s %s%n ${x} $\\{x\\} {self}",
    ):
        assert peer.value(0, "echo", [value]) == value
    peer.lives()


@pytest.mark.parametrize(
    "text",
    [
        "{0.__class__.__init__.__globals__[SECRET]}",
        "{self}",
        "{}",
        "%(levelname)s",
        "%s%n",
        "${x}",
        "%",
        "{",
        "\ud7ff\0",
    ],
)
def test_no_text_of_a_peer_is_taken_for_a_format(peer: Attacker, text: str) -> None:
    """A13 P01: in a method's name, a keyword's name, a key, an exception's name and text."""
    peer.denied(0, text)
    answer = peer.call(0, "add", [1, 2], {text: 1})
    assert answer[0] == ERROR and SECRET not in repr(answer)
    assert peer.value(0, "echo", [{text: text}]) == {text: text}
    peer.send([0, "callback_error", [Mine(1)], {}])
    found = peer.serve(lambda _: [ERROR, [text, text, text, text]])
    assert found[0] == RETURN and found[1][1].count(SECRET) == 0
    peer.lives()


@pytest.mark.parametrize("slot", [0, -1, None, True, 1.0, b"echo", ["echo"], {"echo": 1}, [], "", "x" * 256], ids=repr)
def test_a_name_is_a_str_of_1_to_255_bytes(peer: Attacker, slot: Any) -> None:
    """B01"""
    peer.send([0, slot, [1], {}])
    assert closes(peer) == 8


def test_describing_says_what_is_declared_and_no_more(peer: Attacker) -> None:
    """A25: no docstring, no default, no file, no address, nothing that was not declared; not one byte of what is private."""
    acct = peer.value(0, "open", ["a"])
    view = peer.value(0, "view", ["a"])
    peer.ref("dyn")
    assert peer.interfaces[acct.interface] == {
        "imports": {"victim:ReadOnly": {"methods": {"balance": "() -> int"}}},
        "interfaces": {
            "victim:Acct": {
                "get": {"owner": "str", "shown": "int"},
                "methods": {"balance": "() -> int", "deposit": "(amount: int) -> int", "same": "() -> victim:ReadOnly"},
            }
        },
    }
    assert peer.interfaces[view.interface] == {"interfaces": {"victim:ReadOnly": {"methods": {"balance": "() -> int"}}}}
    for private in (
        SECRET,
        str(HERE),
        "victim.py",
        "0x",
        "Answers to every name",
        "risky",
        "wide",
        "_audit",
        "0.5",
        "site-packages",
    ):
        assert private.encode() not in peer.seen, private
    peer.denied(0, "__describe__")
    peer.send([-5, 1, {}])  # only a server describes
    assert closes(peer) == 15


def test_a_banner_says_the_protocol_and_no_more(victim: Process) -> None:
    """P05: no version of the product, no uptime, pid, host or path ahead of the root."""
    with victim.connect() as peer:
        hello = unpack(pack(peer.server_hello))
        assert hello[:4] == [-8, "pynto", 1, None]
        assert set(hello[4]) <= {"message", "depth", "elements", "keys", "integer", "references", "part"}
        assert all(isinstance(limit, int) for limit in hello[4].values())
        assert str(victim.pid) not in re.findall(r"\w+", repr(hello))  # as a word: a limit may hold its digits
        for private in (socket.gethostname(), pynto.__version__, str(HERE), sys.version.split()[0]):
            assert private not in repr(hello)


@pytest.mark.memory
def test_names_are_not_kept(victim: Process) -> None:
    """B25 G07: memory does not grow with the number of different names that were asked for, sent as keywords, or raised."""
    with (
        serving("--quota", "refusals=1000000000", "--quota", "refusals_per_second=1000000000") as server,
        server.connect() as peer,
    ):

        def flood(tag: str, count: int) -> None:
            calls = b"".join(call_bytes(0, f"{tag}{i:>013}") for i in range(count))
            assert len(peer.bulk(calls, -1, seconds=30)) == count * len(DENIAL)
            peer.bulk(
                b"".join(call_bytes(0, "keywords", **{f"{tag}{i:>013}": "x"}) for i in range(count)), -2, seconds=30
            )
            ok = b"".join(call_bytes(0, "keywords", **{f"{tag}{i:>013}": 1}) for i in range(count))
            assert peer.bulk(ok, -3, seconds=30) == (pack([RETURN, 1]) + NEWLINE) * count

        flood("a", 3000)
        before = server.rss()
        flood("b", 20000)
        assert server.rss() - before < 3 << 20  # 60,000 kept names would be more


@pytest.mark.memory
def test_classes_of_exceptions_are_not_made_from_names(victim: Process) -> None:
    """G07: a client's errors of many types leave nothing behind."""
    with victim.connect() as peer:

        def fail(tag: str, count: int) -> None:
            for i in range(count):
                peer.send([0, "callback_error", [Mine(i + 1)], {}])
                answer = peer.serve(lambda _, i=i: [ERROR, [f"{tag}:Error{i}", "", None, None]])
                assert answer[1][0] == "pynto.errors:RemoteError"

        fail("a", 200)
        before = victim.rss()
        fail("b", 800)
        assert victim.rss() - before < 1 << 20


def test_a_lane_is_no_name_space(peer: Attacker) -> None:
    """A01: what is denied in lane 0 is denied in each lane."""
    for lane in (0, 2, 4, 2**62):
        answer = peer.call(0, "__class__", lane=lane)
        assert answer == [ERROR, ["Refused", "not permitted", None, None]]


def test_every_text_is_escaped_in_the_log() -> None:
    """P01 P03: one line for each event, printable ASCII, at most 1 KiB, and few of them a second."""
    evil = "x\nINFO auth: user root logged in\r\x0b\x0c\x85\u2028\x1b[2J\x1b]8;;http://x\x07\x08\x7f\x9b31m\u202e"
    with serving("--verbose") as server:
        with server.connect() as peer:
            peer.denied(0, evil)
            peer.call(0, "add", [], {evil: 1})
            for _ in range(200):
                peer.raises("ValueError", 0, "fail", ["log"])
            peer.raises("KeyError", 0, "fail", [evil + "y" * 5000])
            peer.send([0, "each", [Mine(1), 1], {}])
            peer.serve(lambda _: [ERROR, [evil[:50], evil, evil, evil]])
            peer.send([-7, 0, evil])
            closes(peer, is_reset_fine=True)
        with server.connect(hello=False) as peer:
            peer.send([-8, "pynto", 1, evil, {}])
            closes(peer)
        with server.connect(hello=False) as peer:
            peer.send([-8, evil, 1, evil, {}])
            closes(peer)
        with server.connect() as peer:
            peer.lives()
        log = server.errors.read_bytes()
    lines = log.split(b"\n")
    assert len(lines) < 90, f"{len(lines)} lines"
    for line in lines:
        assert all(0x20 <= byte < 0x7F for byte in line), line
        assert len(line) <= 1024 + 64
        assert not line.startswith(b"INFO auth")


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda peer: peer.denied(0, "nothing"), "an unknown name"),
        (lambda peer: peer.denied(0, "_accts"), "a private attribute"),
        (lambda peer: peer.denied(0, "deep", [1]), "a method that the policy denies"),
        (lambda peer: peer.denied(0, "deep"), "that, with other arguments"),
        (lambda peer: peer.denied(peer.ref("open", "a"), "risky"), "a property"),
        (lambda peer: peer.denied(peer.ref("open", "a"), "token"), "an instance's attribute"),
        (lambda peer: peer.denied(12345, "balance"), "an unknown reference"),
        (lambda peer: peer.denied(12345, "nothing"), "and an unknown name of it"),
        (lambda peer: peer.denied(0, "audit", [Yours(12345)]), "an unknown reference as an argument"),
        (lambda peer: peer.denied(0, "audit", [Yours(0)]), "the root where an account is wanted"),
    ],
)
def test_denied_and_missing_are_the_same_bytes(peer: Attacker, call: Callable[[Attacker], None], why: str) -> None:
    """G03"""
    call(peer)
