"""Does what Python does with any object stay here, or fail with a TypeError, without a byte to the peer?"""

from __future__ import annotations

import array
import collections.abc
import copy
import csv
import ctypes
import dataclasses
import decimal
import functools
import inspect
import io
import json
import math
import numbers
import operator
import os
import pickle
import plistlib
import pprint
import random
import reprlib
import struct
import sys
import typing
import weakref
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from rawpeer import HELLO, RETURN, Mine

np = pytest.importorskip("numpy")

KINDS: dict[str, Callable[[Any], Any]] = {
    "methods": lambda root: root,
    "attributes": lambda root: root.item(),
    "sequence": lambda root: root.read_numbers(),
    "mapping": lambda root: root.ages(),
    "callable": lambda root: root.adder(1),
    "iterator": lambda root: root.count(3),
}


def with_statement(netref: Any) -> Any:
    with netref:
        pass


def matched(netref: Any) -> str:
    match netref:
        case int() | str() | bytes():
            return "a scalar"
        case {"a": 1}:
            return "a mapping"
        case [1, *_]:
            return "a sequence"
    return "nothing"


REFUSED: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "deepcopy of a list": lambda netref: copy.deepcopy([{"a": netref}]),
    **{f"pickle {n}": functools.partial(pickle.dumps, protocol=n) for n in range(pickle.HIGHEST_PROTOCOL + 1)},
    "pickle of a dict": lambda netref: pickle.dumps({"a": (netref,)}),
    "reduce": lambda netref: netref.__reduce_ex__(2),
    "json": json.dumps,
    "json of a dict": lambda netref: json.dumps({"a": netref}),
    "json of a key": lambda netref: json.dumps({netref: 1}),
    "plistlib": lambda netref: plistlib.dumps({"a": netref}),
    "format": lambda netref: format(netref, ">10"),
    "f-string with a format": lambda netref: f"{netref:x}",
    "memoryview": memoryview,
    "BytesIO.write": lambda netref: io.BytesIO().write(netref),
    "bytes.join": lambda netref: b"".join([netref]),
    "str.join": lambda netref: "".join([netref]),
    "ctypes": lambda netref: ctypes.c_int(netref),
    "ctypes.from_buffer": lambda netref: ctypes.c_char.from_buffer(netref),
    "asdict": dataclasses.asdict,
    "fields": dataclasses.fields,
    "int": int,
    "float": float,
    "complex": complex,
    "index": operator.index,
    "Decimal": decimal.Decimal,
    "sqrt": math.sqrt,
    "round": round,
    "fspath": os.fspath,
    "vars": vars,
    "less than": lambda netref: netref < 1,
    "percent": lambda netref: "%d" % netref,  # noqa: UP031
    "with": with_statement,
    "isinstance of it": lambda netref: isinstance(1, netref),
    "issubclass of it": lambda netref: issubclass(int, netref),
    "seed": random.Random,
    "np.array": np.array,
    "np.asarray": np.asarray,
    "np.array of floats": lambda netref: np.array(netref, dtype=float),
    "np.array of objects": lambda netref: np.array(netref, dtype=object),
    "np.array of a list": lambda netref: np.array([netref]),
    "np.array of a list of lists": lambda netref: np.array([[1], netref], dtype=object),
    "np.frombuffer": np.frombuffer,
    "np.sum": np.sum,
    "np.add": lambda netref: np.add(1, netref),
    "an array times it": lambda netref: np.ones(3) * netref,
    "it times an array": lambda netref: netref * np.ones(3),
    "np.isfinite": np.isfinite,
    "np.concatenate": lambda netref: np.concatenate([netref, netref]),
    "np.shape": np.shape,
    "np.save": lambda netref: np.save(io.BytesIO(), netref, allow_pickle=True),
}

ABSTRACT = (
    collections.abc.Sequence,
    collections.abc.Mapping,
    collections.abc.Buffer if sys.version_info >= (3, 12) else bytes,
)

OTHER: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "marshal": (lambda netref: __import__("marshal").dumps(netref), ValueError),
    "struct": (lambda netref: struct.pack("i", netref), struct.error),
    "an attribute that is not there": (lambda netref: netref.zzz, AttributeError),
    "np.fromiter": (lambda netref: np.fromiter([netref], dtype=float), (TypeError, ValueError)),
    "its dict": (lambda netref: netref.__dict__, AttributeError),
    "an array's interface": (lambda netref: netref.__array_interface__, AttributeError),
    "an attribute that cannot be set": (lambda netref: setattr(netref, "zzz", 1), AttributeError),
    "a deleted attribute": (lambda netref: delattr(netref, "zzz"), AttributeError),
}

