"""Where the audit's tests find things; imported first, it makes ``pynto.audit`` importable without the extension."""

from __future__ import annotations

import importlib
import sys
import types
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PACKAGE = HERE.parents[1] / "python"


def _make_importable() -> None:
    """Without the built extension, ``pynto`` itself cannot be imported: the audit needs nothing of it."""
    try:
        importlib.import_module("pynto.audit")
    except ImportError:
        bare = types.ModuleType("pynto")
        bare.__path__ = [str(PACKAGE / "pynto")]
        sys.modules["pynto"] = bare


_make_importable()


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str


def corpus(kind: str) -> list[Path]:
    return sorted((HERE / "corpus" / kind).glob("*.py"))
