"""Does bad input give one clear error, and cost nothing else?"""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgpack
import pynto
import pytest

HELLO = b"\x95\xf8\xa5pynto\x01\xc0\x80\n"
CALL = b"\x94\x00\xa7history\x90\x80"

# ---- what cannot be generated ----

BARE = """
class Room:
    def post(self, author, text):
        pass

    def history(self):
        return ()


thing = object()
"""


@pytest.fixture
def folder(hall: Any, tmp_path: Path) -> Path:
    """A folder with a good module, one without hints, a broken one, and one that cannot be imported."""
    shutil.copy(hall.folder / "hall.py", tmp_path)
    (tmp_path / "bare.py").write_text(BARE, encoding="utf-8")
    (tmp_path / "broken.py").write_text("def (:\n", encoding="utf-8")
    (tmp_path / "falls.py").write_text("import nowhere\n", encoding="utf-8")
    return tmp_path


MODULES = [
    ("generate", "nowhere:Hall", "there is no module nowhere", "an unknown module"),
    ("generate", "hall:Nobody", "hall has no Nobody", "an unknown object"),
    ("generate", "broken:Room", "broken", "a module that does not parse"),
]


@pytest.mark.parametrize(("command", "target", "said", "why"), MODULES, ids=[f"{m[0]} {m[-1]}" for m in MODULES])
def test_the_generator_says_in_one_line_what_is_not_there(
    command: str, target: str, said: str, why: str, folder: Path, auditing: Any, run_pynto: Callable[..., Any]
) -> None:
    done = run_pynto(command, target, module="pynto.audit", cwd=folder, env=auditing)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), done
    assert done.stderr.startswith("pynto-policy: ") and said in done.stderr


def test_an_object_without_hints_grants_nothing_and_the_generator_says_why(
    folder: Path,
    auditing: Any,
    run_pynto: Callable[..., Any],
    start_child: Callable[..., Any],
    hall: Any,
    raw: Callable[..., Any],
) -> None:
    done = run_pynto("generate", "bare:Room", "-o", "bare.json", module="pynto.audit", cwd=folder, env=auditing)
    assert (done.returncode, done.stdout) == (1, "")
    findings = [line for line in done.stderr.splitlines() if line.startswith("bare.py:")]
    assert sorted(findings) == [
        "bare.py:3: error: Room.post() is withheld: it has no hints [missing-hint]",
        "bare.py:6: error: Room.history() is withheld: it has no hints [missing-hint]",
    ]
    address = f"unix://{folder}/bare.sock"
    place = type(hall)(folder, folder / "bare.json")
    server = start_child(*place.serve("bare:Room", "--listen", address), cwd=folder)
    assert server.line() == f"serving bare:Room at {address}", server.stderr
    for name in ("post", "history", "__class__", "__dict__", "__init__"):
        assert raw(address, name)[1][:2] == ["Refused", "not permitted"]


# ---- what cannot be served ----


def first_key_again(policy: str) -> str:
    return re.sub(r'^( "platform": [^\n]*\n)', r"\1\1", policy, count=1, flags=re.MULTILINE)


def of_version(version: str) -> Callable[[str], str]:
    return lambda policy: policy.replace('"pynto-policy": 1', f'"pynto-policy": {version}', 1)


