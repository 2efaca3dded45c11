"""gRPC for Python, with the protobuf messages of its own wrappers."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf.struct_pb2 import ListValue
from google.protobuf.wrappers_pb2 import BytesValue, Int64Value, StringValue

OPTIONS = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]


def _echo(request: Any, _context: Any) -> Any:
    return request


def _three(_request: Any, _context: Any) -> Any:
    return Int64Value(value=1)


def _numbers(request: Any, _context: Any) -> Iterator[Any]:
    for each in range(request.value):
        yield Int64Value(value=each)


def _unary(function: Any, request: Any, response: Any) -> Any:
    return grpc.unary_unary_rpc_method_handler(function, request.FromString, response.SerializeToString)


def serve(address: str) -> None:
    server = grpc.server(ThreadPoolExecutor(8), options=OPTIONS)
    handlers = {
        "Echo": _unary(_echo, Int64Value, Int64Value),
        "Text": _unary(_echo, StringValue, StringValue),
        "Blob": _unary(_echo, BytesValue, BytesValue),
        "Three": _unary(_three, ListValue, Int64Value),
        "Numbers": grpc.unary_stream_rpc_method_handler(_numbers, Int64Value.FromString, Int64Value.SerializeToString),
    }
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("Target", handlers)])
    if server.add_insecure_port(_place(address)) == 0 and not address.startswith("unix"):
        raise SystemExit("the address could not be bound")
    server.start()
    print("ready", flush=True)
    server.wait_for_termination()


def _place(address: str) -> str:
    kind, _, rest = address.partition("://")
    return f"unix:{rest}" if kind == "unix" else rest


class Client:
    def __init__(self, address: str) -> None:
        self.address = address
        self.channel = self.open()
        self._echo = self.method(self.channel, "Echo", Int64Value, Int64Value)
        self._text = self.method(self.channel, "Text", StringValue, StringValue)
        self._blob = self.method(self.channel, "Blob", BytesValue, BytesValue)
        self._three = self.method(self.channel, "Three", ListValue, Int64Value)
        self._numbers = self.channel.unary_stream(
            "/Target/Numbers", Int64Value.SerializeToString, Int64Value.FromString
        )
        self.held: list[Any] = []

    def open(self) -> Any:
        options = [*OPTIONS, ("grpc.use_local_subchannel_pool", 1)]  # each channel has a connection of its own
        return grpc.insecure_channel(_place(self.address), options=options)

    @staticmethod
    def method(channel: Any, name: str, request: Any, response: Any) -> Any:
        return channel.unary_unary(f"/Target/{name}", request.SerializeToString, response.FromString)

    def echo(self, n: int) -> None:
        f = self._echo
        for _ in range(n):
            f(Int64Value(value=1))

    def three(self, n: int) -> None:
        f = self._three
        for _ in range(n):
            arguments = ListValue()
            arguments.extend([1, "two", 3.0])
            f(arguments)

    def text(self, n: int) -> None:
        f, text = self._text, "x" * 1024
        for _ in range(n):
            f(StringValue(value=text))

    def generator(self, n: int) -> None:
        for _ in self._numbers(Int64Value(value=n)):
            pass

    def pipelined(self, n: int) -> None:
        f = self._echo
        for start in range(0, n, 100):
            for future in [f.future(Int64Value(value=1)) for _ in range(min(100, n - start))]:
                future.result()

    def blob(self, n: int, value: bytes) -> None:
        f = self._blob
        for _ in range(n):
            f(BytesValue(value=value))

    def connect(self, n: int) -> None:
        for _ in range(n):
            with self.open() as channel:
                self.method(channel, "Echo", Int64Value, Int64Value)(Int64Value(value=1))
