"""Processes in which things fail (rig.py), and what has to hold behind each failure."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from rig import Page

HERE = Path(__file__).parent
PATIENCE = 10.0
LONG = bool(os.environ.get("PYNTO_TEST_LONG"))  # every place instead of some


class Process:
    """One end of the session, told what to do by lines."""

    def __init__(self, folder: Path, name: str, *arguments: str) -> None:
        self.errors = folder / f"{name}.stderr"
        command = [sys.executable, str(HERE / "rig.py"), *arguments]
        with self.errors.open("ab") as stderr:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True
            )
        self.first = self._answer()

    def ask(self, order: Any = None) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            pytest.fail(f"it has ended with {self._process.wait(20)}: {self.errors.read_text()[-4000:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def end(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        finally:
            self._process.stdout.close()


class Rig:
    """A server and a player, and faults in one of them."""

    def __init__(self, folder: Path, library: Path, policy: Path, where: str, scheme: str, kind: str) -> None:
        pages = {name: folder / f"{name}.page" for name in ("server", "client")}
        for path in pages.values():
            Page.make(path)
        self.where = where
        self.server = Process(folder, "server", "serve", str(library), str(pages["server"]), str(policy), str(folder))
        self.player = Process(
            folder,
            "player",
            *("play", str(library), str(pages[where]), self.server.first[scheme]),
            ("own" if where == "client" else "") + kind,
        )
        self.play(kind=0, at=0)
        for _ in range(2):
            verdict = self.play(kind=0, at=0)
            assert not verdict["failed"] and not verdict["wrong"], verdict
        self.before = self.settled()
        self.descriptors = verdict["descriptors"]

    def play(self, **fault: Any) -> dict[str, Any]:
        return self.player.ask({"fault": fault})

    def count(self, kind: int, **more: Any) -> int:
        """How often there is an occasion."""
        return int(self.play(kind=kind, at=1 << 40, **more)["seen"])

    def settled(self) -> dict[str, Any]:
        """What the server holds when its connections are gone."""
        deadline = time.monotonic() + PATIENCE
        while (found := self.server.ask())["connections"]:
            assert time.monotonic() < deadline, found
        return found

    def check(self, verdict: dict[str, Any], *, strict: bool = False) -> None:
        """Right answers and allowed failures alone. strict: no failures."""
        assert not verdict["wrong"], verdict
        assert not strict or not verdict["failed"], verdict
        assert not verdict["in_threads"], verdict

    def is_as_before(self, *, leeway: int = 0, lost: int = 0) -> None:
        """Nobody is charged for anything, nothing was left behind."""
        after = self.settled()
        deadline = time.monotonic() + PATIENCE
        while after["kinds"].get("Run", 0) > lost and time.monotonic() < deadline:
            after = self.settled()  # a coroutine that there was no memory to cancel goes on to its end
        assert after["alive"] == 0
        assert not after["in_threads"], after
        assert after["descriptors"] <= self.before["descriptors"] + 1, (
            after
        )  # the state's, while the keeper looks at it
        assert not {"Netref", "Peer"} & set(after["kinds"]), after["kinds"]
        assert after["kinds"].get("Run", 0) <= lost, after["kinds"]
        # Owners of memory live as long as the interpreter's caches hold a block of theirs: there are never many.
        assert after["live"] < 400, after["live"]
        for _ in range(2):
            verdict = self.play(kind=0, at=0)
            assert not verdict["failed"] and not verdict["wrong"], verdict
        assert verdict["descriptors"] <= self.descriptors + 1 + leeway, sorted(verdict["open"])
        assert verdict["live"] < 400 if self.where == "client" else True, verdict

    def end(self) -> None:
        self.player.end()
        self.server.end()


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """faults.c, for this interpreter."""
    made = tmp_path_factory.mktemp("faults") / "faults.so"
    command = ["cc", "-O1", "-g", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror"]
    command += [f"-I{sysconfig.get_path('include')}", str(HERE / "faults.c"), "-o", str(made)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory, library: Path, served_policy: Path) -> Iterator[Callable[..., Rig]]:
    """rig("server" or "client", scheme, "", "short", "parts" or "async"): where something is to fail; the same one for those that share a name."""
    made: dict[tuple[str, ...], Rig] = {}
    with ExitStack() as stack:

        def start(where: str, scheme: str = "unix", kind: str = "", *, name: str = "") -> Rig:
            key = (where, scheme, kind, name)
            if key not in made:
                folder = tmp_path_factory.mktemp("rig")
                made[key] = Rig(folder, library, served_policy, where, scheme, kind)
                stack.callback(made[key].end)
            return made[key]

        yield start


@pytest.fixture
def some() -> Callable[[int, int], range]:
    """some(total, count): so many places, evenly from the first to the last; all of them, when there is time."""

    def places(total: int, count: int) -> range:
        return range(total) if LONG else range(0, total, max(1, total // count))

    return places
