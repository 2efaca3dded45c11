"""Does one and the same conversation work over every transport, and does each transport keep to itself?"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pynto
import pytest

SOCKETS = ("tcp", "tcp6", "ws", "ws6", "unix", "fd to listen", "fd to connect", "socket")
TRANSPORTS = (*SOCKETS, "spawn", "stdio", "pair")


@contextlib.contextmanager
def piped(hall: Any) -> Iterator[tuple[pynto.Connection, subprocess.Popen[bytes]]]:
    """``pynto serve --stdio`` in a child of our own, as ssh would start it, and a connection over its streams."""
    command = hall.serve("hall:Hall", "--stdio")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, cwd=hall.folder) as child:
        try:
            assert child.stdout is not None and child.stdin is not None
            connection = pynto.StdStreamConnection(child.stdout, child.stdin)  # type: ignore[arg-type]  # raw streams
            child.stdout.close()
            child.stdin.close()
            with connection:
                yield connection, child
        finally:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(5)
            child.kill()


@pytest.fixture
def module(hall: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module hall, in this process."""
    monkeypatch.syspath_prepend(str(hall.folder))
    import hall as imported  # type: ignore[import-not-found]  # written by a fixture

    return imported


@pytest.fixture
def open_by(
    hall: Any, serve_hall: Callable[..., Any], module: Any, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], contextlib.AbstractContextManager[pynto.Connection]]:
    """open_by("unix"): a connection to a fresh hall:Hall."""
    monkeypatch.chdir(hall.folder)

    @contextlib.contextmanager
    def opened(transport: str) -> Iterator[pynto.Connection]:
        with contextlib.ExitStack() as stack:
            if transport == "spawn":
                yield stack.enter_context(pynto.spawn("hall:Hall", policy=hall.policy))
            elif transport == "stdio":
                yield stack.enter_context(piped(hall))[0]
            elif transport == "pair":
                yield stack.enter_context(pynto.pair(module.Hall(), policy=hall.policy))
            elif transport == "fd to listen":
                listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
                fd = listening.fileno()
                serve_hall(listen=f"fd://{fd}", pass_fds=(fd,))
                yield stack.enter_context(pynto.connect(f"tcp://127.0.0.1:{listening.getsockname()[1]}"))
            elif transport == "fd to connect":
                server = serve_hall(listen="tcp://127.0.0.1:0")
                made = socket.create_connection(("127.0.0.1", int(server.address.rpartition(":")[2])), timeout=10)
                yield stack.enter_context(pynto.connect(f"fd://{made.detach()}"))
            elif transport == "socket":
                ours, theirs = socket.socketpair()
                server = stack.enter_context(pynto.Server(module.Hall(), policy=hall.policy))
                server.adopt(theirs)
                yield stack.enter_context(pynto.connect(ours))
            else:
                listen = {
                    "tcp": "tcp://127.0.0.1:0",
                    "tcp6": "tcp://[::1]:0",
                    "ws": "ws://127.0.0.1:0/hall",
                    "ws6": "ws://[::1]:0/hall",
                    "unix": "",
                }[transport]
                yield stack.enter_context(pynto.connect(serve_hall(listen=listen).address))

    return opened


def converse(room: Any) -> None:
    """What every transport has to carry."""
    heard: list[str] = []
    room.subscribe(heard.append)
    room.post("ada", "hello")
    room.post(author="bob", text="caf\u00e9 \n \U0001f600")
    said = ("ada: hello", "bob: caf\u00e9 \n \U0001f600")
    assert room.history() == said
    assert heard == list(said)
    assert list(room.lines()) == list(said)
    reader = room.reader()
    assert reader.history() == said
    with pytest.raises(AttributeError):
        reader.post("eve", "hi")
    with pytest.raises(AttributeError):
        room.erase()
    with pytest.raises(TypeError):
        room.post("eve", 7)
    with pytest.raises(ValueError, match=r"^that is too long for this room$"):
        room.post("eve", "x" * 1001)
    long = "y" * 1000
    for _ in range(300):
        room.post("carol", long)
    assert len(room.history()) == 302 and room.history()[-1] == f"carol: {long}"


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_same_conversation_goes_over(transport: str, open_by: Callable[[str], Any]) -> None:
    if transport in ("tcp6", "ws6") and not has_ipv6():
        pytest.skip("no IPv6 loopback here")
    with open_by(transport) as connection:
        converse(connection.root)
        assert 0 < connection.ping() < 10
    assert connection.closed


# ---- stdio ----

WAYS = ("print", "first stdout", "descriptor", "subprocess")
NOISES = [f"{way} {where}" for where in ("at import", "in a call", "in an iterator") for way in WAYS]


