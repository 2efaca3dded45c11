"""The session in C against a small model in Python, in any order of events, those of a hostile peer included.

Two connections to one server are driven step by step by Hypothesis: it looks for an order in which what the server answers, holds or charges is not what
the model says. The same orders each time, and a few; PYNTO_TEST_LONG=1 takes many, others each time.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test
from rawpeer import BATCH, CANCEL, NEWLINE, RETURN, pack
from session_machine import WHICH, Sessions
from session_model import (
    ADD,
    CANCELLED,
    FUNCTION,
    HOLDING,
    HOLDS_ITEM,
    ITEM,
    NEXT,
    Call,
    Lane,
    Model,
)

LONG = bool(os.environ.get("PYNTO_TEST_LONG"))
LANES = st.sampled_from([2, 4, 2**40])
KINDS = st.sampled_from([*HOLDING, ADD, ITEM, FUNCTION])
IDLE = (0, 1, 6, 2**63 - 1)  # lanes in which nothing runs for long: ours, the server's, the last one
_numbers = itertools.count(1)  # of calls of all runs: what a server has told stays where it is


class Cancels(Sessions):
    """And calls of other lanes, which run or wait until somebody lets them go or does not want them any more."""

    # ---- helpers ----

    def told(self, call: Call) -> int:
        """How often it has heard that it is not wanted."""
        return self.root._log.count(f"cancelled {call.number}")

    def new_call(self, found: Model, kind: str, data: st.DataObject) -> Call:
        call = Call(next(_numbers), kind)
        if kind in (HOLDS_ITEM, ITEM):
            if not found.held:
                self.export_new(self.models.index(found))
            call.item = data.draw(st.sampled_from(sorted(found.held)))
            call.name = found.objects[call.item]
        if kind in (HOLDS_ITEM, FUNCTION):
            call.lent = found.new_own()
        return call

    def put(self, found: Model, lane: int, message: list[Any], calls: list[Call]) -> None:
        found.peer.send(message, lane=lane)
        at = found.lanes.setdefault(lane, Lane())
        self.settle(found, lane, at.put(calls))

    def settle(self, found: Model, lane: int, answered: list[Call], by: Model | None = None) -> None:
        """All that is to be answered is, in its order; whose turn it is then has begun. By: who gets an answer in lane 0 meanwhile."""
        answers: list[Any] = []
        for _ in range(len(answered) + (by is found)):
            answer = found.peer.reply()
            if found.peer.in_lane == lane:
                answers.append(answer)
            else:
                assert (found.peer.in_lane, answer) == (0, [RETURN, None])
        assert len(answers) == len(answered), (answered, answers)
        for call, answer in zip(answered, answers, strict=True):
            found.answered(call, answer)
            assert call.kind not in HOLDING or self.told(call) == call.is_unwanted, call
        for call in answered:
            self.has_back(found, call)
        if not found.lanes[lane].calls:
            del found.lanes[lane]
        else:
            self.begins(found, found.lanes[lane].calls[0])

    def begins(self, found: Model, call: Call) -> None:
        self.until(lambda: call.number in self.root.holding(), f"{call} does not begin")
        if call.lent is not None:
            found.lent[call.lent] = 1

    def has_back(self, found: Model, call: Call) -> None:
        """What a call has lent comes back when it is over, or given up: once."""
        if call.lent is not None and found.peer.freed.get(call.lent, 0) < call.times_lent:
            found.lent[call.lent] = call.times_lent
            self.given_back(found, call.lent)
        elif call.lent is not None:
            found.lent.pop(call.lent, None)
            assert found.peer.freed[call.lent] == call.times_lent

    def refused(self, found: Model) -> int:
        found.peer.fence()
        counts: list[int] = [each["refused"] for each in self.server.connections() if each["number"] == found.number]
        return counts[0]

    def busy(self) -> list[tuple[int, int]]:
        return [(which, lane) for which, found in enumerate(self.models) if found for lane in sorted(found.lanes)]

    def some_lane(self, data: st.DataObject) -> tuple[int, int]:
        """One in which a call runs; if there is none, calls are made."""
        if not self.busy():
            which, lane = data.draw(WHICH), data.draw(LANES)
            self.batch_in_a_lane(which, lane, data.draw(st.sampled_from(HOLDING)), data)
            for kind in data.draw(st.lists(KINDS, max_size=3)):
                self.call_in_a_lane(which, lane, kind, data)
        return data.draw(st.sampled_from(self.busy()))

    # ---- calls that run and wait ----

    @rule(which=WHICH, lane=LANES, kind=KINDS, data=st.data())
    def call_in_a_lane(self, which: int, lane: int, kind: str, data: st.DataObject) -> None:
        found = self.model(which)
        call = self.new_call(found, kind, data)
        self.put(found, lane, call.step(), [call])

    @rule(which=WHICH, lane=LANES, first=st.sampled_from(HOLDING), data=st.data())
    def batch_in_a_lane(self, which: int, lane: int, first: str, data: st.DataObject) -> None:
        """A call that is held, and steps behind it that may name its result."""
        found = self.model(which)
        kinds = data.draw(st.lists(st.sampled_from([ADD, NEXT, FUNCTION]), min_size=1, max_size=3))
        calls = [self.new_call(found, kind, data) for kind in (first, *kinds)]
        for call in calls:
            call.batch = calls[0].number
            if call.kind == NEXT:
                call.number = calls[0].number
        self.put(found, lane, [BATCH, [call.step() for call in calls], {}], calls)

    @rule(by=WHICH, data=st.data())
    def let_go(self, by: int, data: st.DataObject) -> None:
        """The one that runs returns, whoever has let it go."""
        which, lane = self.some_lane(data)
        found, other = self.model(which), self.model(by)
        call = found.lanes[lane].calls[0]
        other.peer.send([0, "let_go", [call.number], {}], lane=0)
        if other is not found:
            assert other.peer.reply() == [RETURN, None]
        self.settle(found, lane, found.lanes[lane].end(), other)

    # ---- and are cancelled ----

    @rule(data=st.data(), times=st.integers(1, 4))
    def cancel(self, data: st.DataObject, times: int) -> None:
        """The newest that waits, else the one that runs, else nobody: as often as it is said, in one write."""
        which, lane = self.some_lane(data)
        found = self.model(which)
        before = self.refused(found)
        at, given_up, answered = found.lanes[lane], 0, []
        for _ in range(times):
            call, ended = at.cancel()
            answered += ended
            given_up += call is not None
        found.peer.send([CANCEL], lane=lane)
        found.peer.send_raw((pack([CANCEL]) + NEWLINE) * (times - 1))
        self.settle(found, lane, answered)
        for call in at.calls:
            if call.is_given_up and call.batch is None:
                self.has_back(found, call)
        if at.calls and at.calls[0].is_unwanted:
            self.until(lambda: self.told(at.calls[0]) == 1, "it does not hear of it")
        if at.calls:  # else one may have found the lane idle, and may not
            assert self.refused(found) == before + given_up

    @rule(which=WHICH, lane=st.sampled_from(IDLE), times=st.integers(1, 3))
    def cancel_nothing(self, which: int, lane: int, times: int) -> None:
        """In a lane that is not there: counted, and not answered."""
        found = self.model(which)
        before = self.refused(found)
        for _ in range(times):
            found.peer.send([CANCEL], lane=lane)
        assert self.refused(found) == before + times

    @rule(which=WHICH, is_late=st.booleans())
    def cancel_what_has_been_answered(self, which: int, is_late: bool) -> None:
        """Behind its answer it is too late; ahead of it, it may be. It is answered once, and so is the next one in the lane."""
        found = self.model(which)
        found.peer.send([0, "add", [1], {}], lane=6)
        if is_late:
            assert found.peer.reply() == [RETURN, 2]
            found.peer.send([CANCEL], lane=6)
        else:
            found.peer.send([CANCEL], lane=6)
            assert found.peer.reply() in ([RETURN, 2], CANCELLED)
        assert found.peer.call(0, "add", [2], lane=6) == [RETURN, 3]

    @rule(which=WHICH, data=st.data())
    def cancel_of_anothers(self, which: int, data: st.DataObject) -> None:
        """A lane of one connection is nothing to the other."""
        found, other = self.models[which], self.model(1 - which)
        lanes = [lane for lane in (found.lanes if found else ()) if lane not in other.lanes]
        if lanes:
            other.peer.send([CANCEL], lane=data.draw(st.sampled_from(lanes)))
            other.peer.fence()


def test_the_session_is_what_its_model_says_in_any_order_of_events(serve: Callable[..., Any], tmp_path: Path) -> None:
    site = serve(quotas={"refusals": 1_000_000, "oddities_per_second": 1_000_000})
    Cancels.server, Cancels.root = site.server, site.target
    chosen = settings(
        max_examples=1000 if LONG else 60,
        stateful_step_count=60 if LONG else 25,
        derandomize=not LONG,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Cancels, settings=chosen)
