"""An optional parameter of a bad type is not offered; those behind it are, by name only."""
from collections.abc import Callable
from typing import Any


class Root:
    def run(self, a: int = 1, hook: Callable[..., Any] | None = None, b: int = 2) -> None:  # ! callable-ellipsis/info Root.run()
        return None

    def rest(self, a: int, *hooks: type[int], **options: type[int]) -> None:  # ! forbidden-type/info Root.rest() ! forbidden-type/info Root.rest()
        return None
