"""Failures tell a client what the policy lets out, and leave nothing behind at the server."""

from __future__ import annotations

import os
from typing import Any

import pytest
from attacker import HERE, SECRET, Attacker, Process, closes, serving, until
from rawpeer import ERROR, RETURN, Mine, Tag, Yours

BUILTIN = {
    "file": "FileNotFoundError",
    "chain": "FileNotFoundError",
    "note": "ValueError",
    "attr": "AttributeError",
    "obj": "AttributeError",
    "zero": "ZeroDivisionError",
    "recursion": "RecursionError",
    "assert": "AssertionError",
    "own": "victim:NamedError",
    "log": "ValueError",
    "cyclic": "RemoteError",
    "str-raises": "RemoteError",
    "str-exits": "RemoteError",
    "str-recurses": "RemoteError",
    "str-number": "RemoteError",
    "str-huge": "RemoteError",
    "group": "ExceptionGroup",
    "SystemExit": "RemoteError",
    "KeyboardInterrupt": "RemoteError",
    "GeneratorExit": "RemoteError",
    "CancelledError": "RemoteError",
    "StopIteration": "RemoteError",
    "StopAsyncIteration": "RemoteError",
}


@pytest.mark.parametrize(("kind", "type_"), BUILTIN.items())
def test_an_exception_tells_its_type_at_most(victim: Process, kind: str, type_: str) -> None:
    """G01 G09 G11 G17: though it logs in detail, no text, path, source line, local, note, cause or attribute; whatever is raised, the server goes on."""
    with victim.connect() as peer:
        peer.value(0, "clear")
        peer.send([0, "fail", [kind], {}])
        answer = peer.reply(20)
        assert answer[0] == ERROR and len(answer[1]) == 4
        found, text, traceback, incident = answer[1]
        assert (found, text, traceback) == (type_, "", None)
        assert isinstance(incident, str) and incident
        for private in (SECRET, "/", ".py", "line ", "victim.py", str(HERE), os.environ.get("HOME", "/root")):
            assert private.encode() not in peer.raw, private
        assert "EvilError.args" not in peer.trips()
        assert "EvilError.__repr__" not in peer.trips()
        assert peer.value(0, "pid") == victim.pid
        peer.lives()


def test_more_memory_than_there_may_be_is_told_by_its_limit(victim: Process) -> None:
    """G01 J03: it is the limit that says no, before the system is asked."""
    with victim.connect() as peer:
        peer.send([0, "fail", ["memory"], {}])
        assert peer.reply(20) == [ERROR, ["QuotaExceeded", f"memory: {64 << 20}", None, None]]
        peer.lives()


def test_exceptions_that_end_processes_do_not(victim: Process) -> None:
    """G11: again and again, in a call, in a callback, in a generator; the threads stay as many."""
    with victim.connect() as peer:
        before = victim.thread_count()
        for _ in range(20):
            for kind in (
                "SystemExit",
                "KeyboardInterrupt",
                "GeneratorExit",
                "CancelledError",
                "StopIteration",
                "str-exits",
            ):
                peer.raises("RemoteError", 0, "fail", [kind])
        for kind in ("SystemExit", "KeyboardInterrupt", "GeneratorExit", "CancelledError"):
            iterator = peer.ref("exiting", kind)
            assert peer.value(iterator, "__next__") == 1
            peer.raises("RemoteError", iterator, "__next__")
        peer.lives()
        assert victim.thread_count() <= before
        assert peer.value(0, "pid") == victim.pid


@pytest.mark.parametrize(
    ("kind", "text"), [("plain", "told"), ("plain-surrogate", "told"), ("plain-bytes", "xff"), ("plain-huge", "xxx")]
)
def test_a_text_that_is_let_out_always_arrives(peer: Attacker, kind: str, text: str) -> None:
    """G13: what cannot be encoded is replaced, what is too long is cut; never a lost answer."""
    _, told, traceback, _ = peer.raises("victim:Plainly", 0, "fail", [kind])
    assert text in told and len(told) <= 1 << 16 and traceback is None
    peer.lives()


