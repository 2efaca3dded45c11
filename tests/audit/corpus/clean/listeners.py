"""Clients' functions are kept, by way of another class as well, and called later: what they do is the clients' affair."""
from collections.abc import Callable


class Hub:
    def __init__(self) -> None:
        self._all: list[Callable[[str], None]] = []

    def add(self, listener: Callable[[str], None]) -> None:
        self._all.append(listener)

    def tell(self, text: str) -> None:
        for listener in self._all:
            listener(text)


class Root:
    def __init__(self) -> None:
        self._listeners: list[Callable[[str], None]] = []
        self._hub = Hub()
        self._last: Callable[[str], None] | None = None

    def subscribe(self, listener: Callable[[str], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        self._hub.add(listener)
        self._last = listener
        return lambda: self._listeners.remove(listener)

    def post(self, text: str) -> None:
        for listener in tuple(self._listeners):
            listener(text)
        self._hub.tell(text)
        if self._last is not None:
            self._last(text)
