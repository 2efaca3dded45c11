"""Does every type of docs/policy.md travel in both directions, unchanged, and nothing else in its place?"""

from __future__ import annotations

import datetime as dt
import math
import struct
import sys
import uuid
import zoneinfo
from collections import OrderedDict, deque
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pynto
import pytest
import served
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

UTC = dt.UTC
HOUR = dt.timedelta(hours=1)
FIVE_WEST = dt.timezone(dt.timedelta(hours=-5))
ODD_ZONE = dt.timezone(dt.timedelta(hours=23, minutes=59, seconds=59))

EDGES: dict[str, list[Any]] = {
    "none": [None],
    "bool": [True, False],
    "int": [
        *(0, 1, -1, 31, 32, -32, -33, 127, 128, 255, 256, -128, -129, 65535, 65536, -32768, -32769),
        *(
            2**31 - 1,
            2**31,
            -(2**31),
            -(2**31) - 1,
            2**32 - 1,
            2**32,
            2**53,
            2**63 - 1,
            2**63,
            2**64 - 1,
            2**64,
            2**64 + 1,
        ),
        *(
            -(2**63),
            -(2**63) - 1,
            -(2**64),
            -(2**64) - 1,
            -(2**127),
            2**127,
            2**127 - 1,
            10**100,
            -(10**100),
            2**32767 - 1,
            -(2**32767),
        ),
    ],
    "float": [0.0, -0.0, 1.5, -1e308, 5e-324, sys.float_info.max, sys.float_info.epsilon, math.inf, -math.inf, math.pi],
    "complex": [0j, 1 - 2j, complex(-0.0, math.inf), complex(1e308, -1e-308)],
    "str": [
        "",
        "a",
        "x" * 31,
        "x" * 32,
        "x" * 255,
        "x" * 256,
        "x" * 65536,
        "\0",
        "\n",
        "café",
        "\U0001f600",
        "\x7f\u2028",
        "\ufeff",
    ],
    "bytes": [b"", b"\0", b"\n", b"\xff" * 255, b"\xff" * 256, b"\n" * 65536, bytes(range(256))],
    "range": [range(0), range(5), range(10, 0, -3), range(-(2**63), 2**63 - 1, 2**62)],
    "slice": [
        slice(None),
        slice(1),
        slice(None, -1),
        slice(1, 2, 3),
        slice(None, None, -1),
        slice(-(2**63), 2**63 - 1, None),
    ],
    "datetime": [
        dt.datetime.min,
        dt.datetime.max,
        dt.datetime(2024, 2, 29, 23, 59, 58, 999999),
        dt.datetime(2024, 10, 27, 2, 30, fold=1),
        dt.datetime(2024, 10, 27, 2, 30, tzinfo=dt.timezone(HOUR), fold=1),
        dt.datetime(1, 1, 1, tzinfo=UTC),
        dt.datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=FIVE_WEST),
        dt.datetime(2024, 1, 1, tzinfo=ODD_ZONE),
    ],
    "date": [dt.date.min, dt.date.max, dt.date(2024, 2, 29)],
    "time": [dt.time.min, dt.time.max, dt.time(2, 30, fold=1), dt.time(7, 5, tzinfo=FIVE_WEST), dt.time(tzinfo=UTC)],
    "timedelta": [
        dt.timedelta.min,
        dt.timedelta.max,
        dt.timedelta.resolution,
        -dt.timedelta.resolution,
        dt.timedelta(0),
        -HOUR,
    ],
    "decimal": [
        *map(
            Decimal,
            ("0", "-0", "1", "-1.50E+3", "0.00", "1E+999999", "1E-999999", "123456789012345678901234567890.1234567890"),
        ),
        *map(Decimal, ("Infinity", "-Infinity", "1E-7", "0E-10", "-0E+5")),
    ],
    "uuid": [uuid.UUID(int=0), uuid.UUID(int=2**128 - 1), uuid.UUID("12345678-1234-5678-1234-567812345678")],
    "pair": [(1, "a"), (2**80, "")],
    "empty": [()],
    "row": [(), (1,), tuple(range(15)), tuple(range(16)), tuple(range(1000))],
    "table": [(), ((),), (("a", "b"), (), ("c",))],
    "frozen": [frozenset(), frozenset({1, -1, 2**70})],
    "frozen_pairs": [frozenset({(1, "a"), (2, "b")})],
    "list": [[], [1], [3, 2, 1, 3]],
    "set": [set(), {"a", "b"}, {""}],
    "dict": [{}, {"a": 1, "": 2}, {str(n): n for n in range(100)}],
    "keyed": [{}, {(1, 2): "x", (0, 0): ""}],
    "nested": [{"a": (), "b": (1, 2, 3)}],
    "point": [served.Point(1, 2), served.Point(-(2**70), 0, "label")],
    "span": [served.Span(1), served.Span(1, 2)],
    "options": [{"depth": 1}, {"depth": 1, "label": "x"}],
    "color": list(served.Color),
    "level": list(served.Level),
    "literal": ["now", "it's \\ \x7f\xe9\u1234\U0001f600", 3, -4, True],
    "optional": [None, 0, -5],
    "union": [None, 0, "", b"", 2**70],
    "structured": [served.Point(1, 2), served.Span(3, 4), served.Color.RED, (5, 6), 7],
    "points": [(), (served.Point(1, 2), served.Point(3, 4, "b"))],
}

