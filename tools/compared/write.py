"""Runs the checks of every peer and writes the page: ``write.py FILE``."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from rows import ROWS  # noqa: E402 - it stands beside this file

HEAD = """\
# Compared

What users of remote objects ask for, and what they get. Pynto's column names the test that fails when it stops being true. Every other cell is what a small
program has seen when `tools/compare` ran it against the version named above, as it is served by default; the checks are in `tools/compared`. It compares behaviour
where all of them trust each other; what a hostile peer can do is another matter.

"""

PEERS = {
    "rpyc": ("RPyC", "rpyc"),
    "pyro5": ("Pyro5 (msgpack)", "Pyro5"),
    "managers": ("multiprocessing managers", ""),
    "capnweb": ("Cap'n Web", "node"),
}


def _command(peer: str) -> tuple[list[str], Path]:
    if peer == "capnweb":
        return ["node", "compared.mjs"], Path(os.environ["PYNTO_BENCH_NODE"])
    return [sys.executable, "-P", str(HERE / "check.py"), peer], HERE


def _cells(peer: str) -> dict[str, str]:
    command, folder = _command(peer)
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    run = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, timeout=600)
    found = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    for each in found:
        if each["why"]:
            print(f"{peer}: {each['key']}: {each['cell']}: {each['why']}", file=sys.stderr)
    return {each["key"]: each["cell"] for each in found}


def _version(package: str) -> str:
    if package == "node":
        installed = json.loads(Path(os.environ["PYNTO_BENCH_NODE"], "package.json").read_text())
        version: str = installed["dependencies"]["capnweb"]
        return version
    return importlib.metadata.version(package) if package else f"of Python {sys.version_info[0]}.{sys.version_info[1]}"


def main() -> None:
    cells = {peer: _cells(peer) for peer in PEERS}
    titles = [f"{title} {_version(package)}" for title, package in PEERS.values()]
    lines = [f"| | Pynto | {' | '.join(titles)} |", "| --- | --- |" + " --- |" * len(titles)]
    for row in ROWS:
        others = " | ".join(cells[peer].get(row.key, "no") for peer in PEERS)
        lines.append(f"| {row.title} | yes: `{row.evidence}` | {others} |")
    Path(sys.argv[1]).write_text(HEAD + "\n".join(lines) + "\n")


main()
