"""An alias that contains itself has no finite spelling."""
from typing import Union

Json = Union[dict[str, "Json"], list["Json"], str, None]


class Root:
    def load(self) -> Json:  # ! recursive-alias Root.load()
        return None
