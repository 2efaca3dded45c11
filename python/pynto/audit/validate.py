"""Is this file a policy, to the letter? docs/policy.md, rule by rule.

A file is hostile input: it is read once, with a limit, and every string in it is parsed.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Callable, Iterator
from functools import partial

from . import caching, grammar, spelling
from .config import BadInput
from .flow import Flow
from .spelling import SpellingError
from .templates import EXITS, TEMPLATES, THROWS

SIZE_MAX = 16 * 1024 * 1024
NESTING_MAX = 8
ERROR_FIELDS_MAX = 64
FORMAT = 1

Document = dict[str, object]

_KEYS = frozenset("pynto-policy python platform roots interfaces imports accepts records enums errors declared".split())
_REQUIRED = ("pynto-policy", "python", "platform", "roots", "interfaces")
_PARTS = frozenset({"cached", "class", "facet", "get", "set", "methods"})
_PYTHON = re.compile(r"3\.(0|[1-9][0-9]*)")
_PLATFORM = re.compile(r"[a-z0-9_]+")


def read(path: str) -> bytes:
    """The bytes of a regular file, at most SIZE_MAX of them."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise BadInput(f"{path}: not a regular file")
            data = file.read(SIZE_MAX + 1)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from error
    if len(data) > SIZE_MAX:
        raise BadInput(f"{path}: larger than {SIZE_MAX} bytes")
    return data


