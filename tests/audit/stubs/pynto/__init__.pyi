from typing import Generic, TypeVar

T = TypeVar("T")

class Copy(Generic[T]): ...
