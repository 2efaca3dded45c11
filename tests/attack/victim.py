"""What the attacks are aimed at: every shape that a policy can grant, beside everything that it must not.

TRIPS notes that something ran which no client may reach; FINISHED what was cleaned up. Both are read through Root.
"""

from __future__ import annotations

import ast
import asyncio
import builtins
import copy
import datetime as dt
import enum
import functools
import gc
import io
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, NewType, Protocol, TypeAlias, TypedDict, cast

from pynto import Copy

SECRET = "s3cr3t-canary-7f21"
TRIPS: list[str] = []
FINISHED: list[str] = []

Scalar: TypeAlias = (
    bool
    | int
    | float
    | complex
    | str
    | bytes
    | range
    | dt.datetime
    | dt.date
    | dt.timedelta
    | Decimal
    | uuid.UUID
    | None
)
Item: TypeAlias = Scalar | tuple[Scalar, ...] | Copy[list[Scalar]] | Copy[dict[int | str, Scalar]]
Plain: TypeAlias = (
    Scalar | tuple[Item, ...] | frozenset[Scalar] | Copy[list[Item]] | Copy[set[Scalar]] | Copy[dict[int | str, Item]]
)
Cents = NewType("Cents", int)


def trip(what: str) -> None:
    TRIPS.append(what)


# ---- values ----


class Colour(enum.Enum):
    RED = 1
    GREEN = 2

    @property
    def tripping(self) -> str:
        trip("Colour.tripping")
        return ""


@dataclass(frozen=True)
class Receipt:
    id: int
    note: str

    def __post_init__(self) -> None:
        if not isinstance(self.id, int):
            trip("Receipt.__post_init__")


class Point(NamedTuple):
    x: int
    y: int


class Options(TypedDict, total=False):
    depth: int
    name: str


# ---- accounts ----


class ReadOnly(Protocol):
    """The narrow side of an account."""

    def balance(self) -> int: ...


class Acct:
    LIMIT: ClassVar[int] = 1000
    owner: str

    class Inner:
        def __init__(self) -> None:
            trip("Acct.Inner.__init__")

    def __init__(self, owner: str) -> None:
        if hasattr(self, "owner"):
            trip("Acct.__init__ again")
        self.owner = owner
        self.token = SECRET
        self._bal = 0
        ALIVE.add(self)

    def balance(self) -> int:
        return self._bal

    def deposit(self, amount: int) -> int:
        self._bal += amount
        return self._bal

    def same(self) -> ReadOnly:
        return self

    def _audit(self) -> int:
        trip("Acct._audit")
        return 1

    def __wipe(self) -> None:
        trip("Acct.__wipe")

    def wide(self) -> None:  # denied in pynto.toml
        trip("Acct.wide")

    def undeclared(self):  # type: ignore[no-untyped-def]  # what has no hints is not offered; denied in pynto.toml
        trip("Acct.undeclared")

    @property
    def risky(self) -> int:  # denied in pynto.toml
        trip("Acct.risky")
        return 1

    @property
    def shown(self) -> int:
        return self._bal

    @classmethod
    def make(cls) -> int:
        trip("Acct.make")
        return 1

    @staticmethod
    def helper() -> int:
        trip("Acct.helper")
        return 1

    def __reduce_ex__(self, protocol: Any) -> Any:
        trip("Acct.__reduce_ex__")
        raise TypeError

    def __getstate__(self) -> Any:
        trip("Acct.__getstate__")
        return {}

    def __repr__(self) -> str:
        trip("Acct.__repr__")
        return SECRET

    def __format__(self, spec: str) -> str:
        trip("Acct.__format__")
        return SECRET

    def __dir__(self) -> list[str]:
        trip("Acct.__dir__")
        return []


ALIVE: weakref.WeakSet[Any] = weakref.WeakSet()


class Sub(Acct):
    def balance(self) -> int:
        return 1_000_000

    def wipe_all(self) -> None:
        trip("Sub.wipe_all")

    def __getattr__(self, name: str) -> Any:
        if name != "owner":
            trip(f"Sub.__getattr__ {name}")
        raise AttributeError(name)


