"""A program that nobody wrote: classes, Protocols and generics with hints drawn at random, the same ones each time."""

from __future__ import annotations

import random
from collections.abc import Iterator

_CLASSES, _GENERICS, _PROTOCOLS, _RECORDS, _ENUMS = 110, 6, 12, 12, 5
_HEAD = """
from __future__ import annotations
import datetime, decimal, enum, uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Iterable, Iterator, KeysView, Mapping, MutableMapping, Sequence, Set
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Generic, Literal, NamedTuple, NotRequired, ParamSpec, Protocol, Self, TypedDict, TypeVar, overload
T = TypeVar("T")
S = TypeVar("S")
K = TypeVar("K")
P = ParamSpec("P")
def kept(function: Callable[P, T]) -> Callable[P, T]: raise NotImplementedError
def shortened(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Awaitable[T]]: raise NotImplementedError
"""
_DATA = (
    "int str bool float bytes None complex datetime.date datetime.datetime datetime.timedelta decimal.Decimal uuid.UUID range"
).split()


class Inventor:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def one(self, *items: str) -> str:
        return self.random.choice(items)

    def data(self, depth: int = 2) -> str:
        """A hint of what travels by value."""
        if depth == 0 or self.random.random() < 0.45:
            return self.one(*_DATA, "Literal['a', 'b']", "Literal[1, 2]", f"E{self.random.randrange(_ENUMS)}")
        inner = self.data(depth - 1)
        return self.one(
            f"{inner} | None", f"tuple[{inner}, ...]", f"tuple[{inner}, {self.data(depth - 1)}]", f"{inner} | str",
            f"R{self.random.randrange(_RECORDS)}", f"frozenset[{self.one('int', 'str', 'bytes')}]",
        )  # fmt: skip

    def reference(self, depth: int = 2) -> str:
        """A hint of what goes by reference."""
        plain = f"C{self.random.randrange(_CLASSES)}"
        if depth == 0 or self.random.random() < 0.3:
            return self.one(plain, plain, f"Q{self.random.randrange(_PROTOCOLS)}")
        inner = self.any(depth - 1)
        key = self.one("str", "int", "uuid.UUID")
        return self.one(
            f"list[{inner}]", f"dict[{key}, {inner}]", f"Sequence[{inner}]", f"Mapping[{key}, {inner}]", f"{plain} | None",
            f"Iterator[{inner}]", f"Iterable[{inner}]", f"Collection[{inner}]", f"AbstractContextManager[{inner}]",
            f"MutableMapping[{key}, {inner}]", f"Set[{self.one('str', 'int')}]", f"G{self.random.randrange(_GENERICS)}[{inner}]",
            f"set[{self.one('str', 'int')}]", f"AsyncIterator[{inner}]",
        )  # fmt: skip

    def any(self, depth: int = 2) -> str:
        return self.data(depth) if self.random.random() < 0.5 else self.reference(depth)

    def taken(self) -> str:
        kind = self.random.random()
        if kind < 0.55:
            return self.data()
        if kind < 0.7:
            return f"Callable[[{self.data(1)}], {self.data(1)}]"
        return self.one(f"C{self.random.randrange(_CLASSES)}", f"Q{self.random.randrange(_PROTOCOLS)}", "Any", "object")

    def parameters(self) -> str:
        found, optional = [], False
        for index in range(self.random.randrange(4)):
            optional = optional or self.random.random() < 0.3
            found.append(f"a{index}: {self.taken()}" + (" = ..." if optional else ""))
        if found and self.random.random() < 0.2:
            found.insert(1, "/")
        if self.random.random() < 0.2:
            found.append(self.one("*", f"*rest: {self.data(1)}"))
            found.append(f"k: {self.data(1)} = ...")
        if self.random.random() < 0.1:
            found.append(f"**more: {self.data(0)}")
        return "".join(f", {each}" for each in found)

    def method(self, name: str, result: str | None = None) -> Iterator[str]:
        result = result or self.one(self.any(), self.any(), self.any(), "Self", "None")
        kind = self.random.random()
        if kind < 0.1:
            yield "    @property"
            yield f"    def {name}(self) -> {result}: ..."
        elif kind < 0.2:
            yield "    @kept"
            yield f"    def {name}(self{self.parameters()}) -> {result}: ..."
        elif kind < 0.28:
            for mode in ("'r'", "'w'"):
                yield "    @overload"
                yield f"    def {name}(self, mode: Literal[{mode}]) -> {self.any()}: ..."
            yield f"    def {name}(self, mode: str) -> Any: ..."
        elif kind < 0.36:
            yield f"    async def {name}(self{self.parameters()}) -> {result}: ..."
        elif kind < 0.44 and result != "Self":
            yield f"    {name}: {result}"
        else:
            yield f"    def {name}(self{self.parameters()}) -> {result}: ..."

    def lines(self) -> Iterator[str]:
        yield _HEAD
        for n in range(_ENUMS):
            yield f"class E{n}(enum.Enum):\n    ONE = 1\n    TWO = 2"
        for n in range(_RECORDS):
            yield from self._record(n)
        for n in range(_PROTOCOLS):
            yield f"class Q{n}(Protocol):"
            for m in range(1 + n % 2):
                yield f"    def q{(n + m) % 4}(self, x: {self.one('int', 'str')}) -> {self.one('int', 'str | None', 'bool')}: ..."
        for n in range(_GENERICS):
            yield f"class G{n}(Generic[T]):"
            yield f"    value: {self.one('T', 'T | None', 'tuple[T, ...]')}"
            yield f"    def get(self, n: int = ...) -> {self.one('T', 'list[T]', 'Sequence[T]', 'dict[str, T]')}: ..."
            yield "    def put(self, value: T) -> Self: ..."
            yield "    def map(self, how: Callable[[T], S]) -> G0[S]: ..."  # withheld: S is free
        for n in range(_CLASSES):
            yield f"class C{n}({f'C{self.random.randrange(n)}' if n and n % 5 == 0 else self.one('', f'G{n % _GENERICS}[{self.data(1)}]')}):"
            for m in range(3):
                yield from self.method(f"m{n}_{m}")
            if n % 3 == 0:
                yield f"    def q{n % 4}(self, x: {self.one('int', 'str', 'object')}) -> {self.one('int', 'bool')}: ..."
        yield "class Root:"
        yield from (f"    def c{n}(self) -> C{n}: ..." for n in range(_CLASSES))

    def _record(self, n: int) -> Iterator[str]:
        base = self.random.choice(("NamedTuple", "TypedDict", "frozen"))
        yield f"@dataclass(frozen=True)\nclass R{n}:" if base == "frozen" else f"class R{n}({base}):"
        yield from (f"    f{m}: {self.data(1)}" for m in range(2))
        if base == "TypedDict":
            yield "    maybe: NotRequired[int]"


def program(seed: int = 7) -> str:
    return "\n".join(Inventor(seed).lines()) + "\n"
