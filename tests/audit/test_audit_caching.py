"""Does a policy say exactly which answers may be kept, and does a change to that count as one?"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from audit_support import HERE
from pynto.audit import caching, check, declared, layout, report, validate
from pynto.audit.caching import Cached
from pynto.audit.generate import Outcome
from pynto.audit.spelling import SpellingError


@pytest.fixture(scope="module")
def policy(audited: Callable[[str], Outcome]) -> dict[str, Any]:
    found = audited("kept").policy
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "cached"),
    [
        ("0.001s", Cached(1)),
        ("0.25s", Cached(250)),
        ("60s", Cached(60_000)),
        ("86400s", Cached(86_400_000)),
        ("2.5s by name", Cached(2500, ("name",))),
        ("1s by a, b", Cached(1000, ("a", "b"))),
    ],
)
def test_each_has_one_spelling(text: str, cached: Cached) -> None:
    assert caching.parse(text) == cached
    assert str(cached) == text


WRONG = [
    "",
    "1",
    "0s",
    "0.000s",
    "01s",
    ".5s",
    "1.s",
    "1.50s",
    "1.0005s",
    "86400.001s",
    "100000s",
    "-1s",
    "1s ",
    "1s by",
]
WRONG += ["1s by ", "1s by b, a", "1s by a, a", "1s by a,b", "1s by a, ", "1s\n", "\u0661s"]


@pytest.mark.parametrize("text", [*WRONG, 60, None])
def test_what_is_spelled_otherwise_is_refused(text: object) -> None:
    with pytest.raises(SpellingError):
        caching.parse(text)


def changed(policy: dict[str, Any], interface: str, **cached: Any) -> dict[str, Any]:
    document = copy.deepcopy(policy)
    document["interfaces"][interface]["cached"] = cached
    return document


@pytest.mark.parametrize(
    ("cached", "why"),
    [
        ({"find": "1s by nobody"}, "no parameter"),
        ({"part": "1s"}, "not a reference"),
        ({"size": "1s by limit"}, "no parameters"),
        ({"nobody": "1s"}, "neither a method"),
        ({"find": ["1s"]}, "not of the form"),
    ],
)
def test_the_validator_and_the_server_refuse_what_cannot_be_kept(
    policy: dict[str, Any], cached: dict[str, Any], why: str
) -> None:
    from pynto import _core

    document = changed(policy, "kept:Root", **cached)
    assert [text for text in validate.problems(document) if why in text]
    with pytest.raises(ValueError, match=r"cached|methods"):
        _core.check_policy(layout.dumps(document).encode())
    assert validate.problems(policy) == []
    _core.check_policy(layout.dumps(policy).encode())


def test_another_time_is_drift(policy: dict[str, Any]) -> None:
    path = [str(HERE / "corpus" / "clean")]
    assert declared.drift(policy, path=path) == []
    document = json.loads(json.dumps(policy).replace("ttl=2.5", "ttl=3.5"))
    assert [text for text in declared.drift(document, path=path) if "kept:Root.find was @pynto.cached(ttl=3.5" in text]
    other = changed(
        policy, "kept:Root", **{**policy["interfaces"]["kept:Root"]["cached"], "find": "3.5s by limit, word"}
    )
    assert list(check.differences(other, policy)) == [
        'interfaces, kept:Root, cached, find: the file says "3.5s by limit, word", the hints say "2.5s by limit, word"'
    ]


def test_the_audit_says_what_may_be_kept(policy: dict[str, Any]) -> None:
    told = report.audit_text([check.Audit("kept", policy)], [])
    assert "    find(word: str, limit: int=?, *, trace: str=?) -> (str*)  (cached 2.5s by limit, word)\n" in told
    assert "    get size: int  (cached 1s)\n" in told
    assert "    part(name: str) -> kept:Part\n" in told


def test_the_schema_takes_it(policy: dict[str, Any]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((Path(__file__).parents[2] / "schemas" / "policy.schema.json").read_text())
    jsonschema.validate(policy, schema)
    for text in WRONG[:14]:
        if text in ("0s", "86400.001s"):  # a range is beyond the pattern
            continue
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(changed(policy, "kept:Root", find=text), schema)
