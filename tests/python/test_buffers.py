"""Do bytes and arrays travel by value, in few copies, and is nothing made of what is no array of numbers?"""

from __future__ import annotations

import array
import contextlib
import json
import mmap
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pynto
import pytest
from rawpeer import ERROR, HELLO, RETURN, Mine, RawPeer, Tag, pack

np = pytest.importorskip("numpy")

import signals  # noqa: E402  (it needs NumPy)

DTYPES = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64 complex128".split()
NDARRAY = Tag(9)


@pytest.fixture(scope="module")
def file(generate: Callable[..., Path]) -> Path:
    return generate("signals:Signals")


@pytest.fixture
def site(serve: Callable[..., Any], file: Path) -> Any:
    return serve(signals.Signals(), policy=pynto.Policy.load(file))


@pytest.fixture
def root(site: Any) -> Any:
    return site.connect(types=(signals.Sample,)).root


@pytest.fixture
def raw(site: Any) -> Iterator[RawPeer]:
    with RawPeer(site.address.removeprefix("unix://")) as peer:
        peer.hello()
        yield peer


# ---- bytes ----


@pytest.mark.parametrize("value", [b"", b"\n", bytes(range(256)) * 5, b"x" * 100_000])
def test_buffers_of_bytes_come_back_as_what_is_declared(root: Any, value: bytes) -> None:
    came = root.echo_bytearray(bytearray(value))
    assert (type(came), came) == (bytearray, bytearray(value))
    view = root.echo_memoryview(memoryview(value))
    assert (type(view), view.readonly, bytes(view)) == (memoryview, True, value)
    assert root.echo_buffer(memoryview(value)) == value


def test_what_is_declared_as_a_memoryview_takes_all_plain_bytes(root: Any) -> None:
    for value in (b"abc", bytearray(b"abc"), memoryview(b"abc"), memoryview(b"cba")[::-1], memoryview(b"a.b.c.")[::2]):
        assert bytes(root.echo_memoryview(value)) == b"abc"
    assert bytes(root.back_to_front(memoryview(b"abc"))) == b"cba"


def test_what_is_declared_as_a_buffer_takes_all_that_has_one(root: Any) -> None:
    with mmap.mmap(-1, 16) as mapped:
        mapped[:3] = b"abc"
        numbers = np.arange(6, dtype="<i2").reshape(2, 3)
        for value in (b"", bytearray(b"ab"), array.array("d", [1.0]), memoryview(b"x"), mapped, numbers, numbers.T):
            assert root.echo_buffer(value) == bytes(memoryview(value))
    assert root.raw(np.array([[1, 2], [3, 4]], dtype=np.int32)) == np.array([1, 2, 3, 4], dtype=np.int32).tobytes()


@pytest.mark.parametrize(
    ("method", "value"),
    [
        ("echo_bytearray", b"a"),
        ("echo_bytearray", memoryview(b"a")),
        ("echo_bytearray", "a"),
        ("echo_memoryview", "a"),
        ("echo_memoryview", array.array("b", [1])),
        ("echo_memoryview", memoryview(array.array("d", [1.0]))),
        ("echo_memoryview", memoryview(bytes(4)).cast("B", (2, 2))),
        ("echo_buffer", "a"),
        ("echo_buffer", [1]),
        ("echo_buffer", 3),
        ("anything", bytearray(b"a")),
        ("anything", memoryview(b"a")),
    ],
)
def test_nothing_else_leaves_in_their_place(root: Any, method: str, value: Any) -> None:
    with pytest.raises(TypeError):
        getattr(root, method)(value)
    assert root.size(b"abc") == 3


def test_a_released_view_and_a_netref_are_no_buffers(root: Any) -> None:
    """H31: nor is anything read of what was let go."""
    view = memoryview(b"abc")
    view.release()
    with pytest.raises(ValueError, match="released"):
        root.echo_memoryview(view)
    for method in (root.echo_buffer, root.echo_memoryview, root.echo):
        with pytest.raises(TypeError):
            method(root)


def test_a_buffer_that_is_resized_meanwhile_travels_as_it_was_at_one_moment(root: Any) -> None:
    """H31: another thread makes it larger and smaller all the time; who has a buffer exported cannot resize it."""
    data = bytearray(b"a" * 5000)
    stop = threading.Event()

    def resize() -> None:
        while not stop.is_set():
            for size in (0, 1, 100_000, 5000):
                with contextlib.suppress(BufferError):
                    data[:] = b"a" * size

    thread = threading.Thread(target=resize)
    thread.start()
    try:
        sizes = {root.size(data) for _ in range(300)}
    finally:
        stop.set()
        thread.join()
    assert sizes <= {0, 1, 5000, 100_000}


