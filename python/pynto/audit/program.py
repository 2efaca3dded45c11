"""The functions of the home packages: found by name, by class, and by who may override them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from mypy.nodes import (
    Block,
    Decorator,
    Expression,
    FuncDef,
    FuncItem,
    LambdaExpr,
    MypyFile,
    OverloadedFuncDef,
    Statement,
    SymbolNode,
    TypeInfo,
    Var,
)
from mypy.subtypes import is_proper_subtype
from mypy.types import CallableType, Instance, Type, get_proper_type

from .build import World
from .members import Home
from .places import shown


@dataclass
class Function:
    """A function or method with a body, or what a module or class does when it is imported."""

    key: str
    module: str
    file: str
    name: str  # as findings name it: Room.export
    node: FuncItem | None
    body: Block
    info: TypeInfo | None = None  # the class of a method
    decorators: list[Expression] = field(default_factory=list)
    siblings: dict[SymbolNode, FuncDef] = field(
        default_factory=dict
    )  # of one inside a function: what else is inside there

    @property
    def line(self) -> int:
        return self.node.line if self.node is not None else 1

    @property
    def parameters(self) -> list[str]:
        return [argument.variable.name for argument in self.node.arguments] if self.node is not None else []

    @property
    def is_bound(self) -> bool:
        """Whether a call through an object fills the first parameter."""
        return self.info is not None and self.node is not None and not self.node.is_static


class Program:
    """Everything that can be followed."""

    def __init__(self, world: World, home: Home) -> None:
        self.world = world
        self.home = home
        self.types = world.result.types
        self.functions: dict[str, Function] = {}
        self.classes: dict[str, TypeInfo] = {}
        self._concrete: dict[TypeInfo, list[TypeInfo]] = {}  # what was asked for once: nothing of it changes
        self._overriding: dict[tuple[TypeInfo, str], list[Function]] = {}
        for module in sorted(world.modules):
            if module in home:
                self._module(world.modules[module])

    # Looking things up

    def of_class(self, info: TypeInfo, name: str) -> Function | None:
        """The function that an object of exactly this class runs."""
        for base in info.mro:
            if name in base.names:
                return self.functions.get(f"{base.fullname}.{name}")
        return None

    def overriding(self, info: TypeInfo, name: str) -> list[Function]:
        """Every function that may run when the method is called on an object of the class, subclasses included."""
        known = self._overriding.get((info, name))
        if known is None:
            functions = [self.of_class(each, name) for each in self.concrete(info)]
            found = {function.key: function for function in functions if function is not None}
            known = self._overriding[info, name] = [found[key] for key in sorted(found)]
        return known

    def concrete(self, info: TypeInfo) -> list[TypeInfo]:
        """The class and those that pass for it: subclasses, and what conforms to a Protocol."""
        if info not in self._concrete:
            self._concrete[info] = self._passing(info)
        return self._concrete[info]

    def _passing(self, info: TypeInfo) -> list[TypeInfo]:
        if info.is_protocol:
            wanted = Instance(info, [variable_bound(each) for each in info.defn.type_vars])
            return [each for each in self.classes.values() if each is info or self._conforms(each, wanted)]
        return [info, *(each for each in self.classes.values() if info in each.mro and each is not info)]

    def _conforms(self, info: TypeInfo, wanted: Instance) -> bool:
        if wanted.type in info.mro:
            return True
        if not all(info.get(name) for name in wanted.type.protocol_members):
            return False
        return bool(wanted.args) or is_proper_subtype(
            Instance(info, [variable_bound(each) for each in info.defn.type_vars]), wanted
        )

    def enclosed(self, outer: Function, node: FuncDef | LambdaExpr, siblings: dict[SymbolNode, FuncDef]) -> Function:
        """A function inside another, which is kept somewhere and so has callers of its own."""
        key = f"{outer.key}.{node.line}:{node.column}"
        if key not in self.functions:
            name = f"{outer.name}.{node.name if isinstance(node, FuncDef) else '<lambda>'}"
            self.functions[key] = Function(key, outer.module, outer.file, name, node, node.body, siblings=siblings)
        return self.functions[key]

    def is_home(self, info: TypeInfo) -> bool:
        return info.module_name in self.home

    def declared(self, slot: str) -> Type | None:
        """The type of an attribute or of a variable of a module; None where it is not known."""
        owner, _, name = slot.rpartition(".")
        info, tree = self.classes.get(owner), self.world.modules.get(owner)
        names = info.names if info is not None else tree.names if tree is not None else {}
        node = names[name].node if name in names else None
        return node.type if isinstance(node, Var) else None

    def parameter(self, place: str) -> Type | None:
        """The type of a parameter, "function index"; None where it is not known."""
        key, _, index = place.rpartition(" ")
        function = self.functions.get(key)
        declared = get_proper_type(function.node.type) if function is not None and function.node is not None else None
        if isinstance(declared, CallableType) and int(index) < len(declared.arg_types):
            return declared.arg_types[int(index)]
        return None

    def place(self, function: Function, line: int) -> tuple[str, int]:
        return function.file, line

    # Collecting them

    def _module(self, tree: MypyFile) -> None:
        key = tree.fullname
        file = shown(tree.path)
        statements = Block(list(tree.defs))
        self.functions[key] = Function(key, tree.fullname, file, tree.fullname, None, statements)
        for symbol in tree.names.values():
            if symbol.node is not None and symbol.node.fullname.rpartition(".")[0] == tree.fullname:
                self._symbol(symbol.node, tree.fullname, file, None)
        self._hidden(tree.defs, tree.fullname, file, None)

    def _hidden(self, body: list[Statement], module: str, file: str, info: TypeInfo | None) -> None:
        """Functions that are registered somewhere, and whose names stand for later ones: ``def _`` again and again."""
        for statement in body:
            if isinstance(statement, Decorator):
                known = self.functions.get(statement.fullname)
                if known is None or known.node is not statement.func:
                    self._function(statement, module, file, info, f"@{statement.line}")

    def _symbol(self, node: SymbolNode, module: str, file: str, info: TypeInfo | None) -> None:
        if isinstance(node, TypeInfo):
            if node.fullname not in self.classes and node.module_name == module:
                self.classes[node.fullname] = node
                for symbol in list(node.names.values()):
                    if symbol.node is not None and not symbol.plugin_generated:
                        self._symbol(symbol.node, module, file, node)
                self._hidden(node.defn.defs.body, module, file, node)
        elif isinstance(node, OverloadedFuncDef):
            self._overloaded(node, module, file, info)
        elif isinstance(node, FuncDef | Decorator):
            self._function(node, module, file, info)

    def _overloaded(self, node: OverloadedFuncDef, module: str, file: str, info: TypeInfo | None) -> None:
        """A property with its setter, or the implementation behind overloads."""
        if node.is_property:
            getter, *others = node.items
            self._function(getter, module, file, info)
            for other in others:
                if isinstance(other, Decorator) and len(other.func.arguments) == 2:
                    self._function(other, module, file, info, ".setter")
        elif node.impl is not None:
            self._function(node.impl, module, file, info)

    def _function(self, node: SymbolNode, module: str, file: str, info: TypeInfo | None, suffix: str = "") -> None:
        function = node.func if isinstance(node, Decorator) else node
        if not isinstance(function, FuncDef) or not file.endswith(".py") or not hasattr(function, "arguments"):
            return  # nobody wrote it: a plugin of mypy made it up
        key = node.fullname + suffix
        name = key[len(module) + 1 :]
        decorators = list(node.original_decorators) if isinstance(node, Decorator) else []
        self.functions.setdefault(key, Function(key, module, file, name, function, function.body, info, decorators))


def variable_bound(variable: object) -> Type:
    from mypy.types import AnyType, TypeOfAny

    return AnyType(TypeOfAny.special_form)


def variables(info: TypeInfo) -> Iterator[tuple[str, Var]]:
    for name, symbol in info.names.items():
        if isinstance(symbol.node, Var):
            yield name, symbol.node
