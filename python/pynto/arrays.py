"""NumPy's arrays, as the extension needs them: it imports this module when the first one travels."""

from __future__ import annotations

from typing import Any

try:
    import numpy
except ImportError as error:
    raise ImportError("an array travels where NumPy is installed: pip install numpy") from error

_NAMES = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64 complex128".split()
# Little-endian on the wire, as everywhere but on few machines.
_WIRE = {name: numpy.dtype(name).newbyteorder("<") for name in _NAMES}


def laid_out(value: Any) -> tuple[str, tuple[int, ...], Any] | None:
    """(dtype, shape, array) with the items in one piece and in the wire's order, copied only if they are not. None: no array of numbers.

    Of subclasses only a memmap is one: what others hold besides their items, such as a mask, would be lost.
    """
    if type(value) is not numpy.ndarray and type(value) is not numpy.memmap:
        return None
    dtype = value.dtype
    wire = _WIRE.get(dtype.name)
    if wire is None or dtype.fields is not None:
        return None
    array = numpy.asarray(value, dtype=wire, order="C")
    return dtype.name, array.shape, array if array.ndim else array.reshape(1)


def made(name: str, shape: tuple[int, ...]) -> Any:
    """An array to be filled with what has come."""
    return numpy.empty(shape, _WIRE[name])
