"""Are calls on results that do not exist yet sent together, each treated like any call, and does nothing of them get lost?"""

from __future__ import annotations

import contextlib
import copy
import gc
import json
import pickle
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pynto
import pytest
import told


@pytest.fixture(scope="module")
def policy(generate: Callable[..., Path]) -> pynto.Policy:
    return pynto.Policy.load(generate("told:Told", config='[policy]\nset = ["told:Box.number"]\n'))


@pytest.fixture
def site(serve: Callable[..., Any], policy: pynto.Policy) -> Any:
    return serve(told.Told(), policy=policy)


# ---- what it does ----


def test_a_chain_is_sent_at_once_and_gives_its_results(connection: pynto.Connection) -> None:
    with connection.pipeline() as p:
        box = p.root.box(3)
        more = box.plus(4)
        number = more.get()
    assert number.result() == 7
    assert more.result().get() == 7
    assert box.result().number == 3


def test_a_promise_is_an_argument(connection: pynto.Connection) -> None:
    with connection.pipeline() as p:
        one, two = p.root.box(1), p.root.box(2)
        both = one.joined(two)
        total = p.root.sum(one, two, both)
        added = p.root.add(total, b=both.get())
        listed = p.root.total((1, total, added))
    assert total.result() == 6
    assert added.result() == 9
    assert listed.result() == 16


def test_what_is_there_already_is_called_in_the_block(connection: pynto.Connection) -> None:
    box = connection.root.box(5)
    with connection.pipeline() as p:
        more = p(box).plus(1)
        same = p.root.sum(box, p(box), more)
    assert same.result() == 16
    assert p(box).result() is box


def test_a_netref_in_the_block_is_called_at_once_as_everywhere(connection: pynto.Connection) -> None:
    with connection.pipeline() as p:
        promise = p.root.add(1)
        assert connection.root.add(2) == 3
        assert connection.usage()["calls"] == 0
    assert promise.result() == 2


def test_attributes_items_and_callables(connection: pynto.Connection) -> None:
    with connection.pipeline() as p:
        box = p.root.box(34)
        number, item, tripled, length = box.number, box[1], box(3), box.__len__()
        box.number = 77
        after = box.get()
        called = p.root.adder(4)(5)
    assert number.result() == 34
    assert item.result() == "4"
    assert tripled.result().get() == 102
    assert length.result() == 2
    assert after.result() == 77
    assert called.result() == 9


def test_a_method_that_is_called_result_is_a_step_in_the_block(connection: pynto.Connection) -> None:
    with connection.pipeline() as p:
        box = p.root.box(3)
        remote = box.result()
    assert remote.result() == "the result of 3"
    assert box.result().result() == "the result of 3"


def test_steps_run_in_the_order_of_their_lines(connection: pynto.Connection) -> None:
    with connection.pipeline() as p:
        for number in range(1000):
            p.root.tell(number)
        seen = p.root.seen()
    assert seen.result() == tuple(range(1000))


def test_one_object_is_one_netref(connection: pynto.Connection) -> None:
    with connection.pipeline() as p:
        first, second = p.root.same_box(), p.root.same_box()
        known = p.root.is_same(first)
    assert first.result() is second.result()
    assert known.result() is True


def test_nothing_is_sent_before_the_end_of_the_block(site: Any, connection: pynto.Connection) -> None:
    with connection.pipeline() as p:
        p.root.tell(1)
        assert site.connect().root.seen() == ()
    assert site.connect().root.seen() == (1,)


def test_an_empty_block_sends_nothing(relay: Any) -> None:
    before = relay.sent
    with relay.connection.pipeline():
        pass
    assert relay.sent == before


# ---- round trips ----


