"""Sealers: a box that anybody may carry and only the one with the unsealer can open.

A sealed box is an opaque object: it is held, handed on and handed back, and has no operation. Whoever made it gets its contents again, whoever else carries
it learns nothing and can forge none: a reference that comes home must be one that was given out.
"""

from __future__ import annotations


class Box:
    """Sealed. It has no operations; what is in it, its sealer knows."""


class Bank:
    """Money in sealed boxes: each can be cashed once."""

    def __init__(self) -> None:
        self._sealed: dict[Box, int] = {}
        self._total = 0

    def draw(self, amount: int) -> Box:
        box = Box()
        self._sealed[box] = amount
        return box

    def cash(self, box: Box) -> int:
        if box not in self._sealed:
            raise ValueError("it has been cashed, or another bank has sealed it")
        amount = self._sealed.pop(box)
        self._total += amount
        return amount


class Market:
    """A third party that boxes pass through."""

    def __init__(self) -> None:
        self._bank, self._other = Bank(), Bank()

    def bank(self) -> Bank:
        return self._bank

    def other(self) -> Bank:
        return self._other

    def swap(self, box: Box) -> Box:
        return box


def demo() -> None:
    from serving import served

    with served(Market()) as connection:
        market = connection.root
        bank, other = market.bank(), market.other()
        box = market.swap(bank.draw(5))
        assert not [name for name in dir(type(box)) if not name.startswith("_")]
        for refused in (lambda: other.cash(box), lambda: bank.cash(object())):
            try:
                refused()
            except (ValueError, TypeError):
                continue
            raise AssertionError("only its own bank opens a box")
        assert bank.cash(box) == 5
        try:
            bank.cash(box)
        except ValueError:
            return
        raise AssertionError("a box is cashed once")
