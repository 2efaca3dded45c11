"""``pynto serve``."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from pynto import _core, auditlog, logs
from pynto.config import Config
from pynto.gatehouse import Gatehouse
from pynto.isolation import LIMITS, Isolation
from pynto.policy import Policy
from pynto.quotas import FRACTIONS, QUOTAS, Quota, from_text, human, in_order, number_in
from pynto.server import Server, StoppedBySignals, check_drift
from pynto.state import State, default_folder, encoded
from pynto.zygote import Job, fork_zygote

_DESCRIPTION = """\
Serve objects under a policy. TARGET is module:object; a class is instantiated without arguments, anything else is
served as it is. When the policy has several roots, give each: lobby=chat:Room lines=chat:lines.

addresses:
  tcp://127.0.0.1:7117       plain TCP, on this machine; beyond it only with --plain
  ws://127.0.0.1:8080/chat   a WebSocket, for a proxy with TLS in front
  pynto://0.0.0.0:7117       encrypted, for who has a capability or a key (see pynto cap, pynto keygen)
  pynto+ws://0.0.0.0:8080/chat  the same within a WebSocket, for networks that let nothing else pass
  unix:///run/chat.sock      a Unix socket, mode 0600
  fd://3                     a listening socket that was handed over
"""


_SEALED = ("pynto://", "pynto+ws://")


def add_to(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "serve",
        help="serve objects under a policy",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "target", nargs="*", metavar="TARGET", help="module:object, or root=module:object; usual: the roots of --config"
    )
    parser.add_argument("--config", metavar="FILE", help="a pynto.toml: its [quotas], [class.NAME] and [server]")
    parser.add_argument("--policy", metavar="FILE", help="made by pynto-policy generate")
    parser.add_argument(
        "--policy-sha256", metavar="HEX", help="serve under the file of this SHA-256 only: the one that was checked"
    )
    parser.add_argument(
        "--folder", metavar="FOLDER", help="where modules and relative paths are looked for; usual: the current one"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--listen", action="append", metavar="ADDRESS", help="may be given several times")
    where.add_argument("--stdio", action="store_true", help="one client, on stdin and stdout")
    parser.add_argument(
        "--state", metavar="FOLDER", help=f"key and capabilities of a server at pynto://; else {default_folder()}"
    )
    parser.add_argument(
        "--quota", action="append", default=[], metavar="NAME=VALUE", help="a limit of each connection, as message=1MiB"
    )
    parser.add_argument("--connections", type=int, metavar="N", help="how many at once (1000)")
    parser.add_argument(
        "--cost",
        action="append",
        default=[],
        metavar="OPERATION=UNITS",
        help="what a call of chat:Room.search costs of the quota cost_per_second, else 1",
    )
    parser.add_argument(
        "--no-memory-quota",
        action="store_true",
        help="do not limit the Python memory of connections, as --quota memory=0 --quota call_memory=0 do",
    )
    parser.add_argument(
        "--per-source",
        type=int,
        metavar="N",
        help="connections of one address; a quarter of all, those of this machine aside",
    )
    parser.add_argument(
        "--ws-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name by which ws:// may be called; loopback's may",
    )
    parser.add_argument(
        "--ws-origin", action="append", default=[], metavar="ORIGIN", help="a web page that may connect to ws://"
    )
    parser.add_argument(
        "--exit-stuck", action="store_true", help="end the process (exit code 70) when a call cannot be ended otherwise"
    )
    parser.add_argument(
        "--plain", action="store_true", help="allow plain TCP beyond this machine: nothing is encrypted"
    )
    _add_isolation_to(parser)
    parser.add_argument("--audit-log", metavar="FILE", help="write each decision on a call to this file, as JSON lines")
    _add_limit_to(parser, "audit-log-size", auditlog.SIZE)
    _add_limit_to(parser, "audit-log-rate", auditlog.RATE)
    parser.add_argument(
        "--metrics", metavar="ADDRESS", help="show metrics to Prometheus there, as 127.0.0.1:9117 or unix:///path"
    )
    parser.add_argument(
        "--metrics-anywhere", action="store_true", help="allow --metrics beyond this machine: anybody can read them"
    )
    parser.add_argument(
        "--admin",
        metavar="ADDRESS",
        help="let pynto top look at this server there: unix:///path in a folder of your own",
    )
    parser.add_argument("--log", choices=("text", "json"), help="how lines of the log look; usual: text")
    parser.add_argument(
        "--verbose", "-v", action="store_true", help="log each connection; twice as useful with stderr in a file"
    )
    parser.set_defaults(run=_run)


def _number(quota: Quota) -> Callable[[str], float]:
    """For argparse: a number, or one with its unit."""

    def read(text: str) -> float:
        try:
            number = number_in(quota, text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
        return number if quota.unit in FRACTIONS else int(number)

    return read


def _add_limit_to(group: argparse._ActionsContainer, option: str, quota: Quota) -> None:
    unit = {"count": "N", "rate": "N"}.get(quota.unit, quota.unit.upper())
    what = f"{quota.what} ({human(quota.usual, quota.unit)})"
    group.add_argument(f"--{option}", type=_number(quota), metavar=unit, help=what)


def _add_isolation_to(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("isolation")
    group.add_argument(
        "--isolate",
        choices=("connection", "class"),
        help="run the calls of each connection, or of each quota class, in a process of its own that is closed in",
    )
    group.add_argument(
        "--isolate-read", action="append", default=[], metavar="PATH", help="it may read this beside what it imports"
    )
    group.add_argument("--isolate-write", action="append", default=[], metavar="PATH", help="it may write there")
    group.add_argument("--isolate-network", action="store_true", help="it may make connections of its own")
    group.add_argument(
        "--isolate-best-effort",
        action="store_true",
        help="serve also where the kernel lacks a part of what closes it in",
    )
    for name, limit in LIMITS.items():
        _add_limit_to(group, f"isolate-{name}", limit)


def _fill_in_isolation(arguments: argparse.Namespace, isolate: Mapping[str, Any]) -> None:
    for key, value in isolate.items():
        option = "isolate" if key == "by" else f"isolate_{key}"
        given = getattr(arguments, option)
        if isinstance(value, list):
            setattr(arguments, option, [*given, *map(str, value)])
        elif given in (None, False):
            setattr(arguments, option, value)


# What stands in [server] under another name than the option.
_OPTIONS = {"ws_hosts": "ws_host", "ws_origins": "ws_origin"}


def _configure(arguments: argparse.Namespace) -> Config:
    """Fills in what the command line leaves open from the file."""
    config = Config.load(arguments.config) if arguments.config is not None else Config()
    for key, value in config.server.items():
        option = _OPTIONS.get(key, key)
        if not (arguments.stdio and key == "listen") and not getattr(arguments, option):
            setattr(arguments, option, value)
    if not arguments.stdio:  # which is a process of its own already
        _fill_in_isolation(arguments, config.isolate)
    if arguments.policy is None:
        raise ValueError("there is no policy: give --policy FILE, or [server] policy in the file of --config")
    if not arguments.listen and not arguments.stdio:
        raise ValueError("there is nowhere to listen: give --listen ADDRESS or --stdio, or [server] listen in --config")
    if not arguments.target:
        arguments.target = [f"{name}={target}" for name, target in config.roots.items()]
    if not arguments.target:
        raise ValueError("there is nothing to serve: give module:object, or [roots] in the file of --config")
    quotas = in_order({**config.quotas, **from_text(arguments.quota)})
    if arguments.no_memory_quota:
        if any(name in quotas for name, quota in QUOTAS.items() if quota.unit == "bytes or none"):
            raise ValueError("--no-memory-quota, and a quota of memory: which?")
        quotas = {**quotas, "memory": 0.0, "call_memory": 0.0}
    return replace(config, quotas=quotas)


def _costs(changes: list[str]) -> dict[str, int]:
    costs = {}
    for change in changes:
        name, _, value = change.partition("=")
        if not value.isdecimal():
            raise ValueError(f"--cost {change}: must be OPERATION=NUMBER, as in chat:Room.search=50")
        costs[name] = int(value)
    return costs


def _find(name: str) -> Any:
    """What module:object names."""
    module_name, colon, path = name.partition(":")
    if not (module_name and colon and path):
        raise ValueError(f"{name}: must be module:object, as in chat:Room")
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise ValueError(f"{name}: there is no module {error.name}") from None
    except SyntaxError as error:
        raise ValueError(f"{name}: {error.filename}:{error.lineno}: {error.msg}") from None
    for part in path.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise ValueError(f"{name}: {module_name} has no {path}") from None
    return found


def _found(names: list[str], policy: Policy) -> dict[str, Any]:
    """What each root is, or is made from; with one root it may have no name."""
    if len(names) == 1 and "=" not in names[0]:
        if len(policy.roots) > 1:
            raise ValueError(
                f"the policy has several roots: give each as NAME=module:object ({', '.join(policy.roots)})"
            )
        return {"": _find(names[0])}
    pairs = [name.partition("=") for name in names]
    if not all(equals for _, equals, _ in pairs):
        raise ValueError("give each root as NAME=module:object")
    return {root: _find(target) for root, _, target in pairs}


def _made(found: dict[str, Any], policy: Policy) -> Any:
    """What is served: an instance, where a class was named."""
    made = {root: each() if isinstance(each, type) else each for root, each in found.items()}
    return made if len(policy.roots) > 1 else next(iter(made.values()))


def _targets(names: list[str], policy: Policy) -> Any:
    return _made(_found(names, policy), policy)


def _import_from_here() -> None:
    """Modules of the current folder can be served; they never take the place of an installed one."""
    here = os.getcwd()
    sys.path[:] = [path for path in sys.path if path not in ("", here)] + [here]


def _audit_log(arguments: argparse.Namespace) -> auditlog.AuditLog | None:
    if arguments.audit_log is None:
        return None
    return auditlog.AuditLog(
        arguments.audit_log,
        size=arguments.audit_log_size or int(auditlog.SIZE.usual),
        rate=arguments.audit_log_rate or auditlog.RATE.usual,
    )


def _show_itself(arguments: argparse.Namespace, server: Server) -> None:
    if arguments.admin is not None:
        print(f"admin at {server.admit(arguments.admin)}", file=sys.stderr, flush=True)
    if arguments.metrics is not None:
        address = server.show_metrics(arguments.metrics, anywhere=arguments.metrics_anywhere)
        print(f"metrics at {address}", file=sys.stderr, flush=True)


def _serve_stdio(arguments: argparse.Namespace, policy: Policy, config: Config, signals: StoppedBySignals) -> None:
    in_fd, out_fd = _core.take_stdio()  # before any module of the user's is imported
    sys.stdin = open(0, closefd=False)
    sys.stdout = open(1, "w", closefd=False, buffering=1)
    target, audit_log, stuck = _targets(arguments.target, policy), _audit_log(arguments), arguments.exit_stuck
    server = Server(
        target,
        policy=policy,
        quotas=config.quotas,
        classes=config.classes,
        ends_deserted=True,
        audit_log=audit_log,
        exits_stuck=stuck,
        costs={**config.costs, **_costs(arguments.cost)},
    )
    _show_itself(arguments, server)
    server.adopt(in_fd, out_fd, "stdio")
    signals.run(server)


def _state(arguments: argparse.Namespace) -> State | None:
    needs_one = any(each.startswith(_SEALED) for each in arguments.listen)
    return State(arguments.state or default_folder()) if arguments.state or needs_one else None


def _with(address: str, secret: bytes) -> str:
    return f"{address}{'#' if address.startswith('pynto+ws://') else '/'}{encoded(secret)}"


def _tell_how_to_come_in(server: Server) -> None:
    """A first capability, to a person at a terminal and to nobody else."""
    addresses = [each for each in server.addresses if each.startswith(_SEALED)]
    if server.state is None or not addresses or server.state.grants():
        return
    if sys.stdout.isatty() and len(server.policy.roots) == 1:
        secret = server.state.new_capability(note="made when the server was first started")
        print(f"who has this address comes in; it is shown once: {_with(addresses[0], secret)}", flush=True)
    else:
        print(f"nobody may come in yet: pynto cap new --state {server.state.folder} makes a capability", flush=True)


def _isolation(arguments: argparse.Namespace) -> Isolation:
    chosen = {name: value for name in LIMITS if (value := getattr(arguments, f"isolate_{name}")) is not None}
    return Isolation(
        by=arguments.isolate,
        read=tuple(map(os.path.abspath, arguments.isolate_read)),
        write=tuple(map(os.path.abspath, arguments.isolate_write)),
        network=arguments.isolate_network,
        best_effort=arguments.isolate_best_effort,
        **chosen,
    )


def _serve_isolated(arguments: argparse.Namespace, policy: Policy, config: Config, signals: StoppedBySignals) -> int:
    isolation = _isolation(arguments)
    check_drift(policy)
    zygote = fork_zygote(
        Job(
            find=partial(_found, arguments.target, policy),
            make=partial(_made, policy=policy),
            policy=policy,
            isolation=isolation,
            options={
                "quotas": config.quotas,
                "classes": config.classes,
                "costs": {**config.costs, **_costs(arguments.cost)},
            },
            is_audited=arguments.audit_log is not None,
        )
    )  # ahead of everything that it must not have
    _core.hide_memory()
    zygote.wait_until_imported()
    server = Gatehouse(
        policy,
        zygote,
        isolation,
        listen=arguments.listen,
        quotas=config.quotas,
        classes=config.classes,
        plain=arguments.plain,
        hosts=arguments.ws_host,
        origins=arguments.ws_origin,
        audit_log=_audit_log(arguments),
        state=_state(arguments),
        per_source=arguments.per_source,
    )
    _show_itself(arguments, server)
    for address in server.addresses:
        print(f"serving {', '.join(policy.roots.values())} at {address}", flush=True)
    print(f"isolated: {isolation.meaning}; closed in by {server.closed_in_by}", flush=True)
    _tell_how_to_come_in(server)
    signals.run(server)
    return 1 if server.is_abandoned else 0


def _serve(arguments: argparse.Namespace, policy: Policy, config: Config, signals: StoppedBySignals) -> None:
    server = Server(
        _targets(arguments.target, policy),
        policy=policy,
        listen=arguments.listen,
        quotas=config.quotas,
        classes=config.classes,
        connections=arguments.connections or 1000,
        plain=arguments.plain,
        hosts=arguments.ws_host,
        origins=arguments.ws_origin,
        audit_log=_audit_log(arguments),
        state=_state(arguments),
        exits_stuck=arguments.exit_stuck,
        costs={**config.costs, **_costs(arguments.cost)},
        per_source=arguments.per_source,
    )
    _show_itself(arguments, server)
    for address in server.addresses:
        print(f"serving {', '.join(policy.roots.values())} at {address}", flush=True)
    _tell_how_to_come_in(server)
    signals.run(server)


def _run(arguments: argparse.Namespace) -> int:
    config = _configure(arguments)
    logs.set_up(arguments.log or "text", logging.INFO if arguments.verbose else logging.WARNING)
    if arguments.folder is not None:
        os.chdir(arguments.folder)
    policy = Policy.load(arguments.policy, sha256=arguments.policy_sha256)
    _import_from_here()
    with StoppedBySignals() as signals:
        if arguments.stdio:
            if arguments.isolate:
                raise ValueError("--isolate: a server on stdio is a process of its own already")
            _serve_stdio(arguments, policy, config, signals)
        elif arguments.isolate:
            return _serve_isolated(arguments, policy, config, signals)
        else:
            _serve(arguments, policy, config, signals)
    return 0
