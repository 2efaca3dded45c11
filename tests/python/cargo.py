"""What carries large values in test_large_values.py."""

from __future__ import annotations

import pathlib
from collections.abc import Callable


class Hold:
    def __init__(self) -> None:
        self._same = bytes(range(256)) * 20480
        self._changing = bytearray(self._same)
        self._parts: dict[int, bytes] = {}
        self.kept: bytes | str | None = None
        self._made = b""

    def length(self, data: bytes) -> int:
        return len(data)

    def echo(self, data: bytes) -> bytes:
        return data

    def made(self, length: int) -> bytes:
        """Of this length; the same one again and again."""
        if len(self._made) != length:
            self._made = bytes(length)
        return self._made

    def echo_text(self, text: str) -> str:
        return text

    def echo_all(self, first: bytes, text: str, last: bytes = b"") -> tuple[bytes, str, bytes]:
        return first, text, last

    def back(self, view: memoryview) -> memoryview:
        return view

    def array(self, data: bytearray) -> bytearray:
        return data

    def same(self) -> bytes:
        return self._same

    def part(self, length: int) -> bytes:
        return self._parts.setdefault(length, self._same[:length])

    def keep(self, data: bytes) -> int:
        self.kept = data
        return id(data)

    def keep_text(self, text: str) -> int:
        self.kept = text
        return id(text)

    def drop(self) -> None:
        self.kept = None

    def changing(self) -> bytearray:
        self._changing[0] ^= 1
        return self._changing

    def fail(self, data: bytes) -> bytes:
        raise ValueError(str(len(data)))

    def twice(self, make: Callable[[bytes], bytes]) -> int:
        return len(make(self._same)) + len(make(self._same))

    def zeros(self, count: int) -> bytes:
        return bytes(count)

    def text(self, count: int) -> str:
        return "x" * count

    def length_of_text(self, text: str) -> int:
        return len(text)

    def peak(self) -> int:
        return peak()

    def reset(self) -> None:
        pathlib.Path("/proc/self/clear_refs").write_text("5")  # the highest from now on


def peak() -> int:
    """The most bytes that this process has had in memory at once."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def measure(address: str, length: int) -> None:
    """In a process of its own: how much more than the value each end has held while one went there, or came from there."""
    import pynto

    root = pynto.connect(address, quotas={"message": length + 1024}).root
    data, text = b"x" * length, "x" * length
    root.length(data[:1000])
    steps: dict[str, Callable[[], int]] = {
        "length": lambda: root.length(data),
        "length_of_text": lambda: root.length_of_text(text),
        "zeros": lambda: len(root.zeros(length)),
        "text": lambda: len(root.text(length)),
    }
    for name, step in steps.items():
        pathlib.Path("/proc/self/clear_refs").write_text("5")
        root.reset()
        here, there = peak(), root.peak()
        assert step() == length
        print(name, peak() - here, root.peak() - there, flush=True)


def send_for_ever(address: str, length: int) -> None:
    """In a process of its own, until it is ended."""
    import pynto

    root = pynto.connect(address, quotas={"message": length + 1024}).root
    data = bytes(length)
    while True:
        root.length(data)
        print("sent", flush=True)
