#!/usr/bin/env python3
"""What the limit of Python memory costs: kernels that do little but allocate, and an empty call.

    .venv/bin/python tools/bench_memory.py            times: without hooks, with them, and charged to a connection
    .venv/bin/python tools/bench_memory.py --instructions    of an echo at the server, by valgrind --tool=callgrind

Each kernel runs in processes of its own, one of each kind in turn; what counts is the least of the times of each kind. The program ends with
status 1 when the geometric mean of the kernels is beyond 1.08, one of them beyond 1.25, or an echo costs more than 60 instructions more.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

MEAN_MAX = 1.08
WORST_MAX = 1.25
INSTRUCTIONS_MAX = 60
KINDS = ("none", "idle", "charged")


# ---- kernels ----


class Point:
    def __init__(self, x: int, y: int) -> None:
        self.x = x
        self.y = y


def append() -> None:
    made = []
    for i in range(200_000):
        made.append(i)


def comprehension() -> None:
    for _ in range(20):
        _ = [i + 1000 for i in range(10_000)]


def dicts() -> None:
    for _ in range(10):
        _ = {i: i for i in range(10_000)}


def small_dicts() -> None:
    for i in range(50_000):
        _ = {"a": i, "b": i, "c": i}


def instances() -> None:
    for _ in range(5):
        _ = [Point(i, i) for i in range(10_000)]


def floats() -> None:
    x = 0.0
    made = []
    for i in range(100_000):
        x += i * 0.5
        made.append(x)


def strings() -> None:
    for i in range(60_000):
        _ = f"{i}-{i + 1}-text"


def joined() -> None:
    for _ in range(10):
        " ".join([str(i) for i in range(10_000)])


def split() -> None:
    text = "lorem ipsum dolor sit amet " * 2000
    for _ in range(20):
        text.split()


def tuples() -> None:
    for _ in range(10):
        _ = [(i, i + 1, i + 2) for i in range(10_000)]


def integers() -> None:
    x = 1
    for i in range(2, 1200):
        x *= i


def parsed() -> None:
    text = json.dumps([{"id": i, "name": f"name {i}", "tags": ["a", "b", str(i)]} for i in range(1000)])
    for _ in range(5):
        json.dumps(json.loads(text))


def buffers() -> None:
    for i in range(4000):
        bytearray(64 * 1024 + i % 64 * 1024)


def growing() -> None:
    for _ in range(20):
        made = bytearray()
        for _ in range(200):
            made += b"x" * 700


def blocks() -> None:
    for _ in range(10):
        _ = [bytes(1000) for _ in range(2000)]


def sets() -> None:
    for _ in range(10):
        set(range(10_000))


KERNELS: dict[str, Callable[[], None]] = {
    each.__name__: each
    for each in (
        append, comprehension, dicts, small_dicts, instances, floats, strings, joined, split, tuples, integers, parsed,
        buffers, growing, blocks, sets,
    )
}  # fmt: skip


class Runner:
    def run(self, rounds: int) -> str:
        return json.dumps(measure(rounds))

    def echo(self, value: int) -> int:
        return value


def measure(rounds: int) -> dict[str, float]:
    """Seconds of each kernel: the least of some rounds."""
    least: dict[str, float] = {}
    gc.disable()
    for _ in range(rounds):
        for name, kernel in KERNELS.items():
            began = time.process_time()
            kernel()
            least[name] = min(least.get(name, math.inf), time.process_time() - began)
    gc.enable()
    return least


# ---- one process ----


def runner() -> object:
    """Under the name of its module, which the policy has."""
    import bench_memory  # type: ignore[import-not-found]

    return bench_memory.Runner()


def child(kind: str, policy: str, rounds: int) -> None:
    import pynto
    from pynto import _core

    if kind == "charged":
        limits = {
            "call_seconds": 3600,
            "cpu_seconds": 3600,
            "cpu_burst": 3600,
            "memory": 1 << 30,
            "call_memory": 1 << 30,
        }
        with pynto.pair(runner(), policy=policy, quotas=limits) as connection:
            print(connection.root.run(rounds))
        return
    if kind == "idle":
        _core._limit_memory()  # type: ignore[attr-defined]
    print(json.dumps(measure(rounds)))


def echo(policy: str, limit: float, calls: int) -> None:
    """The server's side: what answers these calls is one call of run() in this thread."""
    import pynto

    ours, theirs = socket.socketpair()
    server = pynto.Server(runner(), policy=policy, quotas={"memory": limit, "call_memory": limit}, ends_deserted=True)
    server.adopt(theirs)
    client = subprocess.Popen(
        [sys.executable, __file__, "--client", str(ours.fileno()), "--calls", str(calls)], pass_fds=[ours.fileno()]
    )
    ours.close()
    server.run()
    server.close()
    client.wait()