LOCAL: dict[str, Callable[[Any], Any]] = {
    "f-string": lambda netref: f"{netref} {netref!r} {netref!s}",
    "str": str,
    "ascii": ascii,
    "percent": lambda netref: "%s" % netref,  # noqa: UP031
    "print": lambda netref: print(netref, file=io.StringIO()),
    "reprlib": reprlib.repr,
    "pprint": lambda netref: pprint.pformat([netref, {"a": netref}]),
    "csv": lambda netref: csv.writer(io.StringIO()).writerow([netref]),
    "hash": hash,
    "a set": lambda netref: netref in {netref, 1},
    "a list": lambda netref: netref in [netref],
    "identity": lambda netref: netref is not None,
    "isinstance": lambda netref: [
        isinstance(netref, kind)
        for kind in (*ABSTRACT, int, str, bytes, dict, numbers.Number, typing.SupportsInt, os.PathLike)
    ],
    "type": lambda netref: (type(netref), netref.__class__, issubclass(type(netref), object)),
    "callable": callable,
    "dir": dir,
    "sizeof": sys.getsizeof,
    "weakref": weakref.ref,
    "is_dataclass": dataclasses.is_dataclass,
    "getmembers_static": inspect.getmembers_static,
    "getmembers of the type": lambda netref: inspect.getmembers(type(netref)),
    "getdoc": inspect.getdoc,
    "isawaitable": inspect.isawaitable,
    "iscoroutinefunction": inspect.iscoroutinefunction,
    "getattr_static": lambda netref: inspect.getattr_static(netref, "name", None),
    "singledispatch": lambda netref: functools.singledispatch(lambda value: "base")(netref),
    "match": matched,
    "create_autospec of the type": lambda netref: mock.create_autospec(type(netref)),
    "Mock of the type": lambda netref: mock.Mock(spec=type(netref)),
}


class Watched:
    """A netref, and a wire that counts: nothing may go to the peer while something is done with it."""

    def __init__(self, relay: Any, kind: str) -> None:
        self._relay = relay
        self._netref = KINDS[kind](relay.connection.root)
        before = self._pinged()
        self._ping = self._pinged() - before

    def _pinged(self) -> int:
        self._relay.connection.ping()
        return self._relay.sent

    def __call__(self, call: Callable[[Any], Any]) -> Any:
        """What it gives, or the exception that it raises."""
        before = self._relay.sent
        try:
            result = call(self._netref)
        except Exception as error:
            result = error
        assert self._relay.sent == before
        assert self._pinged() == before + self._ping  # nor was anything left to be sent
        return result


@pytest.fixture(params=KINDS)
def silently(relay: Any, request: pytest.FixtureRequest) -> Watched:
    return Watched(relay, request.param)


def test_what_would_take_it_for_a_value_raises_type_error(silently: Watched) -> None:
    for name, call in REFUSED.items():
        assert isinstance(silently(call), TypeError), name


def test_what_is_not_there_is_missing_here(silently: Watched) -> None:
    for name, (call, expected) in OTHER.items():
        assert isinstance(silently(call), expected), name


def test_what_can_be_said_of_it_is_said_here(silently: Watched) -> None:
    for name, call in LOCAL.items():
        result = silently(call)
        assert not isinstance(result, Exception), (name, result)
    assert silently(matched) == "nothing"
    assert not any(silently(LOCAL["isinstance"])[:4])


@pytest.mark.parametrize("kind", ["methods", "attributes", "callable"])
def test_what_is_no_container_is_not_iterated_and_is_true(relay: Any, kind: str) -> None:
    silently = Watched(relay, kind)
    for call in (list, tuple, dict, set, iter, len, bytes, bytearray, sum, sorted, lambda netref: [*netref]):
        assert isinstance(silently(call), TypeError)
    assert isinstance(silently(lambda netref: array.array("b", netref)), TypeError)
    assert isinstance(silently(lambda netref: {**netref}), TypeError)
    assert isinstance(silently(lambda netref: 1 in netref), TypeError)
    assert silently(bool) is True


def test_no_description_makes_an_array_or_a_buffer_of_a_netref() -> None:
    """The names through which others ask an object for its contents are none that a peer can describe."""
    import socket

    import pynto
    from rawpeer import RawPeer

    names = ("__array__", "__array_interface__", "__array_struct__", "__buffer__", "__reduce__", "__reduce_ex__")
    for name in (*names, "__copy__", "__deepcopy__", "__getstate__", "__class__", "__array_ufunc__", "__index__"):
        for part in ("get", "methods"):
            ours, theirs = socket.socketpair()
            fd = ours.detach()
            with RawPeer(theirs, timeout=10) as peer:
                peer.send([HELLO, "pynto", 1, None, {}])
                value = "() -> int" if part == "methods" else "int"
                peer.send([-5, 1, {"interfaces": {"evil:Root": {part: {name: value}}}}])
                peer.send([RETURN, Mine(0, 1)])
                with pytest.raises((pynto.ProtocolError, pynto.Disconnected)):
                    pynto.Connection(fd, fd, "raw")
