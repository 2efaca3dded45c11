"""Plain load, of the kinds that a client can bring: floods, slow readers, large values. python attacks.py ATTACK PEER PORT SECONDS.

Each attack runs in threads that do one thing over and over until the time is up; whatever the server makes of it is the server's answer.
"""

from __future__ import annotations

import contextlib
import resource
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import msgpack

THREADS = 4
NEWLINE = b"\n"
GONE = (OSError, EOFError, ValueError, KeyError, IndexError)


class Over(Exception):
    """The time is up."""


class Attack:
    def __init__(self, peer: str, port: int, seconds: float) -> None:
        self.peer = peer
        self.where = ("127.0.0.1", port)
        self.until = time.monotonic() + seconds

    def is_on(self) -> bool:
        return time.monotonic() < self.until

    def dial(self) -> socket.socket:
        if not self.is_on():
            raise Over
        return socket.create_connection(self.where, 2.0)


# ---- Pynto, by bytes ----


def packed(message: Any) -> bytes:
    data: bytes = msgpack.packb(message, use_bin_type=True)
    return data + NEWLINE


HELLO = packed([-8, "pynto", 1, None, {}])


def call(name: str, *args: Any) -> bytes:
    return packed([0, name, list(args), {}])


def greeted(attack: Attack) -> socket.socket:
    stream = attack.dial()
    stream.sendall(HELLO)
    stream.recv(1 << 16)
    return stream


def pour(attack: Attack, data: bytes, reads: bool = True) -> None:
    """The same bytes over and over, on a connection that is made anew when it has ended."""
    while attack.is_on():
        with contextlib.suppress(*GONE), greeted(attack) as stream:
            stream.setblocking(False)
            at = 0
            while attack.is_on():
                moved = False
                with contextlib.suppress(BlockingIOError):
                    at += stream.send(data[at:])
                    at = at if at < len(data) else 0
                    moved = True
                if reads:
                    with contextlib.suppress(BlockingIOError):
                        if not stream.recv(1 << 18):
                            break
                        moved = True
                if not moved:
                    time.sleep(0.0005)


def callback(answers: bool) -> bytes:
    return packed([0, "call", [msgpack.ExtType(16, (1).to_bytes(8, "big") + bytes(4))], {}])


def drip(attack: Attack, data: bytes, streams: int, begins: bytes) -> None:
    """One byte a second on each of many connections."""
    held: list[tuple[socket.socket, int]] = []
    while attack.is_on():
        while len(held) < streams:
            try:
                stream = attack.dial()
                stream.sendall(begins)
                held.append((stream, 0))
            except GONE:
                break
        left = []
        for stream, at in held:
            try:
                stream.sendall(data[at : at + 1])
                left.append((stream, at + 1))
            except GONE:
                stream.close()
        held = left
        time.sleep(1.0)


def hold(attack: Attack, streams: int, data: bytes = b"", again: bool = False) -> None:
    """Connections that say nothing more; again: as many anew, as fast as it goes."""
    held: list[socket.socket] = []
    while attack.is_on():
        try:
            stream = attack.dial()
            stream.sendall(data)
            held.append(stream)
        except GONE:
            time.sleep(0.01)
        if len(held) >= streams:
            if again:
                held.pop(0).close()
            else:
                time.sleep(0.2)


def storm(attack: Attack, data: bytes) -> None:
    """Connect, say it, read what comes, close."""
    while attack.is_on():
        with contextlib.suppress(*GONE), attack.dial() as stream:
            stream.sendall(data)
            stream.recv(1 << 12)


def hoard(attack: Attack, name: str, *args: Any) -> None:
    pour(attack, call(name, *args) * 50)


PYNTO: dict[str, Callable[[Attack], None]] = {
    "connection flood": lambda a: hold(a, 300, again=True),
    "half-open": lambda a: hold(a, 120),
    "slowloris": lambda a: drip(a, call("take", bytes(1000)), 60, HELLO),
    "no reader": lambda a: pour(a, call("make", 1 << 20) * 20, reads=False),
    "call flood": lambda a: pour(a, call("echo", 1) * 500),
    "slow calls": lambda a: pour(a, call("work", 8.0) * 20),
    "huge messages": lambda a: pour(a, call("take", bytes(8 << 20))),
    "deep nesting": lambda a: storm(a, HELLO + b"\x94\x00\xa4take" + b"\x91" * 5000),
    "refusals": lambda a: pour(a, call("nothing", 1) * 100),
    "references": lambda a: hoard(a, "new"),
    "silent callbacks": lambda a: pour(a, callback(False) * 4),
    "one-way flood": lambda a: pour(a, packed([-11, 0, "note", [1], {}, {"oneway": True}]) * 500),
    "odd messages": lambda a: pour(a, (packed([-9, 1]) + packed([-4, 2]) + packed([-4, 0])) * 500),
    "reconnect storm": lambda a: storm(a, HELLO + call("echo", 1)),
    "generators": lambda a: hoard(a, "count", 1 << 40),
    "cancels": lambda a: pour(a, (call("work", 1.0) + packed([-6])) * 50),
    "garbage": lambda a: storm(a, bytes(range(256)) * 16),
}


# ---- the others, by their own clients ----


