"""Writes cases.json: ``python tests/conformance/cases.py``. What a case means is in README.md; docs/protocol.md has the rule that each one cites."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import sys
import uuid
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
for folder in (HERE, HERE.parent / "python"):
    if str(folder) not in sys.path:
        sys.path.append(str(folder))

from notation import ANY, Hole, Mine, Promise, Raw, Tag, Yours, encode, ext, mine, yours  # noqa: E402
from sentences import SENTENCES  # noqa: E402

CASES: list[dict[str, Any]] = []
NL = "0a"
HELLO = [-8, "pynto", 1, None, {}]
LANE_2 = "92fc02" + NL


def send(*messages: Any, lane: int | None = None, cut: int | None = None) -> dict[str, Any]:
    """Messages, each with its newline, in one write, or in pieces of so many bytes. In the lane that was chosen last, or in another one."""
    step: dict[str, Any] = {"send": [encode(message) + NL for message in messages]}
    if lane is not None:
        step["lane"] = lane
    if cut is not None:
        step["cut"] = cut
    return step


def raw(text: str) -> dict[str, Any]:
    return {"send": [text]}


def get(*alternatives: Any, lane: int = 0) -> dict[str, Any]:
    """One message of these, in this lane."""
    step: dict[str, Any] = {"get": [encode(message) for message in alternatives]}
    if lane:
        step["lane"] = lane
    return step


def closes(*codes: int | None) -> dict[str, Any]:
    return {"closes": list(codes)}


def answers(value: Any, lane: int = 0) -> dict[str, Any]:
    return get([-1, value], lane=lane)


def call(name: str, /, *args: Any, of: Any = 0, **kwargs: Any) -> list[Any]:
    return [of, name, list(args), kwargs]


def error(type_: Any, text: Any = ANY, incident: Any = None, lane: int = 0) -> dict[str, Any]:
    whole = [type_, text, None, incident]
    return get([-2, whole], [-2, whole, ANY], lane=lane)


REFUSED = get([-2, ["Refused", "not permitted", None, None]])
TYPE_ERROR = error("TypeError")
SILENT = {"silent": True}
DESCRIBED = get([-5, Hole("", "int"), ANY])
OPENING = [
    send(HELLO),
    get([-8, "pynto", 1, None, ANY]),
    get([-5, Hole("", "int"), ANY]),
    get([-1, Raw("c70c100000000000000000<hall/4>")]),
]
ALIVE = [send(call("add", 20, 22)), answers(42)]


def case(cited: str, title: str, *steps: dict[str, Any], opened: bool = True) -> None:
    """A case of one sentence: a rule's first, or another of it, "P66a/2". It begins behind the opening, unless it is about that."""
    rule, _, place = cited.partition("/")
    if rule not in SENTENCES:
        raise SystemExit(f"sentences.py does not have what docs/protocol.md says in {rule}")
    says = SENTENCES[rule][int(place or 1) - 1]
    number = sum(one["rule"] == rule for one in CASES) + 1
    CASES.append(
        {
            "id": f"{rule}.{number}",
            "rule": rule,
            "says": says,
            "title": title,
            "steps": [*(OPENING if opened else []), *steps],
        }
    )


def refused(rule: str, code: int, title: str, message: Any) -> None:
    """A message that closes the connection; a call that comes with it is not answered."""
    text = message if isinstance(message, str) else encode(message)
    case(rule, title, {"send": [text + NL, encode(call("add", 1, 2)) + NL]}, closes(code))


# ---- the stream ----

case("P3", "a call and its answer", send(call("echo", "hi")), answers("hi"))
case("P3", "messages follow each other", send(call("add", 1, 2), call("add", 3, 4)), answers(3), answers(7))
case("P4", "a newline inside of a str is one of its bytes", send(call("echo", "a\nb")), answers("a\nb"))
case("P4", "a newline inside of a bin", send(call("echo", b"\n\n")), answers(b"\n\n"))
case("P4", "the integer 10", send(call("echo", 10)), answers(10))
for byte, what in (("20", "a space"), ("00", "a zero"), ("0d", "a carriage return"), ("94", "the next message")):
    case("P5", f"{what} behind the array", raw(encode(call("add", 1, 2)) + byte), closes(9))
for text, what in (
    ("80", "a map"),
    ("a0", "a str"),
    ("01", "an integer"),
    ("c0", "nil"),
    ("c400", "a bin"),
    ("c3", "true"),
    ("0a", "a newline"),
):
    case("P5", f"{what} where a message has to begin", raw(text + NL), closes(8))
case("P6", "one byte for each write", send(call("echo", [1, "two", 3.0]), cut=1), answers([1, "two", 3.0]))
case(
    "P6",
    "three bytes for each write, two messages",
    send(call("echo", "abc"), call("add", 1, 1), cut=3),
    answers("abc"),
    answers(2),
)
case(
    "P7",
    "many calls are written before any answer is read",
    send(*[call("add", n, 1) for n in range(100)]),
    *[answers(n + 1) for n in range(100)],
)

LONG = "a46563686f"
for text, what in (
    ("9400d9046563686f910180", "a name as str 8"),
    ("9400da00046563686f910180", "a name as str 16"),
    ("9400db000000046563686f910180", "a name as str 32"),
    (f"9400{LONG}dc00010180", "args as array 16"),
    (f"9400{LONG}dd000000010180", "args as array 32"),
    (f"dc000400{LONG}910180", "a call as array 16"),
    (f"9400{LONG}9101de0000", "kwargs as map 16"),
    (f"94d000{LONG}910180", "a reference as int 8"),
    (f"94cf0000000000000000{LONG}910180", "a reference as uint 64"),
    (f"9400{LONG}91d3000000000000000180", "an argument as int 64"),
    (f"9400{LONG}91cd000180", "an argument as uint 16"),
):
    case("P8", what, raw(text + NL), answers(1))
