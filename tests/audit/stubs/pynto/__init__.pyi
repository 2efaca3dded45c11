from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from pynto.attenuation import revocable as revocable

T = TypeVar("T")

class Copy(Generic[T]): ...

F = TypeVar("F", bound=Callable[..., Any])

def cached(*, ttl: float, vary: Iterable[str] | None = None) -> Callable[[F], F]: ...
