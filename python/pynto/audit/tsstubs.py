"""``pynto-policy stubs --typescript``: what a client can do, for TypeScript.

Types alone. Every interface is one that only the server has objects of, since its name is part of its type; every Protocol that a client may
implement is what its objects must have. All that crosses the wire is a promise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from . import grammar, spelling
from .flow import Flow
from .stubnames import Names
from .tstypes import IN, OUT, RESERVED, Types, property_name, text

_HEADER = "// What a client can do under a policy: made by pynto-policy stubs, not to be edited."
_SECTIONS = ("accepts", "enums", "imports", "interfaces", "records", "roots")
_BEGINS = ("__aiter__", "__iter__")
_STEPS = ("__anext__", "__next__")
_UNAWAITABLE = "then"  # whatever has it is taken for a promise


def render(policy: dict[str, Any]) -> str:
    """The stub of a policy that was loaded."""
    return "".join(f"{line}\n" for line in _Stub(policy).lines())


class _Stub:
    def __init__(self, policy: dict[str, Any]) -> None:
        self.policy = {section: policy.get(section, {}) for section in _SECTIONS}
        self.names = Names(RESERVED)
        self.types = Types(self.policy, self.names)

    def lines(self) -> Iterator[str]:
        """The body first: it finds out what of the prelude is needed."""
        self._name_all()
        body = [*self._body()]
        yield _HEADER
        for each in self.types.prelude():
            yield ""
            yield each
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
        for name, members in sorted(self.policy["enums"].items()):
            yield from _about(name)
            yield f"export type {self.names.of('enum', name)} = {' | '.join(map(text, members)) or 'never'};"
        for name, fields in sorted(self.policy["records"].items()):
            yield from self._record(name, fields)
        for name, entry in sorted(self.policy["imports"].items()):
            yield from self._import(name, entry)
        for name, entry in sorted(self.policy["interfaces"].items()):
            yield from self._interface(name, entry)
        yield from self._roots()

    def _record(self, name: str, fields: dict[str, str]) -> Iterator[str]:
        """Plain data, the same in both directions: what a client is given has more than it has to give."""
        yield from _about(name)
        yield f"export interface {self.names.of('record', name)} {{"
        for field, spelled in sorted(fields.items()):
            type_, may_miss = grammar.parse_field(spelled)
            yield f"  readonly {property_name(field)}{'?' if may_miss else ''}: {self.types.spell(type_, IN)};"
        yield "}"

    def _import(self, name: str, entry: dict[str, Any]) -> Iterator[str]:
        """What the client implements: the server gives the arguments."""
        spelled = grammar.parse_type(name)
        assert isinstance(spelled, spelling.Interface)
        yield from _about(name)
        shown = self.names.of("import", name)
        if (native := self.types.native(spelled, IN)) is not None:
            yield f"export type {shown} = {native};"
            return
        yield f"export interface {shown} {{"
        for attribute, get, set_ in _attributes(entry):
            yield from self._lent_attribute(property_name(attribute), get, set_)
        for method, signatures in _methods(entry):
            calls = [f"({given}) => {result}" for given, result in self._calls(signatures, IN)]
            joined = calls[0] if len(calls) == 1 else " & ".join(f"({call})" for call in calls)
            yield f"  readonly {property_name(method)}: {joined};"
        yield "}"

    def _lent_attribute(self, name: str, get: str | None, set_: str | None) -> Iterator[str]:
        read = f"{self.types.need('Awaitable')}<{self.types.spell(grammar.parse_type(get), IN)}>" if get else None
        if set_ is None:
            yield f"  readonly {name}: {read};"
            return
        if read is not None:
            yield f"  get {name}(): {read};"
        yield f"  set {name}(value: {self.types.spell(grammar.parse_type(set_), OUT)});"

    def _interface(self, name: str, entry: dict[str, Any]) -> Iterator[str]:
        yield from _about(name)
        bases = [f"{self.types.need('Reference')}<{text(name)}>"]
        if writable := [
            f"{property_name(attribute)}: {self.types.spell(grammar.parse_type(set_), IN)}"
            for attribute, _, set_ in _attributes(entry)
            if set_ is not None
        ]:
            bases.append(f"{self.types.need('Writes')}<{{ {'; '.join(writable)} }}>")
        if (item := self._item(entry.get("methods", {}))) is not None:
            bases.append(f"AsyncIterable<{item}>")
        yield f"export interface {self.names.of('interface', name)} extends {', '.join(bases)} {{"
        for attribute, get, _ in _attributes(entry):
            if attribute == _UNAWAITABLE:
                yield _left_out(attribute)
            elif get is not None:
                read = self.types.spell(grammar.parse_type(get), OUT)
                yield f"  readonly {property_name(attribute)}: Promise<{read}>;"
        for method, signatures in _methods(entry):
            if method == _UNAWAITABLE:
                yield _left_out(method)
                continue
            for given, result in self._calls(signatures, OUT):
                yield f"  {property_name(method)}({given}): {result};"
        yield "}"

    def _item(self, methods: dict[str, Any]) -> str | None:
        """What ``for await`` gives: of an iterator, and of what says which its iterator is."""
        step = next((methods[name] for name in _STEPS if name in methods), None)
        if step is None:
            begins = next((methods[name] for name in _BEGINS if name in methods), None)
            if begins is None:
                return None
            iterator = str(grammar.parse_overloads(begins)[0].result)
            inner = self.policy["interfaces"].get(iterator, {}).get("methods", {})
            step = next((inner[name] for name in _STEPS if name in inner), None)
        return self.types.spell(grammar.parse_overloads(step)[0].result, OUT) if step is not None else None

    # Calls. flow: of what they give

    def _calls(self, signatures: Sequence[spelling.Signature], flow: Flow) -> Iterator[tuple[str, str]]:
        for signature in signatures:
            result = self.types.result(signature.result, flow)
            for given in self._parameters(signature, flow.flipped):
                yield given, result

    def _parameters(self, signature: spelling.Signature, flow: Flow) -> Iterator[str]:
        """In TypeScript nothing that may be left out stands ahead of what may not, nor behind a rest: then there are two forms."""
        local = Names(RESERVED)
        placed = [(_local(local, param, place), param) for place, param in enumerate(_placed(signature), 1)]
        named, may_miss = self._keywords(signature, flow)
        parts = []
        for name, param in placed:
            spelled = self.types.spell(param.type, flow)
            must_stand = named is not None and not may_miss and signature.rest is None
            if param.optional:
                spelled = f"{name}: {spelled} | undefined" if must_stand else f"{name}?: {spelled}"
            else:
                spelled = f"{name}: {spelled}"
            parts.append(spelled)
        if signature.rest is None:
            if named is not None:
                parts.append(f"{local.fresh('named')}{'?' if may_miss else ''}: {named}")
            yield ", ".join(parts)
            return
        rest, each = local.fresh(_usable(signature.rest.name)), self.types.spell(signature.rest.type, flow)
        if named is None or may_miss:
            yield ", ".join([*parts, f"...{rest}: ReadonlyArray<{each}>"])
        if named is not None:
            yield ", ".join([*parts, f"...{rest}: readonly [...ReadonlyArray<{each}>, {named}]"])

    def _keywords(self, signature: spelling.Signature, flow: Flow) -> tuple[str | None, bool]:
        """What has to be passed by name, if anything, and whether all of it may be left out."""
        spelled = [self.types.spell(param.type, flow) for param in signature.keywords]
        parts = [
            f"{property_name(param.name or '')}{'?' if param.optional else ''}: {type_}"
            for param, type_ in zip(signature.keywords, spelled, strict=True)
        ]
        if signature.options is not None:  # TypeScript wants it to include all that have a name
            spelled.insert(0, self.types.spell(signature.options.type, flow))
            maybe = ["undefined"] if any(param.optional for param in signature.keywords) else []
            parts.append(f"[name: string]: {' | '.join(dict.fromkeys([*spelled, *maybe]))}")
        if not parts:
            return None, True
        may_miss = all(param.optional for param in signature.keywords)
        return f"{self.types.need('Keywords')}<{{ {'; '.join(parts)} }}>", may_miss

    def _roots(self) -> Iterator[str]:
        yield ""
        yield "export interface Roots {"
        for name, spelled in sorted(self.policy["roots"].items()):
            yield f"  readonly {property_name(name)}: {self.types.spell(grammar.parse_type(spelled), OUT)};"
        yield "}"


def _attributes(entry: dict[str, Any]) -> Iterator[tuple[str, str | None, str | None]]:
    readable, writable = entry.get("get", {}), entry.get("set", {})
    for name in sorted(readable.keys() | writable.keys()):
        yield name, readable.get(name), writable.get(name)


def _methods(entry: dict[str, Any]) -> Iterator[tuple[str, Sequence[spelling.Signature]]]:
    for name, value in sorted(entry.get("methods", {}).items()):
        yield name, grammar.parse_overloads(value)


def _placed(signature: spelling.Signature) -> tuple[spelling.Param, ...]:
    return (*signature.positional, *signature.named)


def _local(local: Names, param: spelling.Param, place: int) -> str:
    return local.fresh(_usable(param.name) if param.name is not None else f"_{place}")


def _usable(name: str | None) -> str:
    return f"{name}_" if name in RESERVED else name or "_"


def _about(name: str) -> Iterator[str]:
    """A name is printable ASCII on one line, so that a comment ends with it."""
    yield ""
    yield f"// {name}"


def _left_out(name: str) -> str:
    return f"  // {name!a} is left out: await would take the object for a promise"
