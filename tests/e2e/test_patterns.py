"""Do the patterns of examples/patterns work as docs/policy.md says, and does the audit pass them?"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PATTERNS = Path(__file__).parents[2] / "examples" / "patterns"
ROOTS = {
    "facets": "Lobby",
    "attenuation": "Site",
    "revocable": "Desk",
    "membrane": "Library",
    "sealer": "Market",
}


def run(*command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONSAFEPATH": "1"}
    return subprocess.run([sys.executable, *command], cwd=PATTERNS, capture_output=True, text=True, env=environment)


@pytest.mark.parametrize("name", ROOTS)
def test_the_example_does_what_it_says(name: str) -> None:
    done = run("demo.py", name)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize("name", ROOTS)
def test_the_audit_passes_it(name: str) -> None:
    done = run("-m", "pynto.audit", "check", f"{name}:{ROOTS[name]}", "--path", ".")
    assert done.returncode == 0, done.stdout


def test_every_example_is_run() -> None:
    found = {path.stem for path in PATTERNS.glob("*.py")} - {"demo", "serving"}
    assert found == set(ROOTS)
    document = (PATTERNS.parents[1] / "docs" / "policy.md").read_text()
    assert all(f"`{name}.py`" in document for name in ROOTS)
