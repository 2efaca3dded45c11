"""Do docs/protocol.md, schemas/protocol.cddl and the core's tables say the same?

Every example of the page is decoded, compared with what the page says it is, encoded again, and checked against the grammar.
"""

from __future__ import annotations

import datetime as dt
import decimal
import re
import socket
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgpack
import pytest
from pynto import _core
from rawpeer import GOODBYE, HELLO, Ext, Mine, Promise, RawPeer, RawPeerError, Tag, Yours, pack, unpack

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
GRAMMAR = (ROOT / "schemas" / "protocol.cddl").read_text(encoding="utf-8")


def source(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


# ---- the page ----


class Example(NamedTuple):
    place: str  # line of the page
    data: bytes
    says: str
    comment: str


class Block(NamedTuple):
    language: str
    kind: str
    lines: list[tuple[int, str]]


def read_blocks() -> list[Block]:
    blocks: list[Block] = []
    is_open = False
    for number, line in enumerate(PAGE.splitlines(), 1):
        if line.startswith("```"):
            is_open = not is_open
            if is_open:
                language, _, kind = line[3:].partition(" ")
                blocks.append(Block(language, kind, []))
        elif is_open:
            blocks[-1].lines.append((number, line))
    assert not is_open
    return blocks


BLOCKS = read_blocks()
KINDS = ("message", "value", "loose", "refused", "client", "server")


def read_example(number: int, line: str) -> Example:
    digits, says, comment = line.split(" ; ", 2)
    return Example(f"line {number}", bytes.fromhex(digits), says, comment)


def examples(*kinds: str) -> list[Example]:
    found = [b for b in BLOCKS if b.language == "msgpack" and b.kind in kinds]
    return [read_example(number, line) for block in found for number, line in block.lines]


def id_of(example: Example) -> str:
    return f"{example.place}: {example.says[:40]}"


def value_of(says: str) -> Any:
    """A diagnostic is an expression of Python that is made of literals and these constructors."""
    names = {
        "Mine": Mine,
        "Yours": Yours,
        "Tag": Tag,
        "Promise": Promise,
        "complex": complex,
        "Decimal": decimal.Decimal,
        "UUID": uuid.UUID,
    }
    moments = {name: getattr(dt, name) for name in ("datetime", "date", "time", "timedelta", "timezone")}
    return eval(says, {"__builtins__": {}}, names | moments)


def same(left: Any, right: Any) -> bool:
    return repr(left) == repr(right)  # 1 is not True, and a NaN is itself


def table(heading: str) -> list[list[str]]:
    """The rows of the table whose head begins so."""
    lines = PAGE.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(heading))
    rows: list[list[str]] = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            return rows
        rows.append([cell.strip().strip("`") for cell in line.strip("|").split("|")])
    return rows


# ---- the grammar: as much of RFC 8610 as the schema uses ----


@dataclass
class Literal:
    value: Any


@dataclass
class Name:
    name: str


@dataclass
class Choice:
    types: list[Any]


@dataclass
class Between:
    low: Any
    high: Any


@dataclass
class Control:
    operator: str
    target: Any
    argument: Any


@dataclass
class Tagged:
    number: int
    inner: Any


@dataclass
class Entry:
    least: int
    most: float
    key: Any
    item: Any


@dataclass
class Group:
    opens: str
    entries: list[Entry]


TOKEN = re.compile(
    r"""(?P<skip>\s+|;[^\n]*) | (?P<text>"[^"]*") | (?P<bytes>h'[0-9a-f]*') | (?P<tag>\#6\.\d+) | (?P<occur>\d*\*\d*|\?|\+)
      | (?P<number>-?\d+) | (?P<control>\.(?:size|eq)) | (?P<name>[A-Za-z][A-Za-z0-9-]*) | (?P<sign>\.\.|=>|[=/\[\]{}(),:])""",
    re.VERBOSE,
)


