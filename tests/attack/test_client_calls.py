"""What a hostile server may call of its client: what it was lent, as declared, within the client's quotas."""

from __future__ import annotations

import gc
import socket
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pynto
import pytest
from attacker import SECRET, Attacker, closes, until
from evil import THING, Evil, against, described
from rawpeer import ERROR, FREE, NEWLINE, RETURN, Mine, Yours, pack


@pytest.mark.parametrize(
    ("call", "why"),
    [
        ([0, "__call__", [1], {}], "the client's root: there is none"),
        ([2, "__call__", [1], {}], "an id that it was not given"),
        ([-1, "__call__", [1], {}], "a negative id"),
        ([2**64 - 1, "__call__", [1], {}], "the last id"),
        ([1, "__class__", [], {}], "a dunder"),
        ([1, "__globals__", [], {}], "a dunder of functions"),
        ([1, "__getattr__", ["__globals__"], {}], "an attribute"),
        ([1, "__setattr__", ["x", 1], {}], "a write"),
        ([1, "__reduce_ex__", [4], {}], "pickle's"),
        ([1, "call", [1], {}], "another name"),
        ([1, "__call__\0", [1], {}], "a NUL"),
    ],
)
def test_a_server_calls_what_it_was_lent_and_as_declared(call: list[Any], why: str) -> None:
    """T01 T05 A01: the client refuses in the same words as a server does."""
    found: list[Any] = []

    def script(peer: Attacker) -> None:
        request = peer.reply()
        assert isinstance(request[2][0], Mine)
        number = request[2][0].id
        made = [number if call[0] == 1 else call[0] + (number if call[0] == 2 else 0), *call[1:]]
        peer.send(made)
        found.append(peer.reply())
        peer.send([RETURN, 5])
        peer.reply()

    ran: list[int] = []
    with against(script) as connection:
        assert connection.root.call(lambda value: ran.append(value) or 1) == 5
    assert found == [[ERROR, ["Refused", "not permitted", None, None]]], why
    assert ran == []


@pytest.mark.parametrize("args", [[], [1, 2], ["1"], [True], [1.0], [None], [Mine(1, 1)], [Yours(1)]], ids=repr)
def test_a_callback_gets_arguments_as_declared(args: list[Any]) -> None:
    """T05 I01"""
    found: list[Any] = []

    def script(peer: Attacker) -> None:
        request = peer.reply()
        peer.send([request[2][0].id, "__call__", args, {}])
        found.append(peer.reply())
        peer.send([RETURN, 5])
        peer.reply()

    ran: list[int] = []
    with against(script) as connection, suppress(ConnectionError):
        connection.root.call(lambda value: ran.append(value) or 1)
    assert ran == []
    assert found[0] is None or found[0][0] in (ERROR, -7)
    if found[0] is not None and found[0][0] == ERROR:
        assert found[0][1][0] in ("TypeError", "Refused")


def test_a_callbacks_exception_tells_a_server_little() -> None:
    """T01 G01: its type, and nothing of the client's files and values."""
    found: list[Any] = []

    def script(peer: Attacker) -> None:
        request = peer.reply()
        peer.send([request[2][0].id, "__call__", [1], {}])
        found.append(peer.reply())
        peer.send([RETURN, 5])
        peer.reply()

    def callback(value: int) -> int:
        raise ValueError(f"{SECRET} {value} {__file__}")

    with against(script) as connection:
        connection.root.call(callback)
    assert SECRET not in repr(found) and "test_client" not in repr(found)
    assert found[0][0] == ERROR


def test_frees_of_more_than_was_lent_end_the_connection() -> None:
    """T05 D05: as on a server; the callback is let go."""

    def script(peer: Attacker) -> None:
        request = peer.reply()
        number = request[2][0].id
        peer.send_raw(
            pack([FREE, number, 1]) + NEWLINE + pack([FREE, number, 1]) + NEWLINE + pack([RETURN, 1]) + NEWLINE
        )
        assert closes(peer, within=5) == 15

    class Callback:
        def __call__(self, value: int) -> int:
            return value

    callback = Callback()
    dead = weakref.ref(callback)
    with against(script) as connection:
        with suppress(ConnectionError):
            connection.root.call(callback)
        until(lambda: connection.closed, "it is over")
    del callback
    until(lambda: gc.collect() is not None and dead() is None, "the callback is let go")


