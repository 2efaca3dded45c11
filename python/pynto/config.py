"""``pynto.toml`` for a server: its quotas, its classes, and where it listens. The audit reads the same file for what is exposed.

A key that is not known, a value of another type and a number out of range are errors, with the line where they stand.
schemas/pynto-config.json says the same.
"""

from __future__ import annotations

import difflib
import os
import pwd
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pynto import auditlog
from pynto.audit import config as audit_config
from pynto.audit.spelling import is_class, is_member
from pynto.isolation import LIMITS
from pynto.quotas import (
    CLASS_NAME,
    CONNECTIONS_MOST,
    FRACTIONS,
    QUOTAS,
    UID_MOST,
    Quota,
    QuotaClass,
    as_number,
    in_order,
    number_of,
)

__all__ = ["Config", "ConfigError"]

FILE_MAX = 1 << 20  # bytes
COST_MOST = 2**32 - 1
_LIMITS = ("connections", "connections_each", "users", "roots")


class ConfigError(ValueError):
    """The file, the line, the key, and what is wrong with it."""


@dataclass(frozen=True)
class Config:
    """What a pynto.toml says to a server."""

    quotas: Mapping[str, float] = field(default_factory=dict)
    classes: Mapping[str, QuotaClass] = field(default_factory=dict)
    server: Mapping[str, Any] = field(default_factory=dict)  # by the names of SERVER_KEYS
    costs: Mapping[str, int] = field(default_factory=dict)  # module:Class.member -> units of cost_per_second
    roots: Mapping[str, str] = field(default_factory=dict)  # name -> module:object
    isolate: Mapping[str, Any] = field(default_factory=dict)  # by the names of ISOLATE_KEYS

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Config:
        """Reads a file. ConfigError: it is not one, or something in it is not as it has to be. OSError: it cannot be read."""
        with open(path, "rb") as file:
            data = file.read(FILE_MAX + 1)
        return cls.parse(data, path)

    @classmethod
    def parse(cls, data: bytes, path: str | os.PathLike[str] = "pynto.toml") -> Config:
        """The same of what stands in it; paths in it are seen from its folder."""
        where = os.fspath(path)
        if len(data) > FILE_MAX:
            raise ConfigError(f"{where}: larger than {FILE_MAX} bytes")
        try:
            text = data.decode("utf-8")
            document = tomllib.loads(text)
        except (ValueError, RecursionError) as error:  # TOML's says the line by itself
            raise ConfigError(f"{where}: {error}") from None
        try:
            return _config(document, Path(where).absolute().parent)
        except _Wrong as error:
            line = _line_of(text, error.key)
            raise ConfigError(f"{where}:{line}: {'.'.join(error.key)}: {error.why}") from None
        except audit_config.BadInput as error:
            raise ConfigError(f"{where}: {error}") from None


class _Wrong(Exception):
    def __init__(self, key: tuple[str, ...], why: object) -> None:
        self.key = key
        self.why = why


# ---- the values ----


def _table(value: object, key: tuple[str, ...]) -> dict[str, object]:
    if not isinstance(value, dict):
        raise _Wrong(key, "a table is expected")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value or "\0" in value or "\n" in value:
        raise ValueError("a text of one line is expected")
    return value


def _texts(value: object) -> list[str]:
    if not isinstance(value, list):
        raise ValueError("a list of texts is expected")
    return [_text(each) for each in value]


def _addresses(value: object) -> list[str]:
    addresses = [_text(value)] if isinstance(value, str) else _texts(value)
    if not addresses:
        raise ValueError("one address at least is expected")
    return addresses


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false is expected")
    return value


