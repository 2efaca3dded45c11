"""Any and object as parameters mean data."""
from typing import Any, TypedDict


class Payload(TypedDict, total=False):
    body: object
    extra: Any


class Root:
    def first(self, x: Any) -> None:  # ! any-parameter Root.first()
        return None

    def second(self, x: object = None) -> None:  # ! any-parameter Root.second()
        return None

    def third(self, payload: Payload) -> None:  # ! any-parameter Root.third() ! any-parameter Root.third()
        return None

    def __eq__(self, other: object) -> bool:
        return self is other
