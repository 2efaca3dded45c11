"""A record that holds records of its own kind."""
from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Tree:
    name: str
    children: tuple[Tree, ...] = ()


class Point(NamedTuple):
    x: int
    y: int = 0


class Root:
    def tree(self) -> Tree:
        return Tree("a", (Tree("b"),))

    def size(self, tree: Tree) -> int:
        return 1 + sum(self.size(child) for child in tree.children)

    def moved(self, point: Point) -> Point:
        return point._replace(x=point.x + 1)