class Dyn:
    """Answers to every name."""

    def ok(self) -> int:
        return 1

    def __getattr__(self, name: str) -> Any:
        trip(f"Dyn.{name}")
        return lambda *args, **kwargs: 1


class Box(dict[str, int]):
    def ok(self) -> int:
        return len(self)


class Runner(threading.Thread):
    def ok(self) -> int:
        return 1

    def run(self) -> None:  # denied in pynto.toml
        trip("Runner.run")


class Stream(io.BytesIO):
    def ok(self) -> int:
        return 1


class Verbs:
    """Methods that are named like messages of the protocol."""

    def free(self) -> str:
        return "method free"

    def ping(self) -> str:
        return "method ping"

    def close(self) -> str:
        return "method close"

    def hello(self) -> str:
        return "method hello"

    def goodbye(self) -> str:
        return "method goodbye"


class Purse(Protocol):
    """What a client may implement."""

    def amount(self) -> int: ...

    def __len__(self) -> int: ...


class Registry(type):
    def __instancecheck__(cls, instance: object) -> bool:
        trip("Registry.__instancecheck__")
        return True

    def __subclasscheck__(cls, subclass: type) -> bool:
        trip("Registry.__subclasscheck__")
        return True


class Admin(metaclass=Registry):
    def shutdown(self) -> None:  # denied in pynto.toml
        trip("Admin.shutdown")


class Spoof:
    """Says that it is an account."""

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # type: ignore[override]
        trip("Spoof.__class__")
        return Acct


class EvilInt(int):
    def __index__(self) -> int:
        trip("EvilInt.__index__")
        return 2**40

    def __int__(self) -> int:
        trip("EvilInt.__int__")
        return 2**40


class Level(enum.IntEnum):
    LOW = 1


class EvilError(Exception):
    def __init__(self, how: str) -> None:
        super().__init__(how)
        self._how = how

    def __str__(self) -> str:
        if self._how == "str-raises":
            raise RuntimeError(SECRET)
        if self._how == "str-exits":
            raise SystemExit(3)
        if self._how == "str-recurses":
            return str(self)
        if self._how == "str-number":
            return cast(str, 7)
        if self._how == "str-huge":
            return "x" * (1 << 26)
        return SECRET

    def __repr__(self) -> str:
        trip("EvilError.__repr__")
        return SECRET

    @property
    def args(self) -> Any:  # type: ignore[override]
        trip("EvilError.args")
        return ()


class NamedError(Exception):
    """Listed in pynto.toml: keeps its type, and not its text."""


class Plainly(Exception):
    """Listed in pynto.toml: keeps its type and its text."""


# ---- the root ----


