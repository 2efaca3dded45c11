"""Which answers a client may keep, as a policy spells it: ``"2.5s by name"``."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from . import spelling
from .spelling import SpellingError

TTL_MS_MAX = 24 * 60 * 60 * 1000

_SPELLED = re.compile(r"(0|[1-9][0-9]{0,4})(?:\.([0-9]{0,2}[1-9]))?s(?: by (.+))?", re.DOTALL)


@dataclass(frozen=True)
class Cached:
    """How long an answer is good, and by which parameters answers differ; without any: by all."""

    ttl_ms: int
    vary: tuple[str, ...] = ()

    def __str__(self) -> str:
        whole, rest = divmod(self.ttl_ms, 1000)
        fraction = f".{rest:03}".rstrip("0") if rest else ""
        by = f" by {', '.join(self.vary)}" if self.vary else ""
        return f"{whole}{fraction}s{by}"


def parse(text: object) -> Cached:
    found = _SPELLED.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise SpellingError(f"not of the form '2.5s by name, size': {text!a}")
    ttl_ms = int(found[1]) * 1000 + int((found[2] or "").ljust(3, "0"))
    cached = Cached(ttl_ms, tuple(found[3].split(", ")) if found[3] is not None else ())
    if not 0 < ttl_ms <= TTL_MS_MAX or not all(map(spelling.is_identifier, cached.vary)):
        raise SpellingError(f"not of the form '2.5s by name, size': {text!a}")
    if list(cached.vary) != sorted(set(cached.vary)):
        raise SpellingError(f"names are sorted, and none stands twice: {text!a}")
    return cached


def check(cached: Cached, type_: spelling.Type) -> None:
    """Refuse what cannot be kept of an attribute."""
    if cached.vary:
        raise SpellingError("an attribute has no parameters")
    _check_result(type_)


def check_method(
    cached: Cached, signatures: list[spelling.Signature], is_lent: Callable[[spelling.Type], bool]
) -> None:
    """Refuse what cannot be kept of a method. is_lent: whether a client can pass an object of its own there."""
    if len(signatures) != 1:
        raise SpellingError("what is cached has no overloads")
    params = list(signatures[0].params())
    for name in cached.vary:
        if name not in {param.name for param in params}:
            raise SpellingError(f"vary names {name}, which is no parameter that a client can name")
    if any(isinstance(part, spelling.Fn) or is_lent(part) for param in params for part in spelling.walk(param.type)):
        raise SpellingError("what is cached takes no object of the client's")
    _check_result(signatures[0].result)


def _check_result(result: spelling.Type) -> None:
    if not spelling.is_data(result):
        raise SpellingError("what is cached is data, not a reference")