class Reader:
    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(text):
            match = TOKEN.match(text, at)
            assert match is not None, f"no CDDL: {text[at : at + 40]!r}"
            at = match.end()
            if match.lastgroup != "skip":
                self.tokens.append((str(match.lastgroup), match[0]))
        self.at = 0

    def peek(self, ahead: int = 0) -> str:
        return self.tokens[self.at + ahead][1] if self.at + ahead < len(self.tokens) else ""

    def take(self, wanted: str | None = None) -> tuple[str, str]:
        token = self.tokens[self.at]
        assert wanted is None or token[1] == wanted, f"{token[1]!r} in place of {wanted!r}"
        self.at += 1
        return token

    def rules(self) -> dict[str, Any]:
        rules: dict[str, Any] = {}
        while self.at < len(self.tokens):
            name = self.take()[1]
            self.take("=")
            assert name not in rules
            rules[name] = self.type()
        return rules

    def type(self) -> Any:
        types = [self.ranged()]
        while self.peek() == "/":
            self.take()
            types.append(self.ranged())
        return types[0] if len(types) == 1 else Choice(types)

    def ranged(self) -> Any:
        left = self.single()
        if self.peek() == "..":
            self.take()
            return Between(left.value, self.single().value)
        if self.peek() in (".size", ".eq"):
            return Control(self.take()[1], left, self.single())
        return left

    def single(self) -> Any:
        kind, text = self.take()
        if kind == "number":
            return Literal(int(text))
        if kind == "text":
            return Literal(text[1:-1])
        if kind == "bytes":
            return Literal(bytes.fromhex(text[2:-1]))
        if kind == "name":
            return Name(text)
        if kind == "tag":
            self.take("(")
            inner = self.type()
            self.take(")")
            return Tagged(int(text[3:]), inner)
        if text == "(":
            inner = self.type()
            self.take(")")
            return inner
        return self.group(text, {"[": "]", "{": "}"}[text])

    def group(self, opens: str, closes: str) -> Group:
        entries = []
        while self.peek() != closes:
            entries.append(self.entry())
            if self.peek() == ",":
                self.take()
        self.take(closes)
        return Group(opens, entries)

    def entry(self) -> Entry:
        least, most = 1, 1.0
        if self.tokens[self.at][0] == "occur":
            text = self.take()[1]
            low, _, high = text.partition("*")
            fixed = {"?": (0, 1.0), "+": (1, float("inf"))}
            least, most = fixed.get(text) or (int(low or 0), float(high or "inf"))
        if self.peek() == "(":
            self.take()
            return Entry(least, most, None, self.group("(", ")"))
        if self.peek(1) == ":":
            self.at += 2
        item = self.type()
        if self.peek() == "=>":
            self.take()
            return Entry(least, most, item, self.type())
        return Entry(least, most, None, item)


RULES = Reader(GRAMMAR).rules()
PRELUDE = {
    "int": lambda v: type(v) is int,
    "float": lambda v: type(v) is float,
    "bool": lambda v: type(v) is bool,
    "null": lambda v: v is None,
    "true": lambda v: v is True,
    "tstr": lambda v: type(v) is str,
    "bstr": lambda v: type(v) is bytes,
}


def fits_control(control: Control, value: Any) -> bool:
    if not fits(control.target, value):
        return False
    if control.operator == ".eq":
        return fits(control.argument, value)
    return fits(control.argument, len(value.encode() if isinstance(value, str) else value))


def ends(entries: list[Entry], items: list[Any], at: int) -> Iterator[int]:
    """Where items from at on may end when they fit the entries."""
    if not entries:
        yield at
        return
    entry, rest = entries[0], entries[1:]
    places = {at}
    count = 0
    while places and count <= entry.most:
        if count >= entry.least:
            for place in places:
                yield from ends(rest, items, place)
        after: set[int] = set()
        for place in places:
            if isinstance(entry.item, Group) and entry.item.opens == "(":
                after.update(ends(entry.item.entries, items, place))
            elif place < len(items) and fits(entry.item, items[place]):
                after.add(place + 1)
        places = after
        count += 1


