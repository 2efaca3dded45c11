"""Containers of data, and their views."""
from collections import deque
from collections.abc import Collection, ItemsView, KeysView, MutableSet, Set, ValuesView


class Root:
    def numbers(self) -> list[int]:
        return []

    def table(self) -> dict[str, int]:
        return {}

    def names(self) -> set[str]:
        return set()

    def queue(self) -> deque[int]:
        return deque()

    def views(self) -> tuple[KeysView[str], ValuesView[int], ItemsView[str, int]]:
        raise NotImplementedError

    def sets(self) -> tuple[Set[int], MutableSet[int], Collection[int]]:
        raise NotImplementedError
