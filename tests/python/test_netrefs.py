"""Is a netref as natural as the object that it stands for, and does it ask nobody for what it knows by itself?"""

from __future__ import annotations

import contextlib
import copy
import gc
import inspect
import json
import operator
import pickle
import pydoc
import weakref
from collections.abc import Callable
from typing import Any

import pynto
import pytest


def test_a_method_takes_arguments_by_place_and_by_name(root: Any) -> None:
    assert root.add(2, 3) == root.add(a=2, b=3) == root.add(2, b=3) == 5
    assert root.add(2) == 3  # the default stays at the server


def test_every_kind_of_parameter_arrives_where_it_belongs(root: Any) -> None:
    assert root.greet("ada") == "hello ada () []"
    assert root.greet("ada", "hi", "a", "b", loud=True, x=1, y=2) == "HI ADA ('A', 'B') [('X', 1), ('Y', 2)]"
    assert root.greet("ada", greeting="hi", more=3) == "hi ada () [('more', 3)]"


@pytest.mark.parametrize("places", [0, 1, 3, 4, 5, 6, 40])
@pytest.mark.parametrize("names", [0, 1, 2, 3, 4, 5, 40])
def test_as_many_arguments_as_there_are_arrive(root: Any, places: int, names: int) -> None:
    """Few stand where no memory is needed; where there are more, and which of them it is that does not fit there, makes no difference."""
    rest = tuple(f"r{i}" for i in range(places))
    more = {f"n{i:02}": i for i in range(names)}
    assert root.greet("ada", "hi", *rest, **more) == f"hi ada {rest} {sorted(more.items())}"


def test_overloads_are_tried_in_their_order(root: Any) -> None:
    assert root.get("key") == "key"
    assert root.get(5) == 5
    assert root.get(5, "default") == "default"
    assert root.get(key=5, default="default") == "default"


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda root: root.add(), "a required argument is missing"),
        (lambda root: root.add(1, 2, 3), "one too many"),
        (lambda root: root.add(1, c=2), "no such name"),
        (lambda root: root.add(1, a=2), "twice"),
        (lambda root: root.add("1"), "another type"),
        (lambda root: root.add(1.0), "a float is no int"),
        (lambda root: root.add(None), "None where nothing says so"),
        (lambda root: root.add(object()), "an object that does not travel"),
        (lambda root: root.greet(name="ada"), "positional only"),
        (lambda root: root.get("key", "default"), "no overload takes this"),
        (lambda root: root.get(), "no overload takes nothing"),
        (lambda root: root.greet("ada", "hi", 5), "the rest has a type"),
        (lambda root: root.greet("ada", x="y"), "options have a type"),
        (lambda root: root.item().describe(True), "keyword only"),
    ],
)
def test_arguments_that_do_not_fit_are_a_type_error(root: Any, call: Callable[[Any], Any], why: str) -> None:
    with pytest.raises(TypeError) as caught:
        call(root)
    assert not isinstance(caught.value, pynto.Refused), why
    assert root.add(1) == 2


def test_attributes_are_read_live_and_written_only_where_the_policy_has_set(root: Any) -> None:
    item = root.item()
    assert (item.name, item.number, item.title) == ("the item", 1, "The Item")
    item.name = "renamed"
    assert item.name == "renamed"
    assert item.title == "Renamed"
    item.rename("again")
    assert item.name == "again"
    with pytest.raises(AttributeError):
        item.number = 5
    with pytest.raises(AttributeError):
        del item.name
    with pytest.raises(TypeError):
        item.name = 5
    assert (item.name, item.number) == ("again", 1)


@pytest.mark.parametrize(
    "name",
    ["undeclared", "__dict__", "_name", "nothing", "__class__x", "__getstate__x", "speak", "__len__", "__iter__"],
)
def test_what_the_policy_does_not_name_is_not_there(root: Any, name: str) -> None:
    item = root.item()
    assert not hasattr(item, name)
    with pytest.raises(AttributeError):
        getattr(item, name)


def test_nothing_can_be_added_to_a_netref(root: Any) -> None:
    with pytest.raises(AttributeError):
        root.anything = 1
    with pytest.raises(AttributeError):
        root.add = lambda: None
    assert not hasattr(root, "__dict__")


