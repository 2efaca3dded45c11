"""What fuzz_values.c serves: a class of every kind that a policy can name, a policy of types, and what is done to values in Python."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import importlib.util
import json
import struct
from collections.abc import Callable
from typing import Any, NamedTuple, TypedDict

__all__ = ["TWISTS", "policy", "reason", "same", "twist", "watched"]


class Root:
    """The root. A method for each type is added below."""

    def child(self) -> Child:
        return Child()


class Child:
    """What the server hands out."""

    def get(self) -> int:
        return 1


class Color(enum.Enum):
    GREEN = 1
    RED = 2


class Level(enum.IntEnum):
    HIGH = 2
    LOW = 1


class Point(NamedTuple):
    x: int
    y: float


@dataclasses.dataclass(frozen=True)
class Note:
    more: Note | None
    tags: frozenset[str]
    what: Any


@dataclasses.dataclass(frozen=True)
class Pair:
    left: tuple[int, ...]
    right: str


class Options(TypedDict, total=False):
    color: Color
    depth: int


# What the program finds by its second byte: append only, the seeds count on it.
TYPES = [
    "data",
    "none",
    "bool",
    "int",
    "float",
    "complex",
    "str",
    "bytes",
    "range",
    "slice",
    "datetime",
    "date",
    "time",
    "timedelta",
    "decimal",
    "uuid",
    "bytearray",
    "memoryview",
    "buffer",
    "'a'|'b\\xe9'",
    "-5|7|false",
    "()",
    "(int, str)",
    "(data*)",
    "frozenset[int|str]",
    "frozenset[(decimal, float)]",
    "copy list[data]",
    "copy list[copy list[copy list[int]]]",
    "copy set[complex|rec fuzz_values:Point]",
    "copy dict[str, data]",
    "copy dict[bool|int|str, copy dict[(int, int), none]]",
    "enum fuzz_values:Color",
    "enum fuzz_values:Level|int",
    "rec fuzz_values:Point",
    "rec fuzz_values:Note",
    "rec fuzz_values:Options",
    "frozenset[rec fuzz_values:Pair]",
    "(float, float)|rec fuzz_values:Point",
    "bytes|datetime|int|none|str",
    "fuzz_values:Child|none",
    "fuzz_values:Watcher",
    "(fuzz_values:Watcher*)",
    "copy dict[str, fuzz_values:Child]",
    "fn(int)->none",
    "copy list[memoryview]",
    "copy list[rec fuzz_values:Options]",
    "copy dict[enum fuzz_values:Color, (date, time, timedelta, uuid)]",
    "ndarray",
    "(ndarray_float64*)",
]

for _number in range(len(TYPES)):
    setattr(Root, f"m{_number:02}", lambda self, value: None)


def policy() -> bytes:
    """One method for each type. Without NumPy there are no arrays."""
    types = [each for each in TYPES if "ndarray" not in each or importlib.util.find_spec("numpy") is not None]
    getter = {"methods": {"get": "() -> int"}}
    return json.dumps(
        {
            "pynto-policy": 1,
            "python": "3.11",
            "platform": "linux",
            "roots": {"main": "fuzz_values:Root"},
            "interfaces": {
                "fuzz_values:Root": {
                    "class": "fuzz_values:Root",
                    "methods": {
                        **{f"m{number:02}": f"({each}, /) -> none" for number, each in enumerate(types)},
                        "child": "() -> fuzz_values:Child",
                    },
                },
                "fuzz_values:Child": {"class": "fuzz_values:Child", **getter},
            },
            "imports": {"fuzz_values:Watcher": {"facet": True, **getter}},
            "records": {
                "fuzz_values:Point": {"x": "int", "y": "float"},
                "fuzz_values:Note": {"more": "none|rec fuzz_values:Note", "tags": "frozenset[str]", "what": "data"},
                "fuzz_values:Pair": {"left": "(int*)", "right": "str"},
                "fuzz_values:Options": {"color": "enum fuzz_values:Color=?", "depth": "int=?"},
            },
            "enums": {"fuzz_values:Color": ["GREEN", "RED"], "fuzz_values:Level": ["HIGH", "LOW"]},
        },
        sort_keys=True,
    ).encode()


# ---- equal, as a caller sees it ----


def shown(value: Any) -> str:
    """The same text for the same value, and for no other: NaN is one, 1 and True, or 0.0 and -0.0, are two."""
    kind = type(value)
    if isinstance(value, enum.Enum):
        text = value.name
    elif dataclasses.is_dataclass(value):
        text = " ".join(sorted(f"{each.name}={shown(getattr(value, each.name))}" for each in dataclasses.fields(value)))
    elif isinstance(value, tuple | list):
        text = " ".join(map(shown, value))
    elif kind in (set, frozenset):
        text = " ".join(sorted(map(shown, value)))
    elif kind is dict:
        text = " ".join(sorted(f"{shown(key)}:{shown(each)}" for key, each in value.items()))
    elif kind is float:
        text = struct.pack(">d", value).hex() if value == value else "nan"
    elif kind is complex:
        text = shown(value.real) + shown(value.imag)
    elif kind is decimal.Decimal:
        text = repr(value.as_tuple())
    elif isinstance(value, datetime.datetime | datetime.time):
        text = f"{value.replace(tzinfo=None).isoformat()} {value.fold} {value.utcoffset()}"
    elif kind in (memoryview, bytearray):
        text = bytes(value).hex()
    elif kind.__name__ == "ndarray":
        text = f"{value.dtype.str} {value.shape} {value.tobytes().hex()}"
    else:
        text = repr(value)
    return f"{kind.__name__}({text})"


def same(one: Any, other: Any) -> bool:
    return shown(one) == shown(other)


# ---- what a program may hold in place of it ----


class Int(int):
    def __index__(self) -> int:
        return 7

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = int.__hash__


class Str(str):
    def __str__(self) -> str:
        return "another"


class Bytes(bytes):
    def __bytes__(self) -> bytes:
        return b"others"


class Float(float):
    def __float__(self) -> float:
        return 0.5


class Tuple(tuple[Any, ...]):
    def __iter__(self) -> Any:
        return iter((1, 2, 3))


class List(list[Any]):
    def __iter__(self) -> Any:
        return iter((1, 2, 3))


class Dict(dict[Any, Any]):
    def items(self) -> Any:
        return [(1, 2)]

    def keys(self) -> Any:
        return [1]


class Zone(datetime.tzinfo):
    def utcoffset(self, when: datetime.datetime | None) -> datetime.timedelta:
        return datetime.timedelta(seconds=1, microseconds=1)


class Masked:
    """It says that it is a str."""

    @property
    def __class__(self) -> Any:
        return str

    @__class__.setter
    def __class__(self, value: Any) -> None:
        raise AttributeError


def _itself() -> list[Any]:
    held: list[Any] = []
    held.append(held)
    return held


def _deep(value: Any) -> Any:
    for _ in range(100):
        value = (value,)
    return value


def _released() -> memoryview:
    view = memoryview(b"gone")
    view.release()
    return view


def _each(kind: type, other: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Puts another value in place of each of a kind, wherever it stands."""

    def turned(value: Any) -> Any:
        before = type(value)
        if before in (tuple, list, set, frozenset):
            value = before(map(turned, value))
        elif before is dict:
            value = {turned(key): turned(each) for key, each in value.items()}
        return other(value) if before is kind else value

    return turned


