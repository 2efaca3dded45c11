"""What the C engine says of a policy: who reaches what, and what two policies differ in.

It answers from the tables that the server decides with; here its answers get names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .config import BadInput

if TYPE_CHECKING:
    from pynto.policy import Policy

CLIENT, SERVER = "client", "server"  # in whose hand an interface is: who calls it


def load(path: str) -> Policy:
    """The policy in a file, as the server would load it."""
    try:
        from pynto.policy import Policy
    except ImportError as error:
        raise BadInput(f"the extension is not built: {error}") from error
    try:
        return Policy.load(path)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or 'there is no such policy file'}") from error
    except ValueError as error:
        raise BadInput(str(error)) from error


@dataclass(frozen=True)
class Node:
    """An interface in a hand: the client's, who calls our objects, or the server's, which calls the client's."""

    interface: str
    hand: str

    def __str__(self) -> str:
        return self.interface if self.hand == CLIENT else f"the client's {self.interface}"


@dataclass(frozen=True)
class Operation:
    """A method, or an attribute that is read (``get``) or written (``set``)."""

    node: Node
    kind: str
    name: str

    @property
    def rule(self) -> str:
        """Where in the file it stands. A callable stands where its type is spelled."""
        if self.node.interface.startswith(("fn(", "async fn(")):
            return self.node.interface
        section = "interfaces" if self.node.hand == CLIENT else "imports"
        return f"{section}.{self.node.interface}.{'methods' if self.kind == 'method' else self.kind}.{self.name}"

    def __str__(self) -> str:
        if self.kind == "method":
            return f"{self.node}.{self.name}()"
        return f"{self.node}.{self.name}" + (" =" if self.kind == "set" else "")


@dataclass(frozen=True)
class Edge:
    """An operation that hands a reference over: as its ``result``, an ``argument``, what is ``read`` or ``write``-n."""

    source: int
    target: int
    operation: Operation
    via: str


@dataclass
class Reach:
    """The graph of one policy, with the shortest ways from its roots."""

    policy: Policy
    nodes: list[Node] = field(init=False)
    edges: list[Edge] = field(init=False)
    _walk: list[tuple[int, int] | None] = field(init=False)

    def __post_init__(self) -> None:
        nodes, edges = self.policy._graph()
        self.nodes = [Node(*each) for each in nodes]
        self.edges = [
            Edge(source, target, Operation(self.nodes[source], kind, name), via)
            for source, target, kind, name, via in edges
        ]
        self._walk = self.policy._walk()

    def steps(self, node: int) -> int | None:
        """How many operations away from a root; None: nothing leads there."""
        found = self._walk[node]
        return None if found is None else found[0]

    def way(self, node: int) -> list[Edge]:
        """The operations of a shortest way from a root; empty for a root."""
        way: list[Edge] = []
        while (found := self._walk[node]) is not None and found[1] >= 0:
            way.append(self.edges[found[1]])
            node = way[-1].source
        return way[::-1]

    def way_text(self, node: int, operation: Operation | None = None) -> str:
        """``chat:Room.reader() -> chat:Reader.history()``."""
        return " -> ".join([*(str(edge.operation) for edge in self.way(node)), str(operation or self.nodes[node])])

    def find(self, interface: str, hand: str = CLIENT) -> int | None:
        """The node that is reachable, if one of that name is; the interface of an import is in the server's hand."""
        found = [i for i, node in enumerate(self.nodes) if node == Node(interface, hand)]
        return min(found, key=lambda i: (self._walk[i] is None, i), default=None)

    def givers(self, node: int) -> Iterator[Edge]:
        """Every operation that a client can get at and that hands this node over: all of them, not the first."""
        return (edge for edge in self.edges if edge.target == node and self.steps(edge.source) is not None)

    def holders(self, node: int) -> list[int]:
        """Every reachable node from which this one can be reached, near ones first; itself not."""
        back = self.policy._walk(node)
        near = [(found[0], i) for i, found in enumerate(back) if found is not None and i != node]
        return [i for _, i in sorted(near) if self.steps(i) is not None]


@dataclass(frozen=True)
class Change:
    """What is different. ``grew``: a client can do more, or it cannot be shown that it cannot."""

    kind: str  # added widened changed narrowed removed
    subject: str  # root interface operation accepts record enum error
    hand: str
    owner: str
    name: str
    operation: str | None  # method get set
    old: tuple[str, ...]
    new: tuple[str, ...]
    grew: bool
    write: bool

    @property
    def label(self) -> str:
        """What it is about, for a person."""
        if self.subject == "operation":
            return str(Operation(Node(self.owner, self.hand), self.operation or "", self.name)).removesuffix("()")
        if self.subject == "accepts":
            return f"{self.name} where {self.owner} is wanted"
        if self.subject == "interface":
            return str(Node(self.owner, self.hand))
        name = f"{self.owner}.{self.name}" if self.owner and self.name else self.owner or self.name
        return f"{self.subject} {name}"


def changes(old: Policy, new: Policy) -> list[Change]:
    """Growth first, writes ahead of all, then as the file has it."""
    found = [
        Change(kind, subject, hand, owner, name, operation, before or (), after or (), grew, write)
        for kind, subject, hand, owner, name, operation, before, after, grew, write in old._changes(new)
    ]
    return sorted(found, key=lambda change: (not change.grew, not change.write))
