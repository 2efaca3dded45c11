"""Is a web page in a real browser served when its origin is listed, and shown out when it is not?"""

from __future__ import annotations

import os
import queue
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgpack
import pytest

# Says hello and calls post() and history(); what has come until the answer to the last one, or how it ended, goes back to where the page is from.
PAGE = """<!doctype html><title>page</title><script>
const hex = bytes => Array.from(bytes, byte => byte.toString(16).padStart(2, "0")).join("");
const tell = (kind, text) => fetch("/" + kind, {method: "POST", body: text});
const bytes = text => Uint8Array.from(text.match(/../g), pair => parseInt(pair, 16));
const socket = new WebSocket("ADDRESS", "pynto.1");
let came = "";
let isDone = false;
socket.binaryType = "arraybuffer";
socket.onopen = () => socket.send(bytes("CALLS"));
socket.onmessage = event => {
    came += hex(new Uint8Array(event.data));
    if (came.includes("LAST") && !isDone) {
        isDone = true;
        tell("came", socket.protocol + " " + socket.extensions + " " + came).then(() => socket.close());
    }
};
socket.onclose = event => { if (!isDone) tell("closed", String(event.code)); };
</script>
"""

LINE = "ada: from a browser"
CALLS = [[-8, "pynto", 1, None, {}], [0, "post", ["ada", "from a browser"], {}], [0, "history", [], {}]]


class Site:
    """A web server with one page, that notes what the page tells it."""

    def __init__(self) -> None:
        self.page = b""
        self.told: queue.Queue[tuple[str, str]] = queue.Queue()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(site.page)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self.send_response(204)
                self.end_headers()
                site.told.put((self.path, body))

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self._thread.join(20)
        self.server.server_close()


@pytest.fixture
def web() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


@pytest.fixture
def visit(web: Site, start_child: Callable[..., Any], tmp_path: Path) -> Callable[[str], tuple[str, str]]:
    """visit("ws://..."): what the page has to tell about a server there."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("there is no Chromium here: tools/setup --tests installs it")

    def go(address: str) -> tuple[str, str]:
        calls = b"".join(msgpack.packb(call) + b"\n" for call in CALLS)
        last = msgpack.packb([-1, [LINE]]) + b"\n"
        page = PAGE.replace("ADDRESS", address).replace("CALLS", calls.hex()).replace("LAST", last.hex())
        web.page = page.encode()
        options = [
            "--headless",
            "--disable-gpu",
            "--no-first-run",
            "--disable-dev-shm-usage",
            "--remote-debugging-port=0",
        ]
        if os.geteuid() == 0:
            options.append("--no-sandbox")  # it refuses to have one as root
        home = {
            "HOME": str(tmp_path),
            "XDG_CONFIG_HOME": str(tmp_path / "config"),
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
        }
        start_child(chromium, *options, f"--user-data-dir={tmp_path}/profile", f"{web.origin}/", env=home)
        try:
            return web.told.get(timeout=90)
        except queue.Empty:
            pytest.fail("the page has told nothing")

    return go


def test_a_page_of_a_listed_origin_is_served(visit: Any, web: Site, serve_hall: Callable[..., Any]) -> None:
    server = serve_hall("--ws-origin", web.origin, listen="ws://127.0.0.1:0/hall")
    kind, told = visit(server.address)
    assert kind == "/came", told
    protocol, extensions, came = told.split(" ")
    assert protocol == "pynto.1" and extensions == ""
    assert bytes.fromhex(came).count(LINE.encode()) == 1


@pytest.mark.parametrize("listed", [[], ["--ws-origin", "http://127.0.0.1:1"]], ids=["none listed", "another listed"])
def test_a_page_of_another_origin_is_shown_out(listed: list[str], visit: Any, serve_hall: Callable[..., Any]) -> None:
    server = serve_hall(*listed, listen="ws://127.0.0.1:0/hall")
    assert visit(server.address) == ("/closed", "1006")  # all that a page learns of a refusal
