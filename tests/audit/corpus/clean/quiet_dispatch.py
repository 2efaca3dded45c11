"""A client chooses among functions of the server's own, which are followed."""
from collections.abc import Callable


def double(n: int) -> int:
    return 2 * n


def negate(n: int) -> int:
    return -n


ACTIONS: dict[str, Callable[[int], int]] = {"double": double, "negate": negate}


class Root:
    def __init__(self) -> None:
        self._default = double
        self._listeners: list[Callable[[int], None]] = []

    def act(self, name: str, n: int) -> int:
        return ACTIONS[name](n)

    def default(self, n: int) -> int:
        return self._default(n)

    def sort(self, words: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted(words, key=lambda word: (len(word), word)))

    def each(self, words: tuple[str, ...]) -> tuple[int, ...]:
        return tuple(map(len, words))
