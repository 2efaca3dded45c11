"""Is the log readable whatever happens, by a person and by a machine, and can nobody fill it or write into it?"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pynto
import pytest
from pynto import errors
from pynto.logs import LINE_MAX, JsonFormatter, TextFormatter
from rawpeer import RawPeer

# What a peer would like to have in somebody's log, and what it would do there.
HOSTILE = [
    ("x\nINFO auth: user root logged in", "a line of its own"),
    ("\r\x0b\x0c\x85\u2028\u2029", "other ends of lines"),
    ("\x1b[2J\x1b]8;;http://evil.example\x07\x9b1m", "sequences for terminals"),
    ("\x08\x08\x08\x7f\x00", "what deletes"),
    ("\u202eevil\u2066", "another direction"),
    ("\ud800", "half a character"),
    ('"}, {"level": "critical", "text": "', "an object of its own"),
    ("%s %d %(message)s {0}", "what is filled in"),
    ("\\" * 3000, "what grows when it is escaped"),
    ("\U0001f600" * 3000, "what grows ten times"),
    ("x" * 1_000_000, "more than anybody reads"),
]


def record(text: str, **told: Any) -> logging.LogRecord:
    made = logging.LogRecord("pynto.server", logging.INFO, "f.py", 1, "%s", (text,), None)
    made.pynto = told
    return made


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
@pytest.mark.parametrize(("text", "why"), HOSTILE)
def test_an_event_is_one_line_of_printable_ascii(formatter: logging.Formatter, text: str, why: str) -> None:
    line = formatter.format(record(text, peer=text, connection=5))
    assert line.isascii(), why
    assert line.isprintable(), why
    assert len(line) <= LINE_MAX, why


@pytest.mark.parametrize(("text", "why"), HOSTILE)
def test_a_line_of_json_is_one_object_with_the_fields_that_it_has(text: str, why: str) -> None:
    entry = json.loads(JsonFormatter().format(record(text, peer=text, connection=5)))
    assert set(entry) == {"time", "level", "logger", "text", "peer", "connection"}, why
    assert entry["level"] == "info"
    assert entry["connection"] == 5
    assert entry["logger"] == "pynto.server"


def test_what_is_short_and_plain_is_told_as_it_is() -> None:
    entry = json.loads(JsonFormatter().format(record('unix:/run/x: "gone"', peer="unix:/run/x", connection=7)))
    assert (entry["text"], entry["peer"]) == ('unix:/run/x: "gone"', "unix:/run/x")
    assert TextFormatter().format(record("the peer is gone")).endswith(" INFO the peer is gone")


def test_what_cannot_be_formatted_is_a_line_all_the_same() -> None:
    broken = logging.LogRecord("pynto", logging.ERROR, "f.py", 1, "%d", ("no number",), None)
    assert "<no text>" in TextFormatter().format(broken)
    assert json.loads(JsonFormatter().format(broken))["text"] == "<no text>"


# ---- of a server ----


def test_serve_logs_json_of_each_connection(serve_child: Callable[..., Any], until: Callable[..., Any]) -> None:
    child = serve_child("--log", "json", "--verbose")
    with RawPeer(child.address.removeprefix("unix://")) as peer:
        peer.send([-8, "pynto", 1, "evil\n\x1b[2J", {}])
        peer.expect_close()
    until(lambda: any("root" in line for line in child.errors))
    entries = [json.loads(line) for line in child.errors]
    assert [entry["connection"] for entry in entries if "asked for a root" in entry["text"]] == [1]
    assert all(entry["peer"] for entry in entries if entry.get("connection"))


def test_a_storm_of_connections_fills_no_log(serve_child: Callable[..., Any], until: Callable[..., Any]) -> None:
    child = serve_child("--log", "json", "--verbose", "--metrics", "127.0.0.1:0")
    until(lambda: any("metrics at" in line for line in child.errors))
    for _ in range(600):
        with RawPeer(child.address.removeprefix("unix://")) as peer:
            peer.send_raw(b"GET / HTTP/1.1\r\n\r\n")
            peer.expect_close()
    from test_metrics import fetch, values

    port = int(next(line for line in child.errors if "metrics at" in line).rpartition(":")[2])
    dropped = values(fetch(("127.0.0.1", port))[2])["pynto_log_lines_dropped_total"]
    told = len(child.errors) - 1
    assert dropped > 100
    assert told < 500
    with pynto.connect(child.address) as connection:
        assert connection.root.add(1) == 2


def test_one_peer_that_provokes_incidents_leaves_lines_for_others(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(errors, "_bucket", errors._Bucket())
    monkeypatch.setattr(errors, "_buckets", type(errors._buckets)())
    who = "tcp 127.0.0.1:1"
    monkeypatch.setattr(errors, "_peer", lambda: who)
    ids = {errors.log_incident("x", ValueError(n)) for n in range(500)}
    assert len(ids) == 500, "each has its number, told or not"
    mine = len(caplog.records)
    assert 10 <= mine < 15
    who = "tcp 127.0.0.2:1"
    errors.log_incident("x", ValueError())
    assert len(caplog.records) >= mine + 1
    for number in range(5000):
        who = f"tcp 127.0.0.3:{number}"
        errors.log_incident("x", ValueError())
    assert len(errors._buckets) <= 1024
    assert len(caplog.records) < 100
