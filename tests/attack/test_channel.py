"""Can anybody come in, be somebody else, hear or change anything, without the keys for it?"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pynto
import pytest
from attacker import HELLO_BYTES, SECRET
from fortress import Fortress
from house import House
from pynto import _core
from pynto.state import encoded
from rawchannel import (
    DATA,
    END,
    LOGIN,
    LOGIN_CAPABILITY,
    LOGIN_KEY,
    MESSAGES,
    REFUSED,
    RawChannel,
    framed,
    noise,
    opening,
)
from rawpeer import NEWLINE, pack

POST = pack([0, "post", ["from an attacker"], {}]) + NEWLINE
WEAK = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]


@pytest.fixture(scope="module")
def fortress(tmp_path_factory: pytest.TempPathFactory, generate: Callable[..., Path]) -> Iterator[Fortress]:
    options = ("--quota", "hello=3", "--quota", "handshake=3")
    made = Fortress(tmp_path_factory.mktemp("fortress"), generate("guarded:Room"), *options)
    yield made
    made.is_sound()
    assert made.stop() == 0, made.log()[-3000:]


@pytest.fixture
def untouched(fortress: Fortress) -> Iterator[None]:
    """Nothing has been done there by whoever attacks, and an honest client is served."""
    before = fortress.lines()
    yield
    assert fortress.lines() == before
    fortress.is_sound()


def answer(fortress: Fortress, data: bytes, *, ends: bool = False) -> bytes:
    """What a stranger gets for these bytes, until the server closes. ends: the stranger closes its half."""
    with RawChannel(fortress.url, source=fresh()) as channel:
        with contextlib.suppress(ConnectionError):
            channel.socket.sendall(data)
            if ends:
                channel.socket.shutdown(socket.SHUT_WR)
        return channel.rest()


_sources = iter(f"127.{a}.{b}.{c}" for a in range(1, 250) for b in range(250) for c in range(1, 250))


def fresh() -> str:
    """A source that has not tried anything yet."""
    return next(_sources)


def first_message(fortress: Fortress, pattern: str = "NK", **options: Any) -> bytes:
    key = RawChannel(fortress.url, source=fresh())
    key.close()
    return bytes(noise(pattern, initiator=True, server_key=key.server_key, **options).write_message())


# ---- comings and goings ----


def test_a_reset_at_any_byte_of_a_handshake_takes_nobody_along(fortress: Fortress, untouched: None) -> None:
    flight = opening("NK") + framed(first_message(fortress))
    for length in range(len(flight) + 1):
        channel = RawChannel(fortress.url, source=fresh())
        channel.socket.sendall(flight[:length])
        channel.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        channel.close()
    for length in range(0, 60, 7):  # and of the login
        channel = RawChannel(fortress.url, source=fresh()).shake()
        channel.socket.sendall(channel.sealed(LOGIN, bytes([LOGIN_CAPABILITY]) + channel.capability)[:length])
        channel.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        channel.close()


@pytest.mark.memory
def test_clients_that_come_and_go_leave_nothing_behind(fortress: Fortress, until: Callable[..., Any]) -> None:
    def churn(count: int) -> None:
        for _ in range(count):
            fortress.lines()

    churn(100)
    memory, descriptors = fortress.memory(), fortress.descriptors()
    churn(400)
    until(lambda: fortress.descriptors() <= descriptors + 1)
    assert fortress.memory() - memory < 4 << 20


def test_what_the_server_has_open_is_not_for_its_children(tmp_path: Path, generate: Callable[..., Path]) -> None:
    """Sockets, the store, keys: whatever a served method starts."""
    command = [sys.executable, "-c", "import os; print(*sorted(os.listdir('/proc/self/fd')))"]

    def seen() -> str:
        return subprocess.run(command, close_fds=False, capture_output=True, text=True, check=True).stdout

    before = seen()
    house = House(tmp_path / "state", generate("guarded:Room"))
    try:
        assert house.connect().root.lines() == ()
        assert seen() == before
    finally:
        house.close()


# ---- the handshake ----


@pytest.mark.parametrize("point", WEAK)
@pytest.mark.parametrize("top", [0, 0x80])
def test_a_point_of_small_order_gets_no_answer(fortress: Fortress, untouched: None, point: str, top: int) -> None:
    """N01"""
    weak = bytearray.fromhex(point)
    weak[31] |= top
    assert answer(fortress, opening("NK") + framed(bytes(weak) + os.urandom(16))) == b""


def test_a_first_message_of_any_other_length_gets_no_answer(fortress: Fortress, untouched: None) -> None:
    """N03"""
    for pattern, lengths in MESSAGES.items():
        options = {} if pattern == "NK" else {"static": os.urandom(32)}
        message = first_message(fortress, pattern, **options)
        assert len(message) == lengths[0]
        for length in (0, 1, 31, lengths[0] - 1):
            assert answer(fortress, opening(pattern) + framed(message[:length])) == b"", (pattern, length)
            assert answer(fortress, opening(pattern) + framed(message)[: length + 2], ends=True) == b""
        for more in (1, 16, 64, 65535 - lengths[0]):
            assert answer(fortress, opening(pattern) + framed(message + b"x" * more)) == b"", (pattern, more)


def test_an_opening_of_anything_else_gets_no_answer(fortress: Fortress, untouched: None) -> None:
    good = opening("NK") + framed(first_message(fortress))
    for at in range(10):
        for flip in (0x01, 0x80, 0xFF):
            changed = bytearray(good)
            changed[at] ^= flip
            assert answer(fortress, bytes(changed), ends=True) in (b"",), (at, flip)


def test_every_bit_of_the_first_message_counts(fortress: Fortress, untouched: None) -> None:
    good = opening("NK") + framed(first_message(fortress))
    for bit in range(10 * 8, len(good) * 8, 7):
        changed = bytearray(good)
        changed[bit // 8] ^= 1 << bit % 8
        if bit == 41 * 8 + 7:
            continue  # X25519 leaves the top bit out of its result, but not Noise out of its transcript
        assert answer(fortress, bytes(changed)) == b"", bit


def test_the_top_bit_of_the_ephemeral_key_counts_as_well(fortress: Fortress, untouched: None) -> None:
    changed = bytearray(opening("NK") + framed(first_message(fortress)))
    changed[41] ^= 0x80
    assert answer(fortress, bytes(changed)) == b""


def test_plain_pynto_gets_no_answer_at_an_encrypted_listener(fortress: Fortress, untouched: None) -> None:
    """N09"""
    for data in (
        HELLO_BYTES,
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        b"\n",
        b"PYNTO",
    ):
        assert answer(fortress, data, ends=True) == b""
    host, _, port = fortress.where.rpartition(":")
    with pytest.raises(ConnectionError):
        pynto.connect(f"tcp://{host}:{port}", timeout=5)


def test_an_encrypted_client_does_not_fall_back_to_plain(served_policy: Path) -> None:
    """N09"""
    import served

    with pynto.Server(served.Root(), policy=served_policy, listen="tcp://127.0.0.1:0") as server:
        where = server.address.removeprefix("tcp://")
        url = f"pynto://{_core.Key.generate().public}@{where}/{encoded(os.urandom(32))}"
        with pytest.raises(ConnectionError):
            pynto.connect(url, timeout=10)
        assert server.stats()["calls"] == 0


def test_another_transport_in_the_prologue_is_another_handshake(fortress: Fortress, untouched: None) -> None:
    """N07"""
    with RawChannel(fortress.url, source=fresh()) as channel, pytest.raises(EOFError):
        channel.shake("NK", transport=b"ws")


def test_a_client_without_the_servers_key_learns_nothing(fortress: Fortress, untouched: None) -> None:
    """N07"""
    with RawChannel(fortress.url, source=fresh()) as channel:
        channel.server_key = os.urandom(32)
        with pytest.raises(EOFError, match="0 of 2"):
            channel.shake("NK")


# ---- the login ----


def refusal(fortress: Fortress, login: bytes, pattern: str = "NK", **options: Any) -> tuple[int, bytes]:
    """The kind and the data of what a login gets, behind which the stream has to end."""
    with RawChannel(fortress.url, source=fresh()) as channel:
        channel.shake(pattern, **options).login(login)
        channel.send(DATA, HELLO_BYTES)
        frame = channel.frame()
        assert channel.rest() == b""
        text = bytes(channel.noise.decrypt(frame))
        return text[-1], text[:-1]


def test_unknown_wrong_expired_revoked_and_used_up_look_the_same(fortress: Fortress, untouched: None) -> None:
    """N19"""

    def secret(url: str) -> bytes:
        return bytes([LOGIN_CAPABILITY]) + RawChannel(url, source=fresh()).capability

    expired = secret(fortress.new(expires_at=int(time.time()) + 1))
    revoked = secret(fortress.new())
    fortress.state.revoke(fortress.state.capabilities()[-1].id)
    used_url = fortress.new(uses=1)
    pynto.connect(used_url).close()
    wrong = bytearray(secret(fortress.url))
    wrong[-1] ^= 1
    time.sleep(1.5)
    seen = {
        name: refusal(fortress, login)
        for name, login in {
            "unknown": bytes([LOGIN_CAPABILITY]) + os.urandom(32),
            "wrong": bytes(wrong),
            "expired": expired,
            "revoked": revoked,
            "used up": secret(used_url),
            "empty": b"",
            "short": bytes(wrong[:-1]),
            "no kind": b"\x00" + os.urandom(32),
            "a key, but none was proved": bytes([LOGIN_KEY]),
            "not signed": b"\x03" + os.urandom(96) + b"guarded:Reader",
        }.items()
    }
    seen["unknown key"] = refusal(fortress, bytes([LOGIN_KEY]), "IK", static=os.urandom(32))
    assert set(seen.values()) == {(REFUSED, b"")}, seen


def test_nothing_but_a_login_may_come_first_and_only_once(fortress: Fortress, untouched: None) -> None:
    """O05"""
    good = bytes([LOGIN_CAPABILITY]) + RawChannel(fortress.url, source=fresh()).capability
    for records in (
        [(DATA, HELLO_BYTES)],
        [(END, b"")],
        [(REFUSED, b"")],
        [(0, good)],
        [(5, good)],
        [(255, good)],
        [(LOGIN, good + b"x" * 1024)],
    ):
        with RawChannel(fortress.url, source=fresh()) as channel:
            channel.shake()
            channel.socket.sendall(b"".join(channel.sealed(*each) for each in records))
            assert channel.rest() == b"", records
    with RawChannel(fortress.url, source=fresh()) as channel:
        channel.shake().login()
        channel.send(DATA, HELLO_BYTES)
        channel.record()
        channel.send(LOGIN, good)
        channel.send(DATA, POST)
        assert channel.rest() == b""


def test_a_login_is_of_no_use_in_another_connection(fortress: Fortress, untouched: None) -> None:
    """N05: Everything that a client has said, said again: to the same server in another connection."""
    with RawChannel(fortress.url, source=fresh()) as channel:
        said = [opening("NK")]
        channel.noise = noise("NK", initiator=True, server_key=channel.server_key)
        said.append(framed(channel.noise.write_message()))
        channel.socket.sendall(b"".join(said))
        channel.noise.read_message(channel.frame())
        said.append(channel.sealed(LOGIN, bytes([LOGIN_CAPABILITY]) + channel.capability))
        said.append(channel.sealed(DATA, HELLO_BYTES))
        channel.socket.sendall(said[2] + said[3])
        channel.record()
        said.append(channel.sealed(DATA, POST))
    again = answer(fortress, b"".join(said))
    assert len(again) == 2 + 48  # its own answer to the handshake, and not a byte more


def test_brute_force_is_slowed_down_for_its_source_alone(fortress: Fortress) -> None:
    """O03"""
    source, turned_away, tried = fresh(), 0, 0
    while turned_away < 20 and tried < 2000:
        tried += 1
        try:
            with RawChannel(fortress.url, source=source) as channel:
                channel.shake().login(bytes([LOGIN_CAPABILITY]) + os.urandom(32))
                channel.rest()
        except (EOFError, ConnectionError):
            turned_away += 1
    assert turned_away == 20, "nobody was ever turned away"
    assert tried < 1000
    assert isinstance(fortress.lines(), tuple)


# ---- a man in the middle ----


class Middle:
    """Stands between a client and the server; change(number, record) gives what goes on in its place, client to server."""

    def __init__(self, fortress: Fortress, change: Callable[[int, bytes], bytes]) -> None:
        host, _, port = fortress.where.rpartition(":")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._where = (host, int(port))
        self._change = change
        self.url = fortress.url.replace(fortress.where, f"127.0.0.1:{self._listener.getsockname()[1]}")
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        near, _ = self._listener.accept()
        far = socket.create_connection(self._where, 10, (fresh(), 0))
        with near, far, contextlib.suppress(OSError):
            far.sendall(self._exactly(near, 8))
            number = 0
            buffer = b""
            while True:
                readable, _, _ = select.select([near, far], [], [], 10)
                if far in readable:
                    data = far.recv(65536)
                    if not data:
                        return
                    near.sendall(data)
                if near in readable:
                    data = near.recv(65536)
                    if not data:
                        return
                    buffer += data
                while len(buffer) >= 2 and len(buffer) >= (size := 2 + struct.unpack(">H", buffer[:2])[0]):
                    far.sendall(self._change(number, buffer[:size]))
                    buffer = buffer[size:]
                    number += 1

    @staticmethod
    def _exactly(stream: socket.socket, size: int) -> bytes:
        data = b""
        while len(data) < size:
            data += stream.recv(size - len(data)) or b"\0"
        return data

    def close(self) -> None:
        self._listener.close()
        self._thread.join(15)


# Messages of the client: 0 the handshake, 1 the login, 2 its hello, 3 and on its calls.
@pytest.mark.parametrize("number", [0, 1, 2, 3])
@pytest.mark.parametrize("what", ["flip", "drop", "repeat", "cut"])
def test_whoever_stands_between_can_only_end_it(fortress: Fortress, untouched: None, number: int, what: str) -> None:
    """N05 N11"""
    kept: list[bytes] = []

    def change(at: int, record: bytes) -> bytes:
        if at == number:
            changes = {
                "flip": record[:-1] + bytes([record[-1] ^ 1]),
                "drop": b"",
                "repeat": record + record,
                "cut": record[: len(record) // 2],
            }
            kept.append(record)
            return changes[what]
        return record

    middle = Middle(fortress, change)
    with pytest.raises((ConnectionError, pynto.DeadlineExceeded)):
        with pynto.connect(middle.url, timeout=3) as connection:
            for _ in range(3):  # of a ping that is lost nobody learns but by its time
                connection.ping(1.0)
    assert kept
    middle.close()


def test_a_stream_that_was_cut_is_told_apart_from_one_that_has_ended(fortress: Fortress) -> None:
    for number in (3, 99):
        stop = threading.Event()

        def change(at: int, record: bytes, number: int = number, stop: threading.Event = stop) -> bytes:
            if at >= number:
                raise OSError("cut")
            return record

        reasons: list[str] = []
        done = threading.Event()

        def tell(reason: str, reasons: list[str] = reasons, done: threading.Event = done) -> None:
            reasons.append(reason)
            done.set()

        middle = Middle(fortress, change)
        connection = pynto.connect(middle.url)
        connection.on_disconnect(tell)
        if number == 3:
            with pytest.raises(pynto.Disconnected, match="cut: the stream has ended, but nobody has said so"):
                connection.root.lines()
        connection.close()
        assert done.wait(10)
        assert ("cut" in reasons[0]) == (number == 3), reasons
        middle.close()


def test_a_client_that_was_cut_off_is_logged_as_such(fortress: Fortress, until: Callable[..., Any]) -> None:
    with RawChannel(fortress.url, source=fresh()) as channel:
        channel.shake().login()
        channel.send(DATA, HELLO_BYTES)
        channel.record()
        port = channel.socket.getsockname()[1]
    until(lambda: f":{port}: cut: the stream has ended, but nobody has said so" in fortress.log())


# ---- secrets ----


def test_no_secret_is_in_what_is_said_or_written(fortress: Fortress) -> None:
    """O07"""
    capability = fortress.url.rpartition("/")[2]
    key = (fortress.state.folder / "server.key").read_text()
    with fortress.connect() as connection:
        assert capability not in repr(connection) + connection.peer + repr(connection.root)
        assert capability not in str(connection.root.who())
        with pytest.raises(ValueError) as caught:
            connection.root.sleep(-1)
        assert capability not in str(caught.value)
    for bad in (fortress.url + "A", fortress.url[:-1], fortress.url.replace("@", "@@"), fortress.url + "/x"):
        with pytest.raises(ValueError) as error:
            pynto.connect(bad)
        assert capability[:20] not in str(error.value)
    with pytest.raises(ConnectionError) as refused:
        pynto.connect(fortress.url.replace(fortress.where, "127.0.0.1:1"))
    assert capability not in str(refused.value)
    log = fortress.log()
    assert capability not in log and key not in log and SECRET not in log
    assert capability.encode() not in Path(f"/proc/{fortress.process.pid}/cmdline").read_bytes()


@pytest.mark.memory
def test_the_servers_secret_is_in_its_memory_while_it_serves_and_not_afterwards(
    tmp_path: Path, start_child: Callable[..., Any], generate: Callable[..., Path], until: Callable[..., Any]
) -> None:
    """N23"""
    import base64

    program = f"""
