"""Arguments are what the signature says, by value and by kind, or the call does not happen."""

from __future__ import annotations

from typing import Any

import pytest
from attacker import DENIAL, Attacker, Process, closes
from rawpeer import ERROR, NEWLINE, RETURN, Ext, Mine, Tag, Yours, pack

NAN = float("nan")


def type_error(peer: Attacker, name: str, args: list[Any], kwargs: dict[Any, Any] | None = None, ref: int = 0) -> None:
    answer = peer.call(ref, name, args, kwargs)
    assert answer[0] == ERROR and answer[1][0] == "TypeError", f"{name}{args!r}{kwargs!r}: {answer!r}"
    assert answer[1][3] is None, "the handler ran"


@pytest.mark.parametrize(
    "message",
    [
        [],
        [0],
        [0, "echo"],
        [0, "echo", []],
        [0, "echo", [1], {}, None],
        [0, "echo", [1], {}, None, None],
        [0] * 1000,
        [[0, "echo", [1], {}]],
        {0: 0, 1: "echo", 2: [1], 3: {}},
        [0, "echo", {}, []],
        [0, "echo", None, {}],
        [0, "echo", "abcd", {}],
        [0, "echo", b"abcd", {}],
        [0, "echo", [1], None],
        [0, "echo", [1], [["a", 1]]],
        [0, "echo", [Tag(2), 1], {}],
        [0, "echo", [Tag(8), "a", 1], {}],
        [Tag(1), "echo", [1], {}],
        "call",
        b"call",
        0,
        None,
        True,
        1.5,
    ],
    ids=repr,
)
def test_a_call_has_four_parts_of_their_kinds(peer: Attacker, message: Any) -> None:
    """B11"""
    peer.send(message)
    assert closes(peer) in (8, 14)


@pytest.mark.parametrize("text", ["sNaN", "-sNaN12"])
def test_what_cannot_be_hashed_is_no_key_and_in_no_set(peer: Attacker, text: str) -> None:
    """H17: a signalling NaN is a Decimal as any other, until Python has to hash it."""
    nan = Ext(25, text.encode())
    assert peer.call(0, "echo", [nan])[0] == RETURN
    for value in ([Tag(1), nan], [Tag(3), [1, nan]], [Tag(8), nan, 1], [Tag(2), [Tag(3), nan]]):
        type_error(peer, "echo", [value])
    peer.lives()


@pytest.mark.parametrize(
    "key",
    ["c0", "01", "c3", "cb3ff8000000000000", "c4016e", "91a16e", "8101c0", "d70000000000000000", "d9ff" + "ff" * 255],
)
def test_a_keyword_is_a_str(peer: Attacker, key: str) -> None:
    """B13: others end the connection, in the keywords' map and in every other."""
    peer.pour(b"\x94\x00\xa4echo\x90\x81" + bytes.fromhex(key) + b"\x01\n")
    assert closes(peer) in (8, 12, 13, 14)


def test_keywords_that_are_not_declared_are_type_errors(victim: Process) -> None:
    """B13: names of the receiver, of the class, of nothing, of 64 KiB; none is bound."""
    with victim.connect() as peer:
        peer.value(0, "clear")
        for name in (
            "",
            "n\0",
            "self",
            "cls",
            "__class__",
            "*",
            "**",
            "/",
            "_",
            "a b",
            "values",
            "k" * 255,
            "k" * (1 << 16),
            "ａ",
        ):
            type_error(peer, "add", [1, 2], {name: 1})
            type_error(peer, "mode", ["r"], {name: 1})
            type_error(peer, "trips", [], {name: 1})
        assert peer.trips() == []


def test_what_goes_by_place_only_cannot_go_by_name(peer: Attacker) -> None:
    """B15: and a name behind ** cannot stand in for what was checked."""
    type_error(peer, "add", [], {"a": 1, "b": 2})
    type_error(peer, "add", [1], {"b": 2})
    assert peer.value(0, "shadow", [1], {"a": 9, "z": 2}) == [1, 9, 2]
    type_error(peer, "shadow", [], {"a": 9})
    type_error(peer, "shadow", [1], {"a": "9"})
    type_error(peer, "mode", ["r"], {"value": "w"})
    type_error(peer, "mode", [], {"value": "x"})


@pytest.mark.parametrize(
    "args",
    [[], [1], [1, 2, 3], [1, "2"], [None, None], [1, 2, None], [[1, 2]], [1, 2] * 1000],
    ids=lambda args: repr(args)[:30],
)
def test_the_number_of_arguments_is_as_declared(peer: Attacker, args: list[Any]) -> None:
    """B11 C21"""
    type_error(peer, "add", args)


