"""The rules of pynto.toml that say what must never be reachable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from .build import World
from .config import POWERS
from .findings import KINDS, Finding, finding
from .flow import Flow
from .members import class_name
from .walk import Node, Walk


def broken(walk: Walk, world: World, found: Iterable[Finding]) -> Iterator[Finding]:
    """One finding for each operation that meets a rule; ``found`` has what following the calls gave."""
    powers = {rule for rule in walk.config.never if rule in POWERS}
    for each in found:
        power = each.id.removeprefix("power-")
        if power in powers and (each.id == "unanalysable" or each.id.startswith("power-")):
            yield replace(
                each,
                id="never",
                severity=KINDS["never"].severity,
                message=f"policy.never names {power}: {each.message}",
            )
    for rule in walk.config.never:
        if rule not in POWERS:
            yield from _member(walk, world, rule)


def _member(walk: Walk, world: World, rule: str) -> Iterator[Finding]:
    owner, _, member = rule.rpartition(".")
    if not _exists(world, owner, member):
        yield finding("unused-config", f"policy.never: there is no {rule}")
        return
    for node in walk.side(Flow.OUT).values():
        if owner in {class_name(base) for base in node.instance.type.mro}:
            for step in _steps(node, member):
                file, line = walk.places.of(node.instance.type, member)
                message = f"policy.never names {rule}: {node.path(step)} is offered"
                yield finding(
                    "never",
                    message,
                    path=node.path(step),
                    owner=owner,
                    member=member,
                    file=file,
                    line=line,
                    interface=node.name,
                )


def _steps(node: Node, member: str) -> Iterator[str]:
    if member in node.methods:
        yield f"{member}()"
    if member in node.get or member in node.set:
        yield member


def _exists(world: World, owner: str, member: str) -> bool:
    """Whether the rule says anything: one about a module that nothing imports is kept, which is never reachable."""
    module, _, qualname = owner.partition(":")
    if module not in world.modules:
        return True
    try:
        return world.typeinfo(module, qualname).get(member) is not None
    except LookupError:
        return False
