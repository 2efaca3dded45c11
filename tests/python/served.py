"""What most of the tests serve: one root whose methods lead to every kind of member that a policy can have.

Its policy is generated once in a run. What a test wants to know of the server's side stands in module variables.
"""

from __future__ import annotations

import asyncio
import datetime
import decimal
import enum
import itertools
import os
import time
import uuid
import weakref
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterator,
    Mapping,
    MutableMapping,
    Sequence,
)
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, NamedTuple, NotRequired, Protocol, Self, TypedDict, overload

from pynto import Copy, RemoteError, cached, stale

# ---- data ----


@dataclass(frozen=True)
class Point:
    x: int
    y: int
    label: str = ""


class Span(NamedTuple):
    start: int
    stop: int = 0


class Options(TypedDict):
    depth: int
    label: NotRequired[str]


class Color(enum.Enum):
    RED = 1
    GREEN = 2


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 9


Word = Literal["now", "it's \\ \x7f\xe9\u1234\U0001f600", 3, -4, True]
Structured = Point | Span | Color | tuple[int, int] | int


class Values:
    """Gives back what it gets, so that every type travels in both directions."""

    def echo_none(self, value: None) -> None:
        return value

    def echo_bool(self, value: bool) -> bool:
        return value

    def echo_int(self, value: int) -> int:
        return value

    def echo_float(self, value: float) -> float:
        return value

    def echo_complex(self, value: complex) -> complex:
        return value

    def echo_str(self, value: str) -> str:
        return value

    def echo_bytes(self, value: bytes) -> bytes:
        return value

    def echo_range(self, value: range) -> range:
        return value

    def echo_slice(self, value: slice) -> slice:
        return value

    def echo_datetime(self, value: datetime.datetime) -> datetime.datetime:
        return value

    def echo_date(self, value: datetime.date) -> datetime.date:
        return value

    def echo_time(self, value: datetime.time) -> datetime.time:
        return value

    def echo_timedelta(self, value: datetime.timedelta) -> datetime.timedelta:
        return value

    def echo_decimal(self, value: decimal.Decimal) -> decimal.Decimal:
        return value

    def echo_uuid(self, value: uuid.UUID) -> uuid.UUID:
        return value

    def echo_pair(self, value: tuple[int, str]) -> tuple[int, str]:
        return value

    def echo_empty(self, value: tuple[()]) -> tuple[()]:
        return value

    def echo_row(self, value: tuple[int, ...]) -> tuple[int, ...]:
        return value

    def echo_table(self, value: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
        return value

    def echo_frozen(self, value: frozenset[int]) -> frozenset[int]:
        return value

    def echo_frozen_pairs(self, value: frozenset[tuple[int, str]]) -> frozenset[tuple[int, str]]:
        return value

    def echo_list(self, value: Copy[list[int]]) -> Copy[list[int]]:
        return value

    def echo_set(self, value: Copy[set[str]]) -> Copy[set[str]]:
        return value

    def echo_dict(self, value: Copy[dict[str, int]]) -> Copy[dict[str, int]]:
        return value

    def echo_keyed(self, value: Copy[dict[tuple[int, int], str]]) -> Copy[dict[tuple[int, int], str]]:
        return value

    def echo_nested(self, value: Copy[dict[str, tuple[int, ...]]]) -> Copy[dict[str, tuple[int, ...]]]:
        return value

    def echo_point(self, value: Point) -> Point:
        assert type(value) is Point
        return value

    def echo_span(self, value: Span) -> Span:
        assert type(value) is Span
        return value

    def echo_options(self, value: Options) -> Options:
        return value

    def echo_color(self, value: Color) -> Color:
        assert type(value) is Color
        return value

    def echo_level(self, value: Level) -> Level:
        assert type(value) is Level
        return value

    def echo_literal(self, value: Word) -> Word:
        return value

    def echo_optional(self, value: int | None) -> int | None:
        return value

    def echo_union(self, value: int | str | bytes | None) -> int | str | bytes | None:
        return value

    def echo_structured(self, value: Structured) -> Structured:
        return value

    def echo_points(self, value: tuple[Point, ...]) -> tuple[Point, ...]:
        return value

    def data(self, value: Any) -> str:
        """How the server sees it."""
        return repr(value)

    def size(self, value: Any) -> int:
        return len(value)

    def make_bytes(self, size: int) -> bytes:
        return bytes(size)

    def make_int(self, bits: int) -> int:
        return 1 << bits

    def make_row(self, count: int) -> tuple[int, ...]:
        return tuple(range(count))

    def called(self, f: Callable[[int], int], value: int) -> int:
        return f(value)


class Liar:
    """What it returns is not what it declares."""

    secret: str

    def __init__(self) -> None:
        self._lie: Any = None
        self.secret: str = "hunter2"
        self._item = Item("liar")

    def tell(self, kind: str) -> None:
        lies: dict[str, Any] = {
            "str": "top secret",
            "none": None,
            "bool": True,
            "int": 7,
            "float": 1.5,
            "bytes": b"top secret",
            "list": ["top secret"],
            "tuple": ("top secret", 1),
            "object": object(),
            "class": Item,
            "module": os,
            "function": self.tell,
            "item": self._item,
            "self": self,
            "point": Point(1, 2),
            "long": (1, 2, 3),
        }
        self._lie = lies[kind]

    def an_int(self) -> int:
        value: int = self._lie
        return value

    def a_str(self) -> str:
        value: str = self._lie
        return value

    def a_none(self) -> None:
        value: None = self._lie
        return value

    def a_pair(self) -> tuple[int, int]:
        value: tuple[int, int] = self._lie
        return value

    def a_point(self) -> Point:
        value: Point = self._lie
        return value

    def an_item(self) -> Item:
        value: Item = self._lie
        return value

    def a_reader(self) -> Reader:
        value: Reader = self._lie
        return value

    def a_function(self) -> Callable[[], int]:
        value: Callable[[], int] = self._lie
        return value

    def maybe(self) -> Item | None:
        value: Item | None = self._lie
        return value

    def yields(self) -> Iterator[int]:
        value: int = self._lie
        yield value

    def calls(self, f: Callable[[int], None]) -> None:
        value: int = self._lie
        f(value)


# ---- objects ----

alive: weakref.WeakSet[Item] = weakref.WeakSet()
"""What fresh() and items() have made."""


class Item:
    """One thing, with attributes."""

    name: str
    number: int

    def __init__(self, name: str = "", number: int = 0) -> None:
        self.name = name
        self.number = number
        self.undeclared = "not for you"

    @property
    def title(self) -> str:
        return self.name.title()

    def rename(self, name: str) -> None:
        self.name = name

    def describe(self, *, loud: bool = False) -> str:
        text = f"{self.name} {self.number}"
        return text.upper() if loud else text


touched: list[str] = []
"""What of a Gauge has run."""


class Gauge:
    """Properties that note when they are run, and answer every other name."""

    def __init__(self) -> None:
        self._level = 1
        self._kind = ""

    @property
    def level(self) -> int:
        touched.append("get level")
        return self._level

    @level.setter
    def level(self, value: int) -> None:
        touched.append("set level")
        self._fail()
        self._level = value

    @level.deleter
    def level(self) -> None:
        touched.append("del level")

    @property
    def mark(self) -> int:
        """It has a setter that no client may use."""
        touched.append("get mark")
        return 5

    @mark.setter
    def mark(self, value: int) -> None:
        touched.append("set mark")

    @property
    def broken(self) -> int:
        touched.append("get broken")
        self._fail()
        return 1

    @property
    def denied(self) -> int:
        touched.append("get denied")
        return 1

    def __getattr__(self, name: str) -> Any:
        touched.append(f"__getattr__ {name}")
        return SECRET

    def will_fail(self, kind: str) -> None:
        self._kind = kind

    def _fail(self) -> None:
        import builtins

        if self._kind:
            error = {"Full": Full, "Quiet": Quiet, "Hidden": Hidden}.get(self._kind)
            raise (error or getattr(builtins, self._kind))(SECRET)


class Reader(Protocol):
    """The narrow side of a shelf."""

    def read(self) -> tuple[str, ...]: ...


class Writer(Protocol):
    def write(self, line: str) -> None: ...


class Shelf:
    def __init__(self) -> None:
        self._lines: list[str] = []

    def read(self) -> tuple[str, ...]:
        return tuple(self._lines)

    def write(self, line: str) -> None:
        self._lines.append(line)

    def reader(self) -> Reader:
        return self

    def writer(self) -> Writer:
        return self

    def myself(self) -> Self:
        return self

    def is_me(self, shelf: Shelf) -> bool:
        return shelf is self

    def can_be_read(self, reader: Reader) -> bool:
        return reader is self


class Animal:
    def __init__(self, name: str = "animal") -> None:
        self._name = name

    def speak(self) -> str:
        return f"{self._name}: ..."


class Dog(Animal):
    def speak(self) -> str:
        return f"{self._name}: woof"

    def fetch(self, what: str) -> str:
        return f"{self._name} has {what}"


class Puppy(Dog):
    """Nothing names it: it is a Dog to everybody."""

    def speak(self) -> str:
        return f"{self._name}: yip"

    def chew(self, shoe: str) -> str:
        return shoe


class Zoo:
    def animal(self) -> Animal:
        return Puppy("rex")

    def dog(self) -> Dog:
        return Puppy("rex")

    def either(self, kind: str) -> Animal | Dog | None:
        kinds: dict[str, Animal | None] = {"animal": Animal("cat"), "dog": Dog("rex"), "puppy": Puppy("pup"), "": None}
        return kinds[kind]

    def shadowed(self) -> Animal:
        """An instance whose own dict tries to take the place of a method."""
        animal = Dog("rex")
        vars(animal)["speak"] = lambda: "shadow"
        return animal

    def pet(self, animal: Animal) -> str:
        return animal.speak()

    def walk(self, dog: Dog) -> str:
        return dog.fetch("the stick")


class Vector:
    """Operators."""

    def __init__(self, *values: int) -> None:
        self._values = list(values)

    def values(self) -> tuple[int, ...]:
        return tuple(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __bool__(self) -> bool:
        return any(self._values)

    def __getitem__(self, index: int) -> int:
        return self._values[index]

    def __setitem__(self, index: int, value: int) -> None:
        self._values[index] = value

    def __delitem__(self, index: int) -> None:
        del self._values[index]

    def __contains__(self, value: object) -> bool:
        return value in self._values

    def __iter__(self) -> Iterator[int]:
        return iter(list(self._values))

    def __reversed__(self) -> Iterator[int]:
        return reversed(self._values)

    def __call__(self, factor: int, *, shift: int = 0) -> Vector:
        return Vector(*(value * factor + shift for value in self._values))

    def __add__(self, other: Vector) -> Vector:
        return Vector(*(a + b for a, b in zip(self._values, other._values, strict=True)))

    def __sub__(self, other: Vector) -> Vector:
        return Vector(*(a - b for a, b in zip(self._values, other._values, strict=True)))

    def __mul__(self, other: int) -> Vector:
        return self(other)

    def __rmul__(self, other: int) -> Vector:
        return self(other)

    def __truediv__(self, other: int) -> tuple[float, ...]:
        return tuple(value / other for value in self._values)

    def __floordiv__(self, other: int) -> Vector:
        return Vector(*(value // other for value in self._values))

    def __mod__(self, other: int) -> Vector:
        return Vector(*(value % other for value in self._values))

    def __pow__(self, other: int) -> Vector:
        return Vector(*(int(value**other) for value in self._values))

    def __matmul__(self, other: Vector) -> int:
        return sum(a * b for a, b in zip(self._values, other._values, strict=True))

    def __and__(self, other: Vector) -> Vector:
        return Vector(*(a & b for a, b in zip(self._values, other._values, strict=True)))

    def __or__(self, other: Vector) -> Vector:
        return Vector(*(a | b for a, b in zip(self._values, other._values, strict=True)))

    def __xor__(self, other: Vector) -> Vector:
        return Vector(*(a ^ b for a, b in zip(self._values, other._values, strict=True)))

    def __neg__(self) -> Vector:
        return self(-1)

    def __pos__(self) -> Vector:
        return self(1)

    def __invert__(self) -> Vector:
        return Vector(*(~value for value in self._values))

    def __abs__(self) -> int:
        return sum(map(abs, self._values))

    def __iadd__(self, other: Vector) -> Self:
        self._values = [a + b for a, b in zip(self._values, other._values, strict=True)]
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vector) and self._values == other._values

    def __lt__(self, other: Vector) -> bool:
        return self._values < other._values

    def __le__(self, other: Vector) -> bool:
        return self._values <= other._values

    def __gt__(self, other: Vector) -> bool:
        return self._values > other._values

    def __ge__(self, other: Vector) -> bool:
        return self._values >= other._values


class Notice:
    """What it says may be kept until it is told that it says something else."""

    def __init__(self) -> None:
        self._text = "old"

    @cached(ttl=3600)
    def text(self) -> str:
        return self._text

    def rewrite(self, text: str) -> None:
        self._text = text
        stale(self, "text")


class Session:
    """A context manager."""

    def __init__(self, log: list[str]) -> None:
        self._log = log

    def work(self) -> str:
        self._log.append("work")
        return "done"

    def __enter__(self) -> Self:
        self._log.append("enter")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        self._log.append(f"exit {kind.__name__ if kind else None} {error}")
        return "forgive" in str(error)


# ---- what the client implements ----


class Watcher(Protocol):
    """Implemented by a client: told who comes, asked whether he may."""

    def joined(self, item: Item) -> str: ...

    def may_join(self, name: str) -> bool: ...


class Partner(Protocol):
    def bounce(self, depth: int, back: Callable[[int], int]) -> int: ...


# ---- errors ----


class Full(Exception):
    """Travels with its text."""


class Quiet(Exception):
    """Travels by its type alone."""


class Hidden(Exception):
    """Does not travel."""


class Short(Exception):
    """Travels with its type and what it declares."""

    left: int
    tags: tuple[str, ...]
    limit: int = 10
    _private: int
    missing: str
    wrong: int

    def __init__(self, left: int) -> None:
        super().__init__(f"{SECRET}: {left}")
        self.left = left
        self.tags = ("a", "b")
        self._private = 1
        self.undeclared = SECRET
        vars(self)["wrong"] = SECRET  # not what it says

    @property
    def trap(self) -> int:
        raise AssertionError("a property was run")


class Shorter(Short):
    """Travels as a Short."""


class Unprintable(Full):
    def __str__(self) -> str:
        raise RuntimeError("no")

    def __repr__(self) -> str:
        raise RuntimeError("no")


SECRET = "hunter2 /etc/secret/path"


# ---- the root ----


class Root:
    """Leads to everything."""

    def __init__(self) -> None:
        self._log: list[str] = []
        self._listeners: list[Callable[[str], None]] = []
        self._watchers: list[Watcher] = []
        self._kept: list[Callable[[int], int]] = []
        self._item = Item("the item", 1)
        self._shelf = Shelf()
        self._numbers = [1, 2, 3]
        self._failure = Full("always the same")
        self._running = 0
        self._most = 0
        self._arrived = 0
        self._holding: dict[int, asyncio.Future[int]] = {}
        self._stopper: Callable[[], None] | None = None
        self._progress = 0
        self._noted = 0

    # plain calls
    def add(self, a: int, b: int = 1) -> int:
        return a + b

    def greet(self, name: str, /, greeting: str = "hello", *rest: str, loud: bool = False, **more: int) -> str:
        text = f"{greeting} {name} {rest} {sorted(more.items())}"
        return text.upper() if loud else text

    @overload
    def get(self, key: str) -> str: ...
    @overload
    def get(self, key: int) -> int: ...
    @overload
    def get(self, key: int, default: str) -> str: ...
    def get(self, key: str | int, default: str = "") -> str | int:
        return default or key

    def events(self) -> tuple[str, ...]:
        """What has happened since the last look."""
        events = tuple(self._log)
        self._log.clear()
        return events

    def pid(self) -> int:
        return os.getpid()

    def say(self, text: str) -> None:
        """Prints, at the server's end."""
        print(text, flush=True)
        os.write(1, f"{text} from os.write\n".encode())

    # references
    def values(self) -> Values:
        return Values()

    def liar(self) -> Liar:
        return Liar()

    def item(self) -> Item:
        return self._item

    def gauge(self) -> Gauge:
        return Gauge()

    def same_gauge(self, gauge: Gauge) -> Gauge:
        return gauge

    def fresh(self, name: str = "fresh") -> Item:
        item = Item(name)
        alive.add(item)
        return item

    def items(self, count: int) -> tuple[Item, ...]:
        items = tuple(Item(str(number), number) for number in range(count))
        alive.update(items)
        return items

    def items_list(self) -> list[Item]:
        return [Item("a", 1), Item("b", 2)]

    def twice(self) -> tuple[Item, Item]:
        return self._item, self._item

    def same_item(self, item: Item) -> Item:
        return item

    def is_item(self, item: Item) -> bool:
        return item is self._item

    def count_alive(self) -> int:
        return len(alive)

    def shelf(self) -> Shelf:
        return self._shelf

    def notice(self) -> Notice:
        return Notice()

    def zoo(self) -> Zoo:
        return Zoo()

    def vector(self, *values: int) -> Vector:
        return Vector(*values)

    def myself(self) -> Root:
        return self

    def session(self) -> Session:
        return Session(self._log)

    @contextmanager
    def opened(self, name: str) -> Iterator[Item]:
        self._log.append(f"open {name}")
        try:
            yield Item(name)
        finally:
            self._log.append(f"close {name}")

    # containers
    def numbers(self) -> list[int]:
        return self._numbers

    def read_numbers(self) -> Sequence[int]:
        return self._numbers

    def ages(self) -> MutableMapping[str, int]:
        return {"ada": 36, "bob": 7}

    def read_ages(self) -> Mapping[str, int]:
        return {"ada": 36, "bob": 7}

    def count(self, n: int) -> Iterator[int]:
        self._log.append(f"count {n} begins")
        try:
            yield from range(n)
        finally:
            self._log.append(f"count {n} ends")

    def paced(self, *pauses: int) -> Iterator[int]:
        """Each item after so many milliseconds."""
        for number, pause in enumerate(pauses):
            time.sleep(pause / 1000)
            self._progress = number + 1
            yield number

    def progress(self) -> int:
        """How far an iterator has come that counts here."""
        return self._progress

    def follow(self, n: int) -> Iterator[int]:
        """What it yields is what note() was told last; it counts its steps."""
        for number in range(n):
            self._progress = number + 1
            yield self._noted

    def note(self, value: int) -> int:
        self._noted = value
        return self._progress

    def breaking(self, n: int, kind: str) -> Iterator[int]:
        """Fails behind its nth item."""
        try:
            yield from range(n)
            self.fail(kind) if kind != "lie" else None
            lie: Any = SECRET
            yield lie
        finally:
            self._log.append(f"breaking {n} ends")

    def calling(self, n: int, f: Callable[[int], int]) -> Iterator[int]:
        """Asks the client for each item."""
        for number in range(n):
            yield f(number)

    def sized(self, *sizes: int) -> Iterator[bytes]:
        for size in sizes:
            yield bytes(size)

    def points(self, n: int) -> Iterator[Point]:
        for number in range(n):
            yield Point(number, -number)

    def several(self, n: int) -> Iterator[Item]:
        for number in range(n):
            yield Item(str(number), number)

    def endless(self) -> Iterator[int]:
        return itertools.count()

    def talk(self, n: int) -> Generator[int, str | None, str]:
        """Yields what it counts, logs what it is sent and told, and returns all of it."""
        heard = []
        try:
            for number in range(n):
                try:
                    sent = yield number
                except Hidden:
                    raise AssertionError("no client makes one of these") from None
                except Exception as error:
                    heard.append(f"{type(error).__name__}({error})")
                    if "again" in str(error):
                        raise
                    if "worse" in str(error):
                        raise Full("worse") from error
                else:
                    heard.append(str(sent))
        finally:
            self._log.append(f"talk {n} ends")
        return " ".join(heard)

    def stubborn(self) -> Generator[int, None, None]:
        while True:
            try:
                yield 1
            except GeneratorExit:
                yield 2

    def made_item(self) -> Generator[int, None, Item]:
        yield 1
        return self.fresh("returned")

    def lying_end(self) -> Generator[int, None, int]:
        yield 1
        end: Any = SECRET
        return end  # type checkers believe Any

    def quiet_end(self) -> Iterator[int]:
        return self._quiet_end()

    def _quiet_end(self) -> Generator[int, None, str]:
        yield 1
        return SECRET

    async def chat(self, n: int) -> AsyncGenerator[int, str | None]:
        try:
            for number in range(n):
                await asyncio.sleep(0)
                try:
                    sent = yield number
                except Exception as error:
                    self._log.append(f"{type(error).__name__}({error})")
                    if "again" in str(error):
                        raise
                else:
                    self._log.append(str(sent))
        finally:
            self._log.append(f"chat {n} ends")

    def drive(self, generator: Generator[int, str, str]) -> tuple[str, ...]:
        """Uses a client's generator as one of its own."""
        seen = [str(next(generator)), str(generator.send("sent"))]
        try:
            seen.append(str(generator.throw(Full("thrown"))))
            generator.send("last")
        except StopIteration as stop:
            seen.append(f"returned {stop.value}")
        except Exception as error:
            seen.append(f"{type(error).__name__}: {error}")
        generator.close()
        return tuple(seen)

    def adder(self, n: int) -> Callable[[int], int]:
        return lambda value: value + n

    # callbacks
    def apply(self, f: Callable[[int], int], value: int) -> int:
        return f(value)

    def keep(self, f: Callable[[int], int]) -> int:
        self._kept.append(f)
        return len(self._kept)

    def forget(self) -> None:
        self._kept.clear()
        self._listeners.clear()
        self._watchers.clear()

    def call_kept(self, value: int) -> tuple[str, ...]:
        results = []
        for f in self._kept:
            try:
                results.append(str(f(value)))
            except Exception as error:
                results.append(f"{type(error).__name__}: {error}")
        return tuple(results)

    def countdown(self, n: int, f: Callable[[int], int]) -> int:
        return 0 if n <= 0 else 1 + f(n - 1)

    def bounce(self, depth: int, partner: Partner) -> int:
        if depth <= 0:
            return 0
        return 1 + partner.bounce(depth - 1, lambda n: self.bounce(n, partner))

    def subscribe(self, listener: Callable[[str], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def publish(self, text: str) -> int:
        told = 0
        for listener in list(self._listeners):
            try:
                listener(text)
                told += 1
            except Exception:
                self._listeners.remove(listener)
        return told

    def watch(self, watcher: Watcher) -> None:
        self._watchers.append(watcher)

    def join(self, name: str) -> tuple[str, ...]:
        return tuple(w.joined(Item(name)) for w in self._watchers if w.may_join(name))

    def same_function(self, f: Callable[[int], int], g: Callable[[int], int]) -> bool:
        return f is g

    def give_back(self, f: Callable[[int], int]) -> Callable[[int], int]:
        return f

    def what_came(self, f: Callable[[int], int]) -> str:
        """How a client's exception looks here."""
        try:
            return f"returned {f(1)!r}"
        except BaseException as error:
            return f"{type(error).__module__}.{type(error).__qualname__}: {error}"

    def each(self, f: Callable[[Item], Item]) -> bool:
        return f(self._item) is self._item

    # errors
    def fail(self, kind: str) -> None:
        import builtins

        error = {"Full": Full, "Quiet": Quiet, "Hidden": Hidden, "Unprintable": Unprintable}.get(kind)
        raise (error or getattr(builtins, kind))(SECRET)

    def fail_badly(self, kind: str) -> None:
        if kind == "exit":
            raise SystemExit(3)
        if kind == "interrupt":
            raise KeyboardInterrupt(SECRET)
        if kind == "group":
            raise ExceptionGroup(SECRET, [ValueError(SECRET)])
        if kind == "stop":
            raise StopIteration(SECRET)
        if kind == "generator exit":
            raise GeneratorExit(SECRET)
        if kind == "recursion":
            self.fail_badly(kind)
        if kind == "key":
            raise KeyError(os.path.abspath(__file__), SECRET)
        if kind == "file":
            open(f"/nowhere/{SECRET}")
        if kind == "surrogates":
            raise Full("a\ud800b")
        if kind == "long":
            raise Full("x" * 100_000)

    def fail_short(self, left: int) -> None:
        raise Shorter(left)

    def fail_from(self, kind: str) -> None:
        """Raises Quiet from a chain of others."""
        try:
            try:
                try:
                    raise Short(1)
                except Short as error:
                    raise Hidden(SECRET) from error
            except Hidden:
                raise Full("told")  # noqa: B904  (the context is what is tested)
        except Full as error:
            if kind == "none":
                raise Quiet(SECRET) from None
            raise Quiet(SECRET) from error

    def fail_from_itself(self) -> None:
        first, second = ValueError(SECRET), KeyError("told")
        first.__cause__, second.__cause__ = second, first
        raise first

    def fail_together(self, count: int) -> None:
        inner = ExceptionGroup(SECRET, [Full("told"), Hidden(SECRET)])
        raise ExceptionGroup(SECRET, [Short(7), inner, *(ValueError(SECRET) for _ in range(count))])

    def fail_deeply(self, depth: int) -> None:
        error: Exception = ValueError(SECRET)
        for _ in range(depth):
            error = ExceptionGroup(SECRET, [error])
        raise error

    def fail_alike(self, item: Item) -> None:
        """Raises one exception again and again."""
        raise self._failure

    # time
    def wait(self, seconds: float) -> None:
        time.sleep(seconds)

    async def slow(self, seconds: float, value: int) -> int:
        self._running += 1
        self._most = max(self._most, self._running)
        try:
            await asyncio.sleep(seconds)
        finally:
            self._running -= 1
        return value

    async def meet(self, parties: int) -> int:
        """Returns when that many are in it at the same time."""
        self._arrived += 1
        while self._arrived < parties:
            await asyncio.sleep(0.005)
        return self._arrived

    async def fail_later(self, kind: str) -> None:
        await asyncio.sleep(0)
        self.fail(kind)

    async def on_loop(self) -> bool:
        return asyncio.get_running_loop().is_running()

    async def call_soon(self, f: Callable[[int], Awaitable[int]], value: int) -> int:
        await asyncio.sleep(0)
        return await f(value)

    async def call_together(self, f: Callable[[int], Awaitable[int]], count: int) -> tuple[int, ...]:
        return tuple(await asyncio.gather(*(f(number) for number in range(count))))

    async def call_within(self, f: Callable[[int], Awaitable[int]], seconds: float) -> str:
        try:
            async with asyncio.timeout(seconds):
                return str(await f(1))
        except TimeoutError:
            return "too late"

    async def wait_for(self, value: Awaitable[int]) -> int:
        return await value + 1

    async def hold(self, number: int) -> int:
        """Until let_go() has been called with this number."""
        self._holding[number] = asyncio.get_running_loop().create_future()
        try:
            return await self._holding[number]
        except asyncio.CancelledError:
            self._log.append(f"cancelled {number}")
            raise
        finally:
            del self._holding[number]

    async def let_go(self, number: int) -> None:
        self._holding[number].set_result(number)

    def holding(self) -> tuple[int, ...]:
        return tuple(self._holding)

    async def hold_on(self, number: int) -> int:
        """Does not let itself be cancelled."""
        try:
            return await self.hold(number)
        except asyncio.CancelledError:
            return -number

    async def hold_fast(self, number: int) -> int:
        """Goes on, however often it is told that nobody waits for it."""
        while True:
            try:
                return await self.hold(number)
            except asyncio.CancelledError:
                continue

    async def hold_item(self, number: int, item: Item, f: Callable[[int], int]) -> int:
        """With something in its hands."""
        return await self.hold(number)

    async def add_all(self, numbers: Iterator[int]) -> int:
        """Uses a client's iterator from a coroutine."""
        found: Any = numbers
        return sum([number async for number in found])

    @asynccontextmanager
    async def scope(self, name: str) -> AsyncIterator[str]:
        self._log.append(f"enter {name}")
        try:
            yield name
        except RemoteError as error:
            self._log.append(f"{error.type} in {name}")
            raise
        finally:
            await asyncio.sleep(0)
            self._log.append(f"exit {name}")

    async def ticks(self, n: int) -> AsyncIterator[int]:
        for tick in range(n):
            await asyncio.sleep(0)
            yield tick

    def most_at_once(self) -> int:
        return self._most

    def stop(self) -> None:
        if self._stopper is not None:
            self._stopper()


class Lobby:
    """A second root."""

    def name(self) -> str:
        return "lobby"


numbers: list[int] = [1, 2, 3]
