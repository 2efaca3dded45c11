"""What leaves is what is declared, as narrow as it is declared, wherever it stands."""

from __future__ import annotations

from typing import Any

import pytest
from attacker import SECRET, Attacker, Process
from rawpeer import ERROR, RETURN, Mine, Tag, Yours


def narrow(peer: Attacker, ref: Any) -> None:
    """A reference that has balance() and nothing else."""
    assert isinstance(ref, Mine), ref
    peer.denied(ref.id, "deposit", [1])
    peer.denied(ref.id, "same")
    peer.denied(ref.id, "__getattr__", ["owner"])
    assert isinstance(peer.value(ref.id, "balance"), int)


def test_two_facets_of_one_object_stay_two(victim: Process) -> None:
    """C01: in any order, in one reply, from two connections; what is wide for one is narrow for the other."""
    for order in (("view", "open"), ("open", "view"), ("view", "open", "view", "open")):
        with victim.connect() as peer, victim.connect() as other:
            refs = {name: peer.ref(name, "a") for name in order}
            theirs = {name: other.ref(name, "a") for name in reversed(order)}
            assert refs["view"] != refs["open"]
            for who, mine in ((peer, refs), (other, theirs)):
                who.denied(mine["view"], "deposit", [1])
                before = who.value(mine["open"], "balance")
                assert who.value(mine["open"], "deposit", [1]) == before + 1
                assert who.value(mine["view"], "balance") == before + 1
    with victim.connect() as peer:
        first, wide, second = peer.value(0, "both", ["b"])
        assert first.id == second.id != wide.id
        narrow(peer, first)
        narrow(peer, Mine(peer.ref("same", of=wide.id)))
        assert isinstance(peer.value(wide.id, "deposit", [1]), int)
        narrow(peer, first)


def test_what_stands_in_a_container_is_as_narrow_as_its_item(victim: Process) -> None:
    """C05: lists, dicts, tuples, optionals, iterators, views, slices, copies, coroutines, callbacks, five deep."""
    with victim.connect() as peer:
        views = peer.ref("views")
        narrow(peer, peer.value(views, "__getitem__", [0]))
        part = peer.value(views, "__getitem__", [slice_of(0, 2)])
        narrow(peer, peer.value(part.id, "__getitem__", [1]))
        narrow(peer, peer.value(peer.ref("__iter__", of=views), "__next__"))
        narrow(peer, peer.value(peer.ref("__reversed__", of=views), "__next__"))
        narrow(peer, peer.value(peer.ref("copy", of=views), "pop"))
        for item in peer.value(0, "view_tuple"):
            narrow(peer, item)
        mapped = peer.ref("view_map")
        narrow(peer, peer.value(mapped, "__getitem__", ["a"]))
        narrow(peer, peer.value(mapped, "get", ["b"]))
        narrow(peer, peer.value(mapped, "popitem")[1])
        values = peer.ref("values", of=mapped)
        narrow(peer, peer.value(peer.ref("__iter__", of=values), "__next__"))
        items = peer.ref("items", of=mapped)
        narrow(peer, peer.value(peer.ref("__iter__", of=items), "__next__")[1])
        narrow(peer, peer.value(0, "view_maybe"))
        narrow(peer, peer.value(0, "view_later"))
        narrow(peer, peer.value(peer.ref("view_iter"), "__next__"))
        ((((inner,),),),) = [peer.value(0, "view_deep")]
        deep = peer.value(inner.id, "__getitem__", ["a"])
        narrow(peer, peer.value(deep.id, "__getitem__", [0]))
    with victim.connect() as peer:
        peer.send([0, "view_call", [Mine(9)], {}])
        call = peer.reply()
        narrow(peer, call[2][0])  # nested: the callback is still out
        peer.send([RETURN, 1])
        assert peer.reply() == [RETURN, 1]


def slice_of(start: int, stop: int) -> list[Any]:
    return [Tag(5), start, stop, None]


def test_a_subclass_adds_nothing(peer: Attacker) -> None:
    """C07: overriding methods run, added ones are not there, __getattr__ is not asked."""
    peer.value(0, "clear")
    sub = peer.ref("sub")
    assert peer.value(sub, "balance") == 1_000_000
    for name in ("wipe_all", "unknown", "_audit"):
        peer.denied(sub, name)
    assert peer.value(sub, "__getattr__", ["owner"]) == "sub"
    assert peer.trips() == []


def test_an_instance_cannot_shadow_a_method(peer: Attacker) -> None:
    """C09: what runs is what the class declares."""
    peer.value(0, "clear")
    peer.value(0, "set_shadow")
    assert peer.value(peer.ref("shadowed"), "balance") == 0
    assert peer.trips() == []


MISFITS = "module class metaclass function method exception traceback frame code generator other spoof admin text bytes float none list dict self object evil".split()


@pytest.mark.parametrize("kind", MISFITS)
def test_what_is_not_as_declared_does_not_leave(peer: Attacker, kind: str) -> None:
    """A09 A11 C03 C13: modules, classes, functions, frames, exceptions, others: alone, in a container, from an iterator."""
    peer.value(0, "clear")
    peer.raises("RemoteError", 0, "lie", [kind])
    made = peer.value(0, "lie_deep", [kind])
    peer.raises("RemoteError", made[0].id, "__getitem__", ["a"])
    peer.raises("RemoteError", made[0].id, "popitem")
    peer.raises("RemoteError", 0, "lie_items", [kind])
    peer.raises("RemoteError", peer.ref("lie_iter", kind), "__next__")
    if kind != "evil":
        peer.raises("RemoteError", 0, "lie_int", [kind])
    assert peer.trips() == []
    assert SECRET.encode() not in peer.seen
    peer.lives()