def test_each_of_any_number_of_keywords_is_checked(victim: Process) -> None:
    """B17: the value of each; their number has a limit."""
    with victim.connect() as peer:
        assert peer.value(0, "keywords", [], {"a": 1, "key": 2, "cls": 3, "__class__": 4}) == 4
        peer.raises("TypeError", 0, "keywords", [], {"self": 3})  # as in Python: the receiver is not bound anew
        for bad in ("x", 1e300, None, True, [1], {"a": 1}, b"1"):
            type_error(peer, "keywords", [], {"a": 1, "key": bad})
        answer = peer.call(0, "keywords", [], {"key": Mine(1)})
        assert answer[0] == ERROR and answer[1][0] in ("Refused", "TypeError")
        assert peer.value(0, "keywords", [], {f"k{i}": i for i in range(1000)}) == 1000
        peer.pour(pack([0, "keywords", [], {f"k{i}": i for i in range(100_000)}]) + NEWLINE)
        assert closes(peer, is_reset_fine=True) in (11, None)


@pytest.mark.parametrize(
    "value",
    [
        True,
        False,
        1.0,
        -0.0,
        NAN,
        "1",
        b"1",
        [1],
        [],
        {},
        None,
        {"a": 1},
        Ext(20, bytes(16)),
        Ext(25, b"1"),
        1.5,
        "",
        Tag(1),
    ],
    ids=repr,
)
def test_only_integers_are_integers(peer: Attacker, value: Any) -> None:
    """I01: true, 1.0, "1", b"1", [1], nil, Decimal(1): the account is unchanged."""
    acct = peer.ref("fresh")
    if value == Tag(1):
        value = [Tag(1), 1]
    type_error(peer, "deposit", [value], ref=acct)
    type_error(peer, "deposit", [], {"amount": value}, ref=acct)
    assert peer.value(acct, "balance") == 0


def test_literals_are_compared_by_kind_and_to_the_byte(peer: Attacker) -> None:
    """C17"""
    for bad in ("W", b"r", "r\0", "R", "", "rw", "ｒ", ["r"], 0, None, True):
        type_error(peer, "mode", [bad])
    for bad in (True, 1.0, "1", b"1", 2, 0, -1, [1], None, 2**64 - 1, 1 << 70):
        type_error(peer, "one", [bad])
    assert peer.value(0, "mode", ["w"]) == "w"
    assert peer.value(0, "one", [1]) == 1
    for bad in (True, 1.0, "1", None):
        type_error(peer, "exact", [bad])
    for bad in (True, "1", None, [0.5]):
        type_error(peer, "exact", [1, bad])
        type_error(peer, "half", [bad])


def test_numbers_arrive_exactly_or_not_at_all(peer: Attacker) -> None:
    """I03 I07: signs of zero, denormals, the edges of 53, 63, 64 bits and beyond; an int at a float stays an int."""
    for value in (
        0.0,
        5e-324,
        1.7976931348623157e308,
        2**53 + 1,
        -(2**63),
        2**63,
        2**64 - 1,
        2**64,
        -(2**63) - 1,
        1 << 4000,
        -(1 << 4000),
    ):
        got = peer.value(0, "echo", [value])
        assert got == value and type(got) is type(value)
    assert str(peer.value(0, "echo", [-0.0])) == "-0.0"
    assert str(peer.value(0, "half", [-0.0])) == "-0.0"
    assert peer.value(0, "half", [NAN]) != peer.value(0, "half", [NAN])
    assert peer.value(0, "half", [float("inf")]) == float("inf")
    half = peer.value(0, "half", [2**53 + 1])
    assert half == 2**53 + 1 and type(half) is int
    peer.send_raw(b"\x94\x00\xa4half\x91\xca\x3d\xcc\xcc\xcd\x80\n")  # float 32
    assert peer.reply() == [RETURN, 0.10000000149011612]


def test_text_arrives_exactly(victim: Process) -> None:
    """I05 I07: NULs, non-characters, texts that grow when folded; nothing is normalised; surrogates end the connection."""
    with victim.connect() as peer:
        for text in (
            "a\0b",
            "\0" * 300,
            "\ufffe\uffff\U0010ffff\ufdd0",
            "ß" * 1000,
            "İ" * 1000,
            "\ufdfa" * 1000,
            "e\u0301",
            "é",
            "\u202e\u200b",
        ):
            assert peer.value(0, "echo", [text]) == text
            assert peer.value(0, "echo", [{text: 1}]) == {text: 1}
        answer = peer.raises("UnicodeError", 0, "surrogate")
        assert answer[1] == ""
        peer.lives()
    for bad in (b"\xa3\xed\xa0\x80", b"\xa6\xed\xa0\xbd\xed\xb8\x80", b"\xa2\xc0\x80", b"\xa4\xf4\x90\x80\x80"):
        for place in (b"\x94\x00\xa4echo\x91" + bad + b"\x80\n", b"\x94\x00\xa4echo\x91\x81" + bad + b"\x01\x80\n"):
            with victim.connect() as peer:
                peer.pour(place)
                assert closes(peer) == 12


