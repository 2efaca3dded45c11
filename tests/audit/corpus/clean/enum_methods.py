"""Choosing among the server's own: an Enum, a Literal, a bool decide nothing but which."""
import enum
from typing import Literal

FILES = {"motd": "/etc/motd"}


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 10


class Root:
    def row(self, size: Size) -> str:
        return "x" * size

    def mode(self, mode: Literal["r", "w"], twice: bool) -> str:
        return mode * 2 if twice else mode

    def path(self, name: str) -> str:
        return FILES[name]
