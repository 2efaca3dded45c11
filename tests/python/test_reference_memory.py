"""What does a reference take, in the process that lends it and in the one that holds it?"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

COUNT = 100_000
AT_ONCE = 1_000
LENDING_MAX = 56  # bytes of the one who lends it, the object not counted, and no list
POINTER = 8
HOLDING_MAX = 100  # of the one who holds it: the netref and its place in a list too

CLIENT = f"""
import sys, pynto
connection = pynto.connect(sys.argv[1], quotas={{"lent": {2 * COUNT}, "references": {2 * COUNT}}})
held = []
for line in sys.stdin:
    for _ in range(int(line) // {AT_ONCE}):
        held += connection.root.pawns({AT_ONCE})
    print("done", flush=True)
"""
OBJECTS = f"""
import sys, lender
held = []
root = lender.Lender()
for line in sys.stdin:
    for _ in range(int(line) // {AT_ONCE}):
        held += root.pawns({AT_ONCE})
    print("done", flush=True)
"""


def _grown(process: Any, *others: Any) -> list[float]:
    """Bytes a piece, of the process and of others that it makes grow."""

    def make(count: int) -> None:
        process.process.stdin.write(b"%d\n" % count)
        process.process.stdin.flush()
        assert process.line(60.0) == "done"

    make(COUNT // 10)  # what is made once has been made
    before = [each.memory() for each in (process, *others)]
    make(COUNT)
    return [(each.memory() - was) / COUNT for each, was in zip((process, *others), before, strict=True)]


@pytest.mark.memory
def test_a_hundred_thousand_references_take_little_at_both_ends(
    generate: Callable[..., Any], serve_child: Callable[..., Any], start_child: Callable[..., Any]
) -> None:
    options = {"target": "lender:Lender", "policy": generate("lender:Lender")}
    server = serve_child(
        "--quota", f"references={2 * COUNT}", "--quota", "memory=1GiB", "--quota", "peer_memory=1GiB", **options
    )
    client = start_child(sys.executable, "-c", CLIENT, server.address, stdin=subprocess.PIPE)
    objects = start_child(sys.executable, "-c", OBJECTS, stdin=subprocess.PIPE)
    each = _grown(objects)[0] - POINTER
    holding, lending = _grown(client, server)
    assert lending - each <= LENDING_MAX, f"{lending:.0f} bytes, of which the object is {each:.0f}"
    assert holding <= HOLDING_MAX, f"{holding:.0f} bytes"
