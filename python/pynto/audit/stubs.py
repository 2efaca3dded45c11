"""``pynto-policy stubs``: what a client can do, for type checkers.

Every interface becomes a class that only the server makes, every Protocol that a client may implement a Protocol. Nothing of it exists at run
time: a client imports it under TYPE_CHECKING.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from . import grammar, spelling
from .config import BadInput
from .flow import Flow
from .stubnames import BUILTINS, PYTHONS, Names, is_parameter, is_usable
from .stubtypes import IN, OUT, Types, coroutine, module_alias

_HEADER = """\
# What a client can do under a policy: made by pynto-policy stubs, not to be edited.
# mypy: disable-error-code="misc, operator, overload-overlap, override"
# pyright: reportIncompatibleMethodOverride=false, reportInconsistentOverload=false, reportOverlappingOverload=false
# ruff: noqa
"""
_MODULES = {
    name: f"_{name}"
    for name in (
        "builtins",
        "dataclasses",
        "datetime",
        "decimal",
        "enum",
        "numpy",
        "types",
        "typing",
        "typing_extensions",
        "uuid",
    )
} | {"collections.abc": "_abc"}
_SECTIONS = ("accepts", "enums", "imports", "interfaces", "records", "roots")
_RAISED = "_builtins.type[_builtins.BaseException]"
_EXIT = f"kind: {_RAISED} | None, error: _builtins.BaseException | None, traceback: _types.TracebackType | None, /"
_THROW = f"kind: {_RAISED} | _builtins.BaseException, value: object = ..., traceback: object = ..., /"
_STEPS = ("__next__", "__anext__")
# For asyncio: what has another name there, and what Python's syntax cannot await (pynto.aio has functions for it).
_AWAITED = {"__enter__": "__aenter__", "__exit__": "__aexit__", "__next__": "__anext__"}
_NOT_AWAITED = frozenset(
    "__aiter__ __bool__ __contains__ __delitem__ __eq__ __ge__ __gt__ __iter__ __le__ __len__ __lt__ __ne__ __reversed__ "
    "__setitem__".split()
)
_EXITS = {"__exit__": _EXIT, "__aexit__": _EXIT}
_THROWS = {("Generator", "throw"): _THROW, ("AsyncGenerator", "athrow"): _THROW}


def render(policy: dict[str, Any], shared: Sequence[str] = (), awaited: bool = False) -> str:
    """The stub of a policy that was loaded. shared: modules that the client has as well, for records and enums.

    awaited: for pynto.aio, whose clients await every operation.
    """
    for module in shared:
        if not all(map(is_usable, module.split("."))):
            raise BadInput(f"{module!r} is not a module")
    return "".join(f"{line}\n" if line else "\n" for line in _Stub(policy, shared, awaited).lines())


class _Stub:
    def __init__(self, policy: dict[str, Any], shared: Sequence[str], awaited: bool) -> None:
        self._awaited = awaited
        self.policy = {section: policy.get(section, {}) for section in _SECTIONS}
        members = frozenset(_members(self.policy))
        self.names = Names(members | PYTHONS)
        self.types = Types(self.policy, self.names, members & BUILTINS, shared, awaited)

    def lines(self) -> Iterator[str]:
        """The body first: it finds out what has to be imported."""
        self._name_all()
        body = [*self._body()]
        yield from _HEADER.splitlines()
        text = "\n".join(body)
        yield from (f"import {module} as {alias}" for module, alias in _MODULES.items() if f"{alias}." in text)
        yield from (f"import {module} as {module_alias(module)}" for module in sorted(self.types.modules))
        yield from body

    def _name_all(self) -> None:
        """In this order, whoever is named first. A Protocol that a client may also be given has the plain name where it is held."""
        for name in sorted(self.policy["interfaces"]):
            self.names.of("interface", name)
        for name in sorted(self.policy["imports"]):
            self.names.of("import", name, "Client" if name in self.policy["interfaces"] else "")
        for kind, section in (("record", "records"), ("enum", "enums")):
            for name in sorted(self.policy[section]):
                self.names.of(kind, name)

    def _body(self) -> Iterator[str]:
        for name in sorted(self.policy["enums"]):
            if not self.types.is_shared(name):
                yield from self._enum(name)
        for name in sorted(self.policy["records"]):
            yield from self._record(name)
        for name in sorted(self.policy["imports"]):
            yield from self._import(name)
        for name in sorted(self.policy["interfaces"]):
            yield from self._interface(name)
        yield from self._roots()
        yield from self._callbacks()

    # Data

    def _enum(self, name: str) -> Iterator[str]:
        yield from self._class(self.names.of("enum", name), "_enum.Enum", name)
        for member in self.policy["enums"][name]:
            yield f"    {member} = {member!a}" if is_usable(member) else _unusable(member)

    def _record(self, name: str) -> Iterator[str]:
        fields = {field: grammar.parse_field(text) for field, text in sorted(self.policy["records"][name].items())}
        if self.types.is_dict(name):
            if not self.types.is_shared(name):
                yield from self._dict(self.names.of("record", name), fields, OUT)
            return
        if not self.types.is_shared(name):
            yield ""
            yield "@_dataclasses.dataclass(frozen=True, kw_only=True)"
            yield from self._class(self.names.of("record", name), "", name)[1:]
            for field, (type_, _) in fields.items():
                yield f"    {field}: {self.types.spell(type_, OUT)}" if is_usable(field) else _unusable(field)
        yield from self._dict(self.names.of("fields", f"{name}Fields"), fields, IN)

    def _dict(self, name: str, fields: dict[str, tuple[spelling.Type, bool]], flow: Flow) -> Iterator[str]:
        """In its functional form keys may be any text."""
        parts = []
        for field, (type_, may_miss) in fields.items():
            spelled = self.types.spell(type_, flow)
            parts.append(f"{field!a}: {f'_typing.NotRequired[{spelled}]' if may_miss else spelled}")
        yield ""
        yield f'{name} = _typing.TypedDict("{name}", {{{", ".join(parts)}}})'

    # Objects

    def _class(self, name: str, bases: str, spelled: str) -> list[str]:
        return ["", f"class {name}({bases}):" if bases else f"class {name}:", f"    {spelled!a}"]

    def _interface(self, name: str) -> Iterator[str]:
        entry = self.policy["interfaces"][name]
        yield from self._class(self.names.of("interface", name), "", name)
        yield "    def __new__(cls, made_by_the_server: _typing.Never, /) -> _typing.Self: ..."
        yield from self._members(name, entry, OUT)
        methods = entry.get("methods", {})
        if self._awaited:
            yield from self._async_iteration(methods)
        elif "__next__" in methods and "__iter__" not in methods:
            yield "    def __iter__(self) -> _typing.Self: ..."

    def _async_iteration(self, methods: dict[str, Any]) -> Iterator[str]:
        """``async for`` goes over what is iterable either way."""
        if not methods.keys().isdisjoint(_STEPS):
            yield "    def __aiter__(self) -> _typing.Self: ..."
            return
        begins = next((methods[name] for name in ("__iter__", "__aiter__") if name in methods), None)
        iterator = grammar.parse_overloads(begins)[0].result if begins is not None else None
        steps = self.policy["interfaces"].get(str(iterator), {}).get("methods", {})
        step = next((steps[name] for name in _STEPS if name in steps), None)
        if step is not None:
            item = self.types.spell(grammar.parse_overloads(step)[0].result, OUT)
            yield f"    def __aiter__(self) -> _abc.AsyncIterator[{item}]: ..."

    def _import(self, name: str) -> Iterator[str]:
        """What the client implements: the server gives the arguments."""
        yield from self._class(self.names.of("import", name), "_typing.Protocol", name)
        yield from self._members(name, self.policy["imports"][name], IN)

    def _members(self, name: str, entry: dict[str, Any], flow: Flow) -> Iterator[str]:
        """flow: of what the operations give."""
        readable, writable = entry.get("get", {}), entry.get("set", {})
        for attribute in sorted(readable.keys() | writable.keys()):
            yield from self._attribute(attribute, readable.get(attribute), writable.get(attribute), flow)
        for method, value in sorted(entry.get("methods", {}).items()):
            signatures = grammar.parse_overloads(value)
            yield from self._method(name.partition("[")[0], method, signatures, flow)

    def _attribute(self, name: str, get: str | None, set: str | None, flow: Flow) -> Iterator[str]:
        if not is_usable(name):
            yield _unusable(name)
            return
        read = self.types.spell(grammar.parse_type(get), flow) if get is not None else "_typing.Never"
        written = self.types.spell(grammar.parse_type(set), flow.flipped) if set is not None else None
        if self._awaited and flow is OUT:  # it is written by pynto.aio.setattr
            read, written = coroutine(read), None
        if read == written:
            yield f"    {name}: {read}"
            return
        yield "    @_builtins.property"
        yield f"    def {name}(self) -> {read}: ..."
        if written is not None:
            yield f"    @{name}.setter"
            yield f"    def {name}(self, value: {written}, /) -> None: ..."

    def _method(self, class_: str, name: str, signatures: Sequence[spelling.Signature], flow: Flow) -> Iterator[str]:
        parameters = [param.name for each in signatures for param in each.params() if param.name is not None]
        if not is_usable(name) or not all(map(is_parameter, parameters)):
            yield _unusable(name)
            return
        awaited = self._awaited and flow is OUT
        if awaited and name in _NOT_AWAITED:
            return
        shown = _AWAITED.get(name, name) if awaited else name
        for signature in signatures:
            if len(signatures) > 1:
                yield "    @_typing.overload"
            asynchronous = "async " if awaited or (signature.asynchronous and flow is IN) else ""
            given = _EXITS.get(name) or _THROWS.get((class_, name)) or self._parameters(name, signature, flow.flipped)
            yield f"    {asynchronous}def {shown}({_self(parameters)}{given and f', {given}'}) -> {self.types.spell(signature.result, flow)}: ..."

    def _parameters(self, method: str, signature: spelling.Signature, flow: Flow) -> str:
        if method in ("__eq__", "__ne__"):
            return "other: object, /"
        parts = [f"_{place}: {self._given(param, flow)}" for place, param in enumerate(signature.positional, 1)]
        if signature.positional:
            parts.append("/")
        parts += [f"{param.name}: {self._given(param, flow)}" for param in signature.named]
        if signature.rest is not None:
            parts.append(f"*{signature.rest.name}: {self.types.spell(signature.rest.type, flow)}")
        elif signature.keywords:
            parts.append("*")
        parts += [f"{param.name}: {self._given(param, flow)}" for param in signature.keywords]
        if signature.options is not None:
            parts.append(f"**{signature.options.name}: {self.types.spell(signature.options.type, flow)}")
        return ", ".join(parts)

    def _given(self, param: spelling.Param, flow: Flow) -> str:
        return self.types.spell(param.type, flow) + (" = ..." if param.optional else "")

    # What stands at the end

    def _roots(self) -> Iterator[str]:
        """A root is called as in the policy where its class is not called so already."""
        yield ""
        for name, text in sorted(self.policy["roots"].items()):
            spelled = self.types.spell(grammar.parse_type(text), OUT)
            if is_usable(name) and self.names.is_free(name):
                yield f"{self.names.fresh(name)}: _typing.TypeAlias = {spelled}"

    def _callbacks(self) -> Iterator[str]:
        """Callables with arguments that may be left out. One may name another: until no new one comes."""
        done: set[str] = set()
        while waiting := [name for name in self.types.callbacks if name not in done]:
            for name in waiting:
                done.add(name)
                fn, flow = self.types.callbacks[name], self.types.flows[name]
                args = [
                    f"_{place}: {self.types.spell(arg.type, flow.flipped)}{' = ...' if arg.optional else ''}"
                    for place, arg in enumerate(fn.args, 1)
                ]
                yield from self._class(name, "_typing.Protocol", str(fn))
                result = self.types.result(fn.result, flow, fn.asynchronous)
                yield f"    def __call__(self, {', '.join(args)}, /) -> {result}: ..."


def _members(policy: dict[str, Any]) -> Iterator[str]:
    """Every name that stands inside of a class, and every root's."""
    for section in ("interfaces", "imports"):
        for entry in policy[section].values():
            for key in ("get", "set", "methods"):
                yield from entry.get(key, {})
    for fields in policy["records"].values():
        yield from fields
    for members in policy["enums"].values():
        yield from members


def _self(parameters: Iterable[str]) -> str:
    """The first parameter, under a name that no other has."""
    taken, name = set(parameters), "self"
    while name in taken:
        name += "_"
    return name


def _unusable(name: str) -> str:
    return f"    # {name!a} cannot be written in Python: use getattr, or keywords in a dict"
