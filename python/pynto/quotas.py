"""Quotas: what the core's table says, numbers as people write them, and the classes that connections are sorted into."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from pynto import _core

__all__ = [
    "BUILT_IN_CLASSES",
    "QUOTAS",
    "UNITS",
    "Quota",
    "QuotaClass",
    "as_core",
    "as_number",
    "checked",
    "from_text",
    "human",
    "in_order",
    "number_in",
    "number_of",
]

CLASS_NAME = re.compile(r"[A-Za-z0-9_.-]{1,31}")
CONNECTIONS_MOST = 1_000_000
UID_MOST = 2**32 - 2
_ROOTS_MOST = 64

# Those that there are without being written down, and who is in them.
BUILT_IN_CLASSES = {
    "anonymous": "who has proved nothing: plain TCP, a WebSocket, a socket that was handed over",
    "member": "who came in by a capability or a key that names no class",
    "local": "who came over a Unix socket, or has started this server and speaks to its stdin",
}


_RATE_NONE = 1e12


class Quota(NamedTuple):
    """A row of the table in src/quota/quota.c, which is the only list of what is limited."""

    name: str
    unit: str  # "count", "bytes", "bytes or none"; "seconds", "rate", "byte rate", which may be fractions
    what: str
    usual: float
    least: float
    most: float
    beyond: str


QUOTAS = {row[0]: Quota(*row) for row in _core.quota_table()}

UNITS: dict[str, dict[str, Fraction]] = {
    "count": {},
    "bytes": {
        "B": Fraction(1),
        "kB": Fraction(1000),
        "KiB": Fraction(1 << 10),
        "MB": Fraction(1000**2),
        "MiB": Fraction(1 << 20),
        "GB": Fraction(1000**3),
        "GiB": Fraction(1 << 30),
        "TB": Fraction(1000**4),
        "TiB": Fraction(1 << 40),
    },
    "seconds": {
        "ms": Fraction(1, 1000),
        "s": Fraction(1),
        "min": Fraction(60),
        "h": Fraction(3600),
        "d": Fraction(86400),
    },
}
UNITS["rate"] = {}
UNITS["byte rate"] = UNITS["bytes or none"] = UNITS["bytes"]
NONE = "none"  # of a rate, or of memory: as much as anybody likes
FRACTIONS = ("seconds", "rate", "byte rate")
_EXAMPLES = {
    "count": "1000",
    "bytes": '"16MiB"',
    "seconds": '"10s"',
    "rate": "2.5",
    "byte rate": '"1MiB"',
    "bytes or none": '"64MiB"',
}
_WITH_UNIT = re.compile(r"(0|[1-9][0-9]{0,17})([A-Za-z]+)")
_PLAIN = re.compile(r"[0-9]+(\.[0-9]+)?")


@dataclass(frozen=True)
class QuotaClass:
    """What the connections of one class may have: what differs from the quotas of all.

    connections: of all of the class together. connections_each: of one principal, which is a capability, a key or a user. users: the
    numbers of the local users who are in it when they come over a Unix socket. roots: names of those that they may have; who asks for none
    has the only one. None: no limit but the server's.
    """

    quotas: Mapping[str, float] = field(default_factory=dict)
    connections: int | None = None
    connections_each: int | None = None
    users: tuple[int, ...] = ()
    roots: tuple[str, ...] | None = None


def _kept_from(name: str, made: QuotaClass, roots: Sequence[str]) -> int:
    """The roots that it does not have, a bit each."""
    if made.roots is None:
        return 0
    for root in made.roots:
        if root not in roots:
            raise ValueError(f"class {name}: there is no root {root!r}")
    if len(roots) > _ROOTS_MOST:
        raise ValueError(f"class {name}: of more than {_ROOTS_MOST} roots none can be kept from it")
    return sum(1 << at for at, root in enumerate(roots) if root not in made.roots)


def as_core(
    classes: Mapping[str, QuotaClass], roots: Sequence[str]
) -> dict[str, tuple[Mapping[str, float], int, int, tuple[int, ...], int]]:
    """As the core takes them; roots: in the order in which it has them."""
    for each in classes.values():
        for connections in (each.connections, each.connections_each):
            if connections is not None and not 1 <= connections <= CONNECTIONS_MOST:
                raise ValueError(f"connections of a class: {connections} is not 1 to {CONNECTIONS_MOST:,}")
    return {
        name: (
            each.quotas,
            each.connections or 0,
            each.connections_each or 0,
            tuple(each.users),
            _kept_from(name, each, roots),
        )
        for name, each in classes.items()
    }


def human(value: float, unit: str) -> str:
    """The shortest exact spelling with a unit, or the plain number."""
    exact = Fraction(value)
    if "rate" in unit and value == _RATE_NONE:
        return NONE
    if "byte" in unit:
        names = ("TiB", "GiB", "MiB", "KiB")
        return next(
            (f"{exact / UNITS[unit][n]} {n}" for n in names if exact and exact % UNITS[unit][n] == 0), f"{value:,.0f}"
        )
    return f"{value:,.0f}" if exact.denominator == 1 else f"{value:g}"


def _quota(name: str) -> Quota:
    quota = QUOTAS.get(name)
    if quota is None:
        near = difflib.get_close_matches(name, QUOTAS, 1)
        raise ValueError(f"there is no such quota{f'; did you mean {near[0]}?' if near else ''}")
    return quota


def _with_unit(text: str, unit: str) -> Fraction:
    found = _WITH_UNIT.fullmatch(text)
    factor = UNITS[unit].get(found[2]) if found else None
    if found is None or factor is None:
        known = f" (units: {', '.join(UNITS[unit])})" if UNITS[unit] else ""
        noun = f"a whole number of {unit} with its unit" if UNITS[unit] else "a number"
        raise ValueError(f"{text!r}: {noun} is expected, as in {_EXAMPLES[unit]}{known}")
    return int(found[1]) * factor


def checked(value: float, quota: Quota) -> float:
    """The number, when it is one that the quota can be set to."""
    if not quota.least <= value <= quota.most:  # also when it is not a number
        least, most = human(quota.least, quota.unit), human(quota.most, quota.unit)
        raise ValueError(f"{value:g} is out of range: {least} to {most}")
    if quota.unit not in FRACTIONS and not value.is_integer():
        raise ValueError(f"{value:g} is not a whole number")
    return value


def as_number(name: str, value: object) -> float:
    """What stands in a file for a quota: a number, or a text with a unit. ValueError says what is wrong with it."""
    return number_of(_quota(name), value)


def number_of(quota: Quota, value: object) -> float:
    """The same for a limit that is told like a quota."""
    if value == NONE and "rate" in quota.unit:
        return quota.most
    if quota.unit == "bytes or none" and (value == NONE or (value == 0 and not isinstance(value, bool))):
        return 0.0
    if isinstance(value, str):
        return checked(float(_with_unit(value, quota.unit)), quota)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"a number is expected, or a text such as {_EXAMPLES[quota.unit]}")
    try:
        return checked(float(value), quota)
    except OverflowError:
        raise ValueError("that is out of range") from None


def _plain(text: str) -> float | str:
    return float(text) if _PLAIN.fullmatch(text) else text


def number_in(quota: Quota, text: str) -> float:
    """What stands on a command line for a limit that is told like a quota."""
    return number_of(quota, _plain(text))


def from_text(changes: Iterable[str]) -> dict[str, float]:
    """What stands on a command line: name=value each, the value a number or one with a unit."""
    quotas = {}
    for change in changes:
        name, equals, text = change.partition("=")
        try:
            if not equals:
                raise ValueError("NAME=VALUE is expected, as in message=16MiB")
            quotas[name] = as_number(name, _plain(text))
        except ValueError as error:
            raise ValueError(f"--quota {change}: {error}") from None
    return quotas


def in_order(quotas: Mapping[str, float]) -> dict[str, float]:
    """In the table's order: "message" brings the room that it needs, and what is set besides stands."""
    return {name: quotas[name] for name in QUOTAS if name in quotas}
