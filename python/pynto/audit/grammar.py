"""Reading types and signatures: the other half of ``spelling``.

A string is canonical when ``str(parse(text)) == text``; the functions here refuse every other one.
"""

from __future__ import annotations

import functools
import re
from typing import NoReturn

from .spelling import (
    COPY_ARITY,
    DEPTH_MAX,
    OVERLOADS_MAX,
    PARAMETERS_MAX,
    SCALARS,
    STANDARD,
    Argument,
    Copy,
    Enum,
    Fn,
    FrozenSet,
    Interface,
    Literal,
    Many,
    Param,
    Record,
    Scalar,
    Signature,
    SpellingError,
    Tuple,
    Type,
    is_class,
    is_identifier,
    union,
)

_DOTTED = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
_NUMBER = re.compile(r"-?[0-9]+")
_TEXT = re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL)
_ESCAPE = re.compile(r"\\(x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|[\\'])")


@functools.lru_cache(maxsize=4096)
def parse_type(text: str) -> Type:
    reader = _Reader(text)
    type_ = reader.type(1)
    reader.end()
    _canonical(text, type_)
    return type_


def parse_interface(text: str) -> Interface:
    type_ = parse_type(text)
    if not isinstance(type_, Interface):
        raise SpellingError(f"{text!r} is not an interface")
    return type_


def parse_field(text: str) -> tuple[Type, bool]:
    """The type of a record's field, and whether its key may be missing."""
    optional = text.endswith("=?")
    return parse_type(text.removesuffix("=?")), optional


@functools.lru_cache(maxsize=4096)
def parse_signature(text: str) -> Signature:
    reader = _Reader(text)
    signature = reader.signature()
    reader.end()
    _canonical(text, signature)
    signature.check()
    return signature


def parse_overloads(value: object) -> list[Signature]:
    """The signatures of one method, which stand as a string or as a list of at least two."""
    if isinstance(value, str):
        return [parse_signature(value)]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise SpellingError("a method is a signature or a list of signatures")
    if not 2 <= len(value) <= OVERLOADS_MAX:
        raise SpellingError(f"a list of overloads has 2 to {OVERLOADS_MAX} signatures")
    return [parse_signature(item) for item in value]


def _canonical(text: str, parsed: Type | Signature) -> None:
    if str(parsed) != text:
        raise SpellingError(f"{text!r} is spelled {str(parsed)!r}")


