"""The grammar of types and signatures in a policy: one canonical spelling each.

This is the model, and how it is written: ``str()`` of a type or a signature is its canonical spelling. ``grammar`` reads it
back. docs/policy.md is normative.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

DEPTH_MAX = 32  # levels of nested types
PARAMETERS_MAX = 64
OVERLOADS_MAX = 16
IDENTIFIER_MAX = 255  # bytes

DTYPES = tuple(
    "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64 complex128".split()
)
NDARRAYS = frozenset({"ndarray", *(f"ndarray_{dtype}" for dtype in DTYPES)})
SCALARS = NDARRAYS.union(
    "none bool int float complex str bytes range slice datetime date time timedelta decimal uuid bytearray memoryview "
    "buffer data".split()
)
STANDARD = frozenset(
    "list dict set deque Sequence MutableSequence Mapping MutableMapping Set MutableSet Collection Iterable Iterator "
    "KeysView ValuesView ItemsView ContextManager AsyncIterable AsyncIterator Generator AsyncGenerator AsyncContextManager Awaitable".split()
)
DUNDERS = frozenset(
    "__aenter__ __aexit__ __aiter__ __anext__ __await__ __bool__ __call__ __contains__ __delitem__ __enter__ __exit__ "
    "__getitem__ __iter__ __len__ __next__ __reversed__ __setitem__ __add__ __and__ __floordiv__ __iadd__ __iand__ "
    "__ior__ __isub__ __ixor__ __matmul__ __mod__ __mul__ __neg__ __or__ __pos__ __pow__ __radd__ __rmul__ __rsub__ "
    "__sub__ __truediv__ __xor__ __abs__ __invert__ __eq__ __ne__ __lt__ __le__ __gt__ __ge__".split()
)
COPY_ARITY = {"list": 1, "set": 1, "dict": 2}

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DOTTED = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")


class SpellingError(ValueError):
    """The string is not in the grammar, or not in its canonical spelling."""


def is_identifier(text: str) -> bool:
    return _IDENTIFIER.fullmatch(text) is not None and len(text) <= IDENTIFIER_MAX


def is_member(name: str) -> bool:
    """Whether a policy may name this member."""
    return is_identifier(name) and (not name.startswith("_") or name in DUNDERS)


def is_class(text: str) -> bool:
    """``dotted:dotted``, as in ``chat:Outer.Inner``."""
    module, colon, name = text.partition(":")
    return bool(colon) and all(
        _DOTTED.fullmatch(part) and all(map(is_identifier, part.split("."))) for part in (module, name)
    )


# Types


@dataclass(frozen=True)
class Scalar:
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Literal:
    value: str | int | bool

    def __str__(self) -> str:
        if isinstance(self.value, bool):
            return "true" if self.value else "false"
        if isinstance(self.value, int):
            return str(self.value)
        return "'" + "".join(map(_escaped, self.value)) + "'"


@dataclass(frozen=True)
class Tuple:
    items: tuple[Type, ...]

    def __str__(self) -> str:
        return f"({self.items[0]},)" if len(self.items) == 1 else f"({', '.join(map(str, self.items))})"


@dataclass(frozen=True)
class Many:
    """A tuple of any length."""

    item: Type

    def __str__(self) -> str:
        return f"({self.item}*)"


@dataclass(frozen=True)
class FrozenSet:
    item: Type

    def __str__(self) -> str:
        return f"frozenset[{self.item}]"


@dataclass(frozen=True)
class Copy:
    kind: str
    args: tuple[Type, ...]

    def __str__(self) -> str:
        return f"copy {self.kind}[{', '.join(map(str, self.args))}]"


@dataclass(frozen=True)
class Enum:
    name: str

    def __str__(self) -> str:
        return f"enum {self.name}"


@dataclass(frozen=True)
class Record:
    name: str

    def __str__(self) -> str:
        return f"rec {self.name}"


@dataclass(frozen=True)
class Argument:
    """One argument of an ``fn``."""

    type: Type
    optional: bool = False

    def __str__(self) -> str:
        return f"{self.type}=?" if self.optional else str(self.type)


@dataclass(frozen=True)
class Fn:
    args: tuple[Argument, ...]
    result: Type
    asynchronous: bool = False

    def __str__(self) -> str:
        result = f"{{{self.result}}}" if isinstance(self.result, Union) else str(self.result)
        return f"{'async ' if self.asynchronous else ''}fn({', '.join(map(str, self.args))})->{result}"


@dataclass(frozen=True)
class Interface:
    """A class (``chat:Room``) or a standard container (``list``), with its type arguments."""

    name: str
    args: tuple[Type, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}[{', '.join(map(str, self.args))}]" if self.args else self.name


@dataclass(frozen=True)
class Union:
    """At least two alternatives, as ``union`` puts them."""

    items: tuple[Type, ...]

    def __str__(self) -> str:
        return "|".join(map(str, self.items))


Type = Scalar | Literal | Tuple | Many | FrozenSet | Copy | Enum | Record | Fn | Interface | Union

NONE = Scalar("none")
DATA = Scalar("data")


def union(types: Iterable[Type]) -> Type:
    """The union of some types: flat, sorted by spelling, each alternative once."""
    flat = {str(item): item for type_ in types for item in alternatives(type_)}
    items = tuple(flat[text] for text in sorted(flat))
    return items[0] if len(items) == 1 else Union(items)


def alternatives(type_: Type) -> tuple[Type, ...]:
    return type_.items if isinstance(type_, Union) else (type_,)


def parts(type_: Type) -> tuple[Type, ...]:
    """The types that stand directly inside one."""
    match type_:
        case Union(items) | Tuple(items) | Copy(_, items) | Interface(_, items):
            return items
        case Many(item) | FrozenSet(item):
            return (item,)
        case Fn(args, result):
            return (*(arg.type for arg in args), result)
        case _:
            return ()


def walk(type_: Type) -> Iterator[Type]:
    """The type and everything inside it."""
    yield type_
    for part in parts(type_):
        yield from walk(part)


def depth(type_: Type) -> int:
    """How deep types nest: 1 for ``int``, 2 for ``list[int]``. A union is as deep as its deepest alternative."""
    inner = max(map(depth, parts(type_)), default=0)
    return inner if isinstance(type_, Union) else inner + 1


def is_data(type_: Type) -> bool:
    """Whether every value of the type travels by value."""
    return not any(isinstance(part, Interface | Fn) for part in walk(type_))


def is_plain(type_: Type) -> bool:
    """Whether it can be read without a policy: data without records and enum members."""
    return not any(
        isinstance(part, Interface | Fn | Record | Enum)
        or part == DATA
        or (isinstance(part, Scalar) and part.name in NDARRAYS)
        for part in walk(type_)
    )


# Signatures


@dataclass(frozen=True)
class Param:
    """A parameter; one without a name is positional-only."""

    name: str | None
    type: Type
    optional: bool = False

    def __str__(self) -> str:
        named = "" if self.name is None else f"{self.name}: "
        return f"{named}{self.type}{'=?' if self.optional else ''}"


@dataclass(frozen=True)
class Signature:
    positional: tuple[Param, ...] = ()  # ahead of "/"
    named: tuple[Param, ...] = ()  # by position or by name
    rest: Param | None = None  # *rest
    keywords: tuple[Param, ...] = ()  # by name only
    options: Param | None = None  # **options
    result: Type = NONE
    asynchronous: bool = False

    def __str__(self) -> str:
        params = [str(param) for param in self.positional]
        if self.positional:
            params.append("/")
        params += [str(param) for param in self.named]
        if self.rest:
            params.append(f"*{self.rest}")
        elif self.keywords:
            params.append("*")
        params += [str(param) for param in sorted(self.keywords, key=lambda param: param.name or "")]
        if self.options:
            params.append(f"**{self.options}")
        return f"{'async ' if self.asynchronous else ''}({', '.join(params)}) -> {self.result}"

    def params(self) -> Iterator[Param]:
        yield from self.positional
        yield from self.named
        if self.rest:
            yield self.rest
        yield from self.keywords
        if self.options:
            yield self.options

    def check(self) -> None:
        """Refuse what the grammar alone lets through."""
        names = [param.name for param in self.params() if param.name is not None]
        if len(set(names)) != len(names):
            raise SpellingError("two parameters have the same name")
        if sum(1 for _ in self.params()) > PARAMETERS_MAX:
            raise SpellingError(f"more than {PARAMETERS_MAX} parameters")
        ordered = [param.optional for param in (*self.positional, *self.named)]
        if ordered != sorted(ordered):
            raise SpellingError("a required parameter follows an optional one")


def _escaped(char: str) -> str:
    code = ord(char)
    if char in "\\'":
        return "\\" + char
    if 0x20 <= code < 0x7F:
        return char
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
