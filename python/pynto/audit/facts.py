"""What one look at a function's body gives: whom it calls with what, which powers it uses, what it keeps and returns."""

from __future__ import annotations

from dataclasses import dataclass, field

from .labels import NONE, Labels

CALLEE = "callee"  # a call of a value: whose function it is, the labels say
UNANALYSABLE = "unanalysable"
STORE = "store"  # into an attribute or a variable of a module


@dataclass(frozen=True)
class Sink:
    """A place where a power is used, or where following ends."""

    power: str
    name: str  # of what is called there, as a person knows it; of the slot, for a store
    line: int
    column: int
    labels: Labels = NONE  # of the arguments that matter
    kind: str = ""  # what of a value matters: text, number, any
    client: str = ""
    reached: str = ""
    why: str = ""  # it cannot be followed

    @property
    def place(self) -> tuple[str, str, int, int]:
        return (self.power, self.name, self.line, self.column)


@dataclass(frozen=True)
class Edge:
    """One call of a function that can be followed: the labels of what goes into each of its parameters."""

    callee: str
    line: int
    bound: tuple[Labels, ...]


@dataclass
class Facts:
    edges: dict[tuple[str, int], Edge] = field(default_factory=dict)
    sinks: dict[tuple[str, str, int, int], Sink] = field(default_factory=dict)
    returns: Labels = NONE

    def call(self, callee: str, line: int, bound: list[Labels]) -> None:
        """Calls of the same function on the same line are one edge, which carries what each of them passes."""
        known = self.edges.get((callee, line))
        if known is not None:
            bound = [old | new for old, new in zip(known.bound, bound, strict=True)]
        self.edges[callee, line] = Edge(callee, line, tuple(bound))

    def sink(self, sink: Sink) -> None:
        known = self.sinks.get(sink.place)
        if known is not None:
            sink = Sink(**{**vars(sink), "labels": known.labels | sink.labels})
        self.sinks[sink.place] = sink
