"""The types of a policy as a client in TypeScript writes them: what it gets, and what it has to give."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from . import spelling
from .flow import Flow
from .stubnames import Names

IN, OUT = Flow.IN, Flow.OUT  # seen from the server, as everywhere

SAFE_MAX = 2**53 - 1  # what JavaScript's number holds exactly

# What values are that JavaScript has no type for. A name stands in a stub when something refers to it.
PRELUDE = {
    "Reference": """\
// An object of the server's: only a client's library makes one.
export interface Reference<I extends string> { readonly "pynto.interface": I }""",
    "Writes": """\
// Which attributes may be written, and with what: by a function of the type Write.
export interface Writes<A> { readonly "pynto.writes": A }
export type Write = <A, N extends keyof A>(target: Writes<A>, name: N, value: A[N]) => Promise<void>;""",
    "Keywords": """\
// What is passed by name alone stands behind all other arguments: f(1, {"pynto.keywords": {color: "RED"}}).
export interface Keywords<A> { readonly "pynto.keywords": A }""",
    "Awaitable": "export type Awaitable<T> = T | PromiseLike<T>;",
    "Data": """\
// What may travel by value is checked when it is sent.
export type Data = null | boolean | Int | string | Uint8Array | Complex | Range | Slice | DateTime | PlainDate | PlainTime | Duration | Decimal | UUID
  | readonly Data[] | ReadonlyMap<Data, Data> | ReadonlySet<Data> | { readonly [key: string]: Data };""",
    "Int": """\
// A number as far as that is exact, a bigint beyond 2**53 - 1.
export type Int = number | bigint;""",
    "Complex": 'export interface Complex { readonly kind: "complex"; readonly re: number; readonly im: number }',
    "Range": 'export interface Range { readonly kind: "range"; readonly start: Int; readonly stop: Int; readonly step: Int }',
    "Slice": 'export interface Slice { readonly kind: "slice"; readonly start: Int | null; readonly stop: Int | null; readonly step: Int | null }',
    "DateTime": """\
// JavaScript's Date has no microseconds. offset: seconds from UTC, null for a local time.
export interface DateTime { readonly kind: "datetime"; readonly date: PlainDate; readonly time: PlainTime }""",
    "PlainDate": 'export interface PlainDate { readonly kind: "date"; readonly year: number; readonly month: number; readonly day: number }',
    "PlainTime": """\
export interface PlainTime {
  readonly kind: "time"; readonly hour: number; readonly minute: number; readonly second: number; readonly microsecond: number;
  readonly fold: 0 | 1; readonly offset: number | null;
}""",
    "Duration": 'export interface Duration { readonly kind: "timedelta"; readonly days: number; readonly seconds: number; readonly microseconds: number }',
    "Decimal": 'export interface Decimal { readonly kind: "decimal"; readonly text: string }',
    "UUID": 'export interface UUID { readonly kind: "uuid"; readonly text: string }',
    "NDArray": 'export interface NDArray<D extends string> { readonly kind: "ndarray"; readonly dtype: D; readonly shape: readonly Int[]; readonly items: Uint8Array }',
}
_NEEDS = {
    "Data": "Int Complex Range Slice DateTime PlainDate PlainTime Duration Decimal UUID",
    "Range": "Int",
    "Slice": "Int",
    "DateTime": "PlainDate PlainTime",
    "NDArray": "Int",
}
_SCALARS = {
    "none": "null",
    "bool": "boolean",
    "int": "Int",
    "float": "number",
    "complex": "Complex",
    "str": "string",
    "bytes": "Uint8Array",
    "range": "Range",
    "slice": "Slice",
    "datetime": "DateTime",
    "date": "PlainDate",
    "time": "PlainTime",
    "timedelta": "Duration",
    "decimal": "Decimal",
    "uuid": "UUID",
    "data": "Data",
    "bytearray": "Uint8Array",
    "memoryview": "Uint8Array",
    "buffer": "Uint8Array",
    "ndarray": "NDArray<string>",
} | {f"ndarray_{dtype}": f'NDArray<"{dtype}">' for dtype in spelling.DTYPES}

_KEYWORDS = frozenset(
    "break case catch class const constructor continue debugger default delete do else enum export extends false finally for "
    "function if implements import in instanceof interface let new null package private protected public readonly return "
    "static super switch this throw true try typeof var void while with yield".split()
)
# No parameter, interface or type may be called so, be it that the language says so or that a stub means something by it.
RESERVED = _KEYWORDS.union(
    "abstract any arguments as asserts async await bigint boolean declare eval from get global infer intrinsic is keyof "
    "module namespace never number object of out override require satisfies set string symbol type undefined unique unknown using "
    "Array ArrayLike AsyncGenerator AsyncIterable AsyncIterator BigInt Boolean Function Generator Iterable Iterator Map NaN "
    "Infinity Number Object Promise PromiseLike ReadonlyArray ReadonlyMap ReadonlySet Set String Symbol Uint8Array "
    "globalThis Roots Write".split(),
    PRELUDE,
)

# What a client implements of these is what its language has for it.
_NATIVE = {
    "Iterable": "Iterable<{0}> | AsyncIterable<{0}>",
    "Iterator": "Iterable<{0}> | AsyncIterable<{0}>",
    "AsyncIterable": "Iterable<{0}> | AsyncIterable<{0}>",
    "AsyncIterator": "Iterable<{0}> | AsyncIterable<{0}>",
    "Generator": "Generator<{0}, {2}, {1}> | AsyncGenerator<{0}, {2}, {1}>",
    "Awaitable": "PromiseLike<{0}>",
}


def text(value: str) -> str:
    """A string of TypeScript's, in ASCII on one line."""
    return json.dumps(value)


