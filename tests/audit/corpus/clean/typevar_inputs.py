"""A type variable that only flows in stands for its bound or its constraints."""
from typing import AnyStr, TypeVar


class Item:
    name: str


I = TypeVar("I", bound=Item)


class Root:
    def item(self) -> Item:
        return Item()

    def take(self, item: I) -> None:
        return None

    def text(self, text: AnyStr) -> None:
        return None
