"""tools/bench hostile: an honest client that calls 20 times a second, beside each of many attackers.

    tools/bench hostile                              every attack, on Pynto, RPyC and Pyro5: under six minutes
    tools/bench hostile --peers pynto --attacks "slow calls,refusals"
    tools/bench hostile --json hostile.jsonl --most 20

Server, attacker and honest client are processes of their own, on loopback; each attack meets a server that has just been started, with its usual
limits. The column "nobody" is the same without an attacker: what the machine itself takes. p99 of the honest client's calls in milliseconds, and how
many of them failed.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import time
from pathlib import Path
from typing import Any

from processes import Failed, Process

HERE = Path(__file__).resolve().parent
PEERS = ("pynto", "rpyc", "pyro5")
ATTACKS = (
    "nobody",
    "connection flood",
    "half-open",
    "slowloris",
    "no reader",
    "call flood",
    "slow calls",
    "huge messages",
    "deep nesting",
    "refusals",
    "references",
    "silent callbacks",
    "one-way flood",
    "odd messages",
    "reconnect storm",
    "generators",
    "cancels",
    "garbage",
)
MEASURED = {"pynto": 8.0, "rpyc": 3.0, "pyro5": 3.0}  # seconds
WARM = 0.5  # seconds that an attack is on before the honest client is measured


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _python(script: str, *arguments: Any) -> Process:
    return Process([sys.executable, "-P", str(HERE / script), *map(str, arguments)], None)


def _await_ready(process: Process) -> None:
    while process.line() != "ready":
        pass


def _peak(process: Process) -> int:
    status = Path(f"/proc/{process.popen.pid}/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def _is_possible(peer: str, attack: str) -> bool:
    if attack == "nobody" or peer == "pynto":
        return True
    absent = {"rpyc": {"one-way flood", "cancels"}, "pyro5": {"no reader", "silent callbacks", "cancels"}}
    return attack not in absent[peer]


def measure(peer: str, attack: str, seconds: float) -> dict[str, Any]:
    port = _free_port()
    processes: list[Process] = []
    try:
        server = _python("hostile_peers.py", "serve", peer, port)
        processes.append(server)
        _await_ready(server)
        honest = _python("hostile_peers.py", "honest", peer, port, seconds)
        processes.append(honest)
        _await_ready(honest)
        if attack != "nobody":
            attacker = _python("attacks.py", attack, peer, port, 2 * seconds + WARM + 5)
            processes.append(attacker)
            _await_ready(attacker)
            time.sleep(WARM)
        honest.send("go")
        try:
            result = json.loads(honest.line(3 * seconds + 10))
        except Failed as failure:
            return {"peer": peer, "attack": attack, "p50": None, "p99": None, "failed": -1, "why": str(failure)}
        waits = sorted(result["waits"])
        row: dict[str, Any] = {"peer": peer, "attack": attack, "calls": len(waits), "failed": result["failed"]}
        row["p50"] = 1e3 * waits[len(waits) // 2]
        row["p99"] = 1e3 * waits[min(len(waits) - 1, int(0.99 * len(waits)))]
        row["most"] = 1e3 * waits[-1]
        row["peak_mib"] = _peak(server) / 2**20 if server.popen.poll() is None else None
        row["alive"] = server.popen.poll() is None
        return row
    finally:
        for process in reversed(processes):
            process.end()


def _cell(row: dict[str, Any] | None) -> str:
    if row is None:
        return "-"
    if row["p99"] is None:
        return "no answer"
    failed = f", {row['failed']} failed" if row["failed"] else ""
    return f"{row['p99']:.1f}{failed}"


def table(rows: list[dict[str, Any]], peers: tuple[str, ...], attacks: tuple[str, ...]) -> str:
    found = {(row["peer"], row["attack"]): row for row in rows}
    lines = [f"| p99 in ms beside | {' | '.join(peers)} |", "| --- |" + " ---: |" * len(peers)]
    for attack in attacks:
        lines.append(f"| {attack} | {' | '.join(_cell(found.get((peer, attack))) for peer in peers)} |")
    return "\n".join(lines) + "\n"


def _chosen(text: str | None, known: tuple[str, ...], what: str) -> tuple[str, ...]:
    if text is None:
        return known
    chosen = tuple(part.strip() for part in text.split(","))
    unknown = [each for each in chosen if each not in known]
    if unknown:
        raise SystemExit(f"bench: no such {what}: {', '.join(unknown)}; there are {', '.join(known)}")
    return chosen


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="tools/bench hostile", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--attacks", metavar="A,B", help="only these: " + ", ".join(ATTACKS))
    parser.add_argument("--peers", metavar="A,B", help="only these: " + ", ".join(PEERS))
    parser.add_argument("--seconds", type=float, metavar="N", help="for each attack (8, and 3 for the others)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="JSON lines, one for each attack on each peer")
    parser.add_argument("--most", type=float, metavar="MS", help="exit code 1 when Pynto's p99 is above it anywhere")
    arguments = parser.parse_args()
    peers = _chosen(arguments.peers, PEERS, "peer")
    attacks = _chosen(arguments.attacks, ATTACKS, "attack")
    rows: list[dict[str, Any]] = []
    for attack in attacks:
        for peer in peers:
            if not _is_possible(peer, attack):
                continue
            try:
                rows.append(measure(peer, attack, arguments.seconds or MEASURED[peer]))
            except Failed as failure:
                rows.append({"peer": peer, "attack": attack, "p99": None, "failed": -1, "why": str(failure)})
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    print(table(rows, peers, attacks), end="")
    if arguments.json is not None:
        arguments.json.write_text("".join(json.dumps(row) + "\n" for row in rows))
    beyond = [row["attack"] for row in rows if row["peer"] == "pynto" and (row["p99"] is None or row["failed"])]
    if arguments.most is not None:
        beyond += [row["attack"] for row in rows if row["peer"] == "pynto" and (row["p99"] or 0) > arguments.most]
    if beyond:
        print(f"beyond: {', '.join(dict.fromkeys(beyond))}", file=sys.stderr)
    return 1 if beyond else 0


if __name__ == "__main__":
    sys.exit(main())
