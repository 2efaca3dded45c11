"""A short message that keeps the server busy."""
import itertools
import math
import re
import time


class Root:
    def counted(self, n: int) -> int:
        return sum(range(n))  # ! power-cpu Root.counted()

    def looped(self, n: int) -> int:
        total = 0
        for i in range(n):  # ! power-cpu Root.looped()
            total += i
        return total

    def found(self, pattern: str) -> bool:
        return re.search(pattern, "aaaaaaaaaaaaaaaaaaaaaa!") is not None  # ! power-cpu Root.found()

    def compiled(self, pattern: str) -> bool:
        return bool(re.compile(pattern).match("a"))  # ! power-cpu Root.compiled() ! power-cpu Root.compiled()

    def slept(self, seconds: float) -> None:
        time.sleep(seconds)  # ! power-cpu Root.slept()

    def factorial(self, n: int) -> int:
        return math.factorial(n)  # ! power-cpu Root.factorial()

    def raised(self, base: int, exponent: int) -> int:
        return pow(base, exponent)  # ! power-cpu Root.raised()

    def chosen(self, n: int) -> int:
        return len(list(itertools.permutations("abcdefghij", n)))  # ! power-cpu Root.chosen()
