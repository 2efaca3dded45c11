"""Attributes and properties are readable when declared; nothing is writable."""
import functools
from abc import abstractmethod


class Root:
    title: str

    @property
    def size(self) -> int:
        return 1

    @size.setter
    def size(self, value: int) -> None:
        return None

    @functools.cached_property
    def cached(self) -> tuple[str, ...]:
        return ()

    @property
    @abstractmethod
    def kind(self) -> str:
        raise NotImplementedError