case("P8", "a str as str 8 is answered in the shortest form", raw(f"9400{LONG}91d9016180" + NL), answers("a"))
case("P8", "a bin as bin 32", raw(f"9400{LONG}91c600000001ff80" + NL), answers(b"\xff"))
for text, what in (
    ("c328", "a continuation that is none"),
    ("c080", "an overlong NUL"),
    ("eda080", "a surrogate"),
    ("f4908080", "beyond U+10FFFF"),
    ("c3", "a sequence that ends"),
    ("ff", "0xFF"),
):
    size = len(text) // 2
    refused("P9", 12, f"an argument that is not UTF-8: {what}", f"9400{LONG}91{0xA0 + size:02x}{text}80")
refused("P9", 12, "a name that is not UTF-8", "9400a2c3289080")
case("P10", "bin is not taken for a str", send(call("greet", b"ada")), TYPE_ERROR, *ALIVE)
case("P10", "a bool is not taken for an integer", send(call("add", True, 1)), TYPE_ERROR, *ALIVE)
case("P10", "a float is not taken for an integer", send(call("add", 1.0, 1)), TYPE_ERROR, *ALIVE)
case("P10", "an integer is not taken for a bool", send(call("flip", 1)), TYPE_ERROR, *ALIVE)
case("P10", "a str is not taken for an integer", send(call("add", "1", 1)), TYPE_ERROR, *ALIVE)
case("P10", "nil is not taken for a str", send(call("greet", None)), TYPE_ERROR, *ALIVE)
refused("P11", 8, "0xC1 where a value may stand", f"9400{LONG}91c180")
case("P11", "0xC1 where a message may begin", raw("c1" + NL), closes(8))
for text, what in (
    ("c0", "nil"),
    ("c3", "true"),
    ("cb3ff8000000000000", "a float"),
    ("c40161", "a bin"),
    ("9101", "an array"),
    ("80", "a map"),
):
    refused("P12", 8, f"a key that is {what}", f"9400{LONG}9181{text}0180")
for text, what in (
    ("82a16b01a16b02", "a str, twice"),
    ("820100cc0102", "1 in two forms"),
    ("82ff00d0ff01", "-1 in two forms"),
    ("82a16b01d9016b02", "a str in two forms"),
):
    refused("P13", 13, f"a key that stands twice: {what}", f"9400{LONG}91{text}80")
refused("P13", 13, "a keyword twice", f"9400{LONG}9082a576616c756501a576616c756502")
case("P13", "1 and its text are two keys", send(call("echo", {1: "a", "1": "b"})), answers({1: "a", "1": "b"}))
for code, payload, what in (
    (1, "00", "a code of nobody's"),
    (15, "", "the code below the first"),
    (28, "00" * 4, "the code behind the last"),
    (127, "00", "the last code there is"),
    (-1, "00000000", "msgpack's timestamp"),
    (16, "00" * 11, "MINE of 11 bytes"),
    (17, "00", "YOURS of one byte"),
    (17, "00" * 9, "YOURS of nine bytes"),
    (19, "00" * 8, "an INT of eight bytes"),
    (19, "000000000000000001", "an INT that msgpack has a form for"),
    (19, "00700000000000000000", "an INT with a byte to spare"),
    (20, "00" * 15, "a COMPLEX of 15 bytes"),
    (21, "07e7021d173b3b000f423f", "a DATETIME on the 29th of February 2023"),
    (22, "07e8021e", "the 30th of February"),
    (22, "00000101", "the year 0"),
    (23, "18000000000000", "hour 24"),
    (23, "00000002000000", "fold 2"),
    (24, "000000000001518000000000", "86,400 seconds beside the days"),
    (25, "315f30", "a DECIMAL with an underscore"),
    (25, "2031", "a DECIMAL with a space"),
    (25, "", "an empty DECIMAL"),
    (25, "d9a1", "a DECIMAL of Arabic digits"),
    (26, "00" * 15, "a UUID of 15 bytes"),
):
    refused("P14", 14, what, [0, "echo", [ext(code, payload)], {}])

# ---- messages ----

for message, what in (
    ([0], "a call of one part"),
    ([0, "echo", []], "a call of three parts"),
    ([0, "echo", [], {}, None], "a call of five parts"),
    ([], "an empty array"),
    ([-16], "a kind below the last"),
    ([-16, 1, 2], "the same with parts"),
    ([-(2**63), 1], "the least kind there is"),
    ([-1], "a return without a value"),
    ([-1, 1, 2], "a return of two values"),
    ([-3, 1], "a free without a count"),
    ([-4], "a lane without a number"),
    ([-6, 1], "a cancel with a part"),
    ([-9], "a ping without a token"),
    ([-9, 1, 2], "a ping with two"),
    ([-7, 0], "a goodbye without a reason"),
    ([[0, "echo", [1], {}]], "a call in one more array"),
):
    refused("P15", 8, what, message)
refused("P16", 15, "a description from a client", [-5, 9, {"interfaces": {"a:B": {}}}])
refused("P16", 15, "news of a cache from a client", [-14, 0, None])
for reference, what in (
    (0.0, "a float"),
    (False, "false"),
    ("0", "a str"),
    (None, "nil"),
    ([0], "an array"),
    (b"\0", "a bin"),
):
    refused("P17", 8, f"a reference that is {what}", [reference, "echo", [1], {}])
