"""Who is called: from an expression that stands ahead of parentheses to everything that may run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mypy.nodes import (
    Decorator,
    Expression,
    FuncDef,
    IndexExpr,
    LambdaExpr,
    MemberExpr,
    MypyFile,
    NameExpr,
    OverloadedFuncDef,
    RefExpr,
    SuperExpr,
    SymbolNode,
    TypeAlias,
    TypeApplication,
    TypeInfo,
    Var,
)
from mypy.types import (
    AnyType,
    CallableType,
    Instance,
    LiteralType,
    NoneType,
    Overloaded,
    ProperType,
    TupleType,
    Type,
    TypedDictType,
    TypeType,
    TypeVarType,
    UninhabitedType,
    UnionType,
    get_proper_type,
)

from .program import Function, Program

HOME, LIBRARY, CLASS, VALUE, CLIENT, UNKNOWN, NESTED = (
    "home",
    "library",
    "class",
    "value",
    "client",
    "unknown",
    "nested",
)


DEPTH_MAX = 8  # of types inside types: an alias may contain itself


@dataclass(frozen=True)
class Target:
    kind: str
    function: Function | None = None  # HOME
    names: tuple[str, ...] = ()  # LIBRARY: the nearest class first
    info: TypeInfo | None = None  # CLASS
    through: bool = False  # called through an object or a class, which fills the first parameter
    nested: FuncDef | LambdaExpr | None = None
    why: str = ""  # UNKNOWN


@dataclass(frozen=True)
class Owner:
    """One class that a receiver may have. ``of_class``: the receiver is the class itself."""

    info: TypeInfo
    of_class: bool = False


def owners(type_: Type | None, depth: int = DEPTH_MAX) -> Iterator[Owner | None]:
    """The classes that a value of a type may have; None stands for one that nobody knows."""
    proper = get_proper_type(type_) if depth else None
    if isinstance(proper, UnionType):
        for item in proper.items:
            yield from owners(item, depth - 1)
    elif isinstance(proper, TypeVarType):
        yield from owners(proper.upper_bound, depth - 1)
        for item in proper.values:
            yield from owners(item, depth - 1)
    elif isinstance(proper, TypeType):
        yield from (Owner(owner.info, True) if owner else None for owner in owners(proper.item, depth - 1))
    elif isinstance(proper, CallableType | Overloaded) and proper.is_type_obj():
        yield Owner(proper.type_object(), True)
    elif isinstance(proper, NoneType | UninhabitedType | CallableType | Overloaded):
        return
    else:
        yield from _plain(proper)


def _plain(proper: ProperType | None) -> Iterator[Owner | None]:
    if isinstance(proper, Instance):
        yield Owner(proper.type)
    elif isinstance(proper, TupleType):
        yield Owner(proper.partial_fallback.type)
    elif isinstance(proper, LiteralType | TypedDictType):
        yield Owner(proper.fallback.type)
    else:
        yield None


def held(type_: Type | None, depth: int = DEPTH_MAX) -> list[Owner]:
    """The classes that a value may have, and those of what it may hold as a container."""
    proper = get_proper_type(type_) if depth else None
    if isinstance(proper, UnionType):
        return [owner for item in proper.items for owner in held(item, depth - 1)]
    found = [owner for owner in owners(proper) if owner is not None]
    inner = proper.items if isinstance(proper, TupleType) else proper.args if isinstance(proper, Instance) else ()
    return [*found, *(owner for each in inner for owner in held(each, depth - 1))]


def instances(type_: Type | None) -> list[TypeInfo]:
    return [owner.info for owner in owners(type_) if owner is not None and not owner.of_class]


def is_any(type_: Type | None) -> bool:
    return type_ is None or isinstance(get_proper_type(type_), AnyType)


def is_callable(type_: Type | None) -> bool:
    return isinstance(get_proper_type(type_), CallableType | Overloaded)


def may_be_called(type_: Type | None, depth: int = DEPTH_MAX) -> bool:
    """Whether a value of a type may be called, or hold what can be. Other values are none of the functions that a call may run."""
    proper = get_proper_type(type_)
    if not depth:
        return True
    if isinstance(proper, UnionType | TupleType):
        return any(may_be_called(item, depth - 1) for item in proper.items)
    if isinstance(proper, TypedDictType):
        return any(may_be_called(item, depth - 1) for item in proper.items.values())
    if isinstance(proper, Instance):
        if proper.type.fullname == "builtins.object" or proper.type.get("__call__") is not None:
            return True
        return any(may_be_called(each, depth - 1) for each in proper.args)
    return not isinstance(proper, NoneType | LiteralType)


class Callees:
    def __init__(self, program: Program, function: Function) -> None:
        self.program = program
        self.function = function
        self.nested: dict[SymbolNode, FuncDef] = {}  # the functions inside this one

    def of(self, callee: Expression) -> list[Target]:
        if isinstance(callee, TypeApplication):
            return self.of(callee.expr)
        if isinstance(callee, IndexExpr) and isinstance(callee.analyzed, TypeApplication):
            return self.of(callee.analyzed.expr)
        if isinstance(callee, LambdaExpr):
            return [Target(NESTED, nested=callee)]
        if isinstance(callee, SuperExpr):
            return self._of_super(callee)
        if isinstance(callee, RefExpr) and callee.node is not None and not isinstance(callee.node, Var):
            return [self.static(callee.node)]
        if isinstance(callee, MemberExpr) and not _is_module(callee.expr):
            return self._member(callee)
        if isinstance(callee, RefExpr) and isinstance(callee.node, Var) and self.is_of_library(callee.node):
            return [Target(LIBRARY, names=(callee.node.fullname,))]
        return self._of_class_object(callee) or [Target(VALUE)]

    def is_of_library(self, var: Var) -> bool:
        """Whether it is a variable of a module that is not home: ``random.randint`` is one."""
        module = var.fullname.rpartition(".")[0]
        return module in self.program.world.modules and module not in self.program.home

    def _of_class_object(self, callee: Expression) -> list[Target]:
        """``cls()``, or a variable that holds a class: its subclasses may be meant as well."""
        found = [owner.info for owner in self.owners(callee) if owner is not None and owner.of_class]
        concrete = [each for info in found for each in self.program.concrete(info) or [info]]
        return [self._class(info) for info in dict.fromkeys(concrete)]

    def static(self, node: SymbolNode) -> Target:
        """What a name stands for, when it is a function or a class."""
        if isinstance(node, TypeAlias):
            proper = get_proper_type(node.target)
            return self._class(proper.type) if isinstance(proper, Instance) else Target(UNKNOWN, why="an alias")
        if isinstance(node, TypeInfo):
            return self._class(node)
        inner = node.func if isinstance(node, Decorator) else node
        if inner in self.nested:
            return Target(NESTED, nested=self.nested[inner])
        if isinstance(node, FuncDef | OverloadedFuncDef | Decorator):
            return self._named(node.fullname)
        return Target(VALUE)

    def _named(self, fullname: str) -> Target:
        function = self.program.functions.get(fullname)
        return Target(HOME, function) if function is not None else Target(LIBRARY, names=(fullname,))

    def _class(self, info: TypeInfo) -> Target:
        if self.program.is_home(info):
            return Target(CLASS, info=info)
        return Target(LIBRARY, names=made_by(info))

    # Through an object

    def _member(self, callee: MemberExpr) -> list[Target]:
        found: list[Target] = []
        for owner in self.owners(callee.expr):
            if owner is None:
                found.append(Target(UNKNOWN, why="what it is called on has no declared type"))
            else:
                found += self.method(owner, callee.name)
        return found or [Target(VALUE)]

    def owners(self, expr: Expression) -> list[Owner | None]:
        type_ = self.program.types.get(expr)
        own = self.function.info
        if own is not None and isinstance(expr, NameExpr) and self._is_self(expr):
            return [Owner(own, self.function.node is not None and self.function.node.is_class)]
        if type_ is None and isinstance(expr, RefExpr) and isinstance(expr.node, TypeInfo):
            return [Owner(expr.node, True)]
        return list(owners(type_))

    def _is_self(self, expr: NameExpr) -> bool:
        node = self.function.node
        return bool(
            self.function.is_bound and node is not None and node.arguments and expr.node is node.arguments[0].variable
        )

    def method(self, owner: Owner, name: str) -> list[Target]:
        base = next((base for base in owner.info.mro if name in base.names), None)
        if base is None:
            return self._undeclared(owner, name)
        if not self.program.is_home(base):
            node = base.names[name].node
            if isinstance(node, Decorator | OverloadedFuncDef) and _is_property(node):
                return [Target(VALUE)]  # what it gives is called, not the property
            return [Target(LIBRARY, names=self.library_names(owner.info, name)), *self._overriding(owner, name)]
        node = base.names[name].node
        if isinstance(node, TypeInfo | TypeAlias):
            return [self.static(node)]
        if isinstance(node, Var) or (isinstance(node, Decorator | OverloadedFuncDef) and _is_property(node)):
            return [Target(VALUE)]
        found = self._overriding(owner, name)
        if owner.info.is_protocol and not owner.of_class:
            found.append(Target(CLIENT))
        if not found and (base.names[name].plugin_generated or base.is_named_tuple):
            return [Target(LIBRARY, names=(f"typing.{name}",))]  # made by NamedTuple, dataclass and their like
        return found or [Target(LIBRARY, names=(f"{base.fullname}.{name}",))]

    def library_names(self, info: TypeInfo, name: str) -> tuple[str, ...]:
        """A method by the class at hand, by those ahead of the one that declares it, and by all that do."""
        names, declared = [], False
        for base in info.mro:
            if not self.program.is_home(base) and (name in base.names or not declared):
                names.append(f"{base.fullname}.{name}")
            declared |= name in base.names
        return tuple(names)

    def _overriding(self, owner: Owner, name: str) -> list[Target]:
        found = []
        for function in self.program.overriding(owner.info, name):
            is_method = function.node is not None and not function.node.is_class
            found.append(Target(HOME, function, through=not (owner.of_class and is_method)))
        return found

    def _undeclared(self, owner: Owner, name: str) -> list[Target]:
        """A name that a class does not declare: the hook that answers it, and what nobody knows."""
        found = [*self._overriding(owner, "__getattr__"), *self._overriding(owner, name)]
        if owner.of_class:
            meta = owner.info.metaclass_type
            if meta is not None and meta.type.get(name) is not None:
                return self.method(Owner(meta.type), name)
            if owner.info.get(name) is None and name in _OF_TYPE:
                return [Target(LIBRARY, names=(f"builtins.type.{name}",))]
        return [*found, Target(UNKNOWN, why=f"{owner.info.name} does not declare {name}")]

    def _of_super(self, callee: SuperExpr) -> list[Target]:
        info = callee.info
        for base in info.mro[1:] if info is not None else ():
            if callee.name in base.names:
                function = self.program.functions.get(f"{base.fullname}.{callee.name}")
                if function is not None:
                    return [Target(HOME, function, through=True)]
                return [Target(LIBRARY, names=(f"{base.fullname}.{callee.name}",))]
        return [Target(UNKNOWN, why="super() leads to a class that is not known here")]


def made_by(info: TypeInfo) -> tuple[str, ...]:
    """The names of a class, down to the one whose constructor runs."""
    names = []
    for base in info.mro:
        names.append(base.fullname)
        if "__init__" in base.names or "__new__" in base.names:
            break
    return tuple(names[:-1] if names[-1] == "builtins.object" and len(names) > 1 else names)


_OF_TYPE = frozenset({"__subclasses__", "mro", "__call__", "__instancecheck__", "__subclasscheck__"})


def _is_property(node: Decorator | OverloadedFuncDef) -> bool:
    return node.func.is_property if isinstance(node, Decorator) else node.is_property


def _is_module(expr: Expression) -> bool:
    return isinstance(expr, RefExpr) and isinstance(expr.node, MypyFile)
