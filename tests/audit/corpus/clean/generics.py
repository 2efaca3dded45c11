"""Type variables are bound by the class, through its bases."""
from typing import Generic, Protocol, Self, TypeVar

K = TypeVar("K")
V = TypeVar("V")
T_co = TypeVar("T_co", covariant=True)


class Source(Protocol[T_co]):
    def read(self) -> T_co: ...


class Store(Generic[K, V]):
    last: V

    def get(self, key: K) -> V:
        return self.last

    def put(self, key: K, value: V) -> Self:
        return self


class Named(Store[str, V]):
    def source(self) -> Source[V]:
        raise NotImplementedError


class Numbers(Named[int]):
    def total(self) -> int:
        return 0


class Root:
    def numbers(self) -> Numbers:
        raise NotImplementedError

    def named(self) -> Named[tuple[str, ...]]:
        raise NotImplementedError
