"""Is an object one object, however often and by whatever way its references travel?"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pynto
import pytest


def id_of(netref: Any) -> int:
    """The reference's number, as its repr shows it."""
    return int(repr(netref).split(" of ")[0].rpartition(" ")[2])


def test_a_reference_that_comes_home_is_the_object_itself(root: Any) -> None:
    item = root.item()
    assert root.is_item(item) is True
    assert root.is_item(root.fresh()) is False
    assert root.same_item(item) is item
    shelf = root.shelf()
    assert shelf.is_me(shelf) is True
    assert shelf.is_me(shelf.myself()) is True


def test_the_same_reference_twice_is_the_same_netref(root: Any) -> None:
    item = root.item()
    assert root.item() is item
    first, second = root.twice()
    assert first is second is item
    assert root.fresh() is not root.fresh()
    assert root.numbers() is root.numbers()


def test_the_root_that_a_method_returns_is_the_root(root: Any, connection: Any) -> None:
    assert root.myself() is root
    assert connection.root is root
    assert id_of(root) == 0


def test_the_root_is_there_again_after_every_netref_of_it_was_dropped(connection: Any) -> None:
    for _ in range(5):
        assert connection.root.myself().add(1) == 2
    assert connection.usage()["lent"] <= 1


def test_a_callback_gives_back_the_very_object(root: Any) -> None:
    assert root.each(lambda item: item) is True
    assert root.each(lambda item: root.item()) is True
    assert root.each(lambda item: root.fresh()) is False
    seen: list[Any] = []
    root.each(lambda item: seen.append(item) or item)
    assert seen == [root.item()]


def test_the_clients_own_function_comes_home_as_itself(root: Any) -> None:
    def mine(value: int) -> int:
        return value

    assert root.give_back(mine) is mine
    assert root.same_function(mine, mine) is True
    assert root.same_function(mine, lambda value: value) is False
    bound = [1].index
    assert root.give_back(bound) is bound


def test_the_servers_function_comes_home_as_itself(root: Any) -> None:
    add = root.adder(5)
    assert root.give_back(add) is add
    assert root.same_function(add, add) is True
    assert root.same_function(add, root.adder(5)) is False
    assert root.apply(add, 1) == 6


def test_facets_of_one_object_are_separate_references(root: Any) -> None:
    shelf = root.shelf()
    reader, writer = shelf.reader(), shelf.writer()
    assert len({id_of(shelf), id_of(reader), id_of(writer)}) == 3
    assert reader is shelf.reader()
    assert reader is not shelf
    assert not hasattr(reader, "write")
    assert not hasattr(writer, "read")
    writer.write("line")
    assert reader.read() == shelf.read() == ("line",)


def test_a_facet_is_no_way_back_to_the_object(root: Any) -> None:
    shelf = root.shelf()
    reader = shelf.reader()
    with pytest.raises((TypeError, pynto.Refused)):
        shelf.is_me(reader)
    assert shelf.can_be_read(reader) is True
    assert shelf.can_be_read(shelf) is True  # a shelf conforms where a reader is wanted
    with pytest.raises((TypeError, pynto.Refused)):
        shelf.can_be_read(shelf.writer())
    with pytest.raises((TypeError, pynto.Refused)):
        shelf.can_be_read(root)


def test_an_object_that_was_freed_and_comes_again_has_another_id(
    root: Any, until: Callable[..., Any], connection: Any
) -> None:
    item = root.item()
    seen = [id_of(item)]
    for _ in range(5):
        del item
        gc.collect()
        root.add(1)  # carries the free
        item = root.item()
        seen.append(id_of(item))
        assert root.is_item(item) is True
    assert len(set(seen)) == len(seen)
    assert seen == sorted(seen)


def test_a_released_netref_and_a_new_one_do_not_meet(root: Any) -> None:
    old = root.item()
    pynto.release(old)
    new = root.item()
    assert new is not old
    assert new.name == "the item"
    with pytest.raises(ReferenceError):
        old.describe()


def test_references_of_two_connections_do_not_mix(site: Any) -> None:
    one, two = site.connect().root, site.connect().root
    item = one.item()
    with pytest.raises((TypeError, pynto.Refused)):
        two.is_item(item)
    assert two.is_item(two.item()) is True
    assert one.item() is not two.item()
    assert one.numbers()[0] == two.numbers()[0] == 1
    one.numbers().append(4)
    assert list(two.numbers()) == [1, 2, 3, 4]


def test_a_netref_of_another_connection_is_not_taken_even_when_the_ids_agree(site: Any) -> None:
    one, two = site.connect().root, site.connect().root
    a, b = one.fresh("one"), two.fresh("two")
    assert id_of(a) == id_of(b)
    with pytest.raises((TypeError, pynto.Refused)):
        two.same_item(a)
    assert two.same_item(b).name == "two"


def test_an_object_keeps_its_identity_while_only_one_netref_of_many_lives(root: Any) -> None:
    many = [root.item() for _ in range(100)]
    assert len({id(each) for each in many}) == 1
    number = id_of(many[0])
    last = many.pop()
    many.clear()
    assert id_of(root.item()) == number
    assert last.name == "the item"


def test_a_netref_that_is_about_to_be_deallocated_is_not_found_again(root: Any) -> None:
    """Deep in what is deallocated, Python puts that off: other code runs while nobody holds the netref any more, and it is still there."""
    seen: list[Any] = []

    class Asks:
        def __del__(self) -> None:
            new = root.item()
            seen.append((root.item() is new, new.name))
            del new
            root.add(1)  # carries the free
            seen.append((root.is_item(root.item()), root.item().name))

    for depth in range(20, 61):  # where it begins to put it off is the interpreter's affair
        chain: Any = (Asks(), root.item(), root.fresh())
        for _ in range(depth):
            chain = (chain,)
        del chain
        assert seen == [(True, "the item")] * 2
        seen.clear()
        assert root.item().name == "the item"
        assert root.add(1) == 2
