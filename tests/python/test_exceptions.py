"""Does a caller learn of an exception what the policy lets out, and nothing more?"""

from __future__ import annotations

import builtins
import logging
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pynto
import pytest
import served
from rawpeer import ERROR, HELLO, RETURN, RawPeer

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
NAMES = re.search(r"```names exceptions\n(.*?)```", PAGE, re.DOTALL)[1].split()  # type: ignore[index]
PLAIN = [name for name in NAMES if not name.startswith("Stop")]


@pytest.fixture(autouse=True)
def whole_log(every_line: None) -> None:
    pass


def caught(call: Callable[[], Any]) -> Exception:
    with pytest.raises(Exception) as info:
        call()
    return info.value


def everything_about(error: BaseException) -> str:
    return f"{error!r} {error} {error.args} {vars(error)} {getattr(error, '__notes__', [])} {error.__cause__} {error.__context__}"


@pytest.mark.parametrize("name", PLAIN)
def test_a_built_in_exception_keeps_its_type_and_loses_its_text(root: Any, name: str, caplog: Any) -> None:
    error = caught(lambda: root.fail(name))
    assert type(error) is getattr(builtins, name)
    if name == "KeyError":  # the policy grants its text
        assert served.SECRET in str(error)
        return
    assert "hunter2" not in everything_about(error)
    incident = error.incident  # type: ignore[attr-defined]
    assert incident in "".join(error.__notes__)
    (line,) = [
        record for record in caplog.records if incident in record.getMessage() and record.levelno >= logging.ERROR
    ]
    assert name in line.getMessage()
    assert served.SECRET in line.getMessage()
    assert "Root.fail" in line.getMessage()
    assert "served.py" in line.getMessage()


@pytest.mark.parametrize(
    ("name", "type_", "text"),
    [
        ("Full", "served:Full", served.SECRET),
        ("Quiet", "served:Quiet", ""),
        ("Hidden", "RemoteError", ""),
        ("UserWarning", "RemoteError", ""),
        ("ImportError", "RemoteError", ""),
        ("ConnectionError", None, ""),
        ("ConnectionResetError", None, ""),
        ("UnicodeDecodeError", "TypeError", ""),
        ("BlockingIOError", None, ""),
        ("ModuleNotFoundError", "RemoteError", ""),
        ("SystemError", "RemoteError", ""),
        ("BaseException", "RemoteError", ""),
    ],
)
def test_other_exceptions_are_named_as_far_as_the_policy_says(
    root: Any, name: str, type_: str | None, text: str
) -> None:
    error = caught(lambda: root.fail(name))
    if type_ is None:  # its nearest ancestor of the closed table
        assert type(error) is OSError
    elif type_ == "TypeError":
        assert type(error) is TypeError
    else:
        assert type(error) is pynto.RemoteError
        assert error.type == type_
    if text:
        assert text in str(error)
        assert error.incident is None  # type: ignore[attr-defined]
    else:
        assert "hunter2" not in everything_about(error)
        assert error.incident  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["exit", "interrupt", "group", "stop", "generator exit", "recursion", "file"])
def test_whatever_is_raised_the_server_lives_and_tells_nothing(root: Any, kind: str) -> None:
    error = caught(lambda: root.fail_badly(kind))
    assert not isinstance(error, StopIteration | pynto.Disconnected)
    for secret in ("hunter2", "served.py", "/nowhere", "conftest"):
        assert secret not in everything_about(error)
    assert root.add(1) == 2


def test_an_exception_of_the_interpreters_own_end_does_not_end_the_server_process(
    serve_child: Callable[..., Any],
) -> None:
    child = serve_child()
    with pynto.connect(child.address) as connection:
        for kind in ("exit", "interrupt", "generator exit", "group", "recursion"):
            assert isinstance(caught(lambda kind=kind: connection.root.fail_badly(kind)), Exception)
        assert connection.root.add(1) == 2
    assert child.process.poll() is None


def test_text_that_is_granted_comes_whole_but_bounded(root: Any) -> None:
    error = caught(lambda: root.fail_badly("long"))
    assert 1000 <= len(str(error)) < 2000
    assert "xxx" in str(error)


def test_text_that_is_no_utf_8_is_escaped(root: Any) -> None:
    assert "a\\ud800b" in str(caught(lambda: root.fail_badly("surrogates")))


def test_an_exception_that_cannot_be_printed_is_still_an_answer(root: Any, caplog: Any) -> None:
    error = caught(lambda: root.fail("Unprintable"))
    assert isinstance(error, pynto.RemoteError)
    assert root.add(1) == 2


def test_stop_iteration_ends_an_iteration_and_nothing_else(root: Any) -> None:
    assert list(root.count(0)) == []
    error = caught(lambda: root.fail_badly("stop"))
    assert type(error) is pynto.RemoteError
    with pytest.raises(pynto.RemoteError):
        root.apply(lambda value: next(iter([])), 1)