import gc, sys, guarded, pynto
server = pynto.Server(guarded.Room(), policy={str(generate("guarded:Room"))!r}, listen="pynto://127.0.0.1:0", state={str(tmp_path / "state")!r})
server.start()
print(server.address, flush=True)
state = server.state
secret = state.new_capability()
server._keeper.load()
pynto.connect(state.address(server.address.rpartition("@")[2], secret)).close()
print("serving", flush=True)
sys.stdin.readline()
server.close()
del server, state
gc.collect()
print("closed", flush=True)
sys.stdin.readline()
"""
    import subprocess
    import sys

    child = start_child(sys.executable, "-c", program, stdin=subprocess.PIPE)
    child.line()
    assert child.line() == "serving"
    key = base64.urlsafe_b64decode((tmp_path / "state" / "server.key").read_text() + "=")
    if not _readable(child.pid):
        pytest.skip("the memory of a child may not be read here")
    assert _count(child.pid, key) >= 1
    child.process.stdin.write(b"\n")
    child.process.stdin.flush()
    assert child.line() == "closed"
    until(lambda: _count(child.pid, key) == 0, why="the key is still there")


def _readable(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/mem", "rb"):
            return True
    except OSError:
        return False


def _count(pid: int, needle: bytes) -> int:
    """How often a secret key stands in the memory of a process, as it is or as X25519 uses it.

    Stacks are left out: the dynamic linker saves vector registers there, with whatever was copied last by them, and no wiping of ours reaches that.
    """
    clamped = bytes([needle[0] & 248, *needle[1:31], needle[31] & 63 | 64])
    found = 0
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            where, access, *_ = line.split()
            start, _, end = where.partition("-")
            is_stack = line.rstrip().endswith("[stack]") or int(end, 16) - int(start, 16) == 8 << 20
            if access.startswith("rw") and not is_stack:
                with contextlib.suppress(OSError, ValueError, OverflowError):
                    memory.seek(int(start, 16))
                    data = memory.read(int(end, 16) - int(start, 16))
                    found += data.count(needle) + data.count(clamped)
    return found