refused("P18", 8, "an empty name", call(""))
refused("P18", 8, "a name of 256 bytes", call("n" * 256))
case("P18", "a name of 255 bytes is one that is not there", send(call("n" * 255)), REFUSED, *ALIVE)
for name, what in (
    ("\uff45cho", "letters of full width"),
    ("echo\u0301", "a combining mark"),
    ("Echo", "a capital"),
    ("echo\0", "a NUL behind it"),
    (" echo", "a space ahead of it"),
):
    case("P18", f"a name is never normalised: {what}", send(call(name, 1)), REFUSED, *ALIVE)
for name, what in ((b"echo", "bin"), (0, "an integer"), (None, "nil"), (["echo"], "an array")):
    refused("P18", 8, f"a name that is {what}", [0, name, [1], {}])
for args, what in (
    ({}, "a map"),
    (None, "nil"),
    ("a", "a str"),
    (1, "an integer"),
    ([Tag(2), 1], "a list: it begins with a tag"),
):
    refused("P19", 8, f"args that are {what}", [0, "echo", args, {}])
for kwargs, what in (([], "an array"), (None, "nil"), ({1: 1}, "a map with an integer for a key")):
    refused("P20", 8, f"kwargs that are {what}", [0, "echo", [1], kwargs])
refused("P21", 8, "a free of nothing", [-3, 1, 0])
refused("P21", 8, "a free of a negative id", [-3, -1, 1])
refused("P21", 8, "a free of a negative count", [-3, 1, -1])
refused("P22", 8, "lane -1", [-4, -1])
refused("P22", 8, "lane 2**63", [-4, 2**63])
refused("P22", 8, "a token of 2**63", [-9, 2**63])
refused("P22", 8, "a token that is a str", [-9, "1"])
case("P22", "the largest token", send([-9, 2**63 - 1]), get([-10, 2**63 - 1]))
case("P22", "the largest even lane", send(call("add", 1, 2), lane=2**63 - 2), answers(3, lane=2**63 - 2))

# ---- the beginning ----

case("P24", "hello, and the root", send(HELLO), *OPENING[1:], opened=False)
case("P25", "the root by its name", send([-8, "pynto", 1, "hall", {}]), *OPENING[1:], *ALIVE, opened=False)
case("P25", "an empty root name", send([-8, "pynto", 1, "", {}]), closes(8), opened=False)
case("P25", "a root name that is an integer", send([-8, "pynto", 1, 0, {}]), closes(8), opened=False)
case("P27", "the root is reference 0", send(call("noted")), answers(""))
case(
    "P29",
    "calls right behind the hello",
    send(HELLO, call("add", 1, 2), call("add", 3, 4)),
    *OPENING[1:],
    answers(3),
    answers(7),
    opened=False,
)
case(
    "P29",
    "the same, a byte for each write",
    send(HELLO, call("add", 1, 2), cut=1),
    *OPENING[1:],
    answers(3),
    opened=False,
)
case("P30", "another protocol", send([-8, "pyro4", 1, None, {}]), closes(16), opened=False)
case("P30", "version 2", send([-8, "pynto", 2, None, {}]), closes(16), opened=False)
case("P30", "version 0", send([-8, "pynto", 0, None, {}]), closes(16), opened=False)
case("P30", "a root that is not there", send([-8, "pynto", 1, "attic", {}]), closes(3), opened=False)
case("P32", "a second hello", send(HELLO), closes(15))
case("P32", "a call ahead of the hello", send(call("add", 1, 2)), closes(15), opened=False)
case("P32", "a ping ahead of the hello", send([-9, 1]), closes(15), opened=False)
case("P32", "a free ahead of the hello", send([-3, 1, 1]), closes(15), opened=False)

# ---- references ----

