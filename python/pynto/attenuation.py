"""Less than the whole: an object that offers one Protocol, and one whose use can be ended."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Generic, NoReturn, Protocol, TypeVar, get_origin, overload

from pynto import _core
from pynto.audit.spelling import DUNDERS
from pynto.errors import Refused

__all__ = ["attenuate", "revocable"]

P = TypeVar("P")
T = TypeVar("T")

_UNDECLARED = frozenset((object, Protocol, Generic))


def attenuate(target: object, protocol: Callable[..., P]) -> P:
    """An object that offers what the Protocol names of target, and nothing else.

    ``def reader(self) -> Reader: return pynto.attenuate(self, Reader)``: whatever else a Room can do is out of reach for whoever holds it,
    also inside of this program, and it is a Reader wherever it goes: it does not fit where a Room is wanted. target may be a netref.

    TypeError: protocol is no Protocol, or target does not have all of it.
    """
    made: P = _forwarder(_Gate(target), target, _of_protocol(protocol), _name_of(protocol))
    return made


@overload
def revocable(target: T) -> tuple[T, Callable[[], None]]: ...
@overload
def revocable(target: object, protocol: Callable[..., P]) -> tuple[P, Callable[[], None]]: ...
def revocable(target: Any, protocol: Any = None) -> tuple[Any, Callable[[], None]]:
    """A forwarder to target, and a function that ends it: from then on every use raises Refused, and target is let go of.

    With a Protocol it offers that, and can be returned where the Protocol is declared; without one it offers what target does, for use in this
    program or, of a netref, wherever its Protocol is declared. What was obtained through it before is not revoked: see examples/patterns/membrane.py.

    TypeError: protocol is no Protocol, or target does not have all of it.
    """
    gate = _Gate(target)
    members = _of_object(target) if protocol is None else _of_protocol(protocol)
    name = _name_of(type(target) if protocol is None else protocol)
    return _forwarder(gate, target, members, name), gate.close


class _Gate:
    """What stands between a forwarder and its target. An ordinary object: nothing of it is ever exported."""

    __slots__ = ("_target",)

    def __init__(self, target: object) -> None:
        self._target: Any = target

    def close(self) -> None:
        self._target = _GONE

    def open(self) -> Any:
        if self._target is _GONE:
            raise Refused("it was revoked")
        return self._target


_GONE = object()

# name -> whether it is called, read, or read and written
_CALLED, _READ, _WRITTEN = "called", "read", "written"
_Members = tuple[tuple[str, str], ...]


def _name_of(kind: Any) -> str:
    return str(getattr(get_origin(kind) or kind, "__qualname__", kind)).rpartition(".")[2]


@lru_cache(maxsize=1024)
def _of_protocol(protocol: Any) -> _Members:
    protocol = get_origin(protocol) or protocol  # Box[int] has the members of Box
    if protocol in _UNDECLARED or not (isinstance(protocol, type) and getattr(protocol, "_is_protocol", False)):
        raise TypeError(f"a Protocol is needed, not {protocol!r}")
    members: dict[str, str] = {}
    for base in reversed(protocol.__mro__):
        if base not in _UNDECLARED:
            members.update((name, _WRITTEN) for name in inspect.get_annotations(base) if _is_offered(name))
            members.update((name, _kind(value)) for name, value in vars(base).items() if _is_member(name, value))
    return tuple(sorted(members.items()))


def _of_object(target: object) -> _Members:
    found = {}
    for base in reversed(type(target).__mro__[:-1]):
        if base is not _core.Netref:
            found.update({name: _kind(value) for name, value in vars(base).items() if _is_member(name, value)})
    found.update({name: _WRITTEN for name in getattr(target, "__dict__", {}) if _is_offered(name)})
    return tuple(sorted(found.items()))


def _is_offered(name: str) -> bool:
    return not name.startswith("_") or name in DUNDERS


def _is_member(name: str, value: object) -> bool:
    return _is_offered(name) and not isinstance(value, classmethod | staticmethod | type) and value is not None


def _kind(value: object) -> str:
    if isinstance(value, property):
        return _READ if value.fset is None else _WRITTEN
    if callable(value):
        return _CALLED
    return _WRITTEN if hasattr(type(value), "__set__") or not hasattr(type(value), "__get__") else _READ


def _forwarder(gate: _Gate, target: object, members: _Members, name: str) -> Any:
    missing = [member for member, _ in members if not _has(target, member)]
    if missing:
        raise TypeError(f"a {type(target).__qualname__} is no {name}: it has no {', '.join(missing)}")
    return _class_of(members, name)(gate)


def _has(target: object, name: str) -> bool:
    """Looked up where it is kept: nothing of the target is run, and no peer is asked."""
    try:
        inspect.getattr_static(target if not _core.is_netref(target) else type(target), name)
    except AttributeError:
        return False
    return True


@lru_cache(maxsize=1024)
def _class_of(members: _Members, name: str) -> type:
    """One class for each set of members: what is exported is found on the class."""
    body: dict[str, Any] = {
        "__slots__": ("_gate",),
        "__module__": __name__,
        "__init__": _init,
        "__reduce_ex__": _refuse,
    }
    body["__repr__"] = lambda self: f"<a part of something: {name}>"
    body.update({member: _method(member) if kind is _CALLED else _attribute(member, kind) for member, kind in members})
    return type(name, (), body)


def _init(self: Any, gate: _Gate) -> None:
    object.__setattr__(self, "_gate", gate)


def _refuse(self: Any, protocol: object) -> NoReturn:
    raise TypeError(f"{self!r} cannot be copied or pickled")


def _method(name: str) -> Callable[..., Any]:
    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        target = self._gate.open()
        result = getattr(target, name)(*args, **kwargs)
        return self if result is target else result  # what gives itself gives no more than it was

    forward.__name__ = forward.__qualname__ = name
    return forward


def _attribute(name: str, kind: str) -> property:
    def read(self: Any) -> Any:
        target = self._gate.open()
        value = getattr(target, name)
        return self if value is target else value

    def write(self: Any, value: Any) -> None:
        setattr(self._gate.open(), name, value)

    return property(read, write if kind is _WRITTEN else None)
