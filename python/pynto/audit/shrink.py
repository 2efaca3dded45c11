"""``pynto-policy learn`` and ``shrink``: what is used of what is granted, and the smallest policy that still allows it."""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pynto.policy import Policy

from . import grammar, layout, spelling
from .config import BadInput
from .engine import Node, Operation, Reach
from .listing import count, plain
from .trail import Trail

_SECTIONS = {"method": "methods", "get": "get", "set": "set"}
_Key = tuple[str, str, str]  # interface, kind, name


@dataclass
class Usage:
    """A policy beside what was asked of a server that enforced it."""

    reach: Reach
    trail: Trail

    def granted(self) -> set[_Key]:
        """The operations that a client can reach and call."""
        found = set()
        for index, node in enumerate(self.reach.nodes):
            entry = self.reach.policy.document["interfaces"].get(node.interface)
            if entry is not None and node.hand == "client" and self.reach.steps(index) is not None:
                found |= {
                    (node.interface, kind, name) for kind, key in _SECTIONS.items() for name in entry.get(key, {})
                }
        return found

    def unused(self) -> list[_Key]:
        """An attribute that was written is left readable: a client writes what it can read."""
        used = set(self.trail.used())
        used |= {(interface, "get", name) for interface, kind, name in used if kind == "set"}
        return sorted(self.granted() - used)

    # learn

    def text(self) -> str:
        return "".join(f"{plain(line)}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        granted, used = self.granted(), self.trail.used()
        now = {key: times for key, times in used.items() if key in granted}
        yield f"{count(len(granted), 'operation')} granted, {len(now)} used"
        yield from (
            f"  {times:6} {_label(key)}" for key, times in sorted(now.items(), key=lambda item: (-item[1], item[0]))
        )
        if unused := self.unused():
            yield "never used:"
            yield from (f"         {_label(key)}" for key in unused)
        refused: Counter[str] = Counter()
        for decision, times in self.trail.decisions.items():
            if decision.verdict in ("deny", "arguments"):
                refused[f"{decision}: {decision.why}"] += times
        if refused:
            yield "refused:"
            yield from (
                f"  {times:6} {text}" for text, times in sorted(refused.items(), key=lambda item: (-item[1], item[0]))
            )
        if gone := sorted(key for key in used if key not in granted):
            yield "used, and not granted by this policy: it is not the one that was enforced"
            yield from (f"  {used[key]:6} {_label(key)}" for key in gone)
        if self.trail.dropped:
            yield f"{self.trail.dropped} decisions were not written down: what is not seen here may have been used"

    # shrink

    def deny(self) -> list[str]:
        """What pynto.toml would say to get there: members of the classes that stay; containers have no line of their own."""
        stay = {node.interface for node in _reached(Policy(layout.dumps(self.smallest()).encode()))}
        names = {_class_member(key) for key in self.unused() if key[0] in stay}
        used = {_class_member(key) for key in self.trail.used()}
        return sorted(name for name in names - used if name)

    def smallest(self) -> dict[str, Any]:
        """The policy without what was never used, and without what nothing leads to then."""
        document = copy.deepcopy(self.reach.policy.document)
        for interface, kind, name in self.unused():
            entry = document["interfaces"][interface]
            for key in (_SECTIONS[kind], *(["cached"] if kind != "set" else [])):
                entry.get(key, {}).pop(name, None)
                if not entry.get(key, {"": ""}):
                    del entry[key]
        _drop_unreached(document)
        return document


def _label(key: _Key) -> str:
    interface, kind, name = key
    return str(Operation(Node(interface, "client"), kind, name))


def _class_member(key: _Key) -> str:
    class_ = key[0].partition("[")[0]
    return f"{class_}.{key[2]}" if ":" in class_ else ""


def _drop_unreached(document: dict[str, Any]) -> None:
    """Interfaces, records and enums that no operation names any more, and what is said about them."""
    try:
        policy = Policy(layout.dumps(document).encode())
    except ValueError as error:
        raise BadInput(f"the policy cannot be made smaller: {error}") from error
    reached = {(node.interface, node.hand) for node in _reached(policy)}
    interfaces = {name: entry for name, entry in document["interfaces"].items() if (name, "client") in reached}
    imports = {name: entry for name, entry in document.get("imports", {}).items() if (name, "server") in reached}
    named = _named(interfaces, imports, document)
    # A parameter may name what no operation gives any more: it stands, and takes nothing.
    interfaces |= {name: entry for name, entry in document["interfaces"].items() if name in named}
    document["interfaces"] = {
        name: interfaces[name] if (name, "client") in reached else _bare(interfaces[name])
        for name in sorted(interfaces)
    }
    accepts = document.get("accepts", {})
    kept = {
        name: [each for each in accepts[name] if each in interfaces]
        for name in accepts
        if name in interfaces or name in imports
    }
    _set(document, "accepts", {name: list_ for name, list_ in kept.items() if list_})
    _set(document, "imports", imports)
    for section in ("records", "enums"):
        _set(document, section, {name: value for name, value in document.get(section, {}).items() if name in named})
    _keep_declared(document)


def _reached(policy: Policy) -> list[Node]:
    reach = Reach(policy)
    return [node for index, node in enumerate(reach.nodes) if reach.steps(index) is not None]


def _bare(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key in ("class", "facet")}


def _set(document: dict[str, Any], key: str, value: dict[str, Any]) -> None:
    document.pop(key, None)
    if value:
        document[key] = value


def _named(interfaces: dict[str, Any], imports: dict[str, Any], document: dict[str, Any]) -> set[str]:
    """Every interface, record and enum that stands in a signature, or in a record that does."""
    named: set[str] = set()
    waiting = (
        list(_types(interfaces))
        + list(_types(imports))
        + [grammar.parse_type(text) for text in document["roots"].values()]
    )
    while waiting:
        for part in spelling.walk(waiting.pop()):
            name = str(part) if isinstance(part, spelling.Interface) else getattr(part, "name", "")
            if isinstance(part, spelling.Record) and name not in named:
                waiting += [grammar.parse_field(text)[0] for text in document["records"][name].values()]
            named.add(name)
    return named


def _types(entries: dict[str, Any]) -> Iterator[spelling.Type]:
    for entry in entries.values():
        for key in ("get", "set"):
            yield from (grammar.parse_type(text) for text in entry.get(key, {}).values())
        for value in entry.get("methods", {}).values():
            for signature in grammar.parse_overloads(value):
                yield signature.result
                yield from (param.type for param in signature.params())


def _keep_declared(document: dict[str, Any]) -> None:
    """The hints of what is still granted: drift of anything else is no matter any more."""
    members: dict[str, set[str]] = {}
    for section in ("interfaces", "imports"):
        for name, entry in document.get(section, {}).items():
            granted = members.setdefault(name.partition("[")[0], {""})
            granted |= {member for key in _SECTIONS.values() for member in entry.get(key, {})}
    data = {*document.get("records", {}), *document.get("enums", {})}
    declared = document.get("declared", {})
    wanted = _with_bases(declared, {*members, *data})
    every = set().union(*members.values()) if members else set()
    kept = {}
    for class_ in sorted(wanted & declared.keys()):
        named = members.get(class_, every)  # a base declares what a class of the policy inherits
        is_data = class_ in data or (class_ not in members and _with_bases(declared, data) >= {class_})
        kept[class_] = {member: hint for member, hint in declared[class_].items() if is_data or member in named}
    _set(document, "declared", kept)


def _with_bases(declared: dict[str, dict[str, str]], classes: set[str]) -> set[str]:
    """Some classes, and those that they say they derive from."""
    found, waiting = set(classes), list(classes)
    while waiting:
        words = set(re.findall(r"\w+", declared.get(waiting.pop(), {}).get("", "")))
        bases = {each for each in declared if each.rpartition(":")[2].rpartition(".")[2] in words} - found
        found |= bases
        waiting += bases
    return found