def fits_map(group: Group, value: dict[Any, Any]) -> bool:
    left = dict(value)
    for entry in group.entries:
        keys = [key for key in left if fits(entry.key, key)]
        if not entry.least <= len(keys) <= entry.most or not all(fits(entry.item, left.pop(key)) for key in keys):
            return False
    return not left


def fits(kind: Any, value: Any) -> bool:
    """Does a value fit? Ext are Ext, whatever they stand for."""
    match kind:
        case Name(name):
            return bool(PRELUDE[name](value)) if name in PRELUDE else fits(RULES[name], value)
        case Choice(types):
            return any(fits(one, value) for one in types)
        case Literal(wanted):
            return type(value) is type(wanted) and bool(value == wanted)
        case Between(low, high):
            return type(value) is int and low <= value <= high
        case Control():
            return fits_control(kind, value)
        case Tagged(number, inner):
            return isinstance(value, Ext) and value.code == number - 40000 and fits(inner, value.data)
        case Group("["):
            return isinstance(value, list) and len(value) in ends(kind.entries, value, 0)
        case Group("{"):
            return isinstance(value, dict) and fits_map(kind, value)
    raise AssertionError(kind)


def pairs_once(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    keys = [(type(key), key) for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError("a key that stands twice")
    return dict(pairs)


def plain(data: bytes) -> Any:
    """The object with every ext left as it is, and no key twice."""
    return msgpack.unpackb(data, ext_hook=Ext, raw=False, strict_map_key=False, object_pairs_hook=pairs_once)


# ---- the examples ----


def test_every_block_of_the_page_is_of_a_known_kind() -> None:
    assert {b.language for b in BLOCKS} == {"msgpack", "bytes", "names"}
    assert {b.kind for b in BLOCKS if b.language == "msgpack"} == set(KINDS)
    assert all(len(examples(kind)) > 3 for kind in KINDS)


def test_the_rules_are_numbered_without_gaps() -> None:
    numbers = [int(n) for n in re.findall(r"^- \*\*P(\d+)\*\* ", PAGE, re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("example", examples("message", "value", "client", "server"), ids=id_of)
def test_an_example_is_what_the_page_says_and_is_written_so(example: Example) -> None:
    assert same(unpack(example.data), value_of(example.says))
    assert pack(value_of(example.says)) == example.data


@pytest.mark.parametrize("example", examples("loose"), ids=id_of)
def test_a_longer_form_has_the_same_value(example: Example) -> None:
    assert same(unpack(example.data), value_of(example.says))
    assert pack(value_of(example.says)) != example.data


@pytest.mark.parametrize("kind", ["message", "value", "client", "server"])
def test_the_examples_fit_the_grammar(kind: str) -> None:
    rule = {"client": "client-message", "server": "server-message"}.get(kind, kind)
    for example in examples(kind):
        assert fits(Name(rule), plain(example.data)), id_of(example)


def test_longer_forms_fit_the_grammar() -> None:
    for example in examples("loose"):
        value = plain(example.data)
        assert fits(Name("message"), value) or fits(Name("value"), value), id_of(example)


@pytest.mark.parametrize("example", examples("refused"), ids=id_of)
def test_what_the_page_refuses_is_no_message(example: Example) -> None:
    assert example.says in {row[0] for row in table("| code | reason")}
    try:
        value = plain(example.data)
    except (ValueError, msgpack.FormatError) as error:
        assert (
            example.says == {"UnicodeDecodeError": "12", "ValueError": "13", "FormatError": "8"}[type(error).__name__]
        )
    else:
        assert not fits(Name("message"), value)


@pytest.mark.parametrize(
    "value",
    [
        Ext(18, b"\1"),
        [1, Ext(18, b"\1")],
        [Ext(18, b"\x09")],
        [Ext(18, b"\4"), 1, 2],
        [Ext(18, b"\4"), 1, 2, None],
        [Ext(18, b"\5"), 1, 2, 2**63],
        [Ext(18, b"\6"), 1],
        [Ext(18, b"\6")],
        [Ext(18, b"\7"), "chat:Mode"],
        [Ext(18, b"\x08"), 1],
        {None: 1},
        {1.5: 1},
        {True: 1},
        Ext(15, b""),
        Ext(16, bytes(11)),
        Ext(19, bytes(8)),
        Ext(21, bytes(12)),
        Ext(27, bytes(16)),
    ],
    ids=repr,
)
def test_the_grammar_refuses_what_is_no_value(value: Any) -> None:
    assert not fits(Name("value"), value)
    assert not fits(Name("message"), [-1, value])


def test_the_session_is_made_of_its_parts() -> None:
    """Each message of the session is followed by its parts, which are the same bytes and the newline."""
    session = [b for b in BLOCKS if b.kind in ("client", "server")]
    messages, parts = session[::2], session[1::2]
    assert len(messages) == len(parts) > 20
    for message, pieces in zip(messages, parts, strict=True):
        assert (message.language, pieces.language, message.kind) == ("msgpack", "bytes", pieces.kind)
        (line,) = message.lines
        digits = "".join(piece.split(" ; ")[0] for _, piece in pieces.lines)
        assert bytes.fromhex(digits) == read_example(*line).data + b"\n", f"line {line[0]}"


# ---- the raw peer ----


def test_two_raw_peers_play_the_session_of_the_page() -> None:
    left, right = socket.socketpair()
    with RawPeer(left, timeout=5) as client, RawPeer(right, timeout=5) as server:
        for example, kind in [(e, kind) for b in BLOCKS if b.kind in ("client", "server") for e, kind in played(b)]:
            sender, receiver = (client, server) if kind == "client" else (server, client)
            stream = example.data + b"\n"
            for at in range(0, len(stream), 7):  # in pieces that are no messages
                sender.send_raw(stream[at : at + 7])
            if unpack(example.data)[0] != GOODBYE:
                assert same(receiver.recv_message(), value_of(example.says))
        client.close()
        assert server.expect_close() == [GOODBYE, 0, "done"]
        assert (client.in_lane, server.in_lane) == (2, 2)
        assert sorted(client.interfaces) == [1, 2]


def played(block: Block) -> list[tuple[Example, str]]:
    return [(read_example(*line), block.kind) for line in block.lines if block.language == "msgpack"]


def test_a_raw_peer_says_hello_and_calls() -> None:
    left, right = socket.socketpair()
    with RawPeer(left, timeout=5) as client, RawPeer(right, timeout=5) as server:
        for message in ([HELLO, "pynto", 1, None, {}], [-5, 1, {"interfaces": {"chat:Room": {}}}], [-1, Mine(0, 1)]):
            server.send(message)
        assert client.hello("room")[0] == HELLO
        assert client.root == Mine(0, 1)
        assert server.recv_message() == [HELLO, "pynto", 1, "room", {}]
        server.send([-3, 1, 1])
        server.send([-1, "pong"], lane=2)
        assert client.call(0, "ping", [1], {"a": 2}, lane=2) == [-1, "pong"]
        assert [server.recv_message(), server.recv_message()] == [[-4, 2], [0, "ping", [1], {"a": 2}]]
        assert (client.in_lane, server.in_lane) == (2, 2)


def test_a_raw_peer_waits_no_longer_than_it_is_told() -> None:
    left, right = socket.socketpair()
    with RawPeer(left, timeout=0.05) as client, right:
        with pytest.raises(RawPeerError, match="in time"):
            client.recv_message()
        with pytest.raises(RawPeerError, match="in time"):
            client.expect_close(timeout=0.01)
        with pytest.raises(TimeoutError):
            client.send_raw(bytes(1 << 24))


def test_a_raw_peer_sees_what_is_wrong_with_an_end() -> None:
    for sent, wrong in (
        (b"\x91\xfa ", "no newline"),
        (b"\x92", "within a message"),
        (pack([GOODBYE, 8, ""]) + b"\n\x91\xfa\n", "behind"),
    ):
        left, right = socket.socketpair()
        with RawPeer(left, timeout=5) as client, right:
            right.sendall(sent)
            right.shutdown(socket.SHUT_WR)
            with pytest.raises(RawPeerError, match=wrong):
                client.expect_close()


# ---- the core ----


def test_the_kinds_are_those_of_the_core() -> None:
    core = {int(n) for n in re.findall(r"PYN_M_\w+ = (-\d+)", source("src/wire/message.h"))}
    assert {int(row[0]) for row in table("| kind | message") if row[0]} == core


def test_the_exts_and_tags_are_those_of_the_core() -> None:
    header = source("src/wire/ext.h")
    exts = {(int(n), name) for name, n in re.findall(r"PYN_EXT_(\w+) = (\d+)", header) if name != "H"}
    assert {(int(row[0]), row[1]) for row in table("| ext | name")} == exts
    tags = {name.lower(): int(n) for name, n in re.findall(r"PYN_TAG_(\w+) = (\d+)", header)}
    schema = {name: int(n, 16) for name, n in re.findall(r"tag-(\w+) = \S+\(bstr \.eq h'(\w\w)'\)", GRAMMAR)}
    assert schema == tags


def test_the_goodbye_codes_are_those_of_the_core() -> None:
    body = source("src/wire/status.h").split("typedef enum pyn_status {")[1].split("}")[0]
    order = re.findall(r"\b(PYN_E?[A-Z0-9]+)\b", re.sub(r"/\*.*?\*/", "", body, flags=re.DOTALL))
    words = dict(re.findall(r'\[(PYN_\w+)\] = "([^"]*)"', source("src/wire/status.c")))
    for code, reason, *_ in table("| code | reason"):
        assert code == "0" or words[order[int(code)]] == reason
    closing = {order.index(name) for name in order[order.index("PYN_EFORMAT") : order.index("PYN_EGONE") + 1]}
    assert closing < {int(row[0]) for row in table("| code | reason")}


def test_the_quotas_are_those_of_the_core() -> None:
    core = {name: usual for name, _, _, usual, *_ in _core.quota_table()}
    none = {name: "0" if unit == "bytes or none" else "1e12" for name, unit, *_ in _core.quota_table()}
    rows = [row[:2] for row in table("| quota | default")]
    assert len(rows) == len(core)
    assert {name: float(usual.replace(",", "").replace("none", none[name])) for name, usual in rows} == core


def test_a_hello_names_limits_that_are_quotas() -> None:
    keys = {row[0] for row in table("| key | meaning")}
    assert keys - {"part"} <= {
        row[0] for row in table("| quota | default")
    }  # how much a part carries follows from `message`
    assert keys == {entry.key.value for entry in RULES["limits"].entries}


def listed(kind: str) -> list[str]:
    (block,) = [b for b in BLOCKS if (b.language, b.kind) == ("names", kind)]
    return [name for _, line in block.lines for name in line.split()]


def test_the_dtypes_are_those_of_the_core_and_of_the_grammar() -> None:
    core = re.findall(r'\[PYN_DTYPE_\w+\] = \{"(\w+)", \d+\}', source("policy/ndarray.c"))
    grammar = re.findall(r'"(\w+)"', GRAMMAR.split("\ndtype = ")[1].split("\n")[0])
    assert listed("dtypes") == core == grammar


def test_the_exceptions_are_builtin_and_ordinary() -> None:
    names = listed("exceptions")
    assert names == sorted(set(names))
    core = re.findall(r'"(\w+)"', source("src/binding/errors.c").split("plain_names[] = {")[1].split("}")[0])
    assert set(names) == {*core, "StopIteration", "StopAsyncIteration"}
    for name in names:
        kind = getattr(__import__("builtins"), name)
        assert issubclass(kind, Exception)
        assert str(kind("a text")).strip("'") == "a text"