def test_a_clients_class_is_used_when_it_is_given(site: Any) -> None:
    class Full(Exception):
        pass

    Full.__module__, Full.__qualname__ = "served", "Full"
    root = site.connect(types=[Full, served.Quiet]).root
    error = caught(lambda: root.fail("Full"))
    assert type(error) is Full
    assert str(error) == served.SECRET
    assert type(caught(lambda: root.fail("Quiet"))) is served.Quiet
    assert type(caught(lambda: root.fail("Hidden"))) is pynto.RemoteError


def test_what_is_given_for_another_name_is_not_used(site: Any) -> None:
    class Mine(Exception):
        pass

    root = site.connect(types=[Mine]).root
    assert type(caught(lambda: root.fail("Full"))) is pynto.RemoteError


def test_a_clients_exception_never_has_a_class_of_the_servers(root: Any) -> None:
    for error in (
        KeyError("a"),
        StopIteration(),
        SystemExit(1),
        GeneratorExit(),
        served.Full("x"),
        pynto.Disconnected("x"),
    ):

        def fail(value: int, error: BaseException = error) -> int:
            raise error

        try:
            came = root.what_came(fail)
        except (SystemExit, GeneratorExit):
            continue  # it may end the client's own thread, never the server's
        assert came.startswith("pynto.errors.RemoteError"), came
    assert root.add(1) == 2


def test_a_callbacks_error_that_passes_through_the_server_is_hidden(root: Any) -> None:
    def fail(value: int) -> int:
        raise ValueError("mine")

    error = caught(lambda: root.apply(fail, 1))
    assert type(error) is pynto.RemoteError
    assert root.add(1) == 2


def test_incidents_are_unlike_each_other_and_of_use_in_the_log(root: Any, caplog: Any) -> None:
    incidents = [caught(lambda: root.fail("Hidden")).incident for _ in range(5)]  # type: ignore[attr-defined]
    assert len(set(incidents)) == 5
    assert all(len(incident) >= 8 for incident in incidents)
    for incident in incidents:
        assert incident in caplog.text
    assert "served.py" in caplog.text


def test_the_log_stays_on_one_line_whatever_the_text(root: Any, caplog: Any) -> None:
    class Evil:
        pass

    error = caught(lambda: root.values().echo_int.__self__.data({"a\nb": 1}) and root.fail("Hidden"))
    assert error.incident in caplog.text  # type: ignore[attr-defined]
    assert all("\n" not in record.getMessage() for record in caplog.records if record.name == "pynto.server")


