"""Served over standard streams and Unix sockets: what the program prints, reads, starts or names is not the protocol's."""

from __future__ import annotations

import fcntl
import os
import select
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pynto
import pytest
import victim as served
from attacker import HELLO_BYTES, HERE, POLICY, Process, call_bytes, serving, until
from rawpeer import NEWLINE, RETURN, Mine, pack

SERVE = [sys.executable, "-P", "-m", "pynto", "serve"]


class Pipes:
    """A server on a pair of pipes, as a client that started it has it."""

    def __init__(self, folder: Path, target: str = "victim:Root", policy: Path = POLICY, cwd: Path = HERE) -> None:
        self.errors = folder / "stderr"
        with self.errors.open("wb") as stderr:
            self.process = subprocess.Popen(
                [*SERVE, target, "--policy", str(policy), "--stdio"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                cwd=cwd,
                bufsize=0,
            )
        assert self.process.stdin is not None and self.process.stdout is not None
        self.into = self.process.stdin.fileno()
        self.out = self.process.stdout.fileno()

    def talk(self, data: bytes, until_bytes: bytes, seconds: float = 20) -> bytes:
        """Writes while it reads, until the bytes stand at the end."""
        deadline = time.monotonic() + seconds
        came = bytearray()
        os.set_blocking(self.into, False)
        while not came.endswith(until_bytes):
            writers = [self.into] if data else []
            readable, writable, _ = select.select([self.out], writers, [], max(0, deadline - time.monotonic()))
            assert readable or writable, f"nothing moves: {bytes(came[-100:])!r} {self.errors.read_text()[-2000:]}"
            if writable:
                with suppress(BlockingIOError):
                    data = data[os.write(self.into, data[: 1 << 16]) :]
            if readable:
                part = os.read(self.out, 1 << 16)
                assert part, f"it has ended: {self.errors.read_text()[-2000:]}"
                came += part
        return bytes(came)


@contextmanager
def pipes(**options: Any) -> Iterator[Pipes]:
    with tempfile.TemporaryDirectory() as folder:
        made = Pipes(Path(folder), **options)
        try:
            yield made
        finally:
            assert made.process.stdin is not None and made.process.stdout is not None
            made.process.stdin.close()
            made.process.stdout.close()
            try:
                made.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                made.process.kill()
                made.process.wait()
                raise


def answer(value: Any) -> bytes:
    return pack([RETURN, value]) + NEWLINE


def test_what_the_program_prints_is_no_message() -> None:
    """M01: print(), write(1), a child's output, at import and in a handler: they go to stderr; the stream stays valid."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "noisy.py").write_text(
            "import os, sys\nprint('at import')\nos.write(1, b'raw at import\\n')\nsys.stdout.write('more\\n')\n"
            "class Root:\n    def ok(self) -> int:\n        print('in a call', flush=True)\n        return 1\n"
        )
        policy = Path(folder, "p.json")
        policy.write_text(_policy("noisy:Root"))
        with pipes(target="noisy:Root", policy=policy, cwd=Path(folder)) as server:
            came = server.talk(HELLO_BYTES + call_bytes(0, "ok") * 3, answer(1) * 3)
            assert b"at import" not in came and b"more" not in came and b"in a call" not in came
            assert "at import" in server.errors.read_text()
    with pipes() as server:
        came = server.talk(
            HELLO_BYTES + call_bytes(0, "say", "canary") + call_bytes(0, "add", 1, 2), answer(6) + answer(3)
        )
        assert b"canary" not in came and b"from a child" not in came
        log = server.errors.read_text()
        assert log.count("canary") == 2 and "from a child" in log


def _policy(target: str, methods: str = '{\n    "ok": "() -> int"\n   }') -> str:
    return (
        f'{{\n "interfaces": {{\n  "{target}": {{\n   "class": "{target}",\n   "methods": {methods}\n  }}\n }},\n'
        f' "platform": "linux",\n "pynto-policy": 1,\n "python": "{sys.version_info[0]}.{sys.version_info[1]}",\n'
        f' "roots": {{\n  "Root": "{target}"\n }}\n}}\n'
    )


@pytest.mark.parametrize("how", ["input", "pdb", "read"])
def test_nothing_that_waits_for_a_person_gets_the_peers_bytes(how: str) -> None:
    """M03: input(), a debugger, a read of descriptor 0: they find the end of input."""
    with tempfile.TemporaryDirectory() as folder, pipes() as server:
        commands = f"import os; os.system('touch {folder}/pwned')\n".encode()
        server.talk(HELLO_BYTES + call_bytes(0, "add", 20, 22), answer(42))
        came = server.talk(call_bytes(0, "prompt", how) + call_bytes(0, "add", 1, 2), answer(3))
        assert came.split(answer(3))[0] in (
            answer("EOFError"),
            answer("BdbQuit"),
            answer("b''"),
            answer("OSError"),
            answer("None"),
        )
        os.set_blocking(server.into, True)
        os.write(server.into, commands)
        assert b"\xf9\x08" in server.talk(b"", NEWLINE)  # it is taken for a message, and for none
        assert not Path(folder, "pwned").exists()


def test_both_sides_may_write_more_than_the_pipes_hold() -> None:
    """M05: ten MiB each way, without a deadlock; the flags of our ends are as they were."""
    with pipes() as server:
        flags = fcntl.fcntl(server.out, fcntl.F_GETFL)
        text = "w" * (1 << 19)
        calls = call_bytes(0, "echo", text) * 20
        came = server.talk(HELLO_BYTES + calls + call_bytes(0, "add", 40, 2), answer(42), 30)
        assert came.count(answer(text)) == 20
        assert fcntl.fcntl(server.out, fcntl.F_GETFL) == flags


def test_a_server_on_standard_streams_ends_with_its_client() -> None:
    """M05 L05: at the end of input, at a goodbye, and when nobody reads: soon, and without a traceback."""
    for farewell in (b"", pack([-7, 0, ""]) + NEWLINE, b"\xc1"):
        with pipes() as server:
            server.talk(HELLO_BYTES + call_bytes(0, "add", 40, 2), answer(42))
            os.set_blocking(server.into, True)
            os.write(server.into, farewell)
            assert server.process.stdin is not None
            server.process.stdin.close()
            server.process.wait(timeout=10)
            assert "Traceback" not in server.errors.read_text()


# ---- Unix sockets ----


def test_a_unix_socket_is_its_owners_from_the_first_moment() -> None:
    """M07: mode 0600 whatever the umask is; there is no moment at which it is more."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "pynto.sock")
        seen: set[int] = set()
        stop = threading.Event()

        def watch() -> None:
            while not stop.is_set():
                with suppress(FileNotFoundError):
                    seen.add(stat.S_IMODE(os.stat(path).st_mode))

        watcher = threading.Thread(target=watch)
        watcher.start()
        before = os.umask(0)
        try:
            with serving() as server:
                os.umask(before)
                assert stat.S_IMODE(os.stat(server.unix).st_mode) == 0o600
            code = f"import sys; sys.path.append({str(HERE)!r}); import os, pynto, victim; os.umask(0)\nfor _ in range(20):\n"
            code += f"    s = pynto.Server(victim.Root(), policy={str(POLICY)!r}, listen='unix://{path}'); s.close(); del s\n"
            subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
        finally:
            os.umask(before)
            stop.set()
            watcher.join()
        assert seen <= {0o600}, {oct(mode) for mode in seen}


def test_a_server_that_was_never_started_is_closed_all_the_same() -> None:
    """F11 M07: its socket is gone, and can be made again."""
    with tempfile.TemporaryDirectory() as folder:
        policy = Path(folder, "p.json")
        policy.write_text(
            _policy("collections:Counter", "{}").replace(
                '   "class": "collections:Counter",\n   "methods": {}', '   "class": "collections:Counter"'
            )
        )
        for _ in range(2):
            server = pynto.Server(Counter(), policy=policy, listen=f"unix://{folder}/x.sock")
            server.close()
            assert not os.path.exists(f"{folder}/x.sock")


@pytest.mark.parametrize(
    ("length", "is_fine"),
    [(107, True), (108, False), (109, False), (5000, False)],
)
def test_a_path_that_is_too_long_is_not_cut(length: int, is_fine: bool) -> None:
    """M09"""
    with tempfile.TemporaryDirectory() as folder:
        path = folder + "/" + "s" * (length - len(folder) - 1)
        assert refused_at(f"unix://{path}") is not is_fine
        assert os.listdir(folder) == []


@pytest.mark.parametrize(
    "address",
    [
        "unix://",
        "unix://relative",
        "unix://./x",
        "unix://~/x",
        "unix:///a\0b",
        "unix:///nonexistent/x",
        "unix://@abstract",
        "unix://\0abstract",
    ],
)
def test_a_path_that_is_no_plain_absolute_path_is_refused(address: str) -> None:
    """M09: nothing abstract, relative, expanded or cut at a NUL."""
    assert refused_at(address)
    with pytest.raises((ValueError, OSError)):
        pynto.connect(address, timeout=1)
    assert "abstract" not in Path("/proc/net/unix").read_text()


def refused_at(address: str) -> bool:
    """Whether nothing can be served there; what was served for a moment is gone again."""
    try:
        server = pynto.Server(served.Root(), policy=POLICY, listen=address)
    except (OSError, ValueError) as error:
        assert str(error).isprintable()
        return True
    server.start().close()
    return False


def test_a_socket_that_somebody_planted_is_not_followed() -> None:
    """Q05 M07: a symlink, a file, a live server's socket at the path: it is left alone; a dead socket may be replaced."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "target")
        for plant in ("file", "link", "dangling"):
            path = Path(folder, f"{plant}.sock")
            if plant == "file":
                path.write_text("precious")
            else:
                if plant == "link":
                    target.write_text("precious")
                path.symlink_to(target if plant == "link" else Path(folder, "elsewhere"))
            assert refused_at(f"unix://{path}"), plant
            assert not Path(folder, "elsewhere").exists()
            assert path.is_symlink() or path.read_text() == "precious"
        with serving() as server:
            assert refused_at(f"unix://{server.unix}")
            with server.connect() as peer:
                peer.lives()


@pytest.mark.parametrize("address", ["tcp://0.0.0.0:0", "tcp://[::]:0", "tcp://:0"])
def test_beyond_this_machine_only_when_it_is_asked_for(address: str) -> None:
    """L13: plain TCP listens on the loopback address, or not at all."""
    assert refused_at(address)


def test_who_is_at_the_other_end_of_a_unix_socket_is_logged_by_uid(victim: Process) -> None:
    """M11 P03: from the kernel, not from the peer."""
    with victim.connect() as peer:
        peer.lives()
    until(lambda: f"uid {os.getuid()}" in victim.log(), "the log says who it was")


def test_a_descriptor_handed_over_is_a_listening_socket_or_refused() -> None:
    """Q11: a file, a pipe, a connected socket, a number that is not open."""
    read, write = os.pipe()
    ours, theirs = socket.socketpair()
    with tempfile.TemporaryFile() as file, ours, theirs:
        for fd in (read, file.fileno(), theirs.fileno()):
            given = os.dup(fd)
            assert refused_at(f"fd://{given}")
            with suppress(OSError):
                os.close(given)
        assert refused_at("fd://999999")
        assert refused_at("fd://-1")
    os.close(read)
    os.close(write)


def test_the_callbacks_of_a_client_work_over_pipes_as_well() -> None:
    """M01: as a baseline for the rest of this file."""
    with pipes() as server:
        came = server.talk(
            HELLO_BYTES + pack([0, "each", [Mine(1), 1], {}]) + NEWLINE, pack([1, "__call__", [0], {}]) + NEWLINE
        )
        assert came
        assert server.talk(pack([RETURN, 41]) + NEWLINE, answer(41))
