"""What runs is the subclass's: an overriding method, and what conforms to a Protocol."""
import os
from abc import ABC, abstractmethod
from typing import Protocol


class Base(ABC):
    @abstractmethod
    def run(self, path: str) -> None: ...


class Quiet(Base):
    def run(self, path: str) -> None:
        return None


class Loud(Base):
    def run(self, path: str) -> None:
        os.remove(path)  # ! power-files Root.through() ! power-files Root.base() -> Base.run()


class Reader(Protocol):
    def read(self, path: str) -> str: ...


class Disk:
    def read(self, path: str) -> str:
        return os.readlink(path)  # ! power-files Root.reader() -> Reader.read()


class Root:
    def __init__(self, base: Base) -> None:
        self._base = base

    def through(self, path: str) -> None:
        self._base.run(path)

    def base(self) -> Base:
        return self._base

    def reader(self) -> Reader:
        return Disk()
