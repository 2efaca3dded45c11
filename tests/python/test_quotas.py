"""Does each limit hold at the number that it says, and does what is beyond it cost only whoever went there?"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pynto
import pytest
from rawpeer import ERROR, GOODBYE, PING, PONG, RETURN, Ext, RawPeer, pack

CODES = {"hello": 15, "message": 11, "depth": 10, "elements": 11, "keys": 11, "integer": 11, "flood": 17}

Dial = Callable[..., RawPeer]


@pytest.fixture
def dial(serve: Callable[..., Any]) -> Iterator[Dial]:
    """dial(quota=value, ...): a client of bytes of a server with these quotas, its hello said."""
    peers: list[RawPeer] = []

    def connect(*, is_polite: bool = True, site: Any = None, **quotas: float) -> RawPeer:
        site = site or serve(quotas=quotas)
        peer = RawPeer(site.address.removeprefix("unix://"), timeout=10.0)
        peer.site = site  # type: ignore[attr-defined]
        peers.append(peer)
        if is_polite:
            peer.hello()
        return peer

    yield connect
    for peer in peers:
        peer.close()


def is_alive(peer: RawPeer) -> bool:
    peer.send([PING, 77], lane=0)
    return bool(peer.reply() == [PONG, 77])


def others_are_served(peer: RawPeer) -> bool:
    return bool(peer.site.connect().root.add(1) == 2)  # type: ignore[attr-defined]


def values_of(peer: RawPeer) -> int:
    reference: int = peer.call(0, "values")[1].id
    return reference


def closes_with(peer: RawPeer, code: int) -> bool:
    goodbye = peer.expect_close()
    assert goodbye is not None, "no goodbye"
    assert goodbye[:2] == [GOODBYE, code], goodbye
    return others_are_served(peer)


# ---- the size and shape of a message ----


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_message_bytes(dial: Dial, over: int) -> None:
    peer = dial(message=2000)
    values = values_of(peer)
    empty = len(pack([values, "size", [b"x" * 300], {}])) - 300
    peer.send([values, "size", [b"x" * (2000 - empty + over)], {}])
    if over <= 0:
        assert peer.reply() == [RETURN, 2000 - empty + over]
    else:
        assert closes_with(peer, CODES["message"])


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_depth(dial: Dial, over: int) -> None:
    peer = dial(depth=8)
    values = values_of(peer)
    value: Any = 1
    for _ in range(8 + over - 2):  # the message and its arguments count
        value = [value]
    peer.send([values, "data", [value], {}])
    if over <= 0:
        assert peer.reply()[0] == RETURN
    else:
        assert closes_with(peer, CODES["depth"])


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_elements(dial: Dial, over: int) -> None:
    peer = dial(elements=100)
    values = values_of(peer)
    rest = 6  # the message, reference, name, arguments, the array itself, no keywords
    peer.send([values, "size", [list(range(100 - rest + over))], {}])
    if over <= 0:
        assert peer.reply() == [RETURN, 100 - rest + over]
    else:
        assert closes_with(peer, CODES["elements"])


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_keys(dial: Dial, over: int) -> None:
    peer = dial(keys=20)
    values = values_of(peer)
    peer.send([values, "size", [{str(n): n for n in range(20 + over)}], {}])
    if over <= 0:
        assert peer.reply() == [RETURN, 20 + over]
    else:
        assert closes_with(peer, CODES["keys"])


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_integer(dial: Dial, over: int) -> None:
    peer = dial(integer=64)
    values = values_of(peer)
    number = 1 << (8 * (64 + over) - 2)
    peer.send([values, "data", [Ext(19, number.to_bytes(64 + over, "big", signed=True))], {}])
    if over <= 0:
        assert peer.reply() == [RETURN, str(number)]
    else:
        assert closes_with(peer, CODES["integer"])


@pytest.mark.parametrize(
    ("head", "why"),
    [
        (b"\xc6\xff\xff\xff\xff", "bin of 4 GiB"),
        (b"\xdb\xff\xff\xff\xff", "str of 4 GiB"),
        (b"\xdd\xff\xff\xff\xff", "array of 4 Gi items"),
        (b"\xdf\xff\xff\xff\xff", "map of 4 Gi pairs"),
        (b"\xc9\xff\xff\xff\xff\x13", "ext of 4 GiB"),
        (b"\xc6\x01\x00\x00\x00", "bin of 16 MiB"),
    ],
)
def test_what_is_announced_beyond_the_limit_ends_at_its_header(dial: Dial, head: bytes, why: str) -> None:
    peer = dial()
    peer.send_raw(b"\x94\x00\xa4size\x91" + head)
    assert closes_with(peer, CODES["message"]), why


# ---- what one client can hold ----


@pytest.mark.parametrize("over", [0, 1])
def test_references(serve: Callable[..., Any], over: int) -> None:
    site = serve(quotas={"references": 20})
    connection = site.connect()
    root = connection.root
    kept = [root.fresh() for _ in range(19)]
    if over == 0:
        kept.append(root.fresh())
        with pytest.raises(pynto.QuotaExceeded, match="references"):
            root.fresh()
    else:
        with pytest.raises(pynto.QuotaExceeded, match="references"):
            root.items(2)
    assert root.add(1) == 2
    kept.clear()
    assert root.add(1) == 2
    assert len(root.items(20)) == 20
    assert site.connect().root.fresh().name == "fresh"


def test_a_result_that_was_refused_for_its_references_leaves_none_behind(
    serve: Callable[..., Any], until: Callable[..., Any]
) -> None:
    import gc

    import served

    site = serve(quotas={"references": 20})
    root = site.connect().root
    gc.collect()
    before = len(served.alive)
    for _ in range(5):
        with pytest.raises(pynto.QuotaExceeded):
            root.items(50)
    until(lambda: len(served.alive) == before)
    assert len(root.items(20)) == 20


@pytest.mark.parametrize("over", [0, 1])
def test_lent(serve: Callable[..., Any], over: int) -> None:
    site = serve(quotas={"lent": 10})
    root = site.connect().root

    def make(number: int) -> Callable[[int], int]:
        return lambda value: value + number

    for number in range(10):
        assert root.keep(make(number)) == number + 1
    if over:
        with pytest.raises(pynto.QuotaExceeded, match="lent"):
            root.keep(make(10))
    assert len(root.call_kept(1)) == 10
    root.forget()
    assert root.keep(make(1)) == 1
    assert root.add(1) == 2


def test_calls_beyond_the_limit_wait_and_are_served(dial: Dial) -> None:
    peer = dial(calls=5)
    for number in range(50):
        peer.send([0, "add", [number], {}])
    assert [peer.reply() for _ in range(50)] == [[RETURN, number + 1] for number in range(50)]


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_nesting(serve: Callable[..., Any], over: int) -> None:
    site = serve(quotas={"nesting": 8})
    root = site.connect().root

    def down(n: int) -> int:
        return 1 + root.countdown(n - 1, down) if n > 0 else 0

    levels = 8 + over  # one for each call and each callback within
    if over <= 0:
        assert root.countdown(levels - 1, down) == levels - 1
    else:
        with pytest.raises((pynto.QuotaExceeded, pynto.RemoteError)):
            root.countdown(levels + 1, down)
    assert root.add(1) == 2


def test_queued_bytes_beyond_the_limit_wait_and_are_served(dial: Dial) -> None:
    peer = dial(queued=100_000, message=50_000)
    values = values_of(peer)
    peer.send([0, "wait", [0.2], {}])
    for _ in range(20):
        peer.send([values, "size", [b"x" * 40_000], {}], lane=0)
    assert peer.reply() == [RETURN, None]
    assert [peer.reply() for _ in range(20)] == [[RETURN, 40_000]] * 20


def test_a_peer_that_does_not_read_is_not_served_for_ever(dial: Dial, until: Callable[..., Any]) -> None:
    peer = dial(output=2_000_000, stall=1.0)
    values = values_of(peer)
    peer.send_raw(b"".join(pack([values, "make_bytes", [1_000_000], {}]) + b"\n" for _ in range(100)))
    site = peer.site  # type: ignore[attr-defined]
    until(lambda: site.server.stats()["connections"] == 0, 15, "a peer that reads nothing is left")
    assert others_are_served(peer)


def test_a_peer_that_reads_gets_everything_however_much_it_has_asked_for_ahead(dial: Dial) -> None:
    peer = dial(output=2_000_000, stall=5.0)
    values = values_of(peer)
    peer.send_raw(b"".join(pack([values, "make_bytes", [500_000], {}]) + b"\n" for _ in range(40)))
    for number in range(40):
        answer = peer.reply()
        assert answer is not None, f"ended after {number} answers"
        assert answer[0] == RETURN, f"{answer} after {number} answers"
        assert len(answer[1]) == 500_000


def test_refusals_are_counted_and_end_the_connection(dial: Dial) -> None:
    peer = dial(refusals=20, refusals_per_second=0.0)
    for _ in range(20):
        peer.send([0, "nothing", [], {}])
        assert peer.reply() == [ERROR, ["Refused", "not permitted", None, None]]
    peer.send([0, "nothing", [], {}])
    goodbye = peer.expect_close()
    assert goodbye is not None
    assert goodbye[1] == CODES["flood"]
    assert others_are_served(peer)


def test_refusals_are_forgiven_with_time(dial: Dial) -> None:
    peer = dial(refusals=5, refusals_per_second=200.0)
    for _ in range(40):
        assert peer.call(0, "nothing") == [ERROR, ["Refused", "not permitted", None, None]]
        time.sleep(0.01)  # the passing of time is what is tested; twice what is needed
    assert is_alive(peer)


def test_errors_of_objects_are_no_refusals(dial: Dial) -> None:
    peer = dial(refusals=5, refusals_per_second=0.0)
    for _ in range(50):
        assert peer.call(0, "fail", ["ValueError"])[1][0] == "ValueError"
    assert is_alive(peer)


def test_interfaces_are_limited_at_the_client(serve: Callable[..., Any]) -> None:
    site = serve()
    root = site.connect(quotas={"interfaces": 3}).root
    root.item()
    root.shelf()
    with pytest.raises(ConnectionError):
        root.zoo()
        root.vector(1)
    assert site.connect().root.add(1) == 2


def test_a_callback_that_takes_too_long_fails_its_call(
    serve: Callable[..., Any], in_thread: Callable[..., Any], until: Callable[..., Any]
) -> None:
    site = serve(quotas={"callback": 0.5})
    connection = site.connect()
    silent = threading.Event()
    began = time.monotonic()
    task = in_thread(lambda: connection.root.apply(lambda value: silent.wait(15) or value, 1))
    until(lambda: site.server.stats()["suspended"] == 1)
    other = site.connect().root
    assert other.add(1) == 2
    silent_for = site.connect()
    silent_for.root.keep(lambda value: silent.wait(15) or value)
    (said,) = other.call_kept(1)
    assert not said.isdigit()
    until(lambda: site.server.stats()["suspended"] == 0, why="the other one has been given up, too")
    assert time.monotonic() - began < 10
    silent.set()
    with pytest.raises((pynto.DeadlineExceeded, pynto.RemoteError, ConnectionError)):
        task.result()
    assert site.connect().root.add(1) == 2


# ---- time ----


@pytest.mark.parametrize("sent", [b"", b"\x95", b"\x95\xf8\xa5pyn"])
def test_who_does_not_finish_its_hello_is_sent_away(serve: Callable[..., Any], dial: Dial, sent: bytes) -> None:
    peer = dial(site=serve(quotas={"hello": 0.3}), is_polite=False)
    peer.send_raw(sent)
    assert closes_with(peer, CODES["hello"])


# ---- memory ----


def test_memory_grows_with_what_has_arrived_not_with_what_was_announced(serve_child: Callable[..., Any]) -> None:
    child = serve_child("--quota", "message=1073741824", "--quota", "elements=100000000")
    with pynto.connect(child.address) as connection:
        connection.root.add(1)
    before = child.memory()
    peers = []
    for head in (
        b"\xc6\x3f\x00\x00\x00",
        b"\xdb\x3f\x00\x00\x00",
        b"\xdd\x05\x00\x00\x00",
        b"\xdf\x00\x00\x01\x00",
    ) * 25:
        peer = RawPeer(child.address.removeprefix("unix://"))
        peer.hello()
        peer.send_raw(b"\x94\x00\xa4size\x91" + head + b"\x00\xa1")
        peers.append(peer)
    with pynto.connect(child.address) as connection:
        assert connection.root.add(1) == 2
    grown = child.memory() - before
    for peer in peers:
        peer.close()
    assert grown < 16 * 2**20, f"{grown} bytes for 100 announcements of up to 1 GiB"


def test_many_idle_connections_cost_little(serve_child: Callable[..., Any]) -> None:
    child = serve_child()
    first = pynto.connect(child.address)
    before = child.memory()
    peers = [RawPeer(child.address.removeprefix("unix://")) for _ in range(200)]
    for peer in peers:
        peer.hello()
    grown = child.memory() - before
    for peer in peers:
        peer.close()
    assert first.root.add(1) == 2
    first.close()
    assert grown < 200 * 64 * 1024


# ---- what Python code sees ----


def test_a_quota_that_does_not_exist_or_makes_no_sense_is_refused(serve: Callable[..., Any], site: Any) -> None:
    for wrong in (
        {"nothing": 1},
        {"calls": -1},
        {"calls": float("nan")},
        {"message": 0},
        {"depth": 1e30},
        {"callback": -0.5},
    ):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            serve(quotas=wrong)
        with pytest.raises(ValueError, match=next(iter(wrong))):
            site.connect(quotas=wrong)
    with pytest.raises(TypeError):
        serve(quotas={"calls": "many"})


def test_usage_names_every_quota_that_is_counted(connection: Any) -> None:
    usage = connection.usage()
    assert {"references", "lent", "calls", "queued", "output"} <= set(usage)
    assert all(isinstance(value, int) and value >= 0 for value in usage.values())


def test_a_client_keeps_to_the_limits_that_the_server_has_announced(serve: Callable[..., Any]) -> None:
    """What the server would close the connection for is refused at home."""
    site = serve(quotas={"message": 2000, "elements": 100, "depth": 8, "keys": 20, "integer": 64})
    root = site.connect().root
    values = root.values()
    deep: Any = 1
    for _ in range(10):
        deep = (deep,)
    many = {str(n): n for n in range(21)}
    bytes_64 = 1 << (8 * 64 - 2)
    for wrong in (
        b"x" * 2000,
        list(range(200)),
        deep,
        many,
        dict.fromkeys((n, n) for n in range(21)),
        set(range(21)),
        {"a": {str(n): n for n in range(20)}},
        bytes_64 << 8,
        -(bytes_64 << 8),
    ):
        with pytest.raises(pynto.QuotaExceeded):
            values.data(wrong)
        assert root.add(1) == 2
    many.popitem()
    for right in (many, set(range(20)), {"a": {str(n): n for n in range(19)}}, [many, many], bytes_64):
        assert values.data(right)


def test_the_lanes_of_a_client_are_not_limited_by_guessing(dial: Dial) -> None:
    """Hundreds of lanes at a time are calls like others."""
    peer = dial(calls=2000)
    for lane in range(0, 1000, 2):
        peer.send([0, "add", [lane], {}], lane=lane)
    answers = {}
    while len(answers) < 500:
        answer = peer.reply()
        answers[peer.in_lane] = answer
    assert answers == {lane: [RETURN, lane + 1] for lane in range(0, 1000, 2)}
