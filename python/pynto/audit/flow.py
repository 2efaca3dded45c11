"""In which direction a value passes the border."""

from __future__ import annotations

import enum


class Flow(enum.Enum):
    OUT = "out"  # from the server's objects to the client
    IN = "in"

    @property
    def flipped(self) -> Flow:
        return Flow.IN if self is Flow.OUT else Flow.OUT
