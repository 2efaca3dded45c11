"""Do the server's own memory and its keys stay where they are: out of what it writes, and out of what a crash leaves?"""

from __future__ import annotations

import array
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attacker import SECRET, Process
from fortress import Fortress
from rawchannel import decoded
from rawpeer import NEWLINE, pack

ROUNDS = 4000


FIXED = 0x400000  # where a program is loaded that always has the same place


def writable(process: Process) -> list[tuple[int, int]]:
    """Where the process has data: heap, stacks, what is mapped. Of an interpreter that always has the same place, as Debian's, its own data is no secret, and small numbers look like it."""
    maps = Path(f"/proc/{process.pid}/maps").read_text()
    found = [(int(a, 16), int(b, 16), mode) for a, b, mode in re.findall(r"^(\w+)-(\w+) (\S+)", maps, re.MULTILINE)]
    end = FIXED
    for start, stop, _ in found:  # the program, and what follows it without a gap
        end = stop if start == end else end
    return [(start, stop) for start, stop, mode in found if mode.startswith("rw") and start >= end]


def pointers(data: bytes, ranges: list[tuple[int, int]]) -> list[int]:
    """What lies in the data, at whatever offset, and would be an address there."""
    low, high = min(a for a, _ in ranges), max(b for _, b in ranges)
    found = []
    for shift in range(8):
        words = array.array("Q", data[shift : shift + (len(data) - shift) // 8 * 8])
        for swapped in (False, True):
            if swapped:
                words.byteswap()
            found += [word for word in words if low <= word < high and any(a <= word < b for a, b in ranges)]
    return found


@pytest.mark.memory
def test_no_answer_holds_an_address_or_a_secret(victim: Process) -> None:
    """P07: answers of every kind, thousands of each; numbers that we sent ourselves are no addresses."""
    with victim.connect() as peer:
        ref = peer.ref("open", "a")
        kinds: list[Any] = [
            [0, "add", [1, 2], {}],
            [0, "echo", [b"\0" * 37, "x", (1.5, None)], {}],
            [0, "fresh", [], {}],
            [ref, "balance", [], {}],
            [ref, "_audit", [], {}],
            [0, "add", ["1", 2], {}],
            [0, "view", ["a"], {}],
            [0, "count", [3], {}],
        ]
        came = bytearray()
        for start in range(0, ROUNDS, 400):
            denials_fit = [kind for kind in kinds if kind[1] != "_audit" or start == 0]
            came += peer.bulk(b"".join((pack(kind) + NEWLINE) * 40 for kind in denials_fit), -1 - start)
    assert len(came) > ROUNDS * 8
    assert not pointers(bytes(came), writable(victim))
    assert SECRET.encode() not in came


def test_what_is_looked_for_would_be_found(victim: Process) -> None:
    ranges = writable(victim)
    middle = sum(ranges[0]) // 2
    for order in ("little", "big"):
        assert pointers(b"abc" + middle.to_bytes(8, order) + b"defghijk", ranges) == [middle]  # type: ignore[arg-type]


def secret_of(file: Path) -> bytes:
    """The 32 bytes that a key file has in base64."""
    words = [word for line in file.read_text().splitlines() if not line.startswith("#") for word in line.split()]
    (key,) = (data for word in words if len(word) >= 43 and len(data := decoded(word)) == 32)
    return key


def is_stack(line: str) -> bool:
    start, end = (int(word, 16) for word in line.split()[0].split("-"))
    return line.endswith("[stack]") or end - start == 8 << 20


@pytest.fixture
def fortress(tmp_path: Path, generate: Callable[..., Path]) -> Iterator[Fortress]:
    made = Fortress(tmp_path, generate("guarded:Room"))
    yield made
    assert made.stop() == 0, made.log()[-3000:]


@pytest.mark.memory
def test_keys_are_not_in_what_a_crash_leaves(fortress: Fortress) -> None:
    """P09: wherever the server's secret key lies, the kernel has been told to leave it out of a dump.

    But for stacks, where the dynamic linker saves the registers that a copy went through; docs/deploying.md says how to have no dumps at all.
    """
    fortress.connect().close()
    pid = fortress.process.pid
    key = secret_of(fortress.state.folder / "server.key")
    flags: dict[tuple[int, int], set[str]] = {}
    area = (0, 0)
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if (found := re.match(r"(\w+)-(\w+) rw", line)) and not is_stack(line):
            area = (int(found[1], 16), int(found[2], 16))
        elif re.match(r"\w+-\w+ ", line):
            area = (0, 0)
        elif line.startswith("VmFlags:") and area != (0, 0):
            flags[area] = set(line.split()[1:])
    places = 0
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for (start, end), flag in flags.items():
            memory.seek(start)
            try:
                data = memory.read(end - start)
            except OSError:
                continue
            if key in (data or b""):
                places += 1
                assert "dd" in flag, f"{start:x}-{end:x}: {sorted(flag)}"
    assert places >= 1