def test_an_answer_that_is_not_sent_leaves_nothing_behind(victim: Process) -> None:
    """C03 O-REFS: of a tuple whose last item does not fit, the first ones are not kept for the client."""
    with victim.connect() as peer:
        before = peer.value(0, "alive")
        for _ in range(50):
            peer.raises("RemoteError", 0, "lie_items", ["module"])
        assert peer.value(0, "alive") == before
        held = peer.value(0, "both", ["a"])
        assert peer.value(held[1].id, "balance") == peer.value(held[0].id, "balance")


@pytest.mark.parametrize(
    "kind", ["acct", "method", "exception", "self", "module", "frame", "text", "none", "float", "list", "generator"]
)
def test_a_handlers_mistake_is_found_before_it_reaches_a_callback(peer: Attacker, kind: str) -> None:
    """C25: an argument that is not as the callback declares is not sent; the handler gets an exception."""
    before = peer.value(0, "alive")
    answer = peer.call(0, "lie_to", [Mine(1), kind])
    assert answer[0] == ERROR, answer
    assert SECRET.encode() not in peer.seen
    assert peer.value(0, "alive") <= before
    peer.lives()


def test_a_parameter_takes_what_was_exported_under_its_interface(victim: Process) -> None:
    """E25 C15: a narrow facet is no account; another connection's is nothing; a Protocol takes the client's own."""
    with victim.connect() as peer, victim.connect() as other:
        view, acct, theirs = peer.ref("view", "a"), peer.ref("open", "a"), other.ref("open", "b")
        peer.denied(0, "audit", [Yours(view)])
        peer.denied(0, "audit", [Yours(theirs + 100)])
        peer.denied(0, "audit", [Mine(5)])
        assert peer.value(0, "audit", [Yours(acct)]) == peer.value(0, "audit_view", [Yours(acct)])
        assert peer.value(0, "audit_view", [Yours(view)]) == peer.value(acct, "balance")
        peer.send([0, "audit_view", [Mine(5)], {}])
        assert peer.serve(lambda call: [RETURN, 41] if call[1] == "balance" else [RETURN, None]) == [RETURN, 41]


def test_a_list_cannot_be_fed_with_what_it_does_not_hold(peer: Attacker) -> None:
    """C19: each write is checked against the declared item."""
    shared, views = peer.ref("shared"), peer.ref("views")
    acct, dyn = peer.ref("open", "a"), peer.ref("dyn")
    for bad in (True, 1.0, "1", None, [1], Yours(acct), Mine(1)):
        for name, args in (
            ("append", [bad]),
            ("insert", [0, bad]),
            ("__setitem__", [0, bad]),
            ("extend", [[bad]]),
            ("extend", [[1, bad]]),
        ):
            answer = peer.call(shared, name, args)
            assert answer[0] == ERROR and answer[1][0] in ("TypeError", "Refused"), f"{name} {bad!r}: {answer!r}"
    assert peer.value(shared, "__len__") == 0
    for bad in (Yours(dyn), 1, None, Yours(views)):
        answer = peer.call(views, "append", [bad])
        assert answer[0] == ERROR and answer[1][0] in ("TypeError", "Refused"), answer
    peer.value(views, "append", [Yours(acct)])
    narrow(peer, peer.value(views, "pop"))  # an account that was put in comes out as what the list holds
    for name in ("sort", "__class__", "__iadd__", "__add__", "__mul__", "__init__"):
        peer.denied(views, name)


def test_a_clients_object_in_a_shared_list_is_still_that_clients(victim: Process) -> None:
    """C15 C19: what one client puts where others find it is called over its own connection, and dies with it."""
    with victim.connect() as peer:
        views = peer.ref("views")
        answer = peer.call(views, "append", [Mine(3)])
        assert answer[0] in (RETURN, ERROR)
        if answer[0] == RETURN:
            item = peer.value(views, "pop")
            assert item in (Yours(3), Mine(item.id))


def test_the_shared_list_is_not_held_hostage(victim: Process) -> None:
    """R11: a dict that changes while it is iterated gives one error, and the iterator is at its end."""
    with victim.connect() as peer, victim.connect() as other:
        other.value(0, "grow")
        live = peer.ref("live_map")
        iterator = peer.ref("__iter__", of=live)
        assert isinstance(peer.value(iterator, "__next__"), int)
        other.value(0, "grow")
        peer.raises("RuntimeError", iterator, "__next__")
        answer = peer.call(iterator, "__next__")
        assert answer[0] == ERROR
        peer.value(live, "clear")
        peer.lives()


def test_a_value_that_changes_while_it_is_sent_arrives_whole(victim: Process) -> None:
    """F03 I09: a list that another thread empties, fills and cuts: each answer is one of its states, and decodes."""
    with victim.connect() as peer:
        for _ in range(100):
            answer = peer.call(0, "churning", [1])
            assert answer[0] in (RETURN, ERROR)
            if answer[0] == RETURN:
                tag, *items = answer[1]
                assert tag == Tag(2) and items == list(range(len(items)))
        peer.raises("RemoteError", 0, "changing")  # a bytearray is no bytes
        peer.lives()
