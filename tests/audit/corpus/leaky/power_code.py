"""Text that is run."""
import importlib
import sqlite3
from collections.abc import Callable

ACTIONS: dict[str, Callable[[str], object]] = {"eval": eval, "size": len}


class Root:
    def __init__(self, base: sqlite3.Connection) -> None:
        self._base = base

    def evaluated(self, text: str) -> str:
        return str(eval(text))  # ! power-code Root.evaluated()

    def executed(self, text: str) -> None:
        exec(compile(text, "x", "exec"))  # ! power-code Root.executed() ! power-code Root.executed()

    def imported(self, name: str) -> None:
        importlib.import_module(name)  # ! power-code Root.imported()

    def written(self, name: str) -> None:
        self._base.execute(f"delete from t where name = '{name}'")  # ! power-code Root.written()

    def bound(self, name: str) -> None:
        self._base.execute("delete from t where name = ?", (name,))

    def chosen(self, name: str, text: str) -> None:
        ACTIONS[name](text)  # ! power-code Root.chosen()
