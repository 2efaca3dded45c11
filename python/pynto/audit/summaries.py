"""What calling a function can lead to: every sink behind it, by the shortest chain of calls, for each parameter that gets there.

For each function and each sink there is one entry for "it is reached", and one for each label whose value gets to it. Nothing is
visited once and forgotten: an entry is made anew wherever a shorter chain, or another label, comes in.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .facts import CALLEE, Edge, Facts, Sink
from .labels import CALLABLE, CLIENT, PARAM, PASSED, SLOT, UNKNOWN, Label

Place = tuple[str, str, int, int]
SinkId = tuple[str, Place]  # the function in which it stands, and where
Key = tuple[SinkId, Label | None]


@dataclass(frozen=True)
class Step:
    """How an entry of a function comes about: by a sink of its own, or by an edge and an entry of the callee."""

    distance: int
    edge: Edge | None = None
    key: Key | None = None


class Summaries:
    def __init__(self, facts: dict[str, Facts], may_be_function: Callable[[str, Label], bool]) -> None:
        self.facts = facts
        self._may_be_function = may_be_function
        self.entries: dict[str, dict[Key, Step]] = {key: {} for key in facts}
        self._callers: dict[str, list[tuple[str, Edge]]] = {}
        for caller in sorted(facts):
            for edge in sorted(facts[caller].edges.values(), key=lambda edge: (edge.line, edge.callee)):
                self._callers.setdefault(edge.callee, []).append((caller, edge))
        self._run()

    def sink(self, id: SinkId) -> Sink:
        return self.facts[id[0]].sinks[id[1]]

    def chain(self, function: str, key: Key) -> Iterator[tuple[str, Edge | None]]:
        """The functions from this one to the sink, each with the edge that leaves it."""
        while True:
            step = self.entries[function][key]
            yield function, step.edge
            if step.edge is None or step.key is None:
                return
            function, key = step.edge.callee, step.key

    def _run(self) -> None:
        """Breadth first from the sinks to whoever calls: the first chain that comes in is a shortest one."""
        queue: collections.deque[tuple[str, Key]] = collections.deque()
        for function in sorted(self.facts):
            for place, sink in sorted(self.facts[function].sinks.items()):
                for label in (None, *sorted(sink.labels)):
                    key = ((function, place), label)
                    self.entries[function][key] = Step(0)
                    queue.append((function, key))
        while queue:
            callee, key = queue.popleft()
            distance = self.entries[callee][key].distance + 1
            for caller, edge in self._callers.get(callee, ()):
                for label in self._substitute(key, caller, edge):
                    reached = (key[0], label)
                    if reached not in self.entries[caller]:
                        self.entries[caller][reached] = Step(distance, edge, key)
                        queue.append((caller, reached))

    def _substitute(self, key: Key, caller: str, edge: Edge) -> Iterator[Label | None]:
        """The caller's labels in the place of the callee's parameter."""
        (_function, place), label = key
        if label is None or label.kind in (SLOT, CLIENT, PASSED):
            yield label
        elif label.kind == PARAM and int(label.key) < len(edge.bound):
            passed = edge.bound[int(label.key)]
            is_function = place[0] == CALLEE and any(each.kind in CALLABLE for each in passed)
            for each in sorted(passed):
                if is_function and not self._may_be_function(caller, each):
                    continue  # it is what the function that is passed gives
                if each.kind in (PARAM, SLOT, CLIENT):
                    yield each.guarded(label.number, label.member)
                elif each.kind == UNKNOWN and place[0] == CALLEE:
                    yield each
        elif label.kind == UNKNOWN:
            yield label
