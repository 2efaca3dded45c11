"""``pynto cap``: capabilities made, listed, taken back, narrowed."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, datetime
from typing import Any

from pynto.errors import escaped
from pynto.state import Capability, State, default_folder, moment, narrowed

_DESCRIPTION = """\
Who holds a capability comes in, for the root that it is good for. It is shown once, when it is made: hand it over by a way that
only its reader can see. An address with one in it does not belong into a shell's history or a command line: programs read it from a file or the
environment; a space ahead of a command keeps it out of the history where HISTCONTROL says so.
"""
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def add_to(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "cap",
        help="make, list and revoke capabilities",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    new = _action(actions, "new", _new, "make one, and print its address")
    new.add_argument(
        "--at",
        default="127.0.0.1:7117",
        metavar="HOST:PORT",
        help="where the server is reached; or pynto+ws://HOST:PORT/PATH",
    )
    new.add_argument("--root", default="", help="the root that it is good for; needed when the server has several")
    new.add_argument("--expires", default="", metavar="WHEN", help="a date, or a time from now, as 30d or 12h")
    new.add_argument("--uses", type=int, metavar="N", help="how many connections it is good for; else any number")
    new.add_argument("--class", dest="quota_class", default="", metavar="NAME", help="quota class of who comes by it")
    new.add_argument("--note", default="", help="for you: whom it is for")
    _action(actions, "list", _list, "show all, but not themselves")
    revoke = _action(actions, "revoke", _revoke, "take one back; who is connected by it is gone at once")
    revoke.add_argument("id", metavar="ID", help="as list shows it")
    narrow: argparse.ArgumentParser = actions.add_parser(
        "narrow", help="from an address on stdin, make one that is good for a Protocol of its root alone"
    )
    narrow.add_argument("facet", metavar="FACET", help="the Protocol, as the policy names it: chat:Reader")
    narrow.set_defaults(run=_narrow)


def _action(actions: Any, name: str, run: Any, help: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=help)
    parser.add_argument("--state", default=str(default_folder()), metavar="FOLDER", help="of the server")
    parser.set_defaults(run=run)
    return parser


def _expiry(text: str) -> int:
    if not text:
        return 0
    if text[:-1].isascii() and text[:-1].isdigit() and text[-1] in _UNITS:
        return int(time.time()) + int(text[:-1]) * _UNITS[text[-1]]
    try:
        return moment(text)
    except ValueError:
        raise ValueError(f"--expires {text}: give a date, as 2027-01-31, or a time from now, as 30d") from None


def _new(arguments: argparse.Namespace) -> int:
    state = State(arguments.state)
    secret = state.new_capability(
        root=arguments.root,
        expires_at=_expiry(arguments.expires),
        uses=arguments.uses,
        quota_class=arguments.quota_class,
        note=arguments.note,
    )
    print(state.address(arguments.at, secret))
    return 0


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def _standing(each: Capability) -> str:
    if each.revoked:
        return "revoked"
    if each.expires_at and each.expires_at <= time.time():
        return "expired"
    if each.uses is not None and each.used >= each.uses:
        return "used up"
    return "good"


def _list(arguments: argparse.Namespace) -> int:
    for each in State(arguments.state).capabilities():
        uses = "any" if each.uses is None else f"{each.used}/{each.uses}"
        until = _day(each.expires_at) if each.expires_at else "never"
        words = (
            each.id,
            _standing(each),
            f"root={each.root or '-'}",
            f"class={each.quota_class or '-'}",
            f"uses={uses}",
        )
        print(*words, f"made={_day(each.made_at)}", f"expires={until}", escaped(each.note))
    return 0


def _revoke(arguments: argparse.Namespace) -> int:
    try:
        State(arguments.state).revoke(arguments.id)
    except (LookupError, ValueError):
        print(f"pynto: there is no capability {escaped(arguments.id)}", file=sys.stderr)
        return 1
    return 0


def _narrow(arguments: argparse.Namespace) -> int:
    print(narrowed(sys.stdin.readline().strip(), arguments.facet))
    return 0