def test_views_with_gaps_or_backwards_travel_as_what_they_show(root: Any) -> None:
    """H31"""
    whole = bytes(range(256)) * 4
    for view in (memoryview(whole)[::2], memoryview(whole)[::-1], memoryview(whole)[10:20:3]):
        assert bytes(root.echo_memoryview(view)) == view.tobytes()


# ---- arrays ----

SHAPES = [(), (0,), (1,), (7,), (2, 3), (0, 5), (3, 0, 2), (1, 1, 1, 1), (2,) * 16]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_kind_of_array_travels(root: Any, dtype: str, shape: tuple[int, ...]) -> None:
    size = int(np.prod(shape, dtype=int))
    value = np.arange(size).reshape(shape).astype(dtype)
    came = root.echo(value)
    assert (came.dtype, came.shape, came.flags.c_contiguous) == (value.dtype, shape, True)
    assert np.array_equal(came, value)
    assert came.flags.writeable


def test_edges_of_numbers_keep_their_bits(root: Any) -> None:
    value = np.array([np.nan, -0.0, np.inf, -np.inf, 5e-324, np.finfo(float).max])
    assert root.echo(value).tobytes() == value.tobytes()
    for dtype in ("int64", "uint64"):
        limits = np.iinfo(dtype)
        value = np.array([limits.min, limits.max], dtype=dtype)
        assert np.array_equal(root.echo(value), value)


def test_order_strides_and_bytes_of_an_array_are_the_senders_own(root: Any) -> None:
    whole = np.arange(24, dtype=np.int32).reshape(2, 3, 4)
    for value in (
        whole.T,
        whole[:, ::2],
        whole[::-1, ..., ::-2],
        np.asfortranarray(whole),
        whole[:, 1:1],
        whole[1, 2, 3:],
    ):
        came = root.echo(value)
        assert np.array_equal(came, value) and came.flags.c_contiguous
    for dtype in (">i2", ">f8", ">c16", ">u4", ">f2"):
        value = np.array([1, 2, 300]).astype(dtype)
        came = root.echo(value)
        assert np.array_equal(came, value)
        assert came.dtype == value.dtype.newbyteorder("=")
    read_only = np.arange(3)
    read_only.flags.writeable = False
    assert root.plain(read_only) == "int64 (3,) True True"
    assert np.array_equal(root.echo(np.broadcast_to(np.int64(5), (2, 2))), [[5, 5], [5, 5]])


def test_an_array_of_a_declared_dtype_travels_and_others_do_not(root: Any) -> None:
    assert np.array_equal(root.scale(np.array([1.0, 2.0]), by=3.0), [3.0, 6.0])
    assert root.single(np.float32([1.5])).dtype == np.float32
    assert root.flags(np.array([True, False, True])) == 2
    assert root.small(np.array([[255]], dtype=np.uint8)).tolist() == [[255]]
    assert root.waves(np.array([1 - 2j])).tolist() == [1 - 2j]
    assert root.maybe(None) is None
    assert root.maybe(np.array([2**62])).tolist() == [2**62]
    for method, value in (
        (root.scale, np.array([1])),
        (root.scale, np.array([1.0], dtype=np.float32)),
        (root.flags, np.array([1], dtype=np.uint8)),
        (root.maybe, np.array([1.0])),
        (root.maybe, 5),
    ):
        with pytest.raises(TypeError):
            method(value)


def test_an_array_in_a_record_travels(root: Any) -> None:
    came = root.sample(signals.Sample(5, np.array([1.0, 2.0])))
    assert type(came) is signals.Sample
    assert (came.rate, came.values.tolist()) == (10, [1.0, 2.0])


@pytest.mark.parametrize(
    "value",
    [
        np.array([object()]),
        np.array(["a"]),
        np.array([b"a"]),
        np.array(["2024-01-01"], dtype="datetime64[D]"),
        np.zeros(2, dtype=[("a", "i4"), ("b", "f8")]),
        np.zeros(2, dtype="V8"),
        np.ma.array([1.0], mask=[True]),
        np.rec.array([(1,)], dtype=[("a", "i4")]),
        np.float64(1.0),
        [1.0],
        memoryview(b"12345678"),
        None,
        *([np.array([1.0], dtype=np.longdouble)] if np.dtype(np.longdouble).name not in DTYPES else []),
    ],
    ids=lambda value: f"{type(value).__name__} {getattr(value, 'dtype', '')}",
)
def test_what_is_no_array_of_numbers_of_a_fixed_size_does_not_leave(root: Any, value: Any) -> None:
    with pytest.raises(TypeError):
        root.echo(value)
    with pytest.raises(TypeError):
        root.anything(np.array([1.0]))


