"""Objects whose answers may be kept by clients."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Protocol

import pynto
from pynto import Copy

asked: list[str] = []  # what was run


class Jar:
    """One thing with a cached property that can be written, and one that changes behind it."""

    def __init__(self, label: str) -> None:
        self._label = label

    @property
    @pynto.cached(ttl=3600)
    def label(self) -> str:
        asked.append("label")
        return self._label

    @label.setter
    def label(self, value: str) -> None:
        self._label = value

    @pynto.cached(ttl=3600)
    def described(self) -> str:
        asked.append("described")
        return f"a jar of {self._label}"

    def peek(self) -> str:
        return self._label

    def swap(self, label: str) -> str:
        """Changes it, and says so, ahead of its answer."""
        self._label = label
        pynto.stale(self, "label")
        pynto.stale(self)
        return label


class Shown(Protocol):
    @pynto.cached(ttl=3600)
    def number(self) -> int: ...


class Larder:
    def __init__(self) -> None:
        self._jars = {"plum": Jar("plum"), "fig": Jar("fig")}
        self._number = 0

    @pynto.cached(ttl=3600)
    def count(self) -> int:
        asked.append("count")
        return len(self._jars)

    @pynto.cached(ttl=0.001)
    def brief(self) -> int:
        self._number += 1
        return self._number

    @pynto.cached(ttl=3600)
    def number(self) -> int:
        asked.append("number")
        return self._number

    @pynto.cached(ttl=3600, vary=("key",))
    def find(self, key: str, page: int = 0, *, deep: bool = False) -> tuple[str, int]:
        asked.append(f"find {key} {page} {deep}")
        return key, self._number

    @pynto.cached(ttl=3600)
    def weigh(self, jar: Jar, unit: str = "g") -> str:
        asked.append(f"weigh {jar._label}")
        return f"{jar._label} {unit}"

    @pynto.cached(ttl=3600)
    def big(self, size: int) -> bytes:
        asked.append(f"big {size}")
        return bytes(size)

    @pynto.cached(ttl=3600)
    def copied(self, items: Copy[list[int]]) -> Copy[list[int]]:
        asked.append("copied")
        return items

    @pynto.cached(ttl=3600)
    def fails(self) -> int:
        asked.append("fails")
        raise ValueError

    @pynto.cached(ttl=3600)
    async def slow(self) -> int:
        before = self._number
        asked.append("slow")
        while self._number == before:
            await asyncio.sleep(0.002)
        return before

    def jar(self, name: str) -> Jar:
        return self._jars[name]

    def shown(self) -> Shown:
        self.facet, self.revoke = pynto.revocable(self, Shown)
        return self.facet

    def fresh(self, label: str) -> Jar:
        return Jar(label)

    def set(self, number: int) -> None:
        self._number = number

    def set_and_tell(self, number: int) -> int:
        self._number = number
        return pynto.stale(self, "number")

    def tell(self, name: str) -> int:
        return pynto.stale(self, name) if name else pynto.stale(self)

    def climb(self, to: int) -> Iterator[int]:
        for number in range(to):
            self._number = number
            pynto.stale(self, "number")
            yield number
