"""Does the audit find every leak of the corpus, where it is, by the shortest path, and nothing else?

A line of a leaky module says what is found there: ``# ! id[@line][/severity] [path]``, several separated by
`` ! ``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from audit_support import HERE, corpus
from pynto.audit import layout, validate
from pynto.audit.findings import KINDS
from pynto.audit.generate import Outcome

Expected = tuple[int, str, str, str]
_MARK = re.compile(r" ! (.*)$")


def expectations(path: Path) -> list[Expected]:
    """Line, id, severity and path of every finding that the module announces."""
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        mark = _MARK.search(line)
        for entry in mark[1].split(" ! ") if mark else ():
            label, _, chain = entry.strip().partition(" ")
            label, _, severity = label.partition("/")
            id, _, line = label.partition("@")
            found.append((int(line or number), id, severity or KINDS[id].severity, chain))
    return sorted(found)


@pytest.mark.parametrize("path", corpus("leaky"), ids=lambda path: path.stem)
def test_a_leaky_module_has_exactly_the_findings_that_it_announces(
    path: Path, audited: Callable[[str], Outcome]
) -> None:
    expected = expectations(path)
    assert expected, "a leaky module announces at least one finding"
    found = [(each.line, each.id, each.severity, each.path) for each in audited(path.stem).findings]
    assert sorted(found) == expected


@pytest.mark.parametrize("path", corpus("clean"), ids=lambda path: path.stem)
def test_a_clean_module_has_no_finding_and_exactly_the_expected_policy(
    path: Path, audited: Callable[[str], Outcome]
) -> None:
    outcome = audited(path.stem)
    assert [(each.id, each.path, each.message) for each in outcome.findings] == []
    assert outcome.policy is not None
    expected = (HERE / "expected" / f"{path.stem}.json").read_text(encoding="ascii")
    assert layout.dumps(outcome.policy) == expected


@pytest.mark.parametrize("path", [*corpus("leaky"), *corpus("clean")], ids=lambda path: path.stem)
def test_every_policy_that_is_generated_is_valid(path: Path, audited: Callable[[str], Outcome]) -> None:
    policy = audited(path.stem).policy
    assert policy is not None
    document, unsorted = validate.parse(layout.dumps(policy).encode(), "generated")
    assert unsorted == []
    assert validate.problems(document) == []


def test_every_kind_of_finding_occurs_in_the_corpus_or_has_its_own_test() -> None:
    elsewhere = {
        "drift", "invalid-policy", "unused-config", "untyped-import", "unresolved-type", "root-not-interface",
        "unsupported-array", "unsupported-copy", "too-large", "error-field", "never",
    }  # fmt: skip
    seen = {id for path in corpus("leaky") for _, id, _, _ in expectations(path)}
    assert seen | elsewhere == set(KINDS)
    assert not seen & elsewhere
