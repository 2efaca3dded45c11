"""Patterns that the program wrote, used on what a client sends."""
import re

_WORD = re.compile(r"[a-z]+")


class Root:
    def found(self, text: str) -> tuple[str, ...]:
        return tuple(_WORD.findall(text))

    def matches(self, text: str) -> bool:
        return re.fullmatch(r"[0-9]{4}", text) is not None

    def escaped(self, text: str) -> str:
        return re.escape(text)
