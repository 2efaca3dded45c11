"""Does a session leave references behind? Every object that the interpreter can reach is counted before and after many sessions.

    python refs.py POLICY [ROUNDS]

A debug build of CPython looks at each count as well, and fills what was freed: tools/refs makes the extension for one, and runs this.
"""

from __future__ import annotations

import array
import gc
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pynto
import served
from rig import STEPS

WARM = 12  # rounds until every cache of the interpreter is full
PATIENCE = 20.0


def play(server: pynto.Server) -> None:
    with pynto.connect(server.address) as connection:
        for name, step, wanted in STEPS:
            found = step(connection.root)
            if found != wanted:
                raise SystemExit(f"{name}: {found!r}")
    deadline = time.monotonic() + PATIENCE
    while server.connections():
        if time.monotonic() > deadline:
            raise SystemExit("a connection did not end")
        time.sleep(0.001)


def everything() -> list[Any]:
    """What the collector knows, and all that it refers to."""
    found: dict[int, Any] = {}
    todo = [*gc.get_objects(), None, True, False, Ellipsis, NotImplemented, "", b"", (), frozenset()]
    while todo:
        each = todo.pop()
        if id(each) not in found and each is not found:
            found[id(each)] = each
            todo.extend(gc.get_referents(each))
    return list(found.values())


def counts(objects: list[Any], into: array.array[int]) -> None:
    for _ in range(4):  # a type may go one round behind its last instance
        gc.collect()
    for place, each in enumerate(objects):
        into[place] = sys.getrefcount(each)


def references() -> int:
    """All that there are, by the count of a debug build; 0: this is none."""
    return getattr(sys, "gettotalrefcount", lambda: 0)()


def main(policy: str, rounds: str = "60") -> int:
    count = int(rounds)
    with tempfile.TemporaryDirectory() as folder:
        where = f"unix://{Path(folder) / 'refs.sock'}"
        with pynto.Server(served.Root(), policy=policy, listen=where, quotas={"refusals": 1_000_000}) as server:
            for _ in range(WARM):
                play(server)
            objects = everything()
            before, after = (array.array("q", bytes(8 * len(objects))) for _ in range(2))
            play(server)
            counts(objects, before)
            known, blocks, total = len(gc.get_objects()), sys.getallocatedblocks(), references()
            for _ in range(count):
                play(server)
            counts(objects, after)
            new, more = len(gc.get_objects()) - known, sys.getallocatedblocks() - blocks
            held = references() - total
    grown = []
    for place, each in enumerate(objects):
        more_often = after[place] - before[place]
        least = (
            4 * count if type(each) is str else count * 3 // 4
        )  # the interpreter's cache of methods holds their names
        if least <= more_often < 10**6:  # some interpreters mark what never dies by such a number
            grown.append(f"{more_often:+} {type(each).__name__} {each!r:.100}")
    print(f"{count} sessions of {len(STEPS)} steps: of {len(objects)} objects {len(grown)} are held more often,")
    print(f"{new:+} objects, {more:+} blocks of memory, {held:+} references in all", *grown[:20], sep="\n")
    return 1 if grown or new >= count or more >= 30 * count or held >= 5 * count else 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
