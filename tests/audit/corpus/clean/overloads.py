"""Overloads are tried in the order of the source; those for another self are left out."""
from typing import Generic, Literal, TypeVar, overload

T = TypeVar("T")


class Box(Generic[T]):
    @overload
    def value(self: "Box[int]", other: int) -> int: ...
    @overload
    def value(self: "Box[str]", other: str) -> str: ...
    def value(self, other: int | str) -> int | str:
        return other


class Root:
    @overload
    def get(self, key: str) -> str | None: ...
    @overload
    def get(self, key: str, default: str) -> str: ...
    def get(self, key: str, default: str | None = None) -> str | None:
        return default

    @overload
    def mode(self, raw: Literal[True]) -> bytes: ...
    @overload
    def mode(self, raw: Literal[False] = ...) -> str: ...
    def mode(self, raw: bool = False) -> bytes | str:
        return ""

    def box(self) -> Box[int]:
        raise NotImplementedError