TYPES = (served.Point, served.Span, served.Options, served.Color, served.Level)


@pytest.fixture
def values(site: Any) -> Any:
    return site.connect(types=TYPES).root.values()


@pytest.mark.parametrize("kind", EDGES)
def test_every_value_comes_back_as_it_went(values: Any, kind: str) -> None:
    echo = getattr(values, f"echo_{kind}")
    for value in EDGES[kind]:
        came = echo(value)
        assert came == value
        assert type(came) is type(value)
        if kind != "int":  # some have more digits than repr() writes
            assert repr(came) == repr(value)  # signs of zero, digits, folds and offsets too


def test_every_type_of_the_policy_page_has_edges_here() -> None:
    methods = {name.removeprefix("echo_") for name in vars(served.Values) if name.startswith("echo_")}
    assert methods == set(EDGES)


def test_what_is_not_equal_to_itself_travels_all_the_same(values: Any) -> None:
    assert math.isnan(values.echo_float(math.nan))
    for text in ("NaN", "-NaN", "sNaN", "NaN123"):
        assert repr(values.echo_decimal(Decimal(text))) == repr(Decimal(text))


def test_the_largest_integers_travel_and_larger_ones_are_named(values: Any) -> None:
    """By the quota `integer`: 4,096 bytes of two's complement."""
    for value in (2**20000, -(2**20000), 2**32767 - 1, -(2**32767)):
        assert values.echo_int(value) == value
        assert values.echo_row((value, value)) == (value, value)
    for value in (2**32767, -(2**32767) - 1, 2**40000):
        with pytest.raises(pynto.QuotaExceeded):
            values.echo_int(value)
    assert values.echo_int(1) == 1


def test_huge_texts_and_bytes_travel(values: Any) -> None:
    for kind, value in (("str", "\U0001f600" * 1_000_000), ("str", "a" * 8_000_000), ("bytes", b"\xc1\n" * 4_000_000)):
        came = getattr(values, f"echo_{kind}")(value)
        assert type(came) is type(value)
        assert came == value


def test_deep_tuples_travel_as_deep_as_the_peer_takes(values: Any) -> None:
    def nested(depth: int) -> Any:
        value: Any = ()
        for _ in range(depth - 1):
            value = (value,)
        return value

    most = 32 - 2  # the quota, without the message and its arguments
    assert values.data(nested(most)) == repr(nested(most))
    for depth in (most + 1, most + 2, 900):
        with pytest.raises(pynto.QuotaExceeded, match="depth"):
            values.data(nested(depth))


