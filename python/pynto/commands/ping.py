"""``pynto ping``."""

from __future__ import annotations

import argparse
from typing import Any

from pynto.client import connect


def add_to(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "ping",
        help="measure round trips to a server",
        description="Measure round trips. A ping is answered without running any Python at the server: it says that the "
        "server is there, not that its objects have time.",
    )
    parser.add_argument("address", metavar="ADDRESS", help="tcp://host:port, ws://host:port/path or unix:///path")
    parser.add_argument("--count", "-c", type=int, default=4, metavar="N", help="how many (default: 4)")
    parser.add_argument("--root", default="", metavar="NAME", help="when the server has several")
    parser.add_argument("--plain", action="store_true", help="allow plain TCP beyond this machine")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    if not 1 <= arguments.count <= 1_000_000:
        raise ValueError("--count must be 1 to 1000000")
    with connect(arguments.address, root=arguments.root, plain=arguments.plain) as connection:
        times = sorted(connection.ping() for _ in range(arguments.count))
    middle = times[len(times) // 2]
    print(
        f"{arguments.address}: {len(times)} pings, min {times[0] * 1e6:.0f} us, "
        f"median {middle * 1e6:.0f} us, max {times[-1] * 1e6:.0f} us"
    )
    return 0
