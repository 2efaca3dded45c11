"""What a client may do with a standard container: names, signatures, and the runtime class to check.

The signatures are written by hand, not taken from typeshed, so that a policy is the same whatever mypy is installed,
and so that a reviewer can read here all that ``list[T]`` grants. T, K, V, S and R stand for the type arguments.
"""

from __future__ import annotations

from dataclasses import dataclass, field

Operation = str | tuple[str, ...]

_EXIT = "((str, str)|none, /) -> bool|none"
EXITS = {"__exit__": _EXIT, "__aexit__": f"async {_EXIT}"}  # the one signature of each
# What is thrown into a generator is told as an exception in a with block is: the parameters of the one signature of each.
THROWS = {("Generator", "throw"): "((str, str), /) -> ", ("AsyncGenerator", "athrow"): "async ((str, str), /) -> "}


@dataclass(frozen=True)
class Template:
    name: str  # as it stands in a policy
    runtime: str  # module:Name
    params: tuple[str, ...]  # the names of the type arguments, as the signatures use them
    methods: dict[str, Operation]
    data_methods: dict[str, Operation] = field(default_factory=dict)  # offered when all arguments are data
    get: dict[str, str] = field(default_factory=dict)
    mutable: bool = False
    importable: bool = False  # a Protocol in typeshed: a client may implement it

    @property
    def facet(self) -> bool:
        """Whether the runtime class is an ABC, which says nothing about the real class."""
        return self.runtime.startswith(("collections.abc:", "contextlib:"))


_SIZED: dict[str, Operation] = {
    "__contains__": "(T, /) -> bool",
    "__iter__": "() -> Iterator[T]",
    "__len__": "() -> int",
}
_VALUES: dict[str, Operation] = {"__iter__": "() -> Iterator[T]", "__len__": "() -> int"}  # dict_values has no more
_EXTEND: dict[str, Operation] = {"extend": "((T*)|copy list[T], /) -> none"}


def _indexed(whole: str) -> dict[str, Operation]:
    return _SIZED | {
        "__getitem__": ("(int, /) -> T", f"(slice, /) -> {whole}"),
        "__reversed__": "() -> Iterator[T]",
        "count": "(T, /) -> int",
        "index": "(T, int=?, int=?, /) -> int",
    }


_EDITED: dict[str, Operation] = {
    "__delitem__": "(int|slice, /) -> none",
    "__setitem__": "(int, T, /) -> none",
    "append": "(T, /) -> none",
    "clear": "() -> none",
    "insert": "(int, T, /) -> none",
    "pop": "(int=?, /) -> T",
    "remove": "(T, /) -> none",
    "reverse": "() -> none",
}
_MAPPING: dict[str, Operation] = {
    "__contains__": "(K, /) -> bool",
    "__getitem__": "(K, /) -> V",
    "__iter__": "() -> Iterator[K]",
    "__len__": "() -> int",
    "get": ("(K, /) -> V|none", "(K, V, /) -> V"),
    "items": "() -> ItemsView[K, V]",
    "keys": "() -> KeysView[K]",
    "values": "() -> ValuesView[V]",
}
_UPDATED: dict[str, Operation] = {
    "__delitem__": "(K, /) -> none",
    "__setitem__": "(K, V, /) -> none",
    "clear": "() -> none",
    "pop": ("(K, /) -> V", "(K, V, /) -> V"),
    "popitem": "() -> (K, V)",
    "setdefault": "(K, V, /) -> V",
}
_UPDATE: dict[str, Operation] = {"update": "(copy dict[K, V], /) -> none"}
_CHANGED: dict[str, Operation] = {
    "add": "(T, /) -> none",
    "clear": "() -> none",
    "discard": "(T, /) -> none",
    "pop": "() -> T",
    "remove": "(T, /) -> none",
}
_ONE, _TWO = ("T",), ("K", "V")

