"""Does the audit log hold every decision, nothing else, and never more than it may?"""

from __future__ import annotations

import json
import logging
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pynto
import pytest
from pynto.audit import layout
from pynto.auditlog import AuditLog
from rawpeer import Promise, RawPeer

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "audit.schema.json").read_text())


class Child:
    def name(self) -> str:
        return "ada"


class Root:
    title = "lobby"

    def add(self, a: int, b: int = 1) -> int:
        return a + b

    def child(self) -> Child:
        return Child()

    def pick(self, key: int | str) -> str:
        return str(key)

    def apply(self, function: Callable[[int], int], value: int) -> int:
        return function(value)


POLICY = {
    "interfaces": {
        f"{__name__}:Child": {"class": f"{__name__}:Child", "methods": {"name": "() -> str"}},
        f"{__name__}:Root": {
            "class": f"{__name__}:Root",
            "get": {"title": "str"},
            "methods": {
                "add": "(a: int, b: int=?) -> int",
                "apply": "(function: fn(int)->int, value: int) -> int",
                "child": f"() -> {__name__}:Child",
                "pick": ["(key: int) -> str", "(key: str) -> str"],
            },
            "set": {"title": "str"},
        },
    },
    "platform": sys.platform,
    "pynto-policy": 1,
    "python": f"{sys.version_info.major}.{sys.version_info.minor}",
    "roots": {"root": f"{__name__}:Root"},
}


@pytest.fixture
def policy() -> pynto.Policy:
    return pynto.Policy(layout.dumps(POLICY).encode())


class Logged:
    """A server with an audit log."""

    def __init__(self, policy: pynto.Policy, folder: Path, **options: Any) -> None:
        self.path = folder / "audit.jsonl"
        self.server = pynto.Server(
            Root(), policy=policy, listen=f"unix://{folder}/s", audit_log=AuditLog(self.path, **options)
        ).start()

    def entries(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.path.read_bytes().splitlines()]

    def close(self) -> list[dict[str, Any]]:
        self.server.close()
        return self.entries()


@pytest.fixture
def logged(policy: pynto.Policy, tmp_path: Path) -> Iterator[Logged]:
    made = Logged(policy, tmp_path)
    yield made
    made.server.close()


def brief(entry: dict[str, Any]) -> tuple[str, str, str, str]:
    return entry["kind"], entry["name"], entry["arguments"], entry["verdict"]


def test_each_decision_is_one_line_that_keeps_to_the_schema(logged: Logged) -> None:
    with pynto.connect(logged.server.address) as connection:
        root = connection.root
        root.add(1)
        root.add(1, b=2)
        root.title = root.title + "!"
        root.child().name()
        root.pick("a")
        root.apply(lambda value: value + 1, 2)
    entries = logged.close()
    for entry in entries:
        jsonschema.validate(entry, SCHEMA)
    assert [brief(entry) for entry in entries] == [
        ("method", "add", "int", "allow"),
        ("method", "add", "int, b=int", "allow"),
        ("get", "title", "", "allow"),
        ("set", "title", "str", "allow"),
        ("method", "child", "", "allow"),
        ("method", "name", "", "allow"),
        ("method", "pick", "str", "allow"),
        ("method", "apply", "own, int", "allow"),
    ]
    assert {entry["connection"] for entry in entries} == {1}
    assert {entry["principal"] for entry in entries} == {f"uid {os.getuid()}"}
    assert entries[6]["rule"] == f"interfaces.{__name__}:Root.methods.pick[1]"
    assert entries[6]["signature"] == "(key: str) -> str"
    assert entries[5]["interface"] == f"{__name__}:Child"


def test_what_is_refused_is_told_with_the_reason(logged: Logged) -> None:
    with RawPeer(f"{logged.path.parent}/s") as peer:
        peer.hello()
        for call in (
            [0, "add", ["x"], {}],
            [0, "gone", [], {}],
            [99, "add", [1], {}],
            [0, "__getattr__", ["_secret"], {}],
        ):
            peer.send(call)
            peer.reply()
    entries = logged.close()
    assert [(*brief(entry), entry["why"]) for entry in entries] == [
        ("method", "add", "str", "arguments", "add(): 'a' must be int"),
        ("method", "gone", "", "deny", "no such operation"),
        ("method", "add", "int", "deny", "no such reference"),
        ("get", "_secret", "", "deny", "no such operation"),
    ]
    assert [entry["rule"] for entry in entries] == [
        f"interfaces.{__name__}:Root.methods.add",
        f"interfaces.{__name__}:Root",
        "",
        f"interfaces.{__name__}:Root",
    ]
    for entry in entries:
        jsonschema.validate(entry, SCHEMA)


