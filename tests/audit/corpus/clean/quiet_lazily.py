"""A generator walks as far as the client asks."""
from collections.abc import Iterator


class Root:
    def numbers(self, n: int) -> Iterator[int]:
        for i in range(n):
            yield i * i

    def own(self) -> int:
        return sum(range(10))

    def lines(self, text: str) -> Iterator[str]:
        yield from text.splitlines()
