"""A forwarder that can be cut, and a sealer."""
from collections.abc import Callable


class Counter:
    def __init__(self) -> None:
        self._count = 0

    def up(self) -> int:
        self._count += 1
        return self._count


class Lent:
    """Forwards until it is revoked."""

    def __init__(self, target: Counter) -> None:
        self._target: Counter | None = target

    def up(self) -> int:
        if self._target is None:
            raise PermissionError("revoked")
        return self._target.up()

    def _revoke(self) -> None:
        self._target = None


class Root:
    def __init__(self) -> None:
        self._counter = Counter()

    def lend(self) -> tuple[Lent, Callable[[], None]]:
        lent = Lent(self._counter)
        return lent, lent._revoke
