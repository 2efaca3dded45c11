"""What Annotated adds is not enforced."""
from typing import Annotated

Positive = Annotated[int, "greater than 0"]  # ! annotated-constraint


class Root:
    def pay(self, amount: Positive) -> None:
        return None

    def name(self, text: Annotated[str, "short"]) -> None:  # ! annotated-constraint
        return None
