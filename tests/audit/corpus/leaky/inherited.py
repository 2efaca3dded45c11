"""What a library class declares is not offered by its subclass."""
import threading


class Root(threading.Thread):  # ! inherited-members Root
    def fine(self) -> int:
        return 1

    def table(self) -> "Table":
        raise NotImplementedError


class Table(dict[str, int]):  # ! inherited-members Root.table() -> Table
    def total(self) -> int:
        return 0
