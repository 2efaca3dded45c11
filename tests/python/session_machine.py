"""Two connections to one server, driven step by step beside the model of each: what they do in lane 0, honest and hostile."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from typing import Any

import pynto
import served
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from rawpeer import CANCEL, ERROR, FREE, GOODBYE, HELLO, NEWLINE, PART, RETURN, Mine, RawPeer, Yours, pack
from session_model import BROKEN, CANCELLED, DENIED, GOES_ON, Call, Model

PATIENCE = float(os.environ.get("MODEL_PATIENCE", "10"))
WHICH = st.integers(0, 1)
NEVER_GIVEN = (2**63, 2**64 - 1, 1_000_000)


class Sessions(RuleBasedStateMachine):
    """Two connections, and what their calls of lane 0 do."""

    server: pynto.Server  # of all runs
    root: served.Root

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
        """It leaves: what runs for it is ended, or let go where it does not let itself be ended."""
        found = self.models[which]
        assert found is not None
        found.peer.close()
        self.models[which] = None
        for call in found.running:
            if call.kind == GOES_ON:
                self.release(call)
            self.until(lambda call=call: call.number not in self.root.holding(), f"{call} goes on")

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

    def until(self, condition: Callable[[], Any], why: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, why
            time.sleep(0.0005)

    def release(self, call: Call) -> None:
        """From outside, whoever has called it."""

        def let_go(future: asyncio.Future[int]) -> None:
            if not future.done():
                future.set_result(call.number)

        def is_gone() -> bool:
            future = self.root._holding.get(call.number)
            if future is not None:
                future.get_loop().call_soon_threadsafe(let_go, future)
            return future is None

        self.until(is_gone, f"{call} is not let go")

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
        inside=st.lists(st.sampled_from(["call", "export", "denied", "free", "cancel", "cancel nothing"]), max_size=3),
        answer=st.sampled_from(["value", "error", "misfit", "leave"]),
    )
    def callback(self, which: int, value: int, inside: list[str], answer: str) -> None:
        """A call whose callback is served by us, with calls of our own inside of it."""
        found = self.model(which)
        lent = found.lend()
        found.peer.send([0, "apply", [lent, value], {}], lane=0)
        self.call_back(found, lent.id, value)
        is_unwanted = False
        for step in inside:
            if step == "call":
                got = found.peer.call(0, "add", [value])
                assert got == [RETURN, value + 1], got
            elif step == "export" and not is_unwanted:
                self.export_new(which)
            elif step == "denied":
                assert found.peer.call(0, "no_such_method") == DENIED
            elif step == "free" and found.held:
                ref = min(found.held)
                found.peer.send([FREE, ref, found.held.pop(ref)])
                found.gone.add(ref)
            elif step == "cancel":
                found.peer.send([CANCEL], lane=0)
                if not is_unwanted:
                    assert found.peer.reply() == [CANCEL]  # nor is what it has called
                is_unwanted = True
            elif step == "cancel nothing":
                found.peer.send([CANCEL], lane=77)
        if answer == "leave":
            self.drop(which)
            return
        replies = {
            "value": [RETURN, value * 2],
            "error": [ERROR, ["ValueError", "no", None, None]],
            "misfit": [RETURN, "text"],
        }
        found.peer.send(replies[answer], lane=0)
        got = found.peer.reply()
        if is_unwanted:
            assert got == CANCELLED
        elif answer == "value":
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
        found.peer.send([0, "call_kept", [3], {}], lane=0)
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

    @rule(which=WHICH, lane=st.integers(5, 2**40 - 1))
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
            one = wanted[number]
            counts = {"references": len(one.held), "lent": len(one.lent), "calls": len(one.calls)}
            found += [(name, at[number][name], count) for name, count in counts.items() if at[number][name] != count]
            if (at[number]["queued"] > 0) != (one.calls != []):
                found.append(("queued", at[number]["queued"], one.calls))
        alive = len(set().union(*(one.alive for one in wanted.values())) - {"the item"})
        if len(served.alive) != alive:
            found.append(("alive", len(served.alive), alive))
        return found

    def teardown(self) -> None:
        for which in (0, 1):
            if self.models[which] is not None:
                self.drop(which)
        self.is_charged_for_what_it_holds()
        self.root.forget()
