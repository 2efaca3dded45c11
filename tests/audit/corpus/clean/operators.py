"""The dunders that a policy may name."""
from __future__ import annotations


class Vector:
    def __init__(self, x: int) -> None:
        self.x: int = x

    def __add__(self, other: Vector) -> Vector:
        return Vector(self.x + other.x)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vector) and other.x == self.x

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> int:
        return self.x

    def __call__(self, *, scale: int = 1) -> int:
        return self.x * scale

    def __str__(self) -> str:
        return ""


class Root:
    def vector(self) -> Vector:
        return Vector(1)
