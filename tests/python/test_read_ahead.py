"""Are the items of an iterator fetched many at a time, without a program's seeing anything of it?"""

from __future__ import annotations

import gc
import itertools
import random
from collections.abc import Callable, Iterator
from typing import Any

import pynto
import pytest
import served
from rawpeer import ERROR, RETURN, Mine, RawPeer

ASK, ITEMS = -11, -13
WARM_UP = 8  # steps before more than one item is asked for


@pytest.fixture
def raw(site: Any) -> Iterator[RawPeer]:
    with RawPeer(site.address.removeprefix("unix://")) as peer:
        peer.hello()
        yield peer


def asked(site: Any, call: Callable[[], Any]) -> tuple[Any, int]:
    """What a call gives, and how many calls the server has had for it."""
    before = site.calls
    result = call()
    return result, site.calls - before


# ---- fewer round trips ----


def test_a_thousand_ints_take_a_twentieth_of_the_round_trips(relay: Any, site: Any) -> None:
    """Counted at the server, and on the wire: each ask is a message of more than 15 bytes."""
    count = relay.connection.root.count
    plain = site.connect(read_ahead=0).root.count(1000)
    assert asked(site, lambda: list(plain)) == (list(range(1000)), 1001)
    numbers = count(1000)
    sent = relay.traffic[0]
    result, asks = asked(site, lambda: list(numbers))
    assert result == list(range(1000))
    assert asks * 20 <= 1001
    assert relay.traffic[0] - sent < 1001 * 15 / 20


def test_nothing_is_read_ahead_before_it_is_clear_that_nothing_else_goes_on(root: Any, site: Any) -> None:
    site.target.note(7)
    iterator = root.follow(1000)
    for step in range(WARM_UP):
        assert next(iterator) == 7
        assert site.target.progress() == step + 1
    next(iterator)
    assert site.target.progress() == WARM_UP + 2


@pytest.mark.parametrize("read_ahead", [2, 3, 10, 64])
def test_no_more_is_asked_for_than_the_user_says(site: Any, read_ahead: int) -> None:
    iterator = site.connect(read_ahead=read_ahead).root.follow(1000)
    ahead = []
    for taken in range(1, 900):
        next(iterator)
        ahead.append(site.target.progress() - taken)
    assert max(ahead) == read_ahead - 1


@pytest.mark.parametrize("read_ahead", [0, 1])
def test_it_can_be_switched_off(site: Any, read_ahead: int) -> None:
    iterator = site.connect(read_ahead=read_ahead).root.follow(100)
    for taken in range(1, 101):
        next(iterator)
        assert site.target.progress() == taken


@pytest.mark.parametrize("read_ahead", [-1, 65, 1 << 40])
def test_its_bounds_are_checked(site: Any, read_ahead: int) -> None:
    with pytest.raises((ValueError, OverflowError)):
        site.connect(read_ahead=read_ahead)


def test_who_looks_elsewhere_between_two_steps_sees_what_there_is_after_each(root: Any, site: Any) -> None:
    """From the first other call on, for good."""
    iterator = root.follow(1000)
    next(iterator)
    for step in range(1, 5):
        assert root.note(step) == step
        assert next(iterator) == step
    for step in range(6, 100):
        assert next(iterator) == 4
        assert site.target.progress() == step


def test_an_iterator_that_calls_back_is_not_read_ahead(root: Any) -> None:
    order: list[Any] = []
    for number in root.calling(30, lambda value: order.append(("asked", value)) or value * 2):
        order.append(("got", number))
    assert order == [entry for n in range(30) for entry in (("asked", n), ("got", 2 * n))]


def test_a_generator_and_objects_are_fetched_one_by_one(root: Any, site: Any) -> None:
    assert asked(site, lambda: list(root.talk(50)))[1] == 52
    assert asked(site, lambda: [item.number for item in root.several(20)])[1] == 42


def test_records_are_read_ahead_and_made_when_they_are_taken(site: Any) -> None:
    made = []

    class Point(served.Point):
        def __init__(self, **fields: Any) -> None:
            made.append(fields["x"])
            super().__init__(**fields)

    Point.__module__, Point.__qualname__ = "served", "Point"
    root = site.connect(types=[Point]).root
    iterator, taken = root.points(100), []
    for point in iterator:
        taken.append(point.x)
        assert made == taken
        assert type(point) is Point


# ---- as if it were not there ----


def test_a_slow_iterator_holds_back_no_more_than_one(root: Any, site: Any) -> None:
    """It is asked for one item again as soon as it takes long."""
    iterator = root.paced(*[0] * 30, *[20] * 30)
    most = 0
    for taken, _ in enumerate(iterator, 1):
        if taken > 32:
            most = max(most, site.target.progress() - taken)
    assert most <= 1


@pytest.mark.parametrize("taken", [0, 1, 8, 9, 11, 40])
def test_leaving_early_closes_it_at_once(root: Any, site: Any, until: Any, taken: int) -> None:
    iterator = root.count(100_000)
    assert list(itertools.islice(iterator, taken)) == list(range(taken))
    site.target.events()
    del iterator
    gc.collect()
    if taken > 0:
        until(lambda: "count 100000 ends" in site.target.events())


