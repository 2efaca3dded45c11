"""Imports for the type checker only, forward references and aliases."""
from __future__ import annotations

from typing import TYPE_CHECKING, Optional, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

Lines: TypeAlias = "Sequence[Line]"


class Root:
    def lines(self) -> Optional[Lines]:
        return None

    def price(self) -> Decimal:
        raise NotImplementedError


class Line:
    text: str
