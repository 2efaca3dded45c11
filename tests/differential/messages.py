"""Three readers of msgpack and one page: the same verdict on each message, and the same value.

Pynto's scanner and reader (messages.c), msgpack of PyPI, and @msgpack/msgpack of npm (messages.mjs) each dump what they have read; message_rules.py says what
docs/protocol.md refuses beyond what is no msgpack. What is not explained by one of its rules, or by what is listed below of the other two, is a finding.

The dump: N, T, F; ``I<decimal>;``; ``D<bits, 16 hex digits>;`` or ``Dnan;``; ``S<bytes>:``, ``B<bytes>:`` and the bytes; ``X<code>:`` and the payload as B;
``A<items>;`` and ``M<pairs>;`` and what is inside, in the order of the wire.
"""

from __future__ import annotations

import itertools
import struct
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgpack
from children import NPM, Program, build
from message_corpus import Corpus
from message_rules import BROADER, CODES, NARROWER, Limits, verdict

HERE = Path(__file__).resolve().parent
BATCH = 4000
OK = 1
# As a server has them, and so small that many messages meet them.
LIMITS = (Limits(), Limits(message=4096, depth=8, elements=200, keys=16, integer=40))
NODE_DECODER_AT = (
    200  # bytes of a str above which @msgpack/msgpack leaves it to TextDecoder, which drops a byte order mark
)
BOM = "\ufeff"

OTHERS = {
    "node utf-8": "@msgpack/msgpack takes a str that is not UTF-8, and reads something else",
    "node proto": "@msgpack/msgpack refuses the key __proto__",
    "node mark": "@msgpack/msgpack drops the byte order mark of a str of more than 200 bytes",
}


# ---- the reader of PyPI ----


class Map(list[tuple[Any, Any]]):
    """The pairs of a map, as they came."""


_bits = struct.Struct(">d")


def dump(value: Any, put: Any, keeps_mark: bool = True) -> None:
    kind = type(value)
    if kind is int:
        put(b"I%d;" % value)
    elif kind is str:
        text = value.encode()
        if not keeps_mark and len(text) > NODE_DECODER_AT and value[0] == BOM:
            text = text[3:]
        put(b"S%d:%b" % (len(text), text))
    elif kind is list:
        put(b"A%d;" % len(value))
        for item in value:
            dump(item, put, keeps_mark)
    elif kind is Map:
        put(b"M%d;" % len(value))
        for key, item in value:
            dump(key, put, keeps_mark)
            dump(item, put, keeps_mark)
    elif value is None:
        put(b"N")
    elif kind is bool:
        put(b"T" if value else b"F")
    elif kind is bytes:
        put(b"B%d:%b" % (len(value), value))
    elif kind is float:
        put(b"Dnan;" if value != value else b"D%b;" % _bits.pack(value).hex().encode())
    elif kind is msgpack.ExtType:
        put(b"X%d:B%d:%b" % (value.code, len(value.data), value.data))
    else:  # a timestamp
        put(b"?")


def dumped(value: Any, keeps_mark: bool = True) -> bytes:
    parts: list[bytes] = []
    dump(value, parts.append, keeps_mark)
    return b"".join(parts)


def read(data: bytes) -> tuple[bool, Any]:
    """What msgpack of PyPI makes of one object and the newline behind it: whether it takes them, and the value, or why there is none."""
    try:
        msgpack.unpackb(data, raw=False, strict_map_key=False, object_pairs_hook=Map)
    except msgpack.ExtraData as found:
        return (True, found.unpacked) if found.extra[0] == 0x0A else (False, "newline")
    except (ValueError, msgpack.UnpackException) as error:
        return False, type(error).__name__
    return False, "short"


# ---- the comparison ----


