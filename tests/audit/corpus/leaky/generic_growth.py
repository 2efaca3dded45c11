"""Each call makes a deeper type."""
from typing import Generic, TypeVar

T = TypeVar("T")


class Store(Generic[T]):
    def nested(self) -> "Store[list[T]]":  # ! generic-growth Root.store() -> Store[int].nested() -> Store[list[int]].nested() -> Store[list[list[int]]].nested() -> Store[list[list[list[int]]]].nested()
        raise NotImplementedError


class Root:
    def store(self) -> Store[int]:
        raise NotImplementedError
