"""Pyro5 with its msgpack serializer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import Pyro5.api
from peers.plain import Plain
from Pyro5 import config

config.SERIALIZER = "msgpack"
config.MAX_MESSAGE_SIZE = 2**31 - 1
config.THREADPOOL_SIZE = 1000


@Pyro5.api.expose
class Item:
    def get(self) -> int:
        return 1


@Pyro5.api.expose
class Target:
    @property
    def number(self) -> int:
        return 7

    def echo(self, value: int) -> int:
        return value

    def three(self, a: int, b: str, c: float) -> int:
        return a

    def text(self, value: str) -> str:
        return value

    def blob(self, value: bytes) -> bytes:
        return value

    def new(self) -> Any:
        item = Item()
        self._pyroDaemon.register(item)
        return item

    def call(self, function: Any, times: int) -> int:
        function._pyroClaimOwnership()
        return sum(function.tell(each) for each in range(times))

    def numbers(self, count: int) -> Iterator[int]:
        yield from range(count)

    @Pyro5.api.oneway
    def note(self, value: int) -> None:
        pass


@Pyro5.api.expose
class Listener:
    @Pyro5.api.callback
    def tell(self, value: int) -> int:
        return value


def _daemon(address: str) -> Any:
    kind, _, rest = address.partition("://")
    if kind == "unix":
        return Pyro5.api.Daemon(unixsocket=rest)
    host, _, port = rest.rpartition(":")
    return Pyro5.api.Daemon(host=host, port=int(port))


def serve(address: str) -> None:
    daemon = _daemon(address)
    daemon.register(Target(), "target")
    print("ready", flush=True)
    daemon.requestLoop()


class Client(Plain):
    def __init__(self, address: str) -> None:
        self.address = address
        self.target = self.open()
        self.held: list[Any] = []
        self.listener: Any = None

    def open(self) -> Any:
        kind, _, rest = self.address.partition("://")
        proxy = Pyro5.api.Proxy(f"PYRO:target@{'./u:' if kind == 'unix' else ''}{rest}")
        proxy._pyroBind()
        return proxy

    def new_and_call(self, n: int) -> None:
        f = self.target.new
        for _ in range(n):
            with f() as item:
                item.get()

    def callback(self, n: int) -> None:
        if self.listener is None:
            daemon = Pyro5.api.Daemon()
            self.listener = Listener()
            daemon.register(self.listener)
            threading.Thread(target=daemon.requestLoop, daemon=True).start()
        self.target.call(self.listener, n)

    def generator(self, n: int) -> None:
        for _ in self.target.numbers(n):
            pass

    def pipelined(self, n: int) -> None:
        for start in range(0, n, 100):
            batch = Pyro5.api.BatchProxy(self.target)
            for _ in range(min(100, n - start)):
                batch.echo(1)
            for _ in batch():
                pass

    def one_way(self, n: int) -> None:
        f = self.target.note
        for _ in range(n):
            f(1)

    def connect(self, n: int) -> None:
        for _ in range(n):
            with self.open() as target:
                target.echo(1)

    def idle(self, n: int) -> None:
        self.held += [self.open() for _ in range(n)]
