"""Stand-ins for the classes of a server that a client does not have, and signatures as inspect knows them."""

from __future__ import annotations

import dataclasses
import enum
import inspect
from typing import Any, Generic, TypeVar

__all__ = ["Copy", "make_enum", "make_record", "make_signature"]

T = TypeVar("T")


class Copy(Generic[T]):
    """In a hint: the list, set or dict travels by value. ``def lines(self) -> Copy[list[str]]``."""


def _short(name: str) -> str:
    return name.rpartition(":")[2].rpartition(".")[2]


def make_record(name: str, fields: tuple[str, ...]) -> type:
    """A frozen dataclass for a record of the server's, ``"module:Class"``; its values compare by class and fields."""
    made = dataclasses.make_dataclass(_short(name), [(field, Any) for field in fields], frozen=True, kw_only=True)
    made.__module__, made.__qualname__ = "pynto.remote", _short(name)
    return made


def make_enum(name: str, members: tuple[str, ...]) -> type[enum.Enum]:
    """An Enum for an enum of the server's: a member's value is its name."""
    return enum.Enum(_short(name), [(member, member) for member in members], module="pynto.remote")  # type: ignore[return-value]  # the functional form makes a class


_KINDS = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.VAR_POSITIONAL,
    inspect.Parameter.KEYWORD_ONLY,
    inspect.Parameter.VAR_KEYWORD,
)


def _parameter(place: int, name: str, kind: int, hint: str, is_optional: bool) -> inspect.Parameter:
    default = ... if is_optional else inspect.Parameter.empty
    return inspect.Parameter(name or f"arg{place}", _KINDS[kind], default=default, annotation=hint)


def make_signature(parameters: tuple[tuple[str, int, str, bool], ...], result: str) -> inspect.Signature:
    """What inspect and help() show of an operation. parameters: (name, kind, type, may be left out), kind as in policy.h.

    >>> str(make_signature((("author", 1, "str", False), ("loud", 3, "bool", True)), "none"))
    "(self, author: 'str', *, loud: 'bool' = Ellipsis) -> 'none'"
    """
    first = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    if not parameters or parameters[0][1] != 0:
        first = first.replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD)
    made = [_parameter(place, *parameter) for place, parameter in enumerate(parameters, 1)]
    return inspect.Signature([first, *made], return_annotation=result)
