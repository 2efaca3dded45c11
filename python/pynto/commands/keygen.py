"""``pynto keygen``."""

from __future__ import annotations

import argparse
from typing import Any

from pynto import _core

_DESCRIPTION = """\
Make a secret key in a new file, mode 0600, and print its public half: a line for a server's authorized_keys.
The secret is never printed. pynto.connect(address, key=FILE) uses it.
"""


def add_to(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "keygen", help="make a key", description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", metavar="FILE", help="must not be there yet")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    key = _core.Key.generate()
    key.save(arguments.file)
    print(key.public)
    return 0