class _Reader:
    """A recursive descent over one string."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def fail(self, wanted: str) -> NoReturn:
        raise SpellingError(f"{self.text!r}: {wanted} expected at character {self.at}")

    def end(self) -> None:
        if self.at != len(self.text):
            self.fail("the end")

    def peek(self, token: str) -> bool:
        return self.text.startswith(token, self.at)

    def take(self, token: str) -> bool:
        found = self.peek(token)
        if found:
            self.at += len(token)
        return found

    def need(self, token: str) -> None:
        if not self.take(token):
            self.fail(repr(token))

    def type(self, level: int) -> Type:
        if level > DEPTH_MAX:
            raise SpellingError(f"types nest more than {DEPTH_MAX} deep")
        items = [self.alternative(level)]
        while self.take("|"):
            items.append(self.alternative(level))
        return union(items)

    def types(self, level: int, closing: str) -> tuple[Type, ...]:
        """At least one type, up to the closing bracket."""
        items = [self.type(level)]
        while self.take(", "):
            items.append(self.type(level))
        self.need(closing)
        return tuple(items)

    def alternative(self, level: int) -> Type:
        if self.peek("'"):
            return self.string()
        if self.take("("):
            return self.bracketed(level)
        if self.take("frozenset["):
            item = self.type(level + 1)
            self.need("]")
            return FrozenSet(item)
        if self.take("copy "):
            return self.copy(level)
        if self.take("enum "):
            return Enum(self.class_name())
        if self.take("rec "):
            return Record(self.class_name())
        if self.peek("fn(") or self.peek("async fn("):
            return self.fn(level)
        if number := _NUMBER.match(self.text, self.at):
            self.at = number.end()
            return Literal(int(number.group()))
        return self.named(level)

    def string(self) -> Literal:
        found = _TEXT.match(self.text, self.at)
        if found is None:
            self.fail("a string")
        self.at = found.end()
        body = found.group(1)
        if "\\" in _ESCAPE.sub("", body):
            raise SpellingError(f"{self.text!r}: unknown escape")
        return Literal(_ESCAPE.sub(_unescaped, body))

    def bracketed(self, level: int) -> Type:
        if self.take(")"):
            return Tuple(())
        first = self.type(level + 1)
        if self.take("*)"):
            return Many(first)
        if self.take(",)"):
            return Tuple((first,))
        self.need(", ")
        return Tuple((first, *self.types(level + 1, ")")))

    def copy(self, level: int) -> Copy:
        kind = next((kind for kind in COPY_ARITY if self.take(kind + "[")), None)
        if kind is None:
            self.fail("list, set or dict")
        args = self.types(level + 1, "]")
        if len(args) != COPY_ARITY[kind]:
            self.fail(f"{COPY_ARITY[kind]} type(s) for a copy of {kind}")
        return Copy(kind, args)

    def fn(self, level: int) -> Fn:
        asynchronous = self.take("async ")
        self.need("fn(")
        args: list[Argument] = []
        while not self.take(")"):
            if args:
                self.need(", ")
            type_ = self.type(level + 1)
            args.append(Argument(type_, self.take("=?")))
        if len(args) > PARAMETERS_MAX:
            raise SpellingError(f"more than {PARAMETERS_MAX} parameters")
        ordered = [arg.optional for arg in args]
        if ordered != sorted(ordered):
            raise SpellingError("a required argument follows an optional one")
        self.need("->")
        return Fn(tuple(args), self.result(level + 1), asynchronous)

    def result(self, level: int) -> Type:
        if not self.take("{"):
            if level > DEPTH_MAX:
                raise SpellingError(f"types nest more than {DEPTH_MAX} deep")
            return self.alternative(level)
        type_ = self.type(level)
        self.need("}")
        return type_

    def dotted(self) -> str:
        found = _DOTTED.match(self.text, self.at)
        if found is None:
            self.fail("a name")
        self.at = found.end()
        return found.group()

    def class_name(self) -> str:
        start = self.at
        self.dotted()
        self.need(":")
        self.dotted()
        name = self.text[start : self.at]
        if not is_class(name):
            self.fail("a class")
        return name

    def named(self, level: int) -> Type:
        start = self.at
        word = self.dotted()
        if self.peek(":"):
            self.at = start
            name = self.class_name()
        elif word in ("true", "false"):
            return Literal(word == "true")
        elif word in SCALARS:
            return Scalar(word)
        elif word in STANDARD:
            name = word
        else:
            self.at = start
            self.fail("a type")
        return Interface(name, self.types(level + 1, "]") if self.take("[") else ())

    def signature(self) -> Signature:
        asynchronous = self.take("async ")
        self.need("(")
        params: list[tuple[str, Param | None]] = []
        while not self.take(")"):
            if params:
                self.need(", ")
            params.append(self.param())
        self.need(" -> ")
        return _assembled(params, self.type(1), asynchronous)

    def param(self) -> tuple[str, Param | None]:
        """The marker ahead of a parameter, and the parameter, if it is not a marker alone."""
        if self.take("/"):
            return "/", None
        if self.take("**"):
            return "**", Param(self.param_name(), self.type(1))
        if self.take("*"):
            alone = self.peek(",") or self.peek(")")
            return "*", None if alone else Param(self.param_name(), self.type(1))
        found = _DOTTED.match(self.text, self.at)
        name = self.param_name() if found and self.text.startswith(": ", found.end()) else None
        return "", Param(name, self.type(1), self.take("=?"))

    def param_name(self) -> str:
        name = self.dotted()
        if not is_identifier(name):
            self.fail("the name of a parameter")
        self.need(": ")
        return name


def _assembled(params: list[tuple[str, Param | None]], result: Type, asynchronous: bool) -> Signature:
    """Sort parameters by kind. What stands in a wrong place is printed elsewhere, and so is not canonical."""
    positional: list[Param] = []
    named: list[Param] = []
    keywords: list[Param] = []
    rest = options = None
    starred = False
    for marker, param in params:
        if marker == "*":
            starred, rest = True, param
        elif marker == "**":
            options = param
        elif param is None:
            continue
        elif param.name is None:
            positional.append(param)
        elif starred:
            keywords.append(param)
        else:
            named.append(param)
    return Signature(tuple(positional), tuple(named), rest, tuple(keywords), options, result, asynchronous)


def _unescaped(found: re.Match[str]) -> str:
    body = found.group(1)
    return body if body in ("\\", "'") else chr(int(body[1:], 16))
