"""A home class that implements a standard ABC has what the ABC has."""
from collections.abc import Iterator


class Countdown(Iterator[int]):
    def __next__(self) -> int:
        return 1


class Root:
    def countdown(self) -> Countdown:
        return Countdown()
