"""Are the metrics valid, true and bounded, and are they there whatever the server and those who ask are doing?"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pynto
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pynto import QuotaClass
from pynto.quotas import QUOTAS
from rawpeer import ERROR, RawPeer

Fetch = Callable[..., tuple[int, dict[str, str], str]]


def ask(where: str | tuple[str, int], request: bytes) -> bytes:
    """Everything that is answered to these bytes."""
    stream = socket.socket(socket.AF_UNIX if isinstance(where, str) else socket.AF_INET)
    with stream:
        stream.settimeout(10)
        stream.connect(where)
        stream.sendall(request)
        answer = b""
        while data := stream.recv(65536):
            answer += data
        return answer


def fetch(where: str | tuple[str, int], path: str = "/metrics", host: str = "127.0.0.1:9117") -> tuple[int, str, str]:
    """Status, head and body."""
    head, _, body = ask(where, f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()).partition(b"\r\n\r\n")
    return int(head.split()[1]), head.decode(), body.decode()


@pytest.fixture
def where(serve: Callable[..., Any]) -> tuple[Any, tuple[str, int]]:
    """A site, and where its metrics are."""
    site = serve()
    host, _, port = site.server.show_metrics("127.0.0.1:0").removeprefix("tcp://").rpartition(":")
    return site, (host, int(port))


def values(text: str) -> dict[str, float]:
    """name{labels} -> value, by a parser that is not ours."""
    return {
        sample.name + "".join(f"{{{name}={value}}}" for name, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


# ---- are they valid? ----


def test_a_parser_that_is_not_ours_takes_them(where: Any) -> None:
    site, address = where
    site.connect().root.add(1)
    status, head, body = fetch(address)
    assert status == 200
    assert "text/plain; version=0.0.4" in head
    assert f"Content-Length: {len(body)}" in head
    families = {family.name: family for family in text_string_to_metric_families(body)}
    assert all(family.documentation for family in families.values())
    for name, family in families.items():
        assert re.fullmatch(r"(pynto|process)_[a-z_]+", name)
        assert family.type in ("counter", "gauge", "histogram"), name
        assert len({(s.name, *sorted(s.labels.items())) for s in family.samples}) == len(family.samples), name


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not here")
def test_promtool_finds_nothing_to_say(where: Any) -> None:
    site, address = where
    site.connect().root.add(1)
    body = fetch(address)[2]
    done = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_histogram_is_one(where: Any, until: Callable[..., Any]) -> None:
    site, address = where
    root = site.connect().root
    names = ("pynto_turn_wait_seconds", "pynto_call_duration_seconds")
    for number in range(20):
        root.add(number)

    def seen() -> dict[str, float]:
        return values(fetch(address)[2])

    until(lambda: all(seen()[f"{name}_count"] >= 20 for name in names))  # the last is noted a moment after its answer
    got = seen()
    for name in names:
        bars = [value for key, value in got.items() if key.startswith(f"{name}_bucket")]
        assert bars == sorted(bars)
        assert bars[-1] == got[f"{name}_count"] == 20
        assert 0 < got[f"{name}_sum"] < 20


# ---- are they true? ----


def test_they_count_what_happens(serve: Callable[..., Any], until: Callable[..., Any]) -> None:
    site = serve(quotas={"references": 3}, classes={"staff": QuotaClass(users=(os.getuid(),))})

    def now() -> dict[str, float]:
        return values(site.server.metrics())

    connection = site.connect()
    root = connection.root
    before = now()
    kept = [root.fresh() for _ in range(3)]
    for _ in range(2):
        with pytest.raises(pynto.QuotaExceeded):
            root.fresh()
    after = now()

    def grown(name: str) -> float:
        return after[name] - before[name]

    assert before["pynto_connections{class=staff}"] == 1
    assert before["pynto_connections{class=local}"] == 0
    assert grown("pynto_calls_total{class=staff}") == 5
    assert grown("pynto_quota_reached_total{quota=references}") == 2
    assert after["pynto_held_references{class=staff}"] == len(kept)
    assert grown("pynto_received_bytes_total{class=staff}") >= 5 * 10
    assert grown("pynto_sent_bytes_total{class=staff}") >= 5 * 5
    assert after["pynto_connections_limit"] == 1000
    assert after["process_resident_memory_bytes"] > 1 << 20
    connection.close()
    until(lambda: now()["pynto_connections{class=staff}"] == 0)
    until(lambda: now()["pynto_connections_ended_total{reason=stream ended}"] == 1)  # counted when its place is free
    ended = now()
    assert ended["pynto_calls_total{class=staff}"] == after["pynto_calls_total{class=staff}"], "it stays when it goes"
    assert ended["pynto_held_references{class=staff}"] == 0
    assert ended["pynto_connections_accepted_total"] == 1


def test_counters_never_go_back_while_connections_come_and_go(
    serve: Callable[..., Any], in_thread: Callable[..., Any]
) -> None:
    site = serve()
    done = False

    def churn() -> int:
        rounds = 0
        while not done:
            with pynto.connect(site.address) as connection:
                connection.root.add(1)
            rounds += 1
        return rounds

    tasks = [in_thread(churn) for _ in range(2)]
    before: dict[str, float] = {}
    for _ in range(150):
        now = values(site.server.metrics())
        for name, value in now.items():
            if "_total" in name or "_count" in name or "_bucket" in name:
                assert value >= before.get(name, 0), name
        before = now
    done = True
    rounds = sum(task.result() for task in tasks)
    assert rounds > 0
    assert values(site.server.metrics())["pynto_calls_total{class=local}"] == rounds


def test_an_interrupt_is_counted_by_its_limit(serve: Callable[..., Any]) -> None:
    site = serve(quotas={"call_seconds": 0.05})
    with pytest.raises(pynto.DeadlineExceeded):
        site.connect().root.wait(20)
    assert values(site.server.metrics())["pynto_interrupts_total{reason=call_seconds}"] == 1


def test_every_quota_that_is_held_or_counted_in_time_has_its_line(site: Any) -> None:
    got = values(site.server.metrics())
    reached = {name.partition("{quota=")[2][:-1] for name in got if name.startswith("pynto_quota_reached_total{")}
    assert {"references", "lent", "calls", "nesting", "queued", "output", "calls_per_second"} <= reached <= set(QUOTAS)


# ---- are they bounded? ----


def test_nothing_that_a_peer_chooses_gets_in(where: Any) -> None:
    site, address = where
    lines = len(fetch(address)[2].splitlines())
    for number in range(30):
        peer = RawPeer(site.address.removeprefix("unix://"))
        peer.send([-8, "pynto", 1, f'root{number}"}} 5\n', {}])
        peer.expect_close()
        peer.close()
    with RawPeer(site.address.removeprefix("unix://")) as peer:
        peer.hello()
        for number in range(30):
            assert peer.call(0, f"evil{number}", [f"Evil{number}"])[0] == ERROR
    body = fetch(address)[2]
    assert "root0" not in body
    assert "vil" not in body
    assert len(body.splitlines()) == lines


def test_the_page_stays_small_with_as_many_classes_as_there_may_be(serve: Callable[..., Any]) -> None:
    site = serve(classes={f"class{n:02d}": QuotaClass() for n in range(61)})
    text = site.server.metrics()
    assert len(text) < 128 * 1024
    assert values(text)["pynto_connections{class=class60}"] == 0


# ---- are they there? ----

_ASKER = """
import socket, sys, time
sys.stdin.readline()
with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20) as stream:
    stream.sendall(b"GET /metrics HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
    answer = b""
    while data := stream.recv(65536):
        answer += data
print(time.monotonic(), answer.count(b"pynto_connections_limit 1000"), flush=True)
"""


def test_they_are_told_while_the_interpreter_is_busy(where: Any) -> None:
    """This very process computes, in one operation that lets nobody else have the interpreter; another one asks meanwhile."""
    asker = subprocess.Popen(
        [sys.executable, "-c", _ASKER, str(where[1][1])], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with asker:
        assert asker.stdin is not None
        assert asker.stdout is not None
        asker.stdin.write("\n")
        asker.stdin.flush()
        sum(range(60_000_000))
        ended = time.monotonic()
        at, found = asker.stdout.readline().split()
    assert float(at) < ended
    assert found == "1"


def test_who_asks_slowly_or_never_or_wildly_is_in_nobodys_way(where: Any) -> None:
    site, address = where
    kept = []
    for number in range(40):
        stream = socket.create_connection(address)
        kept.append(stream)
        if number % 2:
            stream.sendall(b"GET /metr")
        began = time.monotonic()
        assert fetch(address)[0] == 200
        assert time.monotonic() - began < 5
    gone = [stream for stream in kept[:-8] if _is_closed(stream)]
    assert len(gone) == 32, "no more than eight at once"
    assert site.connect().root.add(1) == 2
    for stream in kept:
        stream.close()


def _is_closed(stream: socket.socket) -> bool:
    stream.settimeout(5)
    try:
        return stream.recv(1) == b""
    except ConnectionError:
        return True


def test_who_does_not_read_is_let_go(where: Any) -> None:
    _, address = where
    with socket.socket() as stream:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        stream.connect(address)
        stream.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for _ in range(8):
            assert fetch(address)[0] == 200


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"GET /metrics?x=1 HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"GET /metrics HTTP/2.0\r\nHost: localhost\r\n\r\n", 404),
        (b"POST /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        (b"GET /metrics HTTP/1.1\r\n\r\n", 403),
        (b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 403),
        (b"GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403),
        (b"GET /metrics HTTP/1.1\r\nHost: localhost.evil.example\r\n\r\n", 403),
        (b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1.nip.io\r\n\r\n", 403),
        (b"GET /metrics HTTP/1.1\r\nHost:\r\n\r\n", 403),
        (b"GET /metrics HTTP/1.0\r\nHost: [::1]:9117\r\n\r\n", 200),
        (b"GET /metrics HTTP/1.1\r\nhost: LOCALHOST:1\r\nX: y\r\n\r\n", 200),
        (b"\x95\xf8\xa5pynto", 400),
        (b"GET /metrics HTTP/1.1\nHost: localhost\n\n", 400),
        (b"GET /metrics HTTP/1.1\r\nX: " + b"y" * 5000, 431),
        (b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 100 + b"\r\n", 400),
    ],
)
def test_what_is_no_such_request_is_refused(where: Any, request_: bytes, status: int) -> None:
    _, address = where
    answer = ask(address, request_)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer[:80]
    assert fetch(address)[0] == 200


@pytest.mark.parametrize("cut", [1, 4, 20, 40])
def test_a_request_in_pieces_is_one(where: Any, cut: int) -> None:
    _, address = where
    request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with socket.create_connection(address) as stream:
        stream.settimeout(10)
        stream.sendall(request[:cut])
        assert fetch(address)[0] == 200, "another one is served meanwhile"
        stream.sendall(request[cut:])
        assert stream.recv(100).startswith(b"HTTP/1.1 200 ")


def test_a_unix_socket_is_for_its_owner(serve: Callable[..., Any], tmp_path: Path) -> None:
    site = serve()
    path = tmp_path / "metrics.sock"
    assert site.server.show_metrics(f"unix://{path}") == f"unix://{path}"
    assert path.stat().st_mode & 0o777 == 0o600
    assert fetch(str(path), host="anything")[0] == 200
    site.close()
    assert not path.exists()


def test_beyond_this_machine_only_who_has_asked_for_it_by_name(serve: Callable[..., Any]) -> None:
    site = serve()
    with pytest.raises(OSError, match="loopback"):
        site.server.show_metrics("0.0.0.0:0")
    assert site.server.show_metrics("0.0.0.0:0", anywhere=True).startswith("tcp://0.0.0.0:")


@pytest.mark.parametrize(
    "wrong", ["", "9117", "ws://127.0.0.1:0/x", "pynto://127.0.0.1:0", "fd://0", "tcp://127.0.0.1"]
)
def test_an_address_that_makes_no_sense_is_refused(serve: Callable[..., Any], wrong: str) -> None:
    with pytest.raises(ValueError):
        serve().server.show_metrics(wrong)


def test_there_is_one_place_and_it_is_free_afterwards(serve: Callable[..., Any]) -> None:
    site = serve()
    address = site.server.show_metrics("127.0.0.1:0")
    with pytest.raises(ValueError, match="one address"):
        site.server.show_metrics("127.0.0.1:0")
    site.close()
    assert serve().server.show_metrics(address) == address


def test_a_child_of_a_fork_does_not_keep_the_place(serve: Callable[..., Any]) -> None:
    site = serve()
    address = site.server.show_metrics("127.0.0.1:0")
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.read(read, 1)
        os._exit(0)
    site.close()
    assert serve().server.show_metrics(address) == address
    os.write(write, b"x")
    assert os.waitpid(pid, 0)[1] == 0
    os.close(read)
    os.close(write)


def test_serve_shows_them(serve_child: Callable[..., Any], until: Callable[..., Any]) -> None:
    child = serve_child("--metrics", "127.0.0.1:0")
    until(lambda: any("metrics at tcp://" in line for line in child.errors))
    port = int(child.stderr.rpartition(":")[2])
    with pynto.connect(child.address) as connection:
        assert connection.root.add(1) == 2
        assert values(fetch(("127.0.0.1", port))[2])["pynto_calls_total{class=local}"] == 1
