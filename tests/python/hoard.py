"""Methods that take memory: served by the tests of the memory of each connection."""

from __future__ import annotations

import contextlib
import gc
import itertools
import json
import lzma
import os
import sys
import threading
import unicodedata
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import pynto

KIB = 1024
MIB = 1024 * KIB


class Node:
    """One of a cycle."""

    def __init__(self) -> None:
        self.itself = self
        self.text = "x" * KIB


class Angry:
    """Takes memory when it dies."""

    def __del__(self) -> None:
        kept: list[str] = []
        while True:
            kept.append("x" * len(kept))


def strings(size: int) -> Iterator[str]:
    for i in itertools.count():
        yield f"{i:0{size}}"


def in_a_list(kept: list[Any]) -> None:
    for text in strings(KIB):
        kept.append(text)


def in_a_comprehension(kept: list[Any]) -> None:
    kept.append([text + text for text in strings(KIB // 2)])


def in_a_dict(kept: list[Any]) -> None:
    made: dict[int, int] = {}
    kept.append(made)
    for i in itertools.count():
        made[i] = i


def in_a_set(kept: list[Any]) -> None:
    made: set[int] = set()
    kept.append(made)
    for i in itertools.count():
        made.add(i)


def in_c(kept: list[Any]) -> None:
    kept.append(list(map(str, itertools.count())))


def in_a_deque(kept: list[Any]) -> None:
    kept.append(deque(map(bytes, itertools.repeat(100))))


def one_str(kept: list[Any]) -> None:
    kept.append("a" * 10**10)


def one_list(kept: list[Any]) -> None:
    kept.append([0] * 10**9)


def one_range(kept: list[Any]) -> None:
    kept.append(list(range(10**9)))


def one_bytearray(kept: list[Any]) -> None:
    kept.append(bytearray(10**10))


def one_int(kept: list[Any]) -> None:
    kept.append(1 << 10**11)


def one_format(kept: list[Any]) -> None:
    kept.append(format("x", ">9999999999"))


def one_number(kept: list[Any]) -> None:
    kept.append(format(1.5, ".999999999f"))


def one_precision(kept: list[Any]) -> None:
    kept.append("%.*f" % (10**9, 1.5))  # noqa: UP031


def one_padded(kept: list[Any]) -> None:
    kept.append("%0*d" % (10**10, 1))  # noqa: UP031


def one_product(kept: list[Any]) -> None:
    kept.append((1 << 10**8) * (1 << 10**8) << 10**10)


def one_replace(kept: list[Any]) -> None:
    kept.append(("a" * MIB).replace("a", "b" * 10 * KIB))


def one_join(kept: list[Any]) -> None:
    kept.append(("x" * MIB).join("y" * MIB))


def one_folded(kept: list[Any]) -> None:
    """Three times as many characters, each three times as wide."""
    kept.append(("\u0390" * 10 * MIB).casefold())


def one_normalised(kept: list[Any]) -> None:
    kept.append(unicodedata.normalize("NFKC", "\ufdfa" * 2 * MIB))


def one_decompressed(kept: list[Any]) -> None:
    """16 MiB of zeros at a time, a thousand times as small when they came."""
    blob = zlib.compress(bytes(MIB), 9)
    kept.append(b"".join(zlib.decompress(blob) for _ in range(10**6)))


def one_dictionary(kept: list[Any]) -> None:
    """What a library asks for while it does not hold the interpreter's lock."""
    compressor = lzma.LZMACompressor(preset=9)
    kept.append(compressor)
    compressor.compress(bytes(MIB))


def one_json(kept: list[Any]) -> None:
    kept.append(json.loads("[" + "[0]," * (2**30 // 4) + "0]"))


def some_json(kept: list[Any]) -> None:
    """A text that fits, and what is in it does not."""
    kept.append(json.loads("[" + "[0]," * 1_000_000 + "0]"))


def many_objects(kept: list[Any]) -> None:
    while True:
        kept.append(object())


def many_locks(kept: list[Any]) -> None:
    """Raw memory, which is not that of objects."""
    while True:
        kept.append(threading.Lock())


def many_compressors(kept: list[Any]) -> None:
    while True:
        kept.append(zlib.compressobj())


def growing_bytearray(kept: list[Any]) -> None:
    made = bytearray()
    kept.append(made)
    while True:
        made += b"x" * 100


def growing_str(kept: list[Any]) -> None:
    made = ""
    while True:
        made += "x" * 100


def joined(kept: list[Any]) -> None:
    kept.append("".join(strings(KIB)))


def nested(kept: list[Any]) -> None:
    made: tuple[Any, ...] = ()
    while True:
        made = (made, made)


def swallowed(kept: list[Any]) -> None:
    """Whatever it is told, it goes on."""
    while True:
        with contextlib.suppress(BaseException):
            while True:
                kept.append("x" * len(kept))


def swallowed_each(kept: list[Any]) -> None:
    while True:
        try:
            kept.append(bytes(1000))
        except BaseException:
            pass


def stubborn(kept: list[Any]) -> None:
    """Keeps what it has got when it is told, and takes more: nothing in between is a step at which it could be ended."""
    made: deque[bytes] = deque()
    kept.append(made)
    source = map(bytes, itertools.repeat(100))
    try:
        made.extend(source)
    except BaseException:
        pass
    try:
        made.extend(source)
    except BaseException:
        pass
    try:
        made.extend(source)
    except BaseException:
        pass
    try:
        made.extend(source)
    except BaseException:
        pass


def errors(kept: list[Any]) -> None:
    """Keeps every MemoryError, of which the interpreter has a few ready."""
    while True:
        try:
            kept.append(bytes(KIB))
            bytes(10**12)
        except MemoryError as error:
            kept.append(error)


def generated(kept: list[Any]) -> None:
    def make() -> Iterator[str]:
        while True:
            try:
                yield "x" * (KIB + len(kept))
            except BaseException:
                continue

    for text in make():
        kept.append(text)


def classes(kept: list[Any]) -> None:
    while True:
        kept.append(type("Made", (), {"member": len(kept)}))


def recursion(kept: list[Any]) -> None:
    def deeper(text: str) -> None:
        kept.append(text)
        deeper(text + "x")

    while True:
        with contextlib.suppress(RecursionError):
            deeper("x" * 10 * KIB)


def cycles(kept: list[Any]) -> None:
    """Garbage that has to be collected."""
    gc.disable()
    try:
        while True:
            Node()
    finally:
        gc.enable()


def finalizers(kept: list[Any]) -> None:
    Angry()
    in_a_list(kept)


def sorted_things(kept: list[Any]) -> None:
    kept.append(sorted(strings(100)))


def formatted(kept: list[Any]) -> None:
    while True:
        kept.append(repr(kept[-100:]))


def interned(kept: list[Any]) -> None:
    for text in strings(100):
        kept.append(sys.intern(text))


KINDS: dict[str, Callable[[list[Any]], None]] = {
    each.__name__: each
    for each in (
        in_a_list,
        in_a_comprehension,
        in_a_dict,
        in_a_set,
        in_c,
        in_a_deque,
        one_str,
        one_list,
        one_range,
        one_bytearray,
        one_int,
        one_format,
        one_number,
        one_precision,
        one_padded,
        one_product,
        one_replace,
        one_join,
        one_folded,
        one_normalised,
        one_decompressed,
        one_dictionary,
        one_json,
        some_json,
        many_objects,
        many_locks,
        many_compressors,
        growing_bytearray,
        growing_str,
        joined,
        nested,
        swallowed,
        swallowed_each,
        stubborn,
        errors,
        generated,
        classes,
        recursion,
        cycles,
        finalizers,
        sorted_things,
        formatted,
        interned,
    )
}


class Hoard:
    """Keeps what it is told to."""

    def __init__(self) -> None:
        self._kept: dict[str, list[Any]] = {}
        self._last: BaseException | None = None

    def echo(self, value: int) -> int:
        return value

    def keep(self, name: str, text: str) -> int:
        """Every call leaves one string behind."""
        kept = self._kept.setdefault(name, [])
        kept.append(text)
        return len(kept)

    def fill(self, name: str, count: int, size: int) -> int:
        kept = self._kept.setdefault(name, [])
        for _ in range(count):
            kept.append("x" * size)
        return len(kept)

    def take(self, kind: str) -> None:
        """What it has kept goes with the call."""
        KINDS[kind]([])

    async def later(self, text: str) -> int:
        """Its arguments are taken before it begins."""
        return len(text)

    def take_and_keep(self, kind: str, name: str) -> None:
        KINDS[kind](self._kept.setdefault(name, []))

    def try_to(self, kind: str) -> str:
        """What the method itself is told."""
        try:
            KINDS[kind]([])
        except MemoryError as error:
            return type(error).__name__
        return "nothing"

    def drop(self, name: str) -> int:
        kept = self._kept.pop(name, [])
        count = len(kept)
        kept.clear()
        return count

    def bytes_kept(self, name: str) -> int:
        return sum(map(sys.getsizeof, self._kept.get(name, [])))

    def text(self, size: int) -> str:
        return "x" * size

    def account(self, of: Callable[[], int]) -> pynto.Copy[dict[str, int]]:
        """The server's account of who calls."""
        return pynto.connection(of).usage()

    def call(self, back: Callable[[], int], kind: str) -> int:
        kept: list[Any] = []
        value = back()
        KINDS[kind](kept)
        return value

    def collect(self) -> None:
        gc.collect()

    def resident(self) -> int:
        """Bytes of this process that stand in memory."""
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    def pin(self, name: str, size: int, mib: int) -> None:
        """Many blocks of a size, of which one in each page stays."""
        kept = self._kept.setdefault(name, [])
        blocks = [bytes(size - 33) for _ in range(mib * MIB // size)]
        page = 0
        for block in blocks:
            if id(block) >> 12 != page:
                page = id(block) >> 12
                kept.append(block)
