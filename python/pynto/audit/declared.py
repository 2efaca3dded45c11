"""The hints as they stand in the source, and whether they still are what a policy was made from.

Only source text is read: no module of the user is imported, and mypy is not needed. The generator writes what
``class_source`` finds into the policy's ``declared``; the server calls ``drift`` before it starts.
"""

from __future__ import annotations

import ast
import collections
import functools
import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef

BASES = ""  # the key under which a class says what it derives from


@dataclass
class ClassSource:
    """One class as its file has it: each member's text and line."""

    line: int
    members: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    assigned: list[str] = field(default_factory=list)  # names with a value and no annotation, as in an Enum
    functions: dict[str, list[Function]] = field(default_factory=dict)


def locate(module: str, path: Iterable[str] | None = None) -> str | None:
    """The source file of a module, found without importing it or its parents."""
    folders = [entry or os.getcwd() for entry in (*(path or ()), *sys.path)]
    first, *rest = module.split(".")
    file, folders = _find(first, folders)
    if file is None and not folders:
        file, folders = _installed(first)
    for name in rest:
        file, folders = _find(name, folders)
    return file if file is not None and file.endswith(".py") else None


def _find(name: str, folders: Iterable[str]) -> tuple[str | None, list[str]]:
    """A module or package in some folders: its file, and where its own modules are."""
    portions = []  # of a namespace package
    for folder in folders:
        base = os.path.join(folder, name)
        if os.path.isfile(package := os.path.join(base, "__init__.py")):
            return package, [base]
        if os.path.isfile(f"{base}.py"):
            return f"{base}.py", []
        if os.path.isdir(base):
            portions.append(base)
    return None, portions


