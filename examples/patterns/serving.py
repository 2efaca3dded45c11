"""What the examples share: a policy from their hints, and a client that is connected through every byte of the protocol."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pynto


def served(root: Any) -> pynto.Connection[Any]:
    """A connection to root under the policy that its hints imply; the audit has found nothing wrong with it."""
    module = sys.modules[type(root).__module__]
    file = Path(str(module.__file__))
    with tempfile.TemporaryDirectory() as folder:
        policy = Path(folder) / "policy.json"
        command = [
            sys.executable,
            "-m",
            "pynto.audit",
            "generate",
            f"{file.stem}:{type(root).__name__}",
            "-o",
            str(policy),
        ]
        subprocess.run(command, cwd=file.parent, check=True)
        return pynto.pair(root, policy=policy)
