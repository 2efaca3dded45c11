"""A chain of calls through classes: the sink is found at its end, from every operation that leads there."""
import os


class Disk:
    def write(self, where: str) -> None:
        os.truncate(where, 0)  # ! power-files Root.export() ! power-files Root.short() ! power-files/info Root.fixed() ! power-files Root.twice()


class Store:
    def __init__(self, disk: Disk) -> None:
        self.disk = disk

    def save(self, name: str, *, suffix: str = "") -> None:
        self._save(name + suffix)

    def _save(self, name: str) -> None:
        self.disk.write(name)


class Root:
    def __init__(self) -> None:
        self._disk = Disk()
        self._store = Store(self._disk)

    def export(self, path: str) -> None:
        self._store.save("fixed", suffix=path)

    def short(self, path: str) -> None:
        self._disk.write(path)

    def fixed(self) -> None:
        self._store.save("fixed")

    def twice(self, path: str, n: int) -> None:
        """Recursive, and by two ways: one finding for the operation and the sink."""
        if path:
            self.twice(path, 1)
            self._store.save(path)
        self._disk.write(path)
