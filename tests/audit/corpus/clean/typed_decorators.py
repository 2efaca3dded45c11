"""A decorator with hints keeps the signature; functools.wraps changes nothing."""
import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def logged(function: Callable[P, T]) -> Callable[P, T]:
    @functools.wraps(function)
    def inner(*args: P.args, **kwargs: P.kwargs) -> T:
        return function(*args, **kwargs)

    return inner


class Root:
    @logged
    def post(self, author: str, /, text: str, *, urgent: bool = False) -> int:
        return 1
