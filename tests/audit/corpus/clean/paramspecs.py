"""Decorators that keep a signature, and one that adds a parameter."""
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")


def counted(function: Callable[P, R]) -> Callable[P, R]:
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        return function(*args, **kwargs)

    return wrapper


def numbered(function: Callable[Concatenate[S, int, P], R]) -> Callable[Concatenate[S, P], R]:
    def wrapper(self: S, *args: P.args, **kwargs: P.kwargs) -> R:
        return function(self, 1, *args, **kwargs)

    return wrapper


class Root:
    @counted
    def kept(self, name: str, *, size: int = 1) -> str:
        return name

    @numbered
    def shorter(self, number: int, name: str) -> str:
        return name
