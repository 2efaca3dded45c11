"""Do the commands do what their help says, and end as scripts expect?"""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pynto
import pytest

SIGNALS = [signal.SIGTERM, signal.SIGINT]


# ---- serve ----


def test_serve_listens_at_every_address_that_it_says(serve_hall: Callable[..., Any], tmp_path: Path) -> None:
    more = ["--listen", "tcp://127.0.0.1:0", "--listen", f"unix://{tmp_path}/two.sock"]
    server = serve_hall(*more, count=3)
    assert [address.partition("://")[0] for address in server.addresses] == ["unix", "tcp", "unix"]
    for number, address in enumerate(server.addresses):
        with pynto.connect(address) as connection:
            assert len(connection.root.history()) == number, "one object behind all addresses"
            connection.root.post("ada", address)


def test_serve_takes_quotas(serve_hall: Callable[..., Any]) -> None:
    server = serve_hall("--quota", "references=2", "--quota", "message=2048")
    with pynto.connect(server.address) as connection:
        room = connection.root
        held = [room.lines(), room.lines()]
        with pytest.raises(pynto.QuotaExceeded, match="references: 2"):
            room.lines()
        assert list(held[0]) == []
        with pytest.raises((pynto.Refused, ConnectionError)):
            room.post("ada", "x" * 4000)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_an_idle_server(number: int, serve_hall: Callable[..., Any]) -> None:
    server = serve_hall(listen="tcp://127.0.0.1:0")
    server.send_signal(number)
    assert server.wait(5) == 0
    assert server.stderr == ""


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_a_server_with_a_client_who_gets_a_goodbye(
    number: int, serve_hall: Callable[..., Any], raw_socket: Callable[..., Any], last_words: Callable[..., Any]
) -> None:
    server = serve_hall()
    with pynto.connect(server.address) as connection, raw_socket(server.address) as peer:
        connection.root.post("ada", "hello")
        peer.sendall(b"\x95\xf8\xa5pynto\x01\xc0\x80\n")
        assert peer.recv(1)
        server.send_signal(number)
        assert server.wait(5) == 0
        assert [message[:2] for message in last_words(peer)][-1] == [-7, 0]
        with pytest.raises(pynto.Disconnected):
            connection.root.history()
    assert server.stderr == ""


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_cuts_no_call_in_its_middle(
    number: int,
    serve_hall: Callable[..., Any],
    in_thread: Callable[..., Any],
    until: Callable[..., Any],
    tmp_path: Path,
) -> None:
    server = serve_hall()
    nap = tmp_path / "nap"
    with pynto.connect(server.address) as connection:
        call = in_thread(lambda: connection.root.nap(0.7, str(nap)))
        until(Path(f"{nap}.begun").exists)
        server.send_signal(number)
        assert server.wait(5) == 0
        assert Path(f"{nap}.ended").exists()
        try:
            assert call.result(5) is None
        except pynto.Disconnected:
            pass
    assert "Traceback" not in server.stderr


def test_a_signal_ends_a_server_that_is_called_without_a_pause(
    serve_hall: Callable[..., Any], in_thread: Callable[..., Any]
) -> None:
    server = serve_hall()
    calls = threading.Semaphore(0)

    def hammer() -> None:
        with pynto.connect(server.address) as connection:
            room = connection.root
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                room.post("ada", "hello")
                calls.release()

    hammers = [in_thread(hammer) for _ in range(3)]
    for _ in range(200):
        assert calls.acquire(timeout=10)
    server.send_signal(signal.SIGTERM)
    assert server.wait(5) == 0
    for each in hammers:
        with pytest.raises(pynto.Disconnected):
            each.result(5)
    assert "Traceback" not in server.stderr


# ---- several roots ----


@pytest.fixture(scope="module")
def two_roots(hall: Any, generate: Callable[..., Path]) -> Path:
    """The policy of a=hall:Hall b=hall:lines."""
    return generate("a=hall:Hall", "b=hall:lines", path=hall.folder, config='[policy]\ndeny = ["hall:Hall.erase"]\n')


def test_a_policy_with_two_roots_serves_two_objects(
    hall: Any, two_roots: Path, start_child: Callable[..., Any], run_pynto: Callable[..., Any], tmp_path: Path
) -> None:
    address = f"unix://{tmp_path}/two.sock"
    options = ["--policy", str(two_roots), "--listen", address]
    server = start_child(
        sys.executable, "-P", "-m", "pynto", "serve", "a=hall:Hall", "b=hall:lines", *options, cwd=hall.folder
    )
    assert server.line() == f"serving hall:Hall, list[str] at {address}"
    with pynto.connect(address, root="a") as first, pynto.connect(address, root="b") as second:
        first.root.post("ada", "hello")
        second.root.append("bob: hi")
        assert first.root.history() == ("ada: hello",)
        assert list(second.root) == ["bob: hi"]
    done = run_pynto("connect", address, "--root", "b", "-c", "print(root[0], len(root))")
    assert (done.returncode, done.stdout) == (0, "bob: hi 1\n")
    for options in ([], ["--root", "c"]):
        done = run_pynto("ping", address, *options)
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1), done
        assert "root" in done.stderr