TICKET = [send(call("ticket")), DESCRIBED, answers(mine("t", "i"))]
case("P36", "a reference goes out", *TICKET, send(call("number", of=Hole("t"))), answers(Hole("", "int")))
case("P37", "a reference comes home", *TICKET, send(call("number", yours("t"))), answers(Hole("", "int")))
case("P37", "a number is none", *TICKET, send(call("number", 1)), error("TypeError"), *ALIVE)
case(
    "P37",
    "a reference does not stand where data is declared",
    *TICKET,
    send(call("echo", yours("t"))),
    get([-2, ["Refused", "not permitted", None, None]], [-2, ["TypeError", ANY, None, None]]),
    *ALIVE,
)
case(
    "P37",
    "nor inside of an array there",
    *TICKET,
    send(call("echo", [[yours("t")]])),
    get([-2, ["Refused", "not permitted", None, None]], [-2, ["TypeError", ANY, None, None]]),
    *ALIVE,
)
case(
    "P40",
    "an id is not used again",
    *TICKET,
    send([-3, Hole("t"), 1], call("ticket")),
    answers(mine("u")),
    {"differ": ["t", "u"]},
)
case(
    "P41",
    "under another interface it is another reference",
    *TICKET,
    send(call("view", yours("t"))),
    DESCRIBED,
    answers(mine("v", "j")),
    {"differ": ["t", "v"]},
    {"differ": ["i", "j"]},
)
case(
    "P41",
    "which permits what that interface does and no more",
    *TICKET,
    send(call("view", yours("t"))),
    DESCRIBED,
    answers(mine("v")),
    send(call("void", of=Hole("v"))),
    REFUSED,
    send(call("void", of=Hole("t"))),
    answers(None),
)
case(
    "P41",
    "and does not come home as the first one",
    *TICKET,
    send(call("view", yours("t"))),
    DESCRIBED,
    answers(mine("v")),
    send(call("number", yours("v"))),
    REFUSED,
)
case(
    "P42",
    "what a refused call has brought is given back",
    send(call("nothing", Mine(5, 0))),
    REFUSED,
    {"freed": {"5": 1}},
)
case(
    "P42",
    "however often it stands there",
    send(call("nothing", [Mine(5, 0), Mine(6, 0)], x=Mine(5, 0))),
    REFUSED,
    {"freed": {"5": 2, "6": 1}},
)
case(
    "P42",
    "and what was of no use",
    send(call("add", Mine(7, 0), 1)),
    get([-2, ["Refused", "not permitted", None, None]], [-2, ["TypeError", ANY, None, None]]),
    {"freed": {"7": 1}},
)
case(
    "P44",
    "what was given back stands for nothing",
    *TICKET,
    send([-3, Hole("t"), 1], call("number", of=Hole("t"))),
    REFUSED,
    *ALIVE,
)
case("P46", "more than was received", *TICKET, send([-3, Hole("t"), 2]), closes(15))
case("P46", "what was never given", send([-3, 12345, 1]), closes(15))
case("P46", "what is gone", *TICKET, send([-3, Hole("t"), 1], [-3, Hole("t"), 1]), closes(15))
case("P47", "the root is not given back", send([-3, 0, 1]), closes(15))
case(
    "P49",
    "a call that arrived before the free",
    *TICKET,
    send(call("number", of=Hole("t")), [-3, Hole("t"), 1]),
    answers(Hole("", "int")),
    *ALIVE,
)
for reference, what in (
    (1, "one that was not given out yet"),
    (-1, "a negative one"),
    (2**63, "2**63"),
    (2**64 - 1, "the last one"),
    (-(2**63), "the least one"),
):
    case("P51", f"a reference that is not held: {what}", send(call("number", of=reference)), REFUSED, *ALIVE)
case("P51", "nor does one come home", send(call("number", Yours(77))), REFUSED, *ALIVE)

# ---- lanes ----

APPLY = [send(call("apply", Mine(1, 0), 20)), get([1, "__call__", [20], {}])]
case("P53", "an answer is in the lane of its call", send(call("add", 1, 2), lane=2), answers(3, lane=2))
case(
    "P53",
    "from lane to lane",
    send(call("add", 1, 2), lane=2),
    answers(3, lane=2),
    send(call("add", 3, 4), lane=4),
    answers(7, lane=4),
    send(call("add", 5, 6), lane=0),
    answers(11),
)
case("P55", "a client does not call in an idle odd lane", send(call("add", 1, 2), lane=1), closes(15))
case("P57", "a callback comes ahead of the answer", *APPLY, send([-1, 21]), answers(21))
case(
    "P57",
    "in the lane of the call",
    send(call("apply", Mine(1, 0), 20), lane=6),
    get([1, "__call__", [20], {}], lane=6),
    send([-1, 21]),
    answers(21, lane=6),
)
case(
    "P58",
    "a call in the lane of a callback is served first",
    *APPLY,
    send(call("add", 1, 2)),
    answers(3),
    send([-1, 21]),
    answers(21),
)
case(
    "P58",
    "callbacks inside of callbacks",
    *APPLY,
    send(call("apply", Mine(2, 0), 30)),
    get([2, "__call__", [30], {}]),
    send([-1, 31]),
    answers(31),
    send([-1, 21]),
    answers(21),
)
case(
    "P60",
    "those that are refused are answered in their order",
    send(call("add", 1, 2), call("nothing"), call("add", 3, 4)),
    answers(3),
    REFUSED,
    answers(7),
)
case("P63", "a return that nobody waits for", send([-1, 1]), closes(15))
case("P63", "an error that nobody waits for", send([-2, ["ValueError", "", None, None]]), closes(15))
case("P63", "a return in another lane", *APPLY, send([-1, 21], lane=2), closes(15))
case("P63", "two answers to one callback", *APPLY, send([-1, 21]), answers(21), send([-1, 22]), closes(15))
case(
    "P64",
    "a lane does not wait for another",
    *APPLY,
    send(call("add", 1, 2), lane=2),
    answers(3, lane=2),
    send([-1, 21], lane=0),
    answers(21),
)
case(
    "P66",
    "an idle lane is used again",
    send(call("add", 1, 2), lane=2),
    answers(3, lane=2),
    send(call("add", 1, 3), lane=2),
    answers(4, lane=2),
)

# ---- batches ----


def batch(*steps: Any, options: Any = None) -> list[Any]:
    return [-12, list(steps), {} if options is None else options]