class Root:
    def __init__(self) -> None:
        self._accts = {name: Acct(name) for name in "ab"}
        self._kept: list[Callable[[int], int]] = []
        self._held: list[Acct] = []
        self._runner = Runner()
        self._shared: list[int] = []
        self._cycles: list[Cycle] = []

    # what has run

    def trips(self) -> tuple[str, ...]:
        return tuple(TRIPS)

    def finished(self) -> tuple[str, ...]:
        return tuple(FINISHED)

    def clear(self) -> None:
        TRIPS.clear()
        FINISHED.clear()

    def alive(self) -> int:
        """Accounts that exist."""
        gc.collect()
        return len(ALIVE)

    def pid(self) -> int:
        return os.getpid()

    # values

    def echo(self, *values: object) -> Plain:
        return cast(Plain, values[0] if len(values) == 1 else values)

    def add(self, a: int, b: int, /) -> int:
        return a + b

    def keywords(self, **opts: int) -> int:
        return len(opts)

    def shadow(self, a: int, /, **rest: int) -> tuple[int, ...]:
        return (a, *rest.values())

    def mode(self, value: Literal["r", "w"]) -> str:
        return value

    def one(self, value: Literal[1]) -> int:
        return value

    def exact(self, amount: Cents, share: Annotated[float, "0 to 1"] = 0.5) -> float:
        return amount * share

    def half(self, value: float) -> float:
        return value

    def receipt(self, receipt: Receipt) -> Receipt:
        return receipt

    def colour(self, colour: Colour) -> Colour:
        return colour

    def point(self, point: Point) -> Point:
        return point

    def options(self, options: Options) -> Copy[dict[str, int | str]]:
        return cast("Copy[dict[str, int | str]]", dict(options))

    def merge(self, values: Copy[dict[str, int]]) -> int:
        return functools.partial(lambda **opts: len(opts), **cast("dict[str, int]", values))()

    def to_int(self, text: str) -> int:
        return int(text)

    def mutate(self, blob: bytes, items: tuple[int, ...]) -> int:
        return len(blob) + len(items)

    # references

    def open(self, name: str) -> Acct:
        return self._accts[name]

    def view(self, name: str) -> ReadOnly:
        return self._accts[name]

    def both(self, name: str) -> tuple[ReadOnly, Acct, ReadOnly]:
        return self._accts[name], self._accts[name], self._accts[name]

    def fresh(self) -> Acct:
        return Acct("fresh")

    def many(self, count: int) -> tuple[Acct, ...]:
        return tuple(Acct("many") for _ in range(count))

    def views(self) -> list[ReadOnly]:
        return list(self._accts.values())

    def view_tuple(self) -> tuple[ReadOnly, ...]:
        return tuple(self._accts.values())

    def view_map(self) -> dict[str, ReadOnly]:
        return dict(self._accts)

    def view_maybe(self) -> ReadOnly | None:
        return self._accts["a"]

    def view_iter(self) -> Iterator[ReadOnly]:
        yield from self._accts.values()

    def view_deep(self) -> tuple[tuple[tuple[dict[str, list[ReadOnly]], ...], ...], ...]:
        return ((({"a": [self._accts["a"]]},),),)

    async def view_later(self) -> ReadOnly:
        await asyncio.sleep(0)
        return self._accts["a"]

    def view_call(self, cb: Callable[[ReadOnly], int]) -> int:
        return cb(self._accts["a"])

    def sub(self) -> Acct:
        return Sub("sub")

    def dyn(self) -> Dyn:
        return Dyn()

    def box(self) -> Box:
        return Box(a=1)

    def runner(self) -> Runner:
        return self._runner

    def stream(self) -> Stream:
        return Stream(b"private")

    def verbs(self) -> Verbs:
        return Verbs()

    def partial(self) -> Callable[[int], int]:
        return functools.partial(_twice, 1)

    def cached(self) -> Callable[[int], int]:
        return cast("Callable[[int], int]", functools.lru_cache(_square))

    def bound(self) -> Callable[[], int]:
        return self._accts["a"].balance

    def audit(self, acct: Acct) -> int:
        return acct.balance()

    def audit_view(self, view: ReadOnly) -> int:
        return view.balance()

    def audit_all(self, accts: tuple[Acct, ...]) -> int:
        return len(accts)

    def promote(self, admin: Admin) -> str:
        trip("Root.promote")
        return "promoted"

    def set_shadow(self) -> int:
        """Instance shadowing, done by the server's own code."""
        acct = Acct("shadowed")
        vars(acct)["balance"] = lambda: _shadow()
        self._held.append(acct)
        return 1

    def shadowed(self) -> Acct:
        return self._held[-1]

    # what must not leave

    def lie(self, kind: str) -> Acct:
        return cast(Acct, _lie(kind))

    def lie_int(self, kind: str) -> int:
        return cast(int, _lie(kind))

    def lie_deep(self, kind: str) -> tuple[dict[str, Acct], ...]:
        return cast("tuple[dict[str, Acct], ...]", ({"a": _lie(kind)},))

    def lie_items(self, kind: str) -> tuple[Acct, ...]:
        return cast("tuple[Acct, ...]", (self._accts["a"], Acct("with it"), _lie(kind)))

    def lie_iter(self, kind: str) -> Iterator[Acct]:
        yield cast(Acct, _lie(kind))

    def lie_to(self, cb: Callable[[int], int], kind: str) -> int:
        return cb(cast(int, _lie(kind)))

    # generators and context managers

    def count(self, n: int) -> Iterator[int]:
        try:
            yield from range(n)
        finally:
            FINISHED.append("count")

    def stubborn(self) -> Iterator[int]:
        while True:
            try:
                yield 1
            except GeneratorExit:
                FINISHED.append("stubborn")

    def exiting(self, kind: str) -> Iterator[int]:
        yield 1
        raise _EXITS[kind]

    @contextmanager
    def locked(self) -> Iterator[int]:
        try:
            yield 1
        except BaseException as error:
            FINISHED.append(f"locked {type(error).__name__} {error}")
            raise
        else:
            FINISHED.append("locked")

    def shared(self) -> list[int]:
        return self._shared

    def live_map(self) -> dict[int, int]:
        return _LIVE

    def grow(self) -> None:
        _LIVE[len(_LIVE)] = 1

    # a client's objects

    def each(self, cb: Callable[[int], int], n: int) -> int:
        return sum(cb(i) for i in range(n))

    def allow(self, cb: Callable[[int], bool], n: int) -> bool:
        return all(cb(i) for i in range(n))

    def is_admin(self, cb: Callable[[], bool]) -> str:
        return "admin" if cb() else "guest"

    def rank(self, items: tuple[int, ...], key: Callable[[int], int]) -> tuple[int, ...]:
        ranked = list(items)
        try:
            ranked.sort(key=key)
        except Exception:
            if sorted(ranked) != sorted(items):
                trip("Root.rank lost items")
            raise
        return tuple(ranked)

    def total(self, items: Iterable[int]) -> int:
        return sum(items)

    def guarded(self, cm: AbstractContextManager[int]) -> str:
        with cm:
            raise PermissionError("guarded")
        trip("Root.guarded was passed")
        return "BYPASS"

    def login(self, token: str) -> bool:
        return token == SECRET

    def same_as(self, thing: Purse) -> bool:
        return thing == SECRET or SECRET == thing

    def lengths(self, purse: Purse) -> int:
        return len(purse)

    def spend(self, purse: Purse) -> tuple[int, int]:
        return purse.amount(), purse.amount()

    def truth(self, purse: Purse | None) -> str:
        if purse is None:
            return "none"
        return "unhashable" if purse in ({}, []) else "some"

    def look_at(self, purse: Purse) -> tuple[bool, ...]:
        """What a handler may ask of a client's object without asking the client."""
        thing: Any = purse
        handled = functools.singledispatch(lambda _: False)
        handled.register(Acct, lambda _: True)
        match thing:
            case Acct() | Admin() if not isinstance(thing, Admin):
                matched = True
            case _:
                matched = False
        return (
            isinstance(thing, Acct),
            issubclass(type(thing), Acct),
            thing.__class__ is Acct,
            isinstance(thing, Mapping),
            isinstance(thing, int | float | str),
            isinstance(thing, Iterable),
            bool(handled(thing)),
            matched,
        )

    def duplicate(self, purse: Purse, how: str) -> str:
        """Copying, pickling and the like of a client's object, or the name of what stopped it."""
        ways: dict[str, Callable[[Any], object]] = {
            "copy": copy.copy,
            "deepcopy": copy.deepcopy,
            "pickle": pickle.dumps,
            "json": json.dumps,
            "list": list,
            "dict": dict,
            "bytes": bytes,
            "bytearray": bytearray,
            "float": float,
            "int": int,
            "index": lambda thing: [0][thing],
            "unpack": lambda thing: (lambda *args: args)(*thing),
            "keywords": lambda thing: (lambda **opts: opts)(**thing),
            "hash": hash,
            "repr": repr,
            "str": str,
            "format": lambda thing: f"{thing:>10}",
            "vars": vars,
            "setattr": lambda thing: setattr(thing, "amount", 1),
            "iter": iter,
            "open": builtins.open,
        }
        try:
            return type(ways[how](purse)).__name__
        except Exception as error:
            return type(error).__name__

    def keep(self, cb: Callable[[int], int]) -> int:
        self._kept.append(cb)
        return len(self._kept)

    def tell(self, value: int) -> int:
        return self._kept[-1](value)

    def forget(self) -> None:
        self._kept.clear()

    def give_back(self, cb: Callable[[int], int]) -> Callable[[int], int]:
        return cb

    def give_back_all(self, cbs: tuple[Callable[[int], int], ...]) -> tuple[Callable[[int], int], ...]:
        return cbs

    def cycle(self, cb: Callable[[int], int]) -> Cycle:
        return Cycle(cb)

    def callback_error(self, cb: Callable[[int], int]) -> tuple[str, str, tuple[str, ...]]:
        """What an exception of a client's looks like to a handler."""
        try:
            cb(1)
        except Exception as error:
            public = tuple(sorted(name for name in vars(error) if not name.startswith("__")))
            return f"{type(error).__module__}:{type(error).__qualname__}", str(error), public
        return "", "", ()

    # failing

    def fail(self, kind: str) -> None:
        private = SECRET  # noqa: F841  (a local that no traceback may show)
        _FAILURES[kind]()

    def retain(self, size: int) -> None:
        ballast = bytearray(size)
        raise RuntimeError(len(ballast))

    # bytes of the machine

    def big(self, size: int) -> bytes:
        return bytes(size)

    def surrogate(self) -> str:
        return os.fsdecode(b"\xff")

    def number(self, kind: str) -> int:
        return cast(int, _NUMBERS[kind])

    def deep(self, depth: int) -> tuple[object, ...] | int:  # denied in pynto.toml
        value: Any = ()
        for _ in range(depth):
            value = (value,)
        return cast("tuple[object, ...]", value)

    def churning(self, rounds: int) -> Copy[list[int]]:
        """A list that another thread keeps changing while it is on its way out."""
        _churn()
        return cast("Copy[list[int]]", _CHURNED)

    def changing(self) -> bytes:
        return cast(bytes, _BUFFER)

    # the process

    def say(self, text: str) -> int:
        print(text)
        sys.stdout.flush()
        os.write(1, text.encode() + b"\n")
        subprocess.run(["/bin/sh", "-c", "echo from a child"], check=True, timeout=10)
        return len(text)

    def prompt(self, how: str) -> str:
        """Whatever waits for a person at the terminal must not get a peer's bytes."""
        try:
            if how == "input":
                return input()
            if how == "pdb":
                breakpoint()
            return ascii(os.read(0, 10))
        except BaseException as error:
            return type(error).__name__

    def child_fds(self) -> tuple[int, ...]:
        """What a child process inherits."""
        code = "import os; print([n for n in range(256) if os.path.exists(f'/proc/self/fd/{n}')])"
        found = subprocess.run(
            [sys.executable, "-I", "-c", code], stdout=subprocess.PIPE, check=True, close_fds=False, timeout=10
        )
        return tuple(ast.literal_eval(found.stdout.decode()))

    def fork(self, how: str) -> int:
        """A child that ends in this way or that; how it has ended."""
        parent = os.getpid()
        child = os.fork()
        if child == 0:
            signal.alarm(5)
            self._kept.clear()
            gc.collect()
            if how == "exit":
                os._exit(0)
            if how == "write":
                print("from a child", flush=True)
                os._exit(0)
            if how == "raise":
                sys.exit(0)
            if how == "fail":
                raise RuntimeError("in a child")
            return parent
        os.waitpid(child, 0)
        return parent

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)


