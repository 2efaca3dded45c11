"""mypy, used for reading only: one build of an in-memory probe module that names the roots.

This is the one place that sets mypy's options. The user's mypy.ini is not read, since its plugins are code.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from mypy.build import BuildResult
from mypy.build import build as mypy_build
from mypy.errors import CompileError
from mypy.modulefinder import BuildSource
from mypy.nodes import MypyFile, SymbolTableNode, TypeInfo
from mypy.options import Options
from mypy.state import state

from .config import BadInput

PROBE = "pynto_probe"
_OWN = ("pynto",)  # the package that has the decorators

_MESSAGE = re.compile(r"^(?P<file>.*?):(?P<line>\d+)(?::\d+)?: error: (?P<text>.*?)(?:  \[(?P<code>[\w-]+)\])?$")
_IMPORT_CODES = frozenset({"import", "import-not-found", "import-untyped"})
_NO_MODULE = re.compile(r'Cannot find implementation or library stub for module named "([^"]+)"')
_NO_HINTS = re.compile(r'Skipping analyzing "([^"]+)"')


@dataclass(frozen=True)
class Message:
    """An error of mypy."""

    file: str
    line: int
    text: str
    code: str

    @property
    def is_untyped_import(self) -> bool:
        return self.code in _IMPORT_CODES and not _NO_MODULE.search(self.text)


@dataclass(frozen=True)
class Target:
    """What the hints are read for."""

    python: tuple[int, int] = sys.version_info[:2]
    platform: str = sys.platform
    path: tuple[str, ...] = ()
    cache: bool = True
    bodies: tuple[str, ...] | None = (
        None  # the packages whose functions are read as well; mypy's cache has none of that
    )

    @property
    def search(self) -> tuple[str, ...]:
        """Where modules are looked for, ahead of sys.path: as mypy does it."""
        return (os.getcwd(), *self.path)


@dataclass
class World:
    """The modules that mypy has read."""

    result: BuildResult
    messages: list[Message] = field(default_factory=list)

    @property
    def modules(self) -> dict[str, MypyFile]:
        return self.result.files

    def file_of(self, module: str) -> str:
        tree = self.modules.get(module)
        return tree.path if tree is not None else ""

    def is_builtin(self, module: str) -> bool:
        """Whether the module is part of Python: its hints come from mypy's own stubs."""
        return "/typeshed/stdlib/" in Path(self.file_of(module)).as_posix()

    def symbol(self, module: str, qualname: str) -> SymbolTableNode | None:
        """A name of a module, ``Outer.Inner`` included."""
        tree = self.modules.get(module)
        names = tree.names if tree is not None else None
        found: SymbolTableNode | None = None
        for part in qualname.split("."):
            found = names.get(part) if names is not None else None
            if found is None:
                return None
            names = found.node.names if isinstance(found.node, TypeInfo) else None
        return found

    def typeinfo(self, module: str, qualname: str) -> TypeInfo:
        found = self.symbol(module, qualname)
        if found is None or not isinstance(found.node, TypeInfo):
            raise LookupError(f"{module}.{qualname} is not a class that mypy knows")
        return found.node


def read(probe: str, target: Target) -> World:
    """Type-check the probe and everything that it imports."""
    world = _build(probe, target, {})
    if target.cache and _is_stale(world):
        return read(probe, replace(target, cache=False))
    fresh: dict[str, str] = {}
    while bodiless := _bodiless(world, target):
        fresh |= bodiless
        world = _build(probe, target, fresh)
    return world


def _build(probe: str, target: Target, fresh: dict[str, str]) -> World:
    """``fresh``: modules that are read from their file, whatever the cache says, and that file."""
    sources = [BuildSource(None, PROBE, probe)]
    try:
        sources += [BuildSource(file, name, Path(file).read_text("utf-8")) for name, file in sorted(fresh.items())]
        result = mypy_build(sources=sources, options=_options(target))
    except CompileError as error:
        raise BadInput(_blocking(error.messages)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"a module cannot be read: {error}") from error
    return World(result, list(_messages(result.errors)))