class Messages:
    """Counts the packets that a client writes and reads: one of each is a round trip."""

    def __init__(self, site: Any) -> None:
        near, self.client = socket.socketpair()
        self.server, far = socket.socketpair()
        fd = far.detach()
        site.server.adopt(fd, fd, "counted")
        self.turns: list[str] = []
        self.lock = threading.Lock()
        self.threads = [
            threading.Thread(target=self._forward, args=(source, sink, name), daemon=True)
            for source, sink, name in ((self.client, self.server, "client"), (self.server, self.client, "server"))
        ]
        for thread in self.threads:
            thread.start()
        fd = near.detach()
        self.connection = pynto.Connection(fd, fd, "counted")

    def _forward(self, source: Any, sink: Any, name: str) -> None:
        try:
            while data := source.recv(1 << 20):
                with self.lock:
                    if not self.turns or self.turns[-1] != name:
                        self.turns.append(name)
                sink.sendall(data)
        except OSError:
            pass

    def trips(self, work: Callable[[], object]) -> int:
        with self.lock:
            self.turns.clear()
        work()
        with self.lock:
            return self.turns.count("server")

    def close(self) -> None:
        self.connection.close()
        for stream in (self.client, self.server):
            with contextlib.suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(20)
        for stream in (self.client, self.server):  # nobody reads them any more
            stream.close()


@pytest.fixture
def messages(site: Any) -> Any:
    made = Messages(site)
    yield made
    made.close()


def test_a_chain_is_one_round_trip(messages: Messages) -> None:
    def chain() -> None:
        with messages.connection.pipeline() as p:
            number = p.root.clerk().assistant().assistant().box().plus(1).joined(p.root.box(2)).get()
        assert number.result() == 10

    assert messages.trips(chain) <= 3  # the first time the client asks what a Clerk and a Box are
    assert messages.trips(chain) == 1
    assert messages.trips(chain) == 1


def test_what_a_result_is_is_asked_once_for_each_interface(messages: Messages) -> None:
    def ask() -> None:
        with messages.connection.pipeline() as p:
            p.root.clerk().assistant()

    assert messages.trips(ask) == 2
    assert messages.trips(ask) == 1


