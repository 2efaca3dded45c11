"""The cases that are the same program with every peer whose proxies have the methods of what they stand for."""

from __future__ import annotations

from typing import Any


class Plain:
    target: Any
    held: list[Any]

    def echo(self, n: int) -> None:
        f = self.target.echo
        for _ in range(n):
            f(1)

    def three(self, n: int) -> None:
        f = self.target.three
        for _ in range(n):
            f(1, "two", 3.0)

    def text(self, n: int) -> None:
        f, text = self.target.text, "x" * 1024
        for _ in range(n):
            f(text)

    def attribute(self, n: int) -> None:
        target = self.target
        for _ in range(n):
            target.number  # noqa: B018 - reading it is the operation

    def new(self, n: int) -> None:
        f = self.target.new
        for _ in range(n):
            f()

    def new_and_call(self, n: int) -> None:
        f = self.target.new
        for _ in range(n):
            f().get()

    def blob(self, n: int, value: bytes) -> None:
        f = self.target.blob
        for _ in range(n):
            f(value)

    def hold(self, n: int) -> None:
        f = self.target.new
        self.held += [f() for _ in range(n)]
