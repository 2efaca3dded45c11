"""What a hostile server sends along with its answers: details, items that were asked for ahead, answers to one-way calls and batches."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

import pynto
import pytest
from attacker import Attacker, until
from evil import THING, Script, against, answering
from rawpeer import ERROR, NEWLINE, RETURN, Mine, Tag, Yours, pack

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
