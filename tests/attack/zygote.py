"""Serves the victim on stdio over and over, without starting an interpreter each time: forks itself for each client.

Each message on the socket carries one descriptor, the client's; an empty one asks how the children have ended.
"""

from __future__ import annotations

import importlib
import os
import socket
import sys

from pynto import Policy
from pynto.cli import main


def serve(fd: int, policy: str) -> None:
    """In the child: become ``pynto serve --stdio``."""
    os.dup2(fd, 0)
    os.dup2(fd, 1)
    os.close(fd)
    code = 70
    try:
        code = main(["serve", "victim:Root", "--policy", policy, "--stdio"])
    finally:
        sys.stderr.flush()
        os._exit(code)


def answer_for(children: set[int]) -> bytes:
    """Exit codes other than 0, when every child has ended."""
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    children.clear()
    return repr([code for code in codes if code]).encode()


def loop(control: socket.socket, policy: str) -> None:
    children: set[int] = set()
    while True:
        word, fds, _, _ = socket.recv_fds(control, 16, 1)
        if not word:
            return
        if not fds:
            control.sendall(answer_for(children))
            continue
        child = os.fork()
        if child == 0:
            control.close()
            serve(fds[0], policy)
        os.close(fds[0])
        children.add(child)


def warm(policy: str) -> None:
    """What every child would do again."""
    sys.path.append(os.getcwd())
    importlib.import_module("victim")
    assert not Policy.load(policy).drift()


if __name__ == "__main__":
    warm(sys.argv[2])
    loop(socket.socket(fileno=int(sys.argv[1])), sys.argv[2])
