"""Decorators that hide the signature."""
import functools
from collections.abc import Callable
from typing import Any


def untyped(function):
    return function


def blind(function: Callable[..., Any]) -> Callable[..., int]:
    return function


class Root:
    @untyped
    def first(self) -> int:  # ! any-result Root.first()
        return 1

    @blind
    def second(self) -> int:  # ! callable-ellipsis Root.second()
        return 1

    @functools.lru_cache
    def third(self) -> int:  # ! decorated-method Root.third()
        return 1
