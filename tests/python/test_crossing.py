"""Do the tables agree when references cross each other in both directions, from many threads?"""

from __future__ import annotations

import gc
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import crossing
import pynto
import pytest

THREADS = 12
STEPS = 150


@pytest.fixture(scope="module")
def policy(generate: Callable[..., Path]) -> pynto.Policy:
    return pynto.Policy.load(generate("crossing:Desk"))


class Guest:
    def tell(self, text: str) -> int:
        return len(text)


class Player:
    """One thread's random walk. What it holds, it uses, gives back, drops and releases in any order."""

    def __init__(self, connection: pynto.Connection, seed: int) -> None:
        self.random = random.Random(seed)
        self.desk = connection.root
        self.things: list[Any] = [self.desk.make()]
        self.guests: list[Guest] = [Guest()]

    def thing(self) -> Any:
        return self.random.choice(self.things)

    def make(self) -> None:
        self.things.append(self.desk.make())

    def shared(self) -> None:
        self.things.append(self.desk.shared(self.random.randrange(6)))  # the same ones in every thread

    def back(self) -> None:
        thing = self.thing()
        assert self.desk.back(thing) is thing

    def both(self) -> None:
        first, second = self.thing(), self.thing()
        assert self.desk.both(first, second) == (second, first)

    def ask(self) -> None:
        """A callback that gives back what it got, or something else, and drops what it held meanwhile."""
        other = self.thing()

        def look(thing: Any) -> Any:
            if self.random.random() < 0.5:
                self.make()
            return self.random.choice([thing, other])

        assert self.desk.ask(look, self.thing()).number() == 1

    def keep(self) -> None:
        self.desk.keep(self.random.choice(self.guests))

    def give(self) -> None:
        guest = self.desk.give(self.random.randrange(100))
        assert guest is None or isinstance(guest, Guest)

    def lend(self) -> None:
        self.guests.append(Guest())

    def forget(self) -> None:
        self.random.choice([self.desk.drop_one, self.desk.forget, self.desk.forget_things])()

    def drop(self) -> None:
        for held in (self.things, self.guests):
            if len(held) > 1:
                held.pop(self.random.randrange(len(held)))  # type: ignore[attr-defined]

    def release(self) -> None:
        """Only what no other thread has: a netref is one object as long as anybody holds it."""
        thing = self.desk.make()
        pynto.release(thing)
        pynto.release(thing)

    def walk(self) -> None:
        steps = [self.make, self.shared, self.back, self.both, self.ask, self.keep, self.give, self.lend]
        steps += [self.forget, self.drop, self.drop, self.release]
        for _ in range(STEPS):
            self.random.choice(steps)()
        self.things.clear()
        self.guests.clear()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_tables_are_empty_when_all_have_let_go(
    serve: Callable[..., Any],
    policy: pynto.Policy,
    in_thread: Callable[..., Any],
    until: Callable[..., Any],
    seed: int,
) -> None:
    desk = crossing.Desk()
    connection = serve(desk, policy=policy).connect()
    connection.root.keep(guest := Guest())
    peer = desk._peer
    players = [Player(connection, seed * 1000 + number) for number in range(THREADS)]
    for task in [in_thread(player.walk) for player in players]:
        task.result(60.0)
    assert connection.usage()["lent_peak"] > THREADS
    assert peer.usage()["lent_peak"] > 1
    del players, guest
    connection.root.forget()
    connection.root.forget_things()

    def is_empty() -> bool:
        gc.collect()
        connection.root.drop_one()  # frees go ahead of a call, and of its answer
        ours, theirs = connection.usage(), peer.usage()
        held = [use[name] for use in (ours, theirs) for name in ("references", "lent")]
        return held == [0, 0, 0, 0] and not crossing.born

    until(is_empty, timeout=20.0, why=f"{connection.usage()}, {peer.usage()}, {len(crossing.born)} things")
    assert connection.root.make().number() == 1
