"""From mypy's signature of a method to the policy's."""

from __future__ import annotations

from dataclasses import dataclass, field

from mypy.nodes import ArgKind
from mypy.types import CallableType, Instance, Type, get_proper_type

from . import spelling
from .flow import Flow
from .members import Member, Refusal
from .spelling import Param
from .translate import Draft, Translator, awaited


@dataclass
class Reading:
    """One signature, what it names, and the optional parameters that are not offered."""

    signature: spelling.Signature
    draft: Draft = field(default_factory=Draft)
    dropped: list[Refusal] = field(default_factory=list)


def read(member: Member, hint: CallableType, flow: Flow, *, copied: bool = False) -> Reading:
    """``flow`` is where the result goes: out of our objects, in from a client's. copied: by the config."""
    if hint.unpack_kwargs:
        hint = hint.with_unpacked_kwargs()
    reader = _Reader(flow.flipped)
    for name, type_, kind in zip(hint.arg_names, hint.arg_types, hint.arg_kinds, strict=True):
        reader.take(name, type_, kind)
    result, asynchronous = _result(member, hint)
    translator = Translator()
    spelled = translator.copied(result, flow) if copied else translator.type(result, flow)
    reader.draft.add(translator.draft)
    return Reading(reader.signature(spelled, asynchronous), reader.draft, reader.dropped)


def _result(member: Member, hint: CallableType) -> tuple[Type, bool]:
    if member.name != "__await__":
        return awaited(hint.ret_type)
    proper = get_proper_type(hint.ret_type)
    if isinstance(proper, Instance) and proper.type.fullname == "typing.Generator":
        return proper.args[2], True
    raise Refusal("unsupported-type", "__await__ gives its result only when it is declared as Generator[Any, Any, T]")


class _Reader:
    """Takes the parameters in order."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.draft = Draft()
        self.dropped: list[Refusal] = []
        self._positional: list[Param] = []
        self._named: list[Param] = []
        self._keywords: list[Param] = []
        self._rest: Param | None = None
        self._options: Param | None = None
        self._closed = False  # a dropped parameter stands between: nothing behind it has its place any more

    def take(self, name: str | None, type_: Type, kind: ArgKind) -> None:
        optional = kind.is_optional() or kind.is_star()
        try:
            param = self._param(name, type_, optional and not kind.is_star())
        except Refusal as refusal:
            refusal = Refusal(refusal.id, f"parameter {name or 'without a name'!a}: {refusal.detail}")
            if not optional:
                raise refusal from None
            self.dropped.append(refusal)
            self._closed = self._closed or kind.is_positional()
            return
        self._place(param, kind)

    def _param(self, name: str | None, type_: Type, optional: bool) -> Param:
        if name is not None and not spelling.is_identifier(name):
            raise Refusal("non-ascii-name", "its name is not ASCII")
        translator = Translator()
        param = Param(name, translator.type(type_, self.flow), optional)
        self.draft.add(translator.draft)
        return param

    def _place(self, param: Param, kind: ArgKind) -> None:
        if kind == ArgKind.ARG_STAR:
            self._rest = None if self._closed else param
        elif kind == ArgKind.ARG_STAR2:
            self._options = param
        elif kind.is_named() or (self._closed and param.name is not None):
            self._keywords.append(param)
        elif param.name is not None:
            self._named.append(param)
        elif not self._closed:
            self._positional += [Param(None, named.type, named.optional) for named in self._named]
            self._named = []
            self._positional.append(param)

    def signature(self, result: spelling.Type, asynchronous: bool) -> spelling.Signature:
        signature = spelling.Signature(
            tuple(self._positional),
            tuple(self._named),
            self._rest,
            tuple(sorted(self._keywords, key=lambda param: param.name or "")),
            self._options,
            result,
            asynchronous,
        )
        try:
            signature.check()
        except spelling.SpellingError as error:
            raise Refusal("too-large", str(error)) from error
        if max(map(spelling.depth, (result, *(param.type for param in signature.params())))) > spelling.DEPTH_MAX:
            raise Refusal("too-large", "its types nest too deep")
        return signature
