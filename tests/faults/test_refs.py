"""A session leaves no reference behind; nor does it read what was freed, where the interpreter fills that."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
DEBUG_SITE = HERE.parents[1] / "build" / "debug-site"


def run(python: str, policy: Path, path: list[Path], **more: str) -> None:
    path += [HERE, HERE.parent / "python"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([*map(str, path), os.environ.get("PYTHONPATH", "")]), **more}
    done = subprocess.run(
        [python, str(HERE / "refs.py"), str(policy)], env=env, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]


@pytest.mark.parametrize("malloc", ["", "debug"], ids=["plain", "debug hooks"])
def test_sessions_leave_no_reference_behind(served_policy: Path, malloc: str) -> None:
    run(sys.executable, served_policy, [], **({"PYTHONMALLOC": malloc} if malloc else {}))


def test_sessions_leave_no_reference_behind_in_a_debug_build(served_policy: Path) -> None:
    python = shutil.which("python3-dbg")
    if python is None:
        pytest.skip("there is no debug build of CPython: on Debian, the package python3-dbg")
    if not (DEBUG_SITE / "pynto").is_dir():
        pytest.skip("the extension was not built for it: tools/refs does that")
    run(python, served_policy, [DEBUG_SITE])
