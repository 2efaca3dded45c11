"""``pynto-policy``: the commands, and the exit codes that scripts rely on."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from . import page, report, sarif, tools
from .config import BadInput, Config, RootSpec, find, parse_root
from .findings import ERROR, WARNING, Finding
from .listing import findings_text
from .terminal import Paint, waiting

if TYPE_CHECKING:
    from .build import Target

OK, FINDINGS, BAD_INPUT, INTERNAL = 0, 1, 2, 3

_WRITERS = {
    "text": report.audit_text,
    "json": report.audit_json,
    "sarif": sarif.audit_sarif,
    "html": page.audit_html,
}
_EPILOG = "exit codes: 0 nothing found, 1 findings, 2 bad input, 3 a fault of ours"


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command; what it returns is the exit code."""
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as stop:  # argparse has said why
        return BAD_INPUT if stop.code else OK
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
        return code
    except BadInput as error:
        print(f"pynto-policy: {_one_line(error)}", file=sys.stderr)
        return BAD_INPUT
    except BrokenPipeError:
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except Exception:  # the last resort: say that it is our fault, and how
        traceback.print_exc()
        print("pynto-policy: an internal error; please report it with the lines above", file=sys.stderr)
        return INTERNAL


def _need_mypy() -> None:
    try:
        import mypy.build  # noqa: F401  (only to see whether it is there)
    except ImportError as error:
        raise BadInput("mypy is needed to read type hints: pip install 'pynto-server[policy]'") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pynto-policy", description="What can a client reach?", epilog=_EPILOG)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    generate = commands.add_parser("generate", help="write the policy that the type hints imply", epilog=_EPILOG)
    generate.add_argument("roots", nargs="*", metavar="[NAME=]module:object", help="default: [roots] of pynto.toml")
    generate.add_argument("-o", "--output", metavar="FILE", help="where to write the policy (default: stdout)")
    generate.add_argument("--type", metavar="EXPR", help="the type of the one root, in place of its own hint")
    generate.set_defaults(run=_generate)
    check = commands.add_parser("check", help="audit what a policy grants", epilog=_EPILOG)
    check.add_argument("targets", nargs="*", metavar="TARGET", help="module:object, or a policy file (*.json)")
    check.add_argument("--format", choices=tuple(_WRITERS), default="text")
    check.add_argument("--frozen", metavar="FILE", help="fail unless this is the policy that the hints imply")
    check.add_argument("--strict", action="store_true", help="warnings fail the audit, too")
    check.set_defaults(run=_check)
    for command in (generate, check):
        command.add_argument("--config", metavar="FILE", help="default: pynto.toml in this directory, if there is one")
        command.add_argument("--path", action="append", default=[], metavar="DIR", help="look for modules here, too")
        command.add_argument("--no-cache", action="store_true", help="leave no cache behind, and trust none")
    tools.add_to(commands)
    return parser


def _target(arguments: argparse.Namespace, config: Config) -> Target:
    from . import build

    for directory in (*arguments.path, *config.python_path):
        if not os.path.isdir(directory):
            raise BadInput(f"{directory} is not a directory")
    path = tuple(os.path.abspath(directory) for directory in (*arguments.path, *config.python_path))
    return build.Target(path=path, cache=not arguments.no_cache)


def _generate(arguments: argparse.Namespace) -> int:
    _need_mypy()
    from . import generate, layout

    config = find(arguments.config, Path.cwd())
    specs = _specs(arguments.roots, config, arguments.type)
    with waiting(sys.stderr, "reading the hints"):
        outcome = generate.generate(specs, config, _target(arguments, config))
    print(findings_text(outcome.findings, Paint(sys.stderr)), end="", file=sys.stderr)
    if outcome.policy is not None:
        text = layout.dumps(outcome.policy)
        if arguments.output is None:
            sys.stdout.write(text)
        else:
            _write(Path(arguments.output), text)
    return FINDINGS if outcome.has(ERROR) else OK


def _check(arguments: argparse.Namespace) -> int:
    _need_mypy()
    from . import check

    config = find(arguments.config, Path.cwd())
    with waiting(sys.stderr, "reading the hints, following the calls"):
        audits = check.check(arguments.targets, config, _target(arguments, config), arguments.frozen)
    writer = _WRITERS[arguments.format]
    failing = (ERROR, WARNING) if arguments.strict else (ERROR,)
    sys.stdout.write(writer(audits, failing))
    return FINDINGS if any(_fails(audit.findings, failing) for audit in audits) else OK


def _fails(findings: Sequence[Finding], failing: Sequence[str]) -> bool:
    return any(finding.severity in failing and not finding.accepted for finding in findings)


def _specs(texts: Sequence[str], config: Config, type_: str | None) -> list[RootSpec]:
    if type_ is not None and len(texts) != 1:
        raise BadInput("--type is for one root: name it as module:object")
    return [parse_root(text, type_) for text in texts] or list(config.roots)


def _write(path: Path, text: str) -> None:
    """Replace the file as a whole: a reader sees the old policy or the new one."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(text)
            os.chmod(name, _mode(path))
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from error


def _mode(path: Path) -> int:
    """The mode of the file that is replaced, or what the umask gives a new one."""
    try:
        return path.stat().st_mode & 0o777
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def _one_line(error: Exception) -> str:
    """Paths and names come from outside: no control characters on a terminal."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in str(error))


if __name__ == "__main__":
    sys.exit(main())