POLICIES: list[tuple[Callable[[str], str], str, str]] = [
    (lambda policy: policy[: len(policy) // 2], "line ", "truncated"),
    (lambda policy: policy[:-3], "line ", "truncated by its last characters"),
    (lambda policy: "", "empty", "empty"),
    (first_key_again, "duplicate", "a key stands twice"),
    (lambda policy: policy + policy, "line ", "the file stands twice in itself"),
    (of_version("2"), "version", "from the next version"),
    (of_version("0"), "version", "from an older version"),
    (of_version('"1"'), "version", "a version that is no number"),
    (lambda policy: policy.replace(' "pynto-policy": 1,\n', ""), "pynto-policy", "of no version at all"),
    (lambda policy: "[]", "object", "JSON, but no policy"),
    (lambda policy: "Room: all of it\n", "line 1", "no JSON"),
    (lambda policy: policy.replace("() -> (str*)", "() -> (str *)"), "str *", "an operation in another spelling"),
    (lambda policy: policy.replace(' "roots"', ' "root": {},\n "roots"'), "root", "a key that nobody knows"),
    (lambda policy: policy.replace("history", "his\xadtory"), "line ", "a byte that is not UTF-8"),
]


@pytest.mark.parametrize(("change", "said", "why"), POLICIES, ids=[why for *_, why in POLICIES])
def test_a_policy_that_is_not_sound_is_one_line_and_nothing_is_served(
    change: Callable[[str], str], said: str, why: str, hall: Any, tmp_path: Path, run_pynto: Callable[..., Any]
) -> None:
    sound = hall.policy.read_text(encoding="ascii")
    assert change(sound) != sound
    bad, sock = tmp_path / "bad.json", tmp_path / "bad.sock"
    bad.write_bytes(change(sound).encode("latin-1"))
    done = run_pynto("serve", "hall:Hall", "--policy", str(bad), "--listen", f"unix://{sock}", cwd=hall.folder)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), done
    assert done.stderr.startswith(f"pynto: {bad}: ") and said in done.stderr, done.stderr
    assert not sock.exists()


TARGETS = [
    ("nowhere:Hall", "nowhere:Hall: there is no module nowhere", "an unknown module"),
    ("hall:Nobody", "hall:Nobody: hall has no Nobody", "an unknown object"),
    ("hall", "hall: must be module:object", "no object"),
    ("hall:", "hall:: must be module:object", "an empty name"),
    ("bare:Room", "hall:Hall", "another class than the policy's"),
    ("bare:thing", "hall:Hall", "an object of another class"),
    ("falls:Room", "nowhere", "a module whose own import fails"),
    ("broken:Room", "broken", "a module that does not parse"),
]


@pytest.mark.parametrize(("target", "said", "why"), TARGETS, ids=[why for *_, why in TARGETS])
def test_a_target_that_is_not_there_is_one_line(
    target: str, said: str, why: str, hall: Any, folder: Path, run_pynto: Callable[..., Any]
) -> None:
    sock = folder / "t.sock"
    options = ["--policy", str(hall.policy), "--listen", f"unix://{sock}"]
    done = run_pynto("serve", target, *options, cwd=folder)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), done
    assert done.stderr.startswith("pynto: ") and said in done.stderr
    assert not sock.exists()


def test_code_that_has_drifted_is_not_served(hall: Any, folder: Path, run_pynto: Callable[..., Any]) -> None:
    module = folder / "hall.py"
    text = module.read_text(encoding="utf-8")
    drifted = text.replace("def post(self, author: str, text: str)", "def post(self, author: str, text: bytes)")
    assert drifted != text
    module.write_text(drifted, encoding="utf-8")
    done = run_pynto("serve", "hall:Hall", "--policy", str(hall.policy), "--listen", "tcp://127.0.0.1:0", cwd=folder)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), done
    assert "drifted" in done.stderr and "Hall.post" in done.stderr and "text: bytes" in done.stderr


def test_a_port_in_use_is_one_line_and_its_owner_keeps_it(
    hall: Any, run_pynto: Callable[..., Any], serve_hall: Callable[..., Any]
) -> None:
    server = serve_hall(listen="tcp://127.0.0.1:0")
    options = ["--policy", str(hall.policy), "--listen", "tcp://127.0.0.1:0", "--listen", server.address]
    done = run_pynto("serve", "hall:Hall", *options, cwd=hall.folder)
    assert (done.returncode, done.stdout) == (1, ""), done
    assert done.stderr == f"pynto: cannot listen at {server.address}: already in use\n"
    with pynto.connect(server.address) as connection:
        assert connection.root.pid() == server.pid


def test_a_file_that_is_no_socket_is_left_alone(hall: Any, run_pynto: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data", encoding="utf-8")
    options = ["--policy", str(hall.policy), "--listen", f"unix://{path}"]
    done = run_pynto("serve", "hall:Hall", *options, cwd=hall.folder)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done
    assert path.read_text(encoding="utf-8") == "data"


# ---- who calls us and speaks something else ----


def client_hello() -> bytes:
    """What a TLS client sends first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    return outgoing.read()


def rpyc_frame(payload: bytes) -> bytes:
    """RPyC's channel: length, whether it is compressed, payload, newline."""
    return struct.pack("!LB", len(payload), 0) + payload + b"\n"


STRANGERS: list[tuple[bytes, int, str]] = [
    (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 8, "HTTP/1.1"),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 8, "HTTP/2"),
    (rpyc_frame(bytes.fromhex("151114550055")), 8, "RPyC asking for the root"),
    (rpyc_frame(bytes.fromhex("15111455001200")) * 20, 8, "RPyC many times"),
    (b"\x00\x20" + bytes(range(32)), 8, "Noise: an ephemeral key behind its length"),
    (b"\x00" * 6 + b"\x00\x30" + bytes(range(200, 248)), 8, "Noise with a negotiation"),
    (client_hello(), 8, "TLS"),
    (b"SSH-2.0-OpenSSH_9.2\r\n", 8, "SSH"),
    (b"\n\n\n\n", 8, "newlines"),
    (b"\x80\x04\x95cos\nsystem\n(S'id'\ntR.", 8, "a pickle"),
    (b'{"jsonrpc": "2.0", "method": "post", "id": 1}\n', 8, "JSON-RPC"),
    (msgpack.packb([0, 1, "post", ["ada", "hello"]]) + b"\n", 8, "MessagePack-RPC"),
    (CALL + b"\n", 15, "a call ahead of the hello"),
    (HELLO[:-1] + CALL + b"\n", 9, "a newline that is missing behind the hello"),
    (HELLO + CALL + CALL + b"\n", 9, "a newline that is missing behind a call"),
    (HELLO + CALL + b"\r\n", 9, "a carriage return ahead of the newline"),
    (HELLO + CALL + b"\n\n", 8, "a newline too many"),
    (b"\x95\xf8\xa5pynto\x02\xc0\x80\n", 16, "the next version"),
    (b"\x95\xf8\xa4rpyc\x01\xc0\x80\n", 16, "another protocol in our envelope"),
]

