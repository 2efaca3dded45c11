"""The caller decides what a free type variable stands for."""
from typing import TypeVar

T = TypeVar("T")


class Root:
    def same(self, x: T) -> T:  # ! free-typevar Root.same()
        return x

    def sink(self, x: T) -> None:  # ! any-parameter Root.sink()
        return None