def test_no_value_is_ever_in_it(logged: Logged) -> None:
    with pynto.connect(logged.server.address) as connection:
        connection.root.pick("hunter2")
        connection.root.title = "hunter2"
    with RawPeer(f"{logged.path.parent}/s") as peer:
        peer.hello()
        peer.send([0, "add", ["hunter2", b"hunter2", ["hunter2"], {"hunter2": 1}], {}])
        peer.reply()
    logged.close()
    assert "hunter2" not in logged.path.read_text()


@pytest.mark.parametrize("name", ['"}\n{"verdict": "allow"', "\x1b[2J", "é" * 40, "\\", "a" * 255, "\x00"])
def test_a_hostile_name_stays_inside_of_its_line(logged: Logged, name: str) -> None:
    with RawPeer(f"{logged.path.parent}/s") as peer:
        peer.hello()
        peer.send([0, name, [], {name[:200]: 1}])
        peer.reply()
    [entry] = logged.close()
    jsonschema.validate(entry, SCHEMA)
    assert entry["verdict"] == "deny" and entry["arguments"] in ("?=int", "a=int")
    assert logged.path.read_bytes().isascii()


def test_each_call_of_a_flood_is_told_once(policy: pynto.Policy, tmp_path: Path) -> None:
    """Also those that stay in the buffer until a quota has room for them: they are looked at more than once."""
    made = Logged(policy, tmp_path)
    made.server.close()
    server = pynto.Server(
        Root(), policy=policy, listen=f"unix://{tmp_path}/t", quotas={"calls": 3}, audit_log=tmp_path / "log"
    ).start()
    with RawPeer(f"{tmp_path}/t") as peer:
        peer.hello()
        peer.send_raw(b"".join(bytes.fromhex("9400a3616464910180") + b"\n" for _ in range(300)))
        assert [peer.reply() for _ in range(300)] == [[-1, 2]] * 300
    server.close()
    assert [brief(entry) for entry in read(tmp_path / "log")] == [("method", "add", "int", "allow")] * 300


def test_a_step_that_names_a_promise_is_told_when_it_is_decided(logged: Logged) -> None:
    with RawPeer(f"{logged.path.parent}/s") as peer:
        peer.hello()
        steps = [
            [0, "add", [1], {}],
            [0, "add", [Promise(0)], {}],
            [0, "add", [Promise(1), "x"], {}],
            [0, "gone", [], {}],
        ]
        peer.send([-12, steps, {}])
        assert [peer.reply()[0] for _ in range(4)] == [-1, -1, -2, -2]
    told = [brief(entry) for entry in logged.close()]
    assert sorted(told) == [
        ("method", "add", "int", "allow"),
        ("method", "add", "int", "allow"),
        ("method", "add", "int, str", "arguments"),
        ("method", "gone", "", "deny"),
    ]


def test_the_file_is_for_its_owner_only(logged: Logged, tmp_path: Path) -> None:
    assert stat.S_IMODE(logged.path.stat().st_mode) == 0o600
    loose = tmp_path / "loose"
    loose.touch(0o644)
    AuditLog(loose).close()
    assert stat.S_IMODE(loose.stat().st_mode) == 0o600


def test_what_is_no_file_of_our_own_is_refused(tmp_path: Path, policy: pynto.Policy) -> None:
    (tmp_path / "real").touch()
    (tmp_path / "link").symlink_to("real")
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "link", tmp_path / "fifo", tmp_path, tmp_path / "gone" / "log", Path("/dev/null")):
        with pytest.raises(OSError):
            pynto.Server(Root(), policy=policy, audit_log=path)


def line(number: int) -> bytes:
    return b'{"n": %6d}\n' % number


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(each) for each in path.read_bytes().splitlines()]


def test_a_file_that_was_moved_away_is_followed_by_a_new_one(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "log")
    log.write(line(1))
    (tmp_path / "log").rename(tmp_path / "log.1")
    log.write(line(2))
    assert (read(tmp_path / "log.1"), read(tmp_path / "log")) == ([{"n": 1}], [{"n": 2}])
    (tmp_path / "log").unlink()
    log.write(line(3))
    assert read(tmp_path / "log") == [{"n": 3}]
    os.truncate(tmp_path / "log", 0)  # logrotate's copytruncate
    log.write(line(4))
    assert read(tmp_path / "log") == [{"n": 4}]
    (tmp_path / "log").unlink()
    (tmp_path / "log").symlink_to("elsewhere")  # whoever may write in that folder must not send it anywhere else
    log.write(line(5))
    assert not (tmp_path / "elsewhere").exists()
    (tmp_path / "log").unlink()
    log.write(line(6))
    assert [sorted(entry)[0] for entry in read(tmp_path / "log")] == ["dropped", "n"]
    log.close()


