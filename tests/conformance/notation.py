"""How cases.py writes bytes: the shortest msgpack, with holes. README.md says what a hole means to who plays a case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rawpeer import Ext, Mine, Promise, Tag, Yours, pack


@dataclass(frozen=True)
class Hole:
    """``<name/kind>``; kind: int, str or any, so many bytes, or none: the shortest integer of what was found before."""

    name: str
    kind: str = ""

    def __str__(self) -> str:
        return f"<{self.name}/{self.kind}>" if self.kind else f"<{self.name}>"


@dataclass(frozen=True)
class Raw:
    """Bytes as they are, in hex."""

    text: str


ANY = Hole("", "any")


def head(length: int, small: int, small_max: int, codes: tuple[int, int]) -> str:
    if length <= small_max:
        return bytes([small | length]).hex()
    if length < 65536:
        return bytes([codes[0]]).hex() + length.to_bytes(2, "big").hex()
    return bytes([codes[1]]).hex() + length.to_bytes(4, "big").hex()


def encode(value: Any) -> str:
    """One object as hex with holes."""
    match value:
        case Raw(text):
            return text
        case Hole():
            return str(value)
        case Mine(id, interface) if isinstance(id, Hole):
            return f"c70c10{id}{interface}"
        case Yours(id) if isinstance(id, Hole):
            return f"d711{id}"
        case list():
            return head(len(value), 0x90, 15, (0xDC, 0xDD)) + "".join(map(encode, value))
        case dict():
            return head(len(value), 0x80, 15, (0xDE, 0xDF)) + "".join(encode(k) + encode(v) for k, v in value.items())
    return pack(value).hex()


def mine(name: str, interface: str = "") -> Any:
    """A reference that the server sends; its id is found, and so is its interface when it is named."""
    return Mine(Hole(name, "8"), Hole(interface, "4"))  # type: ignore[arg-type]


def yours(name: str) -> Any:
    return Yours(Hole(name, "8"))  # type: ignore[arg-type]


def ext(code: int, text: str) -> Raw:
    """An ext 8 with any code and payload."""
    return Raw(f"c7{len(text) // 2:02x}{code & 0xFF:02x}{text}")


__all__ = ["ANY", "Ext", "Hole", "Mine", "Promise", "Raw", "Tag", "Yours", "encode", "ext", "mine", "yours"]
