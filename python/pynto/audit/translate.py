"""From a hint to its spelling, in the direction in which it flows.

Out, everything that is named may reach the client: what is not declared precisely is refused. In, ``Any`` and ``object``
mean data. What a hint names on the way (interfaces, records, enums) is noted in a ``Draft``, which counts only if the
whole member can be granted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from mypy.expandtype import expand_type_by_instance
from mypy.maptype import map_instance_to_supertype
from mypy.nodes import TypeInfo
from mypy.types import (
    AnyType,
    CallableType,
    Instance,
    LiteralType,
    NoneType,
    Overloaded,
    ParamSpecType,
    TupleType,
    Type,
    TypeAliasType,
    TypedDictType,
    TypeOfAny,
    TypeType,
    TypeVarTupleType,
    TypeVarType,
    UninhabitedType,
    UnionType,
    UnpackType,
    get_proper_type,
)

from . import kinds, spelling
from .flow import Flow
from .members import Refusal, class_name
from .templates import BY_FULLNAME, PLAINER, TEMPLATES

GENERIC_DEPTH_MAX = 4  # of interfaces inside the arguments of interfaces
NESTING_MAX = 8  # of anything inside the arguments of an interface

_BYTES = ("bytes", "bytearray", "memoryview", "buffer")  # one thing on the wire
_INT64 = range(-(2**63), 2**63)


@dataclass
class Draft:
    """What the hints of one member name: not yet part of the policy."""

    interfaces: dict[tuple[str, Flow], Instance] = field(default_factory=dict)
    direct: set[tuple[str, Flow]] = field(default_factory=set)  # not only as a type argument of another interface
    records: dict[str, dict[str, str]] = field(default_factory=dict)
    enums: dict[str, list[str]] = field(default_factory=dict)
    values: dict[str, TypeInfo] = field(default_factory=dict)  # the classes of both
    notes: list[tuple[str, str]] = field(default_factory=list)  # id of a finding, detail

    def add(self, other: Draft) -> None:
        self.interfaces |= other.interfaces
        self.direct |= other.direct
        self.records |= other.records
        self.enums |= other.enums
        self.values |= other.values
        self.notes += [note for note in other.notes if note not in self.notes]


class Translator:
    """Translates the hints of one member into ``draft``."""

    def __init__(self) -> None:
        self.draft = Draft()
        self._records: list[tuple[str, Flow]] = []  # the records being translated
        self._nested = 0  # how many interfaces' type arguments we are in

    def type(self, hint: Type, flow: Flow) -> spelling.Type:
        if isinstance(hint, TypeAliasType) and hint.is_recursive:
            raise Refusal("recursive-alias", f"{_alias_name(hint)} contains itself")
        proper = get_proper_type(hint)
        for kind, translate in _BY_KIND:
            if isinstance(proper, kind):
                return translate(self, proper, flow)
        raise Refusal("unsupported-type", f"{proper} has no spelling")

    # What the hint leaves open

    def untyped(self, hint: AnyType, flow: Flow) -> spelling.Type:
        origin = _origin(hint)
        if origin == TypeOfAny.unannotated:
            raise Refusal("missing-hint", "a hint is missing")
        if origin in (TypeOfAny.from_unimported_type, TypeOfAny.from_error):
            raise Refusal("unresolved-type", "the hint could not be resolved")
        if flow is Flow.OUT:
            bare = " (a container without type arguments)" if origin == TypeOfAny.from_omitted_generics else ""
            raise Refusal("any-result", f"Any would flow out{bare}")
        self.draft.notes.append(("any-parameter", "Any means data here"))
        return spelling.DATA

    def anything(self, flow: Flow) -> spelling.Type:
        if flow is Flow.OUT:
            raise Refusal("object-result", "object would flow out")
        self.draft.notes.append(("any-parameter", "object means data here"))
        return spelling.DATA

    def typevar(self, hint: TypeVarType, flow: Flow) -> spelling.Type:
        if flow is Flow.OUT:
            raise Refusal("free-typevar", f"{hint.name} would flow out")
        if hint.values:
            return spelling.union(self.type(value, flow) for value in hint.values)
        return self.type(hint.upper_bound, flow)

    def variadic(self, hint: Type, flow: Flow) -> spelling.Type:
        raise Refusal("free-typevar", f"{hint} is not bound")

    # Data

    def none(self, hint: NoneType, flow: Flow) -> spelling.Type:
        return spelling.NONE

    def never(self, hint: UninhabitedType, flow: Flow) -> spelling.Type:
        if flow is Flow.IN:
            raise Refusal("unsupported-type", "nothing can be passed where Never is declared")
        return spelling.NONE

    def literal(self, hint: LiteralType, flow: Flow) -> spelling.Type:
        value, base = hint.value, hint.fallback.type.fullname
        if base == "builtins.str" and isinstance(value, str):
            return spelling.Literal(value)
        if base == "builtins.bool" and isinstance(value, bool):
            return spelling.Literal(value)
        if base == "builtins.int" and isinstance(value, int) and value in _INT64:
            return spelling.Literal(value)
        raise Refusal("unsupported-literal", f"{hint} is not a str, a 64-bit int or a bool")

    def fixed(self, hint: TupleType, flow: Flow) -> spelling.Type:
        fallback = hint.partial_fallback
        if fallback.type.fullname != "builtins.tuple":
            return self.instance(fallback, flow)
        return spelling.Tuple(tuple(self.type(item, flow) for item in hint.items))

    def typeddict(self, hint: TypedDictType, flow: Flow) -> spelling.Type:
        if hint.fallback.type.typeddict_type is None:  # inferred, through a decorator for example: its name is lost
            raise Refusal("unsupported-record", f"{hint} has no name")
        return self.record(hint.fallback.type, flow)

    def record(self, info: TypeInfo, flow: Flow) -> spelling.Type:
        name = _named(info)
        key = (name, flow)
        if key not in self._records:
            if flow is Flow.IN:
                kinds.check_constructor(info)
            self._records.append(key)
            self.draft.records[name] = dict(self._field(info, field, flow) for field in kinds.fields(info))
            self.draft.values[name] = info
        return spelling.Record(name)

    def _field(self, info: TypeInfo, field: kinds.Field, flow: Flow) -> tuple[str, str]:
        label = f"{info.name}.{field.name}"
        if not spelling.is_identifier(field.name) or field.name.startswith("_"):
            raise Refusal("unsupported-record", f"its field {field.name!a} cannot be named in a policy")
        with _inside(label):
            type_ = self.type(field.type, flow)
        if not spelling.is_data(type_):
            raise Refusal("record-holds-reference", f"{label} is {type_}")
        return field.name, f"{type_}{'=?' if field.optional else ''}"

    def enumeration(self, info: TypeInfo) -> spelling.Type:
        name, members = _named(info), kinds.enum_members(info)
        for member in members:
            if not spelling.is_identifier(member):
                raise Refusal("non-ascii-name", f"the member {member!a} of {info.name} is not ASCII")
        if not members:
            raise Refusal("unsupported-type", f"the Enum {info.name} has no members")
        if kinds.is_flag(info):
            self.draft.notes.append(("flag-enum", f"{info.name} is a Flag"))
        self.draft.enums[name] = members
        self.draft.values[name] = info
        return spelling.Enum(name)

    def copy(self, hint: Instance, flow: Flow) -> spelling.Type:
        inner = get_proper_type(hint.args[0]) if hint.args else None
        if not isinstance(inner, Instance) or inner.type.fullname.removeprefix("builtins.") not in spelling.COPY_ARITY:
            raise Refusal("unsupported-copy", f"Copy of {inner}")
        return spelling.Copy(inner.type.name, tuple(self.type(arg, flow) for arg in inner.args))

    def copied(self, hint: Type, flow: Flow) -> spelling.Type:
        """What the config has copied: the lists, dicts and sets among the alternatives of a hint."""
        proper = get_proper_type(hint)
        items = proper.items if isinstance(proper, UnionType) else [proper]
        found = [get_proper_type(item) for item in items]
        if not any(_is_copyable(item) for item in found):
            raise Refusal("unsupported-copy", f"{proper} is no list, dict or set, which policy.copy would copy")
        return spelling.union(
            self._copy_of(item, flow) if _is_copyable(item) else self.type(item, flow) for item in found
        )

    def _copy_of(self, hint: Type, flow: Flow) -> spelling.Type:
        assert isinstance(hint, Instance)
        return spelling.Copy(hint.type.name, tuple(self.type(arg, flow) for arg in hint.args))

    # Alternatives

    def union(self, hint: UnionType, flow: Flow) -> spelling.Type:
        result = spelling.union(self.type(item, flow) for item in hint.items)
        names: dict[str, str] = {}
        for item in spelling.alternatives(result):
            group = self._group(item, flow)
            if group is not None and names.setdefault(group, str(item)) != str(item):
                raise Refusal("ambiguous-union", f"{names[group]} and {item} cannot be told apart")
        return result

    def _group(self, item: spelling.Type, flow: Flow) -> str | None:
        """Alternatives of the same group cannot be told apart by looking at an object, or at what travels."""
        if isinstance(item, spelling.Scalar) and item.name in _BYTES:
            return "bytes"
        if isinstance(item, spelling.Fn):
            return "facet"
        if not isinstance(item, spelling.Interface):
            return None
        template = TEMPLATES.get(item.name)
        instance = self.draft.interfaces[str(item), flow]
        return "facet" if instance.type.is_protocol or (template and template.facet) else item.name

    # Callables

    def callable(self, hint: CallableType, flow: Flow) -> spelling.Type:
        if hint.is_type_obj():
            return self.class_object(hint, flow)
        if hint.is_ellipsis_args:
            raise Refusal("callable-ellipsis", "the callable has no signature")
        _refuse_paramspec(hint)
        result, asynchronous = awaited(hint.ret_type, also_awaitable=True)
        args = tuple(self._argument(hint, index, flow.flipped) for index in range(len(hint.arg_types)))
        return spelling.Fn(args, self.type(result, flow), asynchronous)

    def _argument(self, hint: CallableType, index: int, flow: Flow) -> spelling.Argument:
        kind = hint.arg_kinds[index]
        if not kind.is_positional():
            raise Refusal("unsupported-type", "a callable with keyword or variadic arguments needs a Protocol")
        return spelling.Argument(self.type(hint.arg_types[index], flow), kind.is_optional())

    def overloaded(self, hint: Overloaded, flow: Flow) -> spelling.Type:
        if hint.items and hint.items[0].is_type_obj():
            return self.class_object(hint, flow)
        raise Refusal("unsupported-type", "an overloaded callable needs a Protocol")

    def class_object(self, hint: Type, flow: Flow) -> spelling.Type:
        if flow is Flow.OUT:
            raise Refusal("type-result", "a class would flow out")
        raise Refusal("forbidden-type", "no class can be passed")

    # Classes

    def instance(self, hint: Instance, flow: Flow) -> spelling.Type:
        info = hint.type
        if info.is_newtype and info.bases:
            return self.type(expand_type_by_instance(info.bases[0], hint), flow)
        if info.fullname in kinds.SCALARS:
            return spelling.Scalar(kinds.SCALARS[info.fullname])
        if info.fullname == "numpy.ndarray":
            return _ndarray(hint)
        if info.fullname == "builtins.object":
            return self.anything(flow)
        if info.fullname == "builtins.type":
            return self.class_object(hint, flow)
        if info.fullname == "builtins.tuple":
            return spelling.Many(self.type(hint.args[0], flow))
        if info.fullname == "builtins.frozenset":
            return spelling.FrozenSet(self.type(hint.args[0], flow))
        return self._class(hint, flow)

    def _class(self, hint: Instance, flow: Flow) -> spelling.Type:
        info = hint.type
        if kinds.is_copy(info):
            return self.copy(hint, flow)
        if info.is_enum:
            return self.enumeration(info)
        if kinds.is_record(info):
            return self.record(info, flow)
        if kinds.is_forbidden(info):
            raise Refusal("forbidden-type", f"{info.fullname} can never be passed")
        return self.interface(hint, flow)

    def interface(self, hint: Instance, flow: Flow) -> spelling.Interface:
        """A reference: its name goes into the draft, to be walked if the member is granted."""
        hint, name = _normal(hint)
        if name in PLAINER and not _is_granted(hint.args[1:], flow):
            hint, name = _normal(_supertype(hint, PLAINER[name]))
        args = hint.args[: len(TEMPLATES[name].params)] if name in TEMPLATES else hint.args
        if hint.type.has_param_spec_type or hint.type.has_type_var_tuple_type:
            raise Refusal("unsupported-type", f"{hint.type.name} is generic over its parameters")
        self._nested += 1
        result = spelling.Interface(name, tuple(self.type(arg, flow) for arg in args))
        self._nested -= 1
        _refuse_growth(result)
        _refuse_unreachable(result, hint, flow)
        key = (str(result), flow)
        self.draft.interfaces[key] = hint
        if not self._nested:
            self.draft.direct.add(key)
        return result


_BY_KIND: tuple[tuple[type[Type] | tuple[type[Type], ...], Callable[..., spelling.Type]], ...] = (
    (AnyType, Translator.untyped),
    (NoneType, Translator.none),
    (UninhabitedType, Translator.never),
    (LiteralType, Translator.literal),
    (TupleType, Translator.fixed),
    (TypedDictType, Translator.typeddict),
    (UnionType, Translator.union),
    (CallableType, Translator.callable),
    (Overloaded, Translator.overloaded),
    (TypeType, Translator.class_object),
    (TypeVarType, Translator.typevar),
    ((ParamSpecType, TypeVarTupleType, UnpackType), Translator.variadic),
    (Instance, Translator.instance),
)


def _ndarray(hint: Instance) -> spelling.Type:
    name = kinds.dtype(hint.args[1] if len(hint.args) > 1 else None)
    if name is not None and name not in spelling.DTYPES:
        raise Refusal("unsupported-array", f"an array of {name} is none of numbers of a fixed size")
    return spelling.Scalar("ndarray" if name is None else f"ndarray_{name}")


def _is_copyable(hint: Type) -> bool:
    return isinstance(hint, Instance) and hint.type.fullname.removeprefix("builtins.") in spelling.COPY_ARITY


def awaited(hint: Type, *, also_awaitable: bool = False) -> tuple[Type, bool]:
    """What a coroutine gives, and whether the hint is one."""
    proper = get_proper_type(hint)
    if isinstance(proper, Instance):
        if proper.type.fullname in kinds.COROUTINES and len(proper.args) == 3:
            return proper.args[2], True
        if also_awaitable and proper.type.fullname == "typing.Awaitable":
            return proper.args[0], True
    return hint, False


def _refuse_paramspec(hint: CallableType) -> None:
    if any(isinstance(get_proper_type(arg), ParamSpecType) for arg in hint.arg_types):
        raise Refusal("free-typevar", "the callable's parameters are not bound")


def _refuse_growth(interface: spelling.Interface) -> None:
    deep = _generic_depth(interface) > GENERIC_DEPTH_MAX or spelling.depth(interface) > NESTING_MAX
    if deep:
        raise Refusal("generic-growth", f"{interface} nests too deep")


def _refuse_unreachable(interface: spelling.Interface, hint: Instance, flow: Flow) -> None:
    """``dict[str, Any]`` as a parameter takes a reference, and none with such an interface ever leaves."""
    template = TEMPLATES.get(interface.name)
    importable = template.importable if template is not None else hint.type.is_protocol
    if flow is Flow.IN and not importable and spelling.DATA in spelling.walk(interface):
        raise Refusal("unreachable-parameter", f"no client can get a {interface}")


def _generic_depth(type_: spelling.Type) -> int:
    inner = max(map(_generic_depth, spelling.parts(type_)), default=0)
    return inner + 1 if isinstance(type_, spelling.Interface) and type_.args else inner


def _normal(hint: Instance) -> tuple[Instance, str]:
    """The instance under which an object is known, and its name: ``dict_keys`` is a KeysView."""
    name = BY_FULLNAME.get(hint.type.fullname)
    if name is None:
        return hint, _named(hint.type)
    widest = [base for base in hint.type.mro if BY_FULLNAME.get(base.fullname) == name][-1]
    return map_instance_to_supertype(hint, widest), name


def _supertype(hint: Instance, name: str) -> Instance:
    """The instance, seen as the class of that template."""
    return map_instance_to_supertype(
        hint, next(base for base in hint.type.mro if BY_FULLNAME.get(base.fullname) == name)
    )


def _is_granted(hints: Iterable[Type], flow: Flow) -> bool:
    """What a generator takes by ``send`` and what it returns: both stand in its name."""
    try:
        for hint in hints:
            Translator().type(hint, flow)
    except Refusal:
        return False
    return True


def _named(info: TypeInfo) -> str:
    """The class's name in a policy, if it has one that can be found at run time."""
    name = class_name(info)
    if not name.isascii():
        raise Refusal("non-ascii-name", f"the class {info.name!a} is not ASCII")
    module, _, qualname = name.partition(":")
    if not spelling.is_class(name) or not kinds.exists_at_run_time(module, qualname):
        raise Refusal("unnamed-class", f"{info.name} does not exist under its name at run time")
    return name


def _origin(hint: AnyType) -> int:
    """Why it is Any: followed to the hint that it comes from."""
    while hint.source_any is not None and hint.source_any is not hint:
        hint = hint.source_any
    return hint.type_of_any


def _alias_name(hint: TypeAliasType) -> str:
    return hint.alias.name if hint.alias is not None else "an alias"


@contextmanager
def _inside(label: str) -> Iterator[None]:
    """Say in which field something was refused."""
    try:
        yield
    except Refusal as refusal:
        if label in refusal.detail:
            raise
        raise Refusal(refusal.id, f"in {label}: {refusal.detail}") from refusal
