"""Keys that must be there, and keys that may be missing."""
from typing import NotRequired, Required, TypedDict


class Base(TypedDict):
    name: str


class Options(Base, total=False):
    size: int
    color: Required[str]


class Card(TypedDict):
    title: str
    note: NotRequired[str]
    options: Options


class Root:
    def card(self) -> Card:
        return {"title": "x", "options": {"name": "a", "color": "red"}}

    def put(self, card: Card) -> str:
        return card.get("note", card["title"])
