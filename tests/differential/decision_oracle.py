"""Which calls a policy admits: docs/policy.md once more, in Python, from the JSON of a policy and the bytes of a call.

Types are read from their spelling, values by msgpack of PyPI. The page does not say in which order a call is looked at: ``Oracle.faults`` gives all that is
wrong with one, each as it may be answered, and nothing when it is admitted.
"""

from __future__ import annotations

import json
import re
import struct
from dataclasses import dataclass, field
from typing import Any

import msgpack

NAME, REF, MISSING, TOO_MANY, UNKNOWN, TWICE, TYPE, OVERLOAD, SHAPE = (
    *("name", "ref", "missing", "too many", "unknown", "twice", "type", "overload"),
    "shape",
)
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MINE, YOURS, TAG, INT, PROMISE = 16, 17, 18, 19, 27
EXTS = {"complex": 20, "datetime": 21, "date": 22, "time": 23, "timedelta": 24, "decimal": 25, "uuid": 26}
BYTES = ("bytes", "bytearray", "memoryview", "buffer")
SIZES = {
    "bool": 1,
    "int8": 1,
    "uint8": 1,
    "int16": 2,
    "uint16": 2,
    "float16": 2,
    "int32": 4,
    "uint32": 4,
    "float32": 4,
    "int64": 8,
    "uint64": 8,
    "float64": 8,
    "complex64": 8,
    "complex128": 16,
}


class Map(list[tuple[Any, Any]]):
    """The pairs of a map."""


# ---- types, as they are spelled ----


@dataclass
class Type:
    kind: str  # a scalar's own name, or one of those below
    text: str = ""
    items: list[Type] = field(default_factory=list)
    value: Any = None


@dataclass
class Param:
    kind: str  # "place", "either", "rest", "keyword", "options"
    name: str
    type: Type
    may_miss: bool


