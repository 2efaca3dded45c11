"""Servers with their usual limits, and honest clients of them: python hostile_peers.py serve|honest PEER PORT [SECONDS]."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hostile_served import Item, Target

CALLS_A_SECOND = 20
PATIENCE = 5.0  # seconds: an answer that takes longer is none


def serve_pynto(port: int) -> None:
    import pynto
    from pynto.audit.cli import main as pynto_policy

    with tempfile.TemporaryDirectory() as folder:
        policy = Path(folder, "policy.json")
        if pynto_policy(["generate", "hostile_served:Target", "-o", str(policy)]) != 0:
            raise SystemExit("the policy of what is served could not be made")
        server = pynto.Server(Target(), policy=policy, listen=f"tcp://127.0.0.1:{port}")
    print("ready", flush=True)
    server.run()


def serve_rpyc(port: int) -> None:
    import rpyc
    from rpyc.utils.server import ThreadedServer

    class Service(rpyc.Service):  # type: ignore[misc]
        exposed_target = Target()

    server = ThreadedServer(
        Service(),
        hostname="127.0.0.1",
        port=port,
        protocol_config={"allow_public_attrs": True, "sync_request_timeout": 30},
    )
    print("ready", flush=True)
    server.start()


def serve_pyro5(port: int) -> None:
    import Pyro5.api

    class Served(Target):
        def new(self) -> Any:
            item = Pyro5.api.expose(type("Item", (Item,), {"get": lambda self: 1}))()
            self._pyroDaemon.register(item)
            return item

        def call(self, function: Any) -> int:
            function._pyroClaimOwnership()
            result: int = function.tell(1)
            return result

    for name in ("echo", "work", "make", "take", "count", "note"):
        setattr(Served, name, getattr(Target, name))
    Served.note = Pyro5.api.oneway(Served.note)  # type: ignore[method-assign]
    daemon = Pyro5.api.Daemon(host="127.0.0.1", port=port)
    daemon.register(Pyro5.api.expose(Served)(), "target")
    print("ready", flush=True)
    daemon.requestLoop()


def dial_pynto(port: int) -> Callable[[int], int]:
    import pynto

    root = pynto.connect(f"tcp://127.0.0.1:{port}").root
    echo: Callable[[int], int] = root.echo

    def call(value: int) -> int:
        with pynto.deadline(PATIENCE):
            return echo(value)

    return call


def dial_rpyc(port: int) -> Callable[[int], int]:
    import rpyc

    connection = rpyc.connect("127.0.0.1", port, config={"sync_request_timeout": PATIENCE})
    echo: Callable[[int], int] = connection.root.target.echo
    dial_rpyc.held = connection  # type: ignore[attr-defined]
    return echo


def dial_pyro5(port: int) -> Callable[[int], int]:
    import Pyro5.api

    proxy = Pyro5.api.Proxy(f"PYRO:target@127.0.0.1:{port}")
    proxy._pyroTimeout = PATIENCE
    proxy._pyroBind()
    echo: Callable[[int], int] = proxy.echo
    return echo


SERVE = {"pynto": serve_pynto, "rpyc": serve_rpyc, "pyro5": serve_pyro5}
DIAL = {"pynto": dial_pynto, "rpyc": dial_rpyc, "pyro5": dial_pyro5}


def honest(peer: str, port: int, seconds: float) -> None:
    """Calls at its own pace: a call that is late does not put off the next, and its lateness counts."""
    call = DIAL[peer](port)
    call(0)
    print("ready", flush=True)
    sys.stdin.readline()
    waits, failed = [], 0
    began = time.monotonic()
    ended = began
    for number in range(int(seconds * CALLS_A_SECOND)):
        due = began + number / CALLS_A_SECOND
        time.sleep(max(0.0, due - time.monotonic()))
        # Behind a late answer a call counts from when it was due; else from when it was sent: what the machine does to a sleeping client is not the server's.
        sent = due if ended > due else time.monotonic()
        if time.monotonic() - began > 2 * seconds:
            failed += int(seconds * CALLS_A_SECOND) - number
            break
        try:
            call(number)
        except Exception as error:
            failed += 1
            waits.append(PATIENCE)
            if failed == 1:
                print(f"honest client: {error!r}"[:300], file=sys.stderr, flush=True)
            try:
                call = DIAL[peer](port)
            except Exception:
                time.sleep(0.2)
        else:
            waits.append(time.monotonic() - sent)
        ended = time.monotonic()
    print(json.dumps({"waits": waits, "failed": failed}), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        SERVE[sys.argv[2]](int(sys.argv[3]))
    else:
        honest(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