def parse(data: bytes, path: str) -> tuple[Document, list[str]]:
    """The document, and the objects whose keys are not sorted; bad input if it is not JSON with unique keys."""
    unsorted: list[str] = []

    def pairs(items: list[tuple[str, object]]) -> Document:
        document: Document = {}
        last = ""
        for key, value in items:
            if key in document:
                raise ValueError(f"the key {key!a} stands twice")
            if key < last:
                unsorted.append(f"keys are not sorted: {key!a} stands behind {last!a}")
            document[key], last = value, key
        return document

    try:
        _refuse_depth(data)
        document = json.loads(data.decode("utf-8"), object_pairs_hook=pairs, parse_constant=_refuse_constant)
    except ValueError as error:
        raise BadInput(f"{path}: not a policy: {error}") from error
    if not isinstance(document, dict):
        raise BadInput(f"{path}: not a policy: an object is expected")
    return document, unsorted


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _refuse_depth(data: bytes) -> None:
    """Count brackets outside strings before anything recursive sees them."""
    depth = 0
    for token in re.finditer(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', data, re.DOTALL):
        mark = token.group()
        depth += (mark in (b"[", b"{")) - (mark in (b"]", b"}"))
        if depth > NESTING_MAX:
            raise ValueError(f"nested more than {NESTING_MAX} deep")


def problems(document: Document) -> list[str]:
    """Every way in which the document is not a policy; none if the server may load it."""
    checker = _Checker(document)
    checker.run()
    return checker.problems


class _Checker:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[str] = []
        self._seen: set[tuple[str, Flow]] = set()  # records already followed in that direction

    def run(self) -> None:
        for key in sorted(self.document.keys() - _KEYS):
            self.problem(f"unknown key {key!a}")
        for key in _REQUIRED:
            if key not in self.document:
                self.problem(f"{key} is missing")
        self._header()
        self._records()
        self._enums()
        for section, flow in (("interfaces", Flow.OUT), ("imports", Flow.IN)):
            for name, entry in self.table(section):
                self.guard(f"{section}: {name!a}", partial(self._interface, name, entry, flow))
        self._roots()
        self._accepts()
        self._errors()
        self._declared()

    # Helpers

    def problem(self, text: str) -> None:
        self.problems.append(text)

    def guard(self, place: str, check: Callable[[], None]) -> None:
        try:
            check()
        except SpellingError as error:
            self.problem(f"{place}: {error}")

    def table(self, key: str) -> Iterator[tuple[str, object]]:
        value = self.document.get(key, {})
        if not isinstance(value, dict):
            self.problem(f"{key} is not an object")
            return
        if key in self.document and not value:
            self.problem(f"{key} is empty")
        yield from value.items()

    def has(self, section: str, name: str) -> bool:
        value = self.document.get(section)
        return isinstance(value, dict) and name in value

    # Sections

    def _header(self) -> None:
        version = self.document.get("pynto-policy")
        if version is not None and (type(version) is not int or version != FORMAT):
            self.problem(f"pynto-policy is not {FORMAT}")
        for key, pattern in (("python", _PYTHON), ("platform", _PLATFORM)):
            value = self.document.get(key)
            if value is not None and not (isinstance(value, str) and pattern.fullmatch(value)):
                self.problem(f"{key} is not of the form {pattern.pattern}")

    def _roots(self) -> None:
        roots = list(self.table("roots"))
        for name, value in roots:
            if not spelling.is_identifier(name):
                self.problem(f"roots: {name!a} is not a name")
            if not isinstance(value, str) or not self.has("interfaces", value):
                self.problem(f"roots: {name!a} is not an interface of this policy")

    def _interface(self, name: str, entry: object, flow: Flow) -> None:
        """``flow`` is where results go: out of our objects, in from a client's."""
        interface = grammar.parse_interface(name)
        self._type(interface, flow)
        if not isinstance(entry, dict):
            raise SpellingError("is not an object")
        for key in sorted(entry.keys() - _PARTS):
            raise SpellingError(f"unknown key {key!a}")
        self._runtime(interface, entry)
        for key, at in (("get", flow), ("set", flow.flipped)):
            for member, text in self._part(name, entry, key):
                self.guard(f"{name} {key} {member!a}", partial(self._attribute, text, at))
        for member, value in self._part(name, entry, "methods"):
            self.guard(f"{name} {member!a}", partial(self._method, member, value, flow))
            self.guard(f"{name} {member!a}", partial(self._throw, THROWS.get((interface.name, member), ""), value))
        for member, text in self._part(name, entry, "cached"):
            self.guard(f"{name} cached {member!a}", partial(self._cached, member, text, entry, flow))

    def _runtime(self, interface: spelling.Interface, entry: Document) -> None:
        facet, class_ = entry.get("facet"), entry.get("class")
        if ("facet" in entry) == ("class" in entry) or ("facet" in entry and facet is not True):
            raise SpellingError('either "class" or "facet": true is needed')
        template = TEMPLATES.get(interface.name)
        expected = template.runtime if template is not None else interface.name
        if template is not None and len(interface.args) != len(template.params):
            raise SpellingError(f"{len(template.params)} type argument(s) expected")
        if ("facet" in entry and template is not None) or ("class" in entry and class_ != expected):
            raise SpellingError(f"its class is {expected}")

    def _part(self, name: str, entry: Document, key: str) -> Iterator[tuple[str, object]]:
        value = entry.get(key, {})
        if not isinstance(value, dict) or (key in entry and not value):
            self.problem(f"{name}: {key} is not an object with members")
            return
        for member, item in value.items():
            if not spelling.is_member(member):
                self.problem(f"{name}: {member!a} cannot be a member")
            elif key == "methods" and any(member in _mapping(entry.get(other)) for other in ("get", "set")):
                self.problem(f"{name}: {member!a} is both a method and an attribute")
            else:
                yield member, item

    def _attribute(self, text: object, flow: Flow) -> None:
        if not isinstance(text, str):
            raise SpellingError("a type is a string")
        self._type(grammar.parse_type(text), flow)

    def _method(self, member: str, value: object, flow: Flow) -> None:
        if member in EXITS and value != EXITS[member]:
            raise SpellingError(f"its one signature is {EXITS[member]}")
        signatures = grammar.parse_overloads(value)
        if len({str(signature) for signature in signatures}) != len(signatures):
            raise SpellingError("two overloads are the same")
        for signature in signatures:
            for param in signature.params():
                self._type(param.type, flow.flipped)
            self._type(signature.result, flow)

    def _cached(self, member: str, text: object, entry: Document, flow: Flow) -> None:
        if flow is Flow.IN:
            raise SpellingError("what a client implements is not cached")
        methods, attributes = _mapping(entry.get("methods")), _mapping(entry.get("get"))
        if member not in methods and member not in attributes:
            raise SpellingError("neither a method nor a readable attribute")
        cached = caching.parse(text)
        if member in attributes:
            caching.check(cached, grammar.parse_type(str(attributes[member])))
            return
        caching.check_method(cached, grammar.parse_overloads(methods[member]), self._is_lent)

    def _is_lent(self, type_: spelling.Type) -> bool:
        """Whether a client can pass an object of its own there."""
        return isinstance(type_, spelling.Interface) and self.has("imports", str(type_))

    def _throw(self, parameters: str, value: object) -> None:
        if parameters and not (isinstance(value, str) and value.startswith(parameters)):
            raise SpellingError(f"its one signature begins with {parameters}")

    def _type(self, type_: spelling.Type, flow: Flow) -> None:
        """Everything that the type names is there, in the direction in which it flows."""
        match type_:
            case spelling.Scalar("data") if flow is Flow.OUT:
                raise SpellingError("data flows out")
            case spelling.Fn(args, result):
                for arg in args:
                    self._type(arg.type, flow.flipped)
                self._type(result, flow)
                return
            case spelling.Interface():
                self._named(str(type_), flow)
            case spelling.Enum(name) if not self.has("enums", name):
                raise SpellingError(f"{name} is not in enums")
            case spelling.Record(name):
                self._record(name, flow)
        for part in spelling.parts(type_):
            self._type(part, flow)

    def _named(self, name: str, flow: Flow) -> None:
        if self.has("interfaces", name) or (flow is Flow.IN and self.has("imports", name)):
            return
        raise SpellingError(f"{name} is not in interfaces" + (" or imports" if flow is Flow.IN else ""))

    def _record(self, name: str, flow: Flow) -> None:
        if not self.has("records", name):
            raise SpellingError(f"{name} is not in records")
        if (name, flow) in self._seen:
            return
        self._seen.add((name, flow))
        for text in _mapping(_mapping(self.document.get("records")).get(name)).values():
            self._type(grammar.parse_field(str(text))[0], flow)

    def _records(self) -> None:
        for name, entry in self.table("records"):
            self.guard(f"records: {name!a}", partial(self._fields, name, entry))

    def _fields(self, name: str, entry: object) -> None:
        if not spelling.is_class(name) or not isinstance(entry, dict):
            raise SpellingError("a class and an object of fields are expected")
        for field, text in entry.items():
            if not spelling.is_identifier(field) or field.startswith("_") or not isinstance(text, str):
                raise SpellingError(f"{field!a} is not a field")
            if not spelling.is_data(grammar.parse_field(text)[0]):
                raise SpellingError(f"{field!a} holds a reference")

    def _enums(self) -> None:
        for name, members in self.table("enums"):
            if not spelling.is_class(name):
                self.problem(f"enums: {name!a} is not a class")
            if not all(map(spelling.is_identifier, _sorted_list(members) or [""])):
                self.problem(f"enums: {name!a} needs a sorted list of names")

    def _accepts(self) -> None:
        for name, others in self.table("accepts"):
            if not self.has("interfaces", name):
                self.problem(f"accepts: {name!a} is not in interfaces")
            if not _sorted_list(others):
                self.problem(f"accepts: {name!a} needs a sorted list of other interfaces")
            for other in _sorted_list(others):
                if other == name or not self.has("interfaces", other):
                    self.problem(f"accepts: {name!a} lists {other!a}, which is not another interface")

    def _errors(self) -> None:
        for name, entry in self.table("errors"):
            grant, fields = entry, None
            if isinstance(entry, dict) and entry.keys() == {"fields", "grant"}:
                grant, fields = entry["grant"], entry["fields"]
            if not spelling.is_class(name) or grant not in ("type", "text"):
                self.problem(f'errors: {name!a} needs "type" or "text", or an object of "fields" and "grant"')
            elif fields is not None:
                self.guard(f"errors: {name!a}", partial(self._error_fields, fields))

    def _error_fields(self, fields: object) -> None:
        if not isinstance(fields, dict) or not 1 <= len(fields) <= ERROR_FIELDS_MAX:
            raise SpellingError(f"an object of 1 to {ERROR_FIELDS_MAX} fields is expected")
        for field, text in fields.items():
            if not spelling.is_identifier(field) or field.startswith("_") or not isinstance(text, str):
                raise SpellingError(f"{field!a} is not a field")
            type_ = grammar.parse_type(text)
            if not spelling.is_plain(type_):
                raise SpellingError(f"{field!a} is no plain data")
            self._type(type_, Flow.OUT)

    def _declared(self) -> None:
        for name, entry in self.table("declared"):
            texts = isinstance(entry, dict) and all(isinstance(text, str) for text in entry.values())
            if not spelling.is_class(name) or not texts:
                self.problem(f"declared: {name!a} needs an object of strings")


def _sorted_list(value: object) -> list[str]:
    """The value, if it is a list of strings, sorted, none twice; otherwise an empty list."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return []
    return value if value == sorted(set(value)) else []


def _mapping(value: object) -> Document:
    return value if isinstance(value, dict) else {}
