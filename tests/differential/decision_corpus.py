"""Policies that use everything, and calls under them, about half of which are right; from a seed."""

from __future__ import annotations

import json
import random
from typing import Any

import msgpack
from decision_oracle import SIZES, Param, Reader, Type, type_of
from decision_values import (
    BAD_ARRAYS,
    BAD_DATA,
    BAD_RANGES,
    COPIES,
    KEY_MAX,
    REFERENCES,
    SAMPLES,
    STRANGE,
    mine,
    near_literal,
    tag,
    yours,
)

FNS = ["fn()->none", "fn(int)->none", "fn(a:A)->none", "async fn(str=?)->{int|none}"]
INTERFACES = ["Sequence[a:A]", "a:A", "a:B", "a:C", "a:F", "i:I"]
EXPORTED = ["x:X", "a:A", "a:B", "a:C", "a:F", "Sequence[a:A]"]
ACCEPTS = {"a:A": ["a:B"], "a:F": ["a:A", "a:B", "x:X"], "i:I": ["a:C"]}
HASHABLE = "none bool int float complex str bytes range datetime date time timedelta decimal uuid".split()
SCALARS = [
    *HASHABLE,
    *"slice data bytearray memoryview buffer ndarray ndarray_bool ndarray_float64 ndarray_int16".split(),
]
ALIKE = {"bytes", "bytearray", "memoryview", "buffer"}
LITERALS = [
    *("'a'", "'now'", "''", "'\\xe9\\'\\\\'", "'\\u20ac'", "false", "true"),
    *("0", "1", "-5", "9223372036854775807", "-9223372036854775808"),
]
ENUMS = {"e:E": ["GREEN", "RED"], "e:F": ["ONE"]}
NAMES = "alpha beta gamma delta".split()


