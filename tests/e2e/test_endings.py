"""What a server and its clients say when something ends or is not as it was: beyond what test_cli.py asks of each command."""

from __future__ import annotations

import contextlib
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pynto
import pytest

CHAT = Path(__file__).parents[2] / "examples" / "chat"


@pytest.fixture
def chat(serve_child: Callable[..., Any], chat_policy: Path) -> Any:
    """The example, served as its page says."""
    return serve_child(target="chat:Room", policy=chat_policy, cwd=CHAT)


def test_serve_says_what_it_serves_and_where(chat: Any) -> None:
    with pynto.connect(chat.address) as connection:
        connection.root.post("ada", "hello")
        assert connection.root.history() == ("ada: hello",)
        assert connection.root.reader().history() == ("ada: hello",)
        assert not hasattr(connection.root, "erase")
        with pytest.raises(ValueError, match="too long for this room"):
            connection.root.post("ada", "x" * 1001)


def test_a_signal_ends_serve_while_calls_wait(serve_child: Callable[..., Any], in_thread: Callable[..., Any]) -> None:
    child = serve_child()
    connection = pynto.connect(child.address)
    task = in_thread(lambda: connection.root.slow(60.0, 1))
    kept = in_thread(lambda: connection.root.apply(lambda value: time.sleep(1) or value, 1))
    watching = pynto.connect(child.address)
    deadline = time.monotonic() + 10
    while watching.root.most_at_once() == 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    began = time.monotonic()
    child.send_signal(signal.SIGTERM)
    assert child.wait(10) == 0
    assert time.monotonic() - began < 5
    for each in (task, kept):
        with pytest.raises(ConnectionError):
            each.result()


def test_verbose_tells_of_connections(serve_child: Callable[..., Any], until: Callable[..., Any]) -> None:
    child = serve_child("--verbose")
    pynto.connect(child.address).close()
    until(lambda: len(child.errors) >= 1)


def test_a_port_in_use_is_an_exit_code_and_costs_the_first_server_nothing(
    serve_child: Callable[..., Any], run_pynto: Callable[..., Any], served_policy: Path
) -> None:
    for listen in ("tcp://127.0.0.1:0", ""):
        first = serve_child(listen=listen)
        done = run_pynto("serve", "served:Root", "--policy", str(served_policy), "--listen", first.address)
        assert done.returncode == 1
        assert "in use" in done.stderr
        assert len(done.stderr.splitlines()) == 1
        with pynto.connect(first.address) as connection:
            assert connection.root.add(1) == 2


def test_a_drifted_module_is_not_served_and_the_line_says_what(
    generate: Callable[..., Path], run_pynto: Callable[..., Any], tmp_path: Path
) -> None:
    module = tmp_path / "shop.py"
    module.write_text("class Shop:\n    def price(self, what: str) -> int:\n        return 1\n", encoding="utf-8")
    policy = generate("shop:Shop", path=tmp_path)
    module.write_text("class Shop:\n    def price(self, what: str) -> object:\n        return self\n", encoding="utf-8")
    done = run_pynto("serve", "shop:Shop", "--policy", str(policy), "--listen", f"unix://{tmp_path}/s", cwd=tmp_path)
    assert done.returncode == 2
    assert "drifted" in done.stderr
    assert "Shop.price" in done.stderr
    assert "Traceback" not in done.stderr


def test_connect_notices_that_the_server_goes(chat: Any, run_pynto: Callable[..., Any]) -> None:
    done = run_pynto(
        "connect", chat.address, "-c", f"import os; os.kill({chat.pid}, 9); [root.history() for _ in range(10**6)]"
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("pynto.errors.Disconnected: ")
    assert "client.py" not in done.stderr, "only what the user has written stands in the traceback"


def test_a_name_that_does_not_resolve_is_told(run_pynto: Callable[..., Any]) -> None:
    with contextlib.suppress(socket.gaierror):
        socket.getaddrinfo("no-such-host.invalid", 1)
        pytest.skip("names of .invalid resolve here")
    done = run_pynto("ping", "tcp://no-such-host.invalid:1", "--plain")
    assert done.returncode == 1
    assert "no-such-host.invalid" in done.stderr
