"""Do hints of buffers and arrays become the types that are meant, and is what cannot travel refused with its reason?"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from audit_support import Done

pytest.importorskip("numpy")
pytestmark = pytest.mark.timeout(600)  # the first to come reads all hints of NumPy

SOURCE = """
from typing import Any
import numpy as np
import numpy.typing as npt
from typing_extensions import Buffer

class Root:
    def get(self) -> {hint}: raise ValueError
"""

HINTS = {
    "bytearray": "bytearray",
    "memoryview": "memoryview",
    "Buffer": "buffer",
    "np.ndarray[Any, Any]": "ndarray",
    "npt.NDArray[Any]": "ndarray",
    "npt.NDArray[np.generic]": "ndarray",
    "npt.NDArray[np.bool_]": "ndarray_bool",
    "npt.NDArray[np.int8]": "ndarray_int8",
    "npt.NDArray[np.int64]": "ndarray_int64",
    "npt.NDArray[np.uint16]": "ndarray_uint16",
    "npt.NDArray[np.float16]": "ndarray_float16",
    "npt.NDArray[np.float32]": "ndarray_float32",
    "npt.NDArray[np.float64]": "ndarray_float64",
    "npt.NDArray[np.double]": "ndarray_float64",
    "npt.NDArray[np.complex64]": "ndarray_complex64",
    "npt.NDArray[np.complex128]": "ndarray_complex128",
    "tuple[npt.NDArray[np.uint8], ...] | None": "(ndarray_uint8*)|none",
}


@pytest.mark.parametrize(("hint", "spelled"), HINTS.items(), ids=HINTS)
def test_a_hint_becomes_a_type(run: Callable[..., Done], hint: str, spelled: str) -> None:
    done = run("generate", "app:Root", app_dot_py=SOURCE.format(hint=hint))
    assert done.code == 0, done.err
    assert json.loads(done.out)["interfaces"]["app:Root"]["methods"]["get"] == f"() -> {spelled}"


REFUSED = {
    "npt.NDArray[np.longdouble]": "is none of numbers of a fixed size",
    "npt.NDArray[np.object_]": "is none of numbers of a fixed size",
    "npt.NDArray[np.str_]": "is none of numbers of a fixed size",
    "npt.NDArray[np.datetime64]": "is none of numbers of a fixed size",
    "npt.NDArray[np.floating[Any]]": "is none of numbers of a fixed size",
    "bytes | bytearray": "cannot be told apart",
    "memoryview | bytes | None": "cannot be told apart",
}


@pytest.mark.parametrize(("hint", "says"), REFUSED.items(), ids=REFUSED)
def test_what_cannot_travel_is_withheld(run: Callable[..., Done], hint: str, says: str) -> None:
    done = run("generate", "app:Root", app_dot_py=SOURCE.format(hint=hint))
    assert says in done.err
    assert done.code == 1
