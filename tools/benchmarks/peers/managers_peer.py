"""multiprocessing's managers: pickle between processes that trust each other."""

from __future__ import annotations

from multiprocessing.managers import BaseManager
from typing import Any

import served
from peers.plain import Plain

KEY = b"benchmark"


class Target(served.Target):
    """Attributes and generators go by methods there."""

    def get_number(self) -> int:
        return self.number


class Manager(BaseManager):
    pass


_target = Target()
Manager.register("target", callable=lambda: _target, method_to_typeid={"new": "Item", "one_by_one": "Iterator"})
Manager.register("Item", served.Item, create_method=False)
Manager.register("Iterator", exposed=("__next__",), create_method=False)


def _place(address: str) -> Any:
    kind, _, rest = address.partition("://")
    if kind == "unix":
        return rest
    host, _, port = rest.rpartition(":")
    return host, int(port)


def serve(address: str) -> None:
    server = Manager(_place(address), authkey=KEY).get_server()
    print("ready", flush=True)
    server.serve_forever()


class Client(Plain):
    def __init__(self, address: str) -> None:
        self.address = address
        self.manager = self.open()
        self.target: Any = self.manager.target()  # type: ignore[attr-defined]
        self.held: list[Any] = []

    def open(self) -> Manager:
        manager = Manager(_place(self.address), authkey=KEY)
        manager.connect()
        return manager

    def attribute(self, n: int) -> None:
        f = self.target.get_number
        for _ in range(n):
            f()

    def generator(self, n: int) -> None:
        step = self.target.one_by_one(n)
        for _ in range(n):
            step._callmethod("__next__")

    def connect(self, n: int) -> None:
        for _ in range(n):
            self.open().target().echo(1)  # type: ignore[attr-defined]
