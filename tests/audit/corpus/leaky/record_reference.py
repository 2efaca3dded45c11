"""Records travel by value; what they hold must do so, too."""
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypedDict


class User:
    name: str


@dataclass(frozen=True)
class Entry:
    user: User


class Pair(NamedTuple):
    key: str
    values: list[int]


class Options(TypedDict):
    done: Callable[[], None]


class Root:
    def entry(self) -> Entry:  # ! record-holds-reference Root.entry()
        raise NotImplementedError

    def pair(self, pair: Pair) -> None:  # ! record-holds-reference Root.pair()
        return None

    def options(self, options: Options) -> None:  # ! record-holds-reference Root.options()
        return None
