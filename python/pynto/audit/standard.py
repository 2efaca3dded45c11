"""The members of a standard container for given type arguments: the templates, filled in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from mypy.nodes import TypeInfo
from mypy.types import Instance, TupleType, Type

from . import grammar, spelling
from .build import World
from .flow import Flow
from .members import Refusal
from .signatures import Reading
from .spelling import Param, Signature
from .templates import BY_FULLNAME, TEMPLATES, Operation, Template
from .translate import Translator

_PLACEHOLDER = re.compile(r"\b([TKVSR])\b")


def template_of(instance: Instance) -> Template | None:
    name = BY_FULLNAME.get(instance.type.fullname)
    return TEMPLATES[name] if name is not None else None


class Standard:
    def __init__(self, world: World) -> None:
        self.world = world

    def methods(self, template: Template, instance: Instance, flow: Flow) -> Iterator[tuple[str, list[Reading]]]:
        """Each method with the overloads that can be granted."""
        filler = _Filler(self.world, template, instance)
        table = template.methods | (template.data_methods if filler.is_data() else {})
        for name in sorted(table):
            if readings := list(filler.overloads(table[name], flow)):
                yield name, readings


class _Filler:
    """Puts the type arguments of one instance in the place of T, K, V, S and R."""

    def __init__(self, world: World, template: Template, instance: Instance) -> None:
        self.world = world
        self.arguments: dict[str, Type] = dict(zip(template.params, instance.args, strict=False))

    def is_data(self) -> bool:
        try:
            return all(spelling.is_data(Translator().type(hint, Flow.IN)) for hint in self.arguments.values())
        except Refusal:
            return False

    def overloads(self, operation: Operation, flow: Flow) -> Iterator[Reading]:
        for text in (operation,) if isinstance(operation, str) else operation:
            try:
                yield self._reading(_parsed(text), flow)
            except Refusal:
                continue  # what cannot be granted for these arguments is not offered

    def _reading(self, signature: Signature, flow: Flow) -> Reading:
        translator = Translator()

        def filled(params: Sequence[Param]) -> tuple[Param, ...]:
            return tuple(replace(param, type=self._type(translator, param.type, flow.flipped)) for param in params)

        result = replace(
            signature,
            positional=filled(signature.positional),
            keywords=filled(signature.keywords),
            result=self._type(translator, signature.result, flow),
        )
        return Reading(result, translator.draft)

    def _type(self, translator: Translator, type_: spelling.Type, flow: Flow) -> spelling.Type:
        match type_:
            case spelling.Interface():
                return translator.type(self._hint(type_), flow)
            case spelling.Union(items):
                return spelling.union(self._type(translator, item, flow) for item in items)
            case spelling.Tuple(items):
                return spelling.Tuple(tuple(self._type(translator, item, flow) for item in items))
            case spelling.Many(item):
                return spelling.Many(self._type(translator, item, flow))
            case spelling.FrozenSet(item):
                return spelling.FrozenSet(self._type(translator, item, flow))
            case spelling.Copy(kind, items):
                return spelling.Copy(kind, tuple(self._type(translator, item, flow) for item in items))
            case _:
                return type_

    def _hint(self, type_: spelling.Type) -> Type:
        """The mypy type of a placeholder, of a container of them, or of a tuple of them."""
        match type_:
            case spelling.Tuple(items):
                fallback = Instance(self.world.typeinfo("builtins", "tuple"), [self._hint(items[0])])
                return TupleType([self._hint(item) for item in items], fallback)
            case spelling.Interface(name, args):
                if name.startswith("T:"):
                    return self.arguments[name[2:]]
                return Instance(self._class(name), [self._hint(arg) for arg in args])
            case _:
                raise LookupError(f"a template cannot name {type_} there")

    def _class(self, name: str) -> TypeInfo:
        fullname = next(full for full, short in BY_FULLNAME.items() if short == name)
        module, _, qualname = fullname.rpartition(".")
        return self.world.typeinfo(module, qualname)


def _parsed(text: str) -> Signature:
    """A signature of a template. The placeholders pass for classes of a module T, which sort like them."""
    return grammar.parse_signature(_PLACEHOLDER.sub(r"T:\1", text))