def of_client(attack: Attack, open_one: Callable[[], Any], act: Callable[[Any], object]) -> None:
    while attack.is_on():
        try:
            client = open_one()
            while attack.is_on():
                act(client)
        except Exception:
            time.sleep(0.01)


def rpyc_attacks() -> dict[str, Callable[[Attack], None]]:
    import rpyc

    def open_one(attack: Attack) -> Any:
        return rpyc.connect(*attack.where, config={"sync_request_timeout": 2})

    def repeat(act: Callable[[Any, Any], object]) -> Callable[[Attack], None]:
        def run(attack: Attack) -> None:
            def begin() -> Any:
                connection = open_one(attack)
                return connection, connection.root.target

            of_client(attack, begin, lambda pair: act(*pair))

        return run

    def flood(name: str, *args: Any, reads: bool = True) -> Callable[[Any, Any], object]:
        def act(connection: Any, target: Any) -> None:
            send = rpyc.async_(getattr(target, name))
            results = [send(*args) for _ in range(50)]
            if reads:
                for result in results:
                    result.wait()

        return act

    kept: list[Any] = []

    def keep(name: str, *args: Any) -> Callable[[Any, Any], object]:
        return lambda connection, target: kept.append(getattr(target, name)(*args))

    def denied(connection: Any, target: Any) -> None:
        with contextlib.suppress(AttributeError):
            target._nothing  # noqa: B018

    def deep(connection: Any, target: Any) -> None:
        value: Any = ()
        for _ in range(150):
            value = (value,)
        target.echo(value)

    def once(attack: Attack) -> None:
        while attack.is_on():
            with contextlib.suppress(Exception):
                connection = open_one(attack)
                connection.root.target.echo(1)
                connection.close()

    def silent(value: int) -> int:
        time.sleep(3)
        return value

    return {
        "slowloris": lambda a: drip(a, b"\x00\x00\x10\x00\x00" + bytes(1000), 60, b""),
        "no reader": repeat(flood("make", 1 << 20, reads=False)),
        "call flood": repeat(flood("echo", 1)),
        "slow calls": repeat(flood("work", 8.0)),
        "huge messages": repeat(lambda connection, target: target.take(bytes(8 << 20))),
        "deep nesting": repeat(deep),
        "refusals": repeat(denied),
        "references": repeat(keep("new")),
        "silent callbacks": repeat(lambda connection, target: target.call(silent)),
        "odd messages": repeat(lambda connection, target: connection.ping()),
        "reconnect storm": once,
        "generators": repeat(keep("count", 1 << 40)),
    }


def pyro5_attacks() -> dict[str, Callable[[Attack], None]]:
    import Pyro5.api

    def open_one(attack: Attack) -> Any:
        proxy = Pyro5.api.Proxy(f"PYRO:target@127.0.0.1:{attack.where[1]}")
        proxy._pyroTimeout = 2
        proxy._pyroBind()
        return proxy

    def repeat(act: Callable[[Any], object]) -> Callable[[Attack], None]:
        return lambda attack: of_client(attack, lambda: open_one(attack), act)

    def flood(name: str, *args: Any) -> Callable[[Any], object]:
        def act(proxy: Any) -> None:
            batch = Pyro5.api.BatchProxy(proxy)
            for _ in range(50):
                getattr(batch, name)(*args)
            for _ in batch():
                pass

        return act

    kept: list[Any] = []

    def denied(proxy: Any) -> None:
        with contextlib.suppress(AttributeError):
            proxy.nothing(1)

    def once(attack: Attack) -> None:
        while attack.is_on():
            with contextlib.suppress(Exception), open_one(attack) as proxy:
                proxy.echo(1)

    def deep(proxy: Any) -> None:
        value: Any = []
        for _ in range(80):
            value = [value]
        proxy.echo(value)

    return {
        "slowloris": lambda a: drip(a, b"PYRO" + bytes(1000), 60, b""),
        "call flood": repeat(flood("echo", 1)),
        "slow calls": repeat(flood("work", 8.0)),
        "huge messages": repeat(lambda proxy: proxy.take(bytes(8 << 20))),
        "deep nesting": repeat(deep),
        "refusals": repeat(denied),
        "references": repeat(lambda proxy: kept.append(proxy.new())),
        "one-way flood": repeat(lambda proxy: proxy.note(1)),
        "odd messages": repeat(lambda proxy: proxy._pyroBind()),
        "reconnect storm": once,
        "generators": repeat(lambda proxy: kept.append(proxy.count(1 << 40))),
    }


RAW = ("connection flood", "half-open", "garbage")  # the same for everybody


def attacks_on(peer: str) -> dict[str, Callable[[Attack], None]]:
    if peer == "pynto":
        return PYNTO
    others = rpyc_attacks() if peer == "rpyc" else pyro5_attacks()
    return {name: PYNTO[name] for name in RAW} | others


def main(name: str, peer: str, port: int, seconds: float) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    attack = Attack(peer, port, seconds)
    act = attacks_on(peer)[name]

    def run() -> None:
        with contextlib.suppress(Over):
            act(attack)

    print("ready", flush=True)
    threads = [threading.Thread(target=run, daemon=True) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    time.sleep(max(0.0, attack.until - time.monotonic()))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