@pytest.mark.parametrize("count", [255, 256, 257, 600])
def test_more_than_256_steps_are_split(messages: Messages, count: int) -> None:
    def many() -> None:
        with messages.connection.pipeline() as p:
            box = p.root.box(0)
            for _ in range(count - 3):
                box = box.plus(1)
            number = box.get()
            total = p.root.add(number, number)
        assert number.result() == count - 3
        assert total.result() == 2 * (count - 3)

    many()
    assert messages.trips(many) == -(-count // 256)


def test_results_of_an_earlier_message_are_arguments_of_a_later_one(connection: pynto.Connection) -> None:
    numbers = range(700)
    with connection.pipeline() as p:
        boxes = [p.root.box(number) for number in numbers]
        values = [box.get() for box in boxes]
        total = p.root.sum(*boxes)
        pairs = [p.root.pair(value, p.root.text(str(number))) for number, value in zip(numbers, values, strict=True)]
        mixed = p.root.total((boxes[0].get(), boxes[699].get(), values[5]))
    assert total.result() == sum(numbers)
    assert [pair.result() for pair in pairs] == [(number, str(number)) for number in numbers]
    assert mixed.result() == 704


def test_steps_that_are_too_large_together_are_split(serve: Callable[..., Any], policy: pynto.Policy) -> None:
    site = serve(told.Told(), policy=policy, quotas={"message": 4000, "elements": 300})
    connection = site.connect()
    with connection.pipeline() as p:
        texts = [p.root.text(str(number) * 300) for number in range(9)]
        totals = [p.root.total(tuple(range(100))) for _ in range(9)]
    assert [len(text.result()) for text in texts] == [300] * 9
    assert [total.result() for total in totals] == [4950] * 9


def test_a_step_that_no_message_takes_is_an_error_at_its_line(serve: Callable[..., Any], policy: pynto.Policy) -> None:
    connection = serve(told.Told(), policy=policy, quotas={"message": 4000}).connect()
    with connection.pipeline() as p:
        with pytest.raises(pynto.QuotaExceeded, match="message"):
            p.root.text("x" * 5000)
        short = p.root.text("x")
    assert short.result() == "x"


# ---- failures ----


def test_an_error_that_breaks_a_chain_lands_on_each_that_depends_on_it(connection: pynto.Connection) -> None:
    with connection.pipeline() as p:
        good = p.root.box(1)
        bad = good.fail("no")
        chained = bad.plus(1)
        passed = p.root.sum(good, chained)
        apart = p.root.add(1)
    assert apart.result() == 2
    assert good.result().get() == 1
    for promise in (bad, chained, passed):
        with pytest.raises(ValueError):
            promise.result()
        with pytest.raises(ValueError):  # and as often as it is asked
            promise.result()


def test_a_failure_that_breaks_steps_of_a_later_message(connection: pynto.Connection) -> None:
    with connection.pipeline() as p:
        bad = p.root.box(1).fail("no")
        for _ in range(300):
            p.root.add(1)
        late = bad.get()
        later = p.root.add(late, 1)
    for promise in (bad, late, later):
        with pytest.raises(ValueError):
            promise.result()


def test_a_failure_that_nobody_can_ask_for_is_raised_at_the_end(connection: pynto.Connection) -> None:
    with pytest.raises(ValueError), connection.pipeline() as p:
        p.root.fail("unheard")
        fine = p.root.add(1)
    assert fine.result() == 2


def test_several_of_them_are_raised_as_a_group_and_a_broken_chain_once(connection: pynto.Connection) -> None:
    with pytest.raises(ExceptionGroup) as caught, connection.pipeline() as p:
        p.root.fail("one")
        p.root.box(1).fail("two").plus(1).plus(2)
        kept = p.root.box(1).fail("three").plus(3)
    assert [type(error) for error in caught.value.exceptions] == [ValueError, ValueError]
    with pytest.raises(ValueError):
        kept.result()


def test_what_is_not_permitted_is_refused_on_its_promise(connection: pynto.Connection) -> None:
    with connection.pipeline() as p:
        none = p.root.maybe(0)
        used = none.get()
        some = p.root.maybe(5).get()
    assert none.result() is None
    assert some.result() == 5
    with pytest.raises(pynto.Refused, match="not permitted"):
        used.result()


def test_the_end_of_the_connection_breaks_what_is_not_there(site: Any) -> None:
    connection = site.connect()
    with connection.pipeline() as p:
        promises = [p.root.add(number) for number in range(5)]
        connection.close()
    for promise in promises:
        with pytest.raises(pynto.Disconnected):
            promise.result()
    with pytest.raises(pynto.Disconnected), site.connect() as other, other.pipeline() as p:
        p.root.add(1)  # nobody can ask for it
        other.close()


def test_a_callback_that_ends_the_connection_leaves_what_has_come(site: Any) -> None:
    connection = site.connect()

    def end(value: int) -> int:
        connection.close()
        return value

    with connection.pipeline() as p:
        first = p.root.add(1)
        last = p.root.apply(end, 1)
        behind = p.root.add(2)
    assert first.result() == 2
    for promise in (last, behind):
        with pytest.raises(pynto.Disconnected):
            promise.result()


# ---- an exception in the block ----


def test_an_exception_in_the_block_sends_nothing(site: Any, connection: pynto.Connection) -> None:
    with pytest.raises(KeyError, match="mine"), connection.pipeline() as p:
        promise = p.root.tell(1)
        lent = p.root.lend(lambda value: value)
        raise KeyError("mine")
    assert connection.root.seen() == ()
    for each in (promise, lent):
        with pytest.raises(RuntimeError, match="left by an exception"):
            each.result()
    assert connection.usage()["references"] == 0


def test_more_than_one_message_of_steps_is_not_sent_either(connection: pynto.Connection) -> None:
    with pytest.raises(KeyError), connection.pipeline() as p:
        for number in range(1000):
            p.root.tell(number)
        raise KeyError
    assert connection.root.seen() == ()


def test_a_callback_that_interrupts_leaves_the_rest_without_a_result(connection: pynto.Connection) -> None:
    def interrupt(value: int) -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), connection.pipeline() as p:
        first = p.root.add(1)
        p.root.apply(interrupt, 1)
        behind = p.root.add(2)
    assert first.result() == 2
    with pytest.raises(RuntimeError, match="left by an exception"):
        behind.result()
    assert connection.root.add(3) == 4
    with connection.pipeline() as p:
        again = p.root.add(4)
    assert again.result() == 5


