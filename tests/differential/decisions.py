"""Policies and calls, decided by Pynto (decisions.c) and by a second reading of docs/policy.md (decision_oracle.py): the same verdict for the same reason."""

from __future__ import annotations

import itertools
import struct
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgpack
from children import Program, build
from decision_corpus import EXPORTED, Policy
from decision_oracle import MISSING, NAME, OVERLOAD, REF, SHAPE, TOO_MANY, TWICE, TYPE, UNKNOWN, Map, Oracle
from decision_values import KEY_MAX

CALLS = 400  # of each policy
OK, DENIED, ARGS, FORMAT = 1, 3, 4, 8
# enum pyn_why, and the statuses that go with each.
REASONS = ["", NAME, REF, MISSING, TOO_MANY, UNKNOWN, TWICE, TYPE, OVERLOAD]
STATUSES = {NAME: DENIED, REF: DENIED, **dict.fromkeys((MISSING, TOO_MANY, UNKNOWN, TWICE, TYPE, OVERLOAD), ARGS)}
NONE = 255


@dataclass
class Report:
    decisions: int = 0
    policies: int = 0
    admitted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    finding_count: int = 0
    seconds: float = 0.0

    def found(self, why: str) -> None:
        self.finding_count += 1
        if len(self.findings) < 20:
            self.findings.append(why)

    def lines(self) -> Iterator[str]:
        yield f"{self.decisions:,} decisions under {self.policies:,} policies in {self.seconds:,.0f} s"
        yield f"{self.admitted:>12,}  admitted by both, by the same signature"
        yield f"{sum(self.refused.values()):>12,}  refused by both, for the same reason:"
        for why, count in sorted(self.refused.items()):
            yield f"{count:>16,}  {why}"
        yield f"{self.finding_count:>12,}  findings"
        yield from self.findings


def parts(body: bytes) -> tuple[object, object, bool]:
    """Arguments, keywords, and whether that is all."""
    unpacker = msgpack.Unpacker(raw=False, strict_map_key=False, object_pairs_hook=Map)
    unpacker.feed(body)
    return unpacker.unpack(), unpacker.unpack(), unpacker.tell() == len(body)


def judge(report: Report, oracle: Oracle, call: tuple[str, str, bytes], answer: bytes) -> None:
    interface, name, body = call
    status, why, param, signature = answer
    wanted, chosen = oracle.faults(interface, name, *parts(body))
    reason = SHAPE if status == FORMAT else REASONS[why]
    is_status_sound = status == FORMAT or STATUSES.get(reason, OK) == status
    if not wanted and status == OK and (signature == NONE if chosen < 0 else signature == chosen):
        report.admitted += 1
    elif status != OK and is_status_sound and (reason, -1 if param == NONE else param) in wanted:
        report.refused[reason] += 1
    else:
        rule = oracle.document["interfaces"][interface]
        rule = rule.get("methods", {}).get(name) or rule.get("set")
        said = f"Pynto {status}, {reason or 'none'}, {param}, {signature}; the oracle {sorted(wanted)}, {chosen}"
        report.found(f"{said}: {interface}.{name} {body.hex()}, that is {parts(body)}, of {rule}")


def compare(count: int, seed: int) -> Report:
    report = Report()
    start = time.monotonic()
    exported = {number + 1: name for number, name in enumerate(EXPORTED)}
    held = "".join(f"{name}\n" for name in EXPORTED).encode()
    with Program(build("differ_decisions")) as pynto:
        for number in itertools.count():
            size = min(CALLS, count - report.decisions)
            if size <= 0:
                break
            policy = Policy(seed * 1_000_003 + number)
            calls = [policy.call() for _ in range(size)]
            blobs = [blob for interface, name, body in calls for blob in (interface.encode(), name.encode(), body)]
            pynto.ask([policy.text, struct.pack(">I", KEY_MAX), held, *blobs])
            oracle = Oracle(policy.document, exported, KEY_MAX)
            answers = pynto.answers()
            if len(answers) != len(calls):
                report.found(f"this policy does not load: {answers[0].decode()}: {policy.text.decode()}")
                answers = []
            for call, answer in zip(calls, answers, strict=False):
                judge(report, oracle, call, answer)
            report.decisions += len(answers)
            report.policies += 1
            if not answers:
                break
    report.seconds = time.monotonic() - start
    return report
