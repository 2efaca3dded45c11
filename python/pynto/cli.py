"""``pynto``: serve objects, talk to them, see whether they are there.

Exit codes: 0 fine; 1 it did not work (nobody there, address in use, not permitted); 2 it cannot be asked for like this;
3 our own fault.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from pynto import __version__
from pynto.commands import cap, connect, keygen, ping, serve, top

_COMMANDS = (serve, connect, ping, keygen, cap, top)

_EPILOG = """\
a policy comes first:
  pynto-policy generate chat:Room -o policy.json    hints -> policy, to be reviewed and committed
  pynto-policy check policy.json                    the audit: what can a client reach?
  pynto serve chat:Room --policy policy.json --listen tcp://127.0.0.1:7117
  pynto connect tcp://127.0.0.1:7117
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pynto",
        description="Serve live Python objects to programs that you do not trust.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"pynto {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in _COMMANDS:
        command.add_to(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
        return code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read our output has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except (OSError, EOFError) as error:  # nobody there, not permitted, address in use: all of them say so in one line
        print(f"pynto: {error}", file=sys.stderr)
        return 1
    except (ValueError, TypeError, ImportError) as error:  # what was asked for makes no sense
        print(f"pynto: {error}", file=sys.stderr)
        return 2
