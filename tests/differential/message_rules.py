"""What docs/protocol.md asks of the bytes of a message, read once more: by Python, from the page, to say which goodbye a message has earned.

``verdict`` gives the codes of docs/protocol.md that may be given for the first object that breaks a rule: several where it breaks several. WAIT stands for
a message that has not come to its end, and nothing for one that is let in.
"""

from __future__ import annotations

import datetime as dt
import re
import struct
from dataclasses import dataclass

WAIT, MALFORMED, NEWLINE, DEPTH, SIZE, UTF8, TWICE, EXT = 2, 8, 9, 10, 11, 12, 13, 14
PARTS_MAX = 8  # items of a message's own array: the longest message has six

# Where the protocol is narrower than msgpack, by the rule of docs/protocol.md. ``BROADER`` has the rules of msgpack's own: no reader takes these.
NARROWER = {
    "P5": "a message is an array",
    "P15": "no message has so many parts",
    "P12": "a key is a str or an integer",
    "P13": "no key stands twice",
    "P14 code": "the ext codes are 16 to 27",
    "P14 length": "each ext has its length",
    "P14 payload": "and its payload",
    "P95": "a tag stands first in its array",
    "P103 depth": "nested at most `depth` deep",
    "P103 elements": "at most `elements` objects",
    "P103 keys": "at most `keys` keys",
    "P103 integer": "an INT of `integer` bytes at most",
    "P103 message": "at most `message` bytes",
}
BROADER = {
    "P11": "0xC1 is nothing",
    "P9": "a str is UTF-8",
    "P5 newline": "a newline behind the array",
    "short": "it has not come to its end",
}
CODES = {
    "P5": MALFORMED,
    "P15": MALFORMED,
    "P12": MALFORMED,
    "P11": MALFORMED,
    "P13": TWICE,
    "P9": UTF8,
    "P14 code": EXT,
    "P14 length": EXT,
    "P14 payload": EXT,
    "P95": EXT,
    "P103 depth": DEPTH,
    "P103 elements": SIZE,
    "P103 keys": SIZE,
    "P103 integer": SIZE,
    "P103 message": SIZE,
    "P5 newline": NEWLINE,
    "short": WAIT,
}


@dataclass(frozen=True)
class Limits:
    message: int = 16 << 20
    depth: int = 32
    elements: int = 65536
    keys: int = 1024
    integer: int = 4096

    def packed(self) -> bytes:
        return struct.pack(">5I", self.message, self.depth, self.elements, self.keys, self.integer)


# ---- ext ----

LENGTHS = {
    16: (12,),
    17: (8,),
    18: (1,),
    20: (16,),
    21: (11, 14),
    22: (4,),
    23: (7, 10),
    24: (12,),
    26: (16,),
    27: (4,),
}
DECIMAL = re.compile(rb"[-+]?(?:[0-9]+(?:\.[0-9]+)?(?:E[-+]?[0-9]{1,18})?|Infinity|s?NaN[0-9]*)")


def is_int(data: bytes) -> bool:
    value = int.from_bytes(data, "big", signed=True)
    return not -(2**63) <= value < 2**64 and len(data) == (value + (value < 0)).bit_length() // 8 + 1


def is_date(data: bytes) -> bool:
    try:
        dt.date(*struct.unpack(">HBB", data))
    except ValueError:
        return False
    return True


def is_time(data: bytes) -> bool:
    try:
        dt.time(*data[:3], int.from_bytes(data[4:7], "big"), fold=data[3])
        dt.timezone(dt.timedelta(seconds=int.from_bytes(data[7:], "big", signed=True)))
    except ValueError:
        return False
    return True


def is_timedelta(data: bytes) -> bool:
    days, seconds, microseconds = struct.unpack(">iII", data)
    return -999_999_999 <= days <= 999_999_999 and seconds < 86_400 and microseconds < 1_000_000


PAYLOADS = {
    18: lambda data: 1 <= data[0] <= 9,
    19: is_int,
    21: lambda data: is_date(data[:4]) and is_time(data[4:]),
    22: is_date,
    23: is_time,
    24: is_timedelta,
    25: lambda data: DECIMAL.fullmatch(data) is not None,
}


def ext_length(code: int, length: int, limits: Limits) -> str | None:
    if code == 19:
        return "P14 length" if length < 9 else "P103 integer" if length > limits.integer else None
    if code == 25:
        return None if 1 <= length <= 256 else "P14 length"
    if code not in LENGTHS:
        return "P14 code"
    return None if length in LENGTHS[code] else "P14 length"


# ---- the layout of msgpack ----

SCALAR, STR, BIN, INTEGER, ARRAY, MAP, EXTENSION, NOTHING = range(8)


def forms() -> list[tuple[int, int, int, int]]:
    """By the first byte: what it is, bytes of the head, bytes of the length in it, and what is behind the head when no length says so."""
    made = [(INTEGER, 1, 0, 0)] * 256
    for low in range(16):
        made[0x80 + low], made[0x90 + low] = (MAP, 1, 0, low), (ARRAY, 1, 0, low)
    for low in range(32):
        made[0xA0 + low] = (STR, 1, 0, low)
    made[0xC0:0xC4] = [(kind, 1, 0, 0) for kind in (SCALAR, NOTHING, SCALAR, SCALAR)]
    for power in range(3):
        width = 1 << power
        made[0xC4 + power] = (BIN, 1 + width, width, 0)
        made[0xC7 + power] = (EXTENSION, 2 + width, width, 0)
        made[0xD9 + power] = (STR, 1 + width, width, 0)
    for power in range(4):
        made[0xCC + power] = made[0xD0 + power] = (INTEGER, 1, 0, 1 << power)
    for power in range(5):
        made[0xD4 + power] = (EXTENSION, 2, 0, 1 << power)
    made[0xCA], made[0xCB] = (SCALAR, 1, 0, 4), (SCALAR, 1, 0, 8)
    made[0xDC], made[0xDD] = (ARRAY, 3, 2, 0), (ARRAY, 5, 4, 0)
    made[0xDE], made[0xDF] = (MAP, 3, 2, 0), (MAP, 5, 4, 0)
    return made


