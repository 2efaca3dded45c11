"""Sorting classes: which travel by value, which may never leave, which have a template."""

from __future__ import annotations

import importlib
import sys
import threading  # noqa: F401  (see exists_at_run_time)
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from mypy.nodes import FuncDef, TypeInfo, Var
from mypy.types import Instance, Type, TypedDictType, get_proper_type

from .members import Refusal, class_name

SCALARS = {
    "builtins.bool": "bool",
    "builtins.int": "int",
    "builtins.float": "float",
    "builtins.complex": "complex",
    "builtins.str": "str",
    "builtins.bytes": "bytes",
    "builtins.range": "range",
    "builtins.slice": "slice",
    "datetime.datetime": "datetime",
    "datetime.date": "date",
    "datetime.time": "time",
    "datetime.timedelta": "timedelta",
    "decimal.Decimal": "decimal",
    "_decimal.Decimal": "decimal",
    "uuid.UUID": "uuid",
    "builtins.bytearray": "bytearray",
    "builtins.memoryview": "memoryview",
    "collections.abc.Buffer": "buffer",
    "_collections_abc.Buffer": "buffer",
    "typing_extensions.Buffer": "buffer",
}
COROUTINES = frozenset({"typing.Coroutine", "types.CoroutineType"})

# Never, in any position: what leads from an object to the interpreter.
_FORBIDDEN = frozenset(
    {
        "builtins.type",
        "builtins.BaseException",
        "builtins.function",
        "builtins.property",
        "builtins.classmethod",
        "builtins.staticmethod",
        "builtins.super",
        *(
            f"types.{name}"
            for name in (
                "ModuleType FunctionType LambdaType CodeType FrameType TracebackType CellType MethodType "
                "BuiltinFunctionType BuiltinMethodType WrapperDescriptorType MethodWrapperType MethodDescriptorType "
                "ClassMethodDescriptorType GetSetDescriptorType MemberDescriptorType GeneratorType CoroutineType "
                "AsyncGeneratorType GenericAlias UnionType"
            ).split()
        ),
        "typing.Coroutine",
        "importlib.machinery.ModuleSpec",
        "_frozen_importlib.ModuleSpec",
        "inspect.FrameInfo",
        "inspect.Traceback",
        "inspect.Signature",
        "inspect.Parameter",
        "traceback.TracebackException",
    }
)


# The abstract classes of NumPy's numbers, with the name of what has so many bits.
_NUMBERS = {
    "numpy.signedinteger": "int",
    "numpy.unsignedinteger": "uint",
    "numpy.floating": "float",
    "numpy.complexfloating": "complex",
}


def dtype(hint: Type | None) -> str | None:
    """What the items of ``ndarray[..., hint]`` are, as NumPy names it; None: it does not say."""
    proper = get_proper_type(hint) if hint is not None else None
    if not isinstance(proper, Instance) or proper.type.fullname != "numpy.dtype" or not proper.args:
        return None
    item = get_proper_type(proper.args[0])
    if not isinstance(item, Instance) or item.type.fullname == "numpy.generic":
        return None
    kind = _NUMBERS.get(item.type.fullname)
    bits = [get_proper_type(arg) for arg in item.args]
    if kind is None or not bits or not all(isinstance(each, Instance) for each in bits):
        return item.type.name.rstrip("_")
    wide = [each.type.name.strip("_").removesuffix("Bit") for each in bits if isinstance(each, Instance)]
    return f"{kind}{sum(map(int, wide)) if all(map(str.isdigit, wide)) else ''}"


@dataclass(frozen=True)
class Field:
    name: str
    type: Type
    optional: bool = False  # a key that may be missing


def is_forbidden(info: TypeInfo) -> bool:
    """Also by descent: exceptions carry tracebacks, metaclasses are classes, subclasses of ModuleType are modules."""
    return any(base.fullname in _FORBIDDEN for base in info.mro)


def is_copy(info: TypeInfo) -> bool:
    return info.name == "Copy" and info.module_name.partition(".")[0] == "pynto"


_copied: ContextVar[frozenset[str]] = ContextVar("copied", default=frozenset())


@contextmanager
def copying(rules: frozenset[str]) -> Iterator[None]:
    """Inside, instances of the classes that are named there travel by value."""
    token = _copied.set(rules)
    try:
        yield
    finally:
        _copied.reset(token)


def is_record(info: TypeInfo) -> bool:
    """A frozen dataclass, a NamedTuple, a TypedDict, or a class that the config has copied."""
    if info.is_named_tuple or info.typeddict_type is not None:
        return True
    return bool(_dataclass(info).get("frozen")) or is_copied(info)


def is_copied(info: TypeInfo) -> bool:
    """By the config, not by itself."""
    return class_name(info) in _copied.get() and not (info.is_enum or is_forbidden(info))


