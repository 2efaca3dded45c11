"""Does what the README shows work, in real processes over real transports? What these tests serve, and how they look at it."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack
import pytest

HALL = '''
"""A chat room with everything that a client can meet; loud when it is asked to be."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Protocol

LOUD = "HALL_IS_LOUD" in os.environ


def noise(where: str) -> None:
    """On every way that leads to the stdout of a process."""
    if LOUD:
        print(f"print {where}", flush=True)
        print(f"first stdout {where}", file=sys.__stdout__, flush=True)
        os.write(1, f"descriptor {where}\\n".encode())
        subprocess.run(["echo", "subprocess", where], check=True)


noise("at import")
if LOUD:
    os.write(1, b"stdin holds %r\\n" % os.read(0, 100))


class Reader(Protocol):
    def history(self) -> tuple[str, ...]: ...


class Hall:
    def __init__(self) -> None:
        self._lines: list[str] = []
        self._listeners: list[Callable[[str], None]] = []

    def post(self, author: str, text: str) -> None:
        noise("in a call")
        if len(text) > 1000:
            raise ValueError("that is too long for this room")
        line = f"{author}: {text}"
        self._lines.append(line)
        for listener in list(self._listeners):
            try:
                listener(line)
            except Exception:
                self._listeners.remove(listener)

    def history(self) -> tuple[str, ...]:
        return tuple(self._lines)

    def subscribe(self, listener: Callable[[str], None]) -> None:
        self._listeners.append(listener)

    def reader(self) -> Reader:
        return self

    def lines(self) -> Iterator[str]:
        for line in list(self._lines):
            noise("in an iterator")
            yield line

    def pid(self) -> int:
        return os.getpid()

    def nap(self, seconds: float, path: str) -> None:
        """Leaves one file when it begins, and another one when it has come to its end."""
        open(f"{path}.begun", "x").close()
        time.sleep(seconds)
        open(f"{path}.ended", "x").close()

    def erase(self) -> None:
        self._lines.clear()


lines: list[str] = []
'''

HALL_CONFIG = """
[policy]
deny = ["hall:Hall.erase"]

[errors]
text = ["builtins:ValueError"]
"""


@dataclass(frozen=True)
class Place:
    """A folder with a module in it, and the policy of the module."""

    folder: Path
    policy: Path

    def serve(self, target: str, *options: str) -> list[str]:
        """``pynto serve`` as a command; it is run in the folder."""
        return [sys.executable, "-P", "-m", "pynto", "serve", target, "--policy", str(self.policy), *options]


@pytest.fixture(scope="session")
def hall(generate: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The module hall, and the policy of hall:Hall."""
    folder = tmp_path_factory.mktemp("hall")
    (folder / "hall.py").write_text(HALL, encoding="utf-8")
    return Place(folder, generate("hall:Hall", path=folder, config=HALL_CONFIG))


@pytest.fixture(scope="session")
def auditing(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment for ``pynto-policy``: one cache of mypy's for all of these tests."""
    return {"XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache"))}


@pytest.fixture
def serve_hall(hall: Place, serve_child: Callable[..., Any]) -> Callable[..., Any]:
    """serve_hall("--quota", "calls=3", listen="tcp://127.0.0.1:0"): hall:Hall, served by a process."""

    def start(*options: str, **more: Any) -> Any:
        return serve_child(*options, **{"target": "hall:Hall", "policy": hall.policy, "cwd": hall.folder, **more})

    return start


# ---- the wire, by hand ----


def open_socket(address: str, timeout: float = 10.0) -> socket.socket:
    """A plain connection to tcp://host:port or unix:///path."""
    kind, _, rest = address.partition("://")
    if kind == "tcp":
        host, _, port = rest.rpartition(":")
        return socket.create_connection((host.strip("[]"), int(port)), timeout)
    made = socket.socket(socket.AF_UNIX)
    made.settimeout(timeout)
    made.connect(rest)
    return made


def messages(data: bytes) -> list[list[Any]]:
    """The messages that stand in a stream; a newline would be the integer 10."""
    unpacker = msgpack.Unpacker(strict_map_key=False)
    unpacker.feed(data)
    return [message for message in unpacker if isinstance(message, list)]


def read_to_the_end(peer: socket.socket) -> list[list[Any]]:
    """What the server says until it hangs up; a reset is an end as well."""
    data = b""
    try:
        while chunk := peer.recv(65536):
            data += chunk
    except ConnectionResetError:
        pass
    return messages(data)


def ask_raw(address: str, name: str, *arguments: Any, root: str | None = None) -> list[Any]:
    """The answer to one call of the root's, asked by a client that has read nothing of what it may do."""
    hello, goodbye = [-8, "pynto", 1, root, {}], [-7, 0, "done"]
    with open_socket(address) as peer:
        call = [0, name, list(arguments), {}]
        peer.sendall(msgpack.packb(hello) + b"\n" + msgpack.packb(call) + b"\n")
        data = b""
        while not (found := [message for message in messages(data) if message[0] in (-1, -2)][1:]):
            chunk = peer.recv(65536)
            assert chunk, f"hung up without an answer: {messages(data)}"
            data += chunk
        peer.sendall(msgpack.packb(goodbye) + b"\n")
    return found[0]


@pytest.fixture
def raw() -> Callable[..., list[Any]]:
    """raw(address, "name", *arguments): the server's answer, whatever our own client would have said."""
    return ask_raw


@pytest.fixture
def raw_socket() -> Callable[[str], socket.socket]:
    return open_socket


@pytest.fixture
def last_words() -> Callable[[socket.socket], list[list[Any]]]:
    return read_to_the_end
