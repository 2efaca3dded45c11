"""The cases: what is done, and how often at the most in one go."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True)
class Case:
    name: str  # as the reports show it
    operation: str  # the method of a Client
    title: str
    size: int = 0  # bytes of a blob; its rate is shown in MB/s, both ways counted once
    count_max: int = 10_000_000
    is_slow: bool = False  # left out of --quick
    rounds_max: int = 1000
    is_core: bool = False  # --quick measures it over every transport, the others over Unix sockets alone


CASES = (
    Case("echo", "echo", "echo(int)", is_core=True),
    Case("echo_bound", "echo_bound", "echo(int), method fetched before"),
    Case("three", "three", "three arguments"),
    Case("text", "text", "1 KiB of text, there and back"),
    Case("attribute", "attribute", "read an attribute"),
    Case("new", "new", "new reference, and its release", count_max=200_000),
    Case("new_and_call", "new_and_call", "a call on a new reference", count_max=200_000),
    Case("callback", "callback", "callback from the server"),
    Case("generator", "generator", "items of a generator, one by one"),
    Case("read_ahead", "read_ahead", "items of an iterator, read ahead"),
    Case("pipelined", "pipelined", "calls in batches of 100", is_core=True),
    Case("one_way", "one_way", "one-way calls"),
    Case("blob_256k", "blob", "256 KiB of bytes, there and back", size=256 * 1024),
    Case("blob_1m", "blob", "1 MiB of bytes, there and back", size=MIB, is_core=True),
    Case(
        "blob_16m", "blob", "16 MiB of bytes, there and back", size=16 * MIB, count_max=16, is_slow=True, rounds_max=3
    ),
    Case("blob_64m", "blob", "64 MiB of bytes, there and back", size=64 * MIB, count_max=4),
    Case(
        "blob_512m", "blob", "512 MiB of bytes, there and back", size=512 * MIB, count_max=1, is_slow=True, rounds_max=3
    ),
    Case("connect", "connect", "connect, call, close", count_max=5_000, is_core=True),
)

# Measured in a way of their own.
EXTRAS = {
    "clients": "50 clients at once",
    "memory": "what idle connections and references take",
    "growth": "the cost of a call when many were made, and when many references are held",
}
