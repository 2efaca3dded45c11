"""A small module that tests copy and change, to see what a server makes of code that is not what its policy was made from."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Size(enum.Enum):
    SMALL = 1
    LARGE = 2


@dataclass(frozen=True)
class Tag:
    name: str
    number: int


class Dog:
    name: str

    def __init__(self, name: str = "rex") -> None:
        self.name = name

    def bark(self, times: int = 1) -> str:
        return "woof" * times

    def tag(self) -> Tag:
        return Tag(self.name, 1)

    def size(self) -> Size:
        return Size.LARGE


class Kennel:
    def __init__(self) -> None:
        self._dogs = [Dog()]

    def first(self) -> Dog:
        return self._dogs[0]


class Street:
    def length(self) -> int:
        return 100
