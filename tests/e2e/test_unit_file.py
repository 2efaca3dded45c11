"""Is the systemd unit of docs/deploying.md one that systemd takes, closed as the page says, and one under which a server can live?"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pynto
import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "deploying.md").read_text(encoding="utf-8")
GENEROUS = 60.0

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd is not installed: tools/setup --tests installs it"
)


def unit() -> str:
    text = PAGE.split("\n## A systemd unit\n")[1].split("\n## ")[0]
    return "\n".join(line.removeprefix("    ") for line in text.splitlines() if line.startswith("    ") or not line)


def analyze(*arguments: str) -> str:
    done = subprocess.run(
        ["systemd-analyze", "--no-pager", *arguments], capture_output=True, text=True, timeout=GENEROUS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The unit, with a program that is there."""
    text = unit()
    assert "/opt/chat/.venv/bin/pynto" in text
    path = tmp_path / "chat.service"
    path.write_text(text.replace("/opt/chat/.venv/bin/pynto", shutil.which("true") or "/bin/true"))
    return path


def test_systemd_has_nothing_to_say_against_it(file: Path) -> None:
    assert analyze("verify", "--man=no", str(file)) == ""


def test_what_it_leaves_open_is_little(file: Path) -> None:
    found = analyze("security", "--offline=yes", str(file))
    level = re.search(r"exposure level for chat.service: ([0-9.]+)", found)
    assert level is not None
    assert float(level[1]) <= 1.0  # of 10, which is what a unit has that says nothing


def allowed() -> set[str]:
    """The system calls of the sets that the unit names."""
    sets: dict[str, list[str]] = {}
    name = ""
    for line in re.sub(r"\x1b\[[0-9;]*m", "", analyze("syscall-filter")).splitlines():
        if line.startswith("@"):
            name = line.strip()
            sets[name] = []
        elif line.startswith("    ") and not line.strip().startswith("#"):
            sets[name].append(line.strip())
    named = re.search(r"^SystemCallFilter=(.+)$", unit(), re.MULTILINE)
    assert named is not None
    open_sets, calls = named[1].split(), set()
    for each in open_sets:  # grows while it is gone through
        if each.startswith("@"):
            open_sets.extend(sets.pop(each, []))
        else:
            calls.add(each)
    return calls


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed: tools/setup --tests installs it")
@pytest.mark.parametrize("options", [(), ("--isolate", "connection")], ids=["alone", "isolated"])
def test_a_server_makes_no_system_call_that_it_does_not_let_through(
    options: tuple[str, ...], chat_policy: Path, tmp_path: Path
) -> None:
    log = tmp_path / "calls"
    command = [sys.executable, "-m", "pynto", "serve", "chat:Room", "--policy", str(chat_policy)]
    command += ["--listen", f"unix://{tmp_path}/chat.sock", *options]
    server = subprocess.Popen(
        ["strace", "-f", "-qq", "-o", str(log), *command],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2] / "examples" / "chat",
    )
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        assert line.startswith("serving "), line
        with pynto.connect(f"unix://{tmp_path}/chat.sock") as connection:
            connection.root.post("ada", "hello")
            assert len(connection.root.history()) == 1
        traced = int(log.read_text().split(maxsplit=1)[0])
        subprocess.run(["kill", "-TERM", str(traced)], check=True)
        assert server.wait(GENEROUS) == 0
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()
    seen = set(re.findall(r"^\d+ +([a-z0-9_]+)\(", log.read_text(errors="replace"), re.MULTILINE))
    assert {"execve", "recvfrom", "sendto", "accept4"} <= seen
    assert seen <= allowed()
