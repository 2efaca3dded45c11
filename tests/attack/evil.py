"""A hostile server, of one client, that does what a script says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pynto
from attacker import Attacker
from rawpeer import HELLO, RETURN, Mine, RawPeerError

LIMITS = {"message": 1 << 24, "depth": 32, "elements": 1 << 16, "references": 10_000}
ROOT = {
    "interfaces": {
        "evil:Root": {
            "get": {"title": "str"},
            "methods": {
                "ask": "() -> evil:Thing",
                "call": "(cb: fn(int)->int) -> int",
                "number": "() -> int",
                "flag": "() -> bool",
                "text": "() -> str",
                "names": "() -> (str*)",
                "take": "(thing: evil:Thing) -> none",
            },
        }
    }
}
THING = {"interfaces": {"evil:Thing": {"methods": {"__len__": "() -> int", "ok": "() -> int"}}}}

Script = Callable[[Attacker], None]


class Evil:
    """Listens, takes one client, and does what the script says."""

    def __init__(self, script: Script, hello: Any = None, root: Any = ROOT) -> None:
        self.errors: list[BaseException] = []
        self._script = script
        self._hello = hello if hello is not None else [HELLO, "pynto", 1, None, LIMITS]
        self._root = root
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(10)
        self.address = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            stream, _ = self._listener.accept()
            with Attacker(stream) as peer:
                assert peer.recv_message()[0] == HELLO
                peer.send(self._hello)
                peer.send([-5, 1, self._root])
                peer.send([RETURN, Mine(0, 1)])
                self._script(peer)
        except (OSError, RawPeerError):
            pass  # the client has left
        except BaseException as error:
            self.errors.append(error)

    def finish(self) -> None:
        self._thread.join(10)
        self._listener.close()
        assert not self._thread.is_alive()
        if self.errors:
            raise self.errors[0]


@contextmanager
def against(
    script: Script, *, quotas: dict[str, float] | None = None, types: Sequence[type] = (), **options: Any
) -> Iterator[pynto.Connection]:
    evil = Evil(script, **options)
    connection = pynto.connect(evil.address, timeout=5, quotas=quotas, types=types)
    try:
        yield connection
    finally:
        connection.close()
        evil.finish()


def answering(*answers: Any) -> Script:
    """Each call gets the next of the answers (bytes: as they are; a list of messages: all of them)."""

    def script(peer: Attacker) -> None:
        for answer in answers:
            message = peer.reply()
            if message is None or len(message) != 4:
                return
            if isinstance(answer, bytes):
                peer.send_raw(answer)
            else:
                for each in answer if answer and isinstance(answer[0], list) else [answer]:
                    peer.send(each)
        peer.reply()

    return script


def described(name: str, **parts: Any) -> dict[str, Any]:
    return {"interfaces": {name: parts}}
