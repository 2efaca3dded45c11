"""What a peer can make the server hold, wait for, write or log has a limit; nobody else notices."""

from __future__ import annotations

import gc
import itertools
import resource
import select
import socket
import sys
import threading
import time
from contextlib import ExitStack, suppress
from typing import Any

import pynto
import pytest
import victim as served
from attacker import (
    HELLO_BYTES,
    HERE,
    POLICY,
    Attacker,
    Honest,
    Process,
    call_bytes,
    closes,
    is_call,
    reset_at_end,
    serving,
    until,
)
from rawpeer import ERROR, NEWLINE, RETURN, Mine, pack

MIB = 1 << 20


@pytest.mark.memory
def test_a_reader_that_does_not_read_is_held_back(victim: Process) -> None:
    """K01 L11: its calls stay in the network once its output is full; memory is bounded; the others are served."""
    with (
        serving("--quota", f"output={4 * MIB}", "--quota", f"queued={2 * MIB}", "--quota", f"message={MIB}") as server,
        Honest(server),
    ):
        peer = server.connect("tcp")
        before = server.rss()
        message = call_bytes(0, "echo", "x" * 65536)
        peer._stream.settimeout(1)
        written = 0
        with suppress(TimeoutError, ConnectionError):
            while written < 256 * MIB:
                written += peer._stream.send(message)
        assert written < 256 * MIB, "the server took all of it"
        assert server.rss() - before < 4 * MIB + 2 * MIB + 16 * MIB
        peer.close()
        until(lambda: server.rss() - before < 16 * MIB, "memory comes back", 5)


