"""NewType, aliases and unions of data."""
from datetime import date
from typing import NewType, TypeAlias, Union

UserId = NewType("UserId", int)
Name: TypeAlias = str
Value = Union[int, str, date, None]


class Root:
    def find(self, name: Name) -> UserId:
        return UserId(1)

    def name(self, user: UserId) -> Name:
        return "x"

    def value(self, value: Value) -> tuple[Value, ...]:
        return (value,)
