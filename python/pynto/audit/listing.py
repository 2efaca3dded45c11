"""Findings as a person reads them: the gravest kind first, in it what is nearest to a root first."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from .findings import RANK, Finding
from .terminal import Paint

_PLAIN = Paint(sys.stdout)
_PLAIN.on = False


def findings_text(findings: Sequence[Finding], paint: Paint = _PLAIN) -> str:
    """Each with its place, its path and its calls; why a kind matters and what to do stand once, ahead of it."""
    groups: dict[tuple[int, str], list[Finding]] = {}
    for each in findings:
        groups.setdefault((RANK[each.severity] if not each.accepted else len(RANK), each.id), []).append(each)
    told: set[str] = set()
    lines: list[str] = []
    for (_, id), group in sorted(groups.items()):
        lines += _head(group[0], paint, id not in told)
        told.add(id)
        for each in sorted(group, key=_nearest):
            lines += _finding(each, paint)
        lines.append("")
    return "".join(f"{line}\n" for line in lines[:-1])


def _nearest(each: Finding) -> tuple[int, int, str, str, int, str]:
    return (each.path.count(" -> "), len(each.trace), each.path, each.file, each.line, each.message)


def _head(first: Finding, paint: Paint, is_new: bool) -> Iterator[str]:
    accepted = " (accepted)" if first.accepted else ""
    yield paint(first.id + accepted, "bold")
    if is_new and not accepted:
        yield paint(f"    why:  {first.kind.why}", "dim")
        yield paint(f"    do:   {first.kind.todo}", "dim")


def _finding(each: Finding, paint: Paint) -> Iterator[str]:
    place = f"{each.file}:{each.line}: " if each.line else f"{each.file}: " if each.file else ""
    style = "dim" if each.accepted else each.severity
    yield f"{plain(place)}{paint(each.severity, style)}: {plain(each.message)} {paint(f'[{each.id}]', 'dim')}"
    if each.path:
        yield f"    path: {plain(each.path)}"
    if len(each.trace) > 1:
        yield from (paint(f"    call: {plain(f'{step.file}:{step.line}: {step.text}')}", "dim") for step in each.trace)
    if each.accepted:
        yield f"    accepted: {plain(each.accepted)}"
    elif each.fingerprint:
        yield paint(f"    id:   {each.fingerprint}", "dim")


def plain(text: str) -> str:
    """One line of printable characters: names and paths come from outside."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