class Reader:
    """A spelling that is read from its start."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def takes(self, word: str) -> bool:
        if not self.text.startswith(word, self.at):
            return False
        self.at += len(word)
        return True

    def match(self, pattern: str) -> str:
        found = re.compile(pattern).match(self.text, self.at)
        assert found, f"{self.text[self.at :]!r} in {self.text!r}"
        self.at = found.end()
        return found[0]

    def several(self, end: str) -> list[Type]:
        found = [self.type()]
        while not self.takes(end):
            self.match(", ")
            found.append(self.type())
        return found

    def type(self) -> Type:
        start, found = self.at, [self.alternative()]
        while self.takes("|"):
            found.append(self.alternative())
        return found[0] if len(found) == 1 else Type("union", self.text[start : self.at], found)

    def alternative(self) -> Type:
        start = self.at
        made = self._alternative()
        made.text = self.text[start : self.at]
        return made

    def _alternative(self) -> Type:
        if self.takes("("):
            return self._tuple()
        if self.text.startswith("'", self.at):
            spelled = self.match(r"'(?:[^'\\]|\\.)*'")[1:-1]
            return Type("literal", value=spelled.encode("ascii").decode("unicode_escape"))
        if self.text[self.at] in "-0123456789":
            return Type("literal", value=int(self.match(r"-?[0-9]+")))
        for word, kind in (
            ("frozenset[", "frozenset"),
            ("copy list[", "list"),
            ("copy set[", "set"),
            ("copy dict[", "dict"),
        ):
            if self.takes(word):
                return Type(kind, items=self.several("]"))
        for word in ("enum", "rec"):
            if self.takes(word + " "):
                return Type(word, value=self.match(r"[\w.:]+"))
        if self.takes("async fn(") or self.takes("fn("):
            return self._fn()
        word = self.match(r"[\w.:]+")
        if word in ("true", "false"):
            return Type("literal", value=word == "true")
        if word in (*EXTS, *BYTES, "none", "bool", "int", "float", "str", "range", "slice", "data"):
            return Type(word)
        if word.partition("_")[0] == "ndarray":
            return Type("ndarray", value=word.partition("_")[2])
        if self.takes("["):
            self.several("]")
        return Type("interface")

    def _tuple(self) -> Type:
        if self.takes(")"):
            return Type("row")
        first = self.type()
        if self.takes("*)"):
            return Type("rows", items=[first])
        if self.takes(",)"):
            return Type("row", items=[first])
        self.match(", ")
        return Type("row", items=[first, *self.several(")")])

    def _fn(self) -> Type:
        if not self.takes(")"):
            self.type()
            self.takes("=?")
            while not self.takes(")"):
                self.match(", ")
                self.type()
                self.takes("=?")
        self.match("->")
        if self.takes("{"):
            self.type()
            self.match("}")
        else:
            self.alternative()
        return Type("fn")

    def params(self) -> list[Param]:
        self.takes("async ")
        self.match(r"\(")
        found: list[Param] = []
        kind = "either"
        while not self.takes(")"):
            if found or kind != "either":
                self.takes(", ")
            if self.takes("/"):
                for param in found:
                    param.kind = "place"
            elif self.takes("**"):
                found.append(self._param("options"))
            elif self.takes("*"):
                kind = "keyword"
                if not self.text.startswith((",", ")"), self.at):
                    found.append(self._param("rest"))
            else:
                found.append(self._param(kind))
        return found

    def _param(self, kind: str) -> Param:
        named = re.compile(r"([A-Za-z_]\w*): ").match(self.text, self.at)
        if named:
            self.at = named.end()
        return Param(kind, named[1] if named else "", self.type(), self.takes("=?") or kind in ("rest", "options"))


def type_of(text: str) -> Type:
    reader = Reader(text)
    made = reader.type()
    assert reader.at == len(text), text
    return made


# ---- values ----


def is_ext(value: Any, code: int) -> bool:
    return type(value) is msgpack.ExtType and value.code == code


def is_int(value: Any) -> bool:
    return type(value) is int or is_ext(value, INT)


def is_int64(value: Any) -> bool:
    return type(value) is int and -(2**63) <= value < 2**63


def tag_of(value: Any) -> int:
    """0: no array that begins with a tag."""
    return value[0].data[0] if type(value) is list and value and is_ext(value[0], TAG) else 0


def is_range(value: Any) -> bool:
    return tag_of(value) == 4 and len(value) == 4 and all(map(is_int64, value[1:])) and value[3] != 0


def is_slice(value: Any) -> bool:
    return tag_of(value) == 5 and len(value) == 4 and all(each is None or is_int64(each) for each in value[1:])


def is_array(value: Any, dtype: str) -> bool:
    if tag_of(value) != 9 or not 3 <= len(value) <= 35 or type(value[1]) is not str or type(value[2]) is not bytes:
        return False
    _, name, items, *shape = value
    if name not in SIZES or dtype not in ("", name) or not all(is_int64(each) and each >= 0 for each in shape):
        return False
    room = whole = SIZES[name]
    for each in shape:
        room *= each or 1
        whole *= each
    return room < 2**63 and whole == len(items) and (name != "bool" or set(items) <= {0, 1})


def is_scalar(value: Any) -> bool:
    if type(value) is msgpack.ExtType:
        return 19 <= value.code <= 26
    return type(value) not in (list, Map)


def hashes(value: Any) -> bool:
    """No signalling NaN, nor anything that holds one."""
    if type(value) is list:
        return all(map(hashes, value))
    return not (is_ext(value, EXTS["decimal"]) and b"s" in value.data)


def is_hashable(value: Any) -> bool:
    """A scalar, or a tuple of scalars, that hashes."""
    return (is_scalar(value) or (type(value) is list and all(map(is_scalar, value)))) and hashes(value)


def is_data(value: Any, key_max: int) -> bool:
    if is_scalar(value):
        return True
    if type(value) is Map:
        return len(value) <= key_max and all(is_hashable(key) and is_data(each, key_max) for key, each in value)
    if type(value) is not list:
        return False
    tag, items = tag_of(value), value[1:]
    if tag == 0:
        return all(is_data(each, key_max) for each in value)
    if tag == 2:
        return all(is_data(each, key_max) for each in items)
    if tag in (1, 3):
        return len(items) <= key_max and all(map(is_hashable, items))
    if tag == 8:
        is_even = len(items) % 2 == 0 and len(items) // 2 <= key_max
        return is_even and all(map(is_hashable, items[::2])) and all(is_data(each, key_max) for each in items[1::2])
    return is_range(value) or is_slice(value)


# ---- the policy ----


class Oracle:
    def __init__(self, document: dict[str, Any], exported: dict[int, str], key_max: int) -> None:
        self.document, self.exported, self.key_max = document, exported, key_max
        self.interfaces: dict[str, Any] = document["interfaces"]
        self.imports: dict[str, Any] = document.get("imports", {})
        self._types: dict[str, Type] = {}
        self._params: dict[str, list[Param]] = {}

    def _type(self, text: str) -> Type:
        if text not in self._types:
            self._types[text] = type_of(text)
        return self._types[text]

    def params(self, signature: str) -> list[Param]:
        if signature not in self._params:
            self._params[signature] = Reader(signature).params()
        return self._params[signature]

    # ---- one value ----

    def misfits(self, wanted: Type, value: Any) -> set[str]:
        """TYPE, REF, or both: what may be said of it. Nothing: it fits."""
        kind = wanted.kind
        if kind == "union":
            return self._union(wanted, value)
        if kind in ("interface", "fn"):
            return self._reference(wanted, value)
        if kind in ("row", "rows", "frozenset", "list", "set", "dict", "rec"):
            items = self._inside(wanted, value)
            if items is None:
                return {TYPE}
            return set().union(*(self.misfits(inner, each) for inner, each in items))
        return set() if self._is_plain(wanted, value) else {TYPE}

    def _is_plain(self, wanted: Type, value: Any) -> bool:
        kind = wanted.kind
        if kind == "literal":
            return type(value) is type(wanted.value) and value == wanted.value
        if kind == "enum":
            return (
                tag_of(value) == 7
                and len(value) == 3
                and type(value[1]) is str
                and value[1] == wanted.value
                and type(value[2]) is str
                and value[2] in self.document["enums"][wanted.value]
            )
        if kind in EXTS:
            return is_ext(value, EXTS[kind])
        if kind in BYTES:
            return type(value) is bytes
        return {
            "none": lambda: value is None,
            "bool": lambda: type(value) is bool,
            "int": lambda: is_int(value),
            "float": lambda: type(value) is float or is_int(value),
            "str": lambda: type(value) is str,
            "range": lambda: is_range(value),
            "slice": lambda: is_slice(value),
            "data": lambda: is_data(value, self.key_max),
            "ndarray": lambda: is_array(value, wanted.value),
        }[kind]()

    def _inside(self, wanted: Type, value: Any) -> list[tuple[Type, Any]] | None:
        """What stands inside of it, each with the type that it has to have. None: its own form is another."""
        kind, tag = wanted.kind, tag_of(value)
        if kind == "dict":
            if type(value) is not Map and (tag != 8 or len(value) % 2 == 0):
                return None
            pairs = list(value) if type(value) is Map else list(zip(value[1::2], value[2::2], strict=True))
            key, item = wanted.items
            if not all(hashes(each) for each, _ in pairs):
                return None
            return None if len(pairs) > self.key_max else [(key, k) for k, _ in pairs] + [(item, v) for _, v in pairs]
        if type(value) is not list:
            return None
        if kind == "row":
            return list(zip(wanted.items, value, strict=True)) if len(value) == len(wanted.items) else None
        if kind == "rows":
            return [(wanted.items[0], each) for each in value]
        if kind == "rec":
            return self._fields(wanted.value, value)
        if tag != {"frozenset": 1, "list": 2, "set": 3}[kind] or (kind != "list" and len(value) - 1 > self.key_max):
            return None
        if kind != "list" and not hashes(value):
            return None
        return [(wanted.items[0], each) for each in value[1:]]

    def _fields(self, name: str, value: list[Any]) -> list[tuple[Type, Any]] | None:
        fields = self.document["records"][name]
        if tag_of(value) != 6 or len(value) != 2 + len(fields) or value[1] != name:
            return None
        found = []
        for (_, text), each in zip(sorted(fields.items()), value[2:], strict=True):
            may_miss = text.endswith("=?")
            if not (may_miss and tag_of(each) == 6 and len(each) == 1):
                found.append((self._type(text.removesuffix("=?")), each))
        return found

    def _union(self, wanted: Type, value: Any) -> set[str]:
        every = [self.misfits(each, value) for each in wanted.items]
        if not all(every):
            return set()
        # A reference that does not fit where one may stand is told as such; so is nothing that fails everywhere for another reason.
        may = {REF} if any(REF in each for each in every) else set()
        return may | ({TYPE} if all(TYPE in each for each in every) else set())

    def _reference(self, wanted: Type, value: Any) -> set[str]:
        if is_ext(value, MINE):
            _, number = struct.unpack(">QI", value.data)
            is_taken = wanted.kind == "fn" or wanted.text in self.imports
            return set() if is_taken and number == 0 else {REF}
        if is_ext(value, YOURS):
            have = self.exported.get(*struct.unpack(">Q", value.data))
            return set() if have is not None and self.accepts(wanted.text, have) else {REF}
        return {TYPE}

    def accepts(self, wanted: str, have: str) -> bool:
        return have == wanted or have in self.document.get("accepts", {}).get(wanted, [])

    # ---- one call ----

    def faults(
        self, interface: str, name: str, args: Any, kwargs: Any, is_all: bool = True
    ) -> tuple[set[tuple[str, int]], int]:
        """What may be said of the call, each with the place of the parameter (-1: none); and which signature admits it (-1: none does)."""
        body = self.interfaces[interface]
        if name in ("__getattr__", "__setattr__"):
            return self._attribute(body, name, args, kwargs) if is_all else {(NAME, -1)}, -1
        signatures = body.get("methods", {}).get(name)
        if signatures is None:
            return {(NAME, -1)}, -1
        if isinstance(signatures, str):
            signatures = [signatures]
        is_call = type(args) is list and type(kwargs) is Map and all(type(key) is str for key, _ in kwargs)
        if not is_call or not is_all:
            return self._shapeless(signatures, args, kwargs), -1
        every = [self._bind(self.params(each), args, kwargs) for each in signatures]
        if set() in every:
            return set(), every.index(set())
        if len(every) == 1:
            return every[0], -1
        found = {(REF, -1)} if any((REF, -1) in each for each in every) else set()
        return found | ({(OVERLOAD, -1)} if all(each != {(REF, -1)} for each in every) else set()), -1

    def _shapeless(self, signatures: list[str], args: Any, kwargs: Any) -> set[tuple[str, int]]:
        """No call at all: that is to be said, or what is wrong with it as far as it is one."""
        found: set[tuple[str, int]] = {(SHAPE, -1)}
        if type(args) is list:
            named = Map(pair for pair in kwargs if type(pair[0]) is str) if type(kwargs) is Map else Map()
            found |= set().union(*(self._bind(self.params(each), args, named) for each in signatures))
            found |= {(OVERLOAD, -1)} if len(signatures) > 1 else set()
        return found

    def _attribute(self, body: dict[str, Any], name: str, args: Any, kwargs: Any) -> set[tuple[str, int]]:
        wanted = 1 if name == "__getattr__" else 2
        listed = body.get("get" if wanted == 1 else "set", {})
        is_call = type(args) is list and len(args) == wanted and type(kwargs) is Map and not kwargs
        if not is_call or type(args[0]) is not str or args[0] not in listed:
            return {(NAME, -1)}
        return {(why, -1) for why in self.misfits(self._type(listed[args[0]]), args[1])} if wanted == 2 else set()

    def _bind(self, params: list[Param], args: list[Any], kwargs: Map) -> set[tuple[str, int]]:
        found: set[tuple[str, int]] = set()
        places = [number for number, param in enumerate(params) if param.kind in ("place", "either")]
        rest = next((number for number, param in enumerate(params) if param.kind == "rest"), -1)
        options = next((number for number, param in enumerate(params) if param.kind == "options"), -1)
        named = {param.name: number for number, param in enumerate(params) if param.kind in ("either", "keyword")}
        given = set(places[: len(args)])
        if len(args) > len(places) and rest < 0:
            found.add((TOO_MANY, -1))
        for value, number in zip(args, places + [rest] * len(args), strict=False):
            if number >= 0:
                found |= self._judge(params, number, value)
        for name, value in kwargs:
            number = named.get(name, options if IDENTIFIER.fullmatch(name) and len(name) <= 255 else -1)
            if number < 0:
                found.add((UNKNOWN, -1))
                continue
            if number in given and number != options:
                found.add((TWICE, number))
            given.add(number)
            found |= self._judge(params, number, value)
        return found | {(MISSING, n) for n, param in enumerate(params) if not param.may_miss and n not in given}

    def _judge(self, params: list[Param], number: int, value: Any) -> set[tuple[str, int]]:
        return {(why, number if why == TYPE else -1) for why in self.misfits(params[number].type, value)}


def loaded(text: bytes, exported: dict[int, str], key_max: int) -> Oracle:
    return Oracle(json.loads(text), exported, key_max)
