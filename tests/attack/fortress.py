"""What the attacks on the channel share: a server of guarded.Room at pynto:// in a process of its own, and its state."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pynto
from pynto.state import State

HERE = Path(__file__).resolve().parent


class Fortress:
    """``pynto serve guarded:room`` at pynto://; a capability of it; and what it says."""

    def __init__(self, folder: Path, policy: Path, *options: str, listen: str = "pynto://127.0.0.1:0") -> None:
        self.state = State(folder / "state")
        self.secret = self.state.new_capability(note="of the tests")
        self.output = folder / "out.txt"
        self.errors = folder / "err.txt"
        command = [sys.executable, "-m", "pynto", "serve", "guarded:room", "--policy", str(policy), "--listen", listen]
        command += ["--state", str(self.state.folder), "--verbose", *options]
        path = os.pathsep.join(filter(None, [str(HERE.parent / "python"), os.environ.get("PYTHONPATH", "")]))
        with self.output.open("wb") as output, self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                command, stdout=output, stderr=errors, stdin=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": path}
            )
        deadline = time.monotonic() + 60
        while " at " not in self.output.read_text():
            assert self.process.poll() is None and time.monotonic() < deadline, self.log()
            time.sleep(0.02)
        self.address = self.output.read_text().splitlines()[0].rpartition(" at ")[2]
        self.where = self.address.rpartition("@")[2]
        self.url = self.state.address(self.where, self.secret)

    def new(self, **options: Any) -> str:
        """A new capability's address; the server knows of it."""
        url = self.state.address(self.where, self.state.new_capability(**options))
        time.sleep(0.4)  # four looks of the server's; callers try again where that was not enough
        return url

    def connect(self) -> pynto.Connection:
        """An honest client."""
        return pynto.connect(self.url)

    def lines(self) -> tuple[str, ...]:
        with self.connect() as connection:
            return tuple(connection.root.lines())

    def log(self) -> str:
        return self.output.read_text(errors="replace") + self.errors.read_text(errors="replace")

    def memory(self) -> int:
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def is_sound(self) -> None:
        assert self.process.poll() is None, self.log()[-3000:]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(20)
        finally:
            self.process.kill()
