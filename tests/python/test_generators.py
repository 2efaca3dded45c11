"""Does a generator at the other end behave as if it stood here?"""

from __future__ import annotations

import collections.abc
import gc
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pynto
import pytest
import served
from rawpeer import ERROR, RETURN, Mine, RawPeer, Tag, Yours


@pytest.fixture
def local() -> served.Root:
    return served.Root()


@pytest.fixture
def raw(site: Any) -> Iterator[RawPeer]:
    with RawPeer(site.address.removeprefix("unix://")) as peer:
        peer.hello()
        yield peer


# ---- as if it stood here ----


def test_it_is_an_iterator_to_everybody(root: Any) -> None:
    assert isinstance(root.count(1), collections.abc.Iterator)
    assert not isinstance(root.count(1), collections.abc.Generator)
    assert isinstance(root.talk(1), collections.abc.Generator)
    assert isinstance(root.ticks(1), collections.abc.AsyncIterator)
    assert isinstance(root.chat(1), collections.abc.AsyncGenerator)
    generator = root.talk(1)
    assert iter(generator) is generator


def run(program: Callable[[Any], Any], generator: Any) -> list[Any]:
    """What a program sees of a generator, its end and its exceptions among it."""
    try:
        return ["returned", program(generator)]
    except BaseException as error:
        cause = [str(error.__cause__.args[0])] if isinstance(error.__cause__, Exception) else []
        return ["raised", type(error).__name__, *map(str, error.args), *cause]


def delegating(generator: Any) -> Generator[Any, Any, str]:
    result = yield from generator
    return f"<{result}>"


def collected(generator: Any, *sent: Any) -> list[Any]:
    """Everything that comes of a generator when it is sent, or thrown, these."""
    seen: list[Any] = []
    try:
        seen.append(next(generator))
        for each in sent:
            seen.append(generator.throw(each) if isinstance(each, BaseException | type) else generator.send(each))
    except StopIteration as stop:
        seen.append(("stop", stop.value))
    except Exception as error:
        seen.append(("raised", type(error).__name__, error.args))
    return seen


