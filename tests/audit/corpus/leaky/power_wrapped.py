"""Behind decorators, defaults, partial, super, class methods and constructors."""
import functools
import os
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def logged(function: Callable[P, R]) -> Callable[P, R]:
    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        os.mkdir("/tmp/log")  # ! power-files/info Root.decorated()
        return function(*args, **kwargs)

    return wrapper


class Base:
    def remove(self, path: str) -> None:
        os.remove(path)  # ! power-files Root.remove() ! power-files Root.classy() ! power-files Root.constructed()

    @classmethod
    def make(cls, path: str) -> "Base":
        base = cls()
        base.remove(path)
        return base


class Other:
    def __init__(self, path: str) -> None:
        Base().remove(path)


class Root(Base):
    @logged
    def decorated(self, path: str) -> None:
        os.rmdir(path)  # ! power-files Root.decorated()

    def defaulted(self, path: str, how: Callable[[str], None] = os.unlink) -> None:
        how(path)  # ! power-files Root.defaulted()

    def remove(self, path: str) -> None:
        super().remove(path)

    def partly(self, path: str) -> None:
        functools.partial(os.unlink, path)()  # ! power-files Root.partly()

    def classy(self, path: str) -> None:
        Base.make(path)

    def constructed(self, path: str) -> None:
        Other(path)
