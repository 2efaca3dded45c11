"""What the documents say of one connection: what it holds and lends, which of its calls run or wait, and what is to come of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rawpeer import ERROR, RETURN, Mine, Promise, RawPeer, Yours

DENIED = [ERROR, ["Refused", "not permitted", None, None]]
CANCELLED = [ERROR, ["Cancelled", "cancelled", None, None]]
BROKEN = 15  # the goodbye's code: a message that may not come now

# Of calls in the other lanes: those that wait to be let go, and what each makes of a cancel ...
ENDS, ANSWERS, GOES_ON, HOLDS_ITEM = "hold", "hold_on", "hold_fast", "hold_item"
HOLDING = (ENDS, ANSWERS, GOES_ON, HOLDS_ITEM)
# ... and those that are answered as soon as it is their turn.
ADD, NEXT, ITEM, FUNCTION = "add", "add to the one ahead", "same_item", "same_function"


@dataclass(eq=False)
class Call:
    """One that has been sent and not been answered."""

    number: int
    kind: str
    item: int | None = None  # an id of the server's among its arguments
    name: str = ""  # and of what
    lent: int | None = None  # one of ours
    batch: int | None = None  # which it came in
    is_given_up: bool = False  # while it waited
    is_unwanted: bool = False  # while it ran
    is_cancelled: bool = False  # how it is to be answered

    def step(self) -> list[Any]:
        own = None if self.lent is None else Mine(self.lent)
        item = None if self.item is None else Yours(self.item)
        name, args = self.kind, [self.number]
        if self.kind == HOLDS_ITEM:
            args = [self.number, item, own]
        elif self.kind == NEXT:
            name, args = ADD, [Promise(0)]
        elif self.kind == ITEM:
            args = [item]
        elif self.kind == FUNCTION:
            args = [own, own]
        return [0, name, args, {}]

    @property
    def times_lent(self) -> int:
        return 0 if self.lent is None else 2 if self.kind == FUNCTION else 1


@dataclass
class Lane:
    """Calls of one lane: the first of them runs."""

    calls: list[Call] = field(default_factory=list)

    def put(self, calls: Sequence[Call]) -> list[Call]:
        """What is answered at once, since nothing is ahead of it."""
        was_idle = not self.calls
        self.calls += calls
        return self._go_on() if was_idle else []

    def cancel(self) -> tuple[Call | None, list[Call]]:
        """Whom a cancel gives up while it waits, and what is answered thereupon."""
        waiting = [call for call in self.calls[1:] if not call.is_given_up]
        if waiting:
            newest = waiting[-1]
            for call in waiting:
                if call is newest or (call.batch is not None and call.batch == newest.batch):
                    call.is_given_up = call.is_cancelled = True
            return newest, []
        if not self.calls or self.calls[0].is_unwanted:
            return None, []
        running = self.calls[0]
        running.is_unwanted = True
        running.is_cancelled = running.kind in (ENDS, HOLDS_ITEM)
        return None, [] if running.kind == GOES_ON else self.end()

    def end(self) -> list[Call]:
        """The first one ends: it is answered, and those behind it up to one that is held."""
        return [self.calls.pop(0), *self._go_on()]

    def _go_on(self) -> list[Call]:
        answered = []
        while self.calls and (self.calls[0].is_given_up or self.calls[0].kind not in HOLDING):
            answered.append(self.calls.pop(0))
        return answered


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
    lanes: dict[int, Lane] = field(default_factory=dict)  # in which a call is unanswered

    def receive(self, value: Any, name: str) -> None:
        """A reference has come: a new id, or one that is held, if it is the same object."""
        known = [id for id, what in self.objects.items() if what == name and id in self.held]
        wanted = known[0] if known else self.next_id
        assert isinstance(value, Mine) and value.id == wanted, (value, wanted)
        if not known:
            self.next_id += 1
            self.objects[wanted] = name
        self.held[wanted] = self.held.get(wanted, 0) + 1

    def new_own(self) -> int:
        self.next_own += 1
        return self.next_own - 1

    def lend(self) -> Mine:
        id = self.new_own()
        self.lent[id] = 1
        return Mine(id)

    @property
    def calls(self) -> list[Call]:
        return [call for lane in self.lanes.values() for call in lane.calls]

    @property
    def running(self) -> list[Call]:
        return [lane.calls[0] for lane in self.lanes.values() if lane.calls]

    @property
    def alive(self) -> set[str]:
        """The objects of the server's that it, or a call of its, keeps alive."""
        return {self.objects[id] for id in self.held} | {call.name for call in self.calls if call.item is not None}

    def answered(self, call: Call, answer: Any) -> None:
        """Its answer is what it has to be."""
        if call.is_cancelled:
            assert answer == CANCELLED, (call, answer)
        elif call.kind == ITEM:
            assert answer[0] == RETURN, (call, answer)
            self.receive(answer[1], call.name)
        else:
            values: dict[str, Any] = {ANSWERS: -call.number if call.is_unwanted else call.number, FUNCTION: True}
            values |= {ADD: call.number + 1, NEXT: call.number + 1}
            assert answer == [RETURN, values.get(call.kind, call.number)], (call, answer)