@dataclass
class Report:
    messages: int = 0
    alike: int = 0  # let in by all, with one value
    refused: int = 0  # by all
    narrower: Counter[str] = field(
        default_factory=Counter
    )  # refused by Pynto, as the rule says, and taken by both others
    earlier: Counter[str] = field(
        default_factory=Counter
    )  # refused by a rule, and by one of the others for what comes later
    others: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    finding_count: int = 0
    seconds: float = 0.0

    def found(self, why: str, data: bytes, limits: Limits) -> None:
        self.finding_count += 1
        if len(self.findings) < 20:
            shown = data.hex() if len(data) <= 300 else f"{data[:100].hex()}... {len(data)} bytes"
            self.findings.append(f"{why}: {shown} under {limits}")

    def lines(self) -> Iterator[str]:
        yield f"{self.messages:,} messages in {self.seconds:,.0f} s"
        yield f"{self.alike:>12,}  let in by all three, with the same value"
        yield f"{self.refused:>12,}  refused by all three"
        yield f"{sum(self.narrower.values()):>12,}  refused by Pynto, taken by both others:"
        for rule, count in sorted(self.narrower.items()):
            text = ", or ".join(NARROWER[each] for each in rule.split(" / "))
            yield f"{count:>16,}  {rule}: {text}"
        yield f"{sum(self.earlier.values()):>12,}  refused by Pynto by such a rule, and by another reader by what comes later"
        for name, count in sorted(self.others.items()):
            yield f"{count:>12,}  {OTHERS[name]}"
        yield f"{self.finding_count:>12,}  findings"
        yield from self.findings


def judge(report: Report, data: bytes, limits: Limits, ours: bytes, node: bytes) -> None:
    rules = verdict(data, limits)
    status = ours[0]
    takes, value = read(data)
    if not (status in {CODES[rule] for rule in rules} or (status == OK and not rules)):
        report.found(f"Pynto says {status}, docs/protocol.md {sorted(rules)}", data, limits)
    elif status == OK:
        judge_value(report, data, limits, ours, node, takes, value)
    elif rules <= BROADER.keys():
        if takes or (node[0] == OK and rules != {"P9"}):
            report.found(f"not msgpack by {sorted(rules)}, but taken", data, limits)
        elif node[0] == OK:
            report.others["node utf-8"] += 1
        else:
            report.refused += 1
    elif takes and node[0] == OK:
        report.narrower[" / ".join(sorted(rules & NARROWER.keys()))] += 1
    elif takes and b"__proto__" in data:
        report.others["node proto"] += 1
    elif takes:
        report.found(f"one of the others takes it, Node says {node!r}", data, limits)
    else:
        report.earlier[" / ".join(sorted(rules & NARROWER.keys()))] += 1


def judge_value(report: Report, data: bytes, limits: Limits, ours: bytes, node: bytes, takes: bool, value: Any) -> None:
    if not takes:
        report.found(f"Pynto lets it in, msgpack says {value}", data, limits)
        return
    wanted = dumped(value)
    if ours[1:] != wanted:
        report.found(f"Pynto reads {ours[1:]!r}, msgpack {wanted!r}", data, limits)
    elif node == ours:
        report.alike += 1
    elif node[0] != OK and b"__proto__" in data and b"__proto__" in node:
        report.others["node proto"] += 1
    elif node[0] == OK and node[1:] == dumped(value, keeps_mark=False):
        report.others["node mark"] += 1
    else:
        report.found(f"both read {wanted!r}, Node {node!r}", data, limits)


def compare(count: int, seed: int) -> Report:
    """So many messages; each batch has a seed of its own, so that the messages of one are the same whatever their number."""
    report = Report()
    start = time.monotonic()
    with Program(build("differ_messages")) as pynto, Program("node", HERE / "messages.mjs", NPM) as node:
        for number in itertools.count():
            size = min(BATCH, count - report.messages)
            if size <= 0:
                break
            limits = LIMITS[number % len(LIMITS)]
            batch = list(itertools.islice(Corpus(seed * 1_000_003 + number, limits).messages(), size))
            pynto.ask([limits.packed(), *batch])
            node.ask(batch)
            for data, ours, theirs in zip(batch, pynto.answers(), node.answers(), strict=True):
                judge(report, data, limits, ours, theirs)
            report.messages += size
    report.seconds = time.monotonic() - start
    return report
