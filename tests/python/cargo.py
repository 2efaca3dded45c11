"""What carries large values in test_large_values.py."""

from __future__ import annotations

from collections.abc import Callable


class Hold:
    def __init__(self) -> None:
        self._same = bytes(range(256)) * 1024
        self._changing = bytearray(self._same)

    def length(self, data: bytes) -> int:
        return len(data)

    def echo(self, data: bytes) -> bytes:
        return data

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

    def changing(self) -> bytearray:
        self._changing[0] ^= 1
        return self._changing

    def fail(self, data: bytes) -> bytes:
        raise ValueError(str(len(data)))

    def twice(self, make: Callable[[bytes], bytes]) -> int:
        return len(make(self._same)) + len(make(self._same))

    def zeros(self, count: int) -> bytes:
        return bytes(count)
