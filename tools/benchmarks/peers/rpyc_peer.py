"""RPyC 6. Its netrefs fetch every method anew; ``echo_bound`` is the call of one that was fetched before."""

from __future__ import annotations

from typing import Any

import rpyc
from peers.plain import Plain
from rpyc.utils.factory import unix_connect
from rpyc.utils.server import ThreadedServer
from served import Target

CONFIG = {"allow_all_attrs": True, "sync_request_timeout": None}


class Service(rpyc.Service):  # type: ignore[misc]
    def __init__(self) -> None:
        self.target = Target()

    def exposed_get_target(self) -> Target:
        return self.target


def serve(address: str) -> None:
    kind, _, rest = address.partition("://")
    if kind == "unix":
        server = ThreadedServer(Service(), socket_path=rest, protocol_config=CONFIG)
    else:
        host, _, port = rest.rpartition(":")
        server = ThreadedServer(Service(), hostname=host, port=int(port), protocol_config=CONFIG)
    print("ready", flush=True)
    server.start()


class Client(Plain):
    def __init__(self, address: str) -> None:
        self.address = address
        self.connection = self.open()
        self.target: Any = self.connection.root.get_target()
        self.held: list[Any] = []

    def open(self) -> Any:
        kind, _, rest = self.address.partition("://")
        if kind == "unix":
            return unix_connect(rest, config=CONFIG)
        host, _, port = rest.rpartition(":")
        return rpyc.connect(host, int(port), config=CONFIG)

    def echo(self, n: int) -> None:
        target = self.target
        for _ in range(n):
            target.echo(1)

    def echo_bound(self, n: int) -> None:
        f = self.target.echo
        for _ in range(n):
            f(1)

    def callback(self, n: int) -> None:
        self.target.call(lambda value: value, n)

    def generator(self, n: int) -> None:
        for _ in self.target.one_by_one(n):
            pass

    def read_ahead(self, n: int) -> None:
        for _ in rpyc.utils.helpers.buffiter(self.target.numbers(n), 1000):
            pass

    def pipelined(self, n: int) -> None:
        f = rpyc.async_(self.target.echo)
        for start in range(0, n, 100):
            for result in [f(1) for _ in range(min(100, n - start))]:
                result.wait()

    def connect(self, n: int) -> None:
        for _ in range(n):
            connection = self.open()
            connection.root.get_target().echo(1)
            connection.close()

    def idle(self, n: int) -> None:
        self.held += [self.open() for _ in range(n)]
