"""A WebSocket in front of the protocol: what a web page, a proxy and a writer of bytes may try with it."""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attacker import HELLO_BYTES, PATIENCE, POLICY, Attacker, Honest, Process, call_bytes, until
from webstream import CLOSE, PING, PONG, TEXT, WebStream, frame, head


class Web(Process):
    """``pynto serve`` at a WebSocket as well."""

    def __init__(self, folder: Path, *options: str) -> None:
        super().__init__(folder, ("victim:Root",), POLICY, "--listen", "ws://127.0.0.1:0/pynto", "--verbose", *options)
        self.ws = self.ports["ws"]

    def dial(self) -> socket.socket:
        return socket.create_connection(self.ws, PATIENCE)


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    process = Web(tmp_path_factory.mktemp("web"), "--ws-origin", "https://chat.example", "--ws-host", "chat.example")
    yield process
    process.is_sound()
    assert process.stop() == 0, process.log()[-4000:]


class WebPeer(Attacker):
    def __init__(self, web: Web, request: bytes | None = None) -> None:
        super().__init__(web.dial())
        self.socket = self._stream
        self.web: Any = WebStream(self.socket)
        self._stream = self.web
        self.socket.sendall(head() if request is None else request)
        self.answer = self.web.head()
        assert self.answer.startswith(b"HTTP/1.1 101 "), self.answer

    def end(self) -> int | None:
        """The code of the close frame with which it ends."""
        while self.web.recv(0):
            pass
        assert self.socket.recv(1) == b"" or self.web.code is not None
        return self.web.code


def status_of(web: Web, request: bytes) -> int:
    """The HTTP status of the one answer, behind which the connection is closed."""
    with web.dial() as stream:
        stream.sendall(request)
        came = b""
        try:
            while part := stream.recv(4096):
                came += part
        except ConnectionError:  # what we have sent beyond the head was not read
            pass
    assert re.fullmatch(rb"HTTP/1\.1 4\d\d [A-Za-z ]+\r\n([A-Za-z-]+: [^\r\n]+\r\n)+\r\n", came), came
    assert b"erver" not in came and b"Date" not in came  # it says nothing of itself
    web.is_sound()
    return int(came[9:12])


def test_the_protocol_goes_over_frames_in_whatever_pieces(web: Web) -> None:
    with WebPeer(web) as peer:
        peer.hello()
        peer.lives()
        data = call_bytes(0, "echo", "in pieces")
        for cut in range(1, len(data)):
            wire = frame(data[:cut], fin=0) + frame(b"still here", PING) + frame(data[cut:], 0)
            for i in range(0, len(wire), 7):
                peer.socket.sendall(wire[i : i + 7])
            assert peer.reply() == [-1, "in pieces"]
        peer.socket.sendall(b"".join(frame(data[i : i + 1]) for i in range(len(data))))
        assert peer.reply() == [-1, "in pieces"]


def test_an_upgrade_may_come_byte_by_byte(web: Web) -> None:
    with web.dial() as stream:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in head():
            stream.sendall(bytes([byte]))
        assert WebStream(stream).head().startswith(b"HTTP/1.1 101 ")


# ---- M13, M21, M23: the upgrade ----


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example:80", 421),
        ("127.0.0.1.nip.io", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1@evil.example", 421),
        ("0.0.0.0", 421),
        ("[::ffff:127.0.0.1]", 421),
        ("2130706433", 421),
        ("", 421),
        (None, 400),
    ],
)
def test_a_name_that_is_not_ours_is_not_served(web: Web, host: str | None, status: int) -> None:
    """M13 M21 M23"""
    assert status_of(web, head("GET /pynto HTTP/1.1", host)) == status


def test_two_hosts_and_an_absolute_target_are_refused(web: Web) -> None:
    assert status_of(web, head("GET /pynto HTTP/1.1", "127.0.0.1", "Host: evil.example")) == 400
    assert status_of(web, head(f"GET http://127.0.0.1:{web.ws[1]}/pynto HTTP/1.1")) == 400


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8080", "[::1]:7", "chat.example"])
def test_the_names_of_loopback_and_those_of_the_operator_are_served(web: Web, host: str) -> None:
    with WebPeer(web, head("GET /pynto HTTP/1.1", host)) as peer:
        peer.hello()
        peer.lives()


@pytest.mark.parametrize(
    "origin",
    ["null", "https://evil.example", "http://127.0.0.1", "http://localhost", "file://", "https://chat.example:8443"],
)
def test_a_web_page_that_is_not_listed_is_not_served(web: Web, origin: str) -> None:
    assert status_of(web, head(Origin=origin)) == 403


