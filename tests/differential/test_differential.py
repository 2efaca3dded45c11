"""Do readers that share no line with Pynto agree with it, on what is let in and on what it is? ``tools/differential`` asks them a great deal more."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE))

import children  # noqa: E402
import decisions  # noqa: E402
import messages  # noqa: E402
from decision_oracle import Oracle  # noqa: E402
from message_rules import CODES, NARROWER, Limits, verdict  # noqa: E402

needs_node = pytest.mark.skipif(
    shutil.which("node") is None or not (children.NPM / "node_modules" / "@msgpack" / "msgpack").is_dir(),
    reason="node and @msgpack/msgpack, which tools/setup --tests installs, are not there",
)


@needs_node
def test_three_readers_give_each_message_one_verdict_and_one_value() -> None:
    report = messages.compare(20_000, seed=11)
    assert not report.findings, "\n".join(report.findings)
    assert report.messages == 20_000
    assert report.alike > 8_000 and report.refused > 2_000
    # Each rule by which the protocol is narrower has refused something that both others take.
    assert {rule for rules in report.narrower for rule in rules.split(" / ")} == NARROWER.keys()


@needs_node
@pytest.mark.parametrize(
    ("ours", "node", "why"),
    [
        (b"\x01A1;I2;", b"\x01A1;I1;", "Pynto reads another value"),
        (b"\x01A1;I1;", b"\x01A1;D3ff0000000000000;", "Node reads a float"),
        (b"\x01A1;I1;", b"\x08no", "Node does not take it"),
        (b"\x08", b"\x01A1;I1;", "Pynto does not take it"),
        (b"\x00", b"\x01A1;I1;", "Pynto's verdict depends on how it is cut"),
    ],
)
def test_a_reader_that_differs_is_a_finding(ours: bytes, node: bytes, why: str) -> None:
    report = messages.Report()
    messages.judge(report, b"\x91\x01\n", Limits(), ours, node)
    assert report.finding_count == 1, why


SMALL = Limits(message=64, depth=4, elements=12, keys=3, integer=12)


@pytest.mark.parametrize(
    ("text", "rules", "why"),
    [
        ("9400a46563686f9101800a", "", "a call"),
        ("9400a46563686f91018020", "P5 newline", "a space behind it"),
        ("9400a46563686f9101", "short", "its end is missing"),
        ("800a", "P5", "a map"),
        ("c10a", "P5", "nothing"),
        ("91c10a", "P11", "nothing in an array"),
        ("91a2c3280a", "P9", "a str that is not UTF-8"),
        ("9181c0010a", "P12", "nil as a key"),
        ("91820101cc01020a", "P13", "1 in two forms"),
        ("9182a16101d90161020a", "P13", "a str in two forms"),
        ("9182ff01cf00000000000000ff010a", "", "-1 and 255 share a byte"),
        ("91d4120a0a", "P14 payload", "tag 10"),
        ("9200d412010a", "P95", "a tag behind the first item"),
        ("91c7020000000a", "P14 code", "ext 0"),
        ("91d7100000000000000000", "P14 length", "a reference of eight bytes"),
        ("990a", "P15", "nine parts"),
    ],
)
def test_the_page_is_read_as_it_is_written(text: str, rules: str, why: str) -> None:
    assert verdict(bytes.fromhex(text), SMALL) == set(filter(None, rules.split(" / "))), why


@pytest.mark.parametrize(
    ("inside", "beyond", "rule"),
    [
        ("91919191", "9191919191", "P103 depth"),
        ("919a" + "00" * 10, "919b" + "00" * 11, "P103 elements"),
        ("9183000001000200", "91840000010002000300", "P103 keys"),
        ("918200810000018100000a", "918200820000010001000a", "P103 keys"),
        ("91c70c1301" + "00" * 11, "91c70d1301" + "00" * 12, "P103 integer"),
        ("91c43d" + "00" * 61, "91c43e" + "00" * 62, "P103 message"),
    ],
)
def test_a_limit_is_inclusive_on_the_page_too(inside: str, beyond: str, rule: str) -> None:
    assert rule not in verdict(bytes.fromhex(inside) + b"\n", SMALL)
    assert rule in verdict(bytes.fromhex(beyond) + b"\n", SMALL)


def test_every_rule_has_its_code() -> None:
    assert CODES.keys() == NARROWER.keys() | messages.BROADER.keys()


def test_pynto_and_the_oracle_decide_each_call_alike() -> None:
    report = decisions.compare(20_000, seed=11)
    assert not report.findings, "\n".join(report.findings)
    assert report.decisions == 20_000
    assert 7_000 < report.admitted < 13_000
    # Each reason there is was given, and the oracle gave it as well.
    assert report.refused.keys() == {*filter(None, decisions.REASONS), "shape"}


ORACLE = Oracle(
    {
        "interfaces": {
            "x:X": {
                "methods": {
                    "m": "(int, /, b: 'a'|x:X, *, c: copy dict[str, bool]=?, **d: none) -> none",
                    "n": ["(int, /) -> none", "(float, /) -> none"],
                },
                "set": {"at": "(int, str)"},
            }
        }
    },
    {1: "x:X"},
    4,
)


@pytest.mark.parametrize(
    ("name", "body", "answer", "why"),
    [
        ("m", "9201a16180", (1, 0, 255, 0), "admitted by the first signature"),
        ("m", "9101" + "81a162d7110000000000000001", (1, 0, 255, 0), "with a reference"),
        ("m", "910180", (4, 3, 1, 0), "its second parameter is missing"),
        ("m", "920180" + "80", (4, 7, 1, 0), "its second parameter has another type"),
        ("m", "9201d711000000000000000280", (3, 2, 255, 255), "a reference that is not held"),
        ("n", "91cb000000000000000080", (1, 0, 255, 1), "admitted by the second signature"),
        ("o", "9080", (3, 1, 255, 255), "there is none of that name"),
        ("__setattr__", "92a261749201a16180", (1, 0, 255, 255), "an attribute that may be written"),
    ],
)
def test_another_verdict_than_the_oracles_is_a_finding(name: str, body: str, answer: tuple[int, ...], why: str) -> None:
    report = decisions.Report()
    decisions.judge(report, ORACLE, ("x:X", name, bytes.fromhex(body)), bytes(answer))
    assert not report.findings, why
    others = [
        (1, 0, 255, 2),
        (4, 3, 0, 0),
        (4, 7, 0, 0),
        (3, 7, 255, 255),
        (4, 2, 255, 255),
        (8, 0, 255, 255),
        (0, 0, 255, 255),
    ]
    for other in others:
        decisions.judge(report, ORACLE, ("x:X", name, bytes.fromhex(body)), bytes(other))
    assert report.finding_count == len(others)
