"""Runs the examples: all of them, or those that are named. ``python examples/patterns/demo.py membrane``."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

EXAMPLES = ("facets", "attenuation", "revocable", "membrane", "sealer")


def main(names: list[str]) -> None:
    sys.path.insert(0, str(Path(__file__).parent))
    for name in names or EXAMPLES:
        module = importlib.import_module(name)
        module.demo()
        print(str(module.__doc__).splitlines()[0])


if __name__ == "__main__":
    main(sys.argv[1:])