def property_name(name: str) -> str:
    """In quotes nothing is a constructor or a modifier."""
    return text(name) if name in _KEYWORDS else name


class Types:
    """Spells types, and remembers what of PRELUDE that takes."""

    def __init__(self, document: dict[str, dict[str, object]], names: Names) -> None:
        self.names = names
        self._document = document
        self._used: set[str] = set()

    def need(self, name: str) -> str:
        self._used |= {name, *_NEEDS.get(name, "").split()}
        return name

    def prelude(self) -> list[str]:
        return [PRELUDE[name] for name in PRELUDE if name in self._used]

    def spell(self, type_: spelling.Type, flow: Flow) -> str:
        match type_:
            case spelling.Scalar(name):
                return self._scalar(name)
            case spelling.Literal(value):
                return _literal(value)
            case spelling.Tuple(items):
                return f"readonly [{self._list(items, flow)}]"
            case spelling.Many(item):
                return f"ReadonlyArray<{self.spell(item, flow)}>"
            case spelling.FrozenSet(item):
                return f"ReadonlySet<{self.spell(item, flow)}>"
            case spelling.Copy(kind, items):
                return f"{_copied(kind, flow)}<{self._list(items, flow)}>"
            case spelling.Enum(name):
                return self.names.of("enum", name)
            case spelling.Record(name):
                return self.names.of("record", name)
            case spelling.Fn(args, result, _):
                given = [(f"_{place}", arg.type, arg.optional) for place, arg in enumerate(args, 1)]
                return f"(({self.parameters(given, flow.flipped)}) => {self.result(result, flow)})"
            case spelling.Union(items):
                return " | ".join(dict.fromkeys(self.spell(item, flow) for item in items))
            case spelling.Interface():
                return self._interface(str(type_), flow)

    def parameters(self, given: Sequence[tuple[str, spelling.Type, bool]], flow: Flow) -> str:
        return ", ".join(
            f"{name}{'?' if optional else ''}: {self.spell(type_, flow)}" for name, type_, optional in given
        )

    def result(self, type_: spelling.Type, flow: Flow) -> str:
        """The server's come over a wire; a client's may be had at once or later."""
        spelled = "void" if type_ == spelling.NONE else self.spell(type_, flow)
        return f"Promise<{spelled}>" if flow is OUT else f"{self.need('Awaitable')}<{spelled}>"

    def native(self, type_: spelling.Interface, flow: Flow) -> str | None:
        """What JavaScript has for a Protocol of the standard library."""
        spelled = _NATIVE.get(type_.name)
        if spelled is None:
            return None
        args = [self.spell(arg, flow.flipped if place == 1 else flow) for place, arg in enumerate(type_.args)]
        if type_.name == "Generator" and type_.args[2] == spelling.NONE:
            args[2] = "void"
        return spelled.format(*args)

    def _scalar(self, name: str) -> str:
        spelled = _SCALARS[name]
        if spelled.partition("<")[0] in PRELUDE:
            self.need(spelled.partition("<")[0])
        return spelled

    def _list(self, types: Iterable[spelling.Type], flow: Flow) -> str:
        return ", ".join(self.spell(each, flow) for each in types)

    def _interface(self, name: str, flow: Flow) -> str:
        """What flows in is a reference that conforms, or an object of the client's own where the server takes one."""
        if flow is OUT:
            return self.names.of("interface", name)
        accepts = self._document["accepts"].get(name, [])
        assert isinstance(accepts, list)
        held = [name] if name in self._document["interfaces"] else []
        spelled = [self.names.of("interface", each) for each in (*held, *accepts)]
        if name in self._document["imports"]:
            spelled.append(self.names.of("import", name))
        return " | ".join(spelled) or "never"


def _copied(kind: str, flow: Flow) -> str:
    name = {"list": "Array", "set": "Set", "dict": "Map"}[kind]
    return name if flow is OUT else f"Readonly{name}"


def _literal(value: str | int | bool) -> str:
    if isinstance(value, str):
        return text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if abs(value) <= SAFE_MAX else f"{value}n"