@pytest.mark.parametrize(
    ("kind", "value", "objects"),
    [
        ("set", {str(n) for n in range(40)}, 42),
        ("points", tuple(served.Point(n, n) for n in range(20)), 1 + 20 * 6),
        ("keyed", {(n, n): "" for n in range(20)}, 2 + 20 * 4),
        ("structured", served.Color.RED, 4),
        ("slice", slice(1, 2, 3), 5),
        ("dict", {str(n): n for n in range(40)}, 81),
    ],
)
def test_objects_are_counted_as_the_peer_counts_them(serve: Any, kind: str, value: Any, objects: int) -> None:
    """Tags, names and keys too: what the peer would not take is an error of the call, never the end of the connection."""
    reached = set()
    least = max(32, objects)  # a hello has to fit
    for quota in range(least, least + 16):
        values = serve(quotas={"elements": quota}).connect(types=TYPES).root.values()
        try:
            assert getattr(values, f"echo_{kind}")(value) == value
            reached.add("sent")
        except pynto.QuotaExceeded as error:
            assert str(error) == f"elements: {quota}"
            reached.add("refused")
        assert values.echo_int(1) == 1
    assert "sent" in reached


def test_a_nan_keeps_its_bits(values: Any) -> None:
    for bits in ("7ff8000000000000", "fff8000000000000", "7ff8dead0000beef"):
        (value,) = struct.unpack(">d", bytes.fromhex(bits))
        assert struct.pack(">d", values.echo_float(value)).hex() == bits


def test_a_time_of_a_named_zone_travels_with_the_offset_that_it_has_there(values: Any) -> None:
    """The name of a zone does not travel: what it says of other days would be the sender's tables, not the receiver's."""
    zone = zoneinfo.ZoneInfo("Europe/Berlin")
    for fold in (0, 1):
        sent = dt.datetime(2024, 10, 27, 2, 30, tzinfo=zone, fold=fold)
        came = values.echo_datetime(sent)
        assert (came.replace(tzinfo=None), came.fold) == (sent.replace(tzinfo=None), fold)
        assert came.utcoffset() == dt.timedelta(hours=2 - fold)
        assert came.astimezone(UTC) == sent.astimezone(UTC)


@pytest.mark.parametrize(
    ("kind", "value", "why"),
    [
        ("datetime", dt.datetime(2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(microseconds=1))), "parts of a second"),
        ("time", dt.time(tzinfo=dt.timezone(dt.timedelta(seconds=1, microseconds=1))), "parts of a second"),
        ("range", range(2**63), "a stop that is too large"),
        ("range", range(-(2**63) - 1, 0), "a start that is too small"),
        ("range", range(0, 1, 2**64), "a step that is too large"),
        ("slice", slice(None, 2**63), "a stop that is too large"),
        ("slice", slice(1.0), "a float"),
        ("slice", slice(1, 2, True), "a bool"),
        ("decimal", Decimal("9" * 257), "more than 256 bytes"),
        ("dict", {"\udfff": 1}, "a lone surrogate as a key"),
        ("row", (1, "\ud800"), "a lone surrogate inside"),
        ("point", served.Point(1, 2, "\ud800"), "a lone surrogate in a field"),
        ("union", "a\udc80", "what os.fsdecode() makes of a byte that is no text"),
    ],
)
def test_what_has_no_form_on_the_wire_does_not_leave(values: Any, kind: str, value: Any, why: str) -> None:
    with pytest.raises((TypeError, ValueError, pynto.QuotaExceeded)):
        getattr(values, f"echo_{kind}")(value)
    assert values.echo_int(1) == 1


