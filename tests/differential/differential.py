"""Compares Pynto with independent readers and prints what came of it; exit code 1 when there is a finding. tools/differential runs it."""

from __future__ import annotations

import argparse
import sys

import decisions
import messages


def main() -> int:
    parser = argparse.ArgumentParser(prog="tools/differential", description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000_000, help="how many messages (10,000,000)")
    parser.add_argument("--decisions", type=int, default=100_000, help="how many decisions on calls (100,000)")
    parser.add_argument("--seed", type=int, default=1, help="the same cases each time, others for another number (1)")
    wanted = parser.parse_args()
    findings = 0
    for compare, count in ((messages.compare, wanted.messages), (decisions.compare, wanted.decisions)):
        report = compare(count, wanted.seed)
        findings += report.finding_count
        print(*report.lines(), sep="\n", flush=True)
    return int(findings > 0)


if __name__ == "__main__":
    sys.exit(main())
