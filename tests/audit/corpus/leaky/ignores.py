"""The type checker was told to look away."""
# mypy: disable-error-code="empty-body"
from typing import cast  # ! type-ignore@2
import typing as t


class Root:
    def number(self) -> int:
        return "one"  # type: ignore[return-value]  # ! type-ignore

    def text(self) -> str:
        return cast(str, 1)  # ! cast

    def more(self) -> str:
        return t.cast("str", 1)  # ! cast