class Cycle:
    """Holds a client's function while that client holds it."""

    def __init__(self, cb: Callable[[int], int]) -> None:
        self._cb = cb
        ALIVE.add(self)

    def ok(self) -> int:
        return 1


def iter_nothing() -> Iterator[int]:
    yield from ()


def _shadow() -> int:
    trip("shadow")
    return 7


def _twice(factor: int, value: int) -> int:
    return 2 * factor * value


def _square(value: int) -> int:
    return value * value


def _lie(kind: str) -> object:
    try:
        raise ValueError(SECRET)
    except ValueError as error:
        caught = error
    lies: dict[str, Callable[[], object]] = {
        "module": lambda: os,
        "class": lambda: Acct,
        "metaclass": lambda: type,
        "function": lambda: _twice,
        "method": lambda: Acct("x").balance,
        "exception": lambda: caught,
        "traceback": lambda: caught.__traceback__,
        "frame": lambda: caught.__traceback__.tb_frame if caught.__traceback__ else None,
        "code": lambda: _twice.__code__,
        "generator": lambda: iter_nothing(),
        "other": lambda: Dyn(),
        "spoof": lambda: Spoof(),
        "admin": lambda: Admin(),
        "text": lambda: SECRET,
        "bytes": lambda: SECRET.encode(),
        "float": lambda: 1.5,
        "bool": lambda: True,
        "none": lambda: None,
        "list": lambda: [SECRET],
        "dict": lambda: {"a": SECRET},
        "self": lambda: Root,
        "object": lambda: object(),
        "acct": lambda: Acct("lie"),
        "evil": lambda: EvilInt(3),
    }
    return lies[kind]()


