"""The processes of a run: each peer's server and client, and orders to the client."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
NODE_PEERS = ("capnweb",)  # over WebSockets on TCP alone
PYTHON_PEERS = ("pynto", "rpyc", "pyro5", "managers", "grpc", "zeromq")
PEERS = ("limit", *PYTHON_PEERS, *NODE_PEERS)
PATIENCE = 30.0  # seconds for one order


class Failed(Exception):
    """What a peer could not do, in one line."""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(HERE), "PYTHONUNBUFFERED": "1"}


class Process:
    """A child whose lines are read with a time limit."""

    def __init__(self, command: list[str], cpu: int | None) -> None:
        pin = None if cpu is None else lambda: os.sched_setaffinity(0, {cpu})
        self._log = tempfile.TemporaryFile()
        self.popen = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=HERE,
            env=_environment(),
            preexec_fn=pin,
            bufsize=0,
        )
        self._seen = b""

    def line(self, patience: float = PATIENCE) -> str:
        assert self.popen.stdout is not None
        while b"\n" not in self._seen:
            if not select.select([self.popen.stdout], [], [], patience)[0]:
                raise Failed(f"no answer in {patience:.0f} s")
            more = os.read(self.popen.stdout.fileno(), 1 << 20)
            if not more:
                raise Failed(f"ended: {self.last_words()}")
            self._seen += more
        line, _, self._seen = self._seen.partition(b"\n")
        return line.decode()

    def send(self, text: str) -> None:
        assert self.popen.stdin is not None
        self.popen.stdin.write(text.encode() + b"\n")

    def last_words(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit code {self.popen.poll()}"

    def memory(self) -> int:
        """Resident bytes."""
        status = Path(f"/proc/{self.popen.pid}/smaps_rollup").read_text()
        return 1024 * int(status.partition("Rss:")[2].split()[0])

    def processor_seconds(self) -> float:
        fields = Path(f"/proc/{self.popen.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> None:
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait()
        for stream in (self.popen.stdin, self.popen.stdout, self._log):
            if stream is not None:
                stream.close()


class Pair:
    """A peer's server and one client of it."""

    def __init__(
        self, peer: str, transport: str, folder: Path, limit: Path, cpus: tuple[int | None, int | None]
    ) -> None:
        self.peer = peer
        if transport == "unix":
            self.address = f"unix://{folder}/{peer}.sock"
        else:
            scheme = "pynto" if transport == "pynto" and peer == "pynto" else "tcp"
            self.address = f"{scheme}://127.0.0.1:{_free_port()}"
        self._limit = limit
        self.cpus = cpus
        self.server = Process(self._command("serve"), cpus[0])
        self.client: Process | None = None
        self.cases: frozenset[str] = frozenset()
        try:
            while (line := self.server.line(30.0)) != "ready":
                if line.startswith("address "):  # one with what lets a client in
                    self.address = line.removeprefix("address ")
            self.client = self.more_clients(1)[0]
        except BaseException:
            self.end()
            raise

    def _command(self, role: str) -> list[str]:
        if self.peer == "limit":
            return [str(self._limit), role, self.address]
        if self.peer in NODE_PEERS:
            place = self.address.removeprefix("tcp://")
            return ["node", str(Path(os.environ["PYNTO_BENCH_NODE"], f"{self.peer}.mjs")), role, place]
        script = "server.py" if role == "serve" else "client.py"
        return [sys.executable, "-P", str(HERE / script), self.peer, self.address]

    def more_clients(self, count: int) -> list[Process]:
        made = [Process(self._command("client"), self.cpus[1]) for _ in range(count)]
        for each in made:
            self.cases = frozenset(json.loads(each.line(60.0))["ready"])
        return made

    def order(self, **order: Any) -> float:
        """Seconds that it took."""
        assert self.client is not None
        self.client.send(json.dumps(order))
        answer = json.loads(self.client.line())
        if "error" in answer:
            raise Failed(answer["error"])
        seconds: float = answer["seconds"]
        return seconds

    def end(self) -> None:
        if self.client is not None:
            self.client.end()
        self.server.end()
