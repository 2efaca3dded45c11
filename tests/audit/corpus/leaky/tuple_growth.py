"""Growth through tuples has no end either."""
from typing import Generic, TypeVar

T = TypeVar("T")


class Store(Generic[T]):
    def pair(self) -> "Store[tuple[T]]":  # ! generic-growth Root.store() -> Store[int].pair() -> Store[(int,)].pair() -> Store[((int,),)].pair() -> Store[(((int,),),)].pair() -> Store[((((int,),),),)].pair() -> Store[(((((int,),),),),)].pair() -> Store[((((((int,),),),),),)].pair()
        raise NotImplementedError


class Root:
    def store(self) -> Store[int]:
        raise NotImplementedError