# ---- errors here and now ----


def test_arguments_are_checked_at_their_line(connection: pynto.Connection) -> None:
    with connection.pipeline() as p:
        number, text, box = p.root.add(1), p.root.text("a"), p.root.box()
        with pytest.raises(TypeError, match=r"add\(\) argument 1 must be int, not str"):
            p.root.add("1")
        with pytest.raises(TypeError, match=r"add\(\) argument 1 must be int, not a promise of str"):
            p.root.add(text)
        with pytest.raises(TypeError, match=r"text\(\) argument 1 must be str, not a promise of int"):
            p.root.text(number)
        with pytest.raises(TypeError, match="not a promise of int"):
            p.root.is_same(number)
        with pytest.raises(TypeError, match="not a promise of told:Box"):
            p.root.add(box)
        with pytest.raises(TypeError, match="must be"):
            p.root.total((1, text))
        with pytest.raises(TypeError, match="missing"):
            p.root.add()
        with pytest.raises(TypeError, match="too many"):
            p.root.add(1, 2, 3)
        with pytest.raises(TypeError, match="unexpected"):
            p.root.add(1, c=2)
        with pytest.raises(TypeError):
            p.root.add(1, 2, b=3)
        with pytest.raises(AttributeError, match="a promise of told:Box has no attribute 'nothing'"):
            box.nothing()
        with pytest.raises(AttributeError, match="a promise of str has no attribute 'upper'"):
            text.upper()
        with pytest.raises(AttributeError):
            box.nothing = 1
        half = p.root.half(number)  # an int where a float is declared
    assert half.result() == 1.0
    assert len(connection.root.seen()) == 0


def test_a_union_of_several_interfaces_has_no_operations(connection: pynto.Connection) -> None:
    with connection.pipeline() as p:
        either = p.root.either(1)
        with pytest.raises(AttributeError, match="has no attribute 'get'"):
            either.get()
        total = p.root.sum(either)  # as an argument it is decided by what it is
        other = p.root.sum(p.root.either(0))
    assert total.result() == 1
    with pytest.raises(pynto.Refused):
        other.result()


def test_python_is_told_that_it_is_not_there_yet(connection: pynto.Connection) -> None:
    with connection.pipeline() as p:
        number, box = p.root.add(1), p.root.box()
        for attempt in (
            lambda: bool(number),
            lambda: number == 2,
            lambda: number != 2,
            lambda: number < 2,
            lambda: len(box),
            lambda: list(box),
            lambda: number + 1,
            lambda: int(number),
            lambda: 1 in box,
            lambda: json.dumps(number),
            lambda: copy.copy(number),
            lambda: copy.deepcopy(box),
            lambda: pickle.dumps(number),
            lambda: pickle.dumps(box.plus),
            lambda: number(),
            lambda: number[0],
        ):
            with pytest.raises(TypeError):
                attempt()
        assert number == number
        assert number != box
        assert len({number, box, number}) == 2
        assert repr(number) == "<a promise of int>"
        with pytest.raises(RuntimeError, match="has no result yet"):
            number.result()
    assert repr(number) == "<a promise of int, kept>"


def test_a_promise_does_not_leak_into_a_normal_call(connection: pynto.Connection) -> None:
    root = connection.root
    with connection.pipeline() as p:
        number, box, function = p.root.add(1), p.root.box(), p.root.adder(1)
        for attempt in (
            lambda: root.add(number),
            lambda: root.is_same(box),
            lambda: root.total((1, number)),
            lambda: root.apply(function, 1),
            lambda: root.apply(box.plus, 1),
            lambda: root.apply(p, 1),
            lambda: pynto.oneway(root.tell)(number),
            lambda: pynto.oneway(box.put),
        ):
            with pytest.raises(TypeError):
                attempt()
    assert connection.usage()["references"] == 0


