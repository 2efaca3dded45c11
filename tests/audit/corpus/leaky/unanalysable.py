"""What cannot be followed is said to be so."""
import tkinter
from collections.abc import Callable
from typing import Any


def untyped(value):
    return value.run()  # ! unanalysable Root.lost()


class Root:
    def __init__(self, hook: Callable[[str], None], helper: Any) -> None:
        self._hook = hook
        self._helper = helper

    def named(self, name: str) -> None:
        getattr(self, name)()  # ! unanalysable Root.named() ! power-introspection Root.named()

    def lost(self) -> None:
        untyped(self)

    def hooked(self, text: str) -> None:
        self._hook(text)  # ! unanalysable Root.hooked()

    def helped(self, text: str) -> None:
        self._helper.do(text)  # ! unanalysable Root.helped()

    def library(self) -> None:
        tkinter.Tk()  # ! unanalysable Root.library()

    def passed(self, function: Callable[[], None]) -> None:
        function()
