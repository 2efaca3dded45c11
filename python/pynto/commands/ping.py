"""``pynto ping``."""

from __future__ import annotations

import argparse
from typing import Any

from pynto.commands import where


def add_to(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "ping",
        help="measure round trips to a server",
        description="Measure round trips. A ping is answered without running any Python at the server: it says that the "
        "server is there, not that its objects have time.",
    )
    parser.add_argument(
        "address", metavar="ADDRESS", help="tcp://host:port, ws://host:port/path, unix:///path or @FILE"
    )
    parser.add_argument("--count", "-c", type=int, default=4, metavar="N", help="how many (default: 4)")
    where.add_to(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    if not 1 <= arguments.count <= 1_000_000:
        raise ValueError("--count must be 1 to 1000000")
    with where.open_connection(arguments) as connection:
        peer = connection.peer  # not the address, which may hold a capability
        times = sorted(connection.ping() for _ in range(arguments.count))
    middle = times[len(times) // 2]
    print(
        f"{peer}: {len(times)} pings, min {times[0] * 1e6:.0f} us, "
        f"median {middle * 1e6:.0f} us, max {times[-1] * 1e6:.0f} us"
    )
    return 0