def test_items_len_in_and_iteration_work_on_a_list(root: Any) -> None:
    numbers = root.numbers()
    assert len(numbers) == 3
    assert [numbers[0], numbers[-1]] == [1, 3]
    assert list(numbers) == [1, 2, 3]
    assert list(reversed(numbers)) == [3, 2, 1]
    assert 2 in numbers
    assert 9 not in numbers
    numbers.append(4)
    numbers[0] = 10
    del numbers[1]
    numbers.extend((7, 8))
    assert list(root.numbers()) == [10, 3, 4, 7, 8]
    assert list(numbers[1:3]) == [3, 4]
    assert (numbers.pop(), numbers.index(4), numbers.count(7)) == (8, 2, 1)
    numbers.sort(reverse=True)
    assert tuple(numbers) == (10, 7, 4, 3)
    with pytest.raises(IndexError):
        numbers[99]
    with pytest.raises(TypeError):
        numbers["0"]
    with pytest.raises(TypeError):
        numbers.append("five")


def test_a_sequence_that_is_declared_for_reading_cannot_be_written(root: Any) -> None:
    numbers = root.read_numbers()
    assert list(numbers) == [1, 2, 3]
    assert list(numbers[::2]) == [1, 3]
    assert not hasattr(numbers, "append")
    with pytest.raises(TypeError):
        numbers[0] = 5
    with pytest.raises(TypeError):
        del numbers[0]


def test_a_mapping_works_like_a_dict(root: Any) -> None:
    ages = root.ages()
    assert ages["ada"] == 36
    assert dict(ages.items()) == {"ada": 36, "bob": 7}
    assert sorted(ages) == sorted(ages.keys()) == ["ada", "bob"]
    assert sorted(ages.values()) == [7, 36]
    assert ("ada" in ages, "eve" in ages) == (True, False)
    assert (ages.get("eve"), ages.get("eve", 5), ages.get("ada")) == (None, 5, 36)
    ages["eve"] = 1
    ages.update({"mallory": 2})
    del ages["bob"]
    assert ages.pop("eve") == 1
    assert ages.setdefault("zed", 9) == 9
    assert dict(ages) == {"ada": 36, "mallory": 2, "zed": 9}
    with pytest.raises(KeyError):
        ages["nobody"]
    reading = root.read_ages()
    assert dict(reading) == {"ada": 36, "bob": 7}
    with pytest.raises(TypeError):
        reading["eve"] = 1


def test_a_generator_is_iterated_item_by_item(root: Any) -> None:
    assert list(root.count(4)) == [0, 1, 2, 3]
    assert root.events() == ("count 4 begins", "count 4 ends")
    counting = root.count(3)
    assert iter(counting) is counting
    assert [next(counting), next(counting)] == [0, 1]
    assert root.events() == ("count 3 begins",)
    assert next(counting) == 2
    for _ in range(2):
        with pytest.raises(StopIteration):
            next(counting)
    assert next(counting, "over") == "over"
    assert [value for value, _ in zip(root.count(100), range(3), strict=False)] == [0, 1, 2]
    assert not hasattr(counting, "gi_frame")
    assert not hasattr(counting, "send")


def test_objects_come_out_of_lists_and_iterations(root: Any) -> None:
    items = root.items_list()
    assert [item.name for item in items] == ["a", "b"]
    assert items[1].describe() == "b 2"
    assert items[0] in items
    assert [item.number for item in root.items(3)] == [0, 1, 2]


def test_a_callable_is_called(root: Any) -> None:
    add_five = root.adder(5)
    assert add_five(1) == 6
    assert callable(add_five)
    assert not callable(root)
    assert list(map(add_five, range(3))) == [5, 6, 7]
    with pytest.raises(TypeError):
        add_five()
    with pytest.raises(TypeError):
        add_five("1")
    with pytest.raises(TypeError):
        add_five(n=1)


def test_a_context_manager_is_entered_and_left(root: Any) -> None:
    with root.session() as session:
        assert session.work() == "done"
    assert root.events() == ("enter", "work", "exit None None")
    with root.opened("door") as item:
        assert item.name == "door"
    assert root.events() == ("open door", "close door")


def test_a_context_manager_is_told_of_the_exception_and_may_swallow_it(root: Any) -> None:
    with pytest.raises(ValueError, match="mine"), root.session():
        raise ValueError("mine")
    assert root.events() == ("enter", "exit RemoteError ValueError: mine")
    with root.session():
        raise ValueError("please forgive")
    assert root.events() == ("enter", "exit RemoteError ValueError: please forgive")
    with pytest.raises(ValueError, match="mine"), root.opened("door"):
        raise ValueError("mine")
    assert root.events() == ("open door", "close door")