def test_an_endless_one_costs_what_is_taken(root: Any, site: Any) -> None:
    iterator = root.endless()
    assert list(itertools.islice(iterator, 5000)) == list(range(5000))
    assert root.add(1) == 2


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 10, 13, 14, 15, 70, 71, 200])
@pytest.mark.parametrize("kind", ["Full", "KeyError", "Hidden", "lie", "Quiet"])
def test_what_it_fails_with_comes_behind_the_items(site: Any, n: int, kind: str) -> None:
    seen = []
    for read_ahead in (0, 64):
        items: list[Any] = []
        iterator = site.connect(read_ahead=read_ahead).root.breaking(n, kind)
        try:
            for item in iterator:
                items.append(item)
        except Exception as error:
            items.append((type(error), getattr(error, "type", None), str(error)))
        items += [next(iterator, "the end"), next(iterator, "the end")]
        seen.append(items)
    assert seen[0] == seen[1]
    assert seen[0][:n] == list(range(n)) and len(seen[0]) == n + 3


@pytest.mark.parametrize("large", [0, 9, 12, 20])
def test_a_large_item_arrives_with_small_ones_around_it(serve: Any, large: int) -> None:
    """One that fits into a message alone is not lost because it does not fit with others."""
    sizes = [10] * 40
    sizes[large] = 999_900
    root = serve(quotas={"message": 1_000_000}).connect().root
    assert [len(item) for item in root.sized(*sizes)] == sizes


def test_large_items_come_few_at_a_time(root: Any, site: Any) -> None:
    _, asks = asked(site, lambda: list(root.sized(*[40_000] * 100)))
    assert asks > 45


def test_two_iterators_in_turn_are_each_fetched_one_by_one(root: Any, site: Any) -> None:
    first, second = root.follow(100), root.count(100)
    for step in range(60):
        assert next(second) == step
        next(first)
        assert site.target.progress() == step + 1


def test_released_or_closed_it_gives_nothing_more(site: Any) -> None:
    connection = site.connect()
    released, closed = connection.root.count(1000), connection.root.count(1000)
    assert [next(closed) for _ in range(12)] == list(range(12))
    assert [next(released) for _ in range(12)] == list(range(12))
    pynto.release(released)
    with pytest.raises(ReferenceError):
        next(released)
    connection.close()
    with pytest.raises(pynto.Disconnected):
        next(closed)


def test_threads_that_share_one_get_each_item_once(root: Any, in_thread: Any) -> None:
    iterator = root.count(3000)
    taken = [in_thread(lambda: list(iterator)) for _ in range(4)]
    assert sorted(itertools.chain(*(task.result() for task in taken))) == list(range(3000))


Step = tuple[str, int]


def program(random: random.Random) -> list[Step]:
    """Steps of an iterator, and other things in between: those for the first time while it is still young, or when it has ended."""
    steps: list[Step] = []
    young = random.randrange(WARM_UP)
    mixes = random.random() < 0.7
    for at in range(random.randrange(1, 120)):
        if mixes and at >= young and (at == young or random.random() < 0.3):
            steps.append((random.choice(["note", "add", "events", "second"]), random.randrange(100)))
        else:
            steps.append(("next", 0))
    if mixes:
        steps.append((random.choice(["break", "drain"]), 0))
        steps.append(("note", 1))
    else:
        steps.append(("drain", 0))
    steps.append(("events", 0))
    return steps


def everything_seen(root: Any, kind: str, size: int, steps: list[Step], until: Any) -> list[Any]:
    root.events()
    seen: list[Any] = []
    iterator = {"follow": root.follow, "count": root.count, "breaking": lambda n: root.breaking(n, "Full")}[kind](size)
    second, has_begun = root.follow(10_000), False
    for what, value in steps:
        try:
            match what:
                case "next":
                    has_begun = True
                    seen.append(next(iterator))
                case "drain":
                    has_begun = True
                    seen.extend(iterator)
                case "second":
                    seen.append(next(second))
                case "break":
                    iterator = iter(())
                    gc.collect()
                    if has_begun and kind != "follow":
                        until(lambda: any("ends" in str(each) for each in seen) or seen.extend(root.events()))
                case "events":
                    seen.extend(root.events())
                case _:
                    seen.append(getattr(root, what)(value))
        except StopIteration:
            seen.append("the end")
        except Exception as error:
            seen.append((type(error).__name__, str(error)))
    return seen


@pytest.mark.parametrize("seed", range(60))
def test_a_random_program_sees_the_same_with_and_without(serve: Any, until: Any, seed: int) -> None:
    chance = random.Random(seed)
    kind, size, steps = chance.choice(["follow", "count", "breaking"]), chance.randrange(150), program(chance)
    seen = [everything_seen(serve().connect(read_ahead=ahead).root, kind, size, steps, until) for ahead in (0, 64)]
    assert seen[0] == seen[1], (kind, size, steps)


