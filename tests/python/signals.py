"""What is served of buffers and arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import Buffer


@dataclass(frozen=True)
class Sample:
    rate: int
    values: npt.NDArray[np.float64]


class Signals:
    def echo_bytearray(self, value: bytearray) -> bytearray:
        assert type(value) is bytearray
        value += b""  # it can be changed
        return value

    def echo_memoryview(self, value: memoryview) -> memoryview:
        assert type(value) is memoryview
        return value

    def echo_buffer(self, value: Buffer) -> Buffer:
        assert type(value) is bytes
        return value

    def back_to_front(self, value: memoryview) -> memoryview:
        return value[::-1]

    def raw(self, value: npt.NDArray[np.int32]) -> Buffer:
        return value.data

    def echo(self, value: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return value

    def plain(self, value: np.ndarray[Any, Any]) -> str:
        return f"{value.dtype} {value.shape} {value.flags.owndata or value.size == 0} {value.flags.writeable}"

    def scale(self, value: npt.NDArray[np.float64], by: float = 2.0) -> npt.NDArray[np.float64]:
        return value * by

    def single(self, value: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return value

    def flags(self, value: npt.NDArray[np.bool_]) -> int:
        return int(value.sum())

    def small(self, value: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        return value

    def waves(self, value: npt.NDArray[np.complex128]) -> npt.NDArray[np.complex128]:
        return value

    def sample(self, value: Sample) -> Sample:
        return Sample(value.rate * 2, value.values)

    def maybe(self, value: npt.NDArray[np.int64] | None) -> npt.NDArray[np.int64] | None:
        return value

    def wrong(self, kind: str) -> npt.NDArray[np.float64]:
        """Not what it says."""
        made: dict[str, Any] = {
            "list": [1.0],
            "int": np.arange(3),
            "object": np.array([object()]),
            "masked": np.ma.array([1.0]),
        }
        found: npt.NDArray[np.float64] = made[kind]
        return found

    def anything(self, value: Any) -> str:
        return repr(value)

    def size(self, value: Buffer) -> int:
        return len(memoryview(value))

    def make(self, size: int) -> bytearray:
        return bytearray(size)
