"""What people write by hand: ZeroMQ's REQ and REP with msgpack."""

from __future__ import annotations

from typing import Any

import msgpack
import zmq


def _place(address: str) -> str:
    kind, _, rest = address.partition("://")
    return f"ipc://{rest}" if kind == "unix" else f"tcp://{rest}"


def serve(address: str) -> None:
    socket = zmq.Context().socket(zmq.REP)
    socket.bind(_place(address))
    operations: dict[str, Any] = {"echo": lambda value: value, "three": lambda a, b, c: a}
    print("ready", flush=True)
    while True:
        name, arguments = msgpack.unpackb(socket.recv(), max_bin_len=2**31)
        socket.send(msgpack.packb(operations[name](*arguments)))


class Client:
    def __init__(self, address: str) -> None:
        self.address = address
        self.context = zmq.Context()
        self.socket = self.open()

    def open(self) -> Any:
        socket = self.context.socket(zmq.REQ)
        socket.connect(_place(self.address))
        return socket

    def call(self, socket: Any, name: str, *arguments: Any) -> Any:
        socket.send(msgpack.packb((name, arguments)))
        return msgpack.unpackb(socket.recv(), max_bin_len=2**31)

    def echo(self, n: int) -> None:
        for _ in range(n):
            self.call(self.socket, "echo", 1)

    def three(self, n: int) -> None:
        for _ in range(n):
            self.call(self.socket, "three", 1, "two", 3.0)

    def text(self, n: int) -> None:
        text = "x" * 1024
        for _ in range(n):
            self.call(self.socket, "echo", text)

    def blob(self, n: int, value: bytes) -> None:
        for _ in range(n):
            self.call(self.socket, "echo", value)

    def connect(self, n: int) -> None:
        for _ in range(n):
            socket = self.open()
            self.call(socket, "echo", 1)
            socket.close()
