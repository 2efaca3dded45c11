"""What does a connection cost that says nothing?"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rawpeer import RETURN, RawPeer

COUNT = 10_000
EACH_MAX = 2048  # bytes
SERVER = """
import sys, pynto, served
server = pynto.Server(served.Root(), policy=sys.argv[1], listen=sys.argv[2], connections=20000)
print("ready", flush=True)
server.run()
"""


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = COUNT + 1000
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"no more than {hard} descriptors are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def server(served_policy: Path, tmp_path: Path, many_descriptors: None) -> Iterator[tuple[str, int]]:
    """Its socket and process id."""
    path = f"{tmp_path}/many.sock"
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(served_policy), f"unix://{path}"],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    yield path, process.pid
    process.kill()
    process.wait()
    process.stdout.close()


def memory_of(pid: int) -> int:
    """Resident bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.memory
def test_ten_thousand_idle_connections_cost_little_each(server: tuple[str, int]) -> None:
    path, pid = server
    peers = []

    def open_one() -> RawPeer:
        peer = RawPeer(path, timeout=30.0)
        peers.append(peer)
        peer.hello()
        return peer

    try:
        for _ in range(200):  # what is made once has been made
            open_one()
        before = memory_of(pid)
        for _ in range(COUNT):
            open_one()
        each = (memory_of(pid) - before) / COUNT
        assert each <= EACH_MAX, f"{each:.0f} bytes for an idle connection"
        for peer in peers[:: COUNT // 20]:
            assert peer.call(0, "add", [1]) == [RETURN, 2]
    finally:
        for peer in peers:
            peer.close()