TWO_ROOTS = [
    (["hall:Hall"], "a=hall:Hall", "no names"),
    (["a=hall:Hall"], "b", "one is missing"),
    (["a=hall:Hall", "hall:lines"], "NAME=module:object", "one without a name"),
    (["a=hall:Hall", "c=hall:lines"], "a, b", "a name that the policy does not have"),
    (["a=hall:lines", "b=hall:Hall"], "hall:Hall", "the wrong way round"),
]


@pytest.mark.parametrize(("targets", "said", "why"), TWO_ROOTS, ids=[why for *_, why in TWO_ROOTS])
def test_roots_that_are_not_those_of_the_policy_are_one_line(
    targets: list[str], said: str, why: str, hall: Any, two_roots: Path, run_pynto: Callable[..., Any]
) -> None:
    done = run_pynto("serve", *targets, "--policy", str(two_roots), "--listen", "tcp://127.0.0.1:0", cwd=hall.folder)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), done
    assert done.stderr.startswith("pynto: ")
    if said != "a=hall:Hall":
        assert said in done.stderr
    else:
        assert "a, b" in done.stderr and "NAME=module:object" in done.stderr


# ---- connect ----


def test_connect_runs_code(serve_hall: Callable[..., Any], run_pynto: Callable[..., Any]) -> None:
    code = 'root.post("ada", "hello"); print(root.history(), connection.closed, root)'
    done = run_pynto("connect", serve_hall().address, "-c", code)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("('ada: hello',) False <") and "hall.Hall" in done.stdout


RAISED = [
    ("root.erase()", "AttributeError: ", "denied"),
    ("root.post('ada', 'x' * 2000)", "ValueError: that is too long for this room", "the object says no"),
    ("root.post(1, 2)", "TypeError: ", "not what the hints say"),
    ("import nowhere", "ModuleNotFoundError: No module named 'nowhere'", "nothing to do with us"),
    ("open('/nowhere/at/all')", "FileNotFoundError: ", "an OSError that is not ours"),
    ("root.post(", "SyntaxError: ", "no Python"),
    ("raise EOFError('mine')", "EOFError: mine", "not the end of our input"),
]


@pytest.fixture(scope="module")
def standing(hall: Any) -> Iterator[str]:
    """The address of a hall:Hall for tests that leave no trace in it."""
    command = hall.serve("hall:Hall", "--listen", "tcp://127.0.0.1:0")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=hall.folder) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().strip().rpartition(" at ")[2]
        finally:
            server.kill()


@pytest.mark.parametrize(("code", "said", "why"), RAISED, ids=[why for *_, why in RAISED])
def test_what_the_code_of_connect_raises_is_its_own(
    code: str, said: str, why: str, standing: str, run_pynto: Callable[..., Any]
) -> None:
    done = run_pynto("connect", standing, "-c", code)
    lines = done.stderr.splitlines()
    assert done.returncode == 1 and done.stdout == "", done
    assert any(line.startswith(said) for line in lines), done.stderr
    assert '  File "<-c>", line 1' in done.stderr
    assert "connect.py" not in done.stderr and "runpy" not in done.stderr


def test_the_code_of_connect_chooses_its_exit_code(standing: str, run_pynto: Callable[..., Any]) -> None:
    assert run_pynto("connect", standing, "-c", "raise SystemExit(7)").returncode == 7


def test_a_prompt_through_a_pipe_runs_one_line_after_the_other(
    serve_hall: Callable[..., Any], run_pynto: Callable[..., Any]
) -> None:
    source = 'root.post("ada", "hello")\nfor line in root.lines():\n    print("said:", line)\n\nroot.erase()\nlen(root.history())\n'
    done = run_pynto("connect", serve_hall().address, input=source)
    assert (done.returncode, done.stdout) == (0, "said: ada: hello\n1\n")
    assert "AttributeError" in done.stderr and ">>>" not in done.stdout + done.stderr


class Terminal:
    """A person at a terminal: types, and reads until something stands there."""

    def __init__(self, *command: str) -> None:
        self.fd, theirs = pty.openpty()
        env = {**os.environ, "TERM": "dumb", "INPUTRC": os.devnull, "PYTHONSTARTUP": ""}
        self.process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=env, start_new_session=True
        )
        os.close(theirs)
        self.seen = ""

    def type(self, text: str) -> None:
        self.seen = ""
        os.write(self.fd, text.encode())

    def read_until(self, text: str, timeout: float = 15.0) -> str:
        deadline = time.monotonic() + timeout
        while text not in self.seen:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                pytest.fail(f"{text!r} did not come: {self.seen!r}")
            try:
                data = os.read(self.fd, 4096)
            except OSError:  # the other side is closed
                data = b""
            if not data:
                pytest.fail(f"{text!r} did not come before the end: {self.seen!r}")
            self.seen += data.decode("utf-8", "replace")
        return self.seen

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        os.close(self.fd)