@pytest.mark.parametrize("room", [0, 1])
def test_a_file_is_never_larger_than_it_may_be(tmp_path: Path, room: int) -> None:
    size = 10 * len(line(0))
    log = AuditLog(tmp_path / "log", size=size - 1 + room)
    log.write(b"".join(map(line, range(10))))
    log.write(b"".join(map(line, range(10, 15))))
    assert [entry["n"] for entry in read(tmp_path / "log")] == list(range(9 + room))
    (tmp_path / "log").rename(tmp_path / "log.1")
    log.write(line(15))
    first, second = read(tmp_path / "log")
    assert first["dropped"] == 6 - room and second == {"n": 15}
    jsonschema.validate(first, SCHEMA)
    log.close()


def test_lines_beyond_the_rate_are_counted_not_written(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "log", rate=5)
    log.write(b"".join(map(line, range(20))))
    first, *others = read(tmp_path / "log")
    assert first["dropped"] + len(others) == 20
    assert 5 <= len(others) < 20
    deadline = time.monotonic() + 60
    while read(tmp_path / "log")[-1] != {"n": 99} and time.monotonic() < deadline:
        log.write(line(99))
        time.sleep(0.05)
    assert read(tmp_path / "log")[-1] == {"n": 99}
    log.close()


def test_what_got_lost_on_the_way_is_said(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "log")
    log.write(line(1), 7)
    assert [entry.get("dropped") for entry in read(tmp_path / "log")] == [7, None]
    log.close()


def test_a_log_that_cannot_be_written_is_said_once_and_stops_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = AuditLog(tmp_path / "log")
    log.write(line(1))
    (tmp_path / "log").unlink()
    (tmp_path / "log").mkdir()
    with caplog.at_level(logging.ERROR, logger="pynto.server"):
        log.write(line(2))
        log.write(line(3))
    assert len(caplog.records) == 1
    (tmp_path / "log").rmdir()
    log.write(line(4))
    assert [entry.get("dropped", 0) for entry in read(tmp_path / "log")] == [2, 0]
    log.close()


def test_a_flood_costs_lines_not_memory(policy: pynto.Policy, tmp_path: Path) -> None:
    """All decisions are accounted for: written, or counted among those that were dropped."""
    logged = Logged(policy, tmp_path, rate=1000)
    with RawPeer(f"{tmp_path}/s") as peer:
        peer.hello()
        for _ in range(60):
            for _ in range(100):
                peer.send([0, "add", [1], {}])
            for _ in range(100):
                peer.reply()
    entries = logged.close()
    written = sum("dropped" not in entry for entry in entries)
    assert written < 6000
    assert logged.path.stat().st_size < 6000 * 400


def test_serve_writes_it_and_opens_it_anew_on_sighup(tmp_path: Path) -> None:
    (tmp_path / "room.py").write_text("class Room:\n    def hi(self) -> str:\n        return 'hi'\n")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    generate = [sys.executable, "-m", "pynto.audit", "generate", "room:Room", "-o", "policy.json", "--no-cache"]
    subprocess.run(generate, cwd=tmp_path, env=environment, check=True)
    command = [
        sys.executable,
        "-m",
        "pynto",
        "serve",
        "room:Room",
        "--policy",
        "policy.json",
        "--listen",
        f"unix://{tmp_path}/s",
    ]
    process = subprocess.Popen([*command, "--audit-log", "log"], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None and "serving" in process.stdout.readline()
        with pynto.connect(f"unix://{tmp_path}/s") as connection:
            assert connection.root.hi() == "hi"
            (tmp_path / "log").rename(tmp_path / "log.1")
            process.send_signal(signal.SIGHUP)
            assert connection.root.hi() == "hi"
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    written = [*read(tmp_path / "log.1"), *(read(tmp_path / "log") if (tmp_path / "log").exists() else [])]
    assert [entry["name"] for entry in written] == ["hi", "hi"]


def test_serve_says_why_it_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "policy.json").write_text(layout.dumps(POLICY))
    command = [
        sys.executable,
        "-m",
        "pynto",
        "serve",
        "os:getpid",
        "--policy",
        "policy.json",
        "--listen",
        f"unix://{tmp_path}/s",
    ]
    done = subprocess.run([*command, "--audit-log", "gone/log"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode in (1, 2) and "Traceback" not in done.stderr


def test_a_connection_has_a_number_of_its_own(logged: Logged) -> None:
    for _ in range(3):
        with pynto.connect(logged.server.address) as connection:
            connection.root.add(1)
    assert [entry["connection"] for entry in logged.close()] == [1, 2, 3]
