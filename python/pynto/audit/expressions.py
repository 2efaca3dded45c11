"""From a spelling back to Python: how a root of a policy file is looked up again."""

from __future__ import annotations

from collections.abc import Iterable

from . import spelling
from .templates import TEMPLATES

_SCALARS = {
    "none": "None",
    "data": "object",
    "datetime": "datetime.datetime",
    "date": "datetime.date",
    "time": "datetime.time",
    "timedelta": "datetime.timedelta",
    "decimal": "decimal.Decimal",
    "uuid": "uuid.UUID",
    "buffer": "typing_extensions.Buffer",
    "ndarray": "numpy.ndarray[typing.Any, typing.Any]",
} | {
    f"ndarray_{dtype}": f"numpy.ndarray[typing.Any, numpy.dtype[numpy.{'bool_' if dtype == 'bool' else dtype}]]"
    for dtype in spelling.DTYPES
}


def expression(type_: spelling.Type) -> str:
    """A type expression that mypy reads as this type."""
    match type_:
        case spelling.Scalar(name):
            return _SCALARS.get(name, name)
        case spelling.Literal(value):
            return f"typing.Literal[{value!a}]"
        case spelling.Tuple(items):
            return f"tuple[{_list(items) or '()'}]"
        case spelling.Many(item):
            return f"tuple[{expression(item)}, ...]"
        case spelling.FrozenSet(item):
            return f"frozenset[{expression(item)}]"
        case spelling.Copy(kind, items):
            return f"pynto.Copy[{kind}[{_list(items)}]]"
        case spelling.Enum(name) | spelling.Record(name):
            return name.replace(":", ".")
        case spelling.Fn(args, result, asynchronous):
            spelled = expression(result)
            spelled = f"collections.abc.Awaitable[{spelled}]" if asynchronous else spelled
            return f"collections.abc.Callable[[{_list(arg.type for arg in args)}], {spelled}]"
        case spelling.Union(items):
            return f"typing.Union[{_list(items)}]"
        case spelling.Interface(name, args):
            runtime = TEMPLATES[name].runtime if name in TEMPLATES else name
            plain = runtime.replace(":", ".").removeprefix("builtins.")
            return f"{plain}[{_list(args)}]" if args else plain


def _list(types: Iterable[spelling.Type]) -> str:
    return ", ".join(map(expression, types))


def modules(type_: spelling.Type) -> set[str]:
    """The modules of the classes that the type names."""
    names = (getattr(part, "name", "") for part in spelling.walk(type_))
    return {name.partition(":")[0] for name in names if ":" in name}