@pytest.mark.parametrize("value", [range(2**63), range(0, 1, 2**64), slice(None, -(2**63) - 1), slice(1 << 200)])
def test_a_step_beyond_64_bits_is_refused_where_it_is_sent(values: Any, value: Any) -> None:
    """Not by the peer, which could only say that it does not fit."""
    for echo in (values.data, values.echo_range if isinstance(value, range) else values.echo_slice):
        with pytest.raises(ValueError, match="a number beyond 64 bits cannot be sent"):
            echo(value)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**200), 2**200)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary()
    | st.decimals(allow_nan=False)
    | st.uuids()
    | st.dates()
    | st.datetimes()
    | st.times()
    | st.timedeltas()
)
KEYS = st.integers(-(2**70), 2**70) | st.text(st.characters(exclude_categories=["Cs"])) | st.booleans() | st.none()
ANY_DATA = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.frozensets(KEYS, max_size=4)
        | st.sets(KEYS, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=ANY_DATA)
def test_whatever_data_there_is_arrives_as_it_was(values: Any, value: Any) -> None:
    """By its repr, which tells 1 from True and 0.0 from -0.0, and the order of a dict; a set has none."""
    seen = eval(
        values.data(value), {"datetime": dt, "Decimal": Decimal, "UUID": uuid.UUID, "nan": math.nan, "inf": math.inf}
    )
    assert seen == value
    assert exact(seen) == exact(value)


def exact(value: Any) -> Any:
    if isinstance(value, (set, frozenset)):
        return type(value), sorted(map(repr, value))
    if isinstance(value, dict):
        return dict, [(repr(key), exact(each)) for key, each in value.items()]
    if isinstance(value, (list, tuple)):
        return type(value), [exact(each) for each in value]
    return repr(value)


def test_an_int_stays_an_int_where_a_float_is_declared(values: Any) -> None:
    assert type(values.echo_float(3)) is int
    assert values.echo_float(2**70) == 2**70


def test_subclasses_of_plain_types_travel_as_the_plain_type(values: Any) -> None:
    class Text(str):
        pass

    class Number(int):
        pass

    for kind, value, plain in (("str", Text("a"), str), ("int", Number(5), int), ("int", served.Level.HIGH, int)):
        came = getattr(values, f"echo_{kind}")(value)
        assert came == value
        assert type(came) is plain
    assert type(values.echo_dict(OrderedDict(a=1))) is dict


def test_an_aware_datetime_travels_with_its_offset(values: Any) -> None:
    """I13"""

    class Odd(dt.tzinfo):
        def utcoffset(self, when: dt.datetime | None) -> dt.timedelta:
            return dt.timedelta(hours=2)

        def dst(self, when: dt.datetime | None) -> None:
            return None

        def tzname(self, when: dt.datetime | None) -> str:
            return "odd"

    came = values.echo_datetime(dt.datetime(2024, 5, 6, tzinfo=Odd()))
    assert came.utcoffset() == dt.timedelta(hours=2)
    assert came.tzinfo == dt.timezone(dt.timedelta(hours=2))


