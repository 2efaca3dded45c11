"""Any inside a container is no better than Any."""
from typing import Any


class Root:
    def pair(self) -> tuple[int, Any]:  # ! any-result Root.pair()
        return 1, self

    def table(self) -> dict[str, list[Any]]:  # ! any-result Root.table()
        return {}

    def later(self, callback: "Callback") -> None:  # ! unreachable-parameter Root.later()
        callback.call(self)


class Callback:
    def call(self, value: Any) -> None:
        raise NotImplementedError

