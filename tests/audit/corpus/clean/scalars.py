"""Everything that travels by value."""
import datetime
import decimal
import uuid
from typing import Literal, LiteralString, NewType, NoReturn

UserId = NewType("UserId", int)
AdminId = NewType("AdminId", UserId)


class Root:
    def simple(self, a: None, b: bool, c: int, d: float, e: complex, f: str, g: bytes) -> None:
        return None

    def standard(self, a: range, b: slice, c: decimal.Decimal, d: uuid.UUID) -> None:
        return None

    def times(
        self, a: datetime.datetime, b: datetime.date, c: datetime.time, d: datetime.timedelta
    ) -> None:
        return None

    def literals(self, x: Literal["it's", "a\\b", "\n\x7f\xe9\u1234\U0001f600", 1, -2, True, False, None]) -> None:
        return None

    def tuples(self, a: tuple[()], b: tuple[int], c: tuple[int, str], d: tuple[int | str, ...]) -> tuple[int, ...]:
        return ()

    def sets(self, a: frozenset[int | None]) -> frozenset[str]:
        return frozenset()

    def new(self, user: UserId) -> AdminId:
        raise NotImplementedError

    def text(self, query: LiteralString) -> None:
        return None

    def stop(self) -> NoReturn:
        raise SystemExit
