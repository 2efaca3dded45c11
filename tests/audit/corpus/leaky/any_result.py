"""Any as a result lets everything through."""
from typing import Any


class Root:
    def leak(self) -> Any:  # ! any-result Root.leak()
        return self

    def fine(self) -> int:
        return 1
