"""A server of hall.json in pure Python: a second implementation of docs/protocol.md, which shares no code with Pynto.

It is for tests, not for strangers: it trusts Python to recurse as deep as a message does, and keeps no time. One thread serves one connection; a
callback that is out is waited for by reading on, so that whatever comes meanwhile is served inside of it.
"""

from __future__ import annotations

import datetime as dt
import re
import socket
import struct
from collections.abc import Callable, Iterator
from typing import Any

MALFORMED, NO_NEWLINE, DEPTH, SIZE, UTF8, KEY, EXT, TURN, VERSION, DENIED = 8, 9, 10, 11, 12, 13, 14, 15, 16, 3
RETURN, ERROR, FREE, LANE, DESCRIBE, CANCEL, GOODBYE, HELLO = -1, -2, -3, -4, -5, -6, -7, -8
PING, PONG, ASK, BATCH, ITEMS, STALE, LOOK = -9, -10, -11, -12, -13, -14, -15
PART = b"\x92\xf0"  # how a part begins
OF_A_LANE = (RETURN, ERROR, LANE, CANCEL, ASK, BATCH, ITEMS)
BETWEEN = 1 << 20
DENIAL = ("Refused", "not permitted")


class Fault(Exception):
    """What ends the connection, with the code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Failed(Exception):
    """What one call is answered with."""

    def __init__(self, type_: str, text: str = "") -> None:
        super().__init__(type_, text)
        self.type = type_
        self.text = text


class Gone(Exception):
    """The other end has said goodbye, or closed."""


class Unit:
    """An ext, or a tag: code and payload."""

    def __init__(self, code: int, data: bytes) -> None:
        self.code = code
        self.data = data


class Map(list[tuple[Any, Any]]):
    """A map, with its keys in order."""


# ---- bytes to objects ----

DECIMAL = re.compile(rb"[+-]?([0-9]+(\.[0-9]+)?(E[+-]?[0-9]{1,18})?|Infinity|s?NaN[0-9]*)")


def _is_clock(data: bytes) -> bool:
    hour, minute, second, fold = data[:4]
    good = hour < 24 and minute < 60 and second < 60 and fold < 2 and int.from_bytes(data[4:7], "big") < 1_000_000
    return good and (len(data) == 7 or abs(int.from_bytes(data[7:], "big", signed=True)) < 86_400)


def _is_date(data: bytes) -> bool:
    try:
        dt.date(*struct.unpack(">HBB", data))
    except ValueError:
        return False
    return True


def _is_int(data: bytes) -> bool:
    value = int.from_bytes(data, "big", signed=True)
    shortest = (value + (value < 0)).bit_length() // 8 + 1
    return len(data) == shortest and not -(2**63) <= value < 2**64


def _is_delta(data: bytes) -> bool:
    days, seconds, micros = struct.unpack(">iII", data)
    return abs(days) <= 999_999_999 and seconds < 86_400 and micros < 1_000_000


EXTS: dict[int, Callable[[bytes], bool]] = {
    16: lambda data: len(data) == 12,
    17: lambda data: len(data) == 8,
    18: lambda data: len(data) == 1 and 1 <= data[0] <= 9,
    19: _is_int,
    20: lambda data: len(data) == 16,
    21: lambda data: len(data) in (11, 14) and _is_date(data[:4]) and _is_clock(data[4:]),
    22: lambda data: len(data) == 4 and _is_date(data),
    23: lambda data: len(data) in (7, 10) and _is_clock(data),
    24: lambda data: len(data) == 12 and _is_delta(data),
    25: lambda data: len(data) <= 256 and DECIMAL.fullmatch(data) is not None,
    26: lambda data: len(data) == 16,
    27: lambda data: len(data) == 4,
}


class Reader:
    """Reads one object from what has come; Short when there is not enough yet."""

    class Short(Exception):
        pass

    def __init__(self, data: bytes, quotas: dict[str, int]) -> None:
        self.data = data
        self.at = 0
        self.quotas = quotas
        self.elements = 0
        self.keys = 0

    def take(self, length: int) -> bytes:
        if self.at + length > self.quotas["message"]:
            raise Fault(SIZE)
        if self.at + length > len(self.data):
            raise self.Short
        data = self.data[self.at : self.at + length]
        self.at += length
        return data

    def number(self, length: int) -> int:
        return int.from_bytes(self.take(length), "big")

    def object(self, depth: int = 0, *, is_first: bool = False) -> Any:
        self.elements += 1
        if self.elements > self.quotas["elements"]:
            raise Fault(SIZE)
        code = self.number(1)
        if code < 0x80:
            return code
        if code >= 0xE0:
            return code - 256
        if code < 0x90:
            return self.map(code & 15, depth)
        if code < 0xA0:
            return self.array(code & 15, depth)
        if code < 0xC0:
            return self.text(code & 31)
        return self.longer(code, depth, is_first)

    def longer(self, code: int, depth: int, is_first: bool) -> Any:
        match code:
            case 0xC0:
                return None
            case 0xC2 | 0xC3:
                return code == 0xC3
            case 0xC4 | 0xC5 | 0xC6:
                return self.take(self.number(1 << (code - 0xC4)))
            case 0xC7 | 0xC8 | 0xC9:
                return self.ext(self.number(1 << (code - 0xC7)), is_first)
            case 0xCA:
                return struct.unpack(">f", self.take(4))[0]
            case 0xCB:
                return struct.unpack(">d", self.take(8))[0]
            case 0xCC | 0xCD | 0xCE | 0xCF:
                return self.number(1 << (code - 0xCC))
            case 0xD0 | 0xD1 | 0xD2 | 0xD3:
                return int.from_bytes(self.take(1 << (code - 0xD0)), "big", signed=True)
            case 0xD4 | 0xD5 | 0xD6 | 0xD7 | 0xD8:
                return self.ext(1 << (code - 0xD4), is_first)
            case 0xD9 | 0xDA | 0xDB:
                return self.text(self.number(1 << (code - 0xD9)))
            case 0xDC | 0xDD:
                return self.array(self.number(2 << (code - 0xDC)), depth)
            case 0xDE | 0xDF:
                return self.map(self.number(2 << (code - 0xDE)), depth)
        raise Fault(MALFORMED)

    def text(self, length: int) -> str:
        try:
            return self.take(length).decode("utf-8")
        except UnicodeDecodeError:
            raise Fault(UTF8) from None

    def ext(self, length: int, is_first: bool) -> Unit:
        if length > max(self.quotas["integer"], 256):
            raise Fault(SIZE)
        unit = Unit(self.number(1), self.take(length))
        if unit.code == 19 and length > self.quotas["integer"]:
            raise Fault(SIZE)
        if unit.code not in EXTS or not EXTS[unit.code](unit.data) or (unit.code == 18 and not is_first):
            raise Fault(EXT)
        return unit

    def open(self, count: int, depth: int) -> None:
        if depth >= self.quotas["depth"]:
            raise Fault(DEPTH)
        if self.elements + count > self.quotas["elements"] or self.at + count > self.quotas["message"]:
            raise Fault(SIZE)

    def array(self, count: int, depth: int) -> list[Any]:
        self.open(count, depth)
        return [self.object(depth + 1, is_first=number == 0) for number in range(count)]

    def map(self, count: int, depth: int) -> Map:
        self.open(2 * count, depth)
        self.keys += count
        if self.keys > self.quotas["keys"]:
            raise Fault(SIZE)
        found = Map()
        seen: set[tuple[type, Any]] = set()
        for _ in range(count):
            key = self.object(depth + 1)
            if type(key) not in (str, int):
                raise Fault(MALFORMED)
            if (type(key), key) in seen:
                raise Fault(KEY)
            seen.add((type(key), key))
            found.append((key, self.object(depth + 1)))
        self.keys -= count
        return found


# ---- objects to bytes ----


def packed(value: Any) -> bytes:
    """In the shortest form."""
    match value:
        case None:
            return b"\xc0"
        case bool():
            return b"\xc3" if value else b"\xc2"
        case int():
            return _packed_int(value)
        case float():
            return b"\xcb" + struct.pack(">d", value)
        case str():
            data = value.encode()
            if len(data) < 32:
                return bytes([0xA0 | len(data)]) + data
            return _sized((0xD9, 0xDA, 0xDB), len(data)) + data
        case bytes():
            return _sized((0xC4, 0xC5, 0xC6), len(value)) + value
        case Unit():
            small = {1: 0xD4, 2: 0xD5, 4: 0xD6, 8: 0xD7, 16: 0xD8}.get(len(value.data))
            head = bytes([small]) if small else _sized((0xC7, 0xC8, 0xC9), len(value.data))
            return head + bytes([value.code]) + value.data
        case Map():
            head = bytes([0x80 | len(value)]) if len(value) < 16 else _sized((0, 0xDE, 0xDF), len(value), least=2)
            return head + b"".join(packed(key) + packed(item) for key, item in value)
        case dict():
            return packed(Map(value.items()))
        case list() | tuple():
            head = bytes([0x90 | len(value)]) if len(value) < 16 else _sized((0, 0xDC, 0xDD), len(value), least=2)
            return head + b"".join(map(packed, value))
    raise TypeError(type(value))


def _sized(codes: tuple[int, int, int], length: int, *, least: int = 1) -> bytes:
    size = least if length < 1 << 8 * least else 2 if length < 1 << 16 else 4
    return bytes([codes[size // 2]]) + length.to_bytes(size, "big")


def _packed_int(value: int) -> bytes:
    if 0 <= value < 128 or -32 <= value < 0:
        return (value & 0xFF).to_bytes(1, "big")
    for power, size in enumerate((1, 2, 4, 8)):
        if 0 <= value < 1 << 8 * size:
            return bytes([0xCC + power]) + value.to_bytes(size, "big")
        if -(1 << 8 * size - 1) <= value < 0:
            return bytes([0xD0 + power]) + value.to_bytes(size, "big", signed=True)
    size = (value + (value < 0)).bit_length() // 8 + 1
    return packed(Unit(19, value.to_bytes(size, "big", signed=True)))


# ---- the hall ----


class Ticket:
    def __init__(self, number: int) -> None:
        self.count = number


def _int(value: Any) -> int:
    if type(value) is int:
        return value
    if isinstance(value, Unit) and value.code == 19:
        return int.from_bytes(value.data, "big", signed=True)
    raise Failed("TypeError", "an int is wanted")


def _exactly(kind: type) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if type(value) is not kind:
            raise Failed("TypeError", f"{kind.__name__} is wanted")
        return value

    return check


def _float(value: Any) -> float:
    return value if type(value) is float else _int(value)


def _data(value: Any) -> Any:
    if isinstance(value, Unit) and value.code in (16, 17):
        raise Failed("TypeError", "data is wanted")
    for item in value if isinstance(value, list) and not isinstance(value, Map) else ():
        _data(item)
    for _, item in value if isinstance(value, Map) else ():
        _data(item)
    return value


_text, _bool = _exactly(str), _exactly(bool)


class Hall:
    def __init__(self) -> None:
        self.title = "hall"
        self.size = 3
        self.given = 0
        self.text = ""


class Numbers:
    """An Iterator[int]."""

    def __init__(self, end: int) -> None:
        self.items: Iterator[int] = iter(range(end))


def _next(numbers: Numbers) -> int:
    for number in numbers.items:
        return number
    raise Failed("StopIteration")


def _count_on(hall: Hall) -> Ticket:
    hall.given += 1
    return Ticket(hall.given)


def _note(hall: Hall, text: str) -> None:
    hall.text = text


def _fail(_: Hall, kind: str) -> None:
    raise Failed("KeyError" if kind == "KeyError" else "RemoteError")


def _void(ticket: Ticket) -> None:
    ticket.count = 0


def _set(hall: Hall, name: str, value: str) -> None:
    assert name == "title"
    hall.title = value


# A method: its parameters as (name, check, is there a default), how many of them go by place only, what it does, and the interface of its result.
# A check of a reference is the name of an interface; "fn" is a function of the client's. A name that begins with a star takes all that is left.
Method = tuple[list[tuple[str, Any, bool]], int, Callable[..., Any], str]
INTERFACES: dict[str, dict[str, Method]] = {
    "hall:Hall": {
        "add": ([("a", _int, False), ("b", _int, False)], 2, lambda hall, a, b: a + b, ""),
        "apply": ([("f", "fn", False), ("n", _int, False)], 0, lambda hall, f, n: f(n), ""),
        "count": ([("n", _int, False)], 0, lambda hall, n: Numbers(n), "Iterator[int]"),
        "echo": ([("value", _data, False)], 0, lambda hall, value: value, ""),
        "fail": ([("kind", _text, False)], 0, _fail, ""),
        "flip": ([("value", _bool, False)], 0, lambda hall, value: not value, ""),
        "greet": (
            [("name", _text, False), ("greeting", _text, True)],
            0,
            lambda hall, name, greeting="hello": f"{greeting} {name}",
            "",
        ),
        "half": ([("value", _float, False)], 0, lambda hall, value: value / 2, ""),
        "note": ([("text", _text, False)], 0, _note, ""),
        "noted": ([], 0, lambda hall: hall.text, ""),
        "number": ([("ticket", "hall:Ticket", False)], 0, lambda hall, ticket: ticket.count, ""),
        "take": ([("value", _data, False)], 0, lambda hall, value: None, ""),
        "ticket": ([], 0, _count_on, "hall:Ticket"),
        "total": (
            [("*values", _int, True), ("**more", _int, True)],
            0,
            lambda hall, *values, **more: sum(values) + sum(more.values()),
            "",
        ),
        "view": ([("ticket", "hall:Ticket", False)], 0, lambda hall, ticket: ticket, "hall:View"),
    },
    "hall:Ticket": {"number": ([], 0, lambda ticket: ticket.count, ""), "void": ([], 0, _void, "")},
    "hall:View": {"number": ([], 0, lambda ticket: ticket.count, "")},
    "Iterator[int]": {
        "__iter__": ([], 0, lambda numbers: numbers, "Iterator[int]"),
        "__next__": ([], 0, _next, ""),
    },
}
GET: dict[str, Callable[[Hall], Any]] = {"size": lambda hall: hall.size, "title": lambda hall: hall.title}


# ---- the session ----


class Session:
    def __init__(self, stream: socket.socket, quotas: dict[str, int], bodies: dict[str, Any]) -> None:
        self.stream = stream
        self.quotas = quotas
        self.bodies = bodies
        self.buffer = b""
        self.out_lane = 0
        self.lanes = [0, 0]  # of the first stream and the second
        self.second = b""
        self.is_second = self.is_fresh = self.has_hello = False
        self.waiting: dict[int, list[list[Any]]] = {}  # by lane: answers to callbacks of ours, filled when they come
        self.described: dict[str, int] = {}
        self.ids: dict[tuple[int, str], int] = {}
        self.held: dict[int, tuple[Any, str, int]] = {0: (Hall(), "hall:Hall", 1)}
        self.last_id = 0

    # -- in and out --

    @property
    def in_lane(self) -> int:
        return self.lanes[self.is_second]

    def message(self) -> Any:
        """The next one, of the second stream when a part has brought its end."""
        while True:
            self.is_second = True
            found, self.second = self.whole(self.second, self.quotas) if self.is_fresh else (None, self.second)
            if found is not None:
                if len(found) != 4 and (not found or found[0] not in OF_A_LANE):
                    self.check(found)
                    raise Fault(TURN)
                return found
            self.is_second = self.is_fresh = False
            if self.part():
                continue
            between = {**self.quotas, "message": min(self.quotas["message"], BETWEEN)}
            found, self.buffer = self.whole(self.buffer, between if self.second else self.quotas)
            if found is not None:
                return found
            self.read()

    def read(self) -> None:
        more = self.stream.recv(65536)
        if not more:
            raise Gone
        self.buffer += more

    def part(self) -> bool:
        """A part, if one is next: what it carries goes to the second stream."""
        while len(self.buffer) < 2 and PART.startswith(self.buffer):
            self.read()
        if not self.buffer.startswith(PART):
            return False
        while len(self.buffer) < 7 and len(self.buffer) < 3 + {0xC4: 1, 0xC5: 2, 0xC6: 4}.get(
            self.buffer[2:3][0] if self.buffer[2:3] else 0xC4, 0
        ):
            self.read()
        width = {0xC4: 1, 0xC5: 2, 0xC6: 4}.get(self.buffer[2], 0)
        length = int.from_bytes(self.buffer[3 : 3 + width], "big")
        if length == 0:
            raise Fault(MALFORMED)
        if length > min(self.quotas["message"], BETWEEN):
            raise Fault(SIZE)
        if not self.has_hello:
            raise Fault(TURN)
        if len(self.second) + length > self.quotas["message"] + 1:
            raise Fault(SIZE)
        end = 3 + width + length
        while len(self.buffer) <= end:
            self.read()
        if self.buffer[end] != 10:
            raise Fault(NO_NEWLINE)
        self.second += self.buffer[3 + width : end]
        self.buffer = self.buffer[end + 1 :]
        self.is_fresh = True
        return True

    def whole(self, data: bytes, quotas: dict[str, int]) -> tuple[Any, bytes]:
        """The message that stands at the front, if it is whole, and what stands behind it."""
        reader = Reader(data, quotas)
        try:
            if data and not (0x90 <= data[0] < 0xA0 or data[0] in (0xDC, 0xDD)):
                raise Fault(MALFORMED)
            value = reader.object()
            if reader.at == len(data):
                raise Reader.Short
        except Reader.Short:
            return None, data
        if data[reader.at] != 10:
            raise Fault(NO_NEWLINE)
        return value, data[reader.at + 1 :]

    def send(self, message: list[Any], lane: int | None = None) -> None:
        data = b""
        if lane is not None and lane != self.out_lane:
            data = packed([LANE, lane]) + b"\n"
            self.out_lane = lane
        self.stream.sendall(data + packed(message) + b"\n")

    # -- references --

    def describe(self, interface: str) -> int:
        if interface not in self.described:
            self.described[interface] = len(self.described) + 1
            description = {"interfaces": {interface: self.bodies[interface]}}
            self.send([DESCRIBE, self.described[interface], description])
        return self.described[interface]

    def export(self, value: Any, interface: str) -> Unit:
        number = self.ids.get((id(value), interface))
        if number is None or number not in self.held:
            if len(self.held) > self.quotas["references"]:
                raise Failed("QuotaExceeded", f"references: {self.quotas['references']}")
            self.last_id += 1
            number = self.last_id
            self.ids[id(value), interface] = number
            self.held[number] = (value, interface, 0)
        held, interface, count = self.held[number]
        self.held[number] = (held, interface, count + 1)
        return Unit(16, struct.pack(">QI", number, self.describe(interface)))

    def free(self, number: int, count: int) -> None:
        if number == 0 or number not in self.held or self.held[number][2] < count:
            raise Fault(TURN)
        value, interface, had = self.held[number]
        if had > count:
            self.held[number] = (value, interface, had - count)
        else:
            del self.held[number], self.ids[id(value), interface]

    def give_back(self, value: Any) -> None:
        """What a value has brought and nobody keeps."""
        counts: dict[int, int] = {}
        for number in _lent(value):
            counts[number] = counts.get(number, 0) + 1
        for number, count in counts.items():
            self.send([FREE, number, count])

    # -- calls --

    def admitted(self, reference: Any, name: str, args: list[Any], kwargs: Map) -> tuple[Callable[[], Any], str]:
        """What is to be done, and the interface of its result."""
        if reference not in self.held:
            raise Failed(*DENIAL)
        value, interface, _ = self.held[reference]
        if interface == "hall:Hall" and name in ("__getattr__", "__setattr__"):
            return self.attribute(value, name, args), ""
        method = INTERFACES[interface].get(name)
        if method is None:
            raise Failed(*DENIAL)
        parameters, by_place_only, do, result = method
        places, names = self.bound(parameters, by_place_only, args, kwargs)
        return lambda: do(value, *places, **names), result

    def attribute(self, hall: Hall, name: str, args: list[Any]) -> Callable[[], Any]:
        wanted = 1 if name == "__getattr__" else 2
        if len(args) != wanted or type(args[0]) is not str:
            raise Failed("TypeError", "a name is wanted")
        if name == "__getattr__" and args[0] in GET:
            return lambda: GET[args[0]](hall)
        if name == "__setattr__" and args[0] == "title":
            text = _text(args[1])
            return lambda: _set(hall, "title", text)
        raise Failed(*DENIAL)

    def bound(
        self, parameters: list[tuple[str, Any, bool]], by_place_only: int, args: list[Any], kwargs: Map
    ) -> tuple[list[Any], dict[str, Any]]:
        places: list[Any] = []
        names: dict[str, Any] = {}
        given = dict(kwargs)
        left = list(args)
        for number, (name, check, has_default) in enumerate(parameters):
            if name.startswith("**"):
                names |= {key: self.checked(check, value) for key, value in given.items()}
                given.clear()
            elif name.startswith("*"):
                places += [self.checked(check, value) for value in left]
                left.clear()
            elif left:
                places.append(self.checked(check, left.pop(0)))
                if name in given:
                    raise Failed("TypeError", f"'{name}' twice")
            elif name in given and number >= by_place_only:
                names[name] = self.checked(check, given.pop(name))
            elif not has_default:
                raise Failed("TypeError", f"'{name}' is missing")
        if left or given:
            raise Failed("TypeError", "too many arguments")
        return places, names

    def checked(self, check: Any, value: Any) -> Any:
        if callable(check):
            return check(value)
        if not isinstance(value, Unit) or value.code not in (16, 17):
            raise Failed("TypeError", "a reference is wanted")
        number = int.from_bytes(value.data[:8], "big")
        if check == "fn" and value.code == 16:
            return lambda argument: self.call_back(number, argument)
        if value.code == 17 and number in self.held and self.held[number][1] == check:
            return self.held[number][0]
        raise Failed(*DENIAL)

    def call_back(self, number: int, argument: int) -> int:
        lane = self.lane
        answer: list[Any] = []
        self.waiting.setdefault(lane, []).append(answer)
        self.send([number, "__call__", [argument], {}], lane)
        while not answer:
            self.step()
        self.lane = lane
        (kind, value) = answer
        if kind == ERROR:
            raise Failed("RemoteError")
        try:
            return _int(value)
        except Failed:
            raise Failed("RemoteError") from None

    def serve_call(self, call: list[Any], lane: int, *, is_silent: bool = False) -> Any:
        """Does it, and answers it; what came of it."""
        reference, name, args, kwargs = call
        self.lane = lane
        try:
            do, interface = self.admitted(reference, name, args, kwargs)
            value = do()
            if interface and not is_silent:
                value = self.export(value, interface)
            answer = [RETURN, value]
        except Failed as failed:
            answer = [ERROR, [failed.type, failed.text, None, None]]
        self.lane = lane
        if not is_silent:
            self.send(answer, lane)
        self.give_back([args, kwargs])
        return answer

    # -- messages --

    def serve(self) -> None:
        hello = self.message()
        if hello[:1] == [GOODBYE] and len(hello) == 3:
            return
        self.check(hello)
        if hello[0] != HELLO:
            raise Fault(TURN)
        self.has_hello = True
        if hello[3] not in (None, "hall"):
            raise Fault(DENIED)
        self.send(
            [
                HELLO,
                "pynto",
                1,
                None,
                {key: self.quotas[key] for key in ("message", "depth", "elements", "references")}
                | {"part": min(self.quotas["message"], BETWEEN)},
            ]
        )
        self.send([RETURN, Unit(16, struct.pack(">QI", 0, self.describe("hall:Hall")))])
        while True:
            self.step()

    def step(self) -> None:
        message = self.message()
        self.check(message)
        kind = message[0] if len(message) != 4 else None
        lane = self.in_lane
        match kind:
            case None:
                self.may_call(lane)
                self.serve_call(message, lane)
            case x if x == ASK:
                self.take_ask(message, lane)
            case x if x == BATCH:
                self.may_call(lane)
                self.take_batch(message[1], message[2], lane)
            case x if x in (RETURN, ERROR):
                if not self.waiting.get(lane):
                    raise Fault(TURN)
                self.waiting[lane].pop().extend([kind, message[1]])
            case x if x == FREE:
                self.free(message[1], message[2])
            case x if x == LANE:
                self.lanes[self.is_second] = message[1]
            case x if x == PING:
                self.send([PONG, message[1]])
            case x if x == LOOK:
                self.take_look(message[1], message[2])
            case x if x == GOODBYE:
                raise Gone
            case x if x in (CANCEL, PONG):
                pass  # nothing waits here: one call runs at a time
            case _:
                raise Fault(TURN)

    def may_call(self, lane: int) -> None:
        if lane % 2 and not self.waiting.get(lane):
            raise Fault(TURN)

    def take_ask(self, message: list[Any], lane: int) -> None:
        options = dict(message[5])
        call = message[1:5]
        is_silent = "oneway" in options
        self.may_call(lane)
        if is_silent and self.waiting.get(lane):
            raise Fault(TURN)
        if options.get("within") == 0 and not is_silent:
            self.send([ERROR, ["DeadlineExceeded", "deadline: over before its turn", None, None]], lane)
        elif "ahead" in options:
            self.take_ahead(call, lane)
        else:
            self.serve_call(call, lane, is_silent=is_silent)

    def take_ahead(self, call: list[Any], lane: int) -> None:
        held = self.held.get(call[0])
        if held is None or held[1] != "Iterator[int]" or call[1] != "__next__":
            self.send([ERROR, [*DENIAL, None, None]], lane)
            return
        try:
            item = _next(held[0])
        except Failed as failed:
            self.send([ERROR, [failed.type, "", None, None]], lane)
            return
        self.send([ITEMS, [item]], lane)
        self.send([RETURN, None], lane)

    def take_batch(self, steps: list[Any], options: Map, lane: int) -> None:
        answers: list[list[Any]] = []
        for step in steps:
            failed = next((answers[n] for n in _promises(step) if answers[n][0] == ERROR), None)
            if dict(options).get("within") == 0:
                failed = [ERROR, ["DeadlineExceeded", "deadline: over before its turn", None, None]]
            if failed is not None:
                self.send(failed, lane)
                answers.append(failed)
                continue
            answers.append(self.serve_call(_kept(step, answers), lane))

    def take_look(self, number: int, name: str) -> None:
        interface = next((key for key, value in self.described.items() if value == number), None)
        if interface is not None and any(method[3] == name for method in INTERFACES[interface].values()):
            self.describe(name)

    # -- the grammar --

    def check(self, message: list[Any]) -> None:
        if len(message) == 4:
            _check_call(message)
            return
        if not message or type(message[0]) is not int or message[0] not in SHAPES:
            raise Fault(MALFORMED)
        if not any(len(message) == len(shape) + 1 and _all(shape, message[1:]) for shape in SHAPES[message[0]]):
            raise Fault(MALFORMED)
        if message[0] == HELLO:
            if message[1:3] != ["pynto", 1] or type(message[2]) is not int:
                raise Fault(VERSION)
            if hasattr(self, "lane"):
                raise Fault(TURN)
        if message[0] == ASK:
            _check_call(message[1:5])
        if message[0] == BATCH:
            _check_batch(message[1])
        elif _has_promise(message):
            raise Fault(EXT)


def _lent(value: Any) -> Iterator[int]:
    """The numbers of the other end's references in a value."""
    if isinstance(value, Unit) and value.code == 16:
        yield int.from_bytes(value.data[:8], "big")
    elif isinstance(value, Map):
        for _, item in value:
            yield from _lent(item)
    elif isinstance(value, list):
        for item in value:
            yield from _lent(item)


