"""Values for decision_corpus.py: some of each type, some that nearly have it, and strange ones."""

from __future__ import annotations

import struct
from typing import Any

import msgpack

Ext = msgpack.ExtType
KEY_MAX = 6  # items of one set or dict


def tag(number: int) -> Ext:
    return Ext(18, bytes([number]))


def yours(number: int) -> Ext:
    return Ext(17, struct.pack(">Q", number))


def mine(interface: int = 0) -> Ext:
    return Ext(16, struct.pack(">QI", 7, interface))


WHOLE = Ext(19, b"\x01" + bytes(8))
SAMPLES: dict[str, list[Any]] = {
    "none": [None],
    "bool": [True, False],
    "int": [0, 1, -1, -5, 2**64 - 1, -(2**63), WHOLE],
    "float": [0.0, 1.5, -0.0, float("inf"), 3, WHOLE],
    "complex": [Ext(20, bytes(16))],
    "str": ["", "a", "now", "\u00e9", "e:E", "GREEN"],
    "bytes": [b"", b"a"],
    "range": [[tag(4), 0, 5, 1], [tag(4), 2**63 - 1, -(2**63), -1]],
    "slice": [[tag(5), None, None, None], [tag(5), 0, -1, 2], [tag(5), 0, None, 0]],
    "datetime": [Ext(21, b"\x07\xe8\x02\x1d" + bytes(7)), Ext(21, b"\x07\xe8\x02\x1d" + bytes(10))],
    "date": [Ext(22, b"\x07\xe8\x02\x1d")],
    "time": [Ext(23, bytes(7)), Ext(23, bytes(10))],
    "timedelta": [Ext(24, bytes(12))],
    "decimal": [Ext(25, b"1.50"), Ext(25, b"NaN"), Ext(25, b"-sNaN1")],
    "uuid": [Ext(26, bytes(16))],
    "data": [
        None,
        1,
        "a",
        b"a",
        1.5,
        [],
        [1, [2]],
        {"a": {1: None}},
        [tag(1), 1],
        [tag(8), [1, 2], 1],
        [tag(2), [tag(3)]],
        [tag(4), 0, 1, 1],
    ],
    "ndarray": [
        [tag(9), "int8", b"ab", 2],
        [tag(9), "bool", b"\0\1", 1, 2],
        [tag(9), "complex128", b"", 0, 2**62 // 16],
    ],
}
SAMPLES |= dict.fromkeys(("bytearray", "memoryview", "buffer"), SAMPLES["bytes"])
BAD_ARRAYS = [
    *(
        [tag(9)],
        [tag(9), "int8"],
        [tag(9), "int9", b""],
        [tag(9), b"int8", b"a"],
        [tag(9), "int8", "a"],
        [tag(9), "int8", b"ab"],
    ),
    *(
        [tag(9), "bool", b"\2"],
        [tag(9), "int16", b"a", 1],
        [tag(9), "int8", b"", -1],
        [tag(9), "int8", b"", True],
        [tag(9), "int8", b"", 0.0],
    ),
    *(
        [tag(9), "float64", b"", 0, 2**60],
        [tag(9), "float64", b"", 2**59, 0, 2],
        [tag(9), "float64", b"", 2**32, 2**32],
        [tag(9), "int8", b"", 2**63],
    ),
    *(
        [tag(9), "int8", b"a", *[1] * 32],
        [tag(9), "int8", b"a", *[1] * 33],
        [tag(9), "float64", bytes(8)],
        [tag(9), "int8", b"", 2**63 - 1, 0],
    ),
]
REFERENCES = [*(yours(number) for number in range(8)), mine(), mine(1)]
COPIES = {"frozenset": 1, "list": 2, "set": 3}
BAD_RANGES = [
    *(
        [tag(4), 0, 5, 0],
        [tag(4), 0, 5],
        [tag(4), 0, 2**63, 1],
        [tag(4), 0, WHOLE, 1],
        [tag(4), 0.0, 5, 1],
        [tag(4), 0, 5, True],
    ),
    *(
        [tag(4), None, 5, 1],
        [tag(4), 0, 5, 1, 1],
        [tag(5), 0, 1],
        [tag(5), "a", 1, 1],
        [tag(5), 0, True, 1],
        [tag(5), 0, 2**63, 1],
    ),
    *([tag(5), 0, 1, 1], [tag(4), 0, 5, -1], [tag(5), 0, 1, 1, None], [0, 5, 1], [tag(5), None, 0.5, None]),
]
MANY = range(KEY_MAX)
BAD_DATA: list[Any] = [
    *(
        [yours(2)],
        [mine()],
        {"a": yours(2)},
        [tag(2), yours(2)],
        [tag(2), mine()],
        [tag(3), yours(2)],
        [tag(8), 1, mine()],
        [tag(8), mine(), 1],
    ),
    *(
        [tag(1), *MANY],
        [tag(1), *MANY, 9],
        [tag(3), *MANY],
        [tag(3), *MANY, 9],
        [tag(2), *MANY, 9],
        [tag(8), *MANY, *MANY],
        [tag(8), *MANY, *MANY, 1, 2],
    ),
    *(
        dict.fromkeys(MANY, 0),
        dict.fromkeys(range(KEY_MAX + 1), 0),
        [dict.fromkeys(range(KEY_MAX + 1), 0)],
        [tag(8), 1],
        [tag(8), 1, 2, 3],
    ),
    *(
        [tag(1), [1, "a"]],
        [tag(1), [[1]]],
        [tag(3), {}],
        [tag(3), [tag(2)]],
        [tag(3), [{}]],
        [tag(8), [[]], 1],
        [tag(8), {}, 1],
        [tag(8), 1, {}],
    ),
    *(
        [tag(8), [1, {}], 1],
        [tag(3), [tag(4), 0, 1, 1]],
        [tag(2), [tag(4), 0, 1, 0]],
        [tag(2), [tag(5), 0, 1]],
        [tag(6)],
        [[tag(6), "r:P", 1, "a"]],
    ),
    *(
        [tag(7), "e:E", "RED"],
        [tag(9), "int8", b"", 0],
        [[tag(9), "int8", b"", 0]],
        Ext(27, bytes(4)),
        [Ext(27, bytes(4))],
        [tag(8), Ext(27, bytes(4)), 1],
    ),
]


def near_literal(value: Any) -> list[Any]:
    if type(value) is bool:
        return [not value, int(value), float(value), str(value)]
    if type(value) is int:
        return [value ^ 1, float(value), bool(value), str(value), value % 2**64, -value if value > -(2**63) else 0]
    return [value.encode(), value + "a", value[:-1], value.upper(), [value]]


STRANGE: list[Any] = [
    *(
        None,
        True,
        False,
        0,
        1,
        2,
        -5,
        2**63,
        WHOLE,
        1.0,
        1.5,
        "",
        "a",
        "b",
        "now",
        b"a",
        b"",
        [],
        [[]],
        {},
        {"a": 1},
        {1: "a"},
        {"b": "a"},
    ),
    *(
        ["a"],
        [1, 1],
        [None],
        [tag(2)],
        [tag(1), 1, 1],
        [tag(2), "a"],
        [tag(3), 1],
        [tag(1), [1]],
        [tag(1), [tag(2)]],
        [tag(8)],
        [tag(8), 1],
    ),
    *(
        [tag(8), 1, "a"],
        [tag(8), {}, 1],
        [tag(4), 0, 5, 0],
        [tag(4), 0, 5],
        [tag(4), 0, 2**63, 1],
        [tag(4), 0, WHOLE, 1],
        [tag(4), 0.0, 5, 1],
    ),
    *(
        [tag(5), 0, 1],
        [tag(5), "a", 1, 1],
        [tag(5), 0, True, 1],
        [tag(4), 0, 5, 1, 1],
        [1, tag(2)],
        [tag(3), *range(7)],
        [tag(1), *range(6)],
    ),
    *([tag(8), *range(14)], dict.fromkeys(range(7), 0), dict.fromkeys(range(6), 0), [dict.fromkeys(range(7), 0)]),
    *(
        [tag(7), "e:E", "GREEN"],
        [tag(7), "e:E", "BLUE"],
        [tag(7), "e:F", "GREEN"],
        [tag(7), "e:E"],
        [tag(7), b"e:E", "RED"],
        [tag(7), "e:E", "RED", 1],
    ),
    *(
        [tag(6)],
        [tag(6), "r:P"],
        [tag(6), "r:P", 1, "a"],
        [tag(6), "r:P", 1, 2],
        [tag(6), "r:Q", 1, "a"],
        [tag(6), "r:T", [tag(6)], "a"],
    ),
    *(
        [tag(6), "r:T", 1, [tag(6)]],
        [tag(6), "r:T", [tag(6), 1], "a"],
        [tag(6), "r:N", None],
        [tag(6), "r:P", 1, "a", 1],
        [tag(6), 1, 1, "a"],
    ),
    *REFERENCES,
    *(
        [yours(2)],
        [mine()],
        {"a": yours(2)},
        [tag(2), yours(2)],
        [tag(2), mine()],
        Ext(20, bytes(16)),
        Ext(26, bytes(16)),
    ),
    *BAD_ARRAYS,
]
