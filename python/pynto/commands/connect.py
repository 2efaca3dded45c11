"""``pynto connect``: a REPL on a server's objects."""

from __future__ import annotations

import argparse
import code
import sys
from typing import Any

from pynto.commands import where


def add_to(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "connect",
        help="talk to a server's objects in a REPL",
        description="Open a Python prompt where `root` is what the server serves and `connection` the connection. "
        "Tab completes the names that the policy grants; help(root) shows their signatures.",
    )
    parser.add_argument(
        "address",
        metavar="ADDRESS",
        help="tcp://host:port, ws://host:port/path, unix:///path, ssh://host/module:object, or @FILE with an address in it",
    )
    where.add_to(parser)
    parser.add_argument("-c", dest="code", metavar="CODE", help="run this, and leave")
    parser.set_defaults(run=_run)


def _banner(root: Any) -> str:
    names = [name for name in dir(root) if not name.startswith("_")]
    return f"root is {root!r}\nit has: {', '.join(names) or 'nothing to call'}\nconnection.close() or the end of input leaves"


def _complete_on(names: dict[str, Any]) -> None:
    try:
        import readline
        import rlcompleter
    except ImportError:
        return
    readline.set_completer(rlcompleter.Completer(names).complete)
    readline.parse_and_bind("tab: complete")


def _run_code(source: str, names: dict[str, Any]) -> int:
    """The user's own code, as ``python -c`` does it: what it raises is shown as its own."""
    interpreter = code.InteractiveInterpreter(names)
    try:
        compiled = compile(source, "<-c>", "exec")
    except SyntaxError:
        interpreter.showsyntaxerror("<-c>")
        return 1
    try:
        exec(compiled, names)
    except Exception:
        interpreter.showtraceback()
        return 1
    return 0


def _run(arguments: argparse.Namespace) -> int:
    with where.open_connection(arguments) as connection:
        names: dict[str, Any] = {"root": connection.root, "connection": connection, "__name__": "__console__"}
        if arguments.code is not None:
            return _run_code(arguments.code, names)
        _complete_on(names)
        if not sys.stdin.isatty():
            sys.ps1 = sys.ps2 = ""
        code.interact(banner=_banner(connection.root) if sys.stdin.isatty() else "", local=names, exitmsg="")
    return 0