def test_a_subclass_that_is_a_mapped_file_travels_as_an_array(root: Any, tmp_path: Path) -> None:
    mapped = np.memmap(tmp_path / "numbers", dtype=np.int16, mode="w+", shape=(3,))
    mapped[:] = [1, 2, 3]
    came = root.echo(mapped)
    assert (type(came), came.tolist()) == (np.ndarray, [1, 2, 3])


@pytest.mark.parametrize("kind", ["list", "int", "object", "masked"])
def test_a_result_that_is_not_as_declared_is_not_sent(root: Any, kind: str) -> None:
    with pytest.raises(pynto.RemoteError):
        root.wrong(kind)


# ---- a peer that sends what it likes ----

F8 = b"\0" * 8
HOSTILE: list[tuple[Any, str]] = [
    ([NDARRAY, "object", F8, 1], "objects"),
    ([NDARRAY, "O", F8, 1], "objects, in short"),
    ([NDARRAY, "float128", F8 * 2, 1], "not of a fixed size"),
    ([NDARRAY, "datetime64[ns]", F8, 1], "dates"),
    ([NDARRAY, "float64\0", F8, 1], "a name with something behind it"),
    ([NDARRAY, "", F8, 1], "no name"),
    ([NDARRAY, 12, F8, 1], "a number for a name"),
    ([NDARRAY, "float64", F8, 2], "fewer bytes than the shape"),
    ([NDARRAY, "float64", F8 * 3, 2], "more bytes than the shape"),
    ([NDARRAY, "float64", b"\0" * 7, 1], "a part of an item"),
    ([NDARRAY, "float64", b"", 1], "no bytes"),
    ([NDARRAY, "float64", F8, 0], "bytes of no items"),
    ([NDARRAY, "float64", b""], "no bytes of a number without dimensions"),
    ([NDARRAY, "float64", F8, -1], "a negative length"),
    ([NDARRAY, "float64", F8, 1.0], "a float for a length"),
    ([NDARRAY, "float64", F8, True], "a bool for a length"),
    ([NDARRAY, "float64", F8, None], "nil for a length"),
    ([NDARRAY, "float64", b"", 0, 2**63], "a length beyond 63 bits beside none"),
    ([NDARRAY, "float64", b"", 0, 2**62], "a shape beyond 63 bits that has no items"),
    ([NDARRAY, "float64", b"", 2**32, 2**32, 0], "the same in two"),
    ([NDARRAY, "float64", F8, 2**32, 2**32], "a product that wraps to 0"),
    ([NDARRAY, "float64", F8, 2**61 + 1], "a size that wraps to 8"),
    ([NDARRAY, "uint8", b"a", *[1] * 33], "33 dimensions"),
    ([NDARRAY, "bool", b"\2", 1], "a bool that is neither"),
    ([NDARRAY, "float64", "12345678", 1], "a str for bytes"),
    ([NDARRAY, "float64"], "a name alone"),
    ([NDARRAY], "a tag alone"),
    ([Tag(2), 1.0], "a list"),
    (F8, "bytes"),
    ([1.0], "a tuple"),
    (None, "nil"),
]


@pytest.mark.parametrize(("value", "why"), HOSTILE, ids=[why for _, why in HOSTILE])
def test_a_server_makes_nothing_of_it(raw: RawPeer, value: Any, why: str) -> None:
    assert raw.call(0, "plain", [value])[1][0] == "TypeError"
    assert raw.call(0, "plain", [[NDARRAY, "float64", F8, 1]]) == [RETURN, "float64 (1,) True True"]


@pytest.mark.parametrize(("value", "why"), HOSTILE, ids=[why for _, why in HOSTILE])
def test_a_client_makes_nothing_of_it(value: Any, why: str) -> None:
    import socket

    ours, theirs = socket.socketpair()
    fd = ours.detach()
    with RawPeer(theirs, timeout=10) as peer:
        peer.send([HELLO, "pynto", 1, None, {}])
        peer.send([-5, 1, {"interfaces": {"evil:Root": {"methods": {"get": "() -> ndarray"}}}}])
        peer.send([RETURN, Mine(0, 1)])
        connection = pynto.Connection(fd, fd, "raw")
        peer.recv_message()
        answering = threading.Thread(target=lambda: (peer.reply(), peer.send([RETURN, value])))
        answering.start()
        with pytest.raises(pynto.Refused):
            connection.root.get()
        answering.join()
        connection.close()


