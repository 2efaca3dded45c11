"""Parameters that stand for other parameters."""
from collections.abc import Callable
from typing import ParamSpec

P = ParamSpec("P")


class Root:
    def wrap(self, function: Callable[P, int]) -> None:  # ! free-typevar Root.wrap()
        return None
