"""Who can reach what, for the page: interfaces, the operations between them, and the powers behind them."""

from __future__ import annotations

import collections
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from . import grammar, spelling
from .flow import Flow

if TYPE_CHECKING:
    from .check import Audit

Json = dict[str, Any]
Key = tuple[str, Flow]
Edges = dict[tuple[str, str], list[str]]


def chart(audit: Audit) -> Json:
    """Nodes with their distance from the roots, and edges with the operations that they stand for."""
    policy: Json = audit.policy or {}
    sides: dict[Flow, Json] = {Flow.OUT: policy.get("interfaces", {}), Flow.IN: policy.get("imports", {})}
    roots: dict[str, str] = policy.get("roots", {})
    edges = _edges(sides)
    distance = _distances({_id(name, Flow.OUT) for name in roots.values()}, edges)
    nodes = [
        _node(name, flow, entry, roots, distance[_id(name, flow)])
        for flow, entries in sides.items()
        for name, entry in sorted(entries.items())
        if _id(name, flow) in distance
    ]
    powers, reached = _powers(audit)
    return {
        "nodes": nodes + powers,
        "edges": [{"from": a, "to": b, "by": by} for (a, b), by in sorted((edges | reached).items()) if a in distance],
    }


def _id(name: str, flow: Flow) -> str:
    return name if flow is Flow.OUT else f"in {name}"


def _node(name: str, flow: Flow, entry: Json, roots: dict[str, str], distance: int) -> Json:
    return {
        "id": _id(name, flow),
        "name": name,
        "kind": "interface" if flow is Flow.OUT else "import",
        "facet": "facet" in entry,
        "roots": sorted(root for root, target in roots.items() if target == name and flow is Flow.OUT),
        "distance": distance,
        "operations": list(operations(entry)),
    }


def operations(entry: Json) -> Iterator[Json]:
    """Each as a person reads it; what writes is marked."""
    for verb in ("get", "set"):
        for name, type_ in sorted(entry.get(verb, {}).items()):
            yield {"name": name, "text": f"{verb} {name}: {type_}", "writes": verb == "set"}
    for name, value in sorted(entry.get("methods", {}).items()):
        for text in [value] if isinstance(value, str) else value:
            asynchronous = "async " if text.startswith("async ") else ""
            yield {"name": name, "text": f"{asynchronous}{name}{text.removeprefix('async ')}", "writes": False}


def _edges(sides: dict[Flow, Json]) -> Edges:
    found: Edges = collections.defaultdict(list)
    for flow, entries in sides.items():
        for name, entry in sorted(entries.items()):
            for step, target, direction in _steps(entry, flow):
                if target in sides[direction]:
                    by = found[_id(name, flow), _id(target, direction)]
                    by += [step] if step not in by else []
    return dict(found)


def _steps(entry: Json, flow: Flow) -> Iterator[tuple[str, str, Flow]]:
    """What each operation hands over: its name, the interface, and to which side."""
    for name, text in entry.get("get", {}).items():
        yield from ((name, *each) for each in _named(grammar.parse_type(text), flow))
    for name, text in entry.get("set", {}).items():
        yield from ((name, *each) for each in _named(grammar.parse_type(text), flow.flipped))
    for name, value in entry.get("methods", {}).items():
        for signature in grammar.parse_overloads(value):
            yield from ((f"{name}()", *each) for each in _named(signature.result, flow))
            for param in signature.params():
                yield from ((f"{name}()", *each) for each in _named(param.type, flow.flipped))


def _named(type_: spelling.Type, flow: Flow) -> Iterator[Key]:
    """The interfaces that get to the client (OUT), and those that it lends us (IN)."""
    if isinstance(type_, spelling.Interface):
        yield str(type_), flow
    elif isinstance(type_, spelling.Fn):
        yield from (found for argument in type_.args for found in _named(argument.type, flow.flipped))
        yield from _named(type_.result, flow)
    else:
        yield from (found for part in spelling.parts(type_) for found in _named(part, flow))


def _distances(start: set[str], edges: Edges) -> dict[str, int]:
    after: dict[str, list[str]] = collections.defaultdict(list)
    for source, target in edges:
        after[source].append(target)
    distance = dict.fromkeys(sorted(start), 0)
    queue = collections.deque(distance)
    while queue:
        node = queue.popleft()
        for target in after[node]:
            if target not in distance:
                distance[target] = distance[node] + 1
                queue.append(target)
    return distance


def _powers(audit: Audit) -> tuple[list[Json], Edges]:
    """A node for each power that is found, and who gets to it."""
    found: Edges = collections.defaultdict(list)
    for each in audit.findings:
        power = each.id.removeprefix("power-")
        if each.interface and (each.id == "unanalysable" or power != each.id):
            step = each.path.rpartition(".")[2] or each.member
            by = found[each.interface, f"power {power}"]
            by += [step] if step not in by else []
    names = sorted({target for _, target in found})
    return [{"id": name, "name": name.removeprefix("power "), "kind": "power"} for name in names], dict(found)
