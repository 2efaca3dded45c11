"""Iterators and context managers: opened, abandoned, misused."""

from __future__ import annotations

from typing import Any

import pytest
from attacker import Attacker, Process, closes, serving, until
from rawpeer import ERROR, RETURN, Mine, Tag, Yours


@pytest.mark.parametrize(
    "name", ["send", "throw", "close", "gi_frame", "gi_code", "gi_yieldfrom", "__del__", "__reduce_ex__", "__exit__"]
)
def test_an_iterator_has_next_and_nothing_that_steers_it(peer: Attacker, name: str) -> None:
    """R01: whatever is sent along: nothing, classes' names, errors, references."""
    iterator = peer.ref("count", 3)
    for args in ([], [None], ["StopIteration"], [["SystemExit", "3"]], [Mine(1)], [Yours(0)], [1, 2, 3]):
        peer.denied(iterator, name, args)
    assert peer.value(iterator, "__next__") == 0


def test_another_connections_iterator_is_out_of_reach(victim: Process) -> None:
    """R03: its position is its owner's."""
    with victim.connect() as owner, victim.connect() as thief:
        iterator = owner.ref("count", 3)
        assert owner.value(iterator, "__next__") == 0
        for _ in range(3):
            thief.denied(iterator, "__next__")
        assert owner.value(iterator, "__next__") == 1


def test_an_abandoned_iterator_is_finished_once(victim: Process) -> None:
    """R05 K03: freed, or left behind by a connection that ends: its finally clause runs, soon, and once."""
    with victim.connect() as watcher:
        watcher.value(0, "clear")
        with victim.connect() as peer:
            iterators = [peer.ref("count", 10) for _ in range(300)]
            for iterator in iterators[:200]:
                assert peer.value(iterator, "__next__") == 0
            for iterator in iterators[:50]:
                peer.send([-3, iterator, 1])
            peer.lives()
            until(lambda: len(watcher.value(0, "finished")) == 50, "those that were freed", 5)
        until(lambda: len(watcher.value(0, "finished")) >= 200, "those that were left behind", 5)
        assert len(watcher.value(0, "finished")) == 200  # those that never began have nothing to finish


def test_an_open_context_is_left_when_its_client_leaves(victim: Process) -> None:
    """R05 K03: locks are released."""
    with victim.connect() as watcher:
        watcher.value(0, "clear")
        with victim.connect() as peer:
            lock = peer.ref("locked")
            assert peer.value(lock, "__enter__") == 1
            assert watcher.value(0, "finished") == []
        until(lambda: watcher.value(0, "finished"), "the context is left", 5)


@pytest.mark.parametrize("kind", ["SystemExit", "KeyboardInterrupt", "GeneratorExit", "CancelledError"])
def test_what_an_iterator_raises_is_contained(victim: Process, kind: str) -> None:
    """R07 G11"""
    with victim.connect() as peer:
        iterator = peer.ref("exiting", kind)
        assert peer.value(iterator, "__next__") == 1
        peer.raises("RemoteError", iterator, "__next__")
        assert peer.value(0, "pid") == victim.pid


def test_an_iterator_that_refuses_to_end_is_let_go(victim: Process) -> None:
    """R07: one that yields in its clean-up."""
    with victim.connect() as watcher:
        watcher.value(0, "clear")
        with victim.connect() as peer:
            for _ in range(10):
                assert peer.value(peer.ref("stubborn"), "__next__") == 1
        until(lambda: len(watcher.value(0, "finished")) >= 10, "each was told once", 5)
        watcher.lives()
    victim.is_sound()


def test_the_end_of_an_iterator_is_an_end(peer: Attacker) -> None:
    """K11: asked again and again it says so again, and counts nothing twice."""
    iterator = peer.ref("count", 1)
    assert peer.value(iterator, "__next__") == 0
    for _ in range(5):
        peer.raises("StopIteration", iterator, "__next__")
    peer.send([-3, iterator, 1])
    peer.denied(iterator, "__next__")


@pytest.mark.parametrize(
    "argument",
    [
        Mine(1),
        Yours(0),
        "SystemExit",
        1,
        True,
        b"x",
        ["SystemExit"],
        ["a", "b", "c"],
        ["a", 1],
        [1, "a"],
        [b"SystemExit", b"3"],
        {"type": "a"},
        [Tag(2), "a", "b"],
        [Mine(1), "a"],
        [["a", "b"], "c"],
    ],
    ids=repr,
)
def test_the_exception_that_a_peer_reports_has_one_shape(peer: Attacker, argument: Any) -> None:
    """R09: nil or two texts; nothing else reaches an __exit__."""
    peer.value(0, "clear")
    lock = peer.ref("locked")
    peer.value(lock, "__enter__")
    answer = peer.call(lock, "__exit__", [argument])
    assert answer[0] == ERROR and answer[1][0] in ("TypeError", "Refused"), answer
    assert peer.value(0, "finished") == []
    for args in ([], [None, None, None], ["a", "b", None], [None, None]):
        answer = peer.call(lock, "__exit__", args)
        assert answer[0] == ERROR and answer[1][0] == "TypeError", answer


@pytest.mark.parametrize(
    "type_",
    [
        "ValueError",
        "SystemExit",
        "KeyboardInterrupt",
        "StopIteration",
        "GeneratorExit",
        "victim:EvilError",
        "os:system",
        "x\ny",
    ],
)
def test_a_reported_exception_is_always_a_remote_error(peer: Attacker, type_: str) -> None:
    """R09 G05: whatever its name says."""
    peer.value(0, "clear")
    lock = peer.ref("locked")
    peer.value(lock, "__enter__")
    answer = peer.call(lock, "__exit__", [[type_, "text"]])
    assert answer[0] in (RETURN, ERROR)
    assert answer[1] is not True
    (finished,) = peer.value(0, "finished")
    assert finished.split()[:2] == ["locked", "RemoteError"]
    assert peer.trips() == []


def test_entering_twice_or_leaving_first_is_the_objects_own_affair(peer: Attacker) -> None:
    """R07: errors, and nothing worse."""
    lock = peer.ref("locked")
    answer = peer.call(lock, "__exit__", [None])
    assert answer[0] == ERROR
    lock = peer.ref("locked")
    peer.value(lock, "__enter__")
    assert peer.call(lock, "__enter__")[0] == ERROR
    peer.lives()


def test_hoarding_iterators_has_a_limit() -> None:
    """K03: the quota of references counts them; all are finished when the hoarder goes."""
    with serving("--quota", "references=100") as server, server.connect() as watcher:
        watcher.value(0, "clear")
        with server.connect() as peer:
            kept = 0
            while (answer := peer.call(0, "count", [10]))[0] == RETURN:
                kept += 1
                peer.value(answer[1].id, "__next__")
            assert answer[1][:2] == ["QuotaExceeded", "references: 100"]
            assert kept == 100
        until(lambda: len(watcher.value(0, "finished")) == 100, "all are finished", 5)


def test_an_iterator_is_iterated_from_two_lanes_in_turn(peer: Attacker) -> None:
    """R11 F03: calls run one at a time; each item comes once."""
    iterator = peer.ref("count", 100)
    for i in range(100):
        peer.send([iterator, "__next__", [], {}], lane=2 * (i % 4))
    items = [peer.reply()[1] for _ in range(100)]
    assert sorted(items) == list(range(100))
    peer.send([-7, 0, ""])
    assert closes(peer, is_reset_fine=True) in (0, None)
