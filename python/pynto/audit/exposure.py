"""Where clients come in: the operations of a policy, the functions that may run for each, and what of their parameters is data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from mypy.nodes import FuncItem, TypeInfo, Var
from mypy.types import (
    CallableType,
    Instance,
    LiteralType,
    NoneType,
    TupleType,
    Type,
    TypedDictType,
    TypeVarType,
    UnionType,
    get_proper_type,
)

from . import kinds, members
from .callees import DEPTH_MAX
from .flow import Flow
from .program import Function, Program
from .standard import template_of
from .walk import Node, Walk

_NUMBERS = frozenset(
    "builtins.int builtins.float builtins.complex decimal.Decimal _decimal.Decimal uuid.UUID datetime.datetime datetime.date "
    "datetime.time datetime.timedelta builtins.range".split()
)


@dataclass
class Operation:
    """One operation of one interface, and one function that it may run."""

    node: Node
    member: str
    step: str  # as paths show it
    owner: TypeInfo
    function: Function | None = None
    names: tuple[str, ...] = ()  # a member of a library: no function, but a name to look up
    writes: bool = False  # it sets an attribute
    chosen: dict[int, str] = field(default_factory=dict)  # parameter -> "text" or "number": what a client may put there
    callbacks: set[int] = field(default_factory=set)  # parameters that are the client's own functions or objects

    @property
    def label(self) -> str:
        return f"{self.owner.name}.{self.step}"

    @property
    def path(self) -> str:
        return self.node.path(self.step)

    @property
    def length(self) -> int:
        length, node = 0, self.node.parent
        while node is not None:
            length, node = length + 1, node.parent
        return length


def operations(walk: Walk, program: Program) -> list[Operation]:
    """Each operation that a policy grants, in the order of their paths."""
    found = [each for node in walk.side(Flow.OUT).values() for each in _of_node(walk, program, node)]
    return sorted(found, key=lambda each: (each.length, each.path, each.function.key if each.function else ""))


def _of_node(walk: Walk, program: Program, node: Node) -> Iterator[Operation]:
    info = node.instance.type
    if template_of(node.instance) is not None:
        return
    offered = members.offered(info, walk.home, walk.config.allow)
    for name in sorted({*node.methods, *node.get, *node.set}):
        member = offered.get(name)
        if member is None:
            continue
        step = name if member.is_attribute else f"{name}()"
        if not program.is_home(member.owner):
            names = tuple(f"{base.fullname}.{name}" for base in member.owner.mro)
            yield Operation(node, name, step, member.owner, names=names)
            continue
        if name in node.set:
            yield from _setters(program, node, name, member.owner)
        functions = program.overriding(info, name)
        for function in functions:
            yield _operation(node, name, step, member.owner, function)
        if not functions and isinstance(member.node, Var):
            yield Operation(node, name, step, member.owner)
        elif not functions and not info.is_protocol:
            yield Operation(node, name, step, member.owner, names=(f"{member.owner.fullname}.{name}",))


def _setters(program: Program, node: Node, name: str, owner: TypeInfo) -> Iterator[Operation]:
    for getter in program.overriding(node.instance.type, name):
        setter = program.functions.get(f"{getter.key}.setter")
        if setter is not None:
            yield _operation(node, name, f"{name} = ...", owner, setter)
    yield Operation(node, name, f"{name} = ...", owner, writes=True)


def _operation(node: Node, name: str, step: str, owner: TypeInfo, function: Function) -> Operation:
    operation = Operation(node, name, step, owner, function)
    if function.node is not None:
        for index, hint in enumerate(hints(function.node)):
            if index == 0 and function.is_bound:
                continue
            if is_lent(hint):
                operation.callbacks.add(index)
            matter = what_matters(hint)
            if matter:
                operation.chosen[index] = matter
    return operation


def hints(node: FuncItem) -> list[Type | None]:
    declared = get_proper_type(node.type)
    if isinstance(declared, CallableType) and len(declared.arg_types) == len(node.arguments):
        return list(declared.arg_types)
    return [None] * len(node.arguments)


def is_lent(hint: Type | None, depth: int = DEPTH_MAX) -> bool:
    """Whether a client passes functions or objects of its own there."""
    proper = get_proper_type(hint)
    if not depth or isinstance(proper, CallableType):
        return bool(depth)
    if isinstance(proper, UnionType):
        return any(is_lent(item, depth - 1) for item in proper.items)
    if not isinstance(proper, Instance):
        return False
    template = template_of(proper)
    importable = template.importable if template is not None else proper.type.is_protocol
    return importable or any(is_lent(each, depth - 1) for each in proper.args)


def what_matters(hint: Type | None) -> str:
    """``text`` if a client can write any text there, ``number`` if a number, nothing if it can only choose among ours."""
    found = _matters(hint, DEPTH_MAX)
    return "text" if "text" in found else "number" if "number" in found else ""


def _matters(hint: Type | None, depth: int) -> set[str]:
    proper = get_proper_type(hint)
    if proper is None or not depth:
        return {"text"}
    if isinstance(proper, NoneType | LiteralType):
        return set()
    if isinstance(proper, UnionType | TupleType):
        return set().union(*(_matters(item, depth - 1) for item in proper.items))
    if isinstance(proper, TypedDictType):
        return set().union(*(_matters(item, depth - 1) for item in proper.items.values()))
    if isinstance(proper, TypeVarType):
        return _matters(proper.upper_bound, depth - 1) or {"text"}
    return _of_instance(proper, depth) if isinstance(proper, Instance) else {"text"}


def _of_instance(hint: Instance, depth: int) -> set[str]:
    info = hint.type
    if info.fullname in _NUMBERS:
        return {"number"}
    if info.is_enum or info.fullname in ("builtins.bool", "builtins.slice"):
        return set()
    if info.fullname in ("builtins.str", "builtins.bytes", "builtins.object"):
        return {"text"}
    if info.is_newtype and info.bases:
        return _matters(info.bases[0], depth - 1)
    if kinds.is_record(info):
        return set().union(*(_matters(each.type, depth - 1) for each in _fields(info)))
    template = template_of(hint)
    if template is not None or kinds.is_copy(info) or info.fullname in ("builtins.tuple", "builtins.frozenset"):
        return set().union(*(_matters(each, depth - 1) for each in hint.args))
    return {"text"} if info.is_protocol else set()  # a reference of the server's own: the client chooses among ours


def _fields(info: TypeInfo) -> list[kinds.Field]:
    try:
        return kinds.fields(info)
    except members.Refusal:
        return []
