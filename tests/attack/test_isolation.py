"""Does a process that serves strangers hold whoever has got hold of it, and does nobody else notice?"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import socket
import statistics
import struct
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pynto
import pytest
from processes import children, family, is_there
from pynto.state import State
from rawpeer import RETURN, RawPeer

HERE = Path(__file__).parents[1] / "python"
NEVER = ("any", "deque", "in", "pbkdf2", "range", "sum")
HAS_LANDLOCK = ctypes.CDLL(None).syscall(444, None, 0, 1) >= 1


@pytest.fixture(scope="module")
def policy_file(generate: Any) -> Path:
    path: Path = generate("fugitive:Fugitive")
    return path


@pytest.fixture
def isolated(serve_child: Callable[..., Any], policy_file: Path) -> Callable[..., Any]:
    def start(by: str = "connection", *options: str, **more: Any) -> Any:
        if not HAS_LANDLOCK:
            options = ("--isolate-best-effort", *options)
        return serve_child("--isolate", by, *options, target="fugitive:Fugitive", policy=policy_file, **more)

    return start


class Honest(threading.Thread):
    """Calls twenty times a second, and takes the time."""

    def __init__(self, address: str) -> None:
        super().__init__(daemon=True)
        self._connection = pynto.connect(address)
        self._root = self._connection.root
        self._root.pid()
        self._is_over = threading.Event()
        self.took: list[float] = []
        self.fault: BaseException | None = None

    def run(self) -> None:
        try:
            while not self._is_over.wait(0.05):
                began = time.perf_counter()
                self._root.pid()
                self.took.append(time.perf_counter() - began)
        except BaseException as error:
            self.fault = error

    def __enter__(self) -> Honest:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self.join(20.0)
        self._connection.close()
        if self.fault is not None:
            raise self.fault


# ---- what only the end of a process ends ----


@pytest.mark.parametrize("kind", NEVER)
def test_what_never_ends_costs_its_own_connection_alone(isolated: Callable[..., Any], kind: str) -> None:
    """J05"""
    child = isolated("connection", "--quota", "call_seconds=0.2", "--isolate-grace", "0.3")
    with Honest(child.address) as honest, pynto.connect(child.address) as connection:
        began = time.monotonic()
        with pytest.raises((pynto.Disconnected, pynto.DeadlineExceeded)) as caught:
            connection.root.never(kind)
        assert time.monotonic() - began < 20.0
        if isinstance(caught.value, pynto.Disconnected):
            assert "a call did not end" in str(caught.value)
        with pynto.connect(child.address) as again:
            assert again.root.add() == 1
        assert honest.is_alive()
    assert len(honest.took) >= 3
    assert statistics.quantiles(honest.took, n=100)[98] < 1.0 and statistics.median(honest.took) < 0.1, honest.took


def test_in_a_class_all_who_share_the_process_are_told(isolated: Callable[..., Any], in_thread: Any) -> None:
    child = isolated("class", "--quota", "call_seconds=0.2", "--isolate-grace", "0.3")
    with pynto.connect(child.address) as guilty, pynto.connect(child.address) as other:
        assert other.root.add() == 1
        task = in_thread(lambda: guilty.root.never("any"))
        with pytest.raises(pynto.Disconnected, match="a call did not end"):
            task.result()
        with pytest.raises(pynto.Disconnected, match="a call did not end"):
            other.root.add()
    with pynto.connect(child.address) as again:
        assert again.root.add() == 1


@pytest.mark.parametrize("scheme", ["unix", "tcp"])
def test_bytes_that_come_behind_a_look_for_them_go_to_the_process_that_serves(
    isolated: Callable[..., Any], scheme: str, tmp_path: Path, until: Any
) -> None:
    """The server looks whether something has come, and must not read it itself when it comes in that very moment: it has no root to offer."""
    library, looked = tmp_path / "late.so", tmp_path / "looked"
    source = Path(__file__).with_name("late.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True)
    options = {"listen": "tcp://127.0.0.1:0"} if scheme == "tcp" else {}
    env = {"LD_PRELOAD": " ".join([*os.environ.get("LD_PRELOAD", "").split(), str(library)]), "LATE_LOOK": str(looked)}
    child = isolated(**options, env=env)
    where = child.address.partition("://")[2]
    host, _, port = where.rpartition(":")
    with RawPeer((host, int(port)) if scheme == "tcp" else where) as peer:
        if scheme == "unix":
            until(looked.exists)
        peer.hello()
        assert peer.call(0, "add")[0] == RETURN
        assert (
            scheme == "unix" or not looked.exists()
        )  # of who comes from further away it is told when something is there


@pytest.mark.parametrize("end", ["crash", "leave", "killed"])
def test_a_process_that_ends_badly_costs_its_own_connection_alone(isolated: Callable[..., Any], end: str) -> None:
    child = isolated()
    with Honest(child.address) as honest, pynto.connect(child.address) as connection:
        root = connection.root
        if end == "killed":
            os.kill(root.pid(), signal.SIGKILL)
        with pytest.raises(pynto.Disconnected):
            root.crash() if end == "crash" else root.leave()
        with pynto.connect(child.address) as again:
            assert again.root.add() == 1
        assert honest.is_alive()


def test_a_process_that_gives_no_sign_of_life_is_ended(isolated: Callable[..., Any], until: Any) -> None:
    child = isolated("connection", "--isolate-patience", "0.5")
    with Honest(child.address), pynto.connect(child.address) as connection:
        pid = connection.root.pid()
        with pytest.raises(pynto.Disconnected):
            connection.root.stop_itself()
        until(lambda: not is_there(pid))
    until(lambda: any("did not answer" in line for line in child.errors))


def test_who_crashes_process_after_process_has_to_wait(isolated: Callable[..., Any]) -> None:
    """Five at once; then one in ten seconds."""
    child = isolated()
    ended = 0
    began = time.monotonic()
    with Honest(child.address) as honest:
        with pytest.raises(pynto.Disconnected, match="too many processes have ended badly"):
            while ended < 50:
                with pynto.connect(child.address) as connection:
                    with pytest.raises(pynto.Disconnected):
                        connection.root.leave()
                    ended += 1
        # One more, since a client may hear of the end before the server does, who counts it.
        assert 5 <= ended <= 6 + (time.monotonic() - began) / 10
        assert honest.is_alive()  # whoever is in stays in


def test_who_leaves_in_an_orderly_way_never_has_to(isolated: Callable[..., Any]) -> None:
    child = isolated()
    for _ in range(12):
        with pynto.connect(child.address) as connection:
            assert connection.root.add() == 1


# ---- ways out ----


def test_what_it_tries_is_refused(isolated: Callable[..., Any], tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    (tmp_path / "temporary").mkdir()
    listener = socket.create_server(("127.0.0.1", 0))
    local = socket.socket(socket.AF_UNIX)
    local.bind(str(tmp_path / "local"))
    local.listen()
    port = listener.getsockname()[1]
    child = isolated()
    with pynto.connect(child.address) as one, pynto.connect(child.address) as other, listener, local:
        sibling = other.root.pid()
        zygote, _ = family(child.pid)
        tries = [
            ("write", str(tmp_path / "temporary" / "new")),
            ("write", str(HERE / "fugitive.py")),
            ("write", "/dev/null"),
            ("remove", str(secret)),
            ("exec", ""),
            ("spawn", ""),
            ("fork", ""),
            ("connect", f"127.0.0.1:{port}"),
            ("unix", str(tmp_path / "local")),
            ("unix", child.address.removeprefix("unix://")),
            ("fill", str(tmp_path / "temporary")),
            ("fill", "/tmp"),
            *((kind, str(pid)) for kind in ("kill", "pidfd", "ptrace") for pid in (child.pid, zygote, sibling)),
            ("kill", "-1"),
            ("kill", "0"),
        ]
        if HAS_LANDLOCK:
            tries += [
                ("read", "/etc/passwd"),
                ("read", str(secret)),
                ("read", f"/proc/{child.pid}/mem"),
                ("read", "/proc/self/environ"),
                ("list", str(tmp_path)),
                ("list", "/proc/self/fd"),
            ]
        assert [(*each, one.root.tries(*each)) for each in tries] == [(*each, "PermissionError") for each in tries]
        assert other.root.pid() == sibling
    assert secret.exists() and not list((tmp_path / "temporary").iterdir())


def test_what_is_asked_for_is_let_and_nothing_beside(isolated: Callable[..., Any], tmp_path: Path) -> None:
    for name in ("let", "kept"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("x")
    (tmp_path / "read").write_text("y")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        child = isolated(
            "connection", "--isolate-write", str(tmp_path / "let"), "--isolate-read", str(tmp_path / "read"), "--isolate-network",
            "--isolate-file", "4096",
        )  # fmt: skip
        with pynto.connect(child.address) as connection:
            root = connection.root
            assert root.tries("connect", f"127.0.0.1:{port}").startswith("got")
            assert root.tries("write", str(tmp_path / "let" / "new")) == "got 1"
            assert root.tries("remove", str(tmp_path / "let" / "file")) == "got None"
            assert root.tries("fill", str(tmp_path / "let")) == "OSError"  # beyond the size of a file
            assert root.tries("read", str(tmp_path / "read")) == "got b'y'"
            for kind, path in (("write", "kept/new"), ("remove", "kept/file"), ("write", "read")):
                if HAS_LANDLOCK:
                    assert root.tries(kind, str(tmp_path / path)) == "PermissionError"
            assert root.tries("exec", "") == root.tries("kill", str(child.pid)) == "PermissionError"


@pytest.mark.memory
def test_memory_and_threads_have_an_end(isolated: Callable[..., Any]) -> None:
    child = isolated("connection", "--isolate-memory", str(128 << 20))
    with Honest(child.address), pynto.connect(child.address) as connection:
        root = connection.root
        assert root.take(1 << 20) == 1 and root.take(200 << 20) == 0
        assert 32 <= root.hoard() < 160
        assert 1 <= root.threads(1000) < 64
        assert root.add() == 1


def test_what_it_has_inherited_leads_nowhere(isolated: Callable[..., Any]) -> None:
    child = isolated()
    with Honest(child.address), pynto.connect(child.address) as connection:
        kinds = dict(connection.root.descriptors())
        assert {kinds[fd] for fd in (1, 2)} == {"pipe"} and "file" not in kinds.values()
        try:
            assert connection.root.scribble() >= 1
        except ConnectionError:
            pass  # its own stream was among them
        with pynto.connect(child.address) as again:
            assert again.root.add() == 1


# ---- secrets ----


@pytest.mark.memory
@pytest.mark.skipif(os.geteuid() != 0, reason="who is not root cannot read the memory of such a process")
def test_no_key_and_nothing_that_was_granted_is_in_its_memory(isolated: Callable[..., Any], tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    secrets = [state.new_capability() for _ in range(2)]
    child = isolated("connection", "--state", str(state.folder), listen="pynto://127.0.0.1:0")
    where = child.address.rpartition("@")[2]
    text = (state.folder / "server.key").read_text()
    import base64

    key = base64.urlsafe_b64decode(text + "=")
    digests = [grant.digest for grant in state.grants()]
    with pynto.connect(state.address(where, secrets[0])) as one, pynto.connect(state.address(where, secrets[1])) as two:
        workers = [root.pid() for root in (one.root, two.root)]
        zygote, others = family(child.pid)
        assert _has(child.pid, key) and any(_has(child.pid, digest) for digest in digests)  # so it can be found
        for pid in {zygote, *workers, *others}:
            for what in (key, text.encode(), *digests, *secrets):
                assert not _has(pid, what)


def _has(pid: int, what: bytes) -> bool:
    """Does it stand anywhere in what the process can write to, or has mapped?"""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            found = re.match(r"([0-9a-f]+)-([0-9a-f]+) r", line)
            if found is None or "[v" in line:
                continue
            start, end = (int(part, 16) for part in found.groups())
            try:
                memory.seek(start)
                if what in memory.read(end - start):
                    return True
            except OSError:
                continue
    return False


def test_a_state_that_it_could_read_is_refused(
    run_pynto: Callable[..., Any], policy_file: Path, tmp_path: Path
) -> None:
    for option, path in (("--state", tmp_path / "s" / "state"), ("--audit-log", tmp_path / "s" / "log")):
        (tmp_path / "s").mkdir(exist_ok=True)
        done = run_pynto(
            "serve", "fugitive:Fugitive", "--policy", str(policy_file), "--listen", "pynto://127.0.0.1:0", "--isolate", "class",
            "--isolate-read", str(tmp_path / "s"), *(() if option == "--state" else ("--state", str(tmp_path / "other"))),
            option, str(path), cwd=HERE,
        )  # fmt: skip
        assert done.returncode != 0 and "could read" in done.stderr and "serving" not in done.stdout


# ---- kernels that lack a part ----


def hide(*calls: int) -> Callable[[], None]:
    """For a child that is about to begin: as if the kernel did not have these system calls."""

    def install() -> None:
        steps = [struct.pack("HBBI", 0x20, 0, 0, 0)]
        for call in calls:
            steps += [struct.pack("HBBI", 0x15, 0, 1, call), struct.pack("HBBI", 0x06, 0, 0, 0x00050000 | 38)]
        steps.append(struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000))
        code = ctypes.create_string_buffer(b"".join(steps))
        program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code)))
        prctl = ctypes.CDLL(None, use_errno=True).prctl
        prctl.argtypes = [ctypes.c_int] + 4 * [ctypes.c_ulong]
        if prctl(38, 1, 0, 0, 0) != 0 or prctl(22, 2, ctypes.addressof(program), 0, 0) != 0:
            os._exit(99)

    return install


SECCOMP = {"x86_64": 317, "aarch64": 277}.get(os.uname().machine, 317)


@pytest.mark.parametrize(("part", "call"), [("Landlock", 444), ("seccomp", SECCOMP)])
def test_without_a_part_of_what_closes_it_in_nothing_is_served(
    run_pynto: Callable[..., Any], policy_file: Path, tmp_path: Path, part: str, call: int
) -> None:
    arguments = ("serve", "fugitive:Fugitive", "--policy", str(policy_file), "--listen", f"unix://{tmp_path}/s")
    done = run_pynto(*arguments, "--isolate", "connection", cwd=HERE, preexec_fn=hide(call))
    assert done.returncode != 0 and part in done.stderr and "serving" not in done.stdout


@pytest.mark.parametrize(("part", "call"), [("landlock", 444), ("seccomp", SECCOMP)])
def test_best_effort_says_what_is_on(serve_child: Callable[..., Any], policy_file: Path, part: str, call: int) -> None:
    child = serve_child(
        "--isolate", "connection", "--isolate-best-effort", target="fugitive:Fugitive", policy=policy_file, cwd=HERE,
        preexec_fn=hide(call),
    )  # fmt: skip
    line = child.line()
    assert "no new privileges" in line and part not in line
    with pynto.connect(child.address) as connection:
        root = connection.root
        assert root.add() == 1
        if part == "landlock":  # what seccomp alone can refuse
            for kind, where in (("write", "/tmp/x"), ("exec", ""), ("unix", "/tmp/x"), ("kill", str(child.pid))):
                assert root.tries(kind, where) == "PermissionError"
        else:
            assert root.tries("read", "/etc/passwd") == "PermissionError" or not HAS_LANDLOCK
    assert len(children(child.pid)) == 1
