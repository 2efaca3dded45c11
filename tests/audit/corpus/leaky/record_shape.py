"""Records that cannot be rebuilt from their fields."""
from dataclasses import InitVar, dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Hidden:
    _secret: str


@dataclass(frozen=True)
class Computed:
    a: int
    b: int = field(init=False, default=0)


@dataclass(frozen=True)
class Seeded:
    a: int
    seed: InitVar[int]


@dataclass(frozen=True)
class Box(Generic[T]):
    item: T


class Loose(NamedTuple):
    value: Any


class Root:
    def hidden(self) -> Hidden:  # ! unsupported-record Root.hidden()
        raise NotImplementedError

    def computed(self) -> Computed:  # ! unsupported-record Root.computed()
        raise NotImplementedError

    def seeded(self) -> Seeded:  # ! unsupported-record Root.seeded()
        raise NotImplementedError

    def box(self) -> Box[int]:  # ! unsupported-record Root.box()
        raise NotImplementedError

    def loose(self) -> Loose:  # ! any-result Root.loose()
        raise NotImplementedError
