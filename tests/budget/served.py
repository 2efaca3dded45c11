"""What is served while instructions are counted, and the marks between which they are."""

from __future__ import annotations

import ctypes
import os

_marks = ctypes.CDLL(os.environ["PYNTO_BUDGET_MARKS"])


class Target:
    def echo(self, value: int) -> int:
        return value

    def mark(self) -> None:
        """What was counted until now is written down, and counting begins anew."""
        _marks.mark()