def _raise(error: BaseException) -> None:
    raise error


def _chain() -> None:
    try:
        raise KeyError(SECRET)
    except KeyError as error:
        raise OSError(2, SECRET, f"/srv/{SECRET}") from error


def _noted() -> None:
    error = ValueError(SECRET)
    error.add_note(SECRET)
    raise error


def _deep(depth: int) -> float:
    return _deep(depth - 1) if depth else 1 / 0


def _recurse() -> None:
    _recurse()


class _Loop(Exception):
    pass


def _cyclic() -> None:
    items: list[Any] = []
    items.append(items)
    raise _Loop(items)


_EXITS: dict[str, BaseException] = {
    "SystemExit": SystemExit(3),
    "KeyboardInterrupt": KeyboardInterrupt(),
    "GeneratorExit": GeneratorExit(),
    "CancelledError": asyncio.CancelledError(),
}

_FAILURES: dict[str, Callable[[], object]] = {
    "file": lambda: builtins.open(f"/nonexistent/{SECRET}"),
    "chain": _chain,
    "note": _noted,
    "attr": lambda: getattr(Acct, SECRET),
    "unicode": lambda: SECRET.encode().decode("utf-16"),
    "obj": lambda: setattr(object(), SECRET, 1),
    "zero": lambda: _deep(40),
    "recursion": _recurse,
    "memory": lambda: bytearray(1 << 62),
    "assert": lambda: _raise(AssertionError(SECRET)),
    "own": lambda: _raise(NamedError(SECRET)),
    "plain": lambda: _raise(Plainly("told")),
    "plain-surrogate": lambda: _raise(Plainly("\udcff told")),
    "plain-bytes": lambda: _raise(Plainly(b"\xff")),
    "plain-huge": lambda: _raise(Plainly("x" * (1 << 25))),
    "cyclic": _cyclic,
    "str-raises": lambda: _raise(EvilError("str-raises")),
    "str-exits": lambda: _raise(EvilError("str-exits")),
    "str-recurses": lambda: _raise(EvilError("str-recurses")),
    "str-number": lambda: _raise(EvilError("str-number")),
    "str-huge": lambda: _raise(EvilError("str-huge")),
    "log": lambda: _raise(ValueError("x\nINFO auth: user root logged in\r\x1b[2J\x1b]0;pwned\x07\u2028\x85\u202e\x7f")),
    "group": lambda: _raise(ExceptionGroup(SECRET, [ValueError(SECRET)])),
    "SystemExit": lambda: _raise(SystemExit(3)),
    "KeyboardInterrupt": lambda: _raise(KeyboardInterrupt()),
    "GeneratorExit": lambda: _raise(GeneratorExit()),
    "CancelledError": lambda: _raise(asyncio.CancelledError()),
    "StopIteration": lambda: _raise(StopIteration(SECRET)),
    "StopAsyncIteration": lambda: _raise(StopAsyncIteration(SECRET)),
}

_NUMBERS: dict[str, object] = {
    "enum": Level.LOW,
    "evil": EvilInt(3),
    "bool": True,
    "decimal": Decimal(1),
    "float": 1.0,
    "huge": 1 << 3000,
    "too-huge": 1 << 40000,
}

_LIVE: dict[int, int] = {}
_CHURNED: list[int] = list(range(1000))
_BUFFER = bytearray(b"x" * 1000)


@functools.cache
def _churn() -> None:
    def run() -> None:
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            _CHURNED.clear()
            _CHURNED.extend(range(1000))
            del _CHURNED[500:]
            time.sleep(0)

    threading.Thread(target=run, daemon=True).start()