def test_subclasses_of_numbers_leave_as_numbers_or_not_at_all(peer: Attacker) -> None:
    """I11: no __index__ or __int__ of a subclass is asked."""
    peer.value(0, "clear")
    assert peer.value(0, "number", ["enum"]) == 1
    assert peer.value(0, "number", ["evil"]) == 3
    assert peer.value(0, "number", ["bool"]) in (1, True)
    assert peer.value(0, "number", ["huge"]) == 1 << 3000
    for kind in ("decimal", "float"):
        peer.raises("RemoteError", 0, "number", [kind])
    answer = peer.call(0, "number", ["too-huge"])
    assert answer[0] == ERROR, "more than the receiver takes"
    assert peer.trips() == []
    peer.lives()


def test_duplicate_and_equal_keys_are_settled_before_the_policy_looks(victim: Process) -> None:
    """H15: a key twice ends the connection; keys that only Python takes for equal are not merged in silence."""
    for keys in ("a16ba16b", "01cc01", "00cf0000000000000000", "ffd0ff", "a0a0", "d90161a161"):
        data = bytes.fromhex(keys)
        cut = _first(data)
        body = b"\x82" + data[:cut] + b"\x01" + data[cut:] + b"\x02"
        for message in (b"\x94\x00\xa4echo\x91" + body + b"\x80", b"\x94\x00\xa8keywords\x90" + body):
            if message[3:4] == b"k" and keys[0] != "a":
                continue
            with victim.connect() as peer:
                peer.pour(message + NEWLINE)
                assert closes(peer) in (8, 13), keys
    for value in (
        [Tag(8), 1, "a", 1.0, "b"],
        [Tag(8), True, "a", 1, "b"],
        [Tag(8), "k", 1, "k", 2],
        [Tag(2), [Tag(3), 1, 1.0]],
        [Tag(3), 1, True],
        [Tag(1), 0.0, -0.0],
    ):
        with victim.connect() as peer:
            answer = peer.call(0, "echo", [value])
            assert answer[0] in (ERROR, RETURN, -7)
            if answer[0] == RETURN:
                items = answer[1] if isinstance(answer[1], list) else list(answer[1])
                assert len(items) <= len(value)


def _first(data: bytes) -> int:
    """Where the first of two msgpack keys ends."""
    sizes = {0xCC: 2, 0xCF: 9, 0xD0: 2, 0xD9: 3, 0xA1: 2, 0xA0: 1}
    return sizes.get(data[0], 1)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        (
            "receipt",
            [[Tag(6), "victim:Receipt", 1], [Tag(6), "victim:Receipt", 1, "a", 2], [Tag(6), "victim:Receipt", "a", 1]],
        ),
        (
            "receipt",
            [
                [Tag(6), "victim:Acct", 1, "a"],
                [Tag(6), "victim:Point", 1, 2],
                [Tag(6), "os:system", 1, "a"],
                [Tag(6), 1, 1, "a"],
            ],
        ),
        (
            "receipt",
            [
                [1, "a"],
                {"id": 1, "note": "a"},
                {"__post_init__": 1},
                [Tag(2), 1, "a"],
                [Tag(6)],
                [Tag(6), "victim:Receipt"],
            ],
        ),
        (
            "receipt",
            [
                [Tag(6), "victim:Receipt", [Tag(6)], "a"],
                [Tag(6), "victim:Receipt", True, "a"],
                [Tag(6), "victim:Receipt", 1, "a", [Tag(6)]],
            ],
        ),
        (
            "point",
            [
                [Tag(6), "victim:Point", 1],
                [Tag(6), "victim:Point", 1, 2, 3],
                [1, 2],
                {"_make": [1, 2]},
                {"x": 1, "y": 2},
            ],
        ),
        ("point", [[Tag(6), "victim:Receipt", 1, "a"], [Tag(6), "victim:Point", [Tag(6)], 1]]),
        (
            "colour",
            [
                [Tag(7), "victim:Colour", "BLUE"],
                [Tag(7), "victim:Colour", "__class__"],
                [Tag(7), "victim:Colour", "__members__"],
            ],
        ),
        (
            "colour",
            [
                [Tag(7), "victim:Colour", "mro"],
                [Tag(7), "victim:Colour", "_value_"],
                [Tag(7), "victim:Colour", "tripping"],
            ],
        ),
        (
            "colour",
            [
                [Tag(7), "victim:Colour", "name"],
                [Tag(7), "victim:Colour", 1],
                [Tag(7), "victim:Colour"],
                "RED",
                1,
                [Tag(7), "RED"],
            ],
        ),
        (
            "colour",
            [
                [Tag(7), "victim:Receipt", "RED"],
                [Tag(7), "enum:Enum", "RED"],
                [Tag(6), "victim:Colour", "RED"],
                [Tag(7), "victim:Colour", "RED\0"],
            ],
        ),
        (
            "options",
            [
                {"depth": 1},
                [Tag(6), "victim:Options", 1],
                [Tag(6), "victim:Options", "1", [Tag(6)]],
                [Tag(6), "victim:Options", 1, None],
            ],
        ),
        ("options", [[Tag(6), "victim:Options", 1, "a", 2], [Tag(8), "depth", 1], [Tag(6), "builtins:dict", 1, "a"]]),
        ("merge", [{"a": "x"}, {"a": None}, {1: 1}, {"a": {"b": 1}}, [Tag(8), "a", 1, 2, 2], [["a", 1]]]),
    ],
)
def test_records_and_enums_have_their_declared_parts(victim: Process, name: str, values: list[Any]) -> None:
    """A21: the class, the number of fields, their kinds, the listed members: nothing is built otherwise."""
    for value in values:
        with victim.connect() as peer:
            peer.value(0, "clear")
            answer = peer.call(0, name, [value])
            assert answer[0] in (ERROR, -7), f"{value!r}: {answer!r}"
            if answer[0] == ERROR:
                assert answer[1][0] in ("TypeError", "Refused") and answer[1][3] is None, answer
                assert peer.trips() == []


