"""What the audit reads off a module's text: where the type checker was told to look away, and shared defaults."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .declared import Function, parsed, stamp_of

_IGNORE = re.compile(r"#\s*(type:\s*ignore\b|mypy:)")
_WORDS = ("cast", "Annotated")
_MUTABLE_CALLS = frozenset({"list", "dict", "set", "bytearray", "deque", "defaultdict"})


@dataclass(frozen=True)
class Remark:
    """A place in a file that weakens what the hints say: the id of the finding, and what stands there."""

    id: str
    line: int
    text: str


def remarks(file: str) -> list[Remark]:
    """Every ``type: ignore`` (and ``mypy:`` option), ``cast`` and ``Annotated`` of a file, in the order of its lines."""
    data = Path(file).read_bytes()
    text = _text(data)
    found = [*_ignores(data)] if _IGNORE.search(text) else []
    if not text.isascii() or any(word in text for word in _WORDS):  # other letters may stand for these, in names
        found += _of_tree(parsed(file, stamp_of(file)))
    return sorted(found, key=lambda remark: (remark.line, remark.id))


def _text(data: bytes) -> str:
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    return data.decode(encoding)


def _ignores(data: bytes) -> Iterator[Remark]:
    for token in tokenize.tokenize(io.BytesIO(data).readline):
        if token.type == tokenize.COMMENT and _IGNORE.search(token.string):
            yield Remark("type-ignore", token.start[0], token.string)


def _of_tree(tree: ast.Module) -> Iterator[Remark]:
    names = _typing_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _refers(node.func, "cast", names):
            yield Remark("cast", node.lineno, ast.unparse(node))
        elif isinstance(node, ast.Subscript) and _refers(node.value, "Annotated", names):
            yield Remark("annotated-constraint", node.lineno, ast.unparse(node))


def _typing_names(tree: ast.Module) -> dict[str, str]:
    """What names from typing are called in this module."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in ("typing", "typing_extensions"):
            names |= {alias.asname or alias.name: alias.name for alias in node.names}
            names |= {name: name for name in ("cast", "Annotated") if "*" in names}
        elif isinstance(node, ast.Import):
            names |= {alias.asname or alias.name: "" for alias in node.names if alias.name.startswith("typing")}
    return names


def _refers(node: ast.expr, wanted: str, names: dict[str, str]) -> bool:
    if isinstance(node, ast.Name):
        return names.get(node.id) == wanted
    return (
        isinstance(node, ast.Attribute)
        and node.attr == wanted
        and isinstance(node.value, ast.Name)
        and names.get(node.value.id) == ""
    )


def mutable_defaults(functions: list[Function]) -> Iterator[tuple[int, str]]:
    """The parameters whose default is a list, dict or set that all calls share: line and name."""
    for function in functions:
        args = function.args
        positional = [*args.posonlyargs, *args.args]
        pairs = list(zip(positional[len(positional) - len(args.defaults) :], args.defaults, strict=True))
        pairs += [(arg, default) for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True) if default]
        yield from ((default.lineno, arg.arg) for arg, default in pairs if _is_mutable(default))


def _is_mutable(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return ast.unparse(node.func).rpartition(".")[2] in _MUTABLE_CALLS
    return isinstance(node, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp)
