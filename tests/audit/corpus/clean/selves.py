"""Self stands for the class of the object at hand."""
from typing import Self


class Builder:
    def step(self, name: str) -> Self:
        return self

    def copies(self) -> tuple[Self, ...]:
        return (self,)


class Special(Builder):
    def extra(self) -> int:
        return 1


class Root:
    def plain(self) -> Builder:
        return Builder()

    def special(self) -> Special:
        return Special()
