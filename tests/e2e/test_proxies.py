"""Do the proxies of docs/deploying.md, configured as it says, carry a WebSocket to a server that is told what it says?"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pynto
import pytest
from house import House
from rawpeer import GOODBYE, RETURN, RawPeer
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect as connect_web
from websockets.typing import Origin, Subprotocol

PAGE = (Path(__file__).parents[2] / "docs" / "deploying.md").read_text(encoding="utf-8")


def block(title: str) -> str:
    """The configuration that stands below the title."""
    lines = PAGE.split(f"\n{title}:\n\n")[1].split("\n\n")[0].splitlines()
    return "\n".join(line.removeprefix("    ") for line in lines) + "\n"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def replaced(text: str, *pairs: tuple[str, str]) -> str:
    for old, new in pairs:
        assert old in text, f"{old} is not in the page's configuration"
        text = text.replace(old, new)
    return text


def haproxy(server: int, port: int, folder: Path) -> list[str]:
    """Without the certificate: it is another's business."""
    config = replaced(
        block("HAProxy"),
        ("bind :443 ssl crt /etc/haproxy/chat.pem", f"bind 127.0.0.1:{port}"),
        ("127.0.0.1:8080", f"127.0.0.1:{server}"),
    )
    times = "defaults\n    mode http\n    timeout connect 5s\n    timeout client 60s\n    timeout server 60s\n"
    (folder / "haproxy.cfg").write_text(times + config)
    return ["haproxy", "-f", str(folder / "haproxy.cfg"), "-db"]


def caddy(server: int, port: int, folder: Path) -> list[str]:
    config = replaced(
        block("Caddy"), ("chat.example {", f"http://chat.example:{port} {{"), ("127.0.0.1:8080", f"127.0.0.1:{server}")
    )
    (folder / "Caddyfile").write_text("{\n    admin off\n    auto_https off\n}\n" + config)
    return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


class Stream:
    """What RawPeer needs of a socket."""

    def __init__(self, web: Any) -> None:
        self.web = web
        self.seconds = 20.0

    def settimeout(self, seconds: float) -> None:
        self.seconds = seconds

    def sendall(self, data: bytes) -> None:
        self.web.send(data)

    def recv(self, _: int) -> bytes:
        data: bytes = self.web.recv(self.seconds)
        return data


def program_of(make: Callable[..., list[str]]) -> str:
    found = shutil.which(make.__name__, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(f"there is no {make.__name__} here: tools/setup --tests installs it")
    return found


@pytest.mark.parametrize("make", [haproxy, caddy])
def test_a_websocket_goes_through(
    make: Callable[..., list[str]],
    serve_hall: Callable[..., Any],
    start_child: Callable[..., Any],
    until: Callable[..., Any],
    tmp_path: Path,
) -> None:
    program = program_of(make)
    options = re.search(r"--listen ws://127\.0\.0\.1:8080/chat (--ws-host \S+ --ws-origin \S+)\n", PAGE)
    assert options is not None
    server = serve_hall(*options[1].split(), listen="ws://127.0.0.1:0/chat")
    port = free_port()
    command = make(int(re.findall(r":(\d+)/", server.address)[0]), port, tmp_path)
    child = start_child(program, *command[1:], env={"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)})

    def dial() -> socket.socket | None:
        assert child.process.poll() is None, child.stderr
        try:
            return socket.create_connection(("127.0.0.1", port), 5)
        except ConnectionRefusedError:
            return None

    def web(**more: Any) -> Any:
        stream = until(dial, 20, "the proxy does not listen")
        host = "chat.example" if make is haproxy else f"chat.example:{port}"
        return connect_web(f"ws://{host}/chat", sock=stream, subprotocols=[Subprotocol("pynto.1")], **more)

    ours, theirs = socket.socketpair()
    with ours, theirs, web(origin=Origin("https://chat.example")) as made:
        peer = RawPeer(ours, timeout=20)
        peer._stream = Stream(made)  # type: ignore[assignment]  # of the same shape
        peer.hello()
        assert peer.call(0, "post", ["ada", "x" * 1000]) == [RETURN, None]
        assert peer.call(0, "history") == [RETURN, ["ada: " + "x" * 1000]]
        peer.send([GOODBYE, 0, "done"])
    with pytest.raises(InvalidStatus) as caught, web(origin=Origin("https://evil.example")):
        pass
    assert caught.value.response.status_code == 403


@pytest.mark.parametrize("make", [haproxy, caddy])
def test_the_encrypted_channel_goes_through_and_nothing_of_it_can_be_read(
    make: Callable[..., list[str]],
    generate: Callable[..., Path],
    start_child: Callable[..., Any],
    until: Callable[..., Any],
    tmp_path: Path,
) -> None:
    """Configured as above, but for the name: our client asks for the host that it has connected to."""
    program = program_of(make)
    house = House(tmp_path / "state", generate("guarded:Room"), listen="pynto+ws://127.0.0.1:0/chat")
    server, port = int(re.findall(r":(\d+)/", house.address)[0]), free_port()
    command = make(server, port, tmp_path)
    config = tmp_path / ("haproxy.cfg" if make is haproxy else "Caddyfile")
    config.write_text(
        config.read_text().replace("hdr(host) -i chat.example", "path_beg /").replace("chat.example", "127.0.0.1")
    )
    child = start_child(program, *command[1:], env={"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)})

    def listens() -> bool:
        assert child.process.poll() is None, child.stderr
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), 5):
            return True
        return False

    try:
        until(listens, 20, "the proxy does not listen")
        with pynto.connect(house.url().replace(f":{server}/", f":{port}/")) as connection:
            assert connection.root.size(b"x" * 500_000) == 500_000
            assert connection.root.who()[1] == "pynto+ws"
    finally:
        house.close()