FORMS = forms()
SIGNED = frozenset(range(0xD0, 0xD4))


class Open:
    """A container whose items are still coming; at the bottom the stream, as if it were an array of one."""

    __slots__ = ("is_map", "items", "keys", "left")

    def __init__(self, items: int, is_map: bool) -> None:
        self.left = self.items = items
        self.is_map = is_map
        self.keys: set[int | bytes] = set()

    def wants_key(self) -> bool:
        return self.is_map and self.left % 2 == 0


class Walk:
    """One message, object by object. What an object announces is asked for at once."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self.data, self.limits = data, limits
        self.at = 0
        self.asked = 1  # bytes that have come, and one for each object that was announced and has not
        self.elements = 1
        self.open_keys = 0
        self.is_twice = False
        self.open = [Open(1, False)]

    def rules(self) -> set[str]:
        while self.open:
            top = self.open[-1]
            if top.left == 0:
                self.open_keys -= top.items // 2 if top.is_map else 0
                self.open.pop()
            elif broken := self.step(top):
                return broken
        if self.is_twice:
            return {"P13"}
        if self.at == len(self.data):
            return {"short"}
        return set() if self.data[self.at] == 0x0A else {"P5 newline"}

    def step(self, top: Open) -> set[str]:
        """The next object: nothing, and it has been taken, or what it breaks."""
        data, at = self.data, self.at
        if at == len(data):
            return {"short"}
        kind, head, width, behind = FORMS[data[at]]
        if len(self.open) == 1 and kind != ARRAY:
            return {"P5"}
        self.asked += head - 1
        if at + head > len(data):
            return {"P103 message"} if self.asked > self.limits.message else {"short"}
        if width:
            behind = int.from_bytes(data[at + 1 : at + 1 + width], "big")
        is_container = kind == ARRAY or kind == MAP
        self.asked += 2 * behind if kind == MAP else behind
        broken = self.container(kind, behind) if is_container else self.scalar(kind, at + head, behind, top)
        if self.asked > self.limits.message:
            broken.add("P103 message")
        if kind != STR and kind != INTEGER and kind != NOTHING and top.wants_key():
            broken.add("P12")
        if broken:
            return broken
        if is_container:
            self.take(kind, behind, top)
            self.at = at + head
            return broken
        return self.body(kind, at + head, at + head + behind, top)

    def container(self, kind: int, size: int) -> set[str]:
        broken = set()
        if len(self.open) == 1 and size > PARTS_MAX:
            broken.add("P15")
        if len(self.open) > self.limits.depth:
            broken.add("P103 depth")
        if self.elements + (2 * size if kind == MAP else size) > self.limits.elements:
            broken.add("P103 elements")
        if kind == MAP and self.open_keys + size > self.limits.keys:
            broken.add("P103 keys")
        return broken

    def take(self, kind: int, size: int, top: Open) -> None:
        top.left -= 1
        items = 2 * size if kind == MAP else size
        self.elements += items
        self.open_keys += size if kind == MAP else 0
        if items:
            self.open.append(Open(items, kind == MAP))

    def scalar(self, kind: int, body: int, size: int, top: Open) -> set[str]:
        if kind == NOTHING:
            return {"P11"}
        broken = set()
        if kind == EXTENSION:
            code = self.code(body)
            if code == 18 and (top.is_map or top.left != top.items):
                broken.add("P95")
            if (rule := ext_length(code, size, self.limits)) is not None:
                broken.add(rule)
        return broken

    def code(self, body: int) -> int:
        return int.from_bytes(self.data[body - 1 : body], "big", signed=True)

    def body(self, kind: int, start: int, end: int, top: Open) -> set[str]:
        """What stands behind the head of what is no container."""
        if end > len(self.data):
            return {"short"}
        top.left -= 1
        payload = self.data[start:end]
        if kind == STR:
            try:
                payload.decode()
            except UnicodeDecodeError:
                return {"P9"}
        elif kind == EXTENSION and (broken := self.payload(self.code(start), payload, top.left)):
            return broken
        if top.is_map and top.left % 2:
            key = payload if kind == STR else self.integer(payload)
            self.is_twice = self.is_twice or key in top.keys
            top.keys.add(key)
        self.at = end
        return set()

    def payload(self, code: int, payload: bytes, behind: int) -> set[str]:
        """behind: items of the array that a tag stands at the head of."""
        if code in PAYLOADS and not PAYLOADS[code](payload):
            return {"P14 payload"}
        if code == 18 and {1: behind, 3: behind, 8: behind // 2}.get(payload[0], 0) > self.limits.keys:
            return {"P103 keys"}
        return set()

    def integer(self, payload: bytes) -> int:
        """By its value, whatever its form."""
        first = self.data[self.at]
        if payload:
            return int.from_bytes(payload, "big", signed=first in SIGNED)
        return first if first < 0x80 else first - 256


def verdict(data: bytes, limits: Limits) -> set[str]:
    """The rules that the first object breaks that breaks any; those of the whole when none does."""
    return Walk(data, limits).rules()