class Policy:
    """One policy, and calls that are made for it."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.records = {
            "r:N": {"next": "none|rec r:N"},
            "r:P": {"x": "int", "y": "str"},
            "r:T": {"a": "int=?", "b": "str"},
        }
        self.records["r:R"] = {
            name: self.spell(2, is_field=True) + "=?" * (self.random.random() < 0.2)
            for name in NAMES[: self.random.randrange(1, 4)]
        }
        methods: dict[str, Any] = {f"m{number}": self.signature() for number in range(6)}
        methods["over"] = sorted({self.signature() for _ in range(4)})
        if len(methods["over"]) < 2:
            del methods["over"]
        body = {
            "class": "x:X",
            "methods": methods,
            "get": {"title": "str"},
            "set": {name: self.spell(3) for name in NAMES[:3]},
        }
        interfaces: dict[str, Any] = {name: {"class": name} for name in ("a:A", "a:B", "a:C")}
        interfaces |= {"Sequence[a:A]": {"class": "collections.abc:Sequence"}, "a:F": {"facet": True}, "x:X": body}
        self.document = {
            "accepts": ACCEPTS,
            "enums": ENUMS,
            "imports": {"a:F": {"facet": True}, "i:I": {"facet": True, "methods": {"tell": "(int, /) -> none"}}},
            "interfaces": interfaces,
            "platform": "linux",
            "pynto-policy": 1,
            "python": "3.11",
            "records": self.records,
            "roots": {"root": "x:X"},
        }
        self.text = json.dumps(self.document, sort_keys=True).encode()
        self.sets = {name: type_of(text) for name, text in body["set"].items()}
        self.params = {
            name: [Reader(each).params() for each in ([text] if isinstance(text, str) else text)]
            for name, text in methods.items()
        }

    # ---- types ----

    def spell(self, depth: int, *, is_hashed: bool = False, is_field: bool = False) -> str:
        roll = self.random.random()
        more = {"is_hashed": is_hashed, "is_field": is_field}
        if depth <= 0 or roll < 0.35:
            return self.random.choice(HASHABLE if is_hashed else SCALARS)
        if roll < 0.45:
            return self.random.choice(LITERALS)
        if roll < 0.5:
            return f"enum {self.random.choice(sorted(ENUMS))}"
        if roll < 0.55:
            return "rec r:P" if is_hashed else f"rec {self.random.choice(sorted(self.records))}"
        if roll < 0.72 and not is_hashed and not is_field:
            return self.random.choice([*INTERFACES, *FNS])
        if roll < 0.8:
            return self.union(depth, more)
        if roll < 0.85:
            items = [self.spell(depth - 1, **more) for _ in range(self.random.randrange(4))]
            return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"
        inner = self.spell(depth - 1, **more)
        if roll < 0.9 or is_hashed:
            return f"({inner}*)"
        if roll < 0.93:
            return f"copy list[{inner}]"
        hashed = self.spell(depth - 1, is_hashed=True, is_field=is_field)
        return self.random.choice([f"frozenset[{hashed}]", f"copy set[{hashed}]", f"copy dict[{hashed}, {inner}]"])

    def union(self, depth: int, more: dict[str, bool]) -> str:
        parts: set[str] = set()
        for _ in range(self.random.randrange(2, 5)):
            made = type_of(self.spell(depth - 1, **more))
            parts |= {each.text for each in (made.items if made.kind == "union" else [made])}
        kept = [each for each in sorted(parts) if each not in ALIKE]
        kept += sorted(parts & ALIKE)[:1]
        return "|".join(sorted(kept))

    def signature(self) -> str:
        draw = self.random
        names = iter(draw.sample(NAMES, 4))
        parts, optional, positional = [], False, draw.randrange(3)
        for place in range(positional + draw.randrange(3)):
            optional = optional or draw.random() < 0.3
            parts.append(("" if place < positional else f"{next(names)}: ") + self.spell(3) + "=?" * optional)
            if place + 1 == positional:
                parts.append("/")
        keywords = sorted(next(names) for _ in range(draw.randrange(2)))
        if draw.random() < 0.25:
            parts.append(f"*rest: {self.spell(2)}")
        elif keywords:
            parts.append("*")
        parts += [f"{name}: {self.spell(2)}{'=?' * (draw.random() < 0.5)}" for name in keywords]
        if draw.random() < 0.2:
            parts.append(f"**options: {self.spell(2)}")
        return f"({', '.join(parts)}) -> none"

    # ---- values ----

    def sample(self, wanted: Type, depth: int = 4, *, spoil: bool = False) -> Any:
        """One that fits, or nearly always: where types nest deep it may be nil. Spoilt, somewhere in it is one that nearly fits."""
        kind, draw = wanted.kind, self.random
        if depth == 0:
            return None
        if spoil and (not wanted.items or draw.random() < 0.4) and (kind != "rec" or draw.random() < 0.4):
            return self.near(wanted, depth)
        if kind in SAMPLES and not (kind == "ndarray" and wanted.value):
            return draw.choice(SAMPLES[kind])
        match kind:
            case "literal":
                return wanted.value
            case "ndarray":
                return [tag(9), wanted.value, b"\1" * 6 * SIZES[wanted.value], 2, 3]
            case "enum":
                return [tag(7), wanted.value, draw.choice(ENUMS[wanted.value])]
            case "rec":
                return self.record(wanted.value, depth, spoil)
            case "union":
                return self.sample(draw.choice(wanted.items), depth - 1, spoil=spoil)
            case "row":
                return self.several(wanted.items, depth, spoil)
            case "rows":
                return self.several(wanted.items * draw.randrange(4), depth, spoil)
            case "frozenset" | "list" | "set" | "dict":
                return self.copy(wanted, draw.randrange(4), depth, spoil)
            case "fn":
                return mine()
        return self.reference(wanted.text)

    def several(self, types: list[Type], depth: int, spoil: bool = False) -> list[Any]:
        bad = self.random.randrange(len(types)) if types and spoil else -1
        return [self.sample(each, depth - 1, spoil=number == bad) for number, each in enumerate(types)]

    def copy(self, wanted: Type, count: int, depth: int, spoil: bool = False) -> Any:
        items = self.several(wanted.items * count, depth, spoil)
        if wanted.kind != "dict":
            return [tag(COPIES[wanted.kind]), *items]
        if all(type(key) in (str, int) for key in items[::2]) and len(set(items[::2])) == count:
            return dict(zip(items[::2], items[1::2], strict=True))
        return [tag(8), *items]

    def record(self, name: str, depth: int, spoil: bool = False) -> list[Any]:
        fields = [text for _, text in sorted(self.records[name].items())]
        values = self.several([type_of(text.removesuffix("=?")) for text in fields], depth, spoil)
        for number, text in enumerate(fields):
            if self.random.random() < (0.4 if text.endswith("=?") else 0.1 * spoil):
                values[number] = [tag(6)]
        return [tag(6), name, *values]

    def reference(self, name: str) -> Any:
        taken = [
            yours(number + 1) for number, have in enumerate(EXPORTED) if have == name or have in ACCEPTS.get(name, [])
        ]
        if name in ("a:F", "i:I"):
            taken.append(mine())
        return self.random.choice(taken)

    def near(self, wanted: Type, depth: int) -> Any:
        """What nearly has this type, and now and then has it."""
        kind, draw = wanted.kind, self.random
        if draw.random() < 0.15:
            return draw.choice(STRANGE)
        match kind:
            case "literal":
                return draw.choice(near_literal(wanted.value))
            case "enum":
                return self.misshapen([tag(7), wanted.value, draw.choice(ENUMS[wanted.value])])
            case "rec":
                return self.misshapen(self.record(wanted.value, depth))
            case "range" | "slice":
                return draw.choice(BAD_RANGES)
            case "data":
                return draw.choice(BAD_DATA)
            case "ndarray":
                return draw.choice(BAD_ARRAYS)
            case "frozenset" | "list" | "set" | "dict" if depth > 2:
                flat = Type(kind, items=wanted.items)
                return (
                    self.copy(flat, KEY_MAX + draw.randrange(3) - 1, 2)
                    if draw.random() < 0.5
                    else self.misshapen(self.copy(flat, 2, depth))
                )
            case "row" | "rows":
                return self.misshapen(self.several(wanted.items, depth))
            case "fn" | "interface":
                return draw.choice(REFERENCES)
        return draw.choice(STRANGE)

    def misshapen(self, value: Any) -> Any:
        """An array with an item more, an item less, or another one in front."""
        draw = self.random
        if type(value) is dict:
            return {**value, draw.choice([1, "b", -7]): draw.choice(STRANGE)}
        at, other = draw.randrange(len(value) + 1), draw.choice(STRANGE)
        roll = draw.random()
        if roll < 0.3:
            return [*value, other]
        if roll < 0.4:
            return [*value[:at], other, *value[at:]]
        if roll < 0.7:
            return value[:-1]
        if roll < 0.85 and len(value) > 1 and type(value[1]) is str:
            return [value[0], draw.choice(["r:P", "r:N", "r:T", "e:E", "e:F", "", value[1].encode()]), *value[2:]]
        return [tag(1 + draw.randrange(9)), *value[1:]]

    # ---- calls ----

    def call(self) -> tuple[str, str, bytes]:
        """The interface, the name and the body of one."""
        draw = self.random
        roll = draw.random()
        spoil = draw.random() < 0.45
        interface = "x:X" if roll < 0.97 else draw.choice(EXPORTED)
        if roll < 0.83:
            name = draw.choice(sorted(self.params))
            args, kwargs = self.arguments(draw.choice(self.params[name]), spoil)
        elif roll < 0.95:
            target = draw.choice(sorted(self.sets))
            name, args, kwargs = "__setattr__", [target, self.sample(self.sets[target], spoil=spoil)], {}
        else:
            name, args, kwargs = "__getattr__", ["title"], {}
        if draw.random() < 0.2:
            name, args, kwargs = self.nearly(name, args, kwargs)
        body = msgpack.packb(args) + msgpack.packb(kwargs)
        if draw.random() < 0.005:
            body += b"\xc0"
        return interface, name, body

    def arguments(self, params: list[Param], spoil: bool) -> tuple[list[Any], dict[Any, Any]]:
        draw = self.random
        bad = draw.randrange(len(params)) if params and spoil else -1
        args: list[Any] = []
        kwargs: dict[Any, Any] = {}
        for number, param in enumerate(params):
            value = self.sample(param.type, spoil=number == bad)
            if param.kind == "rest":
                args += [value] * (draw.randrange(3) if not kwargs else 0)
            elif param.kind == "options":
                kwargs |= dict.fromkeys(draw.sample(("more", "rest", "options"), draw.randrange(3)), value)
            elif param.may_miss and draw.random() < 0.4:
                if param.kind == "place":
                    break
            elif param.kind == "place" or (param.kind == "either" and not kwargs and draw.random() < 0.7):
                args.append(value)
            else:
                kwargs[param.name] = value
        return args, kwargs

    def nearly(self, name: str, args: list[Any], kwargs: dict[Any, Any]) -> tuple[str, Any, Any]:
        draw = self.random
        roll = draw.random()
        if roll < 0.3:
            return name, [*args, draw.choice(STRANGE)], kwargs
        if roll < 0.5:
            return name, args[:-1], kwargs
        if roll < 0.78:
            words = [*NAMES, "self", "rest", "options", "_1", "", "a b", "\u00e9", "1a", "x" * 255, "x" * 256, "m\0"]
            return name, args, {**kwargs, draw.choice(words): draw.choice(STRANGE)}
        if roll < 0.84 and kwargs:
            return name, args, dict(list(kwargs.items())[1:])
        if roll < 0.9 and args and name in self.params:
            known = [param.name for param in draw.choice(self.params[name]) if param.kind == "either"]
            return name, args, {**kwargs, draw.choice(known or NAMES): args[-1]}
        if roll < 0.96:
            words = [
                "hidden",
                "M0",
                "m0 ",
                "m0\0",
                "m",
                "",
                "__init__",
                "__class__",
                "__getattr__",
                "__setattr__",
                "title",
                "alpha",
                "__call__",
                "tell",
            ]
            return draw.choice(words), args, kwargs
        if roll < 0.98:
            return name, draw.choice([{}, None, 1, "a", {"a": 1}]), kwargs
        return name, args, draw.choice([[], None, {1: 2}, {"alpha": 1, 1: 2}, "a"])