def client(fd: int, calls: int) -> None:
    import pynto

    with pynto.connect(f"fd://{fd}") as connection:
        for i in range(calls):
            connection.root.echo(i)


# ---- all of them ----


def make_policy(folder: str) -> str:
    path = str(Path(folder) / "policy.json")
    tool = Path(sys.executable).with_name("pynto-policy")
    subprocess.run(
        [tool, "generate", "bench_memory:Runner", "-o", path],
        cwd=Path(__file__).parent,
        check=True,
        capture_output=True,
    )
    return path


def geometric_mean(values: list[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values))


def compare_times(policy: str, processes: int, rounds: int) -> bool:
    least: dict[str, dict[str, float]] = {kind: {} for kind in KINDS}
    for _ in range(processes):
        for kind in KINDS:
            command = [sys.executable, __file__, "--child", kind, "--policy", policy, "--rounds", str(rounds)]
            out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            for name, seconds in json.loads(out).items():
                least[kind][name] = min(least[kind].get(name, math.inf), seconds)
    good = True
    print(f"{'kernel':16}{'idle':>8}{'charged':>9}   times without hooks")
    ratios: dict[str, list[float]] = {"idle": [], "charged": []}
    for name, base in least["none"].items():
        for kind, found in ratios.items():
            found.append(least[kind][name] / base)
        print(f"{name:16}{ratios['idle'][-1]:8.3f}{ratios['charged'][-1]:9.3f}")
    means = {kind: geometric_mean(found) for kind, found in ratios.items()}
    print(f"{'geometric mean':16}{means['idle']:8.3f}{means['charged']:9.3f}")
    for kind, found in ratios.items():
        if means[kind] > MEAN_MAX or max(found) > WORST_MAX:
            print(f"{kind}: beyond {MEAN_MAX} on average or {WORST_MAX} for one")
            good = False
    return good


def instructions(policy: str, limit: int, calls: int) -> int:
    command = [
        "valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--trace-children=no",
        sys.executable, __file__, "--echo", str(limit), "--policy", policy, "--calls", str(calls),
    ]  # fmt: skip
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    assert found is not None, done.stderr
    return int(found[1])


def compare_instructions(policy: str) -> bool:
    few, many = 500, 3500
    each = {}
    for limit in (0, 64 << 20):
        each[limit] = (instructions(policy, limit, many) - instructions(policy, limit, few)) / (many - few)
    more = each[64 << 20] - each[0]
    print(f"an echo at the server: {each[0]:.0f} instructions without the limit, {more:+.0f} with it")
    return more <= INSTRUCTIONS_MAX


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instructions", action="store_true")
    parser.add_argument("--processes", type=int, default=5, metavar="N", help="of each kind")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="of each kernel in a process")
    for hidden in ("child", "echo", "client", "policy", "calls"):
        parser.add_argument("--" + hidden, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child, options.policy, options.rounds)
    elif options.echo:
        echo(options.policy, float(options.echo), int(options.calls))
    elif options.client:
        client(int(options.client), int(options.calls))
    else:
        if options.instructions and shutil.which("valgrind") is None:
            print("valgrind is not here")
            return 2
        with tempfile.TemporaryDirectory() as folder:
            policy = make_policy(folder)
            if options.instructions:
                return 0 if compare_instructions(policy) else 1
            return 0 if compare_times(policy, options.processes, options.rounds) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
