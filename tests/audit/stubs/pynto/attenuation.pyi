from collections.abc import Callable
from typing import TypeVar

P = TypeVar("P")

def revocable(target: object, protocol: Callable[..., P]) -> tuple[P, Callable[[], None]]: ...
