"""Where a policy starts: the probe module that makes mypy read the roots, and the types that it finds for them."""

from __future__ import annotations

import ast
import builtins
import collections.abc
import typing
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mypy.nodes import FuncDef, OverloadedFuncDef, TypeInfo, Var
from mypy.types import AnyType, Instance, Type, TypeOfAny

from .build import Message, Target, World, missing_module
from .config import BadInput, RootSpec
from .declared import locate

_TYPING = frozenset(typing.__all__) | frozenset(collections.abc.__all__)


@dataclass(frozen=True)
class Root:
    name: str
    hint: Type
    spec: RootSpec


def probe(specs: Iterable[RootSpec], target: Target) -> str:
    """A module that imports what the roots need and declares one variable for each type expression."""
    lines = []
    for index, spec in enumerate(specs):
        if spec.module:
            lines.append(f"import {spec.module}")
        if spec.type is not None:
            lines += _declaration(index, spec, spec.type, target)
    return "".join(f"{line}\n" for line in lines)


def _declaration(index: int, spec: RootSpec, text: str, target: Target) -> list[str]:
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        if isinstance(tree, ast.Constant) and isinstance(tree.value, str):  # a forward reference
            tree = ast.parse(tree.value.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise BadInput(f"root {spec.name}: {text!r} is not a type expression") from error
    imports = sorted(set(_imports(tree, spec.module, target)))
    return [*imports, f"root{index}: {ast.unparse(tree)}"]


def _imports(tree: ast.expr, module: str, target: Target) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield from _module_imports(ast.unparse(node), target)
        elif isinstance(node, ast.Name) and not hasattr(builtins, node.id):
            if _is_prefix(tree, node):
                continue
            source = "typing" if node.id in _TYPING else module
            yield f"from {source} import {node.id}"


def _module_imports(dotted: str, target: Target) -> Iterator[str]:
    """The longest prefix of a dotted name that is a module."""
    parts = dotted.split(".")
    for count in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:count])
        if locate(name, target.search) is not None or count == 1:
            yield f"import {name}"
            return


def _is_prefix(tree: ast.expr, name: ast.Name) -> bool:
    """Whether the name stands only ahead of a dot."""
    return any(isinstance(node, ast.Attribute) and node.value is name for node in ast.walk(tree))


def check_probe(world: World, specs: Iterable[RootSpec], file: str = "<string>") -> None:
    """Turn what mypy says about the probe into one line."""
    own = [message for message in world.messages if message.file == file]
    for message in own:
        if reason := missing_module(message):
            raise BadInput(reason)
    if own:
        types = ", ".join(spec.type for spec in specs if spec.type)
        raise BadInput(f"the type of a root ({types}) cannot be read: {_first(own)}")


def _first(messages: list[Message]) -> str:
    return messages[0].text


def resolve(world: World, specs: Iterable[RootSpec], probe_module: str) -> list[Root]:
    return [
        Root(spec.name, _declared(world, probe_module, index) if spec.type else _hint(world, spec), spec)
        for index, spec in enumerate(specs)
    ]


def _declared(world: World, probe_module: str, index: int) -> Type:
    symbol = world.symbol(probe_module, f"root{index}")
    assert symbol is not None and isinstance(symbol.node, Var) and symbol.node.type is not None
    return symbol.node.type


def _hint(world: World, spec: RootSpec) -> Type:
    """A class stands for an instance of it, a variable for its declared type."""
    label = f"{spec.module}:{spec.object}"
    symbol = world.symbol(spec.module, spec.object)
    node = symbol.node if symbol is not None else None
    if node is None:
        raise BadInput(f"the module {spec.module} has no {spec.object}")
    if isinstance(node, TypeInfo):
        arguments = [AnyType(TypeOfAny.from_omitted_generics) for _ in node.type_vars]
        return Instance(node, arguments)
    if isinstance(node, Var):
        if node.type is None or node.is_inferred:
            raise BadInput(f"{label} has no declared type: annotate it, or give one with --type")
        return node.type
    if isinstance(node, FuncDef | OverloadedFuncDef):
        raise BadInput(f"{label} is a function: a root is a class, or a variable with a declared type")
    raise BadInput(f"{label} is neither a class nor a variable with a declared type")
