"""Parameters that no client can fill."""
from collections.abc import Sequence
from typing import Any


class Root:
    def lines(self, lines: list[str]) -> None:  # ! unreachable-parameter Root.lines()
        return None

    def sequence(self, lines: Sequence[int]) -> None:  # ! unreachable-parameter Root.sequence()
        return None

    def anything(self, table: dict[str, Any]) -> None:  # ! unreachable-parameter Root.anything()
        return None