def test_promises_stay_in_their_pipeline(site: Any, connection: pynto.Connection) -> None:
    other = site.connect()
    with connection.pipeline() as p, connection.pipeline() as q, other.pipeline() as r:
        number = p.root.add(1)
        for foreign in (q, r):
            with pytest.raises(TypeError, match="another pipeline"):
                foreign.root.add(number)
        with pytest.raises(TypeError, match="a netref of this connection"):
            p(other.root)
        with pytest.raises(TypeError, match="a netref of this connection"):
            p(5)
        assert p(number) is number


def test_behind_the_block_it_has_a_result_and_no_operations(connection: pynto.Connection) -> None:
    p = connection.pipeline()
    with pytest.raises(RuntimeError, match="used in a with block"):
        p.root.add(1)
    with p:
        box = p.root.box(1)
        plus = box.plus
        add = p.root.add
        with pytest.raises(RuntimeError, match="good for one block"):
            p.__enter__()
    with pytest.raises(AttributeError, match="behind its pipeline's block"):
        box.get()
    for attempt in (lambda: plus(1), lambda: add(1), lambda: box(1), lambda: box[0]):
        with pytest.raises((RuntimeError, TypeError)):
            attempt()
    with pytest.raises(RuntimeError):
        p.__exit__(None, None, None)
    with pytest.raises(RuntimeError), p:
        pass
    assert box.result().get() == 1


def test_a_released_netref_is_no_target(connection: pynto.Connection) -> None:
    box = connection.root.box()
    with connection.pipeline() as p:
        held = p(box)
        pynto.release(box)
        with pytest.raises(ReferenceError):
            held.get()
        with pytest.raises(ReferenceError):
            p.root.is_same(box)


# ---- what is held, and for how long ----


def test_what_a_step_names_lives_until_it_was_sent(connection: pynto.Connection) -> None:
    with connection.pipeline() as p:
        same = p.root.is_same(connection.root.box())
        number = p(connection.root.box(5)).get()
        gc.collect()
        connection.root.add(1)  # frees would go ahead of it
    assert same.result() is False
    assert number.result() == 5


def test_nothing_stays_behind(connection: pynto.Connection, until: Callable[..., Any]) -> None:
    gc.collect()
    before = len(told.made)
    with connection.pipeline() as p:
        boxes = [p.root.box(number).plus(1) for number in range(400)]
        lent = [p.root.lend(lambda value: value) for _ in range(50)]
        with pytest.raises(TypeError):
            p.root.apply(lambda value: value, "no int")
    del boxes, lent, p
    gc.collect()
    until(lambda: connection.root.add(1) and len(told.made) <= before)
    until(lambda: connection.root.add(1) and connection.usage()["references"] == 0)
    assert connection.usage()["lent"] == 0


def test_a_promise_in_a_cycle_is_collected(connection: pynto.Connection) -> None:
    import weakref

    class Sentinel:
        pass

    sentinel = Sentinel()
    gone = weakref.ref(sentinel)
    p = connection.pipeline()
    p.__enter__()
    promise = p.root.lend(lambda value, s=sentinel: value)
    box = [p, promise, sentinel]
    box.append(box)
    del p, promise, sentinel, box
    gc.collect()
    connection.root.add(1)
    gc.collect()
    assert gone() is None


# ---- each step is a call ----


def test_each_step_is_admitted_and_charged(site: Any, connection: pynto.Connection) -> None:
    site.server.stats()
    before = site.calls
    with connection.pipeline() as p:
        for number in range(300):
            p.root.tell(number)
    assert site.calls == before + 300


def test_steps_beyond_the_quota_of_calls_are_refused(serve: Callable[..., Any], policy: pynto.Policy) -> None:
    connection = serve(told.Told(), policy=policy, quotas={"calls": 10}).connect()
    with connection.pipeline() as p:
        promises = [p.root.add(number) for number in range(30)]
    results = []
    for promise in promises:
        try:
            results.append(promise.result())
        except pynto.QuotaExceeded as error:
            assert "calls: 10" in str(error)
    assert results == list(range(1, 11))
    assert connection.root.add(1) == 2


