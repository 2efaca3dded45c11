"""What the server passes to a client's object flows out."""
from typing import Any, Protocol


class Watcher(Protocol):
    def joined(self, who: Any) -> None: ...  # ! any-result Root.watch() -> Watcher.joined()

    def left(self) -> Any: ...  # ! any-parameter Root.watch() -> Watcher.left()


class Root:
    def watch(self, watcher: Watcher) -> None:
        return None
