"""Which of two generics, or of two facets, is granted would be a guess."""
from collections.abc import Mapping, Sequence
from typing import Protocol


class Reader(Protocol):
    def read(self) -> str: ...


class Writer(Protocol):
    def write(self, text: str) -> None: ...


class Root:
    def lists(self) -> list[int] | list[str]:  # ! ambiguous-union Root.lists()
        return [1]

    def facets(self) -> Reader | Writer:  # ! ambiguous-union Root.facets()
        raise NotImplementedError

    def abcs(self) -> Sequence[int] | Mapping[str, int]:  # ! ambiguous-union Root.abcs()
        return [1]

    def fine(self) -> Reader | None:
        return None