refused("P66a", 8, "a batch without steps", batch())
refused("P66a", 11, "257 steps", batch(*[call("add", 1, 2)] * 257))
refused("P66a/2", 8, "options that are not there", [-12, [call("add", 1, 2)]])
refused("P66a/2", 8, "an option of another name", batch(call("add", 1, 2), options={"ahead": 1}))
case("P66a", "one step", send(batch(call("add", 1, 2))), answers(3))
case(
    "P66c",
    "a promise is a reference",
    send(batch(call("ticket"), call("number", of=Promise(0)))),
    DESCRIBED,
    answers(mine("t")),
    answers(Hole("", "int")),
)
case(
    "P66c",
    "a promise is an argument",
    send(batch(call("add", 1, 2), call("add", Promise(0), 3))),
    answers(3),
    answers(6),
)
case(
    "P66c", "a promise by name", send(batch(call("add", 1, 2), call("total", 4, x=Promise(0)))), answers(3), answers(7)
)
case(
    "P66c",
    "a promise inside of an array",
    send(batch(call("add", 1, 2), call("echo", [[Promise(0)], 0]))),
    answers(3),
    answers([[3], 0]),
)
case(
    "P66c",
    "a reference that a promise brings home",
    send(batch(call("ticket"), call("number", Promise(0)))),
    DESCRIBED,
    answers(mine("t")),
    answers(Hole("", "int")),
)
refused("P66d", 14, "a promise of its own step", batch(call("echo", Promise(0))))
refused("P66d", 14, "a promise of a later step", batch(call("echo", Promise(1)), call("add", 1, 2)))
refused("P66d", 14, "a promise outside of a batch", call("echo", Promise(0)))
case(
    "P66e",
    "refusals among the steps",
    send(batch(call("add", 1, 2), call("nothing"), call("add", 3, 4))),
    answers(3),
    REFUSED,
    answers(7),
)
case(
    "P66e",
    "in the lane that is chosen",
    send(batch(call("add", 1, 2), call("add", 3, 4)), lane=2),
    answers(3, lane=2),
    answers(7, lane=2),
)
case(
    "P66f",
    "a callback in between",
    send(batch(call("add", 1, 2), call("apply", Mine(1, 0), 20), call("add", 3, 4))),
    answers(3),
    get([1, "__call__", [20], {}]),
    send([-1, 21]),
    answers(21),
    answers(7),
)
case(
    "P66g",
    "what a promise stands for is checked",
    send(batch(call("echo", "text"), call("add", Promise(0), 1))),
    answers("text"),
    TYPE_ERROR,
    *ALIVE,
)
case(
    "P66j",
    "a promise of data is no reference",
    send(batch(call("add", 1, 2), call("number", of=Promise(0)))),
    answers(3),
    REFUSED,
    *ALIVE,
)
case(
    "P66k",
    "what names a step that has failed is answered by its error",
    send(batch(call("nothing"), call("echo", Promise(0)), call("add", 1, 2))),
    REFUSED,
    REFUSED,
    answers(3),
)
case(
    "P66k",
    "and what names that",
    send(batch(call("fail", "KeyError"), call("echo", Promise(0)), call("echo", Promise(1)))),
    *[error("KeyError", "", ANY)] * 3,
    *ALIVE,
)

# ---- time ----


def ask(name: str, *args: Any, options: Any, of: Any = 0) -> list[Any]:
    return [-11, of, name, list(args), {}, options]


case("P66p", "a minute is enough", send(ask("add", 1, 2, options={"within": 60_000_000})), answers(3))
case("P66p", "the longest time", send(ask("add", 1, 2, options={"within": 2**63 - 1})), answers(3))
for within, what in (
    (-1, "a negative one"),
    (2**63, "2**63"),
    (1.5, "a float"),
    (None, "nil"),
    (True, "true"),
    ("1", "a str"),
):
    refused("P66p", 8, f"a time that is none: {what}", ask("add", 1, 2, options={"within": within}))
case(
    "P66r",
    "a time that is over as it comes",
    send(ask("add", 1, 2, options={"within": 0})),
    error("DeadlineExceeded"),
    *ALIVE,
)
case(
    "P66r",
    "of a batch",
    send(batch(call("add", 1, 2), call("add", 3, 4), options={"within": 0})),
    error("DeadlineExceeded"),
    error("DeadlineExceeded"),
    *ALIVE,
)

# ---- cancelling, pings ----

case("P69", "a cancel in an idle lane is not answered", send([-6]), SILENT, *ALIVE)
case("P69", "nor are two", send([-6], [-6]), SILENT, *ALIVE)
case("P70", "a ping", send([-9, 7]), get([-10, 7]))
case("P70", "while a callback is out", *APPLY, send([-9, 7]), get([-10, 7]), send([-1, 21]), answers(21))
case(
    "P71",
    "pongs come in the order of their pings",
    send([-9, 1], [-9, 2], [-9, 3]),
    get([-10, 1]),
    get([-10, 2]),
    get([-10, 3]),
)
case("P71", "a pong that nobody waits for", send([-10, 9]), SILENT, *ALIVE)

# ---- errors ----

case(
    "P72", "the text of an exception is not let out", send(call("fail", "KeyError")), error("KeyError", "", ANY), *ALIVE
)
case(
    "P73",
    "an exception of a class that nobody has heard of",
    send(call("fail", "Unheard")),
    error("RemoteError", "", ANY),
    *ALIVE,
)
case(
    "P75",
    "an error of a client's is a RemoteError",
    *APPLY,
    send([-2, ["KeyError", "mine", None, None]]),
    error("RemoteError", ANY, ANY),
    *ALIVE,
)
case(
    "P77",
    "StopIteration is an answer to __next__ only",
    send(call("fail", "StopIteration")),
    error("RemoteError", "", ANY),
    *ALIVE,
)
for wrong, what in (
    (["", "", None, None], "an empty type"),
    (["KeyError", "", None], "three parts"),
    ([1, "", None, None], "a type that is an integer"),
    (["KeyError", None, None, None], "a text that is nil"),
    ("KeyError", "a str in place of its parts"),
):
    case("P23", f"an error with {what}", *APPLY, send([-2, wrong]), closes(8))
