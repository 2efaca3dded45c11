"""The session in C against a small model in Python, in any order of events, those of a hostile peer included.

Two connections to one server are driven step by step by Hypothesis: it looks for an order in which what the server answers, holds or charges is not what
the model says. The same orders each time, and a few; PYNTO_TEST_LONG=1 takes many, others each time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pynto
import served
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from rawpeer import CANCEL, ERROR, FREE, GOODBYE, HELLO, LANE, NEWLINE, PART, RETURN, Mine, RawPeer, Yours, pack

LONG = bool(os.environ.get("PYNTO_TEST_LONG"))
DENIED = [ERROR, ["Refused", "not permitted", None, None]]
BROKEN = 15  # the goodbye's code: a message that may not come now
PATIENCE = float(os.environ.get("MODEL_PATIENCE", "10"))
WHICH = st.integers(0, 1)
NEVER_GIVEN = (2**63, 2**64 - 1, 1_000_000)


@dataclass
class Model:
    """One connection, as the documents have it."""

    peer: RawPeer
    number: int
    next_id: int = 1
    held: dict[int, int] = field(default_factory=dict)  # how often each id of the server's was received
    objects: dict[int, str] = field(default_factory=dict)  # and of what
    gone: set[int] = field(default_factory=set)
    next_own: int = 1
    lent: dict[int, int] = field(default_factory=dict)  # our ids, and how often the server has got them
    kept: list[int] = field(default_factory=list)

    def receive(self, value: Any, name: str) -> None:
        """A reference has come: a new id, or one that is held, if it is the same object."""
        known = [id for id, what in self.objects.items() if what == name and id in self.held]
        wanted = known[0] if known else self.next_id
        assert isinstance(value, Mine) and value.id == wanted, (value, wanted)
        if not known:
            self.next_id += 1
            self.objects[wanted] = name
        self.held[wanted] = self.held.get(wanted, 0) + 1

    def lend(self) -> Mine:
        id = self.next_own
        self.next_own += 1
        self.lent[id] = 1
        return Mine(id)


class Sessions(RuleBasedStateMachine):
    server: pynto.Server  # of all runs

    def __init__(self) -> None:
        super().__init__()
        self.models: list[Model | None] = [None, None]
        self.count = 0

    # ---- helpers ----

    def model(self, which: int) -> Model:
        """That connection, made if it is not there."""
        found = self.models[which]
        if found is None:
            peer = RawPeer(self.server.address.removeprefix("unix://"), timeout=PATIENCE)
            peer.hello()
            number = max(each["number"] for each in self.server.connections())
            found = self.models[which] = Model(peer, number)
        return found

    def drop(self, which: int) -> None:
        found = self.models[which]
        assert found is not None
        found.peer.close()
        self.models[which] = None

    def ends(self, which: int, code: int = BROKEN) -> None:
        found = self.model(which)
        goodbye = found.peer.expect_close()
        assert goodbye is not None and goodbye[:2] == [GOODBYE, code], goodbye
        self.drop(which)

    def value(self, found: Model, ref: int, name: str, *args: Any) -> Any:
        answer = found.peer.call(ref, name, list(args))
        assert answer[0] == RETURN, answer
        return answer[1]

    def call_back(self, found: Model, own: int, argument: int) -> None:
        """The server's call, which has to come now."""
        call = found.peer.reply()
        assert call == [own, "__call__", [argument], {}], call

    def some_id(self, which: int, data: st.DataObject) -> int:
        """Any id: held here, held there, given back, never given."""
        here, there = self.models[which], self.models[1 - which]
        ids = {*(here.held if here else ()), *(here.gone if here else ()), *(there.held if there else ()), *NEVER_GIVEN}
        return data.draw(st.sampled_from(sorted(ids)))

    # ---- what an honest peer does ----

    @initialize()
    def begin(self) -> None:
        self.model(0)

    @rule(which=WHICH, a=st.integers(-(2**40), 2**40))
    def call(self, which: int, a: int) -> None:
        assert self.value(self.model(which), 0, "add", a) == a + 1

    @rule(which=WHICH)
    def export_new(self, which: int) -> None:
        self.count += 1
        name = f"item {self.count}"
        found = self.model(which)
        found.receive(self.value(found, 0, "fresh", name), name)

    @rule(which=WHICH, count=st.integers(0, 4))
    def export_several(self, which: int, count: int) -> None:
        found = self.model(which)
        for place, each in enumerate(self.value(found, 0, "items", count)):
            self.count += 1
            found.receive(each, f"{place}#{self.count}")

    @rule(which=WHICH, twice=st.booleans())
    def export_the_same(self, which: int, twice: bool) -> None:
        found = self.model(which)
        values = self.value(found, 0, "twice") if twice else [self.value(found, 0, "item")]
        for each in values:
            found.receive(each, "the item")

    @rule(which=WHICH, data=st.data())
    def use(self, which: int, data: st.DataObject) -> None:
        found, ref = self.model(which), self.some_id(which, data)
        answer = found.peer.call(ref, "describe")
        if ref in found.held:
            assert answer[0] == RETURN and isinstance(answer[1], str), answer
        else:
            assert answer == DENIED

    @rule(which=WHICH, data=st.data())
    def hand_back(self, which: int, data: st.DataObject) -> None:
        found, ref = self.model(which), self.some_id(which, data)
        answer = found.peer.call(0, "same_item", [Yours(ref)])
        if ref in found.held:
            assert answer[0] == RETURN, answer
            found.receive(answer[1], found.objects[ref])
        else:
            assert answer == DENIED

    @rule(which=WHICH, data=st.data(), how=st.sampled_from(["right", "one", "more", "unknown", "root", "nothing"]))
    def free(self, which: int, data: st.DataObject, how: str) -> None:
        found = self.model(which)
        ref = data.draw(st.sampled_from(sorted(found.held))) if found.held and how != "unknown" else NEVER_GIVEN[0]
        held = found.held.get(ref, 0)
        count = {"right": held, "one": 1, "more": held + 1, "unknown": 1, "root": 1, "nothing": 0}[how]
        if how == "root":
            ref = 0
        found.peer.send([FREE, ref, count])
        if how == "nothing" or (how in ("right",) and held == 0):
            self.ends(which, 8)
        elif ref not in found.held or count > held:
            self.ends(which)
        else:
            found.held[ref] -= count
            if found.held[ref] == 0:
                del found.held[ref]
                found.gone.add(ref)
            found.peer.fence()

    @rule(which=WHICH, a=st.integers(-1000, 1000), cuts=st.lists(st.integers(1, 40), max_size=4), data=st.data())
    def in_parts(self, which: int, a: int, cuts: list[int], data: st.DataObject) -> None:
        """A call in parts counts where it ends: a free between them is ahead of it, and so is another call."""
        found = self.model(which)
        ref = self.some_id(which, data) if data.draw(st.booleans()) else 0
        whole = pack([ref, "describe", [], {}] if ref else [0, "add", [a], {}]) + NEWLINE
        ends = [*sorted({min(cut, len(whole) - 1) for cut in cuts}), len(whole)]
        is_freed = False
        at = 0
        for end in ends:
            found.peer.send([PART, whole[at:end]])
            at = end
            between = data.draw(st.sampled_from(["nothing", "call", "free"])) if end < len(whole) else "nothing"
            if between == "call":
                assert self.value(found, 0, "add", a + 1) == a + 2
            elif between == "free" and ref in found.held:
                found.peer.send([FREE, ref, found.held.pop(ref)])
                found.gone.add(ref)
                is_freed = True
        answer = found.peer.reply()
        if ref == 0:
            assert answer == [RETURN, a + 1]
        elif ref in found.held:
            assert answer[0] == RETURN and isinstance(answer[1], str) and not is_freed, answer
        else:
            assert answer == DENIED

    @rule(which=WHICH, data=st.data())
    def badly_in_parts(self, which: int, data: st.DataObject) -> None:
        """What a second stream does not hold ends the connection, and no other."""
        found = self.model(which)
        carried, code = data.draw(
            st.sampled_from(
                [
                    (b"", 8),
                    (pack([FREE, 1, 1]) + NEWLINE, BROKEN),
                    (pack([GOODBYE, 0, ""]) + NEWLINE, BROKEN),
                    (pack([PART, b"x"]) + NEWLINE, 8),
                    (pack([0, "add", [1], {}]) + b"x", 9),
                ]
            )
        )
        found.peer.send([PART, carried])
        self.ends(which, code)

    @rule(
        which=WHICH,
        value=st.integers(-1000, 1000),
        inside=st.lists(st.sampled_from(["call", "export", "denied", "free", "cancel nothing"]), max_size=3),
        answer=st.sampled_from(["value", "error", "misfit", "leave"]),
    )
    def callback(self, which: int, value: int, inside: list[str], answer: str) -> None:
        """A call whose callback is served by us, with calls of our own inside of it."""
        found = self.model(which)
        lent = found.lend()
        found.peer.send([0, "apply", [lent, value], {}])
        self.call_back(found, lent.id, value)
        for step in inside:
            if step == "call":
                assert self.value(found, 0, "add", value) == value + 1
            elif step == "export":
                self.export_new(which)
            elif step == "denied":
                assert found.peer.call(0, "no_such_method") == DENIED
            elif step == "free" and found.held:
                ref = min(found.held)
                found.peer.send([FREE, ref, found.held.pop(ref)])
                found.gone.add(ref)
            elif step == "cancel nothing":
                found.peer.send([CANCEL], lane=77)
                found.peer.send([LANE, 0])
                found.peer.out_lane = 0
        if answer == "leave":
            self.drop(which)
            return
        replies = {
            "value": [RETURN, value * 2],
            "error": [ERROR, ["ValueError", "no", None, None]],
            "misfit": [RETURN, "text"],
        }
        found.peer.send(replies[answer])
        got = found.peer.reply()
        if answer == "value":
            assert got == [RETURN, value * 2]
        else:
            assert got[0] == ERROR, got
        self.given_back(found, lent.id)

    def given_back(self, found: Model, own: int) -> None:
        """The server holds it no longer, and says so."""
        deadline = time.monotonic() + PATIENCE
        while found.peer.freed.get(own, 0) < found.lent[own]:
            assert time.monotonic() < deadline, f"{own} was not given back"
            found.peer.fence()
        assert found.peer.freed[own] == found.lent[own]
        del found.lent[own]

    @rule(which=WHICH)
    def keep(self, which: int) -> None:
        found = self.model(which)
        lent = found.lend()
        self.value(found, 0, "keep", lent)
        found.kept.append(lent.id)

    @precondition(lambda self: self.models[0] is not None and self.models[0].kept)
    @rule()
    def call_kept(self) -> None:
        """Only when the other has none: whose turn it is there is not ours to know."""
        found, other = self.models
        assert found is not None
        if other is not None and other.kept:
            return
        found.peer.send([0, "call_kept", [3], {}])
        seen = 0
        while True:
            message = found.peer.reply()
            if message[0] == RETURN:
                break
            assert message[0] in found.kept and message[1:] == ["__call__", [3], {}], message
            found.peer.send([RETURN, 4])
            seen += 1
        assert seen == len(found.kept)
        assert message[1].count("4") == seen, message

    @rule(which=WHICH)
    def forget(self, which: int) -> None:
        self.value(self.model(which), 0, "forget")
        for found in self.models:
            if found is not None:
                for own in found.kept:
                    self.given_back(found, own)
                found.kept.clear()

    @rule(which=WHICH)
    def disconnect(self, which: int) -> None:
        if self.models[which] is not None:
            self.drop(which)

    # ---- what a hostile one does ----

    @rule(
        which=WHICH,
        message=st.sampled_from([[RETURN, 1], [ERROR, ["ValueError", "", None, None]], [HELLO, "pynto", 1, None, {}]]),
    )
    def out_of_turn(self, which: int, message: list[Any]) -> None:
        self.model(which).peer.send(message)
        self.ends(which)

    @rule(which=WHICH, data=st.data())
    def forged(self, which: int, data: st.DataObject) -> None:
        """Ids in places where none of them belongs are denied, as one that was never given; and nothing is held for it."""
        found = self.model(which)
        args = data.draw(st.sampled_from([[Yours(2**40)], [Mine(2**62)], [Mine(2**63)], ["text"], [], [None, None]]))
        answer = found.peer.call(0, "same_item", args)
        if args and isinstance(args[0], (Mine, Yours)):
            assert answer == DENIED, answer
        else:
            assert answer[:1] == [ERROR] and answer[1][0] in ("TypeError", "Refused"), answer
        found.peer.fence()

    @rule(which=WHICH, lane=st.integers(1, 2**40))
    def empty_lanes(self, which: int, lane: int) -> None:
        """A lane in which nothing happens, and a cancel of nothing."""
        found = self.model(which)
        found.peer.send([CANCEL], lane=lane)
        assert found.peer.call(0, "add", [1]) == [RETURN, 2]

    # ---- what holds at any time ----

    @invariant()
    def is_charged_for_what_it_holds(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while (found := self.differences()) and time.monotonic() < deadline:
            time.sleep(0.001)
        assert not found, found

    def differences(self) -> list[Any]:
        at = {each["number"]: each for each in self.server.connections()}
        wanted = {found.number: found for found in self.models if found is not None}
        found: list[Any] = [] if set(at) == set(wanted) else [("connections", sorted(at), sorted(wanted))]
        for number in set(at) & set(wanted):
            counts = {
                "references": len(wanted[number].held),
                "lent": len(wanted[number].lent),
                "calls": 0,
                "queued": 0,
            }
            found += [(name, at[number][name], count) for name, count in counts.items() if at[number][name] != count]
        alive = sum(
            what != "the item" for each in wanted.values() for id, what in each.objects.items() if id in each.held
        )
        if len(served.alive) != alive:
            found.append(("alive", len(served.alive), alive))
        return found

    def teardown(self) -> None:
        for which in (0, 1):
            if self.models[which] is not None:
                self.drop(which)
        self.is_charged_for_what_it_holds()
        served_root(self.server).forget()


_roots: dict[int, served.Root] = {}


def served_root(server: pynto.Server) -> served.Root:
    return _roots[id(server)]


def test_the_session_is_what_its_model_says_in_any_order_of_events(serve: Callable[..., Any], tmp_path: Path) -> None:
    site = serve(quotas={"refusals": 1_000_000, "oddities_per_second": 1_000_000})
    Sessions.server = site.server
    _roots[id(site.server)] = site.target
    chosen = settings(
        max_examples=1000 if LONG else 40,
        stateful_step_count=60 if LONG else 25,
        derandomize=not LONG,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Sessions, settings=chosen)
