"""Which attack of cases.json is tried by which test, and how that went: ``pytest --attacks`` prints it, and ``tools/attacks`` with each hostile message on
every transport.

A test names the cases that it tries in its docstring, a C test in a comment. answers.json has what the design answers otherwise, or what cannot be
tried here, with the reason.
"""

from __future__ import annotations

import ast
import json
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent
CASE = re.compile(r"\b[A-T]\d\d\b")


@cache
def cases() -> dict[str, dict[str, str]]:
    listed: list[dict[str, str]] = json.loads((HERE / "cases.json").read_text(encoding="utf-8"))["cases"]
    return {case["id"]: case for case in listed}


@cache
def answers() -> dict[str, str]:
    found: dict[str, str] = json.loads((HERE / "answers.json").read_text(encoding="utf-8"))
    return found


def named_in(text: str | None) -> set[str]:
    return set(CASE.findall(text or "")) & set(cases())


def named_by_tests() -> dict[str, list[str]]:
    """Every case, and the tests in the tree that name it."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                for case in named_in(ast.get_docstring(node)):
                    found[case].append(f"{path.relative_to(TESTS.parent)}::{node.name}")
    for folder in ("unit", "fuzz"):
        for path in sorted((TESTS / folder).glob("*.c")):
            for case in named_in(" ".join(re.findall(r"/\*.*?\*/", path.read_text(encoding="utf-8"), re.DOTALL))):
                found[case].append(str(path.relative_to(TESTS.parent)))
    return found


class Table:
    """Collects what came of the tests of each case."""

    def __init__(self) -> None:
        self.cases_of: dict[str, set[str]] = {}
        self.passed: dict[str, int] = defaultdict(int)
        self.failed: dict[str, list[str]] = defaultdict(list)
        self.vectors: list[tuple[str, str, str, dict[str, str]]] = []

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            self.cases_of[item.nodeid] = named_in(getattr(getattr(item, "obj", None), "__doc__", None))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            self.vectors += [value for name, value in report.user_properties if name == "vector"]  # type: ignore[misc]
        for case in self.cases_of.get(report.nodeid, ()):
            if report.failed:
                self.failed[case].append(report.nodeid)
            elif report.when == "call" and report.passed:
                self.passed[case] += 1

    def verdict(self, case: str, elsewhere: list[str]) -> str:
        if self.failed[case]:
            return f"FAILED: {self.failed[case][0]}"
        parts = []
        if self.passed[case]:
            parts.append(f"holds ({self.passed[case]} {'test' if self.passed[case] == 1 else 'tests'})")
        if in_c := [place for place in elsewhere if place.endswith(".c")]:
            parts.append("with " + ", ".join(in_c) if parts else "see " + ", ".join(in_c))
        if case in answers():
            parts.append(f"answered otherwise: {answers()[case]}")
        return "; ".join(parts) or ("not run" if elsewhere else "no test")

    def row(self, name: str, note: str, oracle: str, found: dict[str, str]) -> str:
        """Of one message: case, what it is, oracle, verdict; and where it was seen."""
        verdict = max(found.values(), key=len)
        places = [place if each == verdict else f"{place} ({each})" for place, each in found.items()]
        return f"{name} | {note} | {oracle} | {verdict} | {' '.join(places)}"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.vectors:
            terminalreporter.section("hostile messages: case, oracle, verdict, transports")
            for vector in self.vectors:
                terminalreporter.line(self.row(*vector))
        elsewhere = named_by_tests()
        terminalreporter.section("attacks")
        for case in cases().values():
            id = case["id"]
            oracle = case["must"].split(":")[0].split(";")[0][:60]
            terminalreporter.line(f"{id} | {case['severity']} | {oracle} | {self.verdict(id, elsewhere[id])}")
