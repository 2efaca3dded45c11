"""Do strangers understand our channel: two implementations of Noise that are not ours, at either end of it?"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import guarded
import msgpack
import pynto
import pytest
import rawchannel
from dissononce.cipher.chachapoly import ChaChaPolyCipher
from dissononce.dh.x25519.private import PrivateKey
from dissononce.dh.x25519.public import PublicKey
from dissononce.dh.x25519.x25519 import X25519DH
from dissononce.hash.blake2b import Blake2bHash
from dissononce.processing.handshakepatterns.interactive.IK import IKHandshakePattern
from dissononce.processing.handshakepatterns.interactive.NK import NKHandshakePattern
from dissononce.processing.handshakepatterns.interactive.XX import XXHandshakePattern
from dissononce.processing.impl.cipherstate import CipherState
from dissononce.processing.impl.handshakestate import HandshakeState
from dissononce.processing.impl.symmetricstate import SymmetricState
from pynto import _core
from pynto.state import State
from rawchannel import (
    DATA,
    END,
    LOGIN,
    LOGIN_CAPABILITY,
    LOGIN_KEY,
    REFUSED,
    RawChannel,
    decoded,
    framed,
    opening,
    prologue,
)
from rawpeer import HELLO, RETURN, VERSION, pack

GREETING = pack([HELLO, "pynto", VERSION, None, {}]) + b"\n"


@pytest.fixture(scope="module")
def guarded_policy(generate: Callable[..., Path]) -> Path:
    return generate("guarded:Room")


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state")


@pytest.fixture
def own_key(tmp_path: Path) -> Path:
    (tmp_path / "keys").mkdir(mode=0o700)
    path = tmp_path / "keys" / "ada.key"
    _core.Key.generate().save(path)
    return path


@pytest.fixture
def server(state: State, own_key: Path, guarded_policy: Path) -> Iterator[pynto.Server]:
    (state.folder / "authorized_keys").write_text(_core.Key(own_key).public + "\n")
    with pynto.Server(guarded.Room(), policy=guarded_policy, listen="pynto://127.0.0.1:0", state=state) as made:
        yield made


@pytest.fixture
def url(server: pynto.Server, state: State) -> str:
    made = state.address(server.address.rpartition("@")[2], state.new_capability())
    server._keeper.load()  # type: ignore[union-attr]
    return made


def is_welcomed(kind: int, data: bytes) -> bool:
    """The server's hello: it has let us in, and has understood ours."""
    unpacker = msgpack.Unpacker()
    unpacker.feed(data)
    return kind == DATA and unpacker.unpack()[:2] == [HELLO, "pynto"]


# ---- noiseprotocol ----


def test_a_client_of_noiseprotocol_comes_in_by_a_capability(url: str) -> None:
    """N25"""
    with RawChannel(url) as channel:
        channel.shake("NK").login()
        channel.send(DATA, GREETING)
        assert is_welcomed(*channel.record())
        channel.send(END)
        kinds = []
        while not kinds or kinds[-1] != END:
            kinds.append(channel.record()[0])
        assert kinds[-1] == END and channel.rest() == b""


@pytest.mark.parametrize("pattern", ["IK", "XX"])
def test_a_client_of_noiseprotocol_comes_in_by_a_key(url: str, own_key: Path, pattern: str) -> None:
    with RawChannel(url) as channel:
        channel.shake(pattern, static=decoded(own_key.read_text())).login(bytes([LOGIN_KEY]))
        channel.send(DATA, GREETING)
        assert is_welcomed(*channel.record())


@pytest.mark.parametrize("pattern", ["NKpsk0", "NKpsk2", "IKpsk1", "IKpsk2", "XXpsk3"])
def test_a_client_of_noiseprotocol_comes_in_with_a_preshared_secret(
    tmp_path: Path, own_key: Path, guarded_policy: Path, pattern: str
) -> None:
    """N27"""
    folder = tmp_path / "shared"
    folder.mkdir(mode=0o700)
    _core.Key.generate().save(folder / "psk.key")
    state = State(folder)
    (folder / "authorized_keys").write_text(_core.Key(own_key).public + "\n")
    secret = state.new_capability()
    has_key = not pattern.startswith("NK")
    with pynto.Server(guarded.Room(), policy=guarded_policy, listen="pynto://127.0.0.1:0", state=state) as server:
        with RawChannel(state.address(server.address.rpartition("@")[2], secret)) as channel:
            static = decoded(own_key.read_text()) if has_key else None
            channel.shake(pattern, static=static, psk=decoded((folder / "psk.key").read_text()))
            channel.login(bytes([LOGIN_KEY]) if has_key else None)
            channel.send(DATA, GREETING)
            assert is_welcomed(*channel.record())


