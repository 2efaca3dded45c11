"""Is a WebSocket as good as TCP, also with peers that others have written, and is a hostile server at its other end as harmless?"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pynto
import pytest
from rawpeer import GOODBYE, RETURN, RawPeer, pack
from websockets.asyncio.server import serve as serve_web
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect as connect_web
from websockets.typing import Subprotocol

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PYNTO = Subprotocol("pynto.1")


@pytest.fixture
def site(serve: Callable[..., Any]) -> Any:
    return serve(listen="ws://127.0.0.1:0/pynto")


def tcp_of(address: str) -> tuple[str, int]:
    host, _, port = address.removeprefix("ws://").partition("/")[0].rpartition(":")
    return host, int(port)


# ---- our client, our server ----


def test_everything_that_goes_over_tcp_goes_over_it(site: Any) -> None:
    with pynto.connect(site.address) as connection:
        root = connection.root
        assert root.add(1) == 2
        assert root.values().echo_bytes(bytes(range(256)) * 8192) == bytes(range(256)) * 8192
        assert root.countdown(5, lambda n: n + 1) == root.countdown(5, lambda n: n + 1)
        assert root.apply(lambda n: root.add(n), 4) == 5  # a call inside of a callback
        assert 0 < connection.ping() < 10
        assert connection.peer == site.address
    assert connection.closed


def test_many_threads_share_one(site: Any, in_thread: Callable[..., Any]) -> None:
    with pynto.connect(site.address) as connection:
        values = connection.root.values()

        def run(seed: int) -> bool:
            payload = os.urandom(70_000) + bytes([seed])
            return all(values.echo_bytes(payload) == payload for _ in range(20))

        tasks = [in_thread(lambda seed=seed: run(seed)) for seed in range(6)]
        assert all(task.result() for task in tasks)


def test_the_address_without_a_path_is_that_of_the_root(serve: Callable[..., Any]) -> None:
    site = serve(listen="ws://127.0.0.1:0")
    host, port = tcp_of(site.address)
    assert site.address == f"ws://{host}:{port}/"
    with pynto.connect(f"ws://{host}:{port}") as connection:
        assert connection.root.add(1) == 2


@pytest.mark.parametrize(
    "address",
    [
        "ws://127.0.0.1/chat",
        "ws://:1/chat",
        "ws://user@127.0.0.1:1/chat",
        "ws://127.0.0.1:1/chat?token=x",
        "ws://127.0.0.1:1/chat#x",
        "ws://127.0.0.1:1/%63hat",
        "ws://127.0.0.1:1/a/../chat",
        "ws://127.0.0.1:1/./chat",
        "ws://127.0.0.1:1//chat",
        "ws://127.0.0.1:1/chat/",
        "ws://127.0.0.1:1/ch at",
        "ws://127.0.0.1:1/chat\r\nX: y",
        "ws://127.0.0.1:1/" + "x" * 107,
        "WS://127.0.0.1:1/chat",
        "wss://127.0.0.1:1/chat",
    ],
)
def test_an_address_has_one_spelling(address: str) -> None:
    with pytest.raises(ValueError):
        pynto.connect(address)


def test_the_longest_path_is_served(serve: Callable[..., Any]) -> None:
    site = serve(listen="ws://127.0.0.1:0/" + "x" * 106)
    with pynto.connect(site.address) as connection:
        assert connection.root.add(1) == 2


def test_beyond_loopback_it_has_to_be_asked_for_by_name(serve: Callable[..., Any]) -> None:
    with pytest.raises(OSError, match="plain text beyond loopback has to be asked for"):
        serve(listen="ws://0.0.0.0:0/pynto")
    with pytest.raises(OSError, match="plain text beyond loopback has to be asked for"):
        pynto.connect("ws://192.0.2.1:1/pynto", timeout=1)
    site = serve(listen="ws://0.0.0.0:0/pynto", plain=True)
    port = tcp_of(site.address)[1]
    with pynto.connect(f"ws://127.0.0.1:{port}/pynto") as connection:
        assert connection.root.add(1) == 2


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"hosts": "chat.example"}, TypeError),
        ({"origins": "https://chat.example"}, TypeError),
        ({"hosts": [7]}, TypeError),
        ({"hosts": [""]}, ValueError),
        ({"hosts": ["chat.example:443"]}, ValueError),
        ({"hosts": ["https://chat.example"]}, ValueError),
        ({"hosts": ["*"]}, ValueError),
        ({"origins": ["https://chat.example/"]}, ValueError),
        ({"origins": ["chat.example"]}, ValueError),
        ({"origins": ["*"]}, ValueError),
    ],
)
def test_hosts_and_origins_that_nobody_could_send_are_refused(
    wrong: dict[str, Any], error: type[Exception], serve: Callable[..., Any]
) -> None:
    with pytest.raises(error):
        serve(listen="ws://127.0.0.1:0", **wrong)


def test_another_path_is_not_served_and_the_client_says_so(site: Any) -> None:
    host, port = tcp_of(site.address)
    with pytest.raises(pynto.ProtocolError, match="the server does not agree to a WebSocket: HTTP status 404"):
        pynto.connect(f"ws://{host}:{port}/other")


def test_the_wrong_scheme_at_either_end_is_a_clear_error(site: Any, serve: Callable[..., Any]) -> None:
    host, port = tcp_of(site.address)
    with pytest.raises(ConnectionError):
        pynto.connect(f"tcp://{host}:{port}")
    plain = serve(listen="tcp://127.0.0.1:0")
    with pytest.raises(pynto.ProtocolError, match="that is no HTTP"):
        pynto.connect(plain.address.replace("tcp://", "ws://") + "/pynto")


def test_a_connection_takes_its_place_before_its_handshake(
    serve: Callable[..., Any], until: Callable[..., Any]
) -> None:
    """One of the places for those who are not through yet: the oldest makes room, and half of so few are for those who are."""
    site = serve(listen="ws://127.0.0.1:0/pynto", connections=3, quotas={"handshake": 600, "hello": 600})
    with ExitStack() as stack:
        streams = []
        for count in (1, 2):  # two threads that let in at once may do it in either order
            streams.append(stack.enter_context(socket.create_connection(tcp_of(site.address), 10)))
            streams[-1].send(b"G")
            until(lambda count=count: [one["received"] for one in site.server.connections()] == [1] * count)
        stack.enter_context(socket.create_connection(tcp_of(site.address), 10))
        while streams[0].recv(4096):  # shown the door at once
            pass
        until(lambda: site.server.stats()["connections"] == 2)  # its end is seen a moment before its place is free
        with pynto.connect(site.address) as connection:
            assert connection.root.add(1) == 2
    until(lambda: site.server.stats()["connections"] == 0)
    with pynto.connect(site.address) as connection:
        assert connection.root.add(1) == 2


def test_a_handshake_that_takes_too_long_gives_its_place_back(
    serve: Callable[..., Any], until: Callable[..., Any]
) -> None:
    site = serve(listen="ws://127.0.0.1:0/pynto", connections=1, quotas={"handshake": 0.5})
    with socket.create_connection(tcp_of(site.address), 30) as stream:
        while stream.recv(4096):
            pass
        until(lambda: site.server.stats()["connections"] == 0)


# ---- the async client ----


def test_the_async_client_goes_over_it(site: Any) -> None:
    data = os.urandom(2_000_000)

    async def main() -> None:
        async with await pynto.aio.connect(site.address) as connection:
            values = await connection.root.values()
            assert await asyncio.gather(*(connection.root.add(n) for n in range(50))) == list(range(1, 51))
            assert await values.echo_bytes(data) == data
            assert connection.peer == site.address

    asyncio.run(main())


def test_the_async_client_says_what_is_wrong(site: Any) -> None:
    async def main(address: str, **more: Any) -> None:
        await pynto.aio.connect(address, **more)

    with pytest.raises(pynto.ProtocolError, match="HTTP status 404"):
        asyncio.run(main(site.address + "x"))
    with hostile(lambda stream, head: None) as address, pytest.raises(pynto.ProtocolError, match="no hello in time"):
        asyncio.run(main(address, quotas={"hello": 0.3}))


def test_the_async_client_takes_a_socket_over(site: Any) -> None:
    async def main() -> None:
        ours, theirs = socket.socketpair()
        site.server.adopt(theirs)
        async with await pynto.aio.connect(ours) as connection:
            assert ours.fileno() == -1
            assert await connection.root.add(1) == 2

    asyncio.run(main())


# ---- peers that others have written ----


class Foreign:
    """What RawPeer needs of a socket, of a client of the package websockets."""

    def __init__(self, web: Any) -> None:
        self.web = web
        self.timeout = 10.0

    def settimeout(self, seconds: float) -> None:
        self.timeout = seconds

    def sendall(self, data: bytes) -> None:
        self.web.send(data)

    def recv(self, _: int) -> bytes:
        from websockets.exceptions import ConnectionClosed

        try:
            data: bytes = self.web.recv(self.timeout)
        except ConnectionClosed:
            return b""
        return data

    def close(self) -> None:
        self.web.close()


@contextmanager
def foreign(address: str, **more: Any) -> Iterator[tuple[RawPeer, Any]]:
    ours, theirs = socket.socketpair()
    with ours, theirs, connect_web(address, subprotocols=[PYNTO], **more) as web:
        peer = RawPeer(ours, timeout=10)
        peer._stream = Foreign(web)  # type: ignore[assignment]  # of the same shape
        yield peer, web


def test_a_client_of_the_package_websockets_is_served(site: Any) -> None:
    with foreign(site.address) as (peer, web):  # it offers permessage-deflate
        assert web.subprotocol == PYNTO
        assert web.protocol.extensions == []
        peer.hello()
        assert peer.call(0, "add", [1]) == [RETURN, 2]
        data = os.urandom(1_000_000)
        values = peer.call(0, "values")[1]
        assert peer.call(values.id, "echo_bytes", [data]) == [RETURN, data]
        assert web.ping(b"there?").wait(10)
        wire = pack([0, "add", [2], {}]) + b"\n"
        web.send([wire[:3], wire[3:4], wire[4:]])  # in fragments
        assert peer.reply() == [RETURN, 3]
        peer.send([GOODBYE, 0, "done"])


def test_a_client_of_the_package_websockets_is_told_the_code(site: Any) -> None:
    from websockets.exceptions import ConnectionClosedError

    with foreign(site.address) as (peer, web):
        peer.hello()
        web.send("text")
        with pytest.raises(ConnectionClosedError) as caught:
            web.recv(10)
        assert caught.value.rcvd is not None and caught.value.rcvd.code == 1003


@pytest.mark.parametrize(
    ("more", "status"), [({"origin": "https://evil.example"}, 403), ({"additional_headers": {"Upgrade": "h2c"}}, 426)]
)
def test_a_client_of_the_package_websockets_is_refused(site: Any, more: dict[str, Any], status: int) -> None:
    with pytest.raises(InvalidStatus) as caught, foreign(site.address, **more):
        pass
    assert caught.value.response.status_code == status


def test_a_client_of_the_package_websockets_without_our_protocol_is_refused(site: Any) -> None:
    with pytest.raises(InvalidStatus), connect_web(site.address):
        pass


@contextmanager
def relay(target: str) -> Iterator[str]:
    """A server of the package websockets that passes everything on to a socket of ours, in a thread: its address."""
    host, _, port = target.removeprefix("tcp://").rpartition(":")
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    found: list[int] = []
    stop = loop.create_future()

    async def talk(web: Any) -> None:
        reader, writer = await asyncio.open_connection(host, int(port))

        async def back() -> None:
            while data := await reader.read(65536):
                await web.send(data)
            await web.close()

        task = asyncio.ensure_future(back())
        async for data in web:
            writer.write(data)
        writer.close()
        task.cancel()

    async def main() -> None:
        async with serve_web(talk, "127.0.0.1", 0, subprotocols=[PYNTO], ping_interval=0.05) as server:
            found.append(next(iter(server.sockets)).getsockname()[1])
            ready.set()
            await stop

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()))
    thread.start()
    assert ready.wait(20)
    try:
        yield f"ws://127.0.0.1:{found[0]}/any"
    finally:
        loop.call_soon_threadsafe(stop.set_result, None)
        thread.join(20)
        loop.close()


def test_our_client_talks_to_a_server_of_the_package_websockets(serve: Callable[..., Any]) -> None:
    site = serve(listen="tcp://127.0.0.1:0")
    with relay(site.address) as address, pynto.connect(address) as connection:
        assert connection.root.add(1) == 2
        data = os.urandom(3_000_000)
        assert connection.root.values().echo_bytes(data) == data
        until = time.monotonic() + 0.3  # some of its pings come meanwhile, and are answered
        while time.monotonic() < until:
            assert connection.root.add(2) == 3


# ---- a hostile server ----


@contextmanager
def hostile(talk: Callable[[socket.socket, bytes], None]) -> Iterator[str]:
    """A server that reads the head of one client, and then does what it likes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def run() -> None:
            stream, _ = listening.accept()
            with stream:
                stream.settimeout(20)
                head = b""
                while not head.endswith(b"\r\n\r\n"):
                    head += stream.recv(4096)
                try:
                    talk(stream, head)
                    while stream.recv(4096):  # until the client is gone
                        pass
                except OSError:
                    pass

        thread = threading.Thread(target=run)
        thread.start()
        yield f"ws://127.0.0.1:{listening.getsockname()[1]}/pynto"
        thread.join(20)
        assert not thread.is_alive()


