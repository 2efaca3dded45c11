"""A short message that becomes a large object."""
import zlib
from decimal import Decimal


class Root:
    def repeated(self, n: int) -> int:
        return len("x" * n)  # ! power-memory Root.repeated()

    def reversed(self, n: int) -> int:
        return len(n * [0])  # ! power-memory Root.reversed()

    def power(self, base: int, exponent: int) -> int:
        return base**exponent  # ! power-memory Root.power()

    def shifted(self, n: int) -> int:
        return 1 << n  # ! power-memory Root.shifted()

    def zeros(self, n: int) -> bytes:
        return bytes(n)  # ! power-memory Root.zeros()

    def padded(self, text: str, n: int) -> str:
        return text.ljust(n)  # ! power-memory Root.padded()

    def inflated(self, data: bytes) -> bytes:
        return zlib.decompress(data)  # ! power-memory Root.inflated()

    def grown(self, n: int) -> int:
        row = [0]
        row *= n  # ! power-memory Root.grown()
        return len(row)

    def parsed(self, text: str) -> int:
        return len(" " * int(text))  # ! power-memory Root.parsed()

    def wide(self, template: str) -> str:
        return template % 1  # ! power-memory Root.wide()

    def exact(self, number: Decimal) -> Decimal:
        return number**number  # ! power-memory Root.exact()

    def twice(self, text: str) -> str:
        return text * 2

    def square(self, n: int) -> int:
        return n**2