case(
    "P79a",
    "details with a key that is not listed",
    *APPLY,
    send([-2, ["KeyError", "", None, None], {"more": 1}]),
    closes(8),
)

# ---- operations ----

case("P80", "an attribute is read", send(call("__getattr__", "title")), answers("hall"))
case("P80", "an attribute that is not offered is refused", send(call("__getattr__", "_note")), REFUSED, *ALIVE)
case("P80", "a method is no attribute", send(call("__getattr__", "add")), REFUSED, *ALIVE)
case(
    "P80",
    "an attribute is written",
    send(call("__setattr__", "title", "attic"), call("__getattr__", "title")),
    answers(None),
    answers("attic"),
)
case("P80", "one that may be read only is not", send(call("__setattr__", "size", 4)), REFUSED, *ALIVE)
case(
    "P80",
    "with a value of another type",
    send(call("__setattr__", "title", 4)),
    TYPE_ERROR,
    send(call("__getattr__", "title")),
    answers("hall"),
)
for name in ("__class__", "__dict__", "__init__", "__repr__", "__getattribute__", "__call__", "__del__", "_note"):
    case("P80", f"a name that the interface does not have: {name}", send(call(name)), REFUSED, *ALIVE)
COUNT = [send(call("count", 2)), DESCRIBED, answers(mine("it"))]
NEXT = send(call("__next__", of=Hole("it")))
case(
    "P80",
    "an iterator to its end",
    *COUNT,
    NEXT,
    answers(0),
    NEXT,
    answers(1),
    NEXT,
    error("StopIteration"),
    NEXT,
    error("StopIteration"),
)
for options, what in (
    ({"more": 1}, "a key that is not listed"),
    ({"ahead": 0}, "no items"),
    ({"ahead": 2**32}, "too many items"),
    ({"ahead": "1"}, "items that are a str"),
    ({"oneway": False}, "oneway that is false"),
    ({"oneway": 1}, "oneway that is 1"),
    ({"ahead": 1, "oneway": True}, "items and no answer"),
    ([], "options that are an array"),
):
    refused("P81c/2", 8, f"an ask with {what}", ask("add", 1, 2, options=options))
case("P81c", "an ask without options is a call", send(ask("add", 1, 2, options={})), answers(3))
case("P81d/2", "items of what is no iterator", send(ask("add", 1, 2, options={"ahead": 1})), REFUSED, *ALIVE)
case(
    "P81e",
    "one item ahead",
    *COUNT,
    send(ask("__next__", options={"ahead": 1}, of=Hole("it"))),
    get([-13, [0]]),
    answers(None),
    NEXT,
    answers(1),
)
case(
    "P81e",
    "ahead behind the end",
    *COUNT,
    NEXT,
    answers(0),
    NEXT,
    answers(1),
    send(ask("__next__", options={"ahead": 5}, of=Hole("it"))),
    error("StopIteration"),
)
case(
    "P81j",
    "a call that is not answered",
    send(ask("note", "seen", options={"oneway": True}), call("noted")),
    answers("seen"),
)
case(
    "P81l/2",
    "calls of other lanes start behind those that were sent before them",
    raw(
        "".join(encode(ask("note", text, options={"oneway": True})) + NL for text in "abcde")
        + LANE_2
        + encode(call("noted"))
        + NL
    ),
    answers("e", lane=2),
)
case("P81j", "nor when it is refused", send(ask("nothing", options={"oneway": True})), SILENT, *ALIVE)
case("P81j", "nor when it fails", send(ask("fail", "KeyError", options={"oneway": True})), *ALIVE)
case("P81m", "it does not nest", *APPLY, send(ask("note", "x", options={"oneway": True})), closes(15))
case("P83", "by place and by name", send(call("greet", "ada", greeting="hi")), answers("hi ada"))
case("P83", "a default is the server's", send(call("greet", name="ada")), answers("hello ada"))
case("P83", "as many as there are", send(call("total", 1, 2, 3, x=4, y=5)), answers(15))
for args, kwargs, what in (
    ((), {}, "none"),
    (("a", "b", "c"), {}, "too many"),
    (("a",), {"name": "b"}, "one twice"),
    (("a",), {"nobody": "b"}, "one that is not there"),
):
    case("P83", f"arguments that do not fit: {what}", send(call("greet", *args, **kwargs)), TYPE_ERROR, *ALIVE)
case("P83", "arguments by place only are not given by name", send([0, "add", [1], {"b": 2}]), TYPE_ERROR, *ALIVE)
case("P83", "each of many has its type", send(call("total", 1, x="2")), TYPE_ERROR, *ALIVE)

# ---- descriptions ----

case("P84", "an interface is described once", *TICKET, send(call("ticket")), answers(mine("u")), {"differ": ["t", "u"]})
case("P85", "its number stands for it", *TICKET, send(call("ticket")), answers(mine("u", "k")), {"same": ["i", "k"]})
case(
    "P88",
    "what a description holds",
    send(call("ticket")),
    get(
        [
            -5,
            Hole("", "int"),
            {"interfaces": {"hall:Ticket": {"methods": {"number": "() -> int", "void": "() -> none"}}}},
        ]
    ),
    answers(mine("t")),
)
case(
    "P92a",
    "a description ahead of the first reference",
    send(call("ticket")),
    DESCRIBED,
    answers(mine("t")),
    send([-15, Hole("hall"), "hall:View"]),
    get([-5, Hole("", "int"), {"interfaces": {"hall:View": {"methods": {"number": "() -> int"}}}}]),
)
case("P92b", "one that is no result there is not described", send([-15, Hole("hall"), "hall:Nothing"]), SILENT, *ALIVE)
case("P92b", "nor one behind a number that was not described", send([-15, 4_000_000_000, "hall:View"]), SILENT, *ALIVE)
refused("P92a", 8, "interface 0 is none", [-15, 0, "hall:View"])

