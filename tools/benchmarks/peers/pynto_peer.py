"""Pynto, with policy and quotas on."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pynto
from peers.plain import Plain
from pynto.audit.cli import main as pynto_policy
from pynto.state import State
from served import Target

QUOTAS = {
    "message": 2**30,
    "references": 2_000_000,
    "lent": 2_000_000,
    "integer": 4096,
    "queued": 2**31,
    "cpu_burst": 86400,
    "cpu_share": 1.0,
}


def serve(address: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        policy = Path(folder, "policy.json")
        if pynto_policy(["generate", "served:Target", "-o", str(policy)]) != 0:
            raise SystemExit("the policy of what is served could not be made")
        options: dict[str, Any] = {}
        if address.startswith("pynto://"):
            options["state"] = state = State(Path(folder, "state"))
            where = address.removeprefix("pynto://")
            print("address", state.address(where, state.new_capability()))
        server = pynto.Server(Target(), policy=policy, listen=address, quotas=QUOTAS, connections=20_000, **options)
        print("ready", flush=True)
        server.run()


class Client(Plain):
    def __init__(self, address: str) -> None:
        self.address = address
        self.connection = self.open()
        self.target: Any = self.connection.root
        self.held: list[Any] = []

    def open(self) -> pynto.Connection:
        return pynto.connect(self.address, quotas={"message": 2**30, "references": 2_000_000, "lent": 2_000_000})

    def callback(self, n: int) -> None:
        self.target.call(lambda value: value, n)

    def generator(self, n: int) -> None:
        for _ in self.target.one_by_one(n):
            pass

    def read_ahead(self, n: int) -> None:
        for _ in self.target.numbers(n):
            pass

    def one_way(self, n: int) -> None:
        f = pynto.oneway(self.target.note)
        for _ in range(n):
            f(1)
        self.target.echo(1)

    def pipelined(self, n: int) -> None:
        for start in range(0, n, 100):
            with self.connection.pipeline() as p:
                f = p.root.echo
                promises = [f(1) for _ in range(min(100, n - start))]
            for promise in promises:
                promise.result()

    def connect(self, n: int) -> None:
        for _ in range(n):
            with self.open() as connection:
                connection.root.echo(1)

    def hold_several(self, n: int) -> None:
        self.held += [self.target.several(1000) for _ in range(n // 1000)]

    def free(self, n: int) -> None:
        self.held.clear()
        self.target.echo(n)

    def idle(self, n: int) -> None:
        self.held += [self.open() for _ in range(n)]
