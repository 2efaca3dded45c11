"""Is every attack tried, or answered with a reason?"""

from __future__ import annotations

import pytest
from attack_table import Table, answers, cases, named_by_tests


def test_what_matters_is_tried_or_answered() -> None:
    tried = named_by_tests()
    missing = [
        case["id"]
        for case in cases().values()
        if case["severity"] in "CHM" and case["id"] not in tried | answers().keys()
    ]
    assert not missing, missing


def test_answers_are_to_cases_that_exist() -> None:
    assert answers().keys() <= cases().keys()
    assert all(len(reason) > 20 for reason in answers().values())


def test_a_failure_is_in_the_table_whatever_else_has_passed() -> None:
    table = Table()
    table.cases_of = {"t.py::a": {"A01"}, "t.py::b": {"A01"}}
    for node, outcome in (("t.py::a", "passed"), ("t.py::b", "failed"), ("t.py::a", "passed")):
        report = pytest.TestReport(node, ("t.py", 0, ""), {}, outcome, None, "call")  # type: ignore[arg-type]
        table.pytest_runtest_logreport(report)
    assert table.verdict("A01", []) == "FAILED: t.py::b"
    assert table.verdict("A03", []) == "no test"
    assert table.verdict("A03", ["tests/unit/test_admit.c"]) == "see tests/unit/test_admit.c"
