"""Which fields of an exception leave: the annotated, public attributes of the classes that ``[errors] fields`` lists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mypy.nodes import TypeInfo, Var

from . import spelling
from .build import World
from .config import BadInput, Config
from .findings import Finding, finding
from .flow import Flow
from .members import Refusal, class_name
from .places import Places
from .translate import Translator
from .validate import ERROR_FIELDS_MAX


def imports(config: Config) -> str:
    """What the probe needs, so that mypy reads the classes."""
    modules = sorted({name.partition(":")[0] for name in config.error_fields})
    return "".join(f"import {module}\n" for module in modules)


class Fields:
    """The fields of each listed class, and what is wrong with others."""

    def __init__(self, world: World, names: Iterable[str]) -> None:
        self.findings: list[Finding] = []
        self.classes: dict[str, TypeInfo] = {}
        self._world = world
        self._places = Places(world)
        self.fields = {name: self._read(name) for name in sorted(names)}

    def _read(self, name: str) -> dict[str, str]:
        module, _, qualname = name.partition(":")
        symbol = self._world.symbol(module, qualname)
        info = symbol.node if symbol is not None else None
        if not isinstance(info, TypeInfo) or not info.has_base("builtins.Exception"):
            raise BadInput(f"errors.fields: {name} is no class of exceptions")
        self.classes[name] = info
        found = dict(self._spelled(info))
        if not 1 <= len(found) <= ERROR_FIELDS_MAX:
            text = f"errors.fields: {name} has {len(found)} annotated, public attributes of plain data, not 1 to {ERROR_FIELDS_MAX}"
            self.findings.append(finding("unused-config", text, owner=name))
        return found

    def _spelled(self, info: TypeInfo) -> Iterator[tuple[str, str]]:
        for owner, name, node in _annotated(info):
            try:
                yield name, self._spell(info, node)
            except Refusal as refusal:
                file, line = self._places.of(owner, name)
                text = f"{info.name}.{ascii(name)[1:-1]} does not leave: {refusal.detail}"
                self.findings.append(
                    finding("error-field", text, owner=class_name(owner), member=name, file=file, line=line)
                )

    def _spell(self, info: TypeInfo, node: Var) -> str:
        if not spelling.is_identifier(node.name):
            raise Refusal("error-field", "its name is not ASCII")
        if info.type_vars or node.type is None:
            raise Refusal("error-field", "its class has type parameters")
        type_ = Translator().type(node.type, Flow.OUT)
        if not spelling.is_plain(type_):
            raise Refusal("error-field", f"{type_} is not plain data")
        return str(type_)


def _annotated(info: TypeInfo) -> Iterator[tuple[TypeInfo, str, Var]]:
    """What home classes and libraries declare; what the exceptions of Python itself have is not theirs to give."""
    seen = set()
    for base in info.mro:
        if base.module_name == "builtins":
            continue
        for name, symbol in sorted(base.names.items()):
            node = symbol.node
            if name in seen or name.startswith("_") or not name.isidentifier():
                continue
            seen.add(name)
            if isinstance(node, Var) and not (_is_inferred(node) or node.is_classvar or node.is_property):
                yield base, name, node


def _is_inferred(node: Var) -> bool:
    """``self.x: int = 1`` counts as inferred with mypy, and is declared all the same."""
    return node.is_inferred and not node.explicit_self_type
