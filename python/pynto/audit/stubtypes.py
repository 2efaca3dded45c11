"""The types of a policy as a client writes them: what it gets, and what it has to give."""

from __future__ import annotations

from collections.abc import Iterable

from . import spelling
from .flow import Flow
from .stubnames import BUILTINS, Names

IN, OUT = Flow.IN, Flow.OUT  # seen from the server, as everywhere

_SCALARS = {
    "none": "None",
    "data": "object",
    "datetime": "_datetime.datetime",
    "date": "_datetime.date",
    "time": "_datetime.time",
    "timedelta": "_datetime.timedelta",
    "decimal": "_decimal.Decimal",
    "uuid": "_uuid.UUID",
    "buffer": "_typing_extensions.Buffer",
    "ndarray": "_numpy.ndarray[_typing.Any, _typing.Any]",
} | {
    f"ndarray_{dtype}": f"_numpy.ndarray[_typing.Any, _numpy.dtype[_numpy.{'bool_' if dtype == 'bool' else dtype}]]"
    for dtype in spelling.DTYPES
}


class Types:
    """Spells types. hidden: names that a member hides, so that a builtin of that name needs its module."""

    def __init__(
        self,
        document: dict[str, dict[str, object]],
        names: Names,
        hidden: frozenset[str],
        shared: Iterable[str],
        awaited: bool = False,
    ) -> None:
        self.names = names
        self.callbacks: dict[str, spelling.Fn] = {}  # name -> what Callable cannot say, and whose direction it has
        self.flows: dict[str, Flow] = {}
        self.modules: set[str] = set()  # of the client's own, that are imported
        self._document = document
        self._hidden = hidden
        self._shared = frozenset(shared)
        self._awaited = awaited

    def builtin(self, name: str) -> str:
        return f"_builtins.{name}" if name in self._hidden and name in BUILTINS else name

    def spell(self, type_: spelling.Type, flow: Flow) -> str:
        match type_:
            case spelling.Scalar(name):
                return _SCALARS.get(name) or self.builtin(name) if name != "data" else self.builtin("object")
            case spelling.Literal(value):
                return f"_typing.Literal[{value!a}]"
            case spelling.Tuple(items):
                return f"{self.builtin('tuple')}[{self._list(items, flow) or '()'}]"
            case spelling.Many(item):
                return f"{self.builtin('tuple')}[{self.spell(item, flow)}, ...]"
            case spelling.FrozenSet(item):
                return f"{self.builtin('frozenset')}[{self.spell(item, flow)}]"
            case spelling.Copy(kind, items):
                return f"{self.builtin(kind)}[{self._list(items, flow)}]"
            case spelling.Enum(name):
                return self._named("enum", name)
            case spelling.Record(name):
                return self._record(name, flow)
            case spelling.Fn():
                return self._callable(type_, flow)
            case spelling.Union(items):
                return " | ".join(dict.fromkeys(self.spell(item, flow) for item in items))
            case spelling.Interface():
                return self._interface(str(type_), flow)

    def _list(self, types: Iterable[spelling.Type], flow: Flow) -> str:
        return ", ".join(self.spell(each, flow) for each in types)

    def is_shared(self, name: str) -> bool:
        """Is the class one that the client has, under the server's name for it?"""
        return name.partition(":")[0] in self._shared

    def _named(self, kind: str, name: str) -> str:
        if not self.is_shared(name):
            return self.names.of(kind, name)
        module, _, qualname = name.partition(":")
        self.modules.add(module)
        return f"{module_alias(module)}.{qualname}"

    def _record(self, name: str, flow: Flow) -> str:
        """A client may give a dict with the fields in the place of any record."""
        spelled = self._named("record", name)
        return (
            spelled if flow is OUT or self.is_dict(name) else f"{spelled} | {self.names.of('fields', f'{name}Fields')}"
        )

    def is_dict(self, name: str) -> bool:
        fields = self._document["records"][name]
        assert isinstance(fields, dict)
        return any(str(text).endswith("=?") for text in fields.values())

    def _interface(self, name: str, flow: Flow) -> str:
        """What flows in is a reference that conforms, or an object of the client's own where the server takes one."""
        held = [name] if name in self._document["interfaces"] else []
        if flow is OUT:
            return self.names.of("interface", name)
        accepts = self._document["accepts"].get(name, [])
        assert isinstance(accepts, list)
        spelled = [self.names.of("interface", each) for each in (*held, *accepts)]
        if name in self._document["imports"]:
            spelled.append(self.names.of("import", name))
        return " | ".join(spelled)

    def _callable(self, fn: spelling.Fn, flow: Flow) -> str:
        """A callable that flows in is the client's: the server gives the arguments."""
        if any(arg.optional for arg in fn.args):
            key = f"{flow.value} {fn}"
            name = self.names.of("callback", f"Callback {key}")
            self.callbacks[name] = fn
            self.flows[name] = flow
            return name
        given = ", ".join(self.spell(arg.type, flow.flipped) for arg in fn.args)
        return f"_abc.Callable[[{given}], {self.result(fn.result, flow, fn.asynchronous)}]"

    def result(self, type_: spelling.Type, flow: Flow, asynchronous: bool) -> str:
        """The server awaits what a client's callable gives; a client waits for an async one as for any other, or awaits every one."""
        spelled = self.spell(type_, flow)
        if flow is OUT and self._awaited:
            return coroutine(spelled)
        return f"_abc.Awaitable[{spelled}]" if asynchronous and flow is IN else spelled


def coroutine(spelled: str) -> str:
    """What an operation gives to asyncio's client: it is awaited once, or made a task."""
    return f"_abc.Coroutine[object, None, {spelled}]"


def module_alias(module: str) -> str:
    return f"_shared_{module.replace('.', '__')}"