def test_references_beyond_the_quota_fail_one_by_one(serve: Callable[..., Any], policy: pynto.Policy) -> None:
    connection = serve(told.Told(), policy=policy, quotas={"references": 10}).connect()
    with connection.pipeline() as p:
        boxes = [p.root.box(number) for number in range(30)]
        numbers = [box.get() for box in boxes]
    assert [number.result() for number in numbers[:10]] == list(range(10))
    for number in numbers[10:]:
        with pytest.raises(pynto.QuotaExceeded, match="references: 10"):
            number.result()


# ---- callbacks, threads ----


def test_callbacks_run_in_the_thread_that_waits(connection: pynto.Connection) -> None:
    threads = []

    def note(value: int) -> int:
        threads.append(threading.get_ident())
        return connection.root.add(value, 10)

    with connection.pipeline() as p:
        promises = [p.root.apply(note, number) for number in range(20)]
    assert [promise.result() for promise in promises] == list(range(10, 30))
    assert set(threads) == {threading.get_ident()}


def test_a_pipeline_in_a_callback_of_a_pipeline(connection: pynto.Connection) -> None:
    def inner(depth: int) -> int:
        if depth == 0:
            return 0
        with connection.pipeline() as p:
            below = p.root.apply(inner, depth - 1)
            more = p.root.add(below, 1)
        return more.result()

    assert inner(6) == 6


def test_pipelines_of_many_threads(connection: pynto.Connection, in_thread: Callable[..., Any]) -> None:
    def work(number: int) -> int:
        total = 0
        for step in range(20):
            with connection.pipeline() as p:
                box = p.root.box(number).plus(step)
                values = [p.root.apply(lambda value: value + 1, box.get()) for _ in range(5)]
            total += sum(value.result() for value in values)
        return total

    tasks = [in_thread(lambda number=number: work(number)) for number in range(8)]
    assert [task.result() for task in tasks] == [100 * number + 5 * sum(range(20)) + 100 for number in range(8)]


def test_one_pipeline_is_filled_by_many_threads(connection: pynto.Connection, in_thread: Callable[..., Any]) -> None:
    with connection.pipeline() as p:
        box = p.root.box(1)

        def work(number: int) -> list[Any]:
            return [box.plus(number).joined(p.root.box(step)).get() for step in range(50)]

        promises = [task.result() for task in [in_thread(lambda number=number: work(number)) for number in range(6)]]
    assert [[promise.result() for promise in each] for each in promises] == [
        [1 + number + step for step in range(50)] for number in range(6)
    ]


def test_many_arguments_are_a_comprehension(connection: pynto.Connection) -> None:
    with connection.pipeline() as p:
        promises = [p.root.add(number, 1) for number in range(500)]
    assert [promise.result() for promise in promises] == list(range(1, 501))


# ---- what the page says ----


def test_the_examples_of_the_page_do_what_it_says(
    serve: Callable[..., Any], generate: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    import re

    import lobby

    page = Path(__file__).parents[2] / "docs" / "pipelining.md"
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 4
    connection = serve(lobby.Lobby(), policy=pynto.Policy.load(generate("lobby:Lobby"))).connect()
    for block in blocks:
        exec(block, {"pynto": pynto, "connection": connection})
    assert capsys.readouterr().out.splitlines() == ["('ada: hello',) ada: hello", "no such room", "['a', 'b', 'c']"]
    assert connection.root.notes() == ("seen",)


# ---- deadlines ----


def test_a_deadline_is_that_of_every_step(connection: pynto.Connection) -> None:
    told.gate.clear()
    try:
        with pytest.raises(pynto.DeadlineExceeded), pynto.deadline(0.3), connection.pipeline() as p:
            late = p.root.tell_when_open(1)
            behind = p.root.add(2)
    finally:
        told.gate.set()
    for promise in (late, behind):
        with pytest.raises(RuntimeError, match="left by an exception"):
            promise.result()
    assert connection.root.add(3) == 4


def test_behind_its_deadline_nothing_is_sent(connection: pynto.Connection, until: Callable[..., Any]) -> None:
    import time

    with pytest.raises(pynto.DeadlineExceeded), pynto.deadline(0.001), connection.pipeline() as p:
        p.root.tell(1)
        time.sleep(0.01)
    assert connection.root.seen() == ()
