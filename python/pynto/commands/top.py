"""``pynto top``: who is connected to a server, and what each of them costs it."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pynto.admin import Row, Snapshot, Totals
from pynto.client import connect
from pynto.errors import escaped

_DESCRIPTION = """\
Show who is connected to a server that was started with --admin unix:///path, and what each of them costs it: a line for each connection,
those that cost most first. It is a client of the server's admin object like any other (docs/watching.md).

keys:
  left, right   which column the lines are sorted by (s: the next one)
  r             the other way round
  up, down      the line that is meant; page up and down, home and end
  d             disconnect it, when asked for again with y
  q             leave
"""


@dataclass(frozen=True)
class Column:
    title: str
    width: int
    text: Callable[[Row, float], str]
    key: Callable[[Row, float], Any]
    is_text: bool = False


def _count(number: float) -> str:
    for unit in ("", "k", "M", "G"):
        if number < 10_000:
            return f"{number:.0f}{unit}"
        number /= 1000
    return f"{number:.0f}T"


def _bytes(number: float) -> str:
    for unit in ("", "K", "M", "G"):
        if number < 10_000:
            return f"{number:.0f}{unit}"
        number /= 1024
    return f"{number:.0f}T"


def _age(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f}s"
    if seconds < 6000:
        return f"{seconds / 60:.0f}min"
    return f"{seconds / 3600:.0f}h" if seconds < 360_000 else f"{seconds / 86400:.0f}d"


def _plain(text: str) -> str:
    """What may be shown on a terminal: whatever a peer has chosen moves no cursor."""
    return text if text.isascii() and text.isprintable() else escaped(text)


COLUMNS: dict[str, Column] = {
    "number": Column("NO", 6, lambda row, _: str(row.number), lambda row, _: row.number),
    "class": Column("CLASS", 10, lambda row, _: row.quota_class or "?", lambda row, _: row.quota_class, True),
    "principal": Column("PRINCIPAL", 22, lambda row, _: row.principal or "-", lambda row, _: row.principal, True),
    "transport": Column("VIA", 7, lambda row, _: row.transport, lambda row, _: row.transport, True),
    "age": Column("AGE", 6, lambda row, _: _age(row.age), lambda row, _: row.age),
    "rate": Column("CALLS/S", 8, lambda _, rate: _count(rate), lambda _, rate: rate),
    "calls": Column("CALLS", 7, lambda row, _: _count(row.served), lambda row, _: row.served),
    "busy": Column("BUSY", 8, lambda row, _: f"{row.busy:.2f}s", lambda row, _: row.busy),
    "cpu": Column("CPU", 7, lambda row, _: f"{row.cpu:.2f}", lambda row, _: row.cpu),
    "memory": Column("MEM", 6, lambda row, _: _bytes(row.memory), lambda row, _: row.memory),
    "references": Column("REFS", 6, lambda row, _: _count(row.references), lambda row, _: row.references),
    "waiting": Column("WAIT", 6, lambda row, _: _count(row.calls), lambda row, _: row.calls),
    "queued": Column("QUEUED", 7, lambda row, _: _bytes(row.queued), lambda row, _: row.queued),
    "output": Column("UNREAD", 7, lambda row, _: _bytes(row.output), lambda row, _: row.output),
    "refused": Column("REFUSED", 8, lambda row, _: _count(row.refused), lambda row, _: row.refused),
    "peer": Column("PEER", 20, lambda row, _: row.peer, lambda row, _: row.peer, True),
}
_USUAL = "rate"


class View:
    """Two moments, and how they are looked at."""

    def __init__(self, sort: str = _USUAL, reverse: bool = False) -> None:
        self.sort = sort
        self.reverse = reverse
        self.snapshot: Snapshot | None = None
        self._before: dict[int, int] = {}
        self._seconds = 0.0
        self.rates: dict[int, float] = {}

    def take(self, snapshot: Snapshot) -> None:
        """One moment later. At first rates are those since each has connected."""
        earlier = self.snapshot
        seconds = snapshot.at - earlier.at if earlier is not None else 0.0
        before = {row.number: row.served for row in earlier.rows} if earlier is not None else {}
        self.rates = {
            row.number: max(0, row.served - before[row.number]) / seconds
            if row.number in before and seconds > 0
            else row.served / max(row.age, 1e-3)
            for row in snapshot.rows
        }
        self.snapshot = snapshot

    def rows(self) -> list[Row]:
        """Texts from A on, numbers from the greatest on, or the other way round."""
        assert self.snapshot is not None
        column = COLUMNS[self.sort]
        found = sorted(self.snapshot.rows, key=lambda row: row.number)
        return sorted(
            found,
            key=lambda row: column.key(row, self.rates.get(row.number, 0.0)),
            reverse=column.is_text == self.reverse,
        )

    def turn(self, by: int) -> None:
        names = list(COLUMNS)
        self.sort = names[(names.index(self.sort) + by) % len(names)]


def heads(totals: Totals, width: int) -> list[str]:
    """The lines above the table."""
    lines = [
        f"pynto top: {totals.connections} of {totals.limit} connections, up {_age(totals.uptime)}, "
        f"{_count(totals.calls)} calls, {totals.cpu:.1f} s CPU, {_bytes(totals.memory)} memory",
        f"{_count(totals.accepted)} accepted, {_count(totals.turned_away)} turned away, "
        f"{_count(totals.failed)} handshakes failed, {totals.threads} threads",
    ]
    return [line[:width] for line in lines]


def header(view: View, width: int) -> str:
    cells = []
    for name, column in COLUMNS.items():
        mark = ("^" if view.reverse else "v") if name == view.sort else ""
        title = (column.title + mark)[: column.width]
        cells.append(title.ljust(column.width) if column.is_text else title.rjust(column.width))
    return " ".join(cells)[:width]


def line(view: View, row: Row, width: int) -> str:
    cells = []
    for column in COLUMNS.values():
        text = _plain(column.text(row, view.rates.get(row.number, 0.0)))
        if len(text) > column.width and column.title != "PEER":
            text = text[: column.width - 1] + "+"
        cells.append(text.ljust(column.width) if column.is_text else text.rjust(column.width))
    return " ".join(cells).rstrip()[:width]


def table(view: View, width: int = 10_000) -> list[str]:
    """All of it, for a printer of lines."""
    assert view.snapshot is not None
    return [*heads(view.snapshot.totals, width), header(view, width), *(line(view, row, width) for row in view.rows())]


# ---- the command ----


def add_to(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "top",
        help="see who is connected to a server",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("address", metavar="ADDRESS", help="what the server was told with --admin: unix:///path")
    parser.add_argument("--once", action="store_true", help="print one table, for scripts, and leave")
    parser.add_argument("--json", action="store_true", help="print one moment as JSON, and leave")
    parser.add_argument(
        "--sort", choices=COLUMNS, default=_USUAL, metavar="COLUMN", help=f"one of {', '.join(COLUMNS)}"
    )
    parser.add_argument("--reverse", action="store_true", help="the other way round")
    parser.add_argument("--interval", type=float, default=1.0, metavar="SECONDS", help="between two looks (1)")
    parser.set_defaults(run=_run)


def _as_json(snapshot: Snapshot) -> str:
    return json.dumps(dataclasses.asdict(snapshot))


def _types() -> Sequence[type]:
    return (Snapshot, Totals, Row)


def _run(arguments: argparse.Namespace) -> int:
    if not 0.1 <= arguments.interval <= 3600:
        raise ValueError("--interval must be 0.1 to 3600 seconds")
    view = View(arguments.sort, arguments.reverse)
    with connect(arguments.address, root="admin", types=_types()) as connection:
        if arguments.json:
            print(_as_json(connection.root.snapshot()))
            return 0
        if arguments.once:
            view.take(connection.root.snapshot())
            print("\n".join(table(view)))
            return 0
        if not sys.stdout.isatty():
            raise ValueError("this is no terminal: --once prints a table, --json prints data")
        from pynto.commands import screen  # needs a library that only a terminal does

        return screen.run(arguments.address, view, arguments.interval, connection)