def _promises(value: Any) -> list[int]:
    if isinstance(value, Unit):
        return [int.from_bytes(value.data, "big")] if value.code == 27 else []
    if isinstance(value, Map):
        return [number for _, item in value for number in _promises(item)]
    return [number for item in value for number in _promises(item)] if isinstance(value, list) else []


def _has_promise(value: Any) -> bool:
    return bool(_promises(value))


def _kept(value: Any, answers: list[list[Any]], *, is_reference: bool = False) -> Any:
    """A step with its promises kept."""
    match value:
        case Unit(code=27):
            found = answers[int.from_bytes(value.data, "big")][1]
            return Unit(17, found.data[:8]) if isinstance(found, Unit) and found.code == 16 else found
        case Map():
            return Map((key, _kept(item, answers)) for key, item in value)
        case [Unit(code=27) as reference, str(), list(), Map()]:
            target = _kept(reference, answers)
            number = int.from_bytes(target.data, "big") if isinstance(target, Unit) and target.code == 17 else -1
            return [number, *(_kept(item, answers) for item in value[1:])]
        case list():
            return [_kept(item, answers) for item in value]
    return value


# ---- shapes of messages ----


def _is_name(value: Any) -> bool:
    return type(value) is str and 1 <= len(value.encode()) <= 255