WRONG: list[tuple[str, Any, str]] = [
    ("none", 0, "0 is not None"),
    ("bool", 1, "1 is not True"),
    ("int", 1.0, "a float"),
    ("int", "1", "a str"),
    ("int", None, "None"),
    ("int", Decimal(1), "a Decimal"),
    ("float", "1.5", "a str"),
    ("float", Decimal("1.5"), "a Decimal"),
    ("float", Fraction(1, 2), "a Fraction"),
    ("complex", 1.0, "a float"),
    ("str", b"a", "bytes"),
    ("bytes", "a", "a str"),
    ("bytes", bytearray(b"a"), "a bytearray"),
    ("bytes", memoryview(b"a"), "a memoryview"),
    ("range", (0, 1), "a tuple"),
    ("slice", slice("a"), "a slice of str"),
    ("slice", slice(2**64), "too large for a slice"),
    ("range", range(2**64), "too large for a range"),
    ("datetime", dt.date(2024, 1, 1), "a date"),
    ("date", dt.time(1), "a time"),
    ("time", dt.timedelta(1), "a timedelta"),
    ("timedelta", 1.0, "a float"),
    ("decimal", 1.0, "a float"),
    ("uuid", "12345678-1234-5678-1234-567812345678", "a str"),
    ("pair", (1,), "too short"),
    ("pair", (1, "a", 2), "too long"),
    ("pair", ("a", 1), "the wrong way round"),
    ("pair", [1, "a"], "a list"),
    ("empty", (1,), "not empty"),
    ("row", (1, "2"), "one of another type"),
    ("row", [1, 2], "a list"),
    ("row", {1, 2}, "a set"),
    ("frozen", {1}, "a set"),
    ("frozen", frozenset({"a"}), "of str"),
    ("list", (1,), "a tuple"),
    ("list", deque([1]), "a deque"),
    ("list", ["a"], "of str"),
    ("set", frozenset({"a"}), "a frozenset"),
    ("set", ["a"], "a list"),
    ("dict", {1: 1}, "keys of another type"),
    ("dict", {"a": "1"}, "values of another type"),
    ("dict", [("a", 1)], "pairs"),
    ("keyed", {(1, "2"): ""}, "keys of another shape"),
    ("point", served.Span(1, 2), "another record"),
    ("point", (1, 2, ""), "a tuple"),
    ("span", served.Point(1, 2), "another record"),
    ("options", {"label": "x"}, "a required key is missing"),
    ("options", {"depth": "1"}, "another type"),
    ("color", served.Level.LOW, "another enum"),
    ("color", "RED", "its name"),
    ("color", 1, "its value"),
    ("literal", "later", "not listed"),
    ("literal", 4, "not listed"),
    ("literal", False, "not listed"),
    ("literal", 1, "1 is not True"),
    ("literal", 3.0, "3.0 is not 3"),
    ("optional", "", "not None"),
    ("union", 1.5, "none of them"),
    ("structured", (1, 2, 3), "none of them"),
    ("structured", "x", "none of them"),
    ("str", "\ud800", "a lone surrogate"),
]


@pytest.mark.parametrize(("kind", "value", "why"), WRONG, ids=[f"{kind}-{why}" for kind, _, why in WRONG])
def test_a_value_of_another_type_does_not_leave(values: Any, kind: str, value: Any, why: str) -> None:
    with pytest.raises((TypeError, ValueError)):
        getattr(values, f"echo_{kind}")(value)
    assert values.echo_int(1) == 1


def test_no_byte_of_a_value_that_does_not_fit_is_sent(relay: Any) -> None:
    values = relay.connection.root.values()
    before, _ = relay.traffic
    with pytest.raises(TypeError):
        values.echo_row((*range(1000), "oops"))
    after, _ = relay.traffic
    assert after - before <= 6


def test_records_without_classes_of_the_clients_get_stand_ins(root: Any) -> None:
    values = root.values()
    point = values.echo_point(served.Point(1, 2, "x"))
    assert (point.x, point.y, point.label) == (1, 2, "x")
    assert point == values.echo_point(point)
    assert hash(point) == hash(values.echo_point(point))
    assert "x=1" in repr(point)
    with pytest.raises(AttributeError):
        point.x = 5
    color = values.echo_color(served.Color.RED)
    assert color.name == "RED"
    assert color is values.echo_color(color)


def test_a_typed_dict_without_a_class_of_the_clients_may_lack_a_key(root: Any) -> None:
    values = root.values()
    for sent in ({"depth": 3}, {"depth": 3, "label": "x"}):
        came = values.echo_options(sent)
        assert came == sent or vars(came) == sent


def test_records_of_a_server_process_arrive_in_the_classes_that_were_given(serve_child: Callable[..., Any]) -> None:
    with pynto.connect(serve_child().address, types=TYPES) as connection:
        values = connection.root.values()
        assert values.echo_point(served.Point(1, 2)) == served.Point(1, 2)
        assert values.echo_span(served.Span(1)) == served.Span(1, 0)
        assert values.echo_level(served.Level.HIGH) is served.Level.HIGH
        assert values.echo_points((served.Point(1, 2),)) == (served.Point(1, 2),)


