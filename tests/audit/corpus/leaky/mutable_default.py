"""One value, shared by all callers."""
from pynto import Copy


class Root:
    def collect(self, x: int, seen: Copy[list[int]] = []) -> None:  # ! mutable-default Root.collect() ! mypy-error
        return None
