"""The whole of Pynto in one sitting: hints to policy, audit, server, a client that it does not trust.

Run it with tools/demo, or `python examples/chat/demo.py` once pynto-server[policy] is installed.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pynto

HERE = Path(__file__).resolve().parent


def title(text: str) -> None:
    print(f"\n== {text}", flush=True)


def shell(*command: str) -> None:
    """Show a command as a person would type it, and run it."""
    print(f"$ {' '.join(command)}", flush=True)
    module = {"pynto": "pynto", "pynto-policy": "pynto.audit"}[command[0]]
    subprocess.run([sys.executable, "-P", "-m", module, *command[1:]], check=True)


def start_server(policy: str) -> tuple[subprocess.Popen[str], str]:
    """A server in a process of its own; where it is."""
    command = ["serve", "chat:Room", "--policy", policy, "--listen", "tcp://127.0.0.1:0"]
    print(f"$ pynto {' '.join(command)}", flush=True)
    process = subprocess.Popen([sys.executable, "-P", "-m", "pynto", *command], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    print(line, flush=True)
    return process, line.rpartition(" ")[2]


def attempt(what: str, action: Callable[[], Any]) -> None:
    try:
        print(f"  {what:<52} -> {action()!r}", flush=True)
    except Exception as error:
        print(f"  {what:<52} -> {type(error).__name__}: {error}", flush=True)


def talk(room: Any) -> None:
    heard: list[str] = []
    attempt("room.subscribe(heard.append)", lambda: room.subscribe(heard.append))
    attempt('room.post("ada", "hello")', lambda: room.post("ada", "hello"))
    attempt('room.post("bob", "hello ada")', lambda: room.post("bob", "hello ada"))
    attempt("room.history()", room.history)
    attempt("heard: what the server has called us back with", lambda: heard)


def try_more(room: Any) -> None:
    reader = room.reader()
    attempt("room.reader().history(): the narrow side of a room", reader.history)
    attempt('room.reader().post("eve", "hi"): not in Reader', lambda: reader.post("eve", "hi"))
    attempt("room.erase(): denied in pynto.toml", lambda: room.erase())
    attempt("room._lines: private", lambda: room._lines)
    attempt("room.post(1, 2): not what the hints say", lambda: room.post(1, 2))
    attempt('room.post("eve", 2000 letters): the room says no', lambda: room.post("eve", "x" * 2000))


def ask_raw(address: str) -> None:
    """The same question in plain bytes: a client of somebody who does not play by the rules."""
    host, _, port = address.removeprefix("tcp://").rpartition(":")
    call = b"\x94\x00\xa9__class__\x90\x80\n"  # [reference 0, "__class__", [], {}]
    with socket.create_connection((host, int(port)), timeout=5) as raw:
        raw.sendall(b"\x95\xf8\xa5pynto\x01\xc0\x80\n" + call)
        answer = b""
        while b"Refused" not in answer:
            answer += raw.recv(65536)
    print(f"  {call!r:<52} -> {answer[answer.rindex(b'Refused') - 4 :]!r}", flush=True)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("chat.py", "pynto.toml"):
            shutil.copy(HERE / name, folder)
        os.chdir(folder)
        title("1. From type hints to a policy that a person can review")
        shell("pynto-policy", "generate", "chat:Room", "-o", "policy.json")
        title("2. The audit: what can a client reach?")
        shell("pynto-policy", "check", "policy.json")
        title("3. A server, in a process of its own")
        process, address = start_server("policy.json")
        try:
            with pynto.connect(address) as connection:
                title("4. A client uses the room as if it were its own")
                talk(connection.root)
                title("5. And gets nothing that the policy does not grant")
                try_more(connection.root)
            title("6. Not with its own bytes either: this is decided in C, before the interpreter is entered")
            ask_raw(address)
        finally:
            process.terminate()
            process.wait(timeout=10)
    title("Done. The chat room is examples/chat/chat.py: a class with type hints, and no word about networks.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
