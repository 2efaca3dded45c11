"""Arithmetic that stays small."""
import math
import statistics
from decimal import Decimal
from fractions import Fraction


class Root:
    def mean(self, values: tuple[float, ...]) -> float:
        return statistics.fmean(values)

    def area(self, radius: float) -> float:
        return math.pi * radius**2

    def total(self, prices: tuple[Decimal, ...]) -> Decimal:
        return sum(prices, Decimal(0)).quantize(Decimal("0.01"))

    def half(self, n: int) -> int:
        return divmod(n, 2)[0] + (n >> 1) + (1 << 8) + 2**10

    def ratio(self, n: int) -> str:
        return str(Fraction(1, 3) * n)

    def clipped(self, n: int) -> int:
        return max(0, min(n, 100))
