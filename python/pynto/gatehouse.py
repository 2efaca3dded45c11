"""The server whose connections are served by processes: it listens, lets in, and gives away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pynto.auditlog import AuditLog
from pynto.isolation import Isolation, covering
from pynto.policy import Policy
from pynto.pool import Pool
from pynto.server import Server
from pynto.state import State
from pynto.zygote import Zygote

__all__ = ["Gatehouse"]


class Gatehouse(Server):
    """Nothing of what is served is imported here, and no call runs here; no key, and nothing that was granted, is in a process that serves.

    ValueError: a process that serves could read what it must not. OSError: none can be started, or closed in as it has to be.
    """

    _is_checked = True
    _core_options: Mapping[str, Any] = {"parting": True}

    def __init__(
        self, policy: Policy, zygote: Zygote, isolation: Isolation, *, audit_log: AuditLog | None, **options: Any
    ) -> None:
        self._pool: Pool | None = None
        self.is_abandoned = False  # the process that the others are forked off from has ended
        self._written = audit_log  # by what the processes have decided
        self._zygote = zygote
        state: State | None = options.get("state")
        for what in (state and state.folder, audit_log and audit_log.path):
            through = covering(zygote.readable, what) if what else None
            if through is not None:
                raise ValueError(f"a process that serves could read {what}, as it may read {through}: move one of them")
        super().__init__(None, policy=policy, **options)
        self._pool = Pool(self._core, zygote, isolation, audit_log, self._abandon)
        try:
            self.closed_in_by = self._pool.start()
        except BaseException:
            self.close()
            raise

    @property
    def has_audit_log(self) -> bool:
        return self._written is not None

    def reopen_audit_log(self) -> None:
        if self._written is not None:
            self._written.reopen()

    def close(self) -> None:
        self._core.stop()
        if self._pool is not None:
            self._pool.stop()
        super().close()
        if self._written is not None:
            self._written.close()

    def stats(self) -> dict[str, Any]:
        return super().stats() | (self._pool.stats() if self._pool is not None else {})

    def _roots(self, target: Any) -> dict[str, Any]:
        return {}

    def _revoked(self, id: bytes) -> None:
        if self._pool is not None:
            self._pool.revoke(id)

    def _abandon(self) -> None:
        self.is_abandoned = True
        self.stop()