_ALL = (
    Template(
        "list",
        "builtins:list",
        _ONE,
        _indexed("list[T]") | _EDITED | {"copy": "() -> list[T]"},
        _EXTEND | {"sort": "(*, reverse: bool=?) -> none"},
        mutable=True,
    ),
    Template(
        "deque",
        "collections:deque",
        _ONE,
        _SIZED
        | _EDITED
        | {
            "__delitem__": "(int, /) -> none",
            "__getitem__": "(int, /) -> T",
            "__reversed__": "() -> Iterator[T]",
            "appendleft": "(T, /) -> none",
            "copy": "() -> deque[T]",
            "count": "(T, /) -> int",
            "index": "(T, int=?, int=?, /) -> int",
            "pop": "() -> T",
            "popleft": "() -> T",
            "rotate": "(int=?, /) -> none",
        },
        _EXTEND | {"extendleft": "((T*)|copy list[T], /) -> none"},
        get={"maxlen": "int|none"},
        mutable=True,
    ),
    Template("dict", "builtins:dict", _TWO, _MAPPING | _UPDATED | {"copy": "() -> dict[K, V]"}, _UPDATE, mutable=True),
    Template(
        "set",
        "builtins:set",
        _ONE,
        _SIZED | _CHANGED | {"copy": "() -> set[T]"},
        {"update": "((T*)|copy list[T]|copy set[T]|frozenset[T], /) -> none"},
        mutable=True,
    ),
    Template("Sequence", "collections.abc:Sequence", _ONE, _indexed("Sequence[T]")),
    Template(
        "MutableSequence",
        "collections.abc:MutableSequence",
        _ONE,
        _indexed("MutableSequence[T]") | _EDITED,
        _EXTEND,
        mutable=True,
    ),
    Template("Mapping", "collections.abc:Mapping", _TWO, _MAPPING),
    Template("MutableMapping", "collections.abc:MutableMapping", _TWO, _MAPPING | _UPDATED, _UPDATE, mutable=True),
    Template("Set", "collections.abc:Set", _ONE, _SIZED),
    Template("MutableSet", "collections.abc:MutableSet", _ONE, _SIZED | _CHANGED, mutable=True),
    Template("KeysView", "collections.abc:KeysView", _ONE, _SIZED),
    Template("ValuesView", "collections.abc:ValuesView", _ONE, _VALUES),
    Template(
        "ItemsView",
        "collections.abc:ItemsView",
        _TWO,
        {
            "__contains__": "((K, V), /) -> bool",
            "__iter__": "() -> Iterator[(K, V)]",
            "__len__": "() -> int",
        },
    ),
    Template("Collection", "collections.abc:Collection", _ONE, _SIZED, importable=True),
    Template("Iterable", "collections.abc:Iterable", _ONE, {"__iter__": "() -> Iterator[T]"}, importable=True),
    Template(
        "Iterator",
        "collections.abc:Iterator",
        _ONE,
        {"__iter__": "() -> Iterator[T]", "__next__": "() -> T"},
        importable=True,
    ),
    Template(
        "Generator",
        "collections.abc:Generator",
        ("T", "S", "R"),
        {
            "__iter__": "() -> Generator[T, S, R]",
            "__next__": "() -> T",
            "close": "() -> R|none",
            "send": "(S, /) -> T",
            "throw": "((str, str), /) -> T",
        },
        importable=True,
    ),
    Template(
        "AsyncIterable",
        "collections.abc:AsyncIterable",
        _ONE,
        {"__aiter__": "() -> AsyncIterator[T]"},
        importable=True,
    ),
    Template(
        "AsyncIterator",
        "collections.abc:AsyncIterator",
        _ONE,
        {"__aiter__": "() -> AsyncIterator[T]", "__anext__": "async () -> T"},
        importable=True,
    ),
    Template(
        "AsyncGenerator",
        "collections.abc:AsyncGenerator",
        ("T", "S"),
        {
            "__aiter__": "() -> AsyncGenerator[T, S]",
            "__anext__": "async () -> T",
            "aclose": "async () -> none",
            "asend": "async (S, /) -> T",
            "athrow": "async ((str, str), /) -> T",
        },
        importable=True,
    ),
    Template("Awaitable", "collections.abc:Awaitable", _ONE, {"__await__": "async () -> T"}, importable=True),
    Template(
        "ContextManager",
        "contextlib:AbstractContextManager",
        _ONE,
        {"__enter__": "() -> T", "__exit__": EXITS["__exit__"]},
        importable=True,
    ),
    Template(
        "AsyncContextManager",
        "contextlib:AbstractAsyncContextManager",
        _ONE,
        {"__aenter__": "async () -> T", "__aexit__": EXITS["__aexit__"]},
        importable=True,
    ),
)

TEMPLATES: dict[str, Template] = {template.name: template for template in _ALL}

# mypy's names for the classes that have a template. The narrower ones (views of a dict) get the facet that a client needs;
# what else they have is not offered.
BY_FULLNAME: dict[str, str] = {
    "builtins.list": "list",
    "builtins.dict": "dict",
    "builtins.set": "set",
    "collections.deque": "deque",
    **{
        f"typing.{name}": name
        for name in (
            "Sequence MutableSequence Mapping MutableMapping MutableSet Collection Iterable Iterator KeysView "
            "ValuesView ItemsView AsyncIterable AsyncIterator Awaitable ContextManager AsyncContextManager"
        ).split()
    },
    "typing.AbstractSet": "Set",
    "typing.Generator": "Generator",
    "typing.AsyncGenerator": "AsyncGenerator",
    "_collections_abc.dict_keys": "KeysView",
    "_collections_abc.dict_values": "ValuesView",
    "_collections_abc.dict_items": "ItemsView",
    "contextlib.AbstractContextManager": "ContextManager",
    "contextlib.AbstractAsyncContextManager": "AsyncContextManager",
    "contextlib._GeneratorContextManager": "ContextManager",
    "contextlib._AsyncGeneratorContextManager": "AsyncContextManager",
}
# What a generator is when what it takes or returns cannot be granted.
PLAINER: dict[str, str] = {"Generator": "Iterator", "AsyncGenerator": "AsyncIterator"}
# Where mypy keeps the classes that the signatures above name.
TYPING_NAMES: dict[str, str] = {"Set": "AbstractSet"}