def test_records_of_every_size_are_taken(url: str) -> None:
    """A call in records of one byte, then one in records of the largest size."""
    call = pack([0, "size", [b"x" * 200_000], {}]) + b"\n"
    with RawChannel(url) as channel:
        channel.shake().login()
        for byte in GREETING:
            channel.send(DATA, bytes([byte]))
        assert is_welcomed(*channel.record())
        largest = 65535 - 17
        for at in range(0, len(call), largest):
            channel.send(DATA, call[at : at + largest])
        assert channel.record() == (DATA, pack([RETURN, 200_000]) + b"\n")


class Responder:
    """A server's end by noiseprotocol: takes one client of ours."""

    def __init__(self, pattern: str, *, psk: bytes | None = None) -> None:
        self.key = _core.Key.generate()
        self.pattern = pattern
        self.psk = psk
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def run(self, folder: Path) -> tuple[bytes, bytes]:
        """Its login and what came behind it; then it is refused."""
        path = folder / "responder.key"
        self.key.save(path)
        public = decoded(self.key.public)
        noise = rawchannel.noise(
            self.pattern, initiator=False, server_key=public, static=decoded(path.read_text()), psk=self.psk
        )
        stream, _ = self.listener.accept()
        with stream, self.listener:
            file = stream.makefile("rb")
            assert file.read(8) == opening(self.pattern)
            noise.read_message(file.read(struct.unpack(">H", file.read(2))[0]))
            stream.sendall(framed(noise.write_message()))
            texts = [bytes(noise.decrypt(file.read(struct.unpack(">H", file.read(2))[0]))) for _ in range(2)]
            assert [text[-1] for text in texts] == [LOGIN, DATA]
            stream.sendall(framed(noise.encrypt(bytes([REFUSED]))))
            file.read()
        return texts[0][:-1], texts[1][:-1]


@pytest.mark.parametrize("pattern", ["NK", "NKpsk2", "IK", "IKpsk2"])
def test_our_client_understands_a_server_of_noiseprotocol(
    tmp_path: Path, own_key: Path, in_thread: Callable[..., Any], pattern: str
) -> None:
    """N25"""
    folder = own_key.parent
    _core.Key.generate().save(folder / "psk.key")
    has_key = pattern.startswith("IK")
    psk = folder / "psk.key" if pattern.endswith("psk2") else None
    responder = Responder(pattern, psk=decoded(psk.read_text()) if psk else None)
    running = in_thread(lambda: responder.run(folder))
    address = f"pynto://{responder.key.public}@127.0.0.1:{responder.port}"
    capability = b"c" * 32
    if not has_key:
        address += "/" + pynto.state.encoded(capability)
    with pytest.raises(pynto.Refused, match="does not let us in"):
        pynto.connect(address, key=own_key if has_key else None, psk=psk)
    login, hello = running.result()
    assert login == (bytes([LOGIN_KEY]) if has_key else bytes([LOGIN_CAPABILITY]) + capability)
    assert msgpack.unpackb(hello[:-1])[:3] == [HELLO, "pynto", VERSION]


# ---- dissononce ----


@pytest.mark.parametrize("pattern", ["NK", "IK", "XX"])
def test_a_client_of_dissononce_comes_in(url: str, own_key: Path, pattern: str) -> None:
    """N25"""
    patterns = {"NK": NKHandshakePattern, "IK": IKHandshakePattern, "XX": XXHandshakePattern}
    state = HandshakeState(SymmetricState(CipherState(ChaChaPolyCipher()), Blake2bHash()), X25519DH())
    with RawChannel(url) as channel:
        own = None
        if pattern != "NK":
            own = X25519DH().generate_keypair(PrivateKey(decoded(own_key.read_text())))
        remote = None if pattern == "XX" else PublicKey(channel.server_key)
        state.initialize(patterns[pattern](), True, prologue(pattern, channel.server_key), s=own, rs=remote)
        message = bytearray()
        state.write_message(b"", message)
        channel.socket.sendall(opening(pattern) + framed(bytes(message)))
        pair = state.read_message(channel.frame(), bytearray())
        if pair is None:
            message = bytearray()
            pair = state.write_message(b"", message)
            channel.socket.sendall(framed(bytes(message)))
        sending, receiving = pair
        login = bytes([LOGIN_CAPABILITY]) + channel.capability if pattern == "NK" else bytes([LOGIN_KEY])
        for kind, data in ((LOGIN, login), (DATA, GREETING)):
            channel.socket.sendall(framed(sending.encrypt_with_ad(b"", data + bytes([kind]))))
        text = receiving.decrypt_with_ad(b"", channel.frame())
        assert is_welcomed(text[-1], text[:-1])