def _is_from(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and low <= value <= high


def _is_error(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != 4:
        return False
    type_, text, trace, incident = value
    return (
        _is_name(type_) and type(text) is str and all(part is None or type(part) is str for part in (trace, incident))
    )


def _is_details(value: Any) -> bool:
    return isinstance(value, Map) and {key for key, _ in value} <= {
        "value",
        "fields",
        "causes",
        "errors",
        "yours",
        "beyond",
    }


def _is_options(value: Any) -> bool:
    if not isinstance(value, Map):
        return False
    rules = {"within": _is_from(0, 2**63 - 1), "ahead": _is_from(1, 2**32 - 1), "oneway": lambda item: item is True}
    keys = {key for key, _ in value}
    return keys <= rules.keys() and all(rules[key](item) for key, item in value) and not keys >= {"ahead", "oneway"}


def _is_str(value: Any) -> bool:
    return type(value) is str


def _is_any(value: Any) -> bool:
    return True


def _is_array(value: Any) -> bool:
    return isinstance(value, list) and not isinstance(value, Map)


def _is_map(value: Any) -> bool:
    return isinstance(value, Map)


def _is_root(value: Any) -> bool:
    return value is None or _is_name(value)


_LANE = _is_from(0, 2**63 - 1)
_ID = _is_from(0, 2**64 - 1)
_INTERFACE = _is_from(1, 2**32 - 1)
SHAPES: dict[int, list[list[Callable[[Any], bool]]]] = {
    RETURN: [[_is_any]],
    ERROR: [[_is_error], [_is_error, _is_details]],
    FREE: [[_ID, _is_from(1, 2**64 - 1)]],
    LANE: [[_LANE]],
    DESCRIBE: [[_INTERFACE, _is_map]],
    CANCEL: [[]],
    GOODBYE: [[_is_from(0, 2**32 - 1), _is_str]],
    HELLO: [[_is_str, _is_any, _is_root, _is_map]],
    PING: [[_LANE]],
    PONG: [[_LANE]],
    ASK: [[_is_any, _is_any, _is_any, _is_any, _is_options]],
    BATCH: [[_is_array, lambda value: _is_options(value) and {key for key, _ in value} <= {"within"}]],
    ITEMS: [[_is_array]],
    STALE: [[_ID, lambda value: value is None or _is_name(value)]],
    LOOK: [[_INTERFACE, _is_name]],
}


def _all(shape: list[Callable[[Any], bool]], parts: list[Any]) -> bool:
    return all(check(part) for check, part in zip(shape, parts, strict=True))


def _check_call(call: Any, *, step: int | None = None) -> None:
    """A call, or the step of a batch that has this number."""
    if not _is_array(call) or len(call) != 4:
        raise Fault(MALFORMED)
    reference, name, args, kwargs = call
    is_promise = step is not None and isinstance(reference, Unit) and reference.code == 27
    is_number = type(reference) is int or (isinstance(reference, Unit) and reference.code == 19)
    if not (is_promise or is_number) or not _is_name(name) or not _is_array(args) or not _is_map(kwargs):
        raise Fault(MALFORMED)
    if any(type(key) is not str for key, _ in kwargs) or (args and isinstance(args[0], Unit) and args[0].code == 18):
        raise Fault(MALFORMED)
    if any(step is None or number >= step for number in _promises(call)):
        raise Fault(EXT)


def _check_batch(steps: list[Any]) -> None:
    if not steps:
        raise Fault(MALFORMED)
    if len(steps) > 256:
        raise Fault(SIZE)
    for number, step in enumerate(steps):
        _check_call(step, step=number)


def serve(stream: socket.socket, hall: dict[str, Any]) -> None:
    """Serves one connection to its end; hall is what hall.json has."""
    with stream:
        session = Session(stream, hall["quotas"], hall["interfaces"])
        try:
            session.serve()
        except Gone:
            return
        except (BrokenPipeError, ConnectionResetError):
            return
        except Fault as fault:
            try:
                session.send([GOODBYE, fault.code, "fault"])
                stream.shutdown(socket.SHUT_WR)
            except OSError:
                return
            stream.settimeout(1)
            try:
                while stream.recv(65536):
                    pass  # so that the goodbye is not lost by a reset
            except OSError:
                return
