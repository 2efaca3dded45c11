"""The commands of ``pynto-policy`` that look at policy files: nothing here reads hints."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import difference, engine, explain, layout, picture, replay, stubs, trail, tsstubs
from .config import BadInput

if TYPE_CHECKING:
    from . import shrink

_SAME, _GREW = 0, 1


def add_to(commands: Any) -> None:
    for add in (_add_diff, _add_explain, _add_who, _add_graph, _add_stubs, _add_simulate, _add_learn, _add_shrink):
        add(commands)


def _add_diff(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "diff",
        help="what can a client do under NEW that it could not under OLD?",
        epilog="exit codes: 0 the same or less, 1 authority grew, 2 bad input, 3 a fault of ours",
    )
    parser.add_argument("old", metavar="OLD", help="a policy file")
    parser.add_argument("new", metavar="NEW", help="a policy file")
    parser.add_argument("--full", action="store_true", help="every change, each with the way to it")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.set_defaults(run=_diff)


def _diff(arguments: argparse.Namespace) -> int:
    old, new = (engine.Reach(engine.load(path)) for path in (arguments.old, arguments.new))
    found = difference.Difference(old, new)
    as_json = arguments.format == "json"
    sys.stdout.write(found.json(arguments.old, arguments.new) if as_json else found.text(arguments.full))
    return _GREW if found.grew else _SAME


def _policy_parser(commands: Any, name: str, help: str, epilog: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=help, epilog=epilog)
    parser.add_argument("policy", metavar="POLICY", help="a policy file")
    return parser


def _add_explain(commands: Any) -> None:
    codes = "exit codes: 0 a client gets at it, 1 nothing leads there, 2 no such name or bad input, 3 a fault of ours"
    parser = _policy_parser(commands, "explain", "why can a client get at this?", codes)
    parser.add_argument("name", metavar="NAME", help="an interface, or an operation: chat:Room, Room.post")
    parser.add_argument("--path", action="append", default=[], metavar="DIR", help="look for modules here, too")
    parser.set_defaults(run=_explain)


def _explain(arguments: argparse.Namespace) -> int:
    explainer = explain.Explainer(engine.Reach(engine.load(arguments.policy)), [*arguments.path, "."])
    text, reached = explainer.explain(arguments.name)
    sys.stdout.write(text)
    return 0 if reached else 1


def _add_who(commands: Any) -> None:
    codes = "exit codes: 0 somebody, 1 nobody, 2 no such name or bad input, 3 a fault of ours"
    parser = _policy_parser(commands, "who-can-reach", "every operation that hands this out, and who gets there", codes)
    parser.add_argument("name", metavar="NAME", help="an interface, or an operation: chat:Room, Room.post")
    parser.set_defaults(run=_who)


def _who(arguments: argparse.Namespace) -> int:
    text, reached = explain.Explainer(engine.Reach(engine.load(arguments.policy))).who(arguments.name)
    sys.stdout.write(text)
    return 0 if reached else 1


def _add_graph(commands: Any) -> None:
    codes = "exit codes: 0 drawn, 2 bad input or no Graphviz, 3 a fault of ours"
    parser = _policy_parser(commands, "graph", "a picture of who hands what to whom", codes)
    parser.add_argument("-o", "--output", metavar="FILE", help="where to write it (default: stdout); *.svg is drawn")
    parser.add_argument("--format", choices=("dot", "svg"), help="default: by the name of the output, else dot")
    parser.set_defaults(run=_graph)


def _graph(arguments: argparse.Namespace) -> int:
    reach = engine.Reach(engine.load(arguments.policy))
    wanted = arguments.format or ("svg" if (arguments.output or "").endswith(".svg") else "dot")
    write(arguments.output, picture.svg(reach) if wanted == "svg" else picture.dot(reach).encode())
    return 0


def _add_stubs(commands: Any) -> None:
    parser = _policy_parser(
        commands,
        "stubs",
        "a .pyi for clients, or a .d.ts: what they can do, for mypy, pyright and TypeScript",
        "exit codes: 0 written, 2 bad input, 3 a fault of ours",
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="where to write it (default: stdout)")
    parser.add_argument(
        "--shared",
        action="append",
        default=[],
        metavar="MODULE",
        help="clients have this module, too: its records and enums are imported",
    )
    parser.add_argument("--aio", action="store_true", help="for clients of pynto.aio, which await every operation")
    parser.add_argument("--typescript", action="store_true", help="a .d.ts, for clients in TypeScript and JavaScript")
    parser.set_defaults(run=_stubs)


def _stubs(arguments: argparse.Namespace) -> int:
    if arguments.typescript and (arguments.aio or arguments.shared):
        raise BadInput("--aio and --shared are for Python: not with --typescript")
    policy = engine.load(arguments.policy).document
    text = tsstubs.render(policy) if arguments.typescript else stubs.render(policy, arguments.shared, arguments.aio)
    write(arguments.output, text.encode("ascii"))
    return 0


def _log_parser(commands: Any, name: str, help: str, epilog: str) -> argparse.ArgumentParser:
    parser = _policy_parser(commands, name, help, epilog)
    parser.add_argument("logs", nargs="+", metavar="AUDIT.jsonl", help="what pynto serve --audit-log has written")
    return parser


def _add_simulate(commands: Any) -> None:
    codes = "exit codes: 0 no verdict would change, 1 some would or may, 2 bad input, 3 a fault of ours"
    parser = _log_parser(commands, "simulate", "which verdicts of an audit log would this policy change?", codes)
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.set_defaults(run=_simulate)


def _simulate(arguments: argparse.Namespace) -> int:
    found = replay.Replay(engine.load(arguments.policy), trail.read(arguments.logs))
    sys.stdout.write(found.json() if arguments.format == "json" else found.text())
    return 1 if found.turns else 0


def _add_learn(commands: Any) -> None:
    codes = "exit codes: 0 told, 2 bad input, 3 a fault of ours"
    parser = _log_parser(commands, "learn", "what is used of what this policy grants, and what was refused", codes)
    parser.set_defaults(run=_learn)


def _usage(arguments: argparse.Namespace) -> shrink.Usage:
    from . import shrink  # needs the extension

    return shrink.Usage(engine.Reach(engine.load(arguments.policy)), trail.read(arguments.logs))


def _learn(arguments: argparse.Namespace) -> int:
    sys.stdout.write(_usage(arguments).text())
    return 0


def _add_shrink(commands: Any) -> None:
    codes = "exit codes: 0 every grant was used, 1 some were not, 2 bad input, 3 a fault of ours"
    parser = _log_parser(commands, "shrink", "the smallest policy that allows what was used", codes)
    parser.add_argument("-o", "--output", metavar="FILE", help="where to write it; what it takes is told either way")
    parser.set_defaults(run=_shrink)


def _shrink(arguments: argparse.Namespace) -> int:
    usage = _usage(arguments)
    unused = usage.unused()
    print(f"{len(unused)} of {len(usage.granted())} operations were never used")
    if usage.trail.dropped:
        print(f"{usage.trail.dropped} decisions were not written down: what is not seen here may have been used")
    if denied := usage.deny():
        print("to keep it so when the policy is generated again, in pynto.toml:\n\n[policy]\ndeny = [")
        print("".join(f'    "{name}",\n' for name in denied) + "]")
    if arguments.output is not None:
        write(arguments.output, layout.dumps(usage.smallest()).encode("ascii"))
    return 1 if unused else 0


def write(output: str | None, data: bytes) -> None:
    """To a file, or to stdout."""
    if output is None:
        sys.stdout.buffer.write(data)
        return
    try:
        Path(output).write_bytes(data)
    except OSError as error:
        raise BadInput(f"{output}: {error.strerror}") from error
