"""The first thing that a newcomer runs: does it run, and does it show what it says?"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

DEMO = Path(__file__).resolve().parents[2] / "examples" / "chat" / "demo.py"

SHOWN = [
    (r'^\$ pynto-policy generate chat:Room -o policy\.json$', "how a policy is made"),
    (r"^PASS policy\.json: nothing found$", "the audit and its verdict"),
    (r"^    post\(author: str, text: str\) -> none$", "what the audit says that a client reaches"),
    (r"^serving chat:Room at tcp://127\.0\.0\.1:[1-9]\d*$", "a server, and where it is"),
    (r'^  room\.post\("ada", "hello"\) +-> None$', "a call"),
    (r"^  room\.history\(\) +-> \('ada: hello', 'bob: hello ada'\)$", "what both have said"),
    (r"^  heard: .* -> \['ada: hello', 'bob: hello ada'\]$", "callbacks, in order"),
    (r"^  room\.reader\(\)\.history\(\).* -> \('ada: hello', 'bob: hello ada'\)$", "the narrow side reads"),
    (r'^  room\.reader\(\)\.post\("eve", "hi"\).* -> AttributeError: ', "the narrow side writes nothing"),
    (r"^  room\.erase\(\): denied in pynto\.toml +-> AttributeError: ", "denied by configuration"),
    (r"^  room\._lines: private +-> AttributeError: ", "private"),
    (r"^  room\.post\(1, 2\): .* -> TypeError: ", "arguments of other types"),
    (r"^  room\.post\(\"eve\", 2000 letters\): .* -> ValueError: that is too long for this room$", "the room's own no"),
    (r"^  b'.*__class__.* -> b'.*Refused.*not permitted", "raw bytes"),
    (r"^== Done\.", "the end"),
]  # fmt: skip


@pytest.fixture(scope="module")
def shown() -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(DEMO)], capture_output=True, text=True, timeout=60, check=False)


def test_the_demo_ends_well(shown: subprocess.CompletedProcess[str]) -> None:
    assert shown.returncode == 0, shown.stderr
    assert "Traceback" not in shown.stdout + shown.stderr


@pytest.mark.parametrize(("line", "why"), SHOWN, ids=[why for _, why in SHOWN])
def test_the_demo_shows(shown: subprocess.CompletedProcess[str], line: str, why: str) -> None:
    assert re.search(line, shown.stdout, re.MULTILINE), f"{why}: not in\n{shown.stdout}"


def test_the_demo_leaves_no_server_behind(shown: subprocess.CompletedProcess[str]) -> None:
    served = re.search(r"^serving chat:Room at (tcp://\S+)$", shown.stdout, re.MULTILINE)
    assert served is not None
    command = [sys.executable, "-P", "-m", "pynto", "ping", served[1]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, "Connection refused" in done.stderr) == (1, True), done
