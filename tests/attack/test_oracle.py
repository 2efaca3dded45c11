"""What the server admits is what a second reading of docs/policy.md admits, which shares no line with the engine."""

from __future__ import annotations

import itertools
import json
import os
import random
import socket
import sys
import types
from collections.abc import Callable
from typing import Any

import pynto
import pytest
from attacker import DENIAL, Attacker
from rawpeer import RETURN, Tag

POLICIES = int(os.environ.get("PYNTO_EXAMPLES", "60"))
CALLS = 100  # of each policy
NAMES = "alpha beta gamma delta".split()
_missing = object()


class Kind:
    """A type: how it is spelled, whether it takes a value, and some that it takes and that it nearly takes."""

    def __init__(self, text: str, takes: Callable[[Any], bool], *samples: Any) -> None:
        self.text, self.takes, self.samples = text, takes, samples
        self.alternatives: list[Kind] = []  # of a union


def is_int(value: Any) -> bool:
    return type(value) is int


PLAIN = [
    Kind("none", lambda v: v is None, None),
    Kind("bool", lambda v: type(v) is bool, True, False),
    Kind("int", is_int, 0, -1, 2**63, -(2**63), 2**70),
    Kind("float", lambda v: type(v) is float or is_int(v), 1.5, -0.0, 3, float("inf")),
    Kind("complex", lambda v: type(v) is complex, 1j),
    Kind("str", lambda v: type(v) is str, "", "a", "\u00e9"),
    Kind("bytes", lambda v: type(v) is bytes, b"", b"a"),
    Kind("'a'", lambda v: type(v) is str and v == "a", "a"),
    Kind("1", lambda v: is_int(v) and v == 1, 1),
    Kind("true", lambda v: v is True, True),
    Kind("()", lambda v: v == [], []),
]
STRANGE = [
    None,
    True,
    False,
    0,
    1,
    2,
    1.0,
    1.5,
    "",
    "a",
    "b",
    b"a",
    b"",
    1j,
    2**70,
    [],
    ["a"],
    [1, 1],
    [None],
    [Tag(1)],
]
STRANGE += [
    [Tag(1), 1, 1],
    [Tag(2), "a"],
    [Tag(3), 1],
    [Tag(4), 0, 5, 1],
    [Tag(5), None, 1, None],
    {},
    {"a": 1},
    {1: "a"},
]


def is_tagged(value: Any, tag: int) -> bool:
    return isinstance(value, list) and len(value) > 0 and value[0] == Tag(tag)


def is_tuple(value: Any) -> bool:
    return isinstance(value, list) and not (value and isinstance(value[0], Tag))


def is_set_of(value: Any, tag: int, inner: Kind) -> bool:
    return is_tagged(value, tag) and all(map(inner.takes, value[1:]))


class Oracle:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def sample(self, kind: Kind) -> Any:
        return self.random.choice(kind.samples)

    def kind(self, depth: int = 2) -> Kind:
        roll = self.random.random()
        if depth == 0 or roll < 0.45:
            return self.random.choice(PLAIN)
        if roll < 0.6:
            return self.union(depth)
        if roll < 0.7:
            items = [self.kind(depth - 1) for _ in range(self.random.randrange(1, 4))]
            text = f"({items[0].text},)" if len(items) == 1 else f"({', '.join(each.text for each in items)})"
            return Kind(text, lambda v: self._is_row(v, items), [self.sample(each) for each in items])
        inner = self.kind(depth - 1)
        if roll < 0.8:
            return Kind(
                f"({inner.text}*)", lambda v: is_tuple(v) and all(map(inner.takes, v)), [], [self.sample(inner)] * 3
            )
        if roll < 0.9:
            return Kind(
                f"copy list[{inner.text}]", lambda v: is_set_of(v, 2, inner), [Tag(2)], [Tag(2), self.sample(inner)]
            )
        key = self.random.choice([each for each in PLAIN if each.text in ("str", "int")])
        return Kind(
            f"copy dict[{key.text}, {inner.text}]",
            lambda v: isinstance(v, dict) and all(map(key.takes, v)) and all(map(inner.takes, v.values())),
            {}, {0 if key.text == "int" else "k": self.sample(inner)},
        )  # fmt: skip

    @staticmethod
    def _is_row(value: Any, items: list[Kind]) -> bool:
        return (
            is_tuple(value) and len(value) == len(items) and all(k.takes(v) for k, v in zip(items, value, strict=True))
        )

    def union(self, depth: int) -> Kind:
        parts = {each.text: each for each in (self.kind(0) for _ in range(self.random.randrange(2, 4)))}
        if depth > 1:
            wide = self.kind(depth - 1)
            parts |= {each.text: each for each in wide.alternatives or [wide]}
        kinds = [parts[text] for text in sorted(parts)]
        text = "|".join(each.text for each in kinds)
        if len(kinds) == 1:
            return kinds[0]
        made = Kind(text, lambda v: any(each.takes(v) for each in kinds), *(self.sample(each) for each in kinds))
        made.alternatives = kinds
        return made

    def signature(self) -> Signature:
        return Signature(self)