PROGRAMS: dict[str, Callable[[Any], Any]] = {
    "list": list,
    "for": lambda g: [x * 2 for x in g],
    "next": lambda g: (next(g), next(g), next(g)),
    "default": lambda g: [next(g, None) for _ in range(5)],
    "past its end": lambda g: (list(g), next(g)),
    "send": lambda g: collected(g, "a", "b", "c"),
    "send too early": lambda g: g.send("a"),
    "send none": lambda g: (g.send(None), g.send("a")),
    "close": lambda g: (next(g), g.close(), list(g)),
    "close first": lambda g: (g.close(), list(g)),
    "close twice": lambda g: (g.close(), g.close()),
    "throw": lambda g: collected(g, ValueError("x again")),
    "throw a class": lambda g: collected(g, KeyError),
    "throw and go through": lambda g: collected(g, "a", ZeroDivisionError("again"), "b"),
    "throw and it becomes another": lambda g: collected(g, "a", ValueError("worse")),
    "throw too early": lambda g: g.throw(ValueError("again")),
    "throw at its end": lambda g: (list(g), g.throw(ValueError("again"))),
    "throw an exit": lambda g: (next(g), g.throw(GeneratorExit("enough"))),
    "throw three": lambda g: (next(g), g.throw(ValueError, ValueError("again"), None)),
    "throw a value": lambda g: (next(g), g.throw(ValueError, "again")),
    "throw nothing": lambda g: (next(g), g.throw(1)),
    "delegate": lambda g: collected(delegating(g), "a", "b", "c"),
    "delegate a throw": lambda g: collected(delegating(g), "a", ValueError("again")),
    "delegate a close": lambda g: ((d := delegating(g)), next(d), d.close(), list(g))[1:],
    "mix": lambda g: (next(g), g.send("a"), list(g)),
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_a_program_sees_of_it_what_it_would_see_here(root: Any, local: served.Root, program: Any) -> None:
    here, there = run(program, local.talk(3)), run(program, root.talk(3))
    assert as_at_the_other_end(here) == as_here(there)


def as_at_the_other_end(seen: list[Any]) -> str:
    """The text of an exception of the generator's own does not leave."""
    return repr(seen).replace(', "can\'t send non-None value to a just-started generator"', "")


def as_here(seen: list[Any]) -> str:
    """Inside of the generator a client's exception is a RemoteError; its own are RemoteErrors at the client."""
    text = repr(seen)
    for name in ("ValueError", "ZeroDivisionError", "KeyError"):
        text = text.replace(f"RemoteError({name}: ", f"{name}(").replace(f"RemoteError({name})", f"{name}()")
    return text.replace("served:Full", "Full").replace("'RemoteError', ('worse',)", "'Full', ('worse',)")


def test_what_comes_out_as_it_went_in_is_the_very_same(root: Any, caplog: Any) -> None:
    class Mine(Exception):
        pass

    generator, error = root.talk(3), Mine("again")
    next(generator)
    with pytest.raises(Mine) as info:
        generator.throw(error)
    assert info.value is error
    assert "incident" not in caplog.text
    generator = root.talk(3)
    next(generator)
    with pytest.raises(pynto.RemoteError) as other:
        generator.throw(Mine("worse"))
    assert other.value.type == "served:Full"


def test_the_returned_value_may_be_a_reference(root: Any) -> None:
    def delegate() -> Generator[int, None, Any]:
        return (yield from root.made_item())

    generator = delegate()
    assert next(generator) == 1
    with pytest.raises(StopIteration) as info:
        next(generator)
    assert info.value.value.name == "returned"


def test_a_returned_reference_that_nobody_takes_is_given_back(root: Any, until: Any) -> None:
    gc.collect()
    until(lambda: root.count_alive() == 0, why="what other tests have made")
    assert list(root.made_item()) == [1]
    until(lambda: root.count_alive() == 0)


def test_what_it_returns_is_checked_against_its_hint(root: Any, caplog: Any) -> None:
    generator = root.lying_end()
    assert next(generator) == 1
    with pytest.raises(pynto.RemoteError) as info:
        next(generator)
    assert "hunter2" not in f"{info.value!r} {vars(info.value)}"
    assert "not declared" in caplog.text


def test_an_iterator_has_no_value_at_its_end(root: Any) -> None:
    iterator = root.quiet_end()
    assert next(iterator) == 1
    with pytest.raises(StopIteration) as info:
        next(iterator)
    assert info.value.value is None


def test_one_that_does_not_let_itself_be_closed_says_so(root: Any) -> None:
    generator = root.stubborn()
    next(generator)
    with pytest.raises(RuntimeError):
        generator.close()
    assert root.add(1) == 2


# ---- async ones, from a client that waits ----


def test_an_async_generator_takes_what_it_is_sent(root: Any) -> None:
    generator = root.chat(3)
    assert generator.__anext__() == 0
    assert generator.asend("a") == 1
    assert generator.athrow(ValueError("x")) == 2
    with pytest.raises(StopAsyncIteration):
        generator.asend("b")
    assert root.events() == ("a", "RemoteError(ValueError: x)", "b", "chat 3 ends")


def test_an_async_generator_is_closed(root: Any) -> None:
    generator, error = root.chat(3), ValueError("again")
    assert generator.__anext__() == 0
    assert generator.aclose() is None
    assert root.events() == ("chat 3 ends",)
    with pytest.raises(StopAsyncIteration):
        generator.__anext__()
    generator = root.chat(4)
    generator.__anext__()
    with pytest.raises(ValueError) as info:
        generator.athrow(error)
    assert info.value is error
    assert root.events() == ("RemoteError(ValueError: again)", "chat 4 ends")
    generator = root.chat(5)
    generator.__anext__()
    with pytest.raises(GeneratorExit):
        generator.athrow(GeneratorExit)
    assert root.events() == ("chat 5 ends",)


# ---- its end ----


@pytest.mark.parametrize("kind", ["count", "talk"])
def test_leaving_a_loop_closes_it(root: Any, until: Any, kind: str) -> None:
    for number in getattr(root, kind)(1000):
        if number == 3:
            break
    until(lambda: f"{kind} 1000 ends" in root.events())


@pytest.mark.parametrize("kind", ["count", "talk", "chat"])
def test_dropping_it_closes_it(root: Any, until: Any, kind: str) -> None:
    generator = getattr(root, kind)(10)
    assert (generator.__anext__() if kind == "chat" else next(generator)) == 0
    root.events()
    del generator
    until(lambda: f"{kind} 10 ends" in root.events())


def test_it_outlives_a_pause_and_many_others(root: Any) -> None:
    generator = root.talk(3)
    assert next(generator) == 0
    others = [root.count(3) for _ in range(50)]
    assert [next(other) for other in others] == [0] * 50
    assert generator.send("still there") == 1
    assert [list(other) for other in others] == [[1, 2]] * 50


# ---- a client's, at the server ----


def test_a_server_drives_a_clients_generator(root: Any) -> None:
    heard: list[str] = []

    def mine() -> Generator[int, str, str]:
        heard.append((yield 1))
        try:
            yield 2
        except pynto.RemoteError as error:
            heard.append(str(error))
        yield 3
        return "the end"

    assert root.drive(mine()) == ("1", "2", "3", "returned the end")
    assert heard == ["sent", "served:Full: thrown"]


def test_a_clients_generator_does_not_choose_what_the_server_raises(root: Any) -> None:
    def lets_through() -> Generator[int, str, str]:
        yield 1
        yield 2
        return ""

    def lies() -> Generator[int, str, str]:
        yield 1
        yield 2
        return 3  # type: ignore[return-value]

    assert root.drive(lets_through())[-1].startswith("RemoteError")
    assert root.drive(lies())[-1].startswith("RemoteError")


# ---- what somebody tries ----


@pytest.mark.parametrize(
    "argument",
    [
        None,
        Mine(1),
        Yours(0),
        "SystemExit",
        1,
        ["SystemExit"],
        ["a", "b", "c"],
        ["a", 1],
        [b"a", b"b"],
        [Tag(2), "a", "b"],
    ],
    ids=repr,
)
def test_what_is_thrown_has_one_shape(raw: RawPeer, argument: Any) -> None:
    """R01 R09: two texts; nothing else reaches the generator."""
    generator = raw.call(0, "talk", [3])[1].id
    assert raw.call(generator, "__next__") == [RETURN, 0]
    answer = raw.call(generator, "throw", [argument])
    assert answer[0] == ERROR and answer[1][0] in ("TypeError", "Refused")
    assert raw.call(generator, "__next__") == [RETURN, 1]


@pytest.mark.parametrize(
    "type_", ["SystemExit", "KeyboardInterrupt", "GeneratorExit", "StopIteration", "served:Hidden", "os:system", "x\ny"]
)
def test_what_is_thrown_is_always_a_remote_error(raw: RawPeer, type_: str) -> None:
    """R01 R07: whatever its name says; the generator goes on."""
    generator = raw.call(0, "talk", [2])[1].id
    assert raw.call(generator, "__next__") == [RETURN, 0]
    assert raw.call(generator, "throw", [[type_, "text"]]) == [RETURN, 1]
    answer = raw.call(generator, "__next__")
    assert answer[:2] == [ERROR, ["StopIteration", "", None, None]]
    assert answer[2] == {"value": f"RemoteError({type_}: text) None"}


@pytest.mark.parametrize(
    "name", ["gi_frame", "gi_code", "gi_yieldfrom", "gi_running", "__del__", "__class__", "asend", "ag_frame"]
)
@pytest.mark.parametrize("kind", ["talk", "chat"])
def test_nothing_else_of_it_is_there(raw: RawPeer, kind: str, name: str) -> None:
    if (kind, name) == ("chat", "asend"):
        return
    generator = raw.call(0, kind, [3])[1].id
    assert raw.call(generator, name) == [ERROR, ["Refused", "not permitted", None, None]]
    assert raw.call(generator, "__getattr__", [name])[1][0] == "Refused"


def test_an_iterator_that_is_a_generator_is_still_an_iterator(raw: RawPeer) -> None:
    """R01: the hint says Iterator."""
    iterator = raw.call(0, "count", [3])[1].id
    for name, args in (("send", [None]), ("throw", [["a", "b"]]), ("close", [])):
        assert raw.call(iterator, name, args) == [ERROR, ["Refused", "not permitted", None, None]]


@pytest.mark.parametrize("sent", [1, b"x", Mine(1), ["a"], True], ids=repr)
def test_what_is_sent_is_checked_against_the_hint(raw: RawPeer, sent: Any) -> None:
    generator = raw.call(0, "talk", [3])[1].id
    raw.call(generator, "__next__")
    assert raw.call(generator, "send", [sent])[1][0] in ("TypeError", "Refused")
    assert raw.call(generator, "send", ["a"]) == [RETURN, 1]


def test_an_end_again_and_again_counts_nothing_twice(raw: RawPeer) -> None:
    generator = raw.call(0, "talk", [0])[1].id
    assert raw.call(generator, "__next__")[1][0] == "StopIteration"
    for _ in range(5):
        assert raw.call(generator, "send", [None]) == [ERROR, ["StopIteration", "", None, None]]
    assert raw.call(generator, "close") == [RETURN, None]
