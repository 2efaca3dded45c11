"""A library that nobody here may edit: its classes know nothing of Pynto."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Parcel:
    """Can be changed, and so is no record by itself."""

    number: int
    weight: float = 1.0
    marks: tuple[str, ...] = ()


class Label:
    """Neither a dataclass nor frozen; made from its public attributes."""

    street: str
    city: str
    printed = 0  # no hint: not a field

    def __init__(self, street: str, city: str = "nowhere") -> None:
        self.street = street
        self.city = city
        self._secret = "hunter2"


class Sealed:
    """It can be read, but not made from what can be read."""

    weight: int

    def __init__(self, key: bytes) -> None:
        self.weight = len(key)


@dataclass
class Heavy(Parcel):
    """More than what is declared where a Parcel is."""

    crane: str = "hunter2"


@dataclass
class Shelf:
    parcels: list[int] = field(default_factory=lambda: [3, 1, 2])
    names: dict[str, int] | None = None

    def tags(self, more: bool = False) -> set[str]:
        return {"a", "b"} if more else {"a"}

    def listed(self) -> list[int]:
        return self.parcels