# ---- values ----

for value, what in (
    (None, "nil"),
    (True, "true"),
    (False, "false"),
    (0, "zero"),
    (-33, "an int 8"),
    (2**64 - 1, "the largest integer of msgpack's"),
    (-(2**63), "its smallest"),
    (2**64, "one more than the largest"),
    (-(2**63) - 1, "one less than the smallest"),
    (2**500, "a large one"),
    (1.5, "a float"),
    (float("inf"), "infinity"),
    (-0.0, "negative zero"),
    (complex(1.0, -2.0), "a complex number"),
    ("", "an empty str"),
    ("caf\u00e9 \U0001f600", "a str beyond ASCII"),
    ("n" * 300, "a str 16"),
    (b"", "an empty bin"),
    (bytes(range(256)), "every byte"),
    ([], "an empty tuple"),
    ([1, ["a", "b"]], "tuples in tuples"),
    ([Tag(1), 1], "a frozenset"),
    ([Tag(2), "a", "b"], "a list"),
    ([Tag(3), 3], "a set"),
    ([Tag(4), 0, 10, 2], "a range"),
    ([Tag(5), None, 10, None], "a slice"),
    ({"a": 1, 2: [3]}, "a dict with keys that are str and int"),
    ([Tag(8), [1, 2], "x"], "a dict with a tuple for a key"),
    (dt.datetime(2024, 2, 29, 23, 59, 59, 999999), "a datetime"),
    (dt.datetime(2024, 2, 29, 1, 2, 3, 4, dt.timezone(dt.timedelta(hours=-5))), "an aware one"),
    (dt.date(1, 1, 1), "the first day"),
    (dt.time(12, 30, fold=1), "a time with its fold"),
    (dt.timedelta(days=-1, microseconds=1), "a negative timedelta"),
    (decimal.Decimal("-1.50E+3"), "a Decimal with every digit as written"),
    (decimal.Decimal("NaN"), "no number"),
    (uuid.UUID(int=2**127 + 1), "a UUID"),
):
    case("P94", f"{what} comes back", send(call("echo", value)), answers(value))
case("P94", "a float 32 comes back as a float 64", raw(f"9400{LONG}91ca3fc0000080" + NL), answers(1.5))
refused("P95", 14, "a tag behind the first item", call("echo", [1, Tag(1)]))
refused("P95", 14, "a tag alone", call("echo", value=Tag(1)))
refused("P95", 14, "tag 0", [0, "echo", [[ext(18, "00")]], {}])
case("P101", "an int where a float is declared", send(call("half", 1)), answers(0.5))
case("P101", "a bool is none", send(call("half", True)), TYPE_ERROR, *ALIVE)

# ---- limits: hall.json says how much ----


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


case(
    "P103",
    "as deep as it may be: 16, the message and its arguments among them",
    send(call("take", nested(14))),
    answers(None),
)
refused("P103", 10, "one deeper", call("take", nested(15)))
case("P103", "2,000 objects", send(call("take", [0] * 1994)), answers(None))
refused("P103", 11, "one more", call("take", [0] * 1995))
refused("P103", 11, "101 keys", call("take", dict.fromkeys(range(101), 0)))
case("P103", "an integer of 256 bytes", send(call("echo", 2**2047 - 1)), answers(2**2047 - 1))
refused("P103", 11, "one of 257", call("echo", 2**2047))
FILL = 65536 - len(bytes.fromhex(encode(call("echo", b"x" * 60000)))) + 60000
case("P103", "a message of 65,536 bytes", send(call("echo", b"x" * FILL)), get([-1, b"x" * FILL]))
refused("P103", 11, "one byte more", call("echo", b"x" * (FILL + 1)))
for start, what in (
    ("c6ffffffff", "a bin of four gigabytes"),
    ("dbffffffff", "a str of four gigabytes"),
    ("ddffffffff", "an array of four milliards"),
    ("dfffffffff", "a map of four milliards"),
    ("c9ffffffff10", "an ext of four gigabytes"),
    ("c600010000", "a bin that is a little too long"),
):
    case("P104", f"{what} is refused at its header", raw(f"9400{LONG}91{start}"), closes(11))
MANY = [send(*[call("ticket")] * 4), DESCRIBED, *[answers(mine(f"t{n}")) for n in range(4)]]
case(
    "P105",
    "a fifth reference has no room",
    *MANY,
    send(call("ticket")),
    error("QuotaExceeded", "references: 4"),
    *ALIVE,
)
case(
    "P105",
    "until one was given back",
    *MANY,
    send(call("ticket")),
    error("QuotaExceeded", "references: 4"),
    send([-3, Hole("t0"), 1], call("ticket")),
    answers(mine("t4")),
)

# ---- parts ----


def part(carried: str) -> str:
    """A part that carries these bytes, in hex, and its newline."""
    length = len(bytes.fromhex(carried))
    return f"92f0c4{length:02x}{carried}{NL}" if length < 256 else f"92f0c5{length:04x}{carried}{NL}"


