"""Copies of containers, asked for by name."""
import pynto
from pynto import Copy


class Item:
    name: str


class Root:
    def post(self, lines: Copy[list[str]]) -> pynto.Copy[dict[str, tuple[int, ...]]]:
        raise NotImplementedError

    def names(self) -> Copy[set[int]]:
        raise NotImplementedError

    def items(self) -> Copy[list[Item]]:
        raise NotImplementedError