LEAVERS: list[tuple[bytes, str]] = [
    (b"", "before its first byte"),
    (HELLO[:5], "in the middle of its hello"),
    (HELLO[:-1], "ahead of the newline of its hello"),
    (HELLO, "without waiting for an answer"),
    (HELLO + CALL[:6], "in the middle of a call"),
    (HELLO + CALL, "ahead of the newline of a call"),
    (HELLO + b"\x94\x00\xa4post\x92\xa3eve\xdb\x00\x10\x00\x00" + b"x" * 5000, "in a string that it has announced"),
    (HELLO + (CALL + b"\n") * 200, "with calls that are not answered"),
]


def name_of(made: socket.socket) -> str:
    """An end of our own, as the other end calls it."""
    host, port = made.getsockname()
    return f"{host}:{port}"


class Neighbour:
    """A server that logs, and an honest client beside whoever comes."""

    def __init__(self, server: Any, connection: pynto.Connection) -> None:
        self.server = server
        self.address = server.address
        self.connection = connection
        self.said = 0

    def is_served(self) -> None:
        """The same object in the same process answers as ever."""
        self.said += 1
        self.connection.root.post("ada", str(self.said))
        assert self.connection.root.history() == tuple(f"ada: {n + 1}" for n in range(self.said))
        assert self.connection.root.pid() == self.server.pid
        assert self.server.process.poll() is None

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.server.pid}/fd").iterdir()))

    def log_of(self, name: str) -> list[str]:
        return [line for line in list(self.server.errors) if f" {name}: " in line]


@pytest.fixture
def neighbour(serve_hall: Callable[..., Any], until: Callable[..., Any]) -> Iterator[Neighbour]:
    server = serve_hall("--verbose", "--quota", "hello=5", listen="tcp://127.0.0.1:0")
    with pynto.connect(server.address) as connection:
        made = Neighbour(server, connection)
        made.is_served()
        before = made.descriptors()
        yield made
        made.is_served()
        until(lambda: made.descriptors() == before, 10, "descriptors have not come back")
    assert "Traceback" not in server.stderr


@pytest.mark.timeout(60)
def test_a_stranger_gets_one_goodbye_and_the_log_one_line(
    neighbour: Neighbour, raw_socket: Callable[..., Any], last_words: Callable[..., Any], until: Callable[..., Any]
) -> None:
    wrong: list[Any] = []
    for data, code, why in STRANGERS:
        with raw_socket(neighbour.address) as peer:
            name = name_of(peer)
            peer.sendall(data)
            neighbour.is_served()
            goodbyes = [message for message in last_words(peer) if message[0] == -7]
        if [message[1] for message in goodbyes] != [code]:
            wrong.append((why, code, goodbyes))
        log = until(lambda name=name: neighbour.log_of(name), 10, f"{why}: not logged")
        if len(log) != 1 or not all(message[2] in log[0] for message in goodbyes):
            wrong.append((why, log, goodbyes))
        neighbour.is_served()
    assert wrong == []


@pytest.mark.parametrize("is_abrupt", [False, True], ids=["closed", "reset"])
def test_a_client_that_vanishes_costs_nothing(
    is_abrupt: bool, neighbour: Neighbour, raw_socket: Callable[..., Any], until: Callable[..., Any]
) -> None:
    for data, why in LEAVERS:
        with raw_socket(neighbour.address) as peer:
            name = name_of(peer)
            peer.sendall(data)
            if is_abrupt:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if data:
            assert len(until(lambda name=name: neighbour.log_of(name), 10, f"{why}: not logged")) == 1
        neighbour.is_served()