def test_a_web_page_that_is_listed_is_served(web: Web) -> None:
    with WebPeer(web, head(Origin="https://chat.example")) as peer:
        peer.hello()
        peer.lives()


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("GET /%2e%2e/admin HTTP/1.1", 404),
        ("GET /%70ynto HTTP/1.1", 404),
        ("GET /pynto/../pynto HTTP/1.1", 404),
        ("GET / HTTP/1.1", 404),
        ("GET /pynto?token=s3cr3t-in-a-query HTTP/1.1", 404),
        ("GET /" + "x" * 65536 + " HTTP/1.1", 431),
        ("POST /pynto HTTP/1.1", 405),
        ("CONNECT 127.0.0.1:22 HTTP/1.1", 405),
        ("PRI * HTTP/2.0", 400),
        ("PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nGET /pynto HTTP/1.1", 400),
        ("\r\nGET /pynto HTTP/1.1", 400),
    ],
)
def test_a_request_line_that_is_not_ours_is_refused(web: Web, line: str, status: int) -> None:
    assert status_of(web, head(line)) == status
    assert "s3cr3t" not in web.log() and "xxxx" not in web.log()


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"Sec_WebSocket_Protocol": None}, 400),
        ({"Sec_WebSocket_Protocol": "chat"}, 400),
        ({"Sec_WebSocket_Protocol": "pynto.1, chat"}, 400),
        ({"Sec_WebSocket_Version": "8"}, 426),
        ({"Sec_WebSocket_Key": "x"}, 400),
        ({"Upgrade": "h2c"}, 426),
        ({"Content_Length": "4"}, 400),
        ({"Transfer_Encoding": "chunked"}, 400),
        ({"Origin": "a\x1b[31mred"}, 400),
        ({"Origin": "\xe9"}, 400),
        ({"X": "a\rb"}, 400),
        ({"X": "a\nb"}, 400),
        ({"X": "a\0b"}, 400),
    ],
)
def test_a_field_that_is_not_right_is_refused(web: Web, changes: dict[str, str | None], status: int) -> None:
    assert status_of(web, head(**changes)) == status


def test_what_a_proxy_says_about_the_peer_changes_nothing(web: Web) -> None:
    before = len(web.log())
    with WebPeer(web, head(X_Forwarded_For="10.9.8.7", Forwarded="for=10.9.8.7", X_Real_IP="10.9.8.7")) as peer:
        peer.hello()
        peer.lives()
        port = peer.socket.getsockname()[1]
    until(lambda: f"127.0.0.1:{port}" in web.log()[before:], "the end of it is logged")
    assert "10.9.8.7" not in web.log()


def test_no_extension_is_agreed_to_whatever_is_offered(web: Web) -> None:
    offers = [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits=8",
        "x-webkit-deflate-frame, " * 20 + "x",
    ]
    for offer in offers:
        with WebPeer(web, head(Sec_WebSocket_Extensions=offer)) as peer:
            assert b"extensions" not in peer.answer.lower()
            peer.hello()
            peer.lives()
            peer.socket.sendall(frame(b"\x2a\x00", fin=0xC0))  # compressed all the same
            assert peer.end() == 1002


