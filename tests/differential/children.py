"""A program that answers batches of cases: frames.h has how they are written. It never outlives who asks."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "dev"
NPM = ROOT / "build" / "npm"
_length = struct.Struct(">I")


class Silent(RuntimeError):
    """It has ended, or what it writes is no answer."""


def build(target: str) -> Path:
    """A program of CMakeLists.txt, as the unit tests are built."""
    for command in (["cmake", "--preset", "dev"], ["cmake", "--build", "--preset", "dev", "--target", target]):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stdout[-4000:]}{done.stderr[-4000:]}")
    return BUILD / "tests" / "differential" / target


def framed(blobs: list[bytes]) -> bytes:
    packed = _length.pack
    made = b"".join([packed(len(blob)) + blob for blob in blobs])
    return packed(len(made)) + made


class Program:
    def __init__(self, *command: str | Path) -> None:
        self._name = str(command[-1] if len(command) == 1 else command[1])
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdin is not None and self._process.stdout is not None
        self._into, self._out_of = self._process.stdin, self._process.stdout

    def ask(self, batch: list[bytes]) -> None:
        """Returns when it has read the batch; it works on while the caller does."""
        try:
            self._into.write(framed(batch))
            self._into.flush()
        except BrokenPipeError:
            raise Silent(f"{self._name} has ended") from None

    def answers(self) -> list[bytes]:
        data = self._read(_length.unpack(self._read(4))[0])
        found, at = [], 0
        while at < len(data):
            length = int.from_bytes(data[at : at + 4], "big")
            found.append(data[at + 4 : at + 4 + length])
            at += 4 + length
        return found

    def _read(self, length: int) -> bytes:
        data = self._out_of.read(length)
        if len(data) != length:
            raise Silent(f"{self._name} has ended with {self._process.wait(10)}")
        return data

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._into.close()
        self._out_of.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
