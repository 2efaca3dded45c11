"""What a comparison bounds is only remarked on; one that bounds nothing is as good as none."""
import os

NAMES = {"a": "x"}
LIMIT = 10


class Root:
    def bounded(self, n: int) -> int:
        if n > LIMIT:
            raise ValueError
        return len("x" * n)  # ! power-memory/info Root.bounded()

    def inside(self, n: int) -> int:
        if 0 <= n < 10:
            return len("x" * n)  # ! power-memory/info Root.inside()
        return len("x" * n)  # ! power-memory Root.inside()

    def chain(self, n: int) -> int:
        if not 0 <= n <= 10:
            return 0
        return len("x" * n)  # ! power-memory/info Root.chain()

    def either(self, n: int) -> int:
        if n < 0 or n > 10:
            return 0
        return len("x" * n)  # ! power-memory/info Root.either()

    def least(self, n: int) -> int:
        return len("x" * min(n, 10))  # ! power-memory/info Root.least()

    def wrong(self, n: int) -> int:
        if n < 10:
            raise ValueError
        return len("x" * n)  # ! power-memory Root.wrong()

    def lower(self, n: int) -> int:
        if n > 0:
            return len("x" * n)  # ! power-memory Root.lower()
        return 0

    def own(self, n: int, limit: int) -> int:
        if n > limit:
            raise ValueError
        return len("x" * n)  # ! power-memory Root.own()

    def goes_on(self, n: int) -> int:
        if n > 10:
            print(n)
        return len("x" * n)  # ! power-memory Root.goes_on()

    def again(self, n: int, m: int) -> int:
        if n > 10:
            raise ValueError
        n = m
        return len("x" * n)  # ! power-memory Root.again()

    def member(self, name: str) -> None:
        if name not in NAMES:
            raise ValueError
        os.remove(name)  # ! power-files/info Root.member()

    def not_number(self, name: str) -> None:
        if name < "b":
            os.remove(name)  # ! power-files Root.not_number()

    def passed(self, n: int) -> int:
        if n > 10:
            raise ValueError
        return self._fill(n)

    def _fill(self, n: int) -> int:
        return len("x" * n)  # ! power-memory/info Root.passed()

    def branch(self, n: int, m: int, again: bool) -> int:
        if n > 10:
            raise ValueError
        if again:
            n = m
        return len("x" * n)  # ! power-memory Root.branch()

    def turns(self, n: int, ms: tuple[int, ...]) -> int:
        if n > 10:
            raise ValueError
        total = 0
        for m in ms:
            total += len("x" * n)  # ! power-memory Root.turns()
            n = m
        return total

    def checked_each_turn(self, n: int) -> int:
        total = 0
        while 0 < n < 10:
            total += len("x" * n)  # ! power-memory/info Root.checked_each_turn()
            n = n * 2
        return total

    def walrus(self, n: int, m: int) -> int:
        if n > 10:
            raise ValueError
        if (n := m) > 3:
            return 0
        return len("x" * n)  # ! power-memory Root.walrus()

    def set_most(self, most: int) -> None:
        self._most = most

    def by_what_a_client_set(self, n: int) -> int:
        if n > self._most:
            raise ValueError
        return len("x" * n)  # ! power-memory Root.by_what_a_client_set()

    def add(self, name: str) -> None:
        self._names.append(name)

    def member_of_what_clients_added(self, name: str) -> None:
        if name in self._names:
            os.remove(name)  # ! power-files Root.member_of_what_clients_added()

    def by_how_many_there_are(self, n: int) -> int:
        if n > len(self._names):
            raise ValueError
        return len("x" * n)  # ! power-memory/info Root.by_how_many_there_are()

    def __init__(self) -> None:
        self._most = LIMIT
        self._names: list[str] = []
