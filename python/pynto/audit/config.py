"""``pynto.toml``: what a person writes and a regeneration keeps."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from .spelling import is_class, is_identifier, is_member

FILE_NAME = "pynto.toml"
TABLES = ("roots", "policy", "errors", "accept")  # what is read here,
SERVER_TABLES = ("quotas", "class", "cost", "server", "isolate")  # and what pynto.config does

# What never can name beside members: the files of the catalogue, and what cannot be followed.
POWERS = tuple(
    "code control cpu deserialise environment files introspection memory network persistence processes threads "
    "unanalysable".split()
)
_FINGERPRINT = re.compile(r"[0-9a-f]{20}")


class BadInput(Exception):
    """The command cannot be carried out as given: one line that says what to correct."""


@dataclass(frozen=True)
class RootSpec:
    name: str
    module: str  # empty when the type alone says everything
    object: str
    type: str | None = None  # a type expression that overrides the object's hint


@dataclass(frozen=True)
class Config:
    roots: tuple[RootSpec, ...] = ()
    home: tuple[str, ...] = ()
    allow: dict[str, tuple[str, ...]] = field(default_factory=dict)  # class -> members
    set: frozenset[str] = frozenset()  # "module:Class.attribute"
    deny: frozenset[str] = frozenset()  # "module:Class.member"
    copy: frozenset[str] = frozenset()  # "module:Class", whose instances travel by value, and "module:Class.member"
    python_path: tuple[str, ...] = ()
    errors: dict[str, str] = field(default_factory=dict)  # class -> "type" or "text"
    error_fields: frozenset[str] = frozenset()  # those whose declared fields leave as well
    never: tuple[str, ...] = ()  # powers, and "module:Class.member": what must not be reachable
    accept: dict[str, str] = field(default_factory=dict)  # fingerprint of a finding -> why it is meant


def parse_root(text: str, type_: str | None = None) -> RootSpec:
    """``[NAME=]module:object``; the name defaults to the last component of the object."""
    name, equals, target = text.rpartition("=")
    module, _, object_ = target.partition(":")
    if not is_class(target):
        raise BadInput(f"{text!r} is not a root: [NAME=]module:object is expected, as in chat:Room")
    name = name if equals else object_.rpartition(".")[2]
    if not is_identifier(name):
        raise BadInput(f"{name!r} is not a name for a root: an ASCII identifier is expected")
    return RootSpec(name, module, object_, type_)


def load(path: Path) -> Config:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from error
    except ValueError as error:  # of TOML, and of UTF-8
        raise BadInput(f"{path}: {error}") from error
    try:
        return parse(document, path.parent)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error


def find(explicit: str | None, directory: Path) -> Config:
    """The config that was named, or the one in the directory, or an empty one."""
    if explicit is not None:
        return load(Path(explicit))
    path = directory / FILE_NAME
    return load(path) if path.exists() else Config()


def parse(document: dict[str, object], base: Path) -> Config:
    """What stands in the file, which is in the folder base."""
    _known(document, (*TABLES, *SERVER_TABLES), "")
    policy = _table(document, "policy")
    _known(policy, ("home", "allow", "set", "deny", "copy", "never", "python_path"), "policy.")
    errors = _table(document, "errors")
    _known(errors, ("text", "type", "fields"), "errors.")
    fields = frozenset(_classes(errors, "fields"))
    return Config(
        roots=tuple(_root(name, value) for name, value in _table(document, "roots").items()),
        home=_names(policy, "home", "policy.home"),
        allow=_allow(_table(policy, "allow")),
        set=frozenset(_members(policy, "set")),
        deny=frozenset(_members(policy, "deny")),
        copy=_copy(policy),
        python_path=tuple(str(base / entry) for entry in _strings(policy, "python_path", "policy.python_path")),
        errors=dict.fromkeys(sorted(fields), "type") | _errors(errors),
        error_fields=fields,
        never=_never(policy),
        accept=_accept(document),
    )


def _known(table: dict[str, object], keys: Iterable[str], prefix: str) -> None:
    keys = list(keys)
    for key in table:
        if key not in keys:
            near = difflib.get_close_matches(key, keys, 1)
            hint = f"; did you mean {prefix}{near[0]}?" if near else f" (known: {', '.join(keys)})"
            raise BadInput(f"unknown key {prefix}{key}{hint}")


def _table(document: dict[str, object], key: str) -> dict[str, object]:
    value = document.get(key, {})
    if not isinstance(value, dict):
        raise BadInput(f"{key} is not a table")
    return value


def _strings(table: dict[str, object], key: str, place: str) -> list[str]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise BadInput(f"{place} is not a list of strings")
    return value


def _names(table: dict[str, object], key: str, place: str) -> tuple[str, ...]:
    names = _strings(table, key, place)
    for name in names:
        if not all(map(is_identifier, name.split("."))):
            raise BadInput(f"{place}: {name!r} is not the name of a module or package")
    return tuple(names)


def _members(policy: dict[str, object], key: str) -> list[str]:
    entries = _strings(policy, key, f"policy.{key}")
    for entry in entries:
        owner, _, member = entry.rpartition(".")
        if not (is_class(owner) and is_member(member)):
            raise BadInput(f"policy.{key}: {entry!r} is not a member: module:Class.member is expected")
    return entries


def _copy(policy: dict[str, object]) -> frozenset[str]:
    entries = _strings(policy, "copy", "policy.copy")
    for entry in entries:
        if not is_class(entry):  # module:Class.member is spelled as a class inside of a class is
            raise BadInput(f"policy.copy: {entry!r} is neither module:Class nor module:Class.member")
    return frozenset(entries)


def _never(policy: dict[str, object]) -> tuple[str, ...]:
    entries = _strings(policy, "never", "policy.never")
    for entry in entries:
        owner, _, member = entry.rpartition(".")
        if entry not in POWERS and not (is_class(owner) and is_member(member)):
            raise BadInput(f"policy.never: {entry!r} is neither module:Class.member nor one of {', '.join(POWERS)}")
    return tuple(entries)


def _accept(document: dict[str, object]) -> dict[str, str]:
    entries = document.get("accept", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadInput("accept is not a list of tables: [[accept]]")
    accept: dict[str, str] = {}
    for entry in entries:
        _known(entry, ("finding", "reason"), "accept.")
        fingerprint, reason = entry.get("finding"), entry.get("reason")
        if not isinstance(fingerprint, str) or not _FINGERPRINT.fullmatch(fingerprint):
            raise BadInput("accept: finding is not a fingerprint, as pynto-policy check shows it")
        if not isinstance(reason, str) or not reason.strip():
            raise BadInput(f"accept: {fingerprint} has no reason")
        if fingerprint in accept:
            raise BadInput(f"accept: {fingerprint} stands twice")
        accept[fingerprint] = reason.strip()
    return accept


def _allow(table: dict[str, object]) -> dict[str, tuple[str, ...]]:
    allow = {}
    for name in table:
        if not is_class(name):
            raise BadInput(f"policy.allow: {name!r} is not a class: module:Class is expected")
        allow[name] = tuple(_strings(table, name, f"policy.allow.{name}"))
        for member in allow[name]:
            if not is_member(member):
                raise BadInput(f"policy.allow.{name}: {member!r} cannot be a member of a policy")
    return allow


def _classes(table: dict[str, object], key: str) -> list[str]:
    names = _strings(table, key, f"errors.{key}")
    for name in names:
        if not is_class(name):
            raise BadInput(f"errors.{key}: {name!r} is not a class: module:Class is expected")
    return names


def _errors(table: dict[str, object]) -> dict[str, str]:
    errors: dict[str, str] = {}
    for level in ("type", "text"):
        for name in _classes(table, level):
            if name in errors:
                raise BadInput(f"errors: {name!r} stands twice")
            errors[name] = level
    return errors


def _root(name: str, value: object) -> RootSpec:
    if isinstance(value, str):
        return parse_root(f"{name}={value}")
    if not isinstance(value, dict):
        raise BadInput(f"roots.{name} is neither a string nor a table")
    _known(value, ("object", "type"), f"roots.{name}.")
    target, type_ = value.get("object"), value.get("type")
    if not isinstance(target, str) or not isinstance(type_, str | None):
        raise BadInput(f"roots.{name}: object (and type, if given) must be strings")
    return parse_root(f"{name}={target}", type_)