def _installed(name: str) -> tuple[str | None, list[str]]:
    """A top-level module that only an import hook knows, such as that of an editable install."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None, []
    if spec is None:
        return None, []
    return spec.origin, list(spec.submodule_search_locations or ())


def source_of(module: str, qualname: str, path: Iterable[str] | None = None) -> dict[str, str]:
    """What a class declares: member -> normalised text, its bases under the empty key; empty if it cannot be found.

    ``module`` is a dotted name, or the path of a source file.
    """
    file = module if module.endswith(".py") else locate(module, path)
    found = class_source(file, qualname) if file else None
    return found.members if found else {}


def class_source(file: str, qualname: str) -> ClassSource | None:
    return _classes(file, stamp_of(file)).get(qualname)


def drift(policy: dict[str, object], *, path: list[str] | None = None) -> list[str]:
    """Sentences that say where the source no longer is what the policy was made from; none if it still is."""
    return [sentence for name in sorted(_mapping(policy, "declared")) for sentence in _class_drift(policy, name, path)]


def _class_drift(policy: dict[str, object], name: str, path: list[str] | None) -> Iterator[str]:
    was = _mapping(_mapping(policy, "declared"), name)
    module, _, qualname = name.partition(":")
    if locate(module, path) is None:
        yield f"{name} is gone: there is no source of the module {module}"
        return
    now = source_of(module, qualname, path)
    if not now:
        yield f"{name} is gone"
        return
    for member in sorted(was):
        label = f"{name}.{member}" if member else f"{name} itself"
        if member not in now:
            yield f"{label} is gone"
        elif now[member] != was[member]:
            yield f"{label} was {was[member]}, is {now[member]}"
    if _is_data(policy, name):
        new = sorted(member for member in now.keys() - was.keys() if is_value(member, now[member]))
        yield from (f"{name}.{member} is new" for member in new)


def _is_data(policy: dict[str, object], name: str) -> bool:
    """Whether the class travels by value, so that what is added to it changes what is sent."""
    if name in _mapping(policy, "records") or name in _mapping(policy, "enums"):
        return True
    exposed = {interface.partition("[")[0] for key in ("interfaces", "imports") for interface in _mapping(policy, key)}
    return name not in exposed and _is_record_base(policy, name)


def _is_record_base(policy: dict[str, object], name: str) -> bool:
    """Whether a record names this class among its bases: the fields of both travel."""
    declared, last = _mapping(policy, "declared"), name.rpartition(":")[2].rpartition(".")[2]
    bases = (str(_mapping(declared, record).get(BASES, "")) for record in _mapping(policy, "records"))
    return any(
        last in text.replace("(", " ").replace(")", " ").replace(",", " ").replace(".", " ").split() for text in bases
    )


def is_value(member: str, text: str) -> bool:
    """Whether the text is that of a public field (``no: int``) or of a member of an Enum (``RED``)."""
    return bool(member) and not member.startswith("_") and (text == member or text.startswith(f"{member}: "))


def _mapping(document: dict[str, object], key: str) -> dict[str, object]:
    value = document.get(key, {})
    return value if isinstance(value, dict) else {}


# Reading a file

_NESTING = ("body", "handlers", "orelse", "finalbody", "cases")


def stamp_of(file: str) -> tuple[int, int]:
    """What tells two versions of a file apart."""
    try:
        status = os.stat(file)
    except OSError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=64)
def parsed(file: str, stamp: tuple[int, int]) -> ast.Module:
    return ast.parse(Path(file).read_bytes())


@functools.lru_cache(maxsize=256)
def _classes(file: str, stamp: tuple[int, int]) -> dict[str, ClassSource]:
    """Every class of a file by its qualified name; classes inside functions have none."""
    try:
        tree = parsed(file, stamp)
    except (OSError, SyntaxError, ValueError):
        return {}
    found: dict[str, ClassSource] = {}
    _collect(tree.body, "", found)
    return found


def _collect(body: list[ast.stmt], prefix: str, found: dict[str, ClassSource]) -> None:
    for statement in _statements(body):
        if isinstance(statement, ast.ClassDef):
            found[prefix + statement.name] = _class(statement)
            _collect(statement.body, f"{prefix}{statement.name}.", found)


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a body, those under if, try and with included."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If | ast.Try | ast.With):
            yield from _statements(statement.body)
            yield from _statements(getattr(statement, "orelse", []))
            for handler in getattr(statement, "handlers", []):
                yield from _statements(handler.body)
            yield from _statements(getattr(statement, "finalbody", []))


def _inner(function: Function) -> Iterator[ast.AST]:
    """Every statement inside, level by level as ast.walk goes, without the expressions: those are most of a tree."""
    queue: collections.deque[ast.AST] = collections.deque([function])
    while queue:
        node = queue.popleft()
        yield node
        for name in _NESTING:
            queue.extend(getattr(node, name, ()))


def _class(node: ast.ClassDef) -> ClassSource:
    source = ClassSource(node.lineno)
    bases = [ast.unparse(base) for base in node.bases] + [ast.unparse(keyword) for keyword in node.keywords]
    source.members[BASES] = f"{_decorators(node)}{_type_params(node)}({', '.join(bases)})"
    for statement in _statements(node.body):
        if isinstance(statement, Function):
            source.functions.setdefault(statement.name, []).append(statement)
            source.lines.setdefault(statement.name, statement.lineno)
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            _attribute(source, statement.target.id, statement)
        elif isinstance(statement, ast.Assign):
            _assigned(source, statement)
    for name, functions in source.functions.items():
        source.members[name] = " ; ".join(map(_function, _declaring(functions)))
        for function in functions:
            _own_attributes(source, function)
    return source


def _assigned(source: ClassSource, statement: ast.Assign) -> None:
    for target in statement.targets:
        if isinstance(target, ast.Name) and not target.id.startswith("_"):
            source.assigned.append(target.id)
            source.members.setdefault(target.id, target.id)
            source.lines.setdefault(target.id, statement.lineno)


def _own_attributes(source: ClassSource, function: Function) -> None:
    """``self.title: str = ...`` in a method."""
    positional = [*function.args.posonlyargs, *function.args.args]
    if not positional:
        return
    for node in _inner(function):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Attribute):
            owner = node.target.value
            if isinstance(owner, ast.Name) and owner.id == positional[0].arg:
                _attribute(source, node.target.attr, node)


def _attribute(source: ClassSource, name: str, node: ast.AnnAssign) -> None:
    source.members.setdefault(name, f"{name}: {ast.unparse(node.annotation)}")
    source.lines.setdefault(name, node.lineno)


def _declaring(functions: list[Function]) -> list[Function]:
    """The overloads without their implementation, or else everything under that name."""
    overloads = [function for function in functions if any(map(_is_overload, function.decorator_list))]
    return overloads or functions


def _is_overload(decorator: ast.expr) -> bool:
    return ast.unparse(decorator).rpartition(".")[2] == "overload"


def _function(node: Function) -> str:
    asynchronous = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
    result = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"{_decorators(node)}{asynchronous}{_type_params(node)}({_arguments(node.args)}){result}"


def _type_params(node: Function | ast.ClassDef) -> str:
    """``[T: (int, str), S = int]`` of PEP 695 and 696: bounds and defaults are part of what is declared."""
    params = getattr(node, "type_params", [])
    return f"[{', '.join(map(ast.unparse, params))}]" if params else ""


def _arguments(args: ast.arguments) -> str:
    """The parameters with their defaults hidden."""
    hidden = ast.Constant(value=...)
    return ast.unparse(
        ast.arguments(
            posonlyargs=args.posonlyargs,
            args=args.args,
            vararg=args.vararg,
            kwonlyargs=args.kwonlyargs,
            kw_defaults=[hidden if default else None for default in args.kw_defaults],
            kwarg=args.kwarg,
            defaults=[hidden for _ in args.defaults],
        )
    )


def _decorators(node: Function | ast.ClassDef) -> str:
    return "".join(f"@{ast.unparse(decorator)} " for decorator in node.decorator_list)