def test_a_server_that_never_frees_holds_a_bounded_number() -> None:
    """T05 K05: the quota `references` of the client; all are let go at the end."""
    dead: list[Any] = []

    def script(peer: Attacker) -> None:
        while (message := peer.reply()) is not None and len(message) == 4:
            peer.send([RETURN, 1])

    def lend(root: Any, number: int) -> bool:
        callback = _Held(number)
        dead.append(weakref.ref(callback))
        try:
            return root.call(callback) == 1
        except pynto.QuotaExceeded:
            return False

    with against(script, quotas={"references": 50}) as connection:
        assert [lend(connection.root, i) for i in range(200)].count(True) in (49, 50)
        assert 40 <= sum(ref() is not None for ref in dead) <= 51
    until(lambda: gc.collect() is not None and not any(ref() is not None for ref in dead), "all are let go")


class _Held:
    def __init__(self, number: int) -> None:
        self.number = number

    def __call__(self, value: int) -> int:
        return value


def test_a_flood_of_calls_references_and_pings_is_bounded() -> None:
    """T05 K05: from a server to a client that does nothing: closed, refused, or held back; never without end."""

    def script(peer: Attacker) -> None:
        peer.reply()
        for i in range(2000):
            if not peer.pour(pack([-4, 2 * i + 1]) + NEWLINE + pack([1, "__call__", [1], {}]) + NEWLINE):
                return
        peer.expect_close(1)

    with against(script, quotas={"lent": 100}) as connection, suppress(ConnectionError, pynto.RemoteError):
        connection.root.call(lambda value: value)

    def hoard(peer: Attacker) -> None:
        peer.send([-5, 2, THING])
        peer.reply()
        for i in range(1, 500):
            peer.send([RETURN, Mine(i, 2)])
            if peer.reply() is None:
                return

    kept: list[Any] = []
    with against(hoard, quotas={"lent": 100}) as connection:
        with pytest.raises((pynto.QuotaExceeded, pynto.RemoteError, ConnectionError)):
            for _ in range(499):
                kept.append(connection.root.ask())
        assert 90 <= len(kept) <= 101


