"""Does a property run when it is read or written, once, and never otherwise?"""

from __future__ import annotations

import copy
import inspect
import pydoc
import traceback
from collections.abc import Iterator
from typing import Any

import pynto
import pytest
import served
from rawpeer import ERROR, RETURN, RawPeer


@pytest.fixture(autouse=True)
def nothing_touched() -> None:
    served.touched.clear()


@pytest.fixture
def gauge(root: Any) -> Any:
    return root.gauge()


@pytest.fixture
def raw(site: Any) -> Iterator[RawPeer]:
    with RawPeer(site.address.removeprefix("unix://")) as peer:
        peer.hello()
        yield peer


def touched() -> list[str]:
    """What has run since the last look."""
    found = list(served.touched)
    served.touched.clear()
    return found


# ---- exactly once ----


def test_a_read_runs_the_getter_once(gauge: Any) -> None:
    assert gauge.level == 1
    assert touched() == ["get level"]
    assert getattr(gauge, "level", None) == 1
    assert touched() == ["get level"]
    assert [gauge.level for _ in range(5)] == [1] * 5
    assert touched() == ["get level"] * 5


def test_hasattr_is_a_read_as_it_is_here(gauge: Any) -> None:
    assert hasattr(gauge, "level")
    assert touched() == ["get level"]


def test_a_write_runs_the_setter_once_and_no_getter(gauge: Any) -> None:
    gauge.level = 7
    assert touched() == ["set level"]
    assert gauge.level == 7
    gauge.level += 1
    assert touched() == ["get level", "get level", "set level"]


# ---- never ----