def test_records_and_enums_arrive(peer: Attacker) -> None:
    """A21: the honest ones do."""
    assert peer.value(0, "receipt", [[Tag(6), "victim:Receipt", 1, "a"]]) == [Tag(6), "victim:Receipt", 1, "a"]
    assert peer.value(0, "colour", [[Tag(7), "victim:Colour", "RED"]]) == [Tag(7), "victim:Colour", "RED"]
    assert peer.value(0, "options", [[Tag(6), "victim:Options", 1, [Tag(6)]]]) == {"depth": 1}
    assert peer.value(0, "merge", [{"self": 1, "__class__": 2}]) == 2
    assert peer.trips() == []


def test_a_wrong_argument_is_found_ahead_of_the_handler(peer: Attacker) -> None:
    """C13 E25: a class whose metaclass says yes to everything takes nothing; no hook is asked."""
    peer.value(0, "clear")
    acct, view, dyn = peer.ref("open", "a"), peer.ref("view", "a"), peer.ref("dyn")
    for value in (Yours(acct), Yours(view), Yours(dyn), Yours(0), Mine(3), 1, "x", None, [], {}, Yours(4711)):
        answer = peer.call(0, "promote", [value])
        assert answer[0] == ERROR and answer[1][0] in ("Refused", "TypeError"), answer
    assert peer.trips() == []


def test_a_reference_that_does_not_fit_is_denied_in_the_same_words(peer: Attacker) -> None:
    """E25 C01 G03: too narrow, of another class, the root, unknown: the same bytes."""
    view, dyn = peer.ref("view", "a"), peer.ref("dyn")
    for value in (Yours(view), Yours(dyn), Yours(0), Yours(99_999), Yours(2**64 - 1)):
        answer = peer.call(0, "audit", [value])
        assert peer.raw == DENIAL, answer
        peer.call(0, "audit_all", [[value]])
        assert peer.raw == DENIAL


@pytest.mark.parametrize("size", [-1, 2**63 - 1, 2**64 - 1])
def test_an_answer_of_an_impossible_size_is_an_error(peer: Attacker, size: int) -> None:
    """K17"""
    assert peer.call(0, "big", [size])[0] == ERROR
    peer.lives()


@pytest.mark.memory
def test_an_answer_that_is_too_large_is_not_sent(victim: Process) -> None:
    """K17: a value beyond the limit fails its call, again and again; the connection lives and memory comes back."""
    limit = 16 << 20
    with victim.connect() as peer:
        peer.raises("QuotaExceeded", 0, "big", [20 << 20])
        before = victim.rss()
        for size in (17 << 20, limit, limit + 1, 33 << 20):
            for _ in range(5):
                peer.raises("QuotaExceeded", 0, "big", [size])
        around = len(pack([RETURN, b""])) + 3  # the length takes five bytes
        assert len(peer.bulk(pack([0, "big", [limit - around], {}]) + NEWLINE, -1)) == limit + 1
        peer.raises("QuotaExceeded", 0, "big", [limit - around + 1])
        assert victim.rss() - before < 40 << 20
