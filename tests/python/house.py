"""A server at pynto:// in this process, with all that belongs to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import guarded
import pynto
from pynto.state import State


class House:
    """A server of guarded.Room at pynto://, and its state."""

    def __init__(
        self, folder: Path, policy: Path, target: Any = None, listen: str = "pynto://127.0.0.1:0", **options: Any
    ) -> None:
        self.state = State(folder)
        target = guarded.Room() if target is None else target
        self.server = pynto.Server(target, policy=policy, listen=listen, state=self.state, **options).start()
        self.address = self.server.address
        self.where = self.address.rpartition("@")[2]
        if listen.startswith("pynto+ws://"):
            self.where = f"pynto+ws://{self.where}"
        self._connections: list[pynto.Connection] = []

    def url(self, **options: Any) -> str:
        """The address with a new capability, which is good from now on."""
        address = self.state.address(self.where, self.state.new_capability(**options))
        assert self.server._keeper is not None
        self.server._keeper.load()
        return address

    def connect(self, address: str | None = None, **options: Any) -> pynto.Connection:
        made = pynto.connect(address or self.url(), **options)
        self._connections.append(made)
        return made

    def id(self) -> str:
        return self.state.capabilities()[-1].id

    def close(self) -> None:
        for each in self._connections:
            each.close()
        self.server.close()