DATA: list[Any] = [
    None,
    [1, (2, 3), {"a": {4}}],
    {"a": [1], 2: (None,), -1: b""},
    {(1, "x"): 2, None: 3, True: 4},
    {1, "a", (2, 3), None},
    frozenset({1, (2, "x")}),
    [dt.date(2024, 1, 1), Decimal("1.50"), uuid.UUID(int=5), range(3), slice(1), 1j, 2**100],
    [[[[[[]]]]]],
    {},
    [],
    set(),
]


@pytest.mark.parametrize("value", DATA, ids=repr)
def test_data_is_any_value_without_references(values: Any, value: Any) -> None:
    assert eval(values.data(value), {"datetime": dt, "Decimal": Decimal, "UUID": uuid.UUID}) == value


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (object(), "an object"),
        (int, "a class"),
        (len, "a function"),
        (sys, "a module"),
        (bytearray(b"x"), "mutable bytes"),
        ([1, [object()]], "an object far inside"),
        (served.Color.RED, "an enum's member has no name in data"),
        (ValueError("x"), "an exception"),
        (iter([]), "an iterator"),
        (deque([1]), "a deque"),
        (frozenset({(2, (3, "x"))}), "a tuple in a tuple in a set"),
        ({(1, (2,)): 1}, "a tuple in a tuple as a key"),
    ],
)
def test_data_is_nothing_else(values: Any, value: Any, why: str) -> None:
    with pytest.raises(TypeError):
        values.data(value)


def test_data_takes_no_netref(root: Any) -> None:
    for value in (root, [root.item()], {"a": (root.adder(1),)}):
        with pytest.raises(TypeError):
            root.values().data(value)


@pytest.mark.parametrize("depth", [100_000, 1_000_000])
def test_a_value_of_absurd_depth_does_not_leave_and_costs_no_stack(values: Any, depth: int) -> None:
    """J09: one error, and the connection goes on; what is far too deep is not followed to its end."""
    deep: Any = ()
    for _ in range(depth):
        deep = (deep,)
    for echo in (values.data, values.echo_table):
        with pytest.raises((RecursionError, pynto.QuotaExceeded, TypeError, ValueError)):
            echo(deep)
    assert values.echo_int(1) == 1


def test_a_value_that_contains_itself_does_not_hang(values: Any) -> None:
    """J09"""
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises((RecursionError, pynto.QuotaExceeded, TypeError, ValueError)):
        values.data(endless)
    assert values.echo_int(1) == 1


def test_a_container_that_changes_while_it_is_packed_is_packed_as_it_was(values: Any) -> None:
    assert values.echo_list([*range(100)]) == [*range(100)]
    many = {str(n): n for n in range(1000)}
    assert values.echo_dict(many) == many


def test_ten_mebibytes_travel_in_both_directions(values: Any) -> None:
    big = bytes(range(256)) * 4 * 10240
    assert len(big) == 10 * 2**20
    assert values.echo_bytes(big) == big


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_a_message_of_the_limit_passes_and_one_byte_more_does_not(values: Any, over: int) -> None:
    size = 2**24 - len(b"\x94\xcd\xff\xff") - 40
    assert values.size(b"x" * size) == size
    exact = 2**24 - (1 + 1 + 1 + len("size") + 1 + 5 + 1)  # array, id, str head, name, array, bin head, map
    if over <= 0:
        assert values.size(b"x" * (exact + over)) == exact + over
    else:
        with pytest.raises(pynto.QuotaExceeded):
            values.size(b"x" * (exact + over))
    assert values.echo_int(1) == 1


