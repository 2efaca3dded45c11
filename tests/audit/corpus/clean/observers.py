"""A client's functions and objects are kept and called: what they do is the client's affair."""
from collections.abc import Callable
from typing import Protocol


class Listener(Protocol):
    def heard(self, text: str) -> None: ...


class Root:
    def __init__(self) -> None:
        self._listeners: dict[int, Listener] = {}

    def listen(self, listener: Listener) -> Callable[[], None]:
        number = len(self._listeners)
        self._listeners[number] = listener

        def stop() -> None:
            self._listeners.pop(number, None)

        return stop

    def say(self, text: str) -> None:
        for listener in list(self._listeners.values()):
            listener.heard(text)

    def count(self, words: tuple[str, ...], wanted: Callable[[str], bool]) -> int:
        return sum(1 for word in words if wanted(word))