def test_32_dimensions_pass_and_another_dtype_than_declared_does_not(raw: RawPeer) -> None:
    shape = [1] * 32
    assert raw.call(0, "echo", [[NDARRAY, "uint8", b"a", *shape]]) == [RETURN, [NDARRAY, "uint8", b"a", *shape]]
    assert raw.call(0, "scale", [[NDARRAY, "float32", b"\0" * 4, 1]])[0] == ERROR
    assert raw.call(0, "echo", [[NDARRAY, "float64", F8]]) == [RETURN, [NDARRAY, "float64", F8]]
    assert raw.call(0, "anything", [[NDARRAY, "float64", F8, 1]])[1][0] == "TypeError"


def test_an_array_of_no_bytes_costs_no_memory(raw: RawPeer) -> None:
    """The largest shape without items that is accepted: it makes an array of nothing."""
    assert raw.call(0, "plain", [[NDARRAY, "uint8", b"", 2**62, 0]])[1] == f"uint8 ({2**62}, 0) True True"


# ---- without NumPy ----

WITHOUT = """
import sys
sys.modules["numpy"] = None
import pynto
connection = pynto.connect(sys.argv[1])
assert connection.root.size(b"abc") == 3
assert bytes(connection.root.echo_memoryview(b"abc")) == b"abc"
for call in (lambda: connection.root.sample(None), lambda: connection.root.wrong("x"), lambda: connection.root.echo([1])):
    try:
        call()
    except Exception as error:
        print(type(error).__name__, error)
print(connection.root.echo_bytearray(bytearray(b"on")))
"""


def test_a_client_without_numpy_has_all_but_the_arrays(site: Any, environment_of_children: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, site.address],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment_of_children,
    )
    assert done.returncode == 0, done.stderr
    assert "an array travels where NumPy is installed" in done.stdout
    assert "bytearray(b'on')" in done.stdout


def test_a_server_without_numpy_says_so_when_it_starts(file: Path, environment_of_children: dict[str, str]) -> None:
    program = """
import sys, json
sys.modules["numpy"] = None
import pynto._core
policy = json.load(open(sys.argv[1]))
policy.pop("declared")
text = json.dumps({**policy, "roots": {"main": "builtins:str"}, "records": {}, "interfaces": {
    "builtins:str": {"class": "builtins:str", "methods": {"title": "(a: ndarray) -> none"}}}}, indent=1, sort_keys=True)
try:
    pynto._core.Server(pynto._core.Policy((text + "\\n").encode()), {"main": "a"}, lambda: None)
except ImportError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment_of_children,
    )
    assert "an array travels where NumPy is installed" in done.stdout, done.stderr


@pytest.fixture
def environment_of_children() -> dict[str, str]:
    from tests.conftest import environment

    return environment()


def test_numpy_is_not_imported_before_an_array_travels() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sys, pynto; print('numpy' in sys.modules)"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "False\n"


# ---- copies ----

COPIES = """
import ctypes, os, resource, sys, numpy, pynto
connection = pynto.connect(sys.argv[1])
kind, size = sys.argv[2], int(sys.argv[3])
value = numpy.ones(size // 8) if kind == "array" else bytearray(size)
call = connection.root.plain if kind == "array" else connection.root.size
call(value[:1000])
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024
before = peak()
call(value)
print((peak() - before) / size)
"""


@pytest.mark.memory
@pytest.mark.parametrize("kind", ["array", "bytes"])
def test_sending_takes_one_copy_for_the_message_and_one_for_the_wire(
    serve: Any, file: Path, environment_of_children: dict[str, str], kind: str
) -> None:
    """Measured in a process of its own by the kernel: no bytes object stands between the buffer and the message."""
    site = serve(signals.Signals(), policy=pynto.Policy.load(file), quotas={"message": 256 << 20})
    done = subprocess.run(
        [sys.executable, "-c", COPIES, site.address, kind, str(64 << 20)],
        capture_output=True,
        text=True,
        timeout=100,
        env=environment_of_children,
    )
    assert float(done.stdout) < 2.2, done.stderr


def test_the_policy_says_what_is_declared(file: Path) -> None:
    methods = json.loads(file.read_text(encoding="utf-8"))["interfaces"]["signals:Signals"]["methods"]
    assert methods["scale"] == "(value: ndarray_float64, by: float=?) -> ndarray_float64"
    assert methods["echo"] == "(value: ndarray) -> ndarray"
    assert methods["echo_buffer"] == "(value: buffer) -> buffer"
    assert pack([NDARRAY]) == b"\x91\xd4\x12\x09"