def _dataclass(info: TypeInfo) -> dict[str, object]:
    """What mypy's dataclass plugin knows of this very class."""
    metadata = info.metadata.get("dataclass")
    return metadata if isinstance(metadata, dict) else {}


def fields(info: TypeInfo) -> list[Field]:
    """The fields of a record, in the order of their names."""
    if info.type_vars:
        raise Refusal("unsupported-record", "it has type parameters")
    if info.typeddict_type is not None:
        found = list(_of_typeddict(info.typeddict_type))
    elif info.is_named_tuple:
        found = list(_of_namedtuple(info))
    elif _dataclass(info):
        found = list(_of_dataclass(info))
    else:
        found = list(_of_class(info))
    return sorted(found, key=lambda field: field.name)


def _of_typeddict(typed: TypedDictType) -> Iterator[Field]:
    for name, type_ in typed.items.items():
        yield Field(name, type_, name not in typed.required_keys)


def _of_namedtuple(info: TypeInfo) -> Iterator[Field]:
    names = info.metadata.get("namedtuple", {}).get("fields", ())
    for name in names:
        yield Field(name, _variable(info, name))


def _of_dataclass(info: TypeInfo) -> Iterator[Field]:
    attributes = _dataclass(info).get("attributes", ())
    assert isinstance(attributes, list)
    for attribute in attributes:
        name = attribute["name"]
        if attribute["is_init_var"] or not attribute["is_in_init"]:
            raise Refusal("unsupported-record", f"its field {name} is InitVar or init=False")
        yield Field(name, _variable(info, name))


def _of_class(info: TypeInfo) -> Iterator[Field]:
    """The public attributes that a class, or one that it derives from, declares."""
    if info.is_protocol or any(base.module_name == "builtins" and base.name != "object" for base in info.mro):
        raise Refusal(
            "unsupported-record", "only a class of its own, not a Protocol or a builtin's subclass, is copied"
        )
    seen: set[str] = set()
    for base in info.mro:
        for name, symbol in base.names.items():
            node = symbol.node
            if name in seen or name.startswith("_") or not name.isidentifier():
                continue
            seen.add(name)
            if isinstance(node, Var) and not (_is_guessed(node) or node.is_classvar or node.is_property):
                yield Field(name, _variable(info, name))
    if not seen:
        raise Refusal("unsupported-record", "it declares no public attributes")


def _is_guessed(node: Var) -> bool:
    """``self.x: int = 1`` counts as inferred with mypy, and is declared all the same."""
    return node.is_inferred and not node.explicit_self_type


def check_constructor(info: TypeInfo) -> None:
    """What a client sends is made anew by the class, from its fields by name: its constructor has to take them."""
    if not is_copied(info) or _dataclass(info):
        return
    made = info.get_method("__init__")
    if not isinstance(made, FuncDef):
        raise Refusal("unsupported-record", f"{info.name} is not made from its fields: it has no plain __init__")
    kinds = dict(zip(made.arg_names[1:], made.arg_kinds[1:], strict=True))
    named = {
        name
        for name, kind in kinds.items()
        if name is not None and not kind.is_star() and name not in made.arg_names[:1]
    }
    wanted = {field.name for field in fields(info)}
    required = {name for name in named if not kinds[name].is_optional()}
    if not required <= wanted <= named:
        raise Refusal("unsupported-record", f"{info.name} is not made from its fields: its __init__ takes others")


def _variable(info: TypeInfo, name: str) -> Type:
    symbol = info.get(name)
    if symbol is None or not isinstance(symbol.node, Var) or symbol.node.type is None:
        raise Refusal("missing-hint", f"its field {name} has no hint")
    return symbol.node.type


def enum_members(info: TypeInfo) -> list[str]:
    """The public members of an Enum; what is annotated, or a function, is none."""
    found = []
    for name, symbol in info.names.items():
        node = symbol.node
        if name.startswith("_") or not name.isidentifier() or not isinstance(node, Var):
            continue
        proper = get_proper_type(node.type) if node.type is not None else None
        outside = isinstance(proper, Instance) and proper.type.fullname == "enum.nonmember"
        if node.has_explicit_value and not outside and not node.is_property:
            found.append(name)
    return sorted(found)


def is_flag(info: TypeInfo) -> bool:
    return any(base.fullname == "enum.Flag" for base in info.mro)


def exists_at_run_time(module: str, qualname: str) -> bool:
    """False when it is known that a class of the standard library is only a name in the stubs.

    Only modules that are compiled into the interpreter are looked at, and ``threading``, whose ``Lock`` is a function
    before Python 3.13: no module that a folder could shadow is imported here.
    """
    if module.partition(".")[0] == "_typeshed":
        return False
    if module not in (*sys.builtin_module_names, "threading"):
        return True
    found: object = importlib.import_module(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return isinstance(found, type)