ADD = encode(call("add", 1, 2)) + NL
PING = "92f705" + NL
PONG = get([-10, 5])
case("P71a", "a call in two parts", raw(part(ADD[:8]) + part(ADD[8:])), answers(3))
case("P71a", "one byte for each write", {"send": [part(ADD[:8]) + part(ADD[8:])], "cut": 1}, answers(3))
case("P71a", "the second stream has a lane of its own", raw(part(LANE_2 + ADD)), answers(3, lane=2), *ALIVE)
case("P71a", "which stays", raw(part(LANE_2 + ADD) + part(ADD)), answers(3, lane=2), answers(3, lane=2))
case("P71a", "and is 0 at the beginning", raw(LANE_2 + part(ADD)), answers(3))
case(
    "P71b",
    "what comes between goes ahead",
    raw(part(ADD[:8]) + LANE_2 + ADD + part(ADD[8:])),
    answers(3, lane=2),
    answers(3),
)
case("P71b", "a ping is answered amid parts", raw(part(ADD[:8]) + PING + part(ADD[8:])), PONG, answers(3))
case(
    "P71b/2",
    "a denied call in parts",
    raw(part(encode(call("burn"))[:8]) + part(encode(call("burn"))[8:] + NL)),
    REFUSED,
    *ALIVE,
)
case(
    "P71b",
    "a reference that was given back between its parts",
    send(call("ticket")),
    DESCRIBED,
    answers(mine("t")),
    {
        "send": [
            part("9400a66e756d62657291d711"),
            encode([-3, Hole("t"), 1]) + NL,
            "92f0c40a",
            encode(Raw("<t/8>")),
            "80" + NL + NL,
        ]
    },
    REFUSED,
    *ALIVE,
)
for carried, what in (
    ("92f705", "a ping"),
    ("93fd0101", "a free"),
    ("93f900a0", "a goodbye"),
    ("93f101a178", "a look"),
):
    case("P71c", f"{what} in a part", raw(part(carried + NL)), closes(15))
case("P71c", "a part in a part", raw(part(part(ADD))), closes(8))
case("P71d", "a part ahead of the hello", raw(part(encode(HELLO) + NL)), closes(15), opened=False)
case(
    "P71d",
    "as many bytes as a message may have",
    raw(f"92f0c600010000{'90' * 0}" + encode(call("echo", b"x" * (FILL - 1))) + NL + NL),
    answers(b"x" * (FILL - 1)),
)
case("P71d", "one more", raw("92f0c600010001"), closes(11))
case("P71d", "four gigabytes", raw("92f0c6ffffffff"), closes(11))
HALF = encode(call("echo", b"x" * FILL))[:60000]
REST = encode(call("echo", b"x" * FILL))[60000:] + NL
case(
    "P71d/3",
    "as much as a message lacks",
    raw(part(HALF) + f"92f0c6{len(REST) // 2:08x}{REST}{NL}"),
    get([-1, b"x" * FILL]),
)
case("P71d/3", "one byte more", raw(part(HALF) + "92f0c6" + f"{65538 - 30000:08x}"), closes(11))
for carried, what in (("c400", "nothing"), ("a161", "a str"), ("c0", "nil"), ("9190", "an array")):
    case("P71d", f"a part that carries {what}", raw(f"92f0{carried}{NL}"), closes(8))
case("P71e/2", "the array in a longer form", raw(f"dc0002f0c40190{NL}"), closes(8))
case("P71e/2", "the kind in a longer form", raw(f"92d0f0c40190{NL}"), closes(8))
case("P71e", "the bin in a longer form", raw("92f0c60000000b" + ADD + NL), answers(3))
case("P71e", "a byte other than a newline behind it", raw("92f0c40b" + ADD + "0b"), closes(9))
case(
    "P71f",
    "several messages in one part",
    raw(part(ADD + LANE_2 + ADD + ADD[:6]) + part(ADD[6:])),
    answers(3),
    answers(3, lane=2),
    answers(3, lane=2),
)
WIDE = encode(call("echo", b"x" * FILL)) + NL
case(
    "P71h",
    "65,536 bytes in parts",
    raw(part(WIDE[:60000]) + part(WIDE[60000:100000]) + part(WIDE[100000:])),
    get([-1, b"x" * FILL]),
)
WIDE = encode(call("echo", b"x" * (FILL + 1))) + NL
case("P71h", "one byte more", raw(part(WIDE[:60000]) + part(WIDE[60000:100000]) + part(WIDE[100000:])), closes(11))

# ---- ending ----

case("P109", "a goodbye is the last message", send([-7, 0, "done"], call("add", 1, 2)), closes(None, 0))
case("P110", "even ahead of the hello", send([-7, 0, ""]), closes(None, 0), opened=False)
case("P113", "nothing is served behind a fault", {"send": ["c1" + NL, encode(call("add", 3, 4)) + NL]}, closes(8))
case("P113", "the first fault counts", raw("9400a2c32890c1" + NL), closes(12))
case("P114", "a code that nobody knows", send([-7, 4_000_000_000, "?"]), closes(None, 0))


def written() -> str:
    """The cases as the file has them: a case on a line."""
    lines = ",\n".join("  " + json.dumps(one, ensure_ascii=True, separators=(", ", ": ")) for one in CASES)
    return '{\n "pynto-conformance": 1,\n "cases": [\n' + lines + "\n ]\n}\n"


if __name__ == "__main__":
    (HERE / "cases.json").write_text(written(), encoding="utf-8")
    print(f"{len(CASES)} cases")