def test_a_person_at_a_terminal_gets_completion_on_the_root(serve_hall: Callable[..., Any]) -> None:
    pytest.importorskip("readline")
    server = serve_hall()
    terminal = Terminal(sys.executable, "-P", "-m", "pynto", "connect", server.address)
    try:
        banner = terminal.read_until(">>> ")
        assert "history" in banner and "post" in banner and "erase" not in banner
        terminal.type("root.po\t")
        terminal.read_until("root.post(")
        terminal.type('"ada", "hello")\n')
        terminal.read_until(">>> ")
        terminal.type("list(root.lin\t")
        terminal.read_until("list(root.lines(")
        terminal.type("\x15print(root.history(), 6 * 7)\n")  # ^U: whether it closes the call is the completer's choice
        terminal.read_until("('ada: hello',) 42\r\n>>> ")
        terminal.type("root.er\tase()\n")
        terminal.read_until("has no attribute 'erase'\r\n>>> ")
        terminal.type("\x04")
        assert terminal.process.wait(10) == 0
    finally:
        terminal.close()
    with pynto.connect(server.address) as connection:
        assert connection.root.history() == ("ada: hello",)


# ---- ping ----


@pytest.mark.parametrize(("options", "count"), [([], 4), (["--count", "1"], 1), (["-c", "50"], 50)])
def test_ping_measures_as_often_as_it_is_told(
    options: list[str], count: int, standing: str, run_pynto: Callable[..., Any]
) -> None:
    done = run_pynto("ping", standing, *options)
    assert (done.returncode, done.stderr) == (0, "")
    found = re.fullmatch(r"(\S+): (\d+) pings?, min (\d+) us, median (\d+) us, max (\d+) us\n", done.stdout)
    assert found is not None, done.stdout
    assert (found[1], int(found[2])) == (standing, count)
    least, middle, most = (int(found[number]) for number in (3, 4, 5))
    assert 0 < least <= middle <= most < 30_000_000


# ---- help, usage, exit codes ----

HELP = [
    ("pynto", [], ["serve", "connect", "ping", "pynto-policy generate", "pynto-policy check", "--policy policy.json"]),
    ("pynto", ["serve"], ["TARGET", "module:object", "--policy", "pynto-policy generate", "tcp://127.0.0.1:7117",
                          "unix:///", "0600", "fd://", "--stdio", "--plain", "encrypt", "--quota", "NAME=VALUE", "roots"]),
    ("pynto", ["connect"], ["ADDRESS", "tcp://host:port", "unix:///path", "root", "Tab", "help(root)", "-c CODE", "--root"]),
    ("pynto", ["ping"], ["ADDRESS", "tcp://host:port", "unix:///path", "--count", "default: 4"]),
    ("pynto.audit", [], ["generate", "check", "exit codes", "What can a client reach?"]),
    ("pynto.audit", ["generate"], ["module:object", "--output", "pynto.toml", "--type", "exit codes"]),
    ("pynto.audit", ["check"], ["--format", "json", "--frozen", "--strict", "policy file", "exit codes"]),
]  # fmt: skip


@pytest.mark.parametrize(("module", "command", "words"), HELP, ids=[" ".join([m, *c]) for m, c, _ in HELP])
def test_help_says_what_a_newcomer_needs(
    module: str, command: list[str], words: list[str], run_pynto: Callable[..., Any]
) -> None:
    done = run_pynto(*command, "--help", module=module)
    assert (done.returncode, done.stderr) == (0, "")
    text = " ".join(done.stdout.split())
    assert [word for word in words if word not in text] == []
    program = {"pynto": "pynto", "pynto.audit": "pynto-policy"}[module]
    assert done.stdout.startswith(f"usage: {' '.join([program, *command])} ")