def test_output_that_does_not_move_ends_the_connection() -> None:
    """K01: the quota `stall`."""
    with serving("--quota", "stall=0.5", "--quota", f"output={MIB}") as server, Honest(server):
        peer = server.connect("tcp")
        peer._stream.settimeout(0.2)
        message = call_bytes(0, "big", MIB // 2)
        with suppress(TimeoutError, ConnectionError):
            for _ in range(200):
                peer._stream.send(message)
        with server.connect() as watcher:
            watcher.lives()
            before = server.fd_count()
            until(lambda: server.fd_count() < before, "the stalled one is closed", 5)
        peer.close()


def test_one_that_does_read_loses_nothing(victim: Process) -> None:
    """K01 M05: more than all buffers, in both directions at once; each answer comes, in its order."""
    with victim.connect("tcp") as peer:
        text = "y" * 100_000
        count = 300
        expected = pack([RETURN, text]) + NEWLINE
        assert peer.bulk(call_bytes(0, "echo", text) * count, -1, seconds=30) == expected * count


def test_denied_calls_without_end_are_cut_off(victim: Process) -> None:
    """K09 D01: after `refusals`, exactly; new connections of the same peer are treated alike."""
    with serving("--quota", "refusals=20", "--quota", "refusals_per_second=1") as server, Honest(server):
        for kind, call in itertools.product(
            range(3), (call_bytes(0, "nothing"), call_bytes(0, "add"), call_bytes(77, "add"))
        ):
            with server.connect() as peer:
                peer.pour(call * 100)
                errors = 0
                while (message := peer.recv_message())[0] == ERROR:
                    errors += 1
                assert message[:2] == [-7, 17], (kind, message)
                assert 20 <= errors <= 22
        with server.connect() as peer:  # exceptions of objects are no refusals
            for _ in range(60):
                peer.raises("ZeroDivisionError", 0, "fail", ["zero"])
            peer.lives()
        assert len(server.log().splitlines()) < 100


def test_protocol_errors_over_and_over_leave_nothing(victim: Process) -> None:
    """K09 L09: thousands of connections that begin with rubbish: descriptors and memory are back, the log is short."""
    with serving() as server, Honest(server):
        with server.connect() as peer:
            peer.lives()
        before, rss = server.fd_count(), server.rss()
        for _ in range(1000):
            with server.connect(hello=False) as peer:
                peer.pour(b"\xc1")
        until(lambda: server.fd_count() <= before, "descriptors", 5)
        assert server.rss() - rss < 8 * MIB
        assert len(server.log().splitlines()) < 100


def test_a_peer_that_connects_and_says_nothing_is_sent_away() -> None:
    """L01: nothing, one byte, half a hello, a hello without its newline; others connect meanwhile."""
    with serving("--quota", "hello=0.5") as server, Honest(server):
        peers = [server.connect("tcp", hello=False) for _ in range(40)]
        for i, peer in enumerate(peers):
            peer.pour(HELLO_BYTES[: (0, 1, len(HELLO_BYTES) // 2, len(HELLO_BYTES) - 1)[i % 4]])
        start = time.monotonic()
        for peer in peers:
            assert closes(peer, within=3.0) == 15
            peer.close()
        assert time.monotonic() - start < 3.0
        slow = server.connect("tcp", hello=False)
        slow._stream.settimeout(5)
        with suppress(OSError):  # a byte now and then does not help
            for byte in HELLO_BYTES:
                slow._stream.send(bytes([byte]))
                if slow._stream in _readable(slow, 0.1):
                    break
        assert closes(slow, within=2.0, is_reset_fine=True) in (15, None)
        slow.close()


def _readable(peer: Attacker, seconds: float) -> list[Any]:

    return select.select([peer._stream], [], [], seconds)[0]


def test_a_reset_at_any_byte_of_an_answer_kills_nobody(victim: Process) -> None:
    """L05 F07: SO_LINGER 0 during the hello, in the middle of an answer, ahead of it, behind it."""
    with Honest(victim):
        for size in (0, 1, 5, 40, 1000, 70_000):
            for wait in (0, 1, 20):
                peer = victim.connect("tcp", hello=wait != 0)
                peer.pour(call_bytes(0, "echo", "z" * size) * 5)
                if wait:
                    peer._stream.settimeout(5)
                    peer._stream.recv(wait)
                with reset_at_end(peer):
                    pass
    victim.is_sound()


def test_descriptors_beyond_1024_are_nothing_special() -> None:
    """L07 L01: thousands of connections, some of them with a number that select() cannot take."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, 4096) if hard != resource.RLIM_INFINITY else 4096
    if wanted < 2600:
        pytest.skip("the limit on open files is too low here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    try:
        with ExitStack() as stack, serving(target=("victim:Root",)) as server:
            spare = [stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) for _ in range(1100)]
            for each in spare:
                each.settimeout(5)
                each.connect(server.unix)
            until(lambda: server.fd_count() >= 990, "connections are accepted up to the limit of them", 10)
            for each in spare[:200]:
                each.close()
            # 800 of those that were let in are left, and whoever of the other 100 had not been looked at yet has their places by now
            until(lambda: server.fd_count() < 950, "there is room again", 10)
            with server.connect() as peer:
                peer.lives()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_server_without_descriptors_goes_on() -> None:
    """L07 J11: more connections than it may open: those that it has are served, and new ones as soon as there is room."""
    with serving() as server:
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (40, 40))
        first = server.connect()
        with ExitStack() as stack:
            for _ in range(80):
                stack.enter_context(server.connect(hello=False))
            for _ in range(20):
                first.lives()
            cpu = _cpu_seconds(server.pid)
            start = time.monotonic()
            while time.monotonic() - start < 0.5:
                first.lives()
                time.sleep(0.05)
            assert _cpu_seconds(server.pid) - cpu < 0.3, "it spins"
        until(lambda: _answers(server), "it accepts again", 5)
        first.lives()
        first.close()


def _answers(server: Process) -> bool:
    with suppress(OSError, AssertionError), server.connect() as peer:
        peer.lives()
        return True
    return False


def _cpu_seconds(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


@pytest.mark.memory
def test_unfinished_messages_cost_what_has_come(victim: Process) -> None:
    """K13: many connections with all but the last byte of a large message; memory is back when they go."""
    with serving("--quota", f"message={4 * MIB}") as server, Honest(server):
        with server.connect() as peer:
            peer.lives()
        before = server.rss()
        part = pack([0, "echo", [b"x" * (MIB - 100)], {}])[:-1]
        peers = [server.connect() for _ in range(30)]
        for peer in peers:
            assert peer.pour(part)
        until(lambda: server.rss() - before > 5 * MIB, "it has come", 5)
        assert server.rss() - before < 30 * MIB * 2 + 16 * MIB
        for peer in peers:
            peer.close()
        until(lambda: server.rss() - before < 12 * MIB, "memory comes back", 5)


def test_connections_beyond_their_number_are_sent_away_and_cost_nothing() -> None:
    """K15 in small: those who are in stay in; the one more is closed; there is room again when one leaves."""
    server = _in_process(connections=5)
    try:
        with ExitStack() as stack:
            peers = [stack.enter_context(_attach(server)) for _ in range(5)]
            extra = Attacker(_tcp(server))
            with suppress(OSError):
                extra.pour(HELLO_BYTES)
            assert extra.recv_message() is None or True
            extra.close()
            for peer in peers:
                peer.lives()
            peers[0].close()
            until(lambda: _welcomed(server), "there is room again", 5)
    finally:
        server.close()


def _in_process(**options: Any) -> pynto.Server:
    if str(HERE) not in sys.path:
        sys.path.insert(0, str(HERE))
    return pynto.Server(served.Root(), policy=POLICY, listen="tcp://127.0.0.1:0", **options).start()


def _tcp(server: pynto.Server) -> tuple[str, int]:
    host, _, port = server.address.removeprefix("tcp://").rpartition(":")
    return host, int(port)


def _attach(server: pynto.Server) -> Attacker:
    peer = Attacker(_tcp(server))
    peer.hello()
    return peer


def _welcomed(server: pynto.Server) -> bool:
    try:
        with _attach(server) as peer:
            peer.lives()
            return True
    except (OSError, AssertionError, TypeError):
        return False


def test_a_flood_of_pings_lanes_and_frees_is_no_way_around(victim: Process) -> None:
    """K07 K09: cheap messages in bulk are answered or cut off; the honest client is served."""
    with Honest(victim), victim.connect("tcp") as peer:
        peer.bulk(b"".join(pack([-4, 2 * i]) + NEWLINE for i in range(20_000)) + pack([-4, 0]) + NEWLINE, -1)
        refs = [peer.ref("fresh") for _ in range(1000)]
        peer.bulk(b"".join(pack([-3, ref, 1]) + NEWLINE for ref in refs), -2)
        assert len(peer.bulk((pack([-9, 5]) + NEWLINE) * 20_000, -3)) == 20_000 * len(pack([-10, 5]) + NEWLINE)
    victim.is_sound()


def test_more_calls_than_may_wait_have_to_wait_outside() -> None:
    """K07 F13: the quota `calls`; nothing is lost, and each is answered."""
    with serving("--quota", "calls=8") as server, server.connect() as peer:
        texts = [str(i) for i in range(500)]
        expected = b"".join(pack([RETURN, text]) + NEWLINE for text in texts)
        assert peer.bulk(b"".join(call_bytes(0, "echo", text) for text in texts), -1) == expected


def test_slow_calls_of_one_do_not_starve_another(victim: Process) -> None:
    """K07 F13: a queue of slow calls at one connection; each other gets its turn between two of them."""
    with victim.connect() as slow, victim.connect() as quick:
        slow.pour(call_bytes(0, "wait", 0.02) * 100)
        start = time.monotonic()
        for _ in range(10):
            quick.lives()
        assert time.monotonic() - start < 1.0, "it waited for more than its turn"
        slow.pour(pack([-7, 0, ""]) + NEWLINE)


def test_a_client_that_leaves_takes_its_queue_with_it(victim: Process) -> None:
    """F07 K07: calls that wait are not run for nobody."""
    with victim.connect() as peer:
        peer.pour(call_bytes(0, "wait", 0.05) * 200)
    with victim.connect() as other:
        start = time.monotonic()
        other.lives()
        other.lives()
        assert time.monotonic() - start < 2.0


# ---- in this process: the tables, and what is left of them ----


def test_a_closed_connection_has_given_everything_back() -> None:
    """O-REFS O-FD D25: links, threads and objects of many clients that come, misbehave, and go."""
    server = _in_process()
    try:
        gc.collect()
        objects = len(served.ALIVE)
        for number in range(30):
            peer = _attach(server)
            peer.ref("fresh")
            peer.ref("cycle", Mine(1))
            peer.value(0, "many", [20])
            if number % 3 == 0:
                peer.send([0, "each", [Mine(1), 1], {}])
                assert is_call(peer.reply())
            elif number % 3 == 1:
                peer.pour(b"\xc1")
            with reset_at_end(peer):
                pass
        until(lambda: server.stats()["connections"] == 0, "links", 5)
        until(
            lambda: gc.collect() is not None and len(served.ALIVE) <= objects,
            f"objects: {len(served.ALIVE)}, {objects}",
            5,
        )
    finally:
        server.close()


def test_closing_a_server_in_the_middle_of_everything_ends_soon() -> None:
    """F05 F11: with callbacks out, calls queued, output that nobody reads, half a message in: no thread is left behind."""
    before = set(threading.enumerate())
    server = _in_process()
    with ExitStack() as stack:
        peers = [stack.enter_context(_attach(server)) for _ in range(12)]
        for i, peer in enumerate(peers):
            if i % 4 == 0:
                peer.send([0, "each", [Mine(1), 5], {}])
                assert is_call(peer.reply())
            elif i % 4 == 1:
                peer.pour(call_bytes(0, "wait", 0.01) * 50)
            elif i % 4 == 2:
                peer.pour(call_bytes(0, "big", 2 * MIB) * 20)
            else:
                peer.pour(call_bytes(0, "echo", 1)[:5])
        start = time.monotonic()
        server.close()
        assert time.monotonic() - start < 5.0
        for peer in peers[3::4]:
            assert peer.expect_close() is not None
    until(
        lambda: (
            not [
                t
                for t in set(threading.enumerate()) - before
                if t.name.startswith("pynto-") and "asyncio" not in t.name
            ]
        ),
        "threads",
        5,
    )


def test_an_orderly_end_says_goodbye(victim: Process) -> None:
    """L05: SIGTERM while clients are connected and in the middle of a hello: each gets a goodbye, the exit code is 0."""
    with serving() as server:
        peers = [server.connect() for _ in range(5)]
        half = server.connect(hello=False)
        half.pour(HELLO_BYTES[:4])
        peers[0].send([0, "each", [Mine(1), 1], {}])
        assert is_call(peers[0].reply())
        server.process.terminate()
        for peer in peers:
            goodbye = peer.expect_close()
            assert goodbye is not None and goodbye[0] == -7
            peer.close()
        half.expect_close()
        half.close()
        assert server.process.wait(timeout=10) == 0
        server.is_sound = lambda: None  # type: ignore[method-assign]  # it has ended as it should


def test_a_handler_may_end_the_server_that_runs_it() -> None:
    """F11: the call that does it is answered, or its connection says goodbye; nothing hangs."""
    server = _in_process()
    handler = served.Root.pid
    try:
        served.Root.pid = lambda self: server.stop() or 1  # type: ignore[method-assign,return-value]  # for this test only
        with _attach(server) as peer, _attach(server) as other:
            peer.send([0, "pid", [], {}])
            came = peer.recv_message()
            assert came is None or came[0] in (RETURN, -7)
            assert other.expect_close() is not None
    finally:
        served.Root.pid = handler  # type: ignore[method-assign]
        start = time.monotonic()
        server.close()
        assert time.monotonic() - start < 5.0