def accept_of(head: bytes) -> bytes:
    key = next(line.split(b": ")[1] for line in head.split(b"\r\n") if line.startswith(b"Sec-WebSocket-Key"))
    return base64.b64encode(hashlib.sha1(key + GUID).digest())


def agreement(head: bytes, *more: bytes) -> bytes:
    lines = [
        b"HTTP/1.1 101 Switching Protocols",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Accept: " + accept_of(head),
        b"Sec-WebSocket-Protocol: pynto.1",
        *more,
    ]
    return b"\r\n".join([*lines, b"", b""])


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda head: b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP status 200"),
        (lambda head: b"HTTP/1.1 302 Found\r\nLocation: ws://evil.example/\r\n\r\n", "HTTP status 302"),
        (lambda head: b"\x93\xf9\x08\xa0\n", "that is no HTTP"),
        (lambda head: b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "does not speak HTTP/1.1"),
        (
            lambda head: agreement(head).replace(accept_of(head), accept_of(b"Sec-WebSocket-Key: x\r\n")),
            "somebody else's",
        ),
        (lambda head: agreement(head).replace(b"pynto.1", b"pynto.9"), "does not speak pynto.1"),
        (lambda head: agreement(head, b"Sec-WebSocket-Extensions: permessage-deflate"), "extension"),
        (lambda head: b"HTTP/1.1 101 x\r\n" + b"A: b\r\n" * 65, "too many fields"),
        (lambda head: b"HTTP/1.1 101 x\r\nA: " + b"b" * 70000, "beyond its limit"),
        (lambda head: agreement(head) + b"\x81\x02hi", "only binary ones count"),
        (lambda head: agreement(head) + b"\x82\x82\0\0\0\0hi", "a masked websocket frame"),
        (lambda head: agreement(head) + b"\xc2\x02hi", "reserved bits"),
        (lambda head: agreement(head) + b"\x82\x7f\x7f" + b"\xff" * 7 + b"x", "beyond its limit"),
    ],
)
def test_what_a_server_should_not_say_is_a_protocol_error(answer: Callable[[bytes], bytes], reason: str) -> None:
    def talk(stream: socket.socket, head: bytes) -> None:
        made = answer(head)
        if b"A: b\r\n" in made:
            made += b"\r\n"
        stream.sendall(made)

    with hostile(talk) as address, pytest.raises(pynto.ProtocolError, match=reason):
        pynto.connect(address)