@pytest.mark.parametrize("transport", ["spawn", "stdio"])
def test_what_a_served_module_prints_goes_to_stderr_and_disturbs_nothing(
    transport: str, open_by: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HALL_IS_LOUD", "1")
    with open_by(transport) as connection:
        room = connection.root
        room.post("ada", "hello")
        assert room.history() == ("ada: hello",)
        assert list(room.lines()) == ["ada: hello"]
        assert room.post("bob", "still here") is None
    printed = capfd.readouterr()
    lines = printed.err.splitlines()
    assert [noise for noise in NOISES if noise not in lines] == []
    assert "stdin holds b''" in lines  # nor can it read what the client has sent
    assert printed.out == ""


def test_a_stdio_server_ends_when_its_client_closes(hall: Any) -> None:
    with piped(hall) as (connection, child):
        connection.root.post("ada", "hello")
        assert child.poll() is None
        connection.close()
        assert child.wait(5) == 0


def is_running(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:  # it may go while it is read
        return False
    return text.rpartition(")")[2].split()[0] != "Z"  # an orphan may wait for somebody to fetch it


def test_a_spawned_server_is_gone_when_close_returns(open_by: Callable[[str], Any]) -> None:
    with open_by("spawn") as connection:
        pid = connection.root.pid()
        assert pid != os.getpid() and is_running(pid)
    assert not is_running(pid)


CLIENT = """
import sys, threading, pynto
connection = pynto.spawn("hall:Hall", policy=sys.argv[1])
room = connection.root
print(room.pid(), flush=True)
if sys.argv[2]:
    room.nap(0.5, sys.argv[2])
threading.Event().wait(60)
"""


@pytest.mark.parametrize("is_busy", [False, True], ids=["idle", "in a call"])
def test_a_stdio_server_ends_when_its_client_is_killed(
    is_busy: bool, hall: Any, start_child: Callable[..., Any], until: Callable[..., Any], tmp_path: Path
) -> None:
    nap = tmp_path / "nap"
    command = [sys.executable, "-P", "-c", CLIENT, str(hall.policy), str(nap) if is_busy else ""]
    client = start_child(*command, cwd=hall.folder)
    pid = int(client.line())
    assert is_running(pid)
    if is_busy:
        until(Path(f"{nap}.begun").exists)
    client.send_signal(signal.SIGKILL)
    assert client.wait() == -signal.SIGKILL
    until(lambda: not is_running(pid), 10, "the server has outlived its client")
    assert not Path(f"{nap}.ended").exists()  # what nobody wants any more is ended
    assert "Traceback" not in client.stderr


# ---- where a server listens, and for how long ----


def test_a_unix_socket_is_for_its_owner_alone_and_goes_with_the_server(
    serve_hall: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "hall.sock"
    before = os.umask(0)
    try:
        server = serve_hall(listen=f"unix://{path}")
    finally:
        os.umask(before)
    mode = path.stat().st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o600
    server.send_signal(signal.SIGTERM)
    assert server.wait(10) == 0
    assert not path.exists()


def test_a_socket_that_a_killed_server_has_left_is_taken_over(serve_hall: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "hall.sock"
    first = serve_hall(listen=f"unix://{path}")
    first.send_signal(signal.SIGKILL)
    first.wait(10)
    assert path.exists()
    second = serve_hall(listen=f"unix://{path}")
    with pynto.connect(second.address) as connection:
        assert connection.root.pid() == second.pid


def test_a_socket_that_is_served_is_not_taken_over(
    serve_hall: Callable[..., Any], run_pynto: Callable[..., Any], hall: Any
) -> None:
    server = serve_hall()
    options = ["--policy", str(hall.policy), "--listen", server.address]
    done = run_pynto("serve", "hall:Hall", *options, cwd=hall.folder)
    assert done.returncode == 1 and "in use" in done.stderr, done
    with pynto.connect(server.address) as connection:
        assert connection.root.pid() == server.pid


@pytest.mark.parametrize("has_run", [True, False], ids=["has run", "has never run"])
def test_a_server_that_was_closed_listens_no_more(has_run: bool, hall: Any, module: Any, tmp_path: Path) -> None:
    path = tmp_path / "hall.sock"
    server = pynto.Server(module.Hall(), policy=hall.policy, listen=[f"unix://{path}", "tcp://127.0.0.1:0"])
    if has_run:
        server.start()
    assert path.exists()
    server.close()
    assert not path.exists()
    for address in server.addresses:
        with pytest.raises(pynto.Disconnected):
            pynto.connect(address, quotas={"hello": 2})


# ---- TCP beyond this machine ----


@pytest.mark.parametrize(
    "address", ["tcp://0.0.0.0:0", "tcp://[::]:0", "tcp://192.0.2.1:0", "ws://0.0.0.0:0/", "ws://[::]:0/"]
)
def test_plain_tcp_beyond_this_machine_is_not_listened_to(
    address: str, hall: Any, run_pynto: Callable[..., Any]
) -> None:
    done = run_pynto("serve", "hall:Hall", "--policy", str(hall.policy), "--listen", address, cwd=hall.folder)
    assert done.returncode == 1 and done.stdout == "", done
    assert len(done.stderr.splitlines()) == 1 and address in done.stderr and "plain" in done.stderr, done.stderr


def test_a_server_in_a_program_refuses_it_as_well(hall: Any, module: Any) -> None:
    with pytest.raises(OSError, match="plain"):
        pynto.Server(module.Hall(), policy=hall.policy, listen="tcp://0.0.0.0:0")


def test_plain_opens_it(serve_hall: Callable[..., Any]) -> None:
    server = serve_hall("--plain", listen="tcp://0.0.0.0:0")
    port = int(server.address.rpartition(":")[2])
    assert server.address == f"tcp://0.0.0.0:{port}" and port > 0
    with pynto.connect(f"tcp://127.0.0.1:{port}") as connection:
        assert connection.root.pid() == server.pid
