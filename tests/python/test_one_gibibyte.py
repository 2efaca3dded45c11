"""The example of docs/quotas.md for a machine with 1 GiB: is the file one that serves, is the sum right, and is it true?"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pynto
import pytest
from pynto.config import Config
from pynto.quotas import QUOTAS
from rawpeer import ERROR, RETURN, RawPeer, pack

ROOT = Path(__file__).resolve().parents[2]
MIB = 1 << 20
STRANGERS = 30


def page() -> tuple[str, list[int]]:
    """The file, and the last column of the table behind it."""
    text = (ROOT / "docs/quotas.md").read_text()
    _, found, rest = text.partition("<!-- a server on 1 GiB -->\n")
    file, _, table = rest.partition("<!-- until here -->\n")
    assert found and table
    lines = [line.removeprefix("    ") for line in file.splitlines()]
    numbers = [int(row) for row in re.findall(r"^\| .* \| (\d+) \|$", table, re.MULTILINE)]
    return "\n".join(lines) + "\n", numbers


def each(quotas: dict[str, float]) -> float:
    """What a connection may take besides its references and what it leaves in the heap."""
    beside = min(quotas["message"], MIB)  # a message that stands between the parts of another
    return 128 * 1024 + 1.5 * (quotas["message"] + beside + quotas["queued"] + quotas["output"])


def kept() -> int:
    """For the next large messages, by whomever."""
    found = re.search(r"PYN_WARM_MAX = (\d+) << 20 ", (ROOT / "src/runtime/warm.h").read_text())
    assert found
    return int(found[1]) * MIB


def held(quotas: dict[str, float]) -> float:
    return (quotas["references"] + quotas["lent"]) * 512


def test_the_sum_is_that_of_the_file() -> None:
    text, rows = page()
    config = Config.parse(text.encode())
    usual = {name: quota.usual for name, quota in QUOTAS.items()}
    strangers = {**usual, **config.quotas}
    local = config.classes["local"]
    there = config.server["connections"]
    sums = [
        there * each(strangers),
        there * held(strangers),
        strangers["server_memory"] + MIB,
        2 * strangers["call_memory"],
        (local.connections or 0) * (local.quotas["memory"] + MIB),
        kept(),
    ]
    base, *middle, whole = rows
    assert middle == [round(number / MIB) for number in sums]
    assert base + sum(middle) == whole < 1024


@pytest.mark.memory
def test_strangers_who_take_everything_at_once_take_no_more(
    serve_child: Callable[..., Any], generate: Callable[..., Path], tmp_path: Path, until: Callable[..., Any]
) -> None:
    """Each of them leaves what it may, and comes once more, to ask and not to read."""
    text, _ = page()
    policy = generate("hoard:Hoard")
    text = re.sub(r"listen = .*", 'listen = "tcp://127.0.0.1:0"', text)
    text = text.replace('"policy.json"', f'"{policy}"').replace("chat:Room", "hoard:Hoard")
    config = tmp_path / "pynto.toml"
    config.write_text(text)
    quotas = {name: quota.usual for name, quota in QUOTAS.items()} | Config.load(config).quotas
    child = serve_child("--config", str(config), target="hoard:Hoard", policy=policy, listen="tcp://127.0.0.1:0")
    host, _, port = child.address.removeprefix("tcp://").rpartition(":")

    def resident() -> int:
        return int(Path(f"/proc/{child.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def come(number: int) -> RawPeer:
        peer = RawPeer(socket.create_connection((host, int(port)), 30, (f"127.9.0.{number + 2}", 0)), timeout=30.0)
        peer.hello()
        return peer

    def leave(number: int) -> RawPeer:
        """As much as it may, and stays."""
        peer = come(number)
        kept = 0
        answer: Any = [RETURN]
        while answer[0] == RETURN and kept < 2000:
            answer = peer.call(0, "fill", [f"of {number}", 50, 1024])
            kept += 50
        assert answer[0] == ERROR and answer[1][1].startswith("memory"), answer
        return peer

    def ask(number: int) -> RawPeer:
        """For more than the kernel takes off the server's hands, and reads nothing; then for more than may wait."""
        peer = come(number)
        peer.send_raw((pack([0, "text", [60_000], {}]) + b"\n") * 300)
        peer.send_raw((pack([0, "bytes_kept", ["x" * 7_000], {}]) + b"\n") * 40)
        return peer

    with pynto.connect(child.address) as honest:
        honest.root.echo(1)
        leave(-1).close()  # what is made once has been made
        before = resident()
        peers = [leave(number) for number in range(STRANGERS)]
        left = resident() - before
        assert left <= STRANGERS * (quotas["memory"] + MIB)
        peers += [ask(number) for number in range(STRANGERS)]
        until(
            lambda: resident() - before - left >= STRANGERS * quotas["output"] / 2, 30
        )  # what they asked for is there
        for _ in range(50):
            assert honest.root.echo(2) == 2
        busy = resident() - before
        assert STRANGERS * quotas["output"] / 2 <= busy - left <= STRANGERS * each(quotas)
        assert honest.root.echo(3) == 3
    for peer in peers:
        peer.close()
