"""Does the encrypted channel hold within a WebSocket as it does over TCP, and is one never taken for the other?"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pynto
import pytest
from house import House
from pynto import _core
from websockets.exceptions import ConnectionClosed


@pytest.fixture(scope="module")
def guarded_policy(generate: Callable[..., Path]) -> Path:
    return generate("guarded:Room")


@pytest.fixture
def house(tmp_path: Path, guarded_policy: Path) -> Iterator[House]:
    made = House(tmp_path / "state", guarded_policy, listen="pynto+ws://127.0.0.1:0/chat")
    yield made
    made.close()


def test_who_holds_a_capability_comes_in_and_large_values_go_both_ways(house: House) -> None:
    url = house.url()
    capability = url.rpartition("#")[2]
    connection = house.connect(url)
    root = connection.root
    assert root.post("hello") == 1
    assert root.size(b"x" * 3_000_000) == 3_000_000
    assert root.bytes(2_000_000) == b"x" * 2_000_000
    assert root.who()[:2] == (f"capability {house.id()}", "pynto+ws")
    assert connection.peer == house.address
    assert capability not in connection.peer + repr(connection) and connection.peer.endswith("/chat")


def test_any_other_capability_key_or_path_is_refused(house: House) -> None:
    url = house.url()
    front, _, capability = url.rpartition("#")
    wrong = ("B" if capability[0] != "B" else "C") + capability[1:]
    with pytest.raises(pynto.Refused, match="does not let us in"):
        house.connect(f"{front}#{wrong}")
    with pytest.raises(pynto.Disconnected, match="is that the server of this key"):
        house.connect(url.replace(house.state.key.public, _core.Key.generate().public))
    with pytest.raises((pynto.Disconnected, pynto.ProtocolError)):
        house.connect(url.replace("/chat#", "/other#"))
    assert house.connect(url).root.lines() == ()


def test_what_was_granted_is_narrowed_revoked_and_made_again(house: House, until: Callable[..., Any]) -> None:
    url = house.url()
    narrow = house.connect(pynto.narrowed(url, "guarded:Reader"))
    with pytest.raises(AttributeError):
        narrow.root.post("x")
    with pynto.connect(url, reconnect=True) as connection:
        assert connection.root.lines() == ()
        house.state.revoke(house.id())
        until(lambda: connection.closed)
    until(lambda: narrow.closed or _fails(narrow))


def _fails(connection: pynto.Connection) -> bool:
    try:
        connection.root.lines()
    except pynto.Disconnected:
        return True
    return False


def test_a_websocket_that_somebody_has_closed_is_a_cut(house: House) -> None:
    """What stands between may end it, and say so in its own words; but it cannot say that the stream has ended."""
    from websockets.sync.client import connect as connect_web
    from websockets.sync.server import serve

    near, port = [], int(house.where.rpartition(":")[2].partition("/")[0])

    def pass_on(client: Any) -> None:
        with connect_web(f"ws://127.0.0.1:{port}/chat", subprotocols=["pynto.1"]) as far:  # type: ignore[list-item]
            near.append(client)
            threading.Thread(target=_pump, args=(far, client), daemon=True).start()
            _pump(client, far)

    with serve(pass_on, "127.0.0.1", 0, subprotocols=["pynto.1"], compression=None) as proxy:  # type: ignore[list-item]
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        url = house.url().replace(f":{port}/", f":{proxy.socket.getsockname()[1]}/")
        with pynto.connect(url) as connection:
            assert connection.root.lines() == ()
            near[0].close()
            with pytest.raises(pynto.Disconnected, match=r"^cut: "):
                connection.root.lines()
        proxy.shutdown()


def _pump(source: Any, target: Any) -> None:
    with contextlib.suppress(ConnectionClosed):
        for message in source:
            target.send(message)


def test_an_event_loop_drives_it(house: House) -> None:
    url = house.url()

    async def run() -> None:
        async with await pynto.aio.connect(url) as connection:
            assert await connection.root.post("hello") == 1
            assert len(await connection.root.bytes(1_000_000)) == 1_000_000

    asyncio.run(run())


def test_one_way_is_never_taken_for_the_other(house: House, tmp_path: Path, guarded_policy: Path) -> None:
    """Somebody unwraps the frames, or wraps what was bare: both ends mean another transport, and there is no key."""
    tcp = House(tmp_path / "tcp", guarded_policy)
    try:
        for ours, theirs in ((house, tcp), (tcp, house)):
            port = theirs.address.rpartition("@")[2].rpartition(":")[2].partition("/")[0]
            own = ours.address.rpartition("@")[2].rpartition(":")[2].partition("/")[0]
            with pytest.raises((pynto.Disconnected, pynto.ProtocolError)):
                ours.connect(ours.url().replace(f":{own}", f":{port}"), timeout=10)
    finally:
        tcp.close()


def test_frames_alone_do_not_make_the_channel_of_tcp_one_of_websockets(house: House) -> None:
    """A client of the channel over TCP whose bytes somebody puts into frames."""
    from rawchannel import LOGIN_CAPABILITY, decoded, framed, noise, opening
    from websockets.sync.client import connect as connect_web

    url = house.url()
    host, port = "127.0.0.1", int(house.where.rpartition(":")[2].partition("/")[0])
    key, capability = decoded(house.state.key.public), decoded(url.rpartition("#")[2])
    for transport, is_right in ((b"ws", True), (b"tcp", False)):
        stream = socket.create_connection((host, port), 10)
        with connect_web(f"ws://{host}:{port}/chat", sock=stream, subprotocols=["pynto.1"]) as web:  # type: ignore[list-item]
            made = noise("NK", initiator=True, server_key=key, transport=transport)
            web.send(opening("NK") + framed(made.write_message()))
            if not is_right:
                with pytest.raises(ConnectionClosed):
                    web.recv(10)
                continue
            answer = web.recv(10)
            assert isinstance(answer, bytes)
            made.read_message(answer[2:])
            web.send(framed(made.encrypt(bytes([LOGIN_CAPABILITY]) + capability + bytes([1]))))


@pytest.mark.parametrize(
    "address",
    [
        "pynto+ws://127.0.0.1:1/chat#short",
        "pynto+ws://KEY@127.0.0.1:1/ch?at",
        "pynto+ws://KEY@127.0.0.1:1/chat/" + "A" * 200,
        "pynto+ws://x@127.0.0.1:1/chat",
        "pynto+ws://KEY@127.0.0.1/chat",
        "pynto+ws://KEY@127.0.0.1:1/chat#" + "A" * 42 + "B",
    ],
)
def test_what_is_no_address_is_a_value_error(address: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        pynto.connect(address.replace("KEY", _core.Key.generate().public))


def test_an_address_to_listen_at_holds_no_capability(tmp_path: Path, guarded_policy: Path) -> None:
    import guarded

    state = pynto.State(tmp_path / "state")
    with pytest.raises(OSError, match="capability has no place"):
        pynto.Server(
            guarded.Room(), policy=guarded_policy, listen=f"pynto+ws://127.0.0.1:0/chat#{'A' * 43}", state=state
        )
