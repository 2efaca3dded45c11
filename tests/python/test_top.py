"""Does an operator see what there is, as it is, and nobody else; and does what a peer chooses stay text?"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pynto
import pytest
from pynto import admin
from pynto.admin import Row, Snapshot, Totals
from pynto.commands.top import COLUMNS, View, header, line, table

ROOT = Path(__file__).resolve().parents[2]
TYPES = (Snapshot, Totals, Row)


@pytest.fixture
def watched(serve: Callable[..., Any], tmp_path: Path) -> tuple[Any, str]:
    """A site, and where its admin is."""
    site = serve()
    return site, site.server.admit(f"unix://{tmp_path}/admin/admin.sock")


def look(address: str) -> Snapshot:
    with pynto.connect(address, root="admin", types=TYPES) as connection:
        found: Snapshot = connection.root.snapshot()
        return found


# ---- is it true? ----


def test_a_snapshot_tells_of_each_connection_what_it_has_used_and_holds(watched: Any) -> None:
    site, address = watched
    busy, idle = site.connect(), site.connect()
    kept = [busy.root.fresh() for _ in range(3)]
    busy.root.wait(0.05)
    idle.root.keep(len)
    found = look(address)
    assert found.totals.connections == 2
    assert found.totals.calls == site.calls
    first, second = sorted(found.rows, key=lambda row: row.number)
    assert (first.number, second.number) == (1, 2)
    assert (first.quota_class, first.principal, first.transport) == ("local", f"uid {os.getuid()}", "unix")
    assert first.references == len(kept)
    assert (first.served, second.served) == (4, 1)
    assert second.lent == 1
    assert 0.05 <= first.busy < 10 > second.busy
    assert first.received > second.received > 0


def test_a_connection_is_ended_by_its_number_and_by_the_other_root_alone(watched: Any, until: Any) -> None:
    site, address = watched
    one, other = site.connect(), site.connect()
    assert [each.root.add(1) for each in (one, other)] == [2, 2]
    with pynto.connect(address, root="admin", types=TYPES) as looking:
        for name in ("disconnect", "control", "_server", "close"):
            with pytest.raises((pynto.Refused, AttributeError)):
                getattr(looking.root, name)(1)
    with pynto.connect(address, root="control") as control:
        with pytest.raises((pynto.Refused, AttributeError)):
            control.root.snapshot()
        assert control.root.disconnect(1)
        assert not control.root.disconnect(1)
        for nobody in (99, 0, -1, 1 << 64):
            assert not control.root.disconnect(nobody)
        for wrong in ("1", None):
            with pytest.raises(TypeError):
                control.root.disconnect(wrong)
    with pytest.raises(pynto.Disconnected, match="operator"):
        one.root.add(1)
    assert other.root.add(1) == 2


def test_who_looks_is_no_client_of_what_is_served(watched: Any) -> None:
    site, address = watched
    for _ in range(3):
        look(address)
    assert site.server.stats()["connections"] == 0
    assert site.calls == 0


# ---- who may look ----


def test_the_socket_and_its_folder_are_their_owners_alone(watched: Any) -> None:
    path = Path(watched[1].removeprefix("unix://"))
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701, 0o777])
def test_a_folder_that_is_open_to_others_is_refused(mode: int, serve: Callable[..., Any], tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(PermissionError, match="0700"):
        serve().server.admit(f"unix://{folder}/admin.sock")
    folder.chmod(0o700)
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(PermissionError, match="0700"):
        serve().server.admit(f"unix://{tmp_path}/link/admin.sock")


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:0", "ws://127.0.0.1:0/x", "unix://relative", "admin.sock", ""])
def test_an_admin_is_at_a_unix_socket_alone(address: str, serve: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="unix:///path"):
        serve().server.admit(address)


def test_there_is_one_admin_and_it_goes_with_its_server(watched: Any) -> None:
    site, address = watched
    with pytest.raises(ValueError, match="admin already"):
        site.server.admit(address)
    site.close()
    assert not Path(address.removeprefix("unix://")).exists()


def test_the_policy_that_is_committed_is_the_one_that_the_hints_say_and_the_audit_passes_it(tmp_path: Path) -> None:
    roots = ["admin=pynto.admin:Admin", "control=pynto.admin:Control"]
    env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    made = tmp_path / "policy.json"
    for command in (
        ["generate", *roots, "--path", str(ROOT / "python"), "-o", str(made)],
        ["check", str(admin.POLICY), "--path", str(ROOT / "python")],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "pynto.audit.cli", *command],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert "reaches 2 interfaces with 3 operations" in done.stdout
    assert "0 warnings" in done.stdout or "warning" not in done.stdout.splitlines()[-1]
    assert json.loads(made.read_text())["interfaces"] == json.loads(admin.POLICY.read_text())["interfaces"]
    assert json.loads(made.read_text())["records"] == json.loads(admin.POLICY.read_text())["records"]


# ---- how it looks ----

ROW = Row(1, "unix uid 0", "uid 0", "local", "unix", 5.0, 10, 0, 100, 200, 0.5, 0.25, 3, 0, 0, 0, 0, 0)
TOTALS = Totals(10.0, 3, 1000, 3, 0, 0, 30, 2, 1 << 25, 0.5)


def view_of(*rows: Row, sort: str = "number", reverse: bool = False) -> View:
    view = View(sort, reverse)
    view.take(Snapshot(100.0, TOTALS, rows))
    return view


@pytest.mark.parametrize("field", ["peer", "principal", "quota_class", "transport"])
@pytest.mark.parametrize("text", ["\x1b[2J\x1b]0;evil\x07", "a\nb\rc", "\u202eevil", "\x9b31m", "x" * 5000, "\ud800"])
def test_what_a_peer_has_chosen_moves_no_cursor(field: str, text: str) -> None:
    view = view_of(replace(ROW, **{field: text}))
    for shown in (*table(view), line(view, view.rows()[0], 120)):
        assert shown.isascii()
        assert shown.isprintable()
    assert len(line(view, view.rows()[0], 120)) <= 120


@pytest.mark.parametrize("width", [1, 20, 80, 200])
def test_no_line_is_wider_than_the_screen(width: int) -> None:
    view = view_of(*(replace(ROW, number=n, served=10**n) for n in range(15)))
    assert all(len(shown) <= width for shown in table(view, width))


@pytest.mark.parametrize("name", COLUMNS)
def test_it_can_be_sorted_by_every_column_both_ways(name: str) -> None:
    rows = [replace(ROW, number=n, served=n * 5, age=n + 1, peer=f"p{n}", principal=f"u{n}") for n in (2, 0, 1)]
    there, back = view_of(*rows, sort=name).rows(), view_of(*rows, sort=name, reverse=True).rows()
    keys = [COLUMNS[name].key(row, row.served / row.age) for row in there]
    assert keys == sorted(keys, reverse=not COLUMNS[name].is_text)
    assert [COLUMNS[name].key(row, row.served / row.age) for row in back] == keys[::-1]
    assert COLUMNS[name].title + "v" in header(view_of(*rows, sort=name), 10_000).replace("  ", " ")


def test_rates_are_those_between_two_looks() -> None:
    view = view_of(ROW)
    assert view.rates[1] == 2.0, "since it has connected"
    view.take(Snapshot(102.0, TOTALS, (replace(ROW, served=110), replace(ROW, number=2, served=7, age=1.0))))
    assert view.rates == {1: 50.0, 2: 7.0}


# ---- the command ----


def test_top_prints_a_table_or_json_for_scripts(serve_child: Callable[..., Any], tmp_path: Path, until: Any) -> None:
    address = f"unix://{tmp_path}/admin/admin.sock"
    child = serve_child("--admin", address)
    until(lambda: any("admin at" in each for each in child.errors))

    def top(*options: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "pynto", "top", address, *options], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    with pynto.connect(child.address) as connection:
        assert connection.root.add(1) == 2
        lines = top("--once", "--sort", "calls").splitlines()
        assert "1 of 1000 connections" in lines[0]
        assert "CALLSv" in lines[2]
        assert lines[3].split()[:4] == ["1", "local", "uid", str(os.getuid())]
        assert len(lines) == 4
        told = json.loads(top("--json"))
        assert told["rows"][0]["served"] == 1
        assert told["totals"]["connections"] == 1


def test_top_says_what_it_needs(tmp_path: Path) -> None:
    for options, code, says in (
        ([f"unix://{tmp_path}/nobody"], 1, "pynto:"),
        ([f"unix://{tmp_path}/nobody", "--interval", "0"], 2, "--interval"),
        ([f"unix://{tmp_path}/nobody", "--sort", "speed"], 2, "speed"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "pynto", "top", *options], capture_output=True, text=True, timeout=60
        )
        assert (done.returncode, says in done.stderr) == (code, True), done.stderr


def test_the_screen_is_left_with_q(watched: Any) -> None:
    site, address = watched
    assert site.connect().root.add(1) == 2
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pynto", "top", address, "--interval", "0.1"],
        stdin=theirs,
        stdout=theirs,
        env={**os.environ, "TERM": "xterm", "LINES": "24", "COLUMNS": "120"},
    )
    os.close(theirs)
    with process:
        seen = b""
        while b"1000 connections" not in seen:
            seen += os.read(ours, 65536)
        os.write(ours, b"srdnq")  # a question, no for an answer, and away
        with contextlib.suppress(OSError):  # that is how the end of a terminal is told
            while data := os.read(ours, 65536):
                seen += data
        assert process.wait(20) == 0
    os.close(ours)
    assert b"of 1000 connections" in seen
    assert site.server.stats()["connections"] == 1