def _whole(least: int, most: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if isinstance(value, bool) or not is_whole or not least <= value <= most:  # type: ignore[operator]
            raise ValueError(f"a whole number from {least:,} to {most:,} is expected")
        return int(value)  # type: ignore[call-overload, no-any-return]

    return read


def _choice(*choices: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if not isinstance(value, str) or value not in choices:
            raise ValueError(f"one of {', '.join(choices)} is expected")
        return value

    return read


def _path(value: object) -> Path:
    return Path(_text(value))


def _paths(value: object) -> list[Path]:
    return [Path(each) for each in _texts(value)]


def _limit(quota: Quota) -> Callable[[object], float]:
    def read(value: object) -> float:
        number = number_of(quota, value)
        return number if quota.unit in FRACTIONS else int(number)

    return read


_connections = _whole(1, CONNECTIONS_MOST)

SERVER_KEYS: dict[str, Callable[[object], Any]] = {
    "listen": _addresses,
    "policy": _path,
    "policy_sha256": _text,
    "state": _path,
    "connections": _connections,
    "per_source": _connections,
    "plain": _flag,
    "ws_hosts": _texts,
    "ws_origins": _texts,
    "audit_log": _path,
    "audit_log_size": _limit(auditlog.SIZE),
    "audit_log_rate": _limit(auditlog.RATE),
    "exit_stuck": _flag,
    "admin": _text,
    "log": _choice("text", "json"),
    "verbose": _flag,
    "metrics": _text,
    "metrics_anywhere": _flag,
}

ISOLATE_KEYS: dict[str, Callable[[object], Any]] = {
    "by": _choice("connection", "class"),
    "read": _paths,
    "write": _paths,
    "network": _flag,
    "best_effort": _flag,
    **{name: _limit(limit) for name, limit in LIMITS.items()},
}


def _user(value: object) -> int:
    if isinstance(value, str):
        try:
            return pwd.getpwnam(_text(value)).pw_uid
        except KeyError:
            raise ValueError(f"there is no user {value!r} on this machine") from None
    return _whole(0, UID_MOST)(value)


def _users(value: object) -> tuple[int, ...]:
    if not isinstance(value, list):
        raise ValueError("a list of users is expected, each by name or number")
    return tuple(_user(each) for each in value)


# ---- the tables ----


def _known(table: Mapping[str, object], keys: Iterable[str], prefix: tuple[str, ...]) -> None:
    keys = list(keys)
    for key in table:
        if key not in keys:
            near = difflib.get_close_matches(key, keys, 1)
            hint = f"did you mean {'.'.join((*prefix, near[0]))}?" if near else f"known are {', '.join(keys)}"
            raise _Wrong((*prefix, key), f"there is no such key; {hint}")


def _read(table: Mapping[str, object], key: str, prefix: tuple[str, ...], read: Callable[[object], Any]) -> Any:
    try:
        return read(table[key])
    except ValueError as error:
        raise _Wrong((*prefix, key), error) from None


def _quotas(table: Mapping[str, object], prefix: tuple[str, ...]) -> dict[str, float]:
    def number(name: str) -> Callable[[object], float]:
        return lambda value: as_number(name, value)

    return in_order({name: _read(table, name, prefix, number(name)) for name in table})


def _class(name: str, value: object) -> QuotaClass:
    key = ("class", name)
    table = _table(value, key)
    if not CLASS_NAME.fullmatch(name):
        raise _Wrong(key, "a class is called by up to 31 letters, digits, dots, lines")
    _known(table, (*QUOTAS, *_LIMITS), key)
    return QuotaClass(
        quotas=_quotas({quota: table[quota] for quota in table if quota not in _LIMITS}, key),
        connections=_read(table, "connections", key, _connections) if "connections" in table else None,
        connections_each=_read(table, "connections_each", key, _connections) if "connections_each" in table else None,
        users=_read(table, "users", key, _users) if "users" in table else (),
        roots=tuple(_read(table, "roots", key, _texts)) if "roots" in table else None,
    )


def _classes(document: Mapping[str, object]) -> dict[str, QuotaClass]:
    classes = {name: _class(name, value) for name, value in _table(document.get("class", {}), ("class",)).items()}
    owner: dict[int, str] = {}
    for name, each in classes.items():
        for user in each.users:
            if owner.setdefault(user, name) != name or each.users.count(user) > 1:
                raise _Wrong(("class", name, "users"), f"user {user} stands twice")
    return classes


def _costs(table: Mapping[str, object]) -> dict[str, int]:
    for name in table:
        owner, _, member = name.rpartition(".")
        if not (is_class(owner) and is_member(member)):
            raise _Wrong(("cost", name), 'an operation is expected, as in "chat:Room.search"')
    return {name: _read(table, name, ("cost",), _whole(0, COST_MOST)) for name in table}


def _isolate(document: Mapping[str, object], folder: Path) -> dict[str, Any]:
    table = _table(document.get("isolate", {}), ("isolate",))
    _known(table, ISOLATE_KEYS, ("isolate",))
    if table and "by" not in table:
        raise _Wrong(("isolate",), "by is missing: connection or class")
    read = {key: _read(table, key, ("isolate",), ISOLATE_KEYS[key]) for key in table}
    return {key: [folder / each for each in value] if isinstance(value, list) else value for key, value in read.items()}


def _config(document: dict[str, Any], folder: Path) -> Config:
    _known(document, (*audit_config.TABLES, *audit_config.SERVER_TABLES), ())
    quotas = _table(document.get("quotas", {}), ("quotas",))
    _known(quotas, QUOTAS, ("quotas",))
    server = _table(document.get("server", {}), ("server",))
    _known(server, SERVER_KEYS, ("server",))
    settings = {key: _read(server, key, ("server",), SERVER_KEYS[key]) for key in server}
    isolate = _isolate(document, folder)
    audited = audit_config.parse(document, folder)
    return Config(
        quotas=_quotas(quotas, ("quotas",)),
        classes=_classes(document),
        costs=_costs(_table(document.get("cost", {}), ("cost",))),
        server={key: folder / value if isinstance(value, Path) else value for key, value in settings.items()},
        roots={root.name: f"{root.module}:{root.object}" for root in audited.roots},
        isolate=isolate,
    )


# ---- where it stands ----

_HEADER = re.compile(r"\s*\[\[?(?P<key>[^\[\]]+)\]\]?\s*(#.*)?")
_PAIR = re.compile(
    r"""\s*(?P<key>(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=.*"""
)


def _parts(key: str) -> tuple[str, ...]:
    """The names of a dotted key, as TOML itself takes them apart."""
    try:
        table: Any = tomllib.loads(f"{key} = 0")
    except ValueError:
        return ()
    parts = []
    while isinstance(table, dict):
        ((name, table),) = table.items()
        parts.append(name)
    return tuple(parts)


def _line_of(text: str, wanted: tuple[str, ...]) -> int:
    """The line where this key is set, or the table that it would stand in; for people: what a text of several lines says may mislead it."""
    best, best_line = 0, 1
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        found = _HEADER.fullmatch(line)
        if found:
            here = table = _parts(found["key"])
        elif pair := _PAIR.fullmatch(line):
            here = table + _parts(pair["key"])
        else:
            continue
        if len(here) > best and here == wanted[: len(here)]:
            best, best_line = len(here), number
    return best_line
