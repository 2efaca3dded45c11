"""Pynto, with policy and quotas on."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pynto
from pynto.audit.cli import main as pynto_policy
from served import Target

QUOTAS = {"message": 2**30, "references": 2_000_000, "lent": 2_000_000, "integer": 4096, "queued": 2**31}


def serve(address: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        policy = Path(folder, "policy.json")
        if pynto_policy(["generate", "served:Target", "-o", str(policy)]) != 0:
            raise SystemExit("the policy of what is served could not be made")
        server = pynto.Server(Target(), policy=policy, listen=address, quotas=QUOTAS, connections=20_000)
    print("ready", flush=True)
    server.run()


class Client:
    def __init__(self, address: str) -> None:
        self.address = address
        self.connection = self.open()
        self.root: Any = self.connection.root
        self.held: list[Any] = []

    def open(self) -> pynto.Connection:
        return pynto.connect(self.address, quotas={"message": 2**30, "references": 2_000_000, "lent": 2_000_000})

    def echo(self, n: int) -> None:
        f = self.root.echo
        for _ in range(n):
            f(1)

    def three(self, n: int) -> None:
        f = self.root.three
        for _ in range(n):
            f(1, "two", 3.0)

    def text(self, n: int) -> None:
        f, text = self.root.text, "x" * 1024
        for _ in range(n):
            f(text)

    def attribute(self, n: int) -> None:
        root = self.root
        for _ in range(n):
            root.number  # noqa: B018 - reading it is the operation

    def new(self, n: int) -> None:
        f = self.root.new
        for _ in range(n):
            f()

    def new_and_call(self, n: int) -> None:
        f = self.root.new
        for _ in range(n):
            f().get()

    def callback(self, n: int) -> None:
        self.root.call(lambda value: value, n)

    def generator(self, n: int) -> None:
        for _ in self.root.one_by_one(n):
            pass

    def read_ahead(self, n: int) -> None:
        for _ in self.root.numbers(n):
            pass

    def one_way(self, n: int) -> None:
        f = pynto.oneway(self.root.note)
        for _ in range(n):
            f(1)
        self.root.echo(1)

    def pipelined(self, n: int) -> None:
        for start in range(0, n, 100):
            with self.connection.pipeline() as p:
                f = p.root.echo
                promises = [f(1) for _ in range(min(100, n - start))]
            for promise in promises:
                promise.result()

    def blob(self, n: int, size: int) -> None:
        f, value = self.root.blob, bytes(size)
        for _ in range(n):
            f(value)

    def connect(self, n: int) -> None:
        for _ in range(n):
            with self.open() as connection:
                connection.root.echo(1)

    def idle(self, n: int) -> None:
        self.held += [self.open() for _ in range(n)]

    def hold(self, n: int) -> None:
        f: Callable[[], Any] = self.root.new
        self.held += [f() for _ in range(n)]

    def drop(self, n: int) -> None:
        self.held.clear()
        self.echo(n)