def test_no_exception_can_be_held(peer: Attacker) -> None:
    """A09: an error has four parts, three of them text; none is a reference."""
    for kind in ("zero", "chain", "plain", "own"):
        answer = peer.call(0, "fail", [kind])
        assert all(part is None or isinstance(part, str) for part in answer[1])
    for ref in range(1, 20):
        for name in (
            "__traceback__",
            "tb_frame",
            "tb_next",
            "__cause__",
            "__context__",
            "with_traceback",
            "add_note",
            "obj",
            "args",
        ):
            peer.denied(ref, name)


def test_what_was_denied_is_not_logged_as_an_incident(victim: Process) -> None:
    """G03 K09: a refusal writes nothing about its arguments into the log."""
    with victim.connect() as peer:
        before = len(victim.log())
        for _ in range(100):
            peer.denied(0, "nothing", ["canary-argument"])
            peer.raises("TypeError", 0, "add", ["canary-argument"])
        assert "canary-argument" not in victim.log()[before:]


def test_incidents_do_not_flood_the_log() -> None:
    """K09 P01: ten lines a second and a few at once, however fast a peer fails; what was dropped is counted."""
    with serving() as server, server.connect() as peer:
        for _ in range(500):
            peer.raises("ValueError", 0, "fail", ["note"])
        assert len(server.log().splitlines()) < 120


ERRORS: list[tuple[Any, str]] = [
    (["StopIteration", "", None, None], "ends an iteration"),
    (["StopAsyncIteration", "", None, None], "ends an iteration"),
    (["SystemExit", "3", None, None], "ends a process"),
    (["KeyboardInterrupt", "", None, None], "ends a process"),
    (["GeneratorExit", "", None, None], "ends a generator"),
    (["Refused", "not permitted", None, None], "one of ours"),
    (["QuotaExceeded", "calls: 1", None, None], "one of ours"),
    (["DeadlineExceeded", "", None, None], "one of ours"),
    (["Cancelled", "", None, None], "one of ours"),
    (["TypeError", "", None, None], "a built-in"),
    (["KeyError", "", None, None], "a built-in that is a LookupError to a handler"),
    (["PermissionError", "", None, None], "a built-in that handlers act on"),
    (["victim:Plainly", "", None, None], "a class of the policy"),
    (["victim:EvilError", "str-exits", None, None], "a class of the module"),
    (["builtins:eval", "1", None, None], "no exception at all"),
    (["os:system", "id", None, None], "no exception at all"),
    (["__class__", "", None, None], "a dunder"),
    (["x" * 255, "y" * 10000, "z" * 10000, "i" * 1000], "long"),
    (["a\nb\x1b[2J", "a\nb\x1b[2J", "a\n", "b\n"], "control characters"),
]


@pytest.mark.parametrize(("error", "why"), ERRORS)
def test_a_clients_error_is_a_remote_error_whatever_it_says(peer: Attacker, error: list[Any], why: str) -> None:
    """E15 G05: of one class, with a closed set of attributes; nothing is imported, made or set by name."""
    peer.value(0, "clear")
    peer.send([0, "callback_error", [Mine(1)], {}])
    answer = peer.serve(lambda _: [ERROR, error])
    assert answer[0] == RETURN, why
    kind, _text, public = answer[1]
    assert kind == "pynto.errors:RemoteError", why
    assert set(public) <= {"type", "incident", "fields"}, why
    assert peer.trips() == []