# By number, append only, as above.
TWISTS: list[Callable[[Any], Any]] = [
    lambda value: value,
    _each(int, Int),
    _each(str, Str),
    _each(bytes, Bytes),
    _each(bytes, bytearray),
    _each(float, Float),
    _each(tuple, Tuple),
    _each(list, List),
    _each(dict, Dict),
    _each(tuple, list),
    _each(set, frozenset),
    _each(frozenset, set),
    _each(int, lambda value: value << 600),
    _each(int, lambda value: -(1 << (value % 1000))),
    _each(str, lambda value: value + "\ud800"),
    _each(str, lambda value: value + "\xe9\u20ac\U0001f600" * 40),
    _each(datetime.datetime, lambda value: value.replace(tzinfo=Zone())),
    _each(datetime.datetime, lambda value: value.date()),
    _each(decimal.Decimal, lambda value: decimal.Decimal("1" * 300)),
    _each(decimal.Decimal, lambda value: decimal.Decimal("sNaN123")),
    _each(range, lambda value: range(0, 1 << 200, 1 << 100)),
    _each(slice, lambda value: slice([], "a", None)),
    _each(Point, tuple),
    _each(Note, lambda value: object.__new__(Note)),
    _each(Pair, lambda value: Pair([1], b"no")),  # type: ignore[arg-type]
    _each(Color, lambda value: value.value),
    _each(int, Level.__members__["LOW"].__class__),
    _each(bool, int),
    _each(str, lambda value: Masked()),
    _each(int, lambda value: (value, Root())),
    _each(int, lambda value: [value] * 5000),
    _each(int, lambda value: {each: each for each in range(200)}),
    _each(bytes, lambda value: memoryview(value * 2)[::2]),
    _each(bytearray, lambda value: memoryview(bytes(8)).cast("I")),
    _each(memoryview, lambda value: _released()),
    _each(int, lambda value: _itself()),
    _deep,
    lambda value: {"a": value, 1: value, None: value},
    lambda value: {(value,)} if value.__hash__ else [value],
    lambda value: type(value),
    lambda value: Child(),
]


def twist(value: Any, how: int) -> Any:
    """NotImplemented: this one cannot be made of it."""
    try:
        return TWISTS[how % len(TWISTS)](value)
    except (TypeError, ValueError, AttributeError, decimal.InvalidOperation):
        return NotImplemented


# ---- for the program ----

REASONS = (TypeError, ValueError, OverflowError, RecursionError)


def reason(error: BaseException) -> bool:
    """May a value be refused like this, when no peer has made it?"""
    from pynto.errors import Refused

    return isinstance(error, (*REASONS, Refused))


def watched() -> list[Any]:
    """What everybody shares, and whose count of references has to come back."""
    shared: list[Any] = [None, True, False, (), b"", "", 0, 1, -1, NotImplemented, Ellipsis, frozenset(), dict, list]
    return [*shared, Root, Child, Color, Color.RED, Level, Level.LOW, Point, Note, Pair, Options, decimal.Decimal]
