"""What the functions of libraries can do: the catalogue of powers, and how a name is looked up in it.

The catalogue is data, in ``policy/catalogue``: one file for each power, and ``quiet.toml`` for what has none. The longest
name that fits decides: ``os.path.join`` is quiet though ``os.*`` is not. What no name fits is not in the catalogue, and the
audit says so.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

TEXT, NUMBER, ANY = "text", "number", "any"

_KEYS = frozenset({"power", "client", "reached", "grave", "quietly", TEXT, NUMBER, ANY, "mildly"})

# Where mypy finds a function is not always where a person imports it from, and differs between its versions.
_MODULES = {
    "posix": "os",
    "nt": "os",
    "posixpath": "os.path",
    "ntpath": "os.path",
    "genericpath": "os.path",
    "_frozen_importlib": "importlib",
    "_frozen_importlib_external": "importlib",
    "_collections_abc": "collections.abc",
    "_typeshed": "_typeshed",
}
_FLAT = {
    "asyncio": frozenset(
        "base_events events exceptions futures locks queues runners streams subprocess tasks taskgroups threads timeouts "
        "transports unix_events".split()
    ),
    "concurrent.futures": frozenset({"_base", "process", "thread"}),
    "json": frozenset({"decoder", "encoder"}),
    "multiprocessing": frozenset({"context", "pool", "process", "managers", "queues", "synchronize"}),
    "importlib": frozenset({"_abc", "_bootstrap"}),
    "sqlite3": frozenset({"dbapi2"}),
}


@dataclass(frozen=True)
class Entry:
    """One function of one power. ``args``: whose value gives the client the power: positions, names, self, or all (*)."""

    power: str
    name: str
    args: frozenset[str]
    kind: str  # TEXT, NUMBER or ANY: what of a value matters
    client: str  # how bad it is that a client's value gets there; empty: not reported
    reached: str  # and that the call is reached at all

    @property
    def takes_all(self) -> bool:
        return "*" in self.args


class Catalogue:
    def __init__(self, entries: Iterable[Entry], quiet: Iterable[str]) -> None:
        self.entries: dict[str, list[Entry]] = {}
        for entry in entries:
            self.entries.setdefault(entry.name, []).append(entry)
        self.quiet = frozenset(quiet)
        self._known: dict[tuple[str, ...], list[Entry] | None] = {}

    def lookup(self, names: Iterable[str]) -> list[Entry] | None:
        """The entries for a call that goes by any of these names, the nearest class first; None if it is not known."""
        asked = tuple(names)
        if asked not in self._known:
            self._known[asked] = self._lookup(asked)
        return self._known[asked]

    def _lookup(self, names: tuple[str, ...]) -> list[Entry] | None:
        canonical = [canonical_name(name) for name in names]
        for pattern in (*canonical, *_wildcards(canonical)):
            if pattern in self.entries:
                return self.entries[pattern]
            if pattern in self.quiet:
                return []
        return None

    @property
    def powers(self) -> frozenset[str]:
        return frozenset(entry.power for entries in self.entries.values() for entry in entries)


def canonical_name(fullname: str) -> str:
    """``_pickle.loads`` and ``posixpath.join`` under the names by which people know them."""
    first, dot, rest = fullname.partition(".")
    name = _MODULES.get(first, first.lstrip("_") or first) + dot + rest
    for package, parts in _FLAT.items():
        if name.startswith(f"{package}."):
            inner, _, last = name[len(package) + 1 :].partition(".")
            if inner in parts and last:
                return f"{package}.{last}"
    return name


def _wildcards(names: list[str]) -> list[str]:
    """``a.b.*`` ahead of ``a.*``, for each name."""
    found = []
    for name in names:
        parts = name.split(".")
        found += [(count, ".".join(parts[:count]) + ".*") for count in range(len(parts) - 1, 0, -1)]
    return [pattern for _, pattern in sorted(found, key=lambda each: -each[0])]


@functools.cache
def standard() -> Catalogue:
    """The catalogue that comes with Pynto."""
    entries: list[Entry] = []
    quiet: list[str] = []
    for path in sorted(folder().glob("*.toml")):
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        if "names" in document:
            quiet += document["names"]
        else:
            entries += _entries(document, path.name)
    return Catalogue(entries, quiet)


def folder() -> Path:
    """Beside this module where Pynto is installed; in ``policy`` in a source tree."""
    installed = Path(__file__).parent / "catalogue"
    return installed if installed.is_dir() else Path(__file__).parents[3] / "policy" / "catalogue"


def _entries(document: dict[str, object], file: str) -> Iterable[Entry]:
    if unknown := document.keys() - _KEYS:
        raise ValueError(f"{file}: unknown keys {sorted(unknown)}")
    power, grave = str(document["power"]), _strings(document.get("grave", []))
    quietly = document.get("quietly", {})
    silent = _strings(quietly.get("names", []) if isinstance(quietly, dict) else [])
    for table in (TEXT, NUMBER, ANY, "mildly"):
        listed = document.get(table, {})
        assert isinstance(listed, dict)
        for name, args in listed.items():
            yield Entry(
                power,
                name,
                frozenset(args.split()),
                ANY if table == "mildly" else table,
                "info" if table == "mildly" else str(document["client"]),
                "error" if name in grave else "" if name in silent else str(document["reached"]),
            )


def _strings(value: object) -> frozenset[str]:
    return frozenset(value) if isinstance(value, list) else frozenset()