@pytest.mark.parametrize(
    "error",
    [
        ["E"],
        ["E", ""],
        ["E", "", None],
        ["E", "", None, None, {}],
        ["E", "", None, None, {"__class__": "x"}],
        ["", "", None, None],
        ["x" * 256, "", None, None],
        [b"E", "", None, None],
        [None, "", None, None],
        ["E", None, None, None],
        ["E", ["a"], None, None],
        ["E", "", ["tb"], None],
        ["E", "", 1, None],
        ["E", "", None, 1],
        {"type": "E", "__traceback__": 1},
        "E",
        None,
        [Mine(1), "", None, None],
        ["E", Yours(0), None, None],
        [Tag(6), "E", "", None],
    ],
    ids=repr,
)
def test_an_error_of_another_shape_ends_the_connection(peer: Attacker, error: Any) -> None:
    """G05: the schema is fixed; there is no room for attributes."""
    peer.send([0, "callback_error", [Mine(1)], {}])
    peer.serve_once([ERROR, error])
    assert closes(peer) in (8, 14, 15)


@pytest.mark.parametrize(
    "details",
    [
        None,
        [],
        {"more": 1},
        {"value": 1, "more": 1},
        {"fields": {}},
        {"fields": {"__class__": 1}},
        {"fields": {"_x": 1}},
        {"fields": {"a.b": 1}},
        {"fields": {1: 1}},
        {"fields": {f"a{i}": 1 for i in range(65)}},
        {"causes": []},
        {"causes": [["E", "", None]] * 9},
        {"causes": [["E", "", Mine(1)]]},
        {"errors": []},
        {"errors": [[["E", "", None, None]]]},
        {"errors": [[["E", "", None, None], {"value": 1}]]},
        {"errors": [[["E", "", None, None], {}]] * 65},
        {"yours": False},
        {"traceback": "x"},
    ],
    ids=lambda details: repr(details)[:60],
)
def test_details_of_another_shape_end_the_connection(peer: Attacker, details: Any) -> None:
    """G05 G07: their keys, names and number are fixed."""
    peer.send([0, "callback_error", [Mine(1)], {}])
    peer.serve_once([ERROR, ["E", "", None, None], details])
    assert closes(peer) in (8, 14, 15)


@pytest.mark.parametrize(
    ("details", "told"),
    [
        ({"fields": {"errno": 2, "args": ["a"], "value": 1}}, True),
        ({"causes": [["KeyError", "x", None]] * 8}, True),
        ({"errors": [[["StopIteration", "", None, None], {}], [["E", "", None, None], {"fields": {"a": 1}}]]}, True),
        ({"yours": True}, True),
        ({"value": 1}, False),
        ({"value": Mine(7)}, False),
        ({"fields": {"a": Mine(7)}}, False),
    ],
    ids=repr,
)
def test_a_clients_details_change_nothing(peer: Attacker, details: Any, told: bool) -> None:
    """G05 E15: what does not fit is refused, what fits is left aside: a RemoteError without fields, causes or members."""
    for type_ in ("E", "ExceptionGroup", "StopIteration"):
        peer.send([0, "callback_error", [Mine(1)], {}])
        peer.serve_once([ERROR, [type_, "", None, None], details])
        answer = peer.reply()
        assert answer[0] == RETURN
        assert ("RemoteError" in repr(answer[1])) == told, answer
    peer.lives()


def test_failures_keep_nothing(victim: Process) -> None:
    """G15: an exception's frame, with all its locals, is let go with the answer."""
    with victim.connect() as peer:
        peer.raises("RuntimeError", 0, "retain", [1 << 20])
        before = victim.rss()
        for _ in range(30):
            peer.raises("RuntimeError", 0, "retain", [32 << 20])
        peer.lives()
        until(lambda: victim.rss() - before < 48 << 20, "the ballast is let go", 5)


def test_failures_of_many_kinds_in_a_row_keep_the_order(peer: Attacker) -> None:
    """G13 F15 O-ONE: one answer for each, in the order of the calls."""
    kinds = ["zero", "plain", "plain-bytes", "own", "StopIteration", "cyclic"] * 20
    for kind in kinds:
        peer.send([0, "fail", [kind], {}])
        peer.send([0, "echo", [kind], {}])
    for kind in kinds:
        assert peer.reply()[0] == ERROR
        assert peer.reply() == [RETURN, kind]
