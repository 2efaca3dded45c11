"""Runs the checks of one peer and prints its cells: ``check.py PEER``, one JSON object a line.

A check returns ``yes``, ``no`` or a short text for what lies between; one that raises is a ``no`` with the reason beside it. A key without a check is
something that the peer does not claim to have.
"""

from __future__ import annotations

import importlib
import json
import sys
import threading

from rows import ROWS

PATIENCE = 30.0


def _cell(function: object) -> dict[str, str]:
    answer: dict[str, str] = {"cell": "no", "why": f"no end in {PATIENCE:.0f} s"}

    def run() -> None:
        try:
            answer["cell"], answer["why"] = str(function()), ""  # type: ignore[operator]
        except BaseException as error:
            answer["why"] = f"{type(error).__name__}: {error}".splitlines()[0][:160]

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return answer


def main() -> None:
    checks = importlib.import_module(f"{sys.argv[1]}_checks")
    for row in ROWS:
        function = getattr(checks, row.key, None)
        cell = {"cell": "no", "why": "not offered"} if function is None else _cell(function)
        print(json.dumps({"key": row.key, **cell}), flush=True)
    checks.end()


main()