CODES: list[tuple[str, list[str], int, str, str]] = [
    ("pynto", [], 2, "COMMAND", "no command"),
    ("pynto", ["sing"], 2, "sing", "an unknown command"),
    ("pynto", ["serve", "hall:Hall"], 2, "--policy", "no policy"),
    ("pynto", ["serve", "hall:Hall", "--policy", "POLICY"], 2, "--listen", "no address"),
    ("pynto", ["serve", "hall:Hall", "--policy", "POLICY", "--stdio", "--listen", "tcp://127.0.0.1:0"], 2, "--listen", "both"),
    ("pynto", ["serve", "hall:Hall", "--policy", "POLICY", "--listen", "127.0.0.1:0"], 2, "tcp://", "no kind of address"),
    ("pynto", ["serve", "hall:Hall", "--policy", "POLICY", "--listen", "tcp://127.0.0.1:70000"], 2, "port", "no such port"),
    ("pynto", ["serve", "hall:Hall", "--policy", "POLICY", "--listen", "unix:///nowhere/at/all.sock"], 1, "No such", "no folder"),
    ("pynto", ["serve", "hall:Hall", "--policy", "POLICY", "--listen", "fd://77"], 1, "fd://77", "no such descriptor"),
    ("pynto", ["serve", "hall:Hall", "--policy", "POLICY", "--stdio", "--quota", "speed=3"], 2, "speed", "an unknown quota"),
    ("pynto", ["serve", "hall:Hall", "--policy", "POLICY", "--stdio", "--quota", "message=big"], 2, "message=big", "not a number"),
    ("pynto", ["serve", "hall:Hall", "--policy", "POLICY", "--stdio", "--quota", "message"], 2, "NAME=VALUE", "no value"),
    ("pynto", ["serve", "hall:Hall", "--policy", "POLICY", "--stdio", "--quota", "message=-1"], 2, "message", "below zero"),
    ("pynto", ["serve", "hall:Hall", "--policy", "POLICY", "--stdio", "--quota", "message=nan"], 2, "message", "not a number either"),
    ("pynto", ["connect", "unix:///nowhere/at/all.sock", "-c", "1"], 1, "No such file", "nobody there"),
    ("pynto", ["connect", "http://127.0.0.1"], 2, "tcp://", "no address of ours"),
    ("pynto", ["ping", "unix:///nowhere/at/all.sock"], 1, "No such file", "nobody there"),
    ("pynto", ["ping", "unix:///nowhere/at/all.sock", "--count", "0"], 2, "--count", "too few"),
    ("pynto", ["ping", "unix:///nowhere/at/all.sock", "--count", "some"], 2, "--count", "not a number"),
    ("pynto.audit", ["generate"], 2, "pynto-policy: ", "nothing to generate from"),
    ("pynto.audit", ["generate", "hall"], 2, "hall", "no object"),
    ("pynto.audit", ["check", "missing.json"], 2, "missing.json", "no such file"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("module", "command", "code", "said", "why"), CODES, ids=[f"{m} {w} {i}" for i, (m, *_, w) in enumerate(CODES)]
)
def test_exit_codes(
    module: str, command: list[str], code: int, said: str, why: str, hall: Any, run_pynto: Callable[..., Any]
) -> None:
    command = [str(hall.policy) if word == "POLICY" else word for word in command]
    done = run_pynto(*command, module=module, cwd=hall.folder, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (code, ""), done
    assert said in done.stderr and "Traceback" not in done.stderr
    if not done.stderr.startswith("usage: "):
        assert len(done.stderr.splitlines()) == 1, done.stderr


def test_a_reader_of_the_output_who_leaves_costs_no_traceback(standing: str) -> None:
    command = [sys.executable, "-P", "-m", "pynto", "connect", standing, "-c", "print('x' * 1000000)"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stderr is not None
        child.stdout.close()
        assert child.wait(20) == 1
        assert b"pynto/" not in child.stderr.read()


# ---- what is imported ----

SHADOWS = ("msgpack", "typing", "json", "logging", "argparse", "pynto", "asyncio", "dataclasses")


def test_a_module_of_the_folder_never_takes_the_place_of_another(
    hall: Any, start_child: Callable[..., Any], tmp_path: Path
) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "hall.py").write_text((hall.folder / "hall.py").read_text(encoding="utf-8"), encoding="utf-8")
    for name in SHADOWS:
        (folder / f"{name}.py").write_text(
            f"open({str(tmp_path / name)!r}, 'x')\nraise SystemExit('{name}')\n", encoding="utf-8"
        )
    server = start_child(*hall.serve("hall:Hall", "--listen", f"unix://{tmp_path}/h.sock"), cwd=folder)
    assert server.line() == f"serving hall:Hall at unix://{tmp_path}/h.sock", server.stderr
    with pynto.connect(f"unix://{tmp_path}/h.sock") as connection:
        connection.root.post("ada", "hello")
        assert connection.root.history() == ("ada: hello",)
    assert [name for name in SHADOWS if (tmp_path / name).exists()] == []


def test_a_module_of_the_folder_does_not_disturb_spawn(
    hall: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hall.py").write_text((hall.folder / "hall.py").read_text(encoding="utf-8"), encoding="utf-8")
    for name in SHADOWS:
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('{name}')\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pynto.spawn("hall:Hall", policy=hall.policy) as connection:
        assert connection.root.history() == ()
