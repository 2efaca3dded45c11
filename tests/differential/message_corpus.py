"""Messages of every kind, one after the other, from a seed: well formed, nearly so, and broken. Each is bytes, the newline with it."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator

from message_rules import Limits

WORDS = [
    *(b"", b"a", b"echo", b"post", b"constructor", b"hasOwnProperty", b"__call__", b"0", b"1", b"-1"),
    *(
        "caf\u00e9".encode(),
        "\u20ac".encode(),
        "\U0001f600".encode(),
        "\ufeffbom".encode(),
        "\uffff\U0010ffff".encode(),
    ),
    *(b"\x00", b"\n", b"a\nb\r\n", b"x" * 31, b"y" * 32, "\u00fc".encode() * 16),
]
LONG = [
    b"__proto__",
    b"z" * 199,
    b"z" * 255,
    b"z" * 256,
    ("\ufeff" + "q" * 250).encode(),
    "\u4e2d".encode() * 90,
    b"n" * 1000,
]
NOT_UTF8 = [
    *(
        b"\xc3(",
        b"\xc0\x80",
        b"\xed\xa0\x80",
        b"\xed\xbf\xbf",
        b"\xf4\x90\x80\x80",
        b"\xc3",
        b"\xff",
        b"\x80",
        b"a\xe2\x82",
    ),
    *(b"\xf0\x80\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xe0\x9f\xbf", b"z" * 201 + b"\xfe", b"\xf0\x9f\x98"),
]
EDGES = [
    0,
    1,
    10,
    31,
    32,
    127,
    128,
    255,
    256,
    32767,
    32768,
    65535,
    65536,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**32,
    2**53,
    2**53 + 1,
]
INTEGERS = [*EDGES, *(-edge for edge in EDGES), -33, -129, -32769, -(2**31) - 1, 2**63 - 1, 2**63, 2**64 - 1, -(2**63)]
INTEGER_FORMS = [
    *((0xCC, ">B", 0, 2**8), (0xCD, ">H", 0, 2**16), (0xCE, ">I", 0, 2**32), (0xCF, ">Q", 0, 2**64)),
    *(
        (0xD0, ">b", -(2**7), 2**7),
        (0xD1, ">h", -(2**15), 2**15),
        (0xD2, ">i", -(2**31), 2**31),
        (0xD3, ">q", -(2**63), 2**63),
    ),
]


def spellings(value: int) -> list[bytes]:
    """An integer in each form that holds it, the shortest first."""
    made = [bytes([value & 0xFF])] if -32 <= value < 128 else []
    made += [bytes([code]) + struct.pack(form, value) for code, form, low, high in INTEGER_FORMS if low <= value < high]
    return sorted(made, key=len)


SPELT = [spellings(value) for value in sorted(set(INTEGERS))]
REALS = [
    *(struct.pack(">Bd", 0xCB, real) for real in (0.0, -0.0, 1.0, -1.5, 1e300, 5e-324, float("inf"), float("-inf"))),
    *(struct.pack(">Bf", 0xCA, real) for real in (0.0, -0.0, 1.0, 1.5, 1e-45, 3e38, float("inf"))),
    *(
        b"\xcb\x7f\xf8" + bytes(6),
        b"\xcb\xff\xf0" + bytes(5) + b"\x01",
        b"\xca\x7f\xa0\x00\x01",
        b"\xcb\x43\x40" + bytes(6),
    ),
]
ODD_DECIMALS = [
    *(b"NaN", b"-sNaN12", b"+Infinity", b"+1E-18", b"0.0E+999999999999999999", b"00", b"-0"),
    *(b"1E+1000000000000000000", b"1e5", b"1.", b".5", b"1E", b"NaNx", b"Inf", b"1_0", b"--1", b" 1", b"\xd9\xa1", b""),
]


def sized(size: int, fix: int, fix_max: int, codes: tuple[int, ...], pick: float) -> bytes:
    """The head of a str, bin, array or map: the shortest form, or a longer one when pick is small. No fix form: fix_max is -1."""
    forms = [bytes([fix | size])] if size <= fix_max else []
    widths = (1, 2, 4)[-len(codes) :]
    forms += [
        bytes([code]) + size.to_bytes(width, "big")
        for code, width in zip(codes, widths, strict=True)
        if size >> 8 * width == 0
    ]
    return forms[0] if pick > 0.15 else forms[int(pick / 0.15 * len(forms))]


def two(number: int) -> bytes:
    return number.to_bytes(2, "big")


class Corpus:
    def __init__(self, seed: int, limits: Limits) -> None:
        self.random = random.Random(seed)
        self.limits = limits
        self._roll = self.random.random
        self._below = self.random._randbelow  # type: ignore[attr-defined]
        self._left = 0  # of objects for the message

    # ---- scalars ----

    def integer(self) -> bytes:
        roll = self._roll()
        if roll < 0.4:
            return bytes([self._below(128)])
        if roll < 0.5:
            return bytes([224 + self._below(32)])
        forms = SPELT[self._below(len(SPELT))]
        return forms[0] if roll < 0.8 else forms[self._below(len(forms))]

    def text(self) -> bytes:
        roll = self._roll()
        body = WORDS[self._below(len(WORDS))] if roll < 0.95 else LONG[self._below(len(LONG))]
        if roll < 0.0015:
            body = NOT_UTF8[self._below(len(NOT_UTF8))]
        return sized(len(body), 0xA0, 31, (0xD9, 0xDA, 0xDB), self._roll()) + body

    def blob(self) -> bytes:
        roll = self._roll()
        body = self.random.randbytes(self._below(6) if roll < 0.95 else self._below(300))
        return sized(len(body), 0, -1, (0xC4, 0xC5, 0xC6), self._roll()) + body

    def ext(self) -> bytes:
        code, body = self.ext_parts()
        roll = self._roll()
        if roll < 0.02:
            body = (body + b"\0") if self._below(2) else body[:-1]
        elif roll < 0.03:
            code = self._below(256)
        elif roll < 0.035:
            code, body = 18, b"\1"
        return self.ext_bytes(code, body)

    def ext_bytes(self, code: int, body: bytes) -> bytes:
        size = len(body)
        if size in (1, 2, 4, 8, 16) and self._roll() > 0.15:
            return bytes([0xD4 + size.bit_length() - 1, code]) + body
        return sized(size, 0, -1, (0xC7, 0xC8, 0xC9), self._roll()) + bytes([code]) + body

    def ext_parts(self) -> tuple[int, bytes]:
        """One of the protocol's, nearly always as it should be."""
        code = 16 + self._below(12)
        if code == 18:
            code = 26
        return code, EXT_BODIES[code](self)

    def whole(self) -> bytes:
        size = 9 + self._below(4) if self._roll() < 0.9 else self.limits.integer - 1 + self._below(3)
        first = (1, 0x7F, 0x80, 0xFE, 0, 0xFF)[self._below(6 if self._roll() < 0.2 else 4)]
        return bytes([first]) + self.random.randbytes(size - 1)

    def date(self) -> bytes:
        year = (1, 1900, 2000, 2023, 2024, 9999)[self._below(6)] if self._roll() < 0.97 else (0, 10000)[self._below(2)]
        if self._roll() < 0.2:
            return two((1900, 2000, 2023, 2024)[self._below(4)]) + bytes([2, 27 + self._below(4)])
        return two(year) + bytes([1 + self._below(12), 1 + self._below(28 if self._roll() < 0.8 else 31)])

    def clock(self) -> bytes:
        stretch = self._roll() < 0.03
        made = bytes(
            [self._below(24 + stretch), self._below(60 + stretch), self._below(60 + stretch), self._below(2 + stretch)]
        )
        made += (self._below(1_000_000) if self._roll() < 0.97 else 999_999 + self._below(2)).to_bytes(3, "big")
        if self._roll() < 0.5:
            offset = (
                (0, 3600, -18000, 86399, -86399)[self._below(5)]
                if self._roll() < 0.96
                else (86400, -86400)[self._below(2)]
            )
            made += offset.to_bytes(3, "big", signed=True)
        return made

    def span(self) -> bytes:
        days = (
            (0, 1, -1, 999_999_999, -999_999_999)[self._below(5)]
            if self._roll() < 0.96
            else (10**9, -(10**9))[self._below(2)]
        )
        seconds = self._below(86_400) if self._roll() < 0.97 else 86_400
        return struct.pack(">iII", days, seconds, self._below(1_000_000) if self._roll() < 0.97 else 1_000_000)

    def decimal(self) -> bytes:
        roll = self._below(40)
        if roll < 30:
            return b"%d.%d" % (self._below(1000) - 500, self._below(1000))
        if roll == 30:
            return b"1" * (255 + self._below(3))
        return ODD_DECIMALS[self._below(len(ODD_DECIMALS))]

    # ---- containers ----

    def value(self, depth: int) -> bytes:
        self._left -= 1
        roll = self._roll()
        if self._left > 0 and depth > 0:
            if roll < 0.12:
                return self.array(depth)
            if roll < 0.2:
                return self.map(depth)
            if roll < 0.25:
                return self.tagged(depth)
        if roll < 0.5:
            return self.integer()
        if roll < 0.7:
            return self.text()
        if roll < 0.76:
            return (b"\xc0", b"\xc2", b"\xc3")[self._below(3)]
        if roll < 0.83:
            return REALS[self._below(len(REALS))]
        if roll < 0.9:
            return self.blob()
        if roll < 0.9995:
            return self.ext()
        return b"\xc1"

    def array(self, depth: int) -> bytes:
        size = self._below(5) if self._roll() < 0.97 else self._below(20)
        return sized(size, 0x90, 15, (0xDC, 0xDD), self._roll()) + b"".join(
            [self.value(depth - 1) for _ in range(size)]
        )

    def map(self, depth: int) -> bytes:
        size = self._below(4) if self._roll() < 0.97 else self._below(20)
        made = [sized(size, 0x80, 15, (0xDE, 0xDF), self._roll())]
        taken: set[bytes] = set()
        for _ in range(size):
            made += (self.key(taken), self.value(depth - 1))
        self._left -= size
        return b"".join(made)

    def key(self, taken: set[bytes]) -> bytes:
        """Mostly one that is not there yet; whether it is in another form is left to chance."""
        roll = self._roll()
        if roll < 0.003:
            return self.value(1)
        for _ in range(3):
            made = self.text() if roll < 0.7 else self.integer()
            if made not in taken:
                break
        taken.add(made)
        return made

    def tagged(self, depth: int) -> bytes:
        size = self._below(5)
        tag = self.ext_bytes(18, bytes([1 + self._below(9) if self._roll() < 0.99 else self._below(12)]))
        items = [self.value(depth - 1) for _ in range(size)]
        items.insert(0 if self._roll() < 0.99 else self._below(size + 1), tag)
        return sized(size + 1, 0x90, 15, (0xDC, 0xDD), self._roll()) + b"".join(items)

    # ---- messages ----

    def message(self) -> bytes:
        roll = self._roll()
        if roll < 0.97:
            self._left = 2 + self._below(12)
            size = 1 + self._below(6) if roll < 0.95 else self._below(10)
            return sized(size, 0x90, 15, (0xDC, 0xDD), self._roll()) + b"".join([self.value(5) for _ in range(size)])
        if roll < 0.975:
            return self.value(3)
        if roll < 0.98:
            return b"\x91" + self.numbered()
        return b"\x92\x00" + self.extreme()

    def extreme(self) -> bytes:
        """A value at one of the limits, one below it, or one beyond."""
        off = self._below(3) - 1
        limits = self.limits
        roll = self._roll()
        if roll < 0.3:
            depth = limits.depth - 1 + off if roll < 0.25 else (60 + self._below(10) if roll < 0.299 else 2000)
            kind, end = ((b"\x91", b""), (b"\x81\x00", b""), (b"\x91", b"\x90"), (b"\xdc\x00\x01", b"\x01"))[
                self._below(4)
            ]
            return kind * (depth - (end == b"\x90")) + (end or b"\x00")
        if roll < 0.45:
            count = min(limits.elements, 2000) - 3 + off  # beside the message, its kind and this array
            return sized(count, 0x90, 15, (0xDC, 0xDD), 1.0) + bytes(count)
        if roll < 0.65:
            count = limits.keys + off
            if self._below(2):
                tag = (1, 3, 8)[self._below(3)]
                items = count * (2 if tag == 8 else 1)
                return sized(items + 1, 0x90, 15, (0xDC, 0xDD), 1.0) + b"\xd4\x12" + bytes([tag]) + bytes(items)
            return self.plain_map(count)
        if roll < 0.75:  # keys of maps that are open at once, and of one that is closed
            count = limits.keys // 2
            first, last = self.plain_map(count), self.plain_map(count + off)
            return self.plain_map(count, lambda n: first if n == 0 else last if n == count - 1 else b"\x00")
        if roll < 0.85:
            size = min(limits.message, 70_000) - 7 + off
            return b"\xc6" + size.to_bytes(4, "big") + bytes(size)
        if roll < 0.95:
            return b"\xc8" + two(limits.integer + off) + b"\x13\x01" + bytes(limits.integer + off - 1)
        head = (b"\xc6", b"\xdb", b"\xdd", b"\xdf", b"\xc9", b"\xc5", b"\xda", b"\xdc", b"\xde")[self._below(9)]
        return head + self.random.randbytes(4) + bytes(self._below(8))

    def plain_map(self, count: int, value: Callable[[int], bytes] = lambda number: b"\x00") -> bytes:
        pairs = [b"\xcd" + two(number) + value(number) for number in range(count)]
        return sized(count, 0x80, 15, (0xDE, 0xDF), 1.0) + b"".join(pairs)

    def numbered(self) -> bytes:
        """A map of integers of which some look alike in part, in any of their forms; now and then one stands twice."""
        chosen = self.random.sample(SPELT, 3 + self._below(12))
        if self._below(3) == 0:
            chosen.append(chosen[0])
        keys = [forms[self._below(len(forms))] for forms in chosen]
        return sized(len(keys), 0x80, 15, (0xDE, 0xDF), 1.0) + b"".join([key + b"\xc0" for key in keys])

    def spoilt(self, data: bytes) -> bytes:
        """One byte or one piece of it is not as it was."""
        roll = self._roll()
        at = self._below(len(data))
        if roll < 0.25:
            return data[:at]
        if roll < 0.35:
            return data[:at] + bytes([self._below(256)]) + data[at + 1 :]
        if roll < 0.5:
            return data[:at] + bytes([0xC0 + self._below(32)]) + data[at + 1 :]
        if roll < 0.6:
            return data[:at] + data[at + 1 :]
        if roll < 0.7:
            return data[:at] + bytes([self._below(256)]) + data[at:]
        if roll < 0.78:
            return data[:-1] + bytes([self._below(256)]) + b"\n"
        if roll < 0.86:
            return data[:at] + data[max(at - 1 - self._below(8), 0) :]
        if roll < 0.93:
            return data[:at] + bytes([data[at] ^ 1 << self._below(8)]) + data[at + 1 :]
        return data + self.random.randbytes(1 + self._below(4))

    def messages(self) -> Iterator[bytes]:
        while True:
            data = self.message() + b"\n"
            yield data
            if self._roll() < 0.5:
                yield self.spoilt(data)


EXT_BODIES: dict[int, Callable[[Corpus], bytes]] = {
    16: lambda c: c.random.randbytes(12),
    17: lambda c: c.random.randbytes(8),
    19: Corpus.whole,
    20: lambda c: c.random.randbytes(16),
    21: lambda c: c.date() + c.clock(),
    22: Corpus.date,
    23: Corpus.clock,
    24: Corpus.span,
    25: Corpus.decimal,
    26: lambda c: c.random.randbytes(16),
    27: lambda c: c.random.randbytes(4),
}