def test_a_server_that_closes_in_an_orderly_way_is_gone(site: Any) -> None:
    with (
        hostile(lambda stream, head: stream.sendall(agreement(head) + b"\x88\x02\x03\xe9")) as address,
        pytest.raises(pynto.Disconnected, match="the peer has closed the websocket"),
    ):
        pynto.connect(address)


@pytest.mark.parametrize("sent", [b"", b"H", b"HTTP/1.1 101 Switching Protocols\r\n"])
def test_a_server_that_does_not_finish_its_answer_ends_at_the_time_of_connect(sent: bytes) -> None:
    with hostile(lambda stream, head: stream.sendall(sent)) as address:
        began = time.monotonic()
        with pytest.raises(pynto.ProtocolError, match="no websocket handshake in time"):
            pynto.connect(address, timeout=0.5)
        assert 0.4 < time.monotonic() - began < 10


def test_each_client_has_a_key_of_its_own() -> None:
    keys = []
    for _ in range(3):
        with hostile(lambda stream, head: keys.append(accept_of(head))) as address, pytest.raises(pynto.ProtocolError):
            pynto.connect(address, timeout=1.0)
    assert len(set(keys)) == 3


# ---- descriptors ----


@pytest.mark.parametrize("scheme", ["tcp", "ws", "unix"])
def test_no_descriptor_number_is_too_high(serve: Callable[..., Any], scheme: str, tmp_path: Any) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4096:
        pytest.skip("no more than 4096 descriptors may be open here")
    listen = {"tcp": "tcp://127.0.0.1:0", "ws": "ws://127.0.0.1:0/x", "unix": f"unix://{tmp_path}/s"}[scheme]
    site = serve(listen=listen)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4096), hard))
    try:
        with ExitStack() as stack:
            for _ in range(2000):
                stack.enter_context(open(os.devnull))
            connection = stack.enter_context(pynto.connect(site.address))
            assert max(int(name) for name in os.listdir("/proc/self/fd")) > 2000
            assert connection.root.add(1) == 2
            assert connection.ping() > 0
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
