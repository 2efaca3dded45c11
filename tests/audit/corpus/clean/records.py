"""Frozen dataclasses, NamedTuples and TypedDicts are records; a dataclass that is not frozen is a reference."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, NotRequired, TypedDict


@dataclass(frozen=True)
class Base:
    id: int


@dataclass(frozen=True)
class Tree(Base):
    name: str = ""
    children: tuple[Tree, ...] = field(default=())

    def size(self) -> int:
        return 1


class Point(NamedTuple):
    x: float
    y: float = 0.0


class Options(TypedDict):
    depth: int
    label: NotRequired[str]


@dataclass(order=True)
class Live:
    count: int

    def bump(self) -> None:
        self.count += 1


class Root:
    def tree(self, at: Point, options: Options) -> Tree | None:
        return None

    def live(self) -> Live:
        raise NotImplementedError