def test_another_protocol_at_this_door_is_shown_out(web: Web) -> None:
    assert status_of(web, HELLO_BYTES) == 400
    assert status_of(web, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03") == 400
    with socket.create_connection(web.tcp, PATIENCE) as stream:
        stream.sendall(head())
        assert b"HTTP" not in stream.recv(4096)
    web.is_sound()


# ---- M15, M17: frames ----

CALL = call_bytes(0, "echo", "must not run")


@pytest.mark.parametrize(
    ("wire", "code"),
    [
        pytest.param(frame(CALL, mask=None), 1002, id="no mask"),
        pytest.param(frame(CALL, fin=0xC0), 1002, id="RSV1"),
        pytest.param(frame(CALL, fin=0xA0), 1002, id="RSV2"),
        pytest.param(frame(CALL, fin=0x90), 1002, id="RSV3"),
        *[
            pytest.param(frame(CALL, opcode), 1002, id=f"opcode {opcode}")
            for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
        ],
        pytest.param(frame(b"x" * 126, PING), 1002, id="a long ping"),
        pytest.param(frame(b"x", PING, fin=0), 1002, id="a ping in fragments"),
        pytest.param(b"\x82\xff" + b"\x80" + bytes(7) + b"\0\0\0\0" + CALL, 1002, id="a length with its top bit"),
        pytest.param(b"\x82\xff" + struct.pack(">Q", len(CALL)) + bytes(4) + CALL, 1002, id="a length in 64 bits"),
        pytest.param(b"\x82\xfe" + struct.pack(">H", len(CALL)) + bytes(4) + CALL, 1002, id="a length in 16 bits"),
        pytest.param(frame(CALL, 0), 1002, id="a continuation of nothing"),
        pytest.param(frame(b"", fin=0) + frame(CALL), 1002, id="a message inside of another"),
        pytest.param(frame(CALL, TEXT), 1003, id="text"),
        pytest.param(frame(b"\xc3", TEXT, fin=0) + frame(b"\x28", 0), 1003, id="text that is no UTF-8"),
        pytest.param(b"\x82\xff" + struct.pack(">Q", 1 << 40) + bytes(4) + CALL, 1009, id="a terabyte"),
        pytest.param(frame(b"\x03\xe8\xff", CLOSE) + frame(CALL), 1007, id="a reason that is no UTF-8"),
        pytest.param(frame(b"\x03", CLOSE) + frame(CALL), 1002, id="half a code"),
        pytest.param(frame(b"\x03\xee", CLOSE) + frame(CALL), 1002, id="a code that is reserved"),
        pytest.param(frame(b"\x03\xe8", CLOSE) + frame(CALL), 1000, id="behind a close"),
    ],
)
def test_a_bad_frame_ends_it_with_its_code_and_is_not_processed(web: Web, wire: bytes, code: int) -> None:
    """M15 M17"""
    with WebPeer(web) as peer:
        peer.hello()
        peer.lives()
        peer.socket.sendall(wire)
        assert peer.end() == code
        assert b"must not run" not in peer.raw and peer._buffer == b""
    web.is_sound()


# ---- floods, and peers that vanish ----


@pytest.mark.memory
def test_pings_that_nobody_reads_the_answers_of_end_it_and_cost_nobody_else(web: Web) -> None:
    before = web.rss()
    with Honest(web), WebPeer(web) as peer:
        peer.hello()
        pings = frame(b"p" * 125, PING) * 1000
        with pytest.raises(OSError):
            peer.socket.settimeout(PATIENCE)
            for _ in range(2000):  # 260 MB, far more than all buffers in between
                peer.socket.sendall(pings)
    assert web.rss() - before < 16 << 20


@pytest.mark.memory
def test_who_does_not_read_its_answers_is_held_up_and_then_sent_away(tmp_path: Path) -> None:
    web = Web(tmp_path, "--quota", "output=4194304", "--quota", "stall=1")
    with Honest(web), WebPeer(web) as peer:
        peer.hello()
        before = web.rss()
        calls = frame(call_bytes(0, "echo", "x" * 100_000))
        peer.socket.settimeout(PATIENCE)
        with pytest.raises(OSError):
            for _ in range(2000):  # 200 MB, and as much to be answered
                peer.socket.sendall(calls)
        assert web.rss() - before < (4 << 20) + (24 << 20)
    until(lambda: "the peer does not read" in web.log(), "why it ended is logged")
    assert web.stop() == 0


def test_pings_are_answered_in_order_while_they_are_read(web: Web) -> None:
    with WebPeer(web) as peer:
        peer.hello()
        for number in range(300):
            peer.socket.sendall(frame(str(number).encode(), PING))
            assert peer.web.frame() == (PONG, str(number).encode())
        peer.lives()


def test_who_vanishes_at_any_byte_of_the_upgrade_takes_nobody_along(web: Web) -> None:
    fds = web.fd_count()
    with Honest(web):
        request = head()
        for cut in range(0, len(request) + 1, 5):
            stream = web.dial()
            stream.sendall(request[:cut])
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            stream.close()
    until(lambda: web.fd_count() <= fds, "every descriptor is given back")
    web.is_sound()


@pytest.mark.memory
def test_connections_that_come_and_go_leave_nothing_behind(web: Web) -> None:
    def churn(count: int) -> None:
        for number in range(count):
            with WebPeer(web) as peer:
                if number % 3 == 0:
                    peer.hello()
                elif number % 3 == 1:
                    peer.socket.sendall(frame(b"x" * 20000, fin=0)[:-5])  # in the middle of a frame

    churn(60)
    until(lambda: web.fd_count() < 40, "the first ones are gone")
    fds, memory = web.fd_count(), web.rss()
    churn(600)
    until(lambda: web.fd_count() <= fds, "every descriptor is given back")
    assert web.rss() - memory < 4 << 20


def test_who_does_not_finish_its_upgrade_is_sent_away_in_time(tmp_path: Path) -> None:
    web = Web(tmp_path, "--quota", "handshake=2")
    slow = []
    for request in (b"", b"G", head()[:-1], head()[:40]) * 10:
        stream = web.dial()
        stream.sendall(request)
        slow.append(stream)
    with Honest(web), WebPeer(web) as peer:
        peer.hello()
        for stream in slow:
            stream.settimeout(PATIENCE)
            came = b""
            while part := stream.recv(4096):
                came += part
            assert came.startswith(b"HTTP/1.1 408 ")
            stream.close()
        peer.lives()  # its time was over long ago, but it is open
    until(lambda: "no websocket handshake in time" in web.log(), "why they ended is logged")
    assert web.stop() == 0


def test_an_upgrade_without_a_hello_is_no_way_around_the_time_of_the_hello(tmp_path: Path) -> None:
    web = Web(tmp_path, "--quota", "hello=0.5")
    with WebPeer(web) as peer:
        assert peer.end() == 1008
    assert web.stop() == 0