def test_many_strangers_at_once_do_not_hold_up_an_honest_client(
    neighbour: Neighbour, raw_socket: Callable[..., Any], last_words: Callable[..., Any]
) -> None:
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(raw_socket(neighbour.address)) for _ in range(60)]
        for number, peer in enumerate(peers):
            peer.sendall((HELLO[:7], HELLO + CALL, HELLO)[number % 3])
        for _ in range(20):
            neighbour.is_served()
        for peer in peers[1::3]:
            peer.sendall(b"X")
            assert last_words(peer)[-1][:2] == [-7, 9]


def test_a_client_that_says_nothing_is_sent_away_in_time(
    serve_hall: Callable[..., Any], raw_socket: Callable[..., Any], last_words: Callable[..., Any]
) -> None:
    server = serve_hall("--quota", "hello=0.5")
    for data in (b"", HELLO[:-1]):
        with raw_socket(server.address) as peer:
            peer.sendall(data)
            since = time.monotonic()
            assert [message[:2] for message in last_words(peer)] == [[-7, 15]]
            assert time.monotonic() - since < 5


# ---- whom we call, and what it speaks ----


class Listener:
    """Says the same to whoever connects, in place of a server."""

    def __init__(self, says: bytes, hangs_up: bool) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"tcp://{name_of(self._listening)}"
        self._says, self._hangs_up = says, hangs_up
        self._held: list[socket.socket] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self._listening.accept()
                self._held.append(peer)
                with contextlib.suppress(OSError):
                    peer.sendall(self._says)
                    if self._hangs_up:
                        peer.recv(1000)  # its hello: a close with unread bytes would be a reset
                        peer.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(10)
        for peer in self._held:
            peer.close()


HTTP = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
GONE = "^the peer (has closed the connection|is gone)$"
SERVERS: list[tuple[bytes, bool, type[BaseException], str, str]] = [
    (HTTP, True, pynto.ProtocolError, "malformed", "HTTP, and closes"),
    (HTTP, False, pynto.ProtocolError, "malformed", "HTTP, and waits"),
    (b"SSH-2.0-OpenSSH_9.2\r\n", False, pynto.ProtocolError, "malformed", "SSH"),
    (b"\x15\x03\x01\x00\x02\x02\x16", True, pynto.ProtocolError, "malformed", "a TLS alert"),
    (rpyc_frame(bytes.fromhex("151114550055")), False, pynto.ProtocolError, "malformed", "RPyC"),
    (b"", False, pynto.ProtocolError, "no hello in time", "nothing"),
    (HELLO[:5], False, pynto.ProtocolError, "no hello in time", "half a hello"),
    (HELLO, False, pynto.ProtocolError, "no hello in time", "a hello, and no root"),
    (b"\x95\xf8\xa5pynto\x02\xc0\x80\n", False, pynto.ProtocolError, "version", "the next version"),
    (HELLO[:-1] + b"\x92\xff\xc0\n", False, pynto.ProtocolError, "newline", "no newline"),
    (HELLO + b"\x92\xff\xc0\n", False, pynto.ProtocolError, ".", "None for a root"),
    (b"", True, pynto.Disconnected, GONE, "nothing, and closes"),
    (HELLO[:5], True, pynto.Disconnected, GONE, "half a hello, and closes"),
    (HELLO, True, pynto.Disconnected, GONE, "a hello, and closes"),
    (b"\x93\xf9\x03\xa6denied\n", True, pynto.Disconnected, "denied", "a goodbye"),
]


@pytest.mark.parametrize(("says", "hangs_up", "error", "text", "why"), SERVERS, ids=[row[-1] for row in SERVERS])
def test_a_server_that_speaks_something_else_is_one_exception_in_time(
    says: bytes, hangs_up: bool, error: type[BaseException], text: str, why: str
) -> None:
    listener = Listener(says, hangs_up)
    try:
        since = time.monotonic()
        with pytest.raises(error, match=text) as caught:
            pynto.connect(listener.address, quotas={"hello": 0.5})
        assert time.monotonic() - since < 5
        assert type(caught.value) is error
    finally:
        listener.close()


@pytest.mark.parametrize(("says", "text"), [(HTTP, "malformed"), (b"", "the peer ")], ids=["HTTP", "closes"])
def test_the_commands_say_so_in_one_line(says: bytes, text: str, run_pynto: Callable[..., Any]) -> None:
    listener = Listener(says, True)
    try:
        for command in (["ping", listener.address], ["connect", listener.address, "-c", "1"]):
            done = run_pynto(*command)
            assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1), done
            assert done.stderr.startswith("pynto: ") and text in done.stderr
    finally:
        listener.close()


def test_a_child_that_does_not_start_is_one_exception(
    hall: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(hall.folder)
    with pytest.raises(pynto.Disconnected, match="stderr"):
        pynto.spawn("nowhere:Hall", policy=hall.policy)
    assert capfd.readouterr().err == "pynto: nowhere:Hall: there is no module nowhere\n"