MANY = 3000
CHOICES: dict[str, Callable[[int], int]] = {
    "in order": lambda i: i + 1,
    "alike in their low bits": lambda i: (i + 1) << 48,
    "far apart": lambda i: (i + 1) << 32 | i << 6,
    "downwards from the highest": lambda i: 2**64 - 1 - i,
    "places and generations": lambda i: i % 64 + 1 + (i // 64 << 32),
}


@pytest.mark.parametrize("choice", CHOICES)
def test_whatever_ids_a_server_chooses_each_is_one_object_and_goes_back_exactly(choice: str) -> None:
    """D17 D19 T05: many at once, announced twice, called, freed and announced anew."""
    ids = [CHOICES[choice](i) for i in range(MANY)]
    called: list[int] = []

    def script(peer: Attacker) -> None:
        peer.send([-5, 2, THING])
        while (message := peer.reply()) is not None and len(message) == 4:
            if message[0] != 0:
                called.append(message[0])
                peer.send([RETURN, 1])
            else:
                peer.send([RETURN, tuple(Mine(each, 2) for each in ids) if message[1] == "many" else 1])
        assert peer.freed == dict.fromkeys(ids, 4)

    root = described("evil:Root", methods={"many": "() -> (evil:Thing*)", "number": "() -> int"})
    with against(script, root=root, quotas={"lent": MANY}) as connection:
        for _ in range(2):
            things = connection.root.many()
            assert len(set(map(id, things))) == MANY
            assert all(one is other for one, other in zip(things, connection.root.many(), strict=True))
            assert [things[i].ok() for i in (0, 77, MANY - 1)] == [1, 1, 1]
            assert connection.usage()["lent"] == MANY
            for thing in things[::2]:
                pynto.release(thing)
            with pytest.raises(ReferenceError):
                things[0].ok()
            assert "released" in repr(things[0])
            del thing, things
            connection.root.number()  # the frees go ahead of it
            assert connection.usage()["lent"] == 0
    assert called == [ids[0], ids[77], ids[MANY - 1]] * 2


def test_one_id_under_two_interfaces_is_two_references() -> None:
    """C01 T03: what the one may is not the other's, however they come and go; both are freed."""
    other = described("evil:Other", methods={"different": "() -> int"})

    def script(peer: Attacker) -> None:
        peer.send([-5, 2, THING])
        peer.send([-5, 3, other])
        while (message := peer.reply()) is not None and len(message) == 4:
            peer.send([RETURN, (Mine(2**64 - 1, 2), Mine(2**64 - 1, 3)) if message[1] == "both" else 1])
        assert peer.freed == {2**64 - 1: 6}

    root = described("evil:Root", methods={"both": "() -> (evil:Thing, evil:Other)", "number": "() -> int"})
    with against(script, root=root) as connection:
        thing, different = connection.root.both()
        assert thing is not different and type(thing) is not type(different)
        assert thing.ok() == different.different() == 1
        pynto.release(thing)
        again, the_same = connection.root.both()
        assert the_same is different and again is not thing
        assert again.ok() == 1
        with pytest.raises(ReferenceError):
            thing.ok()
        del thing
        assert again.ok() == 1
        del again, different, the_same
        connection.root.number()
        first, second = connection.root.both()
        assert first.ok() == second.different() == 1
        del first, second
        connection.root.number()


def test_a_netref_is_whole_when_its_connection_has_gone() -> None:
    """T05: the server leaves while hundreds are held: each says what it was, none is called, all go in any order."""

    def script(peer: Attacker) -> None:
        peer.send([-5, 2, THING])
        peer.reply()
        peer.send([RETURN, tuple(Mine(i << 40, 2) for i in range(1, 501))])
        peer.reply()

    root = described("evil:Root", methods={"many": "() -> (evil:Thing*)", "number": "() -> int"})
    with against(script, root=root) as connection:
        things = list(connection.root.many())
        held = things[1::3]
        pynto.release(things[1])
        del things[::2]
        with pytest.raises(ConnectionError):
            connection.root.number()
        connection.close()
        assert connection.usage()["lent"] == 0
        assert " 5497558138880 of " in repr(held[1])
        for each in held[1:]:
            with pytest.raises(pynto.Disconnected):
                each.ok()
        pynto.release(held[2])
        assert "released" in repr(held[2])
        assert pynto.connection(held[2]) is connection
        del things
        del held[::2], held


def test_descriptions_without_end_are_cut_off() -> None:
    """T03 K13: the quota `interfaces`, and the size of one."""

    def script(peer: Attacker) -> None:
        peer.reply()
        for i in range(2, 5000):
            if not peer.pour(pack([-5, i, described(f"evil:T{i}", methods={"ok": "() -> int"})]) + NEWLINE):
                return
        assert closes(peer, within=5, is_reset_fine=True) in (17, None)

    with against(script) as connection, pytest.raises(ConnectionError):
        connection.root.number()
    evil = Evil(
        lambda peer: peer.expect_close(3) and None,
        root=described("evil:Root", methods={f"m{i}": "() -> int" for i in range(40_000)}),
    )
    with pytest.raises(ConnectionError):
        pynto.connect(evil.address, timeout=5)
    evil.finish()


def test_a_server_that_says_nothing_is_left_in_time() -> None:
    """L01 T05: connect() does not wait for ever."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        start = time.monotonic()
        with pytest.raises((ConnectionError, TimeoutError)):
            pynto.connect(f"tcp://127.0.0.1:{listener.getsockname()[1]}", timeout=1, quotas={"hello": 0.5})
        assert time.monotonic() - start < 5


def test_nobody_else_is_hurt_by_a_servers_end() -> None:
    """L05 T05: in the middle of an answer, with many threads waiting: each gets one exception, soon."""

    def script(peer: Attacker) -> None:
        for _ in range(8):
            peer.reply()
        peer.send_raw(b"\x92\xff\xda\x10\x00abc")

    outcomes: list[BaseException] = []

    def work(root: Any) -> None:
        try:
            root.text()
        except BaseException as error:
            outcomes.append(error)

    with against(script) as connection:
        threads = [threading.Thread(target=work, args=(connection.root,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert len(outcomes) == 8
        assert all(isinstance(error, pynto.Disconnected | pynto.ProtocolError) for error in outcomes)
        with pytest.raises(ConnectionError):
            connection.root.number()


def test_a_netref_of_one_connection_is_nothing_to_another() -> None:
    """C01 D01: it is not sent as what it is elsewhere."""

    def script(peer: Attacker) -> None:
        peer.send([-5, 2, THING])
        while (message := peer.reply()) is not None and len(message) == 4:
            peer.send([RETURN, Mine(9, 2) if message[1] == "ask" else None])

    with against(script) as first, against(script) as second:
        thing = first.root.ask()
        first.root.take(thing)
        with pytest.raises((TypeError, pynto.Refused)):
            second.root.take(thing)
