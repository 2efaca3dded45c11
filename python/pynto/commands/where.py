"""How a command is told an address that nobody else is to see."""

from __future__ import annotations

import argparse
import os
import stat

from pynto.client import Connection, connect

_LONGEST = 4096


def add_to(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--root", default="", metavar="NAME", help="when the server has several")
    parser.add_argument("--plain", action="store_true", help="allow plain TCP beyond this machine")
    parser.add_argument("--key", metavar="FILE", help="a key of your own, for pynto://key@host:port")
    parser.add_argument("--psk", metavar="FILE", help="the secret that the server asks of everybody")


def address_of(text: str) -> str:
    """@FILE stands for what is in that file: every user of the machine sees a command line, and an address may hold a capability.

    PermissionError: others could read the file as well.
    """
    if not text.startswith("@"):
        return text
    fd = os.open(text[1:], os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(fd, encoding="utf-8") as file:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o077:
            raise PermissionError(f"{text[1:]}: an address in a file is its owner's alone: mode 0600")
        return file.read(_LONGEST).strip()


def open_connection(arguments: argparse.Namespace) -> Connection:
    return connect(
        address_of(arguments.address),
        root=arguments.root,
        plain=arguments.plain,
        key=arguments.key,
        psk=arguments.psk,
    )
