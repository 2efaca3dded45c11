"""Tables of the server's own, chosen from by a client's key."""
import bisect
import collections
import heapq
import itertools


class Root:
    def __init__(self) -> None:
        self._table: dict[str, str] = {"a": "x"}
        self._counts: collections.Counter[str] = collections.Counter()
        self._queue: list[tuple[int, str]] = []
        self._last: collections.deque[str] = collections.deque(maxlen=10)

    def look_up(self, key: str) -> str | None:
        return self._table.get(key)

    def count(self, word: str) -> int:
        self._counts[word] += 1
        return self._counts[word]

    def push(self, priority: int, name: str) -> None:
        heapq.heappush(self._queue, (priority, name))
        self._last.append(name)

    def rank(self, value: int) -> int:
        return bisect.bisect([1, 2, 3], value)

    def pairs(self, words: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
        return tuple(itertools.pairwise(words))