class Signature:
    """Parameters as docs/policy.md has them; ``takes`` is Python's binding, by hand."""

    def __init__(self, oracle: Oracle) -> None:
        draw = oracle.random
        names = iter(draw.sample(NAMES, 4))
        optional, self.placed, self.keywords = False, [], {}
        self.positional = draw.randrange(3)
        for place in range(self.positional + draw.randrange(2)):
            optional = optional or draw.random() < 0.3
            name = None if place < self.positional else next(names)
            self.placed.append((name, oracle.kind(), optional))
        self.rest = (next(names), oracle.kind(1)) if draw.random() < 0.25 else None
        if draw.random() < 0.4:
            self.keywords[next(names)] = (oracle.kind(1), draw.random() < 0.5)
        self.options = ("others", oracle.kind(1)) if draw.random() < 0.2 else None

    def text(self) -> str:
        parts = []
        for place, (name, kind, optional) in enumerate(self.placed):
            parts.append(f"{name + ': ' if name else ''}{kind.text}{'=?' if optional else ''}")
            if place + 1 == self.positional:
                parts.append("/")
        if self.rest:
            parts.append(f"*{self.rest[0]}: {self.rest[1].text}")
        elif self.keywords:
            parts.append("*")
        parts += [f"{name}: {kind.text}{'=?' if may else ''}" for name, (kind, may) in sorted(self.keywords.items())]
        if self.options:
            parts.append(f"**{self.options[0]}: {self.options[1].text}")
        return f"({', '.join(parts)}) -> none"

    def takes(self, args: list[Any], kwargs: dict[str, Any]) -> bool:
        left = dict(kwargs)
        for place, (name, kind, optional) in enumerate(self.placed):
            if place < len(args):
                if name in left and name is not None:
                    return False
                value = args[place]
            else:
                value = left.pop(name, _missing) if name is not None else _missing
            if value is _missing and not optional:
                return False
            if value is not _missing and not kind.takes(value):
                return False
        extra = args[len(self.placed) :]
        if extra and not (self.rest and all(map(self.rest[1].takes, extra))):
            return False
        for name, (kind, may) in self.keywords.items():
            value = left.pop(name, _missing)
            if (value is _missing and not may) or (value is not _missing and not kind.takes(value)):
                return False
        if not all(name.isascii() and name.isidentifier() for name in left):
            return False
        return not left or bool(self.options and all(map(self.options[1].takes, left.values())))

    def call(self, oracle: Oracle) -> tuple[list[Any], dict[str, Any]]:
        """Mostly one that fits, spoilt now and then in one place."""
        draw = oracle.random
        args, kwargs = [], {}
        for name, kind, optional in self.placed:
            if optional and draw.random() < 0.4:
                break
            value = oracle.sample(kind)
            if name is not None and (kwargs or draw.random() < 0.3):
                kwargs[name] = value
            else:
                args.append(value)
        if self.rest and not kwargs and draw.random() < 0.5 and len(args) == len(self.placed):
            args += [oracle.sample(self.rest[1])] * 2
        kwargs |= {
            name: oracle.sample(kind) for name, (kind, may) in self.keywords.items() if not may or draw.random() < 0.6
        }
        if self.options and draw.random() < 0.5:
            kwargs["more"] = oracle.sample(self.options[1])
        spoil = draw.random()
        if spoil < 0.15:
            args.append(draw.choice(STRANGE))
        elif spoil < 0.3:
            kwargs[draw.choice([*NAMES, "self", "others", "_1", "", "a b", "\u00e9"])] = draw.choice(STRANGE)
        elif spoil < 0.5 and args:
            args[draw.randrange(len(args))] = draw.choice(STRANGE)
        elif spoil < 0.6 and args:
            args.pop()
        elif spoil < 0.7 and kwargs:
            kwargs[draw.choice(sorted(kwargs))] = draw.choice(STRANGE)
        return args, kwargs


_number = itertools.count()


def served(methods: dict[str, str]) -> tuple[pynto.Server, Attacker]:
    """A class made for these methods, which run and say so, and one more that the policy does not name."""
    name = f"oracle_{next(_number)}"
    made = type("Root", (), {each: lambda *args, **kwargs: None for each in (*methods, "hidden")})
    made.__module__ = name
    module = types.ModuleType(name)
    module.Root = made  # type: ignore[attr-defined]
    sys.modules[name] = module
    document = {
        "interfaces": {f"{name}:Root": {"class": f"{name}:Root", "methods": methods}},
        "platform": sys.platform,
        "pynto-policy": 1,
        "python": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "roots": {"root": f"{name}:Root"},
    }
    server = pynto.Server(made(), policy=pynto.Policy(json.dumps(document, sort_keys=True).encode())).start()
    ours, theirs = socket.socketpair()
    server.adopt(theirs)
    peer = Attacker(ours)
    peer.hello()
    return server, peer


@pytest.mark.timeout(3600)
def test_the_server_and_the_oracle_agree_on_every_call() -> None:
    """C31: random signatures, random calls; a name that is not granted, and arguments that do not fit."""
    counts = {True: 0, False: 0}
    for seed in range(POLICIES):
        oracle = Oracle(seed)
        signatures = {f"m{number}": oracle.signature() for number in range(4)}
        server, peer = served({name: each.text() for name, each in signatures.items()})
        try:
            for _ in range(CALLS):
                name = oracle.random.choice(sorted(signatures))
                args, kwargs = signatures[name].call(oracle)
                wanted = signatures[name].takes(args, kwargs)
                answer = peer.call(0, name, args, kwargs)
                assert (answer == [RETURN, None]) is wanted, (signatures[name].text(), args, kwargs, answer)
                assert wanted or answer[1][0] in ("TypeError", "ValueError"), answer
                counts[wanted] += 1
                unknown = oracle.random.choice(["hidden", "m9", "m0\0", "M0", "m0 ", "__init__"])
                peer.call(0, unknown, args, kwargs)
                assert peer.raw == DENIAL, unknown
        finally:
            peer.close()
            server.close()
    assert min(counts.values()) > POLICIES * CALLS // 5, counts