def _bodiless(world: World, target: Target) -> dict[str, str]:
    """The modules that came out of the cache, which holds neither bodies nor decorators, and of which either is wanted."""
    graph = world.result.graph
    found = {}
    for name, tree in world.modules.items():
        if tree.is_cache_skeleton and name in graph:
            may_decorate = any(is_within(each, _OWN) for each in graph[name].dependencies) and not is_within(name, _OWN)
            if may_decorate or is_within(name, target.bodies or ()):
                found[name] = graph[name].path or ""
    return {name: file for name, file in found.items() if file.endswith(".py")}


def is_within(module: str, packages: Iterable[str]) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)


def _is_stale(world: World) -> bool:
    """Whether the cache was believed for a file that is another one now.

    mypy compares sizes and whole seconds: an edit within the second that keeps the size would go unseen for ever.
    """
    digest = world.result.manager.fscache.hash_digest
    for name, module in world.result.graph.items():
        cached = module.meta_source_hash if not module.source_hash else None
        if cached and module.path and not world.is_builtin(name) and digest(module.path) != cached:
            return True
    return False


@contextmanager
def strictly() -> Iterator[None]:
    """Outside a build mypy forgets that Optional is strict: expanding ``T | None`` would silently give ``T``."""
    with state.strict_optional_set(True):
        yield


def _options(target: Target) -> Options:
    options = Options()
    options.python_version = target.python
    options.platform = target.platform
    options.python_executable = sys.executable  # else third-party types become Any
    options.mypy_path = [*target.path, *_own_folder()]
    options.follow_imports = "normal"
    options.no_silence_site_packages = True  # all of sys.path counts as such: errors in home modules would be lost
    options.namespace_packages = True
    options.show_traceback = True  # an internal error is raised, not printed
    options.raise_exceptions = True
    options.hide_error_codes = False
    options.error_summary = False
    options.show_error_context = False
    options.pretty = False
    options.sqlite_cache = False  # files are replaced atomically: two commands may run at once
    options.export_types = options.preserve_asts = target.bodies is not None
    cache = cache_directory(target) if target.cache else None
    options.incremental = cache is not None
    options.cache_dir = cache if cache is not None else os.devnull
    return options


def _own_folder() -> list[str]:
    """Where ``import pynto`` leads in a source tree; an installed package is found by itself, and refused here."""
    folder = Path(__file__).resolve().parents[2]
    return [] if folder.name in ("site-packages", "dist-packages") else [str(folder)]


def cache_directory(target: Target) -> str | None:
    """A private folder for mypy's cache, one for each project: what stands there is believed."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    project = hashlib.sha256("\0".join((os.getcwd(), *target.path)).encode("utf-8", "surrogateescape")).hexdigest()
    path = os.path.join(base, "pynto", "mypy", project[:16])
    try:
        os.makedirs(base, exist_ok=True)
        for folder in (os.path.dirname(os.path.dirname(path)), os.path.dirname(path), path):
            if not os.path.isdir(folder):
                os.mkdir(folder, 0o700)
            if not _is_private(folder):
                return None
    except OSError:
        return None
    return path


def _is_private(folder: str) -> bool:
    status = os.lstat(folder)
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o077


def _messages(lines: list[str]) -> Iterator[Message]:
    for line in lines:
        if found := _MESSAGE.match(line):
            yield Message(found["file"], int(found["line"]), found["text"], found["code"] or "")


def missing_module(message: Message) -> str | None:
    """Why the probe could not import a module, if that is what the message says."""
    if found := _NO_MODULE.search(message.text):
        return f"there is no module {found[1]} here or on the search path (--path adds to it)"
    if found := _NO_HINTS.search(message.text):
        return f"the module {found[1]} has no type hints: it lacks a py.typed marker, or stubs"
    return None


def _blocking(messages: list[str]) -> str:
    """The first line that says why mypy gave up."""
    for line in messages:
        if found := _MESSAGE.match(line):
            return f"{found['file']}:{found['line']}: {found['text']}"
    return messages[0] if messages else "mypy gave up without saying why"
