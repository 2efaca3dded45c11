"""Literals that do not travel."""
import enum
from typing import Literal


class Color(enum.Enum):
    RED = 1


class Root:
    def raw(self, x: Literal[b"x"]) -> None:  # ! unsupported-literal Root.raw()
        return None

    def member(self) -> Literal[Color.RED]:  # ! unsupported-literal Root.member()
        return Color.RED
