"""A class that cannot be found by its name at run time."""
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import SupportsRead


class Root:
    def source(self) -> "SupportsRead[str]":  # ! unnamed-class Root.source()
        raise NotImplementedError