def test_a_flood_of_errors_does_not_flood_the_log(root: Any, caplog: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from pynto import errors

    monkeypatch.setattr(errors, "_LINES_AT_ONCE", 50.0)
    monkeypatch.setattr(errors, "_bucket", errors._Bucket())
    errors._bucket.tokens = 50.0
    for _ in range(300):
        with pytest.raises(pynto.RemoteError):
            root.fail("Hidden")
    lines = [
        record for record in caplog.records if "incident" in record.getMessage() and record.levelno >= logging.ERROR
    ]
    assert 10 <= len(lines) < 60  # a fifth of what there is for all


def test_refused_and_its_relations_can_be_told_apart() -> None:
    assert issubclass(pynto.Refused, PermissionError)
    assert issubclass(pynto.QuotaExceeded, pynto.Refused)
    assert issubclass(pynto.QuotaExceeded, MemoryError)
    assert issubclass(pynto.DeadlineExceeded, TimeoutError)
    assert issubclass(pynto.ProtocolError, ConnectionError)
    assert issubclass(pynto.Disconnected, ConnectionError)
    assert not issubclass(pynto.RemoteError, OSError)


def test_a_remote_error_can_be_shown_and_copied() -> None:
    error = pynto.RemoteError("text", "chat:Full")
    assert str(error) == "chat:Full: text"
    assert str(pynto.RemoteError()) == "RemoteError"
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == "chat:Full: text"
    assert (again.type, again.incident) == ("chat:Full", None)


def test_an_attribute_that_raises_is_an_error_like_any_other(root: Any, site: Any) -> None:
    site.target._item.name = None  # so that title has nothing to work with
    error = caught(lambda: root.item().title)
    assert type(error) is AttributeError
    assert "NoneType" not in everything_about(error)
    assert not hasattr(root.item(), "title")


# ---- what goes along ----


def test_declared_fields_travel_and_nothing_else_does(root: Any, caplog: Any) -> None:
    error = caught(lambda: root.fail_short(3))
    assert type(error) is pynto.RemoteError
    assert (error.type, str(error)) == ("served:Short", "served:Short")
    assert error.fields == {"left": 3, "tags": ("a", "b"), "limit": 10}  # what is missing or not an int is left out
    assert error.incident in caplog.text
    assert "hunter2" not in everything_about(error)


def test_a_clients_class_gets_its_fields_without_being_run(site: Any) -> None:
    ran = []

    class Short(OSError):
        left: int
        tags: tuple[str, ...]

        def __new__(cls, *args: Any) -> Any:
            ran.append("new")
            return super().__new__(cls)

        def __init__(self, left: int, more: str) -> None:
            ran.append("init")

        def __setattr__(self, name: str, value: Any) -> None:
            if name not in ("incident", "args"):  # ours
                ran.append(name)
            super().__setattr__(name, value)

        def __str__(self) -> str:
            return f"{self.left} left"

    Short.__module__, Short.__qualname__ = "served", "Short"
    error = caught(lambda: site.connect(types=[Short]).root.fail_short(3))
    assert type(error) is Short
    assert (error.left, error.tags, str(error), error.args) == (3, ("a", "b"), "3 left", ())
    assert not hasattr(error, "limit")  # this class knows nothing of it
    assert ran == []


def test_a_class_that_cannot_be_made_so_is_a_remote_error(site: Any) -> None:
    class Short(ExceptionGroup):
        left: int

    Short.__module__, Short.__qualname__ = "served", "Short"
    error = caught(lambda: site.connect(types=[Short]).root.fail_short(3))
    assert type(error) is pynto.RemoteError
    assert error.fields["left"] == 3


def test_a_class_that_is_no_exception_is_not_raised(site: Any) -> None:
    class Short(BaseException):
        left: int

    Short.__module__, Short.__qualname__ = "served", "Short"
    assert type(caught(lambda: site.connect(types=[Short]).root.fail_short(3))) is pynto.RemoteError


def chain(error: BaseException | None) -> list[tuple[str, str]]:
    found = []
    while error is not None and (error := error.__cause__) is not None:
        assert type(error) is pynto.RemoteError
        found.append((error.type, error.args[0] if error.args else ""))
    return found


def test_causes_travel_as_text_as_far_as_each_is_granted(site: Any, caplog: Any) -> None:
    error = caught(lambda: site.connect(types=[served.Full, served.Quiet, served.Short]).root.fail_from("all"))
    assert type(error) is served.Quiet
    assert chain(error) == [("served:Full", "told"), ("served:Short", "")]  # and Hidden is passed over
    assert error.__cause__ is not None and error.__cause__.incident is None  # type: ignore[attr-defined]
    assert error.__cause__.__cause__.incident in caplog.text  # type: ignore[union-attr]
    assert "hunter2" not in everything_about(error)


def test_a_suppressed_context_does_not_travel(root: Any) -> None:
    assert chain(caught(lambda: root.fail_from("none"))) == []


def test_a_chain_that_bites_its_tail_is_told_as_far_as_it_may_be(root: Any) -> None:
    error = caught(root.fail_from_itself)
    assert type(error) is ValueError
    assert [type_ for type_, _ in chain(error)] == ["KeyError", "ValueError"] * 4


def test_a_group_crosses_with_its_members(site: Any) -> None:
    connection = site.connect(types=[served.Short])
    error = caught(lambda: connection.root.fail_together(2))
    assert type(error) is ExceptionGroup
    assert error.message == ""
    short, inner, *values = error.exceptions
    assert type(short) is served.Short and short.left == 7
    assert [type(each) for each in values] == [ValueError, ValueError]
    assert type(inner) is ExceptionGroup
    full, hidden = inner.exceptions
    assert (full.type, full.args) == ("served:Full", ("told",))
    assert (hidden.type, hidden.args) == ("RemoteError", ())
    assert "hunter2" not in everything_about(error) + everything_about(inner) + everything_about(hidden)
    matched, rest = error.split(ValueError)
    assert len(matched.exceptions) == 2 and len(rest.exceptions) == 2


@pytest.mark.parametrize("count", [62, 200])
def test_a_large_group_is_told_in_part(root: Any, count: int) -> None:
    error = caught(lambda: root.fail_together(count))
    assert type(error) is ExceptionGroup
    assert len(error.exceptions) == 64


@pytest.mark.parametrize("depth", [1, 4, 5, 50])
def test_groups_inside_of_groups_have_an_end(root: Any, depth: int) -> None:
    error = caught(lambda: root.fail_deeply(depth))
    levels = 0
    while isinstance(error, ExceptionGroup):
        levels += 1
        (error,) = error.exceptions
    assert levels == min(depth, 4)
    assert type(error) is (ValueError if depth <= 4 else pynto.RemoteError)


@pytest.mark.parametrize(("depth", "has_details"), [(6, False), (7, False), (8, True), (32, True)])
def test_details_that_nest_deeper_than_the_client_takes_stay_behind(site: Any, depth: int, has_details: bool) -> None:
    with RawPeer(site.address.removeprefix("unix://")) as peer:
        peer.send([HELLO, "pynto", 1, None, {"depth": depth}])
        while peer.recv_message()[0] != RETURN:
            pass
        for name, args in (("fail_deeply", [2]), ("fail_short", [1])):
            answer = peer.call(0, name, args)
            assert answer[0] == ERROR
            assert nesting(answer) <= depth
            assert (len(answer) == 3) == (has_details or name == "fail_short")


def nesting(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return isinstance(value, dict | list) + max(map(nesting, inner), default=0)
