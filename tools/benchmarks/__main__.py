"""tools/bench: Pynto beside its peers and the physical limit, in one run.

    tools/bench --quick                     under two minutes; writes the figures of docs/performance.md
    tools/bench --full --plots docs/performance
    tools/bench --cases echo,three --peers limit,pynto --transports unix

Servers and clients are processes of their own, both on one processor unless --across; the peers take turns, so that what else the machine does
is done to all of them. Medians; JSON lines with minimum and maximum by --json. Quote ratios of one run, never single absolutes.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import measure
import page
import report
from cases import CASES, EXTRAS
from processes import PEERS, Failed


def _chosen(text: str | None, known: tuple[str, ...], what: str) -> tuple[str, ...]:
    if text is None:
        return known
    chosen = tuple(text.split(","))
    unknown = [each for each in chosen if each not in known]
    if unknown:
        raise SystemExit(f"bench: no such {what}: {', '.join(unknown)}; there are {', '.join(known)}")
    return chosen


_NAMES = (*(case.name for case in CASES), *EXTRAS)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tools/bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--quick",
        action="store_true",
        help="a few short rounds (the default); with all cases, peers and transports it writes docs/performance.md",
    )
    size.add_argument(
        "--full", action="store_true", help="longer rounds, large blobs, growth curves: under twenty minutes"
    )
    parser.add_argument("--cases", metavar="A,B", help="only these: " + ", ".join(_NAMES))
    parser.add_argument("--peers", metavar="A,B", help="only these: " + ", ".join(PEERS))
    parser.add_argument("--transports", metavar="A,B", help="unix, tcp, pynto (encrypted)")
    parser.add_argument("--across", action="store_true", help="servers and clients on different processors")
    parser.add_argument("--json", type=Path, metavar="FILE", help="JSON lines, one for each case of each peer")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="SVG pictures")
    parser.add_argument("--limit", type=Path, required=True, help=argparse.SUPPRESS)
    return parser


def main() -> int:
    arguments = _parser().parse_args()
    names = _chosen(arguments.cases, _NAMES, "case")
    processors = sorted(os.sched_getaffinity(0))
    rows: list[measure.Row] = []
    with tempfile.TemporaryDirectory(prefix="bench") as folder:
        plan = measure.Plan(
            peers=_chosen(arguments.peers, PEERS, "peer"),
            transports=_chosen(arguments.transports, ("unix", "tcp", "pynto"), "transport"),
            cases=tuple(case for case in CASES if case.name in names and (arguments.full or not case.is_slow)),
            extras=frozenset(each for each in EXTRAS if each in names and (arguments.full or each != "growth")),
            rounds=5 if arguments.full else 3,
            seconds=0.5 if arguments.full else 0.1,
            cpus=(processors[0], processors[-1] if arguments.across else processors[0]),
            clients_seconds=3.0 if arguments.full else 0.5,
            folder=Path(folder),
            limit=arguments.limit,
            is_whole=arguments.full or arguments.cases is not None,
        )

        def say(text: str) -> None:
            print(text, file=sys.stderr, flush=True)

        try:
            measure.run(plan, say, rows.append)
        except Failed as failure:
            say(f"bench: {failure}")
            return 1
    print(report.table(rows), end="")
    if arguments.json is not None:
        arguments.json.write_text("".join(row.as_json() + "\n" for row in rows))
    is_whole = not (arguments.cases or arguments.peers or arguments.transports or arguments.across)
    if arguments.quick and is_whole:
        for path in page.write(rows):
            print(f"wrote {path}", file=sys.stderr)
    if arguments.plots is not None:
        for path in [*report.plot(rows, arguments.plots), *report.plot_growth(rows, arguments.plots)]:
            print(f"wrote {path}", file=sys.stderr)
    return 0


sys.exit(main())
