"""``ssh://user@host/module:object``: what is served there by ``pynto serve --stdio``, over the streams of the program ``ssh``.

What stands in an address goes to two command lines, that of ssh here and that of a shell there. Each of its parts has a grammar of letters,
digits and a few signs that mean nothing to either of them, and what does not fit is refused before anything is started.
"""

from __future__ import annotations

import math
import os
import re
import subprocess
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import IO, Any

from pynto.client import StdStreamConnection
from pynto.errors import Disconnected, escaped

__all__ = ["Destination", "connect_by_ssh"]

_USER = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}"
_HOST = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,253}|\[[0-9A-Fa-f:.]{2,45}\]"
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_TARGET = rf"{_NAME}(?:\.{_NAME})*:{_NAME}(?:\.{_NAME})*"
_PATH = r"[A-Za-z0-9_./][A-Za-z0-9_./@+,=-]{0,1023}"

_ADDRESS = re.compile(
    rf"ssh://(?:(?P<user>{_USER})@)?(?P<host>{_HOST})(?::(?P<port>[1-9][0-9]{{0,4}}))?"
    rf"/(?P<target>{_TARGET})(?:\?(?P<query>.*))?"
)
_OPTION = re.compile(
    rf"(?P<key>policy|folder)=(?P<value>{_PATH})|(?P<command>command)=(?P<program>(?:{_PATH}/|/)?pynto)"
)

# What ssh and the shell behind it end with, when it is not what the server ends with.
_ENDS = {
    126: "{command} cannot be run there",
    127: "there is no command {command} there: install pynto, or say where it is with ?command=",
    255: "ssh did not get there",
}
_TAIL_MAX = 5  # lines of stderr that an error repeats
_LINE_MAX = 300


@dataclass(frozen=True)
class Destination:
    """What an address means. policy and folder are paths over there; without a folder it is where ssh starts its commands."""

    user: str | None
    host: str
    port: int | None
    target: str
    policy: str = "policy.json"
    folder: str | None = None
    command: str = "pynto"

    @classmethod
    def parse(cls, address: str) -> Destination:
        found = _ADDRESS.fullmatch(address)
        port = int(found["port"]) if found is not None and found["port"] else None
        if found is None or (port is not None and port > 65535):
            raise ValueError(
                "not an address: ssh://user@host:port/module:object has a user, a host and names of letters, digits and ._-"
            )
        options: dict[str, str] = {}
        for part in found["query"].split("&") if found["query"] is not None else ():
            option = _OPTION.fullmatch(part)
            key = None if option is None else option["key"] or option["command"]
            if option is None or key is None or key in options:
                raise ValueError(
                    "not an address: behind ? in ssh://host/module:object stand policy=, folder= and command=, once each, "
                    "with paths of letters, digits and ._/@+,=-; the command's ends with pynto"
                )
            options[key] = option["value"] or option["program"]
        return cls(found["user"], found["host"].strip("[]"), port, found["target"], **options)

    def arguments(self, timeout: float) -> list[str]:
        """The command line of ssh: nothing is forwarded, no terminal is made, and no configured command comes in between."""
        line = ["ssh", "-T", "-a", "-x"]
        options = ["ClearAllForwardings=yes", "RemoteCommand=none"]
        if timeout > 0:
            options.append(f"ConnectTimeout={max(1, math.ceil(timeout))}")
        for option in options:
            line += ["-o", option]
        if self.port is not None:
            line += ["-p", str(self.port)]
        where = self.host if self.user is None else f"{self.user}@{self.host}"
        return [*line, "--", where, *self.remote()]

    def remote(self) -> list[str]:
        folder = [] if self.folder is None else [f"--folder={self.folder}"]
        return [self.command, "serve", "--stdio", f"--policy={self.policy}", *folder, "--", self.target]


class _Tail(threading.Thread):
    """Passes the stderr of ssh on to ours, and remembers its last lines for an error."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(name="pynto-ssh-stderr", daemon=True)
        self._stream = stream
        self.lines: deque[str] = deque(maxlen=_TAIL_MAX)
        self.start()

    def run(self) -> None:
        with self._stream as stream:
            while line := stream.readline(65536):
                self.lines.append(escaped(line.decode("utf-8", "replace").strip()[:_LINE_MAX]))
                try:
                    os.write(2, line)
                except OSError:  # nobody is left to read it
                    pass

    def text(self) -> str:
        self.join(2.0)
        return "; ".join(filter(None, self.lines))


def _explain(destination: Destination, code: int | None, said: str) -> str:
    what = _ENDS.get(code if code is not None else 0, "the server there has ended")
    what = what.format(command=destination.command)
    return f"{destination.host}: {what}{': ' + said if said else ''}"


def connect_by_ssh(
    address: str,
    *,
    root: str,
    types: Iterable[type],
    quotas: Mapping[str, float] | None,
    timeout: float,
    read_ahead: int,
) -> StdStreamConnection[Any]:
    destination = Destination.parse(address)
    try:
        process = subprocess.Popen(
            destination.arguments(timeout),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
    except FileNotFoundError:
        raise Disconnected("there is no program ssh on this machine") from None
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    tail = _Tail(process.stderr)
    try:
        made = StdStreamConnection[Any](
            process.stdout,  # type: ignore[arg-type]  # raw streams have a fileno, too
            process.stdin,  # type: ignore[arg-type]
            root=root,
            types=types,
            quotas=quotas,
            read_ahead=read_ahead,
            peer=f"ssh://{destination.host}/{destination.target}",
        )
    except BaseException as error:
        process.stdin.close()
        code = _end(process)
        if isinstance(error, ConnectionError):
            raise Disconnected(_explain(destination, code, tail.text())) from None
        raise
    finally:
        process.stdin.close()
        process.stdout.close()
    made._process = process
    return made


def _end(process: subprocess.Popen[bytes]) -> int | None:
    """Its exit code when it ends by itself, as ssh does when the other end has."""
    try:
        return process.wait(timeout=5.0)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None
