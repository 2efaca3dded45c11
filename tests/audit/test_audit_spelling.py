"""Is there one spelling for each type and signature, and is every other string refused?"""

from __future__ import annotations

import pytest
from pynto.audit import spelling
from pynto.audit.grammar import parse_field, parse_interface, parse_overloads, parse_signature, parse_type
from pynto.audit.spelling import SpellingError

CANONICAL_TYPES = [
    *sorted(spelling.SCALARS),
    "bool|int|none",
    "''",
    r"'it\'s'",
    r"'\x00\x7f\xff\u0100\uffff\U00010000'",
    r"'a\\b'|'c'",
    "-1",
    "0",
    "9223372036854775807",
    "true",
    "false|none",
    "()",
    "(int,)",
    "(int, str)",
    "(int*)",
    "(int|none*)",
    "((int*), (str,))",
    "frozenset[int|str]",
    "copy list[int]",
    "copy set[(int, int)]",
    "copy dict[str, copy list[int]]",
    "enum chat:Color",
    "rec chat:Outer.Inner",
    "fn()->none",
    "fn(int, str=?)->fn()->none",
    "fn()->{int|none}",
    "async fn(chat:Message)->{chat:A|chat:B}",
    "fn()->int|none",
    "list[int]",
    "dict[str, list[chat:User]]",
    "a.b.c:D.E[int, fn()->none]",
    "data:data",
    "none:X",
    "Awaitable[none]",
]

CANONICAL_SIGNATURES = [
    "() -> none",
    "(name: str, password: str) -> chat:Admin|chat:User|none",
    "(int, /) -> chat:Message",
    "(str, /, *, color: enum chat:Color=?, mode: 'later'|'now'=?) -> rec chat:Receipt",
    "(callback: fn(chat:Message)->none) -> fn()->none",
    "async (n: int=?, *rest: int, **options: str) -> (chat:Message*)",
    "(int, int=?, /, a: int=?, *, b: int, c: int=?) -> none",
    "(*rest: int, b: int) -> none",
    "(int: int, none: none) -> none",
    "(**options: a:b) -> none",
    "((str, str)|none, /) -> bool|none",
]

REFUSED_TYPES = [
    ("", "nothing"),
    ("integer", "no module, not standard"),
    ("int ", "a trailing space"),
    (" int", "a leading space"),
    ("none|int", "not sorted"),
    ("int|int", "twice"),
    ("(int)", "parentheses alone"),
    ("(int,str)", "no space"),
    ("(int, )", "a trailing comma"),
    ("(int*, str)", "a star in the middle"),
    ("list[]", "no argument"),
    ("list[int", "not closed"),
    ("copy tuple[int]", "not a container"),
    ("copy dict[int]", "one argument too few"),
    ("copy list[int, int]", "one argument too many"),
    ("frozenset[int, str]", "two arguments"),
    ("enum Color", "no module"),
    ("rec chat:", "no class"),
    ("fn()->{int}", "braces around one type"),
    ("fn() -> none", "spaces around the arrow"),
    ("fn(int=?, str)->none", "required behind optional"),
    ("01", "a leading zero"),
    ("-0", "minus nothing"),
    ("+1", "a plus"),
    ("'\\n'", "another escape than the one that is meant"),
    ("'\\x41'", "an escape that is not needed"),
    ("'\\xE9'", "upper case"),
    ("'\\u0041'", "a long escape"),
    ("'\\U0000ffff'", "a longer escape than is needed"),
    ("'a'b'", "an unescaped quote"),
    ("'a", "not closed"),
    ("'\n'", "a raw newline"),
    ("'\u00e9'", "not ASCII"),
    ("True", "Python's spelling"),
    ("None", "Python's spelling"),
    ("chat:R\u043eom", "a Cyrillic letter"),
    ("chat:" + "a" * 256, "a name of 256 bytes"),
    ("list[" * 32 + "int" + "]" * 32, "33 levels"),
]