@pytest.mark.parametrize(
    ("of_netrefs", "expected"),
    [
        (lambda a, b: (a + b).values(), (5, 7, 9)),
        (lambda a, b: (a - b).values(), (-3, -3, -3)),
        (lambda a, b: (a * 2).values(), (2, 4, 6)),
        (lambda a, b: (2 * a).values(), (2, 4, 6)),
        (lambda a, b: a / 2, (0.5, 1.0, 1.5)),
        (lambda a, b: (b // 2).values(), (2, 2, 3)),
        (lambda a, b: (b % 2).values(), (0, 1, 0)),
        (lambda a, b: (a**2).values(), (1, 4, 9)),
        (lambda a, b: a @ b, 32),
        (lambda a, b: (a & b).values(), (0, 0, 2)),
        (lambda a, b: (a | b).values(), (5, 7, 7)),
        (lambda a, b: (a ^ b).values(), (5, 7, 5)),
        (lambda a, b: (-a).values(), (-1, -2, -3)),
        (lambda a, b: (+a).values(), (1, 2, 3)),
        (lambda a, b: (~a).values(), (-2, -3, -4)),
        (lambda a, b: abs(-a), 6),
        (lambda a, b: (a < b, a <= b, a > b, a >= b), (True, True, False, False)),
        (lambda a, b: sorted([b, a])[0].values(), (1, 2, 3)),
        (lambda a, b: a(10, shift=1).values(), (11, 21, 31)),
        (lambda a, b: (len(a), a[1], 3 in a, list(a), list(reversed(a))), (3, 2, True, [1, 2, 3], [3, 2, 1])),
    ],
)
def test_operators_run_at_the_server(root: Any, of_netrefs: Callable[[Any, Any], Any], expected: Any) -> None:
    assert of_netrefs(root.vector(1, 2, 3), root.vector(4, 5, 6)) == expected


def test_operators_that_change_in_place_keep_the_object(root: Any) -> None:
    vector = root.vector(1, 2)
    before = vector
    vector += root.vector(10, 20)
    assert vector is before
    assert vector.values() == (11, 22)
    vector[0] = 5
    del vector[1]
    assert vector.values() == (5,)


def test_an_operator_that_the_policy_does_not_have_is_a_type_error(root: Any) -> None:
    vector = root.vector(1)
    for wrong in (lambda: vector << 1, lambda: vector + 1, lambda: 1 + vector, lambda: operator.index(vector)):
        with pytest.raises(TypeError):
            wrong()
    with pytest.raises(TypeError):
        root + root
    with pytest.raises(TypeError):
        len(root)
    with pytest.raises(TypeError):
        root[0]
    with pytest.raises(TypeError):
        iter(root)
    with pytest.raises(TypeError), root:
        pass


def test_bool_asks_only_objects_that_have_a_truth(root: Any) -> None:
    assert bool(root.vector(0, 1)) is True
    assert bool(root.vector(0, 0)) is False
    assert bool(root) is True
    assert bool(root.item()) is True
    assert bool(root.numbers()) is True
    numbers = root.numbers()
    numbers.clear()
    assert not numbers  # by its len(), as at home


def test_equality_is_identity_where_the_policy_has_no_other(root: Any) -> None:
    a, b = root.fresh(), root.fresh()
    assert a == a
    assert a != b
    assert (a == 5) is False
    assert len({a, b, a}) == 2
    assert {a: 1}[a] == 1


def test_equality_of_the_server_compares_with_data_and_never_raises(root: Any) -> None:
    a, b = root.vector(1, 2), root.vector(3)
    assert (a == 5, a != 5, a == (1, 2)) == (False, True, False)  # asked at the server
    assert (a == a, a != a) == (True, False)
    assert (a == b, a == object(), a == None, a != root) == (False, False, False, True)  # noqa: E711
    assert [b, a].index(a) == 1
    assert a in [b, object(), a]
    assert hash(a) == hash(a)
    assert {a: "a", b: "b"}[a] == "a"


def local_things(netref: Any) -> None:
    repr(netref)
    str(netref)
    f"{netref}"
    type(netref)
    isinstance(netref, int)
    isinstance(netref, type(netref))
    assert netref.__class__ is type(netref)
    dir(netref)
    hash(netref)
    id(netref)
    callable(netref)
    hasattr(netref, "nothing_of_this_name")
    with contextlib.suppress(AttributeError):
        netref.nothing_of_this_name = 1
    inspect.getdoc(netref)
    assert netref.__module__ == "pynto.remote"
    pydoc.render_doc(netref)
    pydoc.render_doc(type(netref))
    inspect.getmembers(type(netref))
    inspect.isclass(netref)
    inspect.isgenerator(netref)
    inspect.iscoroutinefunction(netref)
    weakref.ref(netref)()
    [netref].count(netref)
    netref is None  # noqa: B015


def test_what_a_netref_knows_by_itself_asks_nobody(relay: Any) -> None:
    root = relay.connection.root
    kinds = [
        root,
        root.item(),
        root.numbers(),
        root.ages(),
        root.count(3),
        root.adder(1),
        root.shelf().reader(),
        root.session(),
    ]
    sent, received = relay.traffic
    for netref in kinds:
        local_things(netref)
    inspect.signature(root.add)
    inspect.signature(type(root).add)
    assert root.add.__doc__
    assert root.add.__name__ == "add"
    repr(root.add)
    after = relay.traffic
    assert after[0] - sent <= 6, "more than the ping that was sent for this count"
    assert after[1] - received <= 6
    assert root.add(1) == 2
    assert relay.traffic[0] - after[0] > 10, "the count sees calls"


def test_a_wrong_call_is_refused_before_anything_is_sent(relay: Any) -> None:
    root = relay.connection.root
    sent, _ = relay.traffic
    for wrong in (lambda: root.add("1"), lambda: root.add(1, 2, 3), lambda: root.nothing(), lambda: root.add(1, x=2)):
        with pytest.raises((TypeError, AttributeError)):
            wrong()
    after, _ = relay.traffic
    assert after - sent <= 6, "more than the ping that was sent for this count"


def test_dir_lists_what_is_granted_and_nothing_else_of_the_object(root: Any) -> None:
    item = root.item()
    assert [name for name in dir(item) if not name.startswith("_")] == ["describe", "name", "number", "rename", "title"]
    assert "__next__" in dir(root.count(1))
    assert "__len__" not in dir(item)
    reader = root.shelf().reader()
    assert [name for name in dir(reader) if not name.startswith("_")] == ["read"]


def test_signature_and_help_come_from_the_policy(root: Any) -> None:
    signature = inspect.signature(root.greet)
    kinds = inspect.Parameter
    assert [(each.name, each.kind) for each in signature.parameters.values()][1:] == [
        ("greeting", kinds.POSITIONAL_OR_KEYWORD),
        ("rest", kinds.VAR_POSITIONAL),
        ("loud", kinds.KEYWORD_ONLY),
        ("more", kinds.VAR_KEYWORD),
    ]
    assert signature.return_annotation == "str"
    assert list(inspect.signature(root.add).parameters) == ["a", "b"]
    assert list(inspect.signature(type(root).add).parameters) == ["self", "a", "b"]
    assert inspect.signature(root.add).parameters["b"].default is not inspect.Parameter.empty
    text = pydoc.render_doc(root.add, renderer=pydoc.plaintext)
    assert "a: 'int'" in text
    assert "add(a: int, b: int=?) -> int" in text
    whole = pydoc.render_doc(type(root.item()), renderer=pydoc.plaintext)
    for name in ("describe", "rename", "title"):
        assert name in whole
    assert "undeclared" not in whole


def test_repr_and_type_say_what_it_is(root: Any, connection: Any) -> None:
    item = root.item()
    assert type(item).__name__ == "served.Item"
    assert type(item) is type(root.fresh())
    assert repr(item).startswith("<netref served.Item ")
    assert connection.peer in repr(item)
    assert repr(root.numbers()).startswith("<netref list[int] ")
    assert repr(root.adder(1)).startswith("<netref fn(int)->int ")
    assert "the item" not in repr(item)


def test_a_netref_type_cannot_be_instantiated(root: Any) -> None:
    with pytest.raises(TypeError):
        type(root)()
    with pytest.raises(TypeError):
        type(root).__new__(type(root))
    with pytest.raises(TypeError):
        object.__new__(type(root))


def test_a_subclass_of_an_interface_cannot_be_made_to_hold_anything(root: Any) -> None:
    try:
        made = type("Mine", (type(root),), {"add": lambda self: "mine"})
    except TypeError:
        return
    with pytest.raises(TypeError):
        made()
    assert root.add(1) == 2


def test_a_method_of_another_interface_is_refused(root: Any) -> None:
    with pytest.raises(TypeError):
        type(root.item()).describe(root)
    with pytest.raises(TypeError):
        type(root).add("not a netref", 1)
    with pytest.raises(TypeError):
        type(root).add()
    with pytest.raises(TypeError):
        type(root.item()).__dict__["name"].__get__(root)
    assert type(root).add(root, 1) == 2


@pytest.mark.parametrize(
    "make_copy",
    [
        copy.copy,
        copy.deepcopy,
        pickle.dumps,
        lambda netref: pickle.dumps(netref, 0),
        lambda netref: pickle.dumps([netref]),
        lambda netref: copy.deepcopy({"a": [netref]}),
        json.dumps,
        lambda netref: netref.__reduce__(),
        lambda netref: netref.__reduce_ex__(4),
    ],
)
def test_a_netref_is_not_copied(relay: Any, make_copy: Callable[[Any], Any]) -> None:
    for netref in (relay.connection.root, relay.connection.root.item(), relay.connection.root.numbers()):
        with pytest.raises(TypeError):
            make_copy(netref)


def test_a_bound_method_can_be_kept_and_keeps_its_netref(root: Any) -> None:
    describe = root.fresh("kept").describe
    gc.collect()
    assert describe() == "kept 0"
    assert describe(loud=True) == "KEPT 0"
    assert describe.__self__.name == "kept"


def test_weak_references_see_a_netref_go(root: Any) -> None:
    gone: list[str] = []
    item = root.fresh()
    watching = weakref.ref(item, lambda _: gone.append("gone"))
    assert watching() is item
    weak = weakref.WeakValueDictionary({"item": item})
    del item
    assert gone == ["gone"]
    assert "item" not in weak


def test_netrefs_in_cycles_are_collected(root: Any) -> None:
    item = root.fresh()
    cycle: list[Any] = [item]
    cycle.append(cycle)
    watching = weakref.ref(item)
    del item, cycle
    gc.collect()
    assert watching() is None


def test_a_connection_in_a_cycle_with_its_netrefs_is_collected(site: Any, until: Callable[..., Any]) -> None:
    """The root that a connection holds holds it, too; and an iterator what it has read ahead, with the exception behind that."""

    class Held:
        all: list[Any]

    connection: Any = pynto.connect(site.address)
    held = Held()
    iterator = connection.root.breaking(13, "KeyError")
    held.all = [held, connection.root, connection.root.item(), iterator, connection]
    assert [next(iterator) for _ in range(12)] == list(range(12))
    watching = [weakref.ref(each) for each in held.all[:4]]
    del connection, iterator
    gc.collect()
    assert held.all[2].number == 1
    del held
    gc.collect()
    assert [ref() for ref in watching] == [None] * 4
    until(lambda: site.server.stats()["connections"] == 0)


def test_a_released_netref_does_not_keep_its_connection_for_ever(site: Any, until: Callable[..., Any]) -> None:
    connection = pynto.connect(site.address)
    item = connection.root.item()
    pynto.release(item)
    assert pynto.connection(item) is connection
    cycle: list[Any] = [item]
    cycle.append(cycle)
    watching = weakref.ref(item)
    del connection, item, cycle
    gc.collect()
    assert watching() is None
    until(lambda: site.server.stats()["connections"] == 0)


def test_connection_and_release_are_functions_not_names_on_the_netref(root: Any, connection: Any) -> None:
    assert pynto.connection(root) is connection
    assert pynto.connection(root.item()) is connection
    for wrong in (5, None, connection, type(root)):
        with pytest.raises(TypeError):
            pynto.connection(wrong)
        with pytest.raises(TypeError):
            pynto.release(wrong)


def test_structural_pattern_matching_and_unpacking_work(root: Any) -> None:
    first, *rest = root.numbers()
    assert (first, rest) == (1, [2, 3])
    assert max(root.numbers()) == 3
    assert sum(root.numbers()) == 6
    a, b = root.twice()
    assert a is b


def test_a_connection_says_what_it_is(connection: Any) -> None:
    assert repr(connection) == f"<pynto.Connection to {connection.peer}>"
    assert connection.closed is False
    assert connection.ping() < 10
    connection.close()
    assert connection.closed is True
    assert repr(connection).endswith(", closed>")
    connection.close()