def test_looking_at_a_netref_runs_nothing(gauge: Any, site: Any) -> None:
    before = site.calls
    assert "level" in dir(gauge)
    for look in (repr, str, dir, type, id, hash, bool, callable, inspect.getdoc, pydoc.render_doc):
        look(gauge)
    inspect.getmembers_static(gauge)
    isinstance(gauge, served.Gauge)
    assert isinstance(type(gauge).level, object)
    for refused in (copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            refused(gauge)
    assert (touched(), site.calls) == ([], before)


def test_neither_serving_nor_passing_an_object_runs_anything(serve: Any) -> None:
    root = serve().connect().root
    gauge = root.gauge()
    assert root.same_gauge(gauge) is gauge
    assert touched() == []


@pytest.mark.parametrize("name", ["denied", "_level", "nothing", "__dict__x", "fget", "level.fget"])
def test_a_name_that_is_not_granted_runs_nothing(gauge: Any, raw: RawPeer, site: Any, name: str) -> None:
    before = site.calls
    assert not hasattr(gauge, name)
    with pytest.raises(AttributeError):
        setattr(gauge, name, 1)
    assert site.calls == before
    reference = raw.call(0, "gauge")[1].id
    denial = [ERROR, ["Refused", "not permitted", None, None]]
    assert raw.call(reference, "__getattr__", [name]) == denial
    assert raw.call(reference, "__setattr__", [name, 1]) == denial
    assert raw.call(reference, "__delattr__", [name]) == denial
    assert raw.call(reference, name) == denial
    assert touched() == []


def test_a_setter_that_is_not_granted_is_not_run(gauge: Any, raw: RawPeer) -> None:
    with pytest.raises(AttributeError):
        gauge.mark = 1
    reference = raw.call(0, "gauge")[1].id
    assert raw.call(reference, "__setattr__", ["mark", 1]) == [ERROR, ["Refused", "not permitted", None, None]]
    assert raw.call(reference, "mark", [1]) == [ERROR, ["Refused", "not permitted", None, None]]
    assert touched() == []


def test_a_deleter_is_never_run(gauge: Any, raw: RawPeer) -> None:
    with pytest.raises(AttributeError):
        del gauge.level
    reference = raw.call(0, "gauge")[1].id
    for name, args in (("__delattr__", ["level"]), ("__setattr__", ["level"]), ("__delete__", [])):
        assert raw.call(reference, name, args)[0] == ERROR
    assert touched() == []


@pytest.mark.parametrize("value", ["1", None, 1.5, True, [1]], ids=repr)
def test_a_value_that_is_not_declared_does_not_reach_the_setter(gauge: Any, raw: RawPeer, value: Any) -> None:
    if value is not True:  # a bool is an int to Python, and stays here what it is
        with pytest.raises(TypeError):
            gauge.level = value
    reference = raw.call(0, "gauge")[1].id
    assert raw.call(reference, "__setattr__", ["level", value])[1][0] == "TypeError"
    assert touched() == []


@pytest.mark.parametrize("args", [[], ["level", 1], [1], [None], [["level"]]], ids=repr)
def test_a_read_of_another_shape_runs_nothing(raw: RawPeer, args: list[Any]) -> None:
    reference = raw.call(0, "gauge")[1].id
    assert raw.call(reference, "__getattr__", args)[0] == ERROR
    assert touched() == []


# ---- what goes wrong in it ----


ERRORS = {
    "ValueError": ValueError,
    "KeyError": KeyError,
    "AttributeError": AttributeError,
    "TypeError": TypeError,
    "LookupError": LookupError,
    "NotImplementedError": NotImplementedError,
    "Full": "served:Full",
    "Quiet": "served:Quiet",
    "Hidden": "RemoteError",
    "StopIteration": "RemoteError",
    "SystemExit": "RemoteError",
}


@pytest.mark.parametrize(("kind", "expected"), ERRORS.items())
def test_an_error_in_it_keeps_its_type_and_runs_it_once(gauge: Any, kind: str, expected: Any) -> None:
    gauge.will_fail(kind)
    for access, ran in ((lambda: gauge.broken, "get broken"), (lambda: setattr(gauge, "level", 2), "set level")):
        with pytest.raises(Exception) as info:
            access()
        if isinstance(expected, str):
            assert type(info.value) is pynto.RemoteError and info.value.type == expected
        else:
            assert type(info.value) is expected
        assert ("hunter2" in str(info.value)) == (kind in ("Full", "KeyError"))
        assert touched() == [ran]


def test_an_attribute_error_in_it_does_not_ask_for_the_name_in_another_way(gauge: Any, raw: RawPeer) -> None:
    """Python itself would go on with __getattr__, which is not what is granted."""
    gauge.will_fail("AttributeError")
    with pytest.raises(AttributeError):
        _ = gauge.broken
    assert getattr(gauge, "broken", "a default") == "a default"
    assert not hasattr(gauge, "broken")
    assert touched() == ["get broken"] * 3
    reference = raw.call(0, "gauge")[1].id
    raw.call(reference, "will_fail", ["AttributeError"])
    answer = raw.call(reference, "__getattr__", ["broken"])
    assert (answer[0], answer[1][0], answer[1][1]) == (ERROR, "AttributeError", "")
    assert touched() == ["get broken"]
    assert raw.call(reference, "__getattr__", ["level"]) == [RETURN, 1]


@pytest.mark.parametrize("kind", ["ValueError", "TypeError", "KeyError", "Full"])
def test_neither_hasattr_nor_a_default_hides_another_error(gauge: Any, kind: str) -> None:
    gauge.will_fail(kind)
    for access in (lambda: hasattr(gauge, "broken"), lambda: getattr(gauge, "broken", "a default")):
        with pytest.raises(Exception) as info:
            access()
        assert kind in (type(info.value).__name__, str(getattr(info.value, "type", "")).rpartition(":")[2])
        assert touched() == ["get broken"]


def test_an_attribute_error_in_it_does_not_say_that_the_name_is_not_there(gauge: Any) -> None:
    gauge.will_fail("AttributeError")
    for access in (lambda: gauge.broken, lambda: setattr(gauge, "level", 2)):
        with pytest.raises(AttributeError) as info:
            access()
        assert "no attribute" not in str(info.value)
        assert len(touched()) == 1
        assert "no attribute" not in "".join(traceback.format_exception(info.value))
        assert touched() == []  # not even the search for a name that was meant reads one


def test_a_name_that_is_not_granted_is_missing_here_without_a_question(relay: Any) -> None:
    gauge = relay.connection.root.gauge()
    before = relay.sent
    assert not hasattr(gauge, "denied")
    assert getattr(gauge, "denied", "a default") == "a default"
    for access in (lambda: gauge.denied, lambda: gauge.nothing_such):
        with pytest.raises(AttributeError, match="has no attribute"):
            access()
    assert relay.sent == before
    assert touched() == []