REFUSED_SIGNATURES = [
    ("()->none", "no spaces"),
    ("(a: int, /) -> none", "a name ahead of /"),
    ("(int) -> none", "no / behind it"),
    ("(a: int, int, /) -> none", "a nameless one behind a named one"),
    ("(/) -> none", "/ without parameters"),
    ("(int, /, /) -> none", "/ twice"),
    ("(*) -> none", "* without keywords"),
    ("(*, b: int, a: int) -> none", "keywords not sorted"),
    ("(*a: int, *, b: int) -> none", "* twice"),
    ("(**o: int, a: int) -> none", "something behind **"),
    ("(a: int=?, b: int) -> none", "required behind optional"),
    ("(int=?, /, b: int) -> none", "required behind optional"),
    ("(a: int, a: int) -> none", "a name twice"),
    ("(a: int, *a: int) -> none", "a name twice"),
    ("(a:int) -> none", "no space behind the colon"),
    ("(a.b: int) -> none", "a dotted name"),
    ("(*rest: int=?) -> none", "a default for *"),
    ("(" + ", ".join(f"a{n:02}: int" for n in range(65)) + ") -> none", "65 parameters"),
    ("async  () -> none", "two spaces"),
]


@pytest.mark.parametrize("text", CANONICAL_TYPES)
def test_a_canonical_type_is_printed_as_it_was_read(text: str) -> None:
    assert str(parse_type(text)) == text


@pytest.mark.parametrize("text", CANONICAL_SIGNATURES)
def test_a_canonical_signature_is_printed_as_it_was_read(text: str) -> None:
    assert str(parse_signature(text)) == text


@pytest.mark.parametrize(("text", "why"), REFUSED_TYPES)
def test_a_type_that_is_not_canonical_is_refused(text: str, why: str) -> None:
    with pytest.raises(SpellingError):
        parse_type(text)


@pytest.mark.parametrize(("text", "why"), REFUSED_SIGNATURES)
def test_a_signature_that_is_not_canonical_is_refused(text: str, why: str) -> None:
    with pytest.raises(SpellingError):
        parse_signature(text)


def test_the_limits_hold_at_their_last_value() -> None:
    parse_signature("(" + ", ".join(f"a{n:02}: int" for n in range(64)) + ") -> none")
    parse_type("list[" * 31 + "int" + "]" * 31)
    parse_type("chat:" + "a" * 255)
    parse_overloads([f"(int, /) -> {n}" for n in range(16)])
    with pytest.raises(SpellingError):
        parse_overloads([f"(int, /) -> {n}" for n in range(17)])
    with pytest.raises(SpellingError):
        parse_overloads(["() -> none"])


def test_the_parts_of_a_type_are_what_was_written() -> None:
    assert parse_type(r"'\x0a\'\\'") == spelling.Literal("\n'\\")
    assert parse_type("true") == spelling.Literal(True)
    assert parse_type("fn(int=?)->none") == spelling.Fn(
        (spelling.Argument(spelling.Scalar("int"), True),), spelling.NONE
    )
    assert parse_field("int=?") == (spelling.Scalar("int"), True)
    assert parse_interface("chat:Box[int]") == spelling.Interface("chat:Box", (spelling.Scalar("int"),))
    with pytest.raises(SpellingError):
        parse_interface("int")


def test_a_union_is_flat_sorted_and_without_repetition() -> None:
    inner = parse_type("int|none")
    assert str(spelling.union([inner, parse_type("chat:A|int"), spelling.NONE])) == "chat:A|int|none"
    assert spelling.union([inner, inner]) == inner
    assert spelling.union([spelling.NONE]) == spelling.NONE


@pytest.mark.parametrize(
    ("name", "fine"),
    [("post", True), ("__len__", True), ("_x", False), ("__init__", False), ("__class__", False), ("pоst", False)],
)
def test_only_public_names_and_the_listed_dunders_are_members(name: str, fine: bool) -> None:
    assert spelling.is_member(name) is fine
