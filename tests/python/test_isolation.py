"""Calls in processes of their own: is a connection served there as it is here, and what becomes of it when its process, or the server, ends?"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pynto
import pytest
from processes import children, descriptors, family, is_there, is_zombie
from pynto.isolation import Isolation, covering
from pynto.state import State
from rawpeer import HELLO, RETURN, RawPeer, pack

GENEROUS = 60.0


@pytest.fixture(scope="module")
def policy_file(generate: Any) -> Path:
    path: Path = generate("fugitive:Fugitive")
    return path


@pytest.fixture
def isolated(serve_child: Callable[..., Any], policy_file: Path) -> Callable[..., Any]:
    """isolated("connection", "--quota", "call_seconds=0.2"): a fugitive.Fugitive, served by processes."""

    def start(by: str = "connection", *options: str, **more: Any) -> Any:
        more = {"target": "fugitive:Fugitive", "policy": policy_file, **more}
        return serve_child("--isolate", by, *options, **more)

    return start


# ---- what is served ----


def test_each_connection_has_an_object_of_its_own(isolated: Callable[..., Any]) -> None:
    child = isolated()
    with pynto.connect(child.address) as one, pynto.connect(child.address) as other:
        assert [one.root.add(), one.root.add(), other.root.add()] == [1, 2, 1]
        pids = {one.root.pid(), other.root.pid()}
    assert len(pids) == 2 and child.pid not in pids
    line = child.line()
    assert "each connection has a process, and an object, of its own" in line and "seccomp" in line


def test_a_class_shares_an_object(isolated: Callable[..., Any]) -> None:
    child = isolated("class")
    with pynto.connect(child.address) as one, pynto.connect(child.address) as other:
        assert [one.root.add(), one.root.add(), other.root.add()] == [1, 2, 3]
        assert one.root.pid() == other.root.pid() != child.pid
    with pynto.connect(child.address) as third:
        assert third.root.add() == 4  # it stays when nobody is there
    assert "share a process" in child.line()


def test_it_can_be_asked_for_in_the_file(serve_child: Callable[..., Any], policy_file: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of nobody")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "open").write_text("for everybody")
    config = tmp_path / "pynto.toml"
    config.write_text('[isolate]\nby = "connection"\nread = ["data"]\nworkers = 2\n')
    child = serve_child("--config", str(config), target="fugitive:Fugitive", policy=policy_file)
    with pynto.connect(child.address) as one, pynto.connect(child.address) as other:
        assert [one.root.add(), other.root.add()] == [1, 1]
        assert one.root.tries("read", str(tmp_path / "data" / "open")) == "got b'for everybody'"
        assert one.root.tries("read", str(tmp_path / "secret")) == "PermissionError"
        assert not _can_connect(child.address)  # there are two, and no more


@pytest.mark.parametrize("by", ["connection", "class"])
def test_a_class_has_as_many_connections_as_it_may(
    isolated: Callable[..., Any], tmp_path: Path, until: Any, by: str
) -> None:
    config = tmp_path / "pynto.toml"
    config.write_text("[class.local]\nconnections = 2\n")
    child = isolated(by, "--config", str(config))
    with pynto.connect(child.address) as one, pynto.connect(child.address) as other:
        assert one.root.add() + other.root.add() > 0
        assert not _can_connect(child.address)
    until(lambda: _can_connect(child.address))


def test_capabilities_of_two_classes_have_two_objects(isolated: Callable[..., Any], tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    secrets = [state.new_capability(quota_class=name) for name in ("member", "member", "guest")]
    config = tmp_path / "pynto.toml"
    config.write_text("[class.guest]\n")
    child = isolated("class", "--config", str(config), "--state", str(state.folder), listen="pynto://127.0.0.1:0")
    urls = [state.address(child.address.rpartition("@")[2], secret) for secret in secrets]
    with contextlib.ExitStack() as stack:
        roots = [stack.enter_context(pynto.connect(url)).root for url in urls]
        assert [root.add() for root in roots] == [1, 2, 1]


@pytest.mark.parametrize("scheme", ["unix", "tcp", "ws", "pynto", "pynto+ws"])
def test_it_is_served_as_ever_over_each_transport(isolated: Callable[..., Any], tmp_path: Path, scheme: str) -> None:
    state = State(tmp_path / "state")
    secret = state.new_capability()
    places = {"unix": "", "ws": "ws://127.0.0.1:0/x", "pynto+ws": "pynto+ws://127.0.0.1:0/x"}
    where = places.get(scheme, f"{scheme}://127.0.0.1:0")
    child = isolated("connection", "--state", str(state.folder), listen=where)
    url, who = child.address, f"uid {os.getuid()}" if scheme == "unix" else ""
    if scheme.startswith("pynto"):
        place = url.rpartition("@")[2]
        url, who = state.address(f"pynto+ws://{place}" if "+" in scheme else place, secret), "capability "
    with pynto.connect(url) as connection:
        root = connection.root
        principal, transport = root.who()
        assert transport == scheme and principal.startswith(who) and bool(principal) == bool(who)
        large = os.urandom(3 << 20)
        assert root.echo(large) == large
        assert root.apply(lambda n: n + root.add(), 1) == 2  # a call inside of a callback
        assert root.nap(0.01) == "napped"
        assert [root.add() for _ in range(200)] == list(range(2, 202))
        assert 0 < connection.ping() < 10


def test_what_a_client_has_said_already_is_not_lost(isolated: Callable[..., Any]) -> None:
    """The upgrade, the hello and calls in one piece, and a frame whose rest comes later."""
    child = isolated(listen="ws://127.0.0.1:0/x")
    host, _, port = child.address.removeprefix("ws://").partition("/")[0].rpartition(":")
    head = (
        f"GET /x HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: pynto.1\r\n\r\n"
    ).encode()
    hello = pack([HELLO, "pynto", 1, None, {}]) + b"\n"
    calls = 20 * (pack([0, "add", [], {}]) + b"\n")
    for cut in (1, 5, 7, 30, 125, 200):
        frames = b"".join(
            b"\x82" + bytes([0x80 | len(part)]) + bytes(4) + part for part in (hello + calls[:100], calls[100:])
        )
        with socket.create_connection((host, int(port)), 10.0) as stream:
            stream.sendall(head + frames[:-cut])
            time.sleep(0)  # the rest is a packet of its own, as far as the system likes
            stream.sendall(frames[-cut:])
            got = b""
            while got.count(pack([RETURN, 20]) + b"\n") == 0:
                data = stream.recv(65536)
                assert data, got
                got += data
        assert b" 101 " in got.partition(b"\r\n")[0]


def test_who_says_nothing_costs_no_process(isolated: Callable[..., Any], until: Any) -> None:
    child = isolated()
    until(lambda: len(family(child.pid)[1]) == 1)
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(5)]
        for each in silent:
            each.connect(child.address.removeprefix("unix://"))
        with pynto.connect(child.address) as connection:
            assert connection.root.add() == 1
            until(lambda: len(family(child.pid)[1]) == 2)  # its own, and the next one


def test_as_many_are_served_as_were_asked_for(isolated: Callable[..., Any], until: Any) -> None:
    child = isolated("connection", "--isolate-workers", "2")
    with pynto.connect(child.address) as one, pynto.connect(child.address) as two:
        assert [one.root.add(), two.root.add()] == [1, 1]
        with pytest.raises(ConnectionError, match="no process is free"):
            pynto.connect(child.address).root.add()
        one.close()
        until(lambda: _can_connect(child.address))
        assert two.root.add() == 2


def _can_connect(address: str) -> bool:
    try:
        with pynto.connect(address) as connection:
            return connection.root.add() > 0
    except ConnectionError:
        return False


# ---- ends ----


def test_a_killed_process_costs_its_own_connection_only_and_is_replaced(isolated: Callable[..., Any]) -> None:
    child = isolated()
    took = []
    with pynto.connect(child.address) as other:
        for number in range(1, 5):
            with pynto.connect(child.address) as connection:
                pid = connection.root.pid()
                began = time.perf_counter()
                os.kill(pid, signal.SIGKILL)
                with pynto.connect(child.address) as next_one:
                    assert next_one.root.pid() != pid
                    took.append(time.perf_counter() - began)
                with pytest.raises(pynto.Disconnected):
                    connection.root.add()
            assert other.root.add() == number
    assert sorted(took)[1] < 0.1, took  # of four: the machine may be busy for a moment


def test_nothing_is_left_of_what_has_ended(isolated: Callable[..., Any], until: Any) -> None:
    child = isolated()
    with pynto.connect(child.address) as connection:
        connection.root.add()
    zygote, _ = until(lambda: (found := family(child.pid)) and len(found[1]) == 1 and found)

    def held() -> tuple[int, int]:
        return descriptors(child.pid), descriptors(zygote)

    def steady() -> tuple[int, int] | None:
        """Of the first connection, something may be left for a moment."""
        found = held()
        time.sleep(0.3)
        return found if held() == found else None

    before = until(steady)
    for number in range(8):
        with pynto.connect(child.address) as connection:
            pid = connection.root.pid()
            if number % 2:
                os.kill(pid, signal.SIGKILL)
    until(lambda: len(family(child.pid)[1]) == 1)
    assert not [pid for pid in children(zygote) if is_zombie(pid)]
    until(lambda: held() == before, why=f"{before}")


def test_sigterm_ends_everything_in_an_orderly_way(isolated: Callable[..., Any], in_thread: Any) -> None:
    child = isolated()
    with pynto.connect(child.address) as connection, pynto.connect(child.address) as other:
        root = connection.root
        other.root.add()
        zygote, workers = family(child.pid)
        task = in_thread(lambda: root.sleep(0.2))
        child.send_signal(signal.SIGTERM)
        assert child.wait() == 0, child.stderr
        with pytest.raises(pynto.Disconnected, match="the server stops"):
            other.root.add()
        with contextlib.suppress(pynto.Disconnected):
            task.result()
    assert not [pid for pid in (zygote, *workers) if is_there(pid)]


def test_signals_of_the_terminal_are_the_servers(isolated: Callable[..., Any]) -> None:
    child = isolated()
    with pynto.connect(child.address) as connection:
        zygote, workers = family(child.pid)
        for pid in (zygote, *workers):
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                os.kill(pid, number)
        assert connection.root.add() == 1
        assert pynto.connect(child.address).root.add() == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT])
def test_no_process_outlives_the_server(isolated: Callable[..., Any], until: Any, number: int) -> None:
    child = isolated()
    with pynto.connect(child.address) as connection:
        connection.root.add()
        zygote, workers = family(child.pid)
        assert len(workers) >= 1
        child.send_signal(number)
        assert child.wait() == -number
        until(lambda: not [pid for pid in (zygote, *workers) if is_there(pid)])
        with pytest.raises(pynto.Disconnected):
            connection.root.add()


def test_without_the_process_that_forks_the_server_ends(isolated: Callable[..., Any], until: Any) -> None:
    child = isolated()
    zygote, workers = family(child.pid)
    os.kill(zygote, signal.SIGKILL)
    assert child.wait() == 1
    assert "the server ends" in child.stderr
    until(lambda: not [pid for pid in workers if is_there(pid)])


def test_what_was_revoked_is_gone(isolated: Callable[..., Any], tmp_path: Path, until: Any) -> None:
    state = State(tmp_path / "state")
    secrets = [state.new_capability() for _ in range(2)]
    child = isolated("connection", "--state", str(state.folder), listen="pynto://127.0.0.1:0")
    where = child.address.rpartition("@")[2]
    one, two = (pynto.connect(state.address(where, secret)) for secret in secrets)
    assert [one.root.add(), two.root.add()] == [1, 1]
    state.revoke(one.root.who()[0].removeprefix("capability "))
    until(lambda: one.closed or not _is_alive(one))
    with pytest.raises(pynto.Disconnected, match="revoked"):
        one.root.add()
    assert two.root.add() == 2
    two.close()


def _is_alive(connection: pynto.Connection) -> bool:
    try:
        connection.ping()
    except ConnectionError:
        return False
    return True


# ---- logs ----


def test_decisions_of_all_processes_arrive_in_one_file_whole(
    isolated: Callable[..., Any], tmp_path: Path, until: Any, in_thread: Any
) -> None:
    log = tmp_path / "log" / "audit.jsonl"
    log.parent.mkdir()
    child = isolated("connection", "--audit-log", str(log))

    def call_many(number: int) -> int:
        with pynto.connect(child.address) as connection:
            return sum(connection.root.add() > 0 for _ in range(150 * number))

    assert sum(task.result() for task in [in_thread(lambda n=n: call_many(n)) for n in (1, 2, 3)]) == 900
    until(lambda: log.read_bytes().count(b'"add"') == 900)
    log.rename(log.with_suffix(".1"))
    child.send_signal(signal.SIGHUP)
    assert call_many(1) == 150
    until(lambda: log.exists() and log.read_bytes().count(b'"add"') == 150)
    lines = [json.loads(line) for line in (log.with_suffix(".1").read_bytes() + log.read_bytes()).splitlines()]
    counts: dict[int, int] = {}
    for line in lines:
        counts[line["connection"]] = counts.get(line["connection"], 0) + 1
    assert sorted(counts.values()) == [150, 150, 300, 450]


def test_what_is_printed_there_comes_out_here_line_by_line(isolated: Callable[..., Any], until: Any) -> None:
    child = isolated()
    with pynto.connect(child.address) as connection:
        connection.root.say("from\x1b[31m afar")
        until(lambda: any(r"from\x1b[31m afar" in line for line in child.errors))


# ---- what cannot be served ----


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("raise RuntimeError('not today')", "not today"),
        (
            "import threading, time\nclass Fugitive: pass\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
            "starts threads",
        ),
        ("", "has no Fugitive"),
        ("class Fugitive: pass", "Fugitive"),
    ],
)
def test_what_cannot_be_served_is_said_at_once(
    run_pynto: Callable[..., Any], policy_file: Path, tmp_path: Path, source: str, fault: str
) -> None:
    (tmp_path / "other.py").write_text(source)
    done = run_pynto(
        "serve", "other:Fugitive", "--policy", str(policy_file), "--listen", f"unix://{tmp_path}/s", "--isolate", "connection",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode != 0 and fault in done.stderr and "serving" not in done.stdout


def test_a_server_on_stdio_is_a_process_of_its_own_already(run_pynto: Callable[..., Any], policy_file: Path) -> None:
    done = run_pynto("serve", "fugitive:Fugitive", "--policy", str(policy_file), "--stdio", "--isolate", "class")
    assert done.returncode != 0 and "--isolate" in done.stderr


@pytest.mark.parametrize(
    ("name", "bad", "good"),
    [
        ("memory", (1 << 20) - 1, 1 << 20),
        ("workers", 0, 1),
        ("spares", 65, 64),
        ("grace", 0.04, 0.05),
        ("patience", 0.1, 0.2),
    ],
)
def test_limits_have_limits(name: str, bad: float, good: float) -> None:
    assert getattr(Isolation("class", **{name: good}), name) == good  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=name):
        Isolation("class", **{name: bad})  # type: ignore[arg-type]


def test_paths_have_to_be_there() -> None:
    for read in ("relative", "/not/there"):
        with pytest.raises(ValueError, match=read):
            Isolation("connection", read=(read,))
    with pytest.raises(ValueError, match="by connection or by class"):
        Isolation("thread")


def test_of_the_folder_that_is_served_only_what_was_imported_may_be_read(monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("wanted", "secret"):
        (tmp_path / f"{name}_part.py").write_text("")
    __import__("wanted_part")
    readable = Isolation("connection").readable()
    assert covering(readable, tmp_path / "wanted_part.py") and not covering(readable, tmp_path / "secret_part.py")
    assert not covering(readable, "/etc/passwd") and not covering(readable, Path.home() / ".ssh")
    assert covering(("/a/b",), "/a/b/c") == covering(("/a/b",), "/a") == "/a/b"


def test_a_peer_that_ends_while_it_waits_is_forgotten(isolated: Callable[..., Any]) -> None:
    child = isolated()
    for _ in range(20):
        with RawPeer(child.address.removeprefix("unix://")) as peer:
            peer.send_raw(b"\x94")
    with pynto.connect(child.address) as connection:
        assert connection.root.add() == 1
