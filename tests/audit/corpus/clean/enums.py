"""Enum members travel by name."""
import enum


class Color(enum.Enum):
    RED = 1
    GREEN = 2
    CRIMSON = 1

    def mixed(self) -> "Color":
        return self


class Level(enum.IntEnum):
    LOW = 0
    HIGH = enum.auto()


class Root:
    def paint(self, color: Color, level: Level = Level.LOW) -> tuple[Color, ...]:
        return (color,)