@pytest.mark.parametrize("seed", range(30))
def test_of_an_iterator_that_depends_on_itself_alone_any_program_sees_the_same(serve: Any, seed: int) -> None:
    """Whatever is called in between, whenever."""
    seen: list[list[Any]] = []
    for ahead in (0, 64):
        chance = random.Random(seed)
        root = serve().connect(read_ahead=ahead).root
        iterators = [root.points(chance.randrange(200)) for _ in range(3)]
        items: list[Any] = []
        for _ in range(chance.randrange(20)):
            turn = chance.choice(iterators)
            items += [next(turn, "the end") for _ in range(chance.randrange(40))]
            items += [root.add(chance.randrange(9)) for _ in range(chance.randrange(3))]
            if chance.random() < 0.1:
                iterators[iterators.index(turn)] = root.points(chance.randrange(200))
        seen.append([*map(str, items), *(str(list(each)) for each in iterators)])
    assert seen[0] == seen[1]


# ---- what somebody tries ----


@pytest.mark.parametrize(
    "options",
    [
        {"ahead": 0},
        {"ahead": -1},
        {"ahead": 1 << 32},
        {"ahead": 1 << 63},
        {"ahead": (1 << 64) - 1},
        {"ahead": True},
        {"ahead": None},
        {"ahead": 2.0},
        {"ahead": "2"},
        {"ahead": [2]},
        {"ahead": 2, "more": 1},
        {"behind": 2},
        {1: 2},
        [],
        None,
    ],
    ids=repr,
)
def test_options_of_another_shape_end_the_connection(raw: RawPeer, options: Any) -> None:
    iterator = raw.call(0, "count", [10])[1].id
    raw.send([ASK, iterator, "__next__", [], {}, options])
    assert raw.expect_close()[1] == 8  # type: ignore[index]


def test_asking_ahead_is_refused_where_there_is_no_iterator_of_data(raw: RawPeer) -> None:
    """As any call that is not permitted, in the same words."""
    objects = {name: raw.call(0, name, [3])[1].id for name in ("several", "talk", "chat", "count")}
    for reference, name, args in (
        (0, "add", [1]),
        (0, "count", [3]),
        (0, "nothing", []),
        (objects["several"], "__next__", []),
        (objects["talk"], "__next__", []),
        (objects["talk"], "send", ["a"]),
        (objects["chat"], "__anext__", []),
        (objects["count"], "__iter__", []),
        (objects["count"], "close", []),
        (99_999, "__next__", []),
        (-1, "__next__", []),
    ):
        raw.send([ASK, reference, name, args, {}, {"ahead": 5}])
        assert raw.reply() == [ERROR, ["Refused", "not permitted", None, None]], (reference, name)
    raw.send([ASK, objects["count"], "__next__", [1], {}, {"ahead": 5}])
    assert raw.reply()[1][0] == "TypeError"
    assert raw.call(objects["talk"], "__next__") == [RETURN, 0]  # nothing has been run
    assert raw.call(objects["several"], "__next__")[0] == RETURN


def test_however_much_is_asked_for_there_is_a_limit(raw: RawPeer) -> None:
    """R13 K21: an endless iterator, and items without end."""
    endless = raw.call(0, "endless", [])[1].id
    raw.send([ASK, endless, "__next__", [], {}, {"ahead": (1 << 32) - 1}])
    kind, items = raw.reply()
    assert kind == ITEMS and items == list(range(len(items))) and 1 <= len(items) <= 64
    assert raw.reply() == [RETURN, None]
    large = raw.call(0, "sized", [50_000] * 100)[1].id
    raw.send([ASK, large, "__next__", [], {}, {"ahead": 64}])
    assert raw.reply()[0] == ITEMS
    assert raw.reply() == [RETURN, None]


def test_items_come_ahead_of_the_end(raw: RawPeer) -> None:
    iterator = raw.call(0, "count", [3])[1].id
    raw.send([ASK, iterator, "__next__", [], {}, {"ahead": 64}])
    items: list[int] = []
    while (message := raw.reply())[0] != ERROR:
        if message[0] == ITEMS:
            items += message[1]
        else:
            raw.send([ASK, iterator, "__next__", [], {}, {"ahead": 64}])  # a machine that was slow
    assert items == [0, 1, 2]
    assert message == [ERROR, ["StopIteration", "", None, None]]


def test_an_ask_without_options_is_a_call(raw: RawPeer) -> None:
    raw.send([ASK, 0, "add", [1, 2], {}, {}])
    assert raw.reply() == [RETURN, 3]


def test_a_client_may_not_send_items(raw: RawPeer) -> None:
    raw.send([ITEMS, [1, 2]])
    assert raw.expect_close()[1] == 15  # type: ignore[index]


def test_a_callbacks_answer_has_no_items(raw: RawPeer) -> None:
    raw.send([0, "apply", [Mine(1), 5], {}])
    assert raw.reply()[:2] == [1, "__call__"]
    raw.send([ITEMS, [1]])
    assert raw.expect_close()[1] == 15  # type: ignore[index]
