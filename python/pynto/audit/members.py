"""Which members of a class may be offered, and what their hints are, bound to one instance of the class.

A member is offered when a home class declares it: what a library class declares is not, whoever derives from it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

from mypy.erasetype import erase_typevars
from mypy.expandtype import expand_self_type, expand_type_by_instance
from mypy.maptype import map_instance_to_supertype
from mypy.nodes import Decorator, FuncDef, OverloadedFuncDef, SymbolTableNode, TypeInfo, Var
from mypy.subtypes import is_subtype
from mypy.typeops import bind_self
from mypy.types import AnyType, CallableType, Instance, Overloaded, Type, get_proper_type

from .build import is_within
from .spelling import is_identifier, is_member

Node = FuncDef | OverloadedFuncDef | Decorator | Var


class Refusal(Exception):
    """This hint cannot be granted: the id of the finding, and what is wrong with it."""

    def __init__(self, id: str, detail: str) -> None:
        super().__init__(detail)
        self.id = id
        self.detail = detail


_is_within = functools.lru_cache(maxsize=4096)(is_within)


@dataclass(frozen=True)
class Home:
    """The packages whose classes are walked."""

    packages: tuple[str, ...]

    def __contains__(self, module: str) -> bool:
        return _is_within(module, self.packages)


@dataclass(frozen=True)
class Member:
    name: str
    owner: TypeInfo  # the class that declares it
    node: Node

    @property
    def is_attribute(self) -> bool:
        if isinstance(self.node, Decorator):
            return self.node.func.is_property
        return isinstance(self.node, Var) or self.node.is_property


def class_name(info: TypeInfo) -> str:
    """``module:Outer.Inner``."""
    return f"{info.module_name}:{info.fullname[len(info.module_name) + 1 :]}"


def offered(info: TypeInfo, home: Home, allowed: dict[str, tuple[str, ...]]) -> dict[str, Member | None]:
    """The members of a class by name: the first class of its MRO that declares one decides.

    ``allowed`` names, by class, the members of library classes that the config lets through. None stands for a name
    that a home class takes for something that is not offered.
    """
    found: dict[str, Member | None] = {}
    for base in info.mro:
        listed = None if base.module_name in home else allowed.get(class_name(base), ())
        for name in sorted(base.names):
            if name in found or _is_undecided(base.names[name]):
                continue
            node = _offerable(name, base.names[name])
            if node is not None and (listed is None or name in listed):
                found[name] = Member(name, base, node)
            elif listed is None:
                found[name] = None
    return found


def _is_undecided(symbol: SymbolTableNode) -> bool:
    """An attribute that is assigned here but declared, if anywhere, in a base class."""
    node = symbol.node
    return isinstance(node, Var) and node.is_inferred and not node.explicit_self_type


def _offerable(name: str, symbol: SymbolTableNode) -> Node | None:
    """The node, if it is a method or an attribute of instances that a policy may name."""
    node = symbol.node
    if symbol.plugin_generated or not isinstance(node, Node) or not _is_public(name):
        return None
    if isinstance(node, Var):
        return None if node.is_classvar or _is_init_var(node) else node
    function = node.func if isinstance(node, Decorator) else node
    return None if function.is_static or function.is_class else node


def _is_public(name: str) -> bool:
    """Public, or one of the listed dunders. Names such as ``x-redefinition`` are mypy's own."""
    return is_member(name) or (name.isidentifier() and not name.startswith("_") and not is_identifier(name))


def _is_init_var(var: Var) -> bool:
    return isinstance(var.type, Instance) and var.type.type.fullname == "dataclasses.InitVar"


def signatures(member: Member, instance: Instance) -> list[CallableType]:
    """The overloads of a method, without ``self``, for this instance of its class."""
    node = member.node
    declared = node.var.type if isinstance(node, Decorator) else node.type
    if declared is None:
        raise Refusal("missing-hint", "it has no hints")
    expanded = _bound(declared, member, instance)
    if isinstance(expanded, AnyType):
        raise Refusal("any-result", "a decorator without hints makes it Any")
    if not isinstance(expanded, CallableType | Overloaded):
        raise Refusal("decorated-method", f"a decorator makes it {expanded}")
    return [_without_self(item, instance) for item in expanded.items if _admits(item, instance)]


def attribute(member: Member, instance: Instance) -> Type:
    """The type that reading an attribute or a property gives."""
    node = member.node
    if isinstance(node, OverloadedFuncDef):
        node = _part(node, 0)
    if isinstance(node, Var):
        if node.type is None:
            raise Refusal("missing-hint", "it has no hint")
        _refuse_descriptor(node.type)
        return _bound(expand_self_type(node, node.type, instance), member, instance)
    return _property(node, member, instance).ret_type


def settable(member: Member, instance: Instance) -> Type | None:
    """The type that may be written to an attribute; None if it cannot be written."""
    node = member.node
    if isinstance(node, Var):
        return None if node.is_final or node.is_property else attribute(member, instance)
    if not isinstance(node, OverloadedFuncDef) or len(node.items) < 2:
        return None
    setter = _part(node, 1).func.type
    bound = _bound(setter, member, instance) if setter is not None else None
    if not isinstance(bound, CallableType) or len(bound.arg_types) != 2:
        raise Refusal("missing-hint", "its setter has no hints")
    return bound.arg_types[1]


def mapped(instance: Instance, base: TypeInfo) -> Instance:
    """The instance, seen as one of its base classes."""
    return map_instance_to_supertype(instance, base)


def _part(node: OverloadedFuncDef, index: int) -> Decorator:
    part = node.items[index]
    if not isinstance(part, Decorator):
        raise Refusal("unsupported-type", "it is defined several times")
    return part


def _property(node: Node, member: Member, instance: Instance) -> CallableType:
    declared = node.var.type if isinstance(node, Decorator) else None
    bound = _bound(declared, member, instance) if declared is not None else None
    if not isinstance(bound, CallableType):
        raise Refusal("missing-hint", "it has no hint")
    return _without_self(bound, instance)


def _bound(declared: Type, member: Member, instance: Instance) -> Type:
    """The hint with the type arguments of this instance, mapped up to the class that declares it."""
    mapped = map_instance_to_supertype(instance, member.owner)
    return get_proper_type(expand_type_by_instance(get_proper_type(declared), mapped))


def _without_self(item: CallableType, instance: Instance) -> CallableType:
    if item.is_ellipsis_args:
        raise Refusal("callable-ellipsis", "a decorator makes it Callable[..., X]")
    return bind_self(item, instance)


def _admits(item: CallableType, instance: Instance) -> bool:
    """Whether an overload is for this instance: ``self`` may be annotated with a narrower type."""
    if not item.arg_types or item.is_ellipsis_args:
        return True
    return is_subtype(instance, erase_typevars(item.arg_types[0]))


def _refuse_descriptor(declared: Type) -> None:
    proper = get_proper_type(declared)
    if isinstance(proper, Instance) and proper.type.has_readable_member("__get__"):
        raise Refusal("descriptor-attribute", f"{proper.type.name} is a descriptor")


def catch_alls(info: TypeInfo, home: Home) -> Iterator[tuple[TypeInfo, str]]:
    """The hooks by which home classes answer names that they do not declare."""
    for base in info.mro:
        if base.module_name in home:
            yield from ((base, name) for name in ("__getattr__", "__getattribute__") if name in base.names)