def test_what_is_larger_than_a_message_is_refused_at_home_and_costs_nothing(relay: Any) -> None:
    values = relay.connection.root.values()
    before, _ = relay.traffic
    with pytest.raises(pynto.QuotaExceeded):
        values.size(bytes(300 * 2**20))
    after, _ = relay.traffic
    assert after - before <= 6
    assert values.size(b"1") == 1


def test_a_result_larger_than_a_message_is_an_error_of_that_call(values: Any) -> None:
    assert len(values.make_bytes(2**24 - 100)) == 2**24 - 100
    with pytest.raises(pynto.QuotaExceeded):
        values.make_bytes(2**24 + 1)
    assert values.echo_int(1) == 1


def test_a_server_sends_no_more_than_the_client_takes(site: Any) -> None:
    values = site.connect(quotas={"message": 10_000}).root.values()
    assert len(values.make_bytes(9_000)) == 9_000
    with pytest.raises(pynto.QuotaExceeded):
        values.make_bytes(20_000)
    assert len(values.make_bytes(9_000)) == 9_000


@pytest.mark.parametrize("bits", [4096 * 8 - 2, 4096 * 8 - 1, 4096 * 8, 10**6])
def test_integers_have_a_limit_of_their_own(values: Any, bits: int) -> None:
    if bits < 4096 * 8 - 1:
        assert values.make_int(bits) == values.echo_int(1 << bits) == 1 << bits
        assert values.echo_int(-1 << bits) == -1 << bits
    else:
        with pytest.raises((pynto.QuotaExceeded, pynto.RemoteError)):
            values.make_int(bits)
        with pytest.raises(pynto.QuotaExceeded):
            values.echo_int(1 << bits)
    assert values.echo_int(1) == 1


LIES = [
    "str",
    "none",
    "bool",
    "int",
    "float",
    "bytes",
    "list",
    "tuple",
    "object",
    "class",
    "module",
    "function",
    "item",
    "self",
    "point",
    "long",
]

# (method, the lies that happen to be the truth)
DECLARED = [
    ("an_int", {"int"}),
    ("a_str", {"str"}),
    ("a_none", {"none"}),
    ("a_pair", set()),
    ("a_point", {"point"}),
    ("an_item", {"item"}),
    ("maybe", {"item", "none"}),
    ("a_reader", set()),
]


@pytest.mark.parametrize(("method", "fine"), DECLARED)
def test_a_result_that_is_not_as_declared_is_not_sent(
    root: Any, method: str, fine: set[str], caplog: Any, every_line: None
) -> None:
    liar = root.liar()
    for kind in LIES:
        liar.tell(kind)
        if kind in fine or (kind, method) == ("bool", "an_int"):
            getattr(liar, method)()
            continue
        caplog.clear()
        with pytest.raises(pynto.RemoteError) as caught:
            getattr(liar, method)()
        assert "secret" not in repr(caught.value) + str(caught.value)
        assert caught.value.incident in caplog.text
    assert root.add(1) == 2


def test_a_yielded_value_that_is_not_as_declared_is_not_sent(root: Any) -> None:
    liar = root.liar()
    liar.tell("str")
    iterator = liar.yields()
    with pytest.raises(pynto.RemoteError):
        next(iterator)


def test_an_argument_for_a_callback_that_is_not_as_declared_is_not_sent(root: Any) -> None:
    seen: list[Any] = []
    liar = root.liar()
    for kind in ("str", "object", "item", "list", "none"):
        liar.tell(kind)
        with pytest.raises((pynto.RemoteError, TypeError)):
            liar.calls(seen.append)
    liar.tell("int")
    liar.calls(seen.append)
    assert seen == [7]


def test_values_of_callbacks_are_checked_like_all_others(root: Any) -> None:
    values = root.values()
    assert values.called(lambda value: 2**100 + value, 1) == 2**100 + 1
    with pytest.raises((pynto.RemoteError, TypeError)):
        values.called(lambda value: "a", 1)
