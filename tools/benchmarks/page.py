"""The figures of docs/performance.md: what a run has measured, beside the targets, and the pictures."""

from __future__ import annotations

import datetime as dt
import json
import platform
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import report
from measure import Row

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "performance.md"
PICTURES = ROOT / "docs" / "performance"
BUDGETS = ROOT / "tests" / "budget" / "budgets.json"
BEGIN, END = "<!-- figures: written by tools/bench -->", "<!-- end of the figures -->"


class Rows:
    """Rows by transport, case and peer."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = {(row.transport, row.case, row.peer): row for row in rows if row.rates}

    def get(self, case: str, peer: str = "pynto", transport: str = "unix") -> Row | None:
        return self._rows.get((transport, case, peer))

    def ratio(
        self, case: str, other: str, peer: str = "limit", transport: str = "unix", against: str | None = None
    ) -> tuple[float, float, float] | None:
        """Pynto's median as a part of another row's; and of the rounds, which the peers ran in turn, the least and the greatest such part."""
        mine, theirs = self.get(case, transport=transport), self.get(other, peer, against or transport)
        if mine is None or theirs is None:
            return None
        parts = [a / b for a, b in zip(mine.rates, theirs.rates, strict=False)]
        return mine.median / theirs.median, min(parts), max(parts)


@dataclass(frozen=True)
class Target:
    title: str
    wanted: str
    measure: Callable[[Rows], tuple[float, float, float] | None]
    bound: float
    is_most: bool = False  # else least
    form: str = "{:.2f}"


def _value(case: str, transport: str = "unix") -> Callable[[Rows], tuple[float, float, float] | None]:
    def measure(rows: Rows) -> tuple[float, float, float] | None:
        row = rows.get(case, transport=transport)
        return None if row is None else (row.median, min(row.rates), max(row.rates))

    return measure


def _through_the_socket(case: str) -> Callable[[Rows], tuple[float, float, float] | None]:
    """MB/s of a value that goes there and comes back: a row's rate counts it once, the socket has it twice."""

    def measure(rows: Rows) -> tuple[float, float, float] | None:
        row = rows.get(case)
        return None if row is None else (row.median * 2e-6, min(row.rates) * 2e-6, max(row.rates) * 2e-6)

    return measure


def _ratio(
    case: str, other: str, peer: str = "limit", transport: str = "unix", against: str | None = None
) -> Callable[[Rows], tuple[float, float, float] | None]:
    return lambda rows: rows.ratio(case, other, peer, transport, against)


TARGETS = (
    Target("echo, Unix", "0.85 of the C ping-pong", _ratio("echo", "echo"), 0.85),
    Target("echo, Unix", "13 x RPyC", _ratio("echo", "echo", "rpyc"), 13, form="{:.1f}"),
    Target("echo, Unix", "4 x RPyC's bound method", _ratio("echo", "echo_bound", "rpyc"), 4, form="{:.1f}"),
    Target("echo, Unix", "1.5 x a multiprocessing manager", _ratio("echo", "echo", "managers"), 1.5),
    Target("echo, TCP", "0.85 of the C ping-pong on TCP", _ratio("echo", "echo", transport="tcp"), 0.85),
    Target(
        "echo, TCP encrypted", "0.65 of the same, plain", _ratio("echo", "echo", transport="pynto"), 0.65
    ),
    Target("attribute", "0.85 of echo", _ratio("attribute", "echo", "pynto"), 0.85),
    Target("callback", "0.85 of echo", _ratio("callback", "echo", "pynto"), 0.85),
    Target("new reference, with its release", "0.85 of echo", _ratio("new", "echo", "pynto"), 0.85),
    Target("generator, one by one", "0.85 of echo", _ratio("generator", "echo", "pynto"), 0.85),
    Target("iterator, read ahead", "3,000,000 items a second", _value("read_ahead"), 3e6, form="{:,.0f}"),
    Target("pipelined, Unix, both ends on one processor", "1,500,000 a second", _value("pipelined"), 1.5e6, form="{:,.0f}"),
    Target("1 MiB there and back, through the socket", "5,000 MB/s", _through_the_socket("blob_1m"), 5000, form="{:,.0f}"),
    Target("64 MiB there and back, through the socket", "2,000 MB/s", _through_the_socket("blob_64m"), 2000, form="{:,.0f}"),
    Target("50 clients, all calls", "0.80 of one client's", _ratio("clients_50", "echo", "pynto"), 0.80),
    Target("50 clients, p99", "2,500 us", _value("clients_50_p99"), 2500, is_most=True, form="{:,.0f}"),
    Target("connect, first call, close, Unix", "20,000 a second", _value("connect"), 20000, form="{:,.0f}"),
    Target("the same, authenticated, TCP", "1,500 a second", _value("connect", "pynto"), 1500, form="{:,.0f}"),
    Target("idle connection, server", "2,048 bytes", _value("idle_server"), 2048, is_most=True, form="{:,.0f}"),
    Target("idle encrypted connection, server", "4,096 bytes", _value("idle_server", "pynto"), 4096, is_most=True, form="{:,.0f}"),
    Target("a reference, server", "150 bytes", _value("reference_server"), 150, is_most=True, form="{:,.0f}"),
    Target("a reference, client", "100 bytes", _value("reference_client"), 100, is_most=True, form="{:,.0f}"),
)  # fmt: skip

# Counted, not timed: by tests/budget.
COUNTED = (
    ("instructions of an echo, both ends, with Python's", 7000, ("server_echo_with_python", "client_echo_with_python")),
    ("of these policy and quotas", 1000, ("policy_and_quotas",)),
)


def _targets(rows: Rows) -> Iterable[str]:
    yield "| what | target | measured (least to greatest round) | |"
    yield "| --- | --- | ---: | --- |"
    for target in TARGETS:
        found = target.measure(rows)
        if found is None:
            yield f"| {target.title} | {target.wanted} | not measured | |"
            continue
        median, least, greatest = (target.form.format(each) for each in found)
        is_met = found[0] <= target.bound if target.is_most else found[0] >= target.bound
        span = f" ({least} to {greatest})" if least != greatest else ""
        yield f"| {target.title} | {target.wanted} | {median}{span} | {'met' if is_met else 'not met'} |"
    counts = json.loads(BUDGETS.read_text())["instructions"]
    for title, most, names in COUNTED:
        total = sum(counts[name] for name in names)
        yield f"| {title} | {most:,} | {total:,} | {'met' if total <= most else 'not met'} |"


def write(rows: list[Row]) -> list[Path]:
    """Puts the figures between the marks of the page, and the pictures beside it."""
    pictures = [*report.plot(rows, PICTURES), report.plot_stages(BUDGETS, PICTURES)]
    day = dt.datetime.now(dt.UTC).date()
    lines = [
        BEGIN,
        "",
        f"One run of `tools/bench`, {day}, Python {platform.python_version()}, {platform.machine()}, both ends on one processor, beside"
        f" {', '.join(dict.fromkeys(row.peer for row in rows if row.peer != 'pynto'))}.",
        "Compare the columns of a line, and nothing else: the machine is not only ours.",
        "",
        *_targets(Rows(rows)),
        "",
        "The medians themselves:",
        "",
        report.table(rows).strip(),
        "",
    ]
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(before + "\n".join(lines) + "\n" + END + after)
    return [PAGE, *pictures]
