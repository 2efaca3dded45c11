"""What the attacks share: a client that keeps the bytes, a server in a process of its own, and the verdicts."""

from __future__ import annotations

import atexit
import json
import os
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from pynto.state import State
from rawpeer import (
    ERROR,
    FREE,
    GOODBYE,
    HELLO,
    LANE,
    NEWLINE,
    RETURN,
    VERSION,
    Mine,
    RawPeer,
    RawPeerError,
    pack,
)
from tunnel import SealedFar, SealedWebFar, WebFar, dig

HERE = Path(__file__).resolve().parent
COMMITTED = HERE / "victim.policy.json"
HELLO_BYTES = pack([HELLO, "pynto", VERSION, None, {}]) + NEWLINE
DENIAL = pack([ERROR, ["Refused", "not permitted", None, None]]) + NEWLINE
SECRET = "s3cr3t-canary-7f21"
PATIENCE = 10.0  # seconds until a server that answers late counts as one that does not
CLOSE_WITHIN = 1.0
# The whole suite over another one: PYNTO_ATTACK_TRANSPORT=pynto tools/test python -- tests/attack
DEFAULT_TRANSPORT = os.environ.get("PYNTO_ATTACK_TRANSPORT", "unix")
TRANSPORTS = ("tcp", "unix", "stdio", "ws", "pynto")
EVERY_TRANSPORT = (
    *TRANSPORTS,
    "pynto+ws",
)  # a Unix socket and stdio have no encrypted form: they never leave the machine


def policy_of_the_victim() -> Path:
    """The committed policy, or one made for the interpreter that runs, when that is another one."""
    policy = json.loads(COMMITTED.read_text())
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    if policy["python"] == running:
        return COMMITTED
    made = Path(tempfile.mkdtemp(prefix="victim-")) / "victim.policy.json"
    atexit.register(shutil.rmtree, made.parent, ignore_errors=True)
    command = [
        sys.executable,
        "-P",
        "-m",
        "pynto.audit.cli",
        "generate",
        "victim:Root",
        "--path",
        str(HERE),
        "-o",
        str(made),
    ]
    subprocess.run(command, cwd=HERE, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False)
    return made


POLICY = policy_of_the_victim()


class Attacker(RawPeer):
    """A raw client that remembers the bytes of each message, and all that it was sent."""

    def __init__(self, where: socket.socket | tuple[str, int] | str | int, *, timeout: float = PATIENCE) -> None:
        super().__init__(where, timeout=timeout)
        self.raw = b""
        self.seen = bytearray()

    def _take(self) -> tuple[Any, bool]:
        before = bytes(self._buffer[: 1 << 16])
        length = len(self._buffer)
        message, is_whole = super()._take()
        if is_whole:
            self.raw = before[: length - len(self._buffer)]
            self.seen += self.raw
        return message, is_whole

    def pour(self, data: bytes) -> bool:
        """Writes until all is out or the other end has closed; whether all is out."""
        try:
            self.send_raw(data)
        except ConnectionError:
            return False
        return True

    def denied(self, ref: int, name: str, args: list[Any] | None = None, kwargs: dict[str, Any] | None = None) -> None:
        """Calls, and sees to it that the answer is the one denial, to the byte."""
        answer = self.call(ref, name, args, kwargs)
        assert self.raw == DENIAL, f"{ref}.{name}: {answer!r}"

    def raises(
        self, type_: str, ref: int, name: str, args: list[Any] | None = None, kwargs: dict[str, Any] | None = None
    ) -> list[Any]:
        answer = self.call(ref, name, args, kwargs)
        assert answer[0] == ERROR and answer[1][0] == type_, f"{ref}.{name}: {answer!r}"
        return list(answer[1])

    def value(self, ref: int, name: str, args: list[Any] | None = None, kwargs: dict[str, Any] | None = None) -> Any:
        """The value of a call that has to succeed."""
        answer = self.call(ref, name, args, kwargs)
        assert isinstance(answer, list) and answer[0] == RETURN, f"{ref}.{name}: {answer!r}"
        return answer[1]

    def ref(self, name: str, *args: Any, of: int = 0) -> int:
        """The id of the reference that a call returns."""
        value = self.value(of, name, list(args))
        assert isinstance(value, Mine), f"{name}: {value!r}"
        return value.id

    def bulk(self, data: bytes, count: int, *, seconds: float = PATIENCE) -> bytes:
        """Writes calls while it reads what comes: the bytes of all answers, behind the last of which a call of ours has come home."""
        fence = pack([RETURN, count]) + NEWLINE
        data += pack([0, "add", [count, 0], {}]) + NEWLINE
        deadline = time.monotonic() + seconds
        came = bytearray()
        stream = self._stream
        stream.settimeout(0)
        while not came.endswith(fence):
            readable, writable, _ = select.select([stream], [stream] if data else [], [], deadline - time.monotonic())
            assert readable or writable, f"nothing moves, {len(data)} bytes left to write, {len(came)} came"
            if writable:
                data = data[stream.send(data[: 1 << 18]) :]
            if readable:
                part = stream.recv(1 << 18)
                assert part, f"the connection ended behind {bytes(came[-80:])!r}"
                came += part
        del came[-len(fence) :]
        return bytes(came)

    def serve(self, answer: Callable[[Any], Any], timeout: float | None = None) -> Any:
        """Answers the server's calls with what answer() makes of each (bytes: raw) until something else comes."""
        while True:
            message = self.reply(timeout)
            if not is_call(message):
                return message
            made = answer(message)
            if isinstance(made, bytes):
                self.send_raw(made)
            else:
                self.send(made, lane=self.in_lane)

    def serve_once(self, answer: list[Any]) -> None:
        """Answers the one call that has to come."""
        message = self.reply()
        assert is_call(message), message
        self.send(answer, lane=self.in_lane)

    def lives(self) -> None:
        """The connection goes on."""
        assert self.value(0, "echo", ["alive"]) == "alive"

    def trips(self) -> list[str]:
        return list(self.value(0, "trips"))


def is_call(message: Any) -> bool:
    return isinstance(message, list) and len(message) == 4 and message[0] not in (FREE, LANE, ERROR, RETURN)


def call_bytes(ref: int, name: str, *args: Any, **kwargs: Any) -> bytes:
    return pack([ref, name, list(args), kwargs]) + NEWLINE


def until(holds: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """Asks again and again until it is true."""
    deadline = time.monotonic() + seconds
    while not (value := holds()):
        if time.monotonic() > deadline:
            raise AssertionError(f"in {seconds} s: {what}")
        time.sleep(0.01)
    return value


def closes(peer: Attacker, *, within: float = CLOSE_WITHIN, is_reset_fine: bool = False) -> int | None:
    """The code of the goodbye with which the connection ends at once; nothing may have been dispatched."""
    deadline = time.monotonic() + within
    code: int | None = None
    while True:
        try:
            message = peer.recv_message(deadline - time.monotonic())
        except RawPeerError as error:
            raise AssertionError(f"it is still open after {within} s, or its end is torn: {error}") from None
        if message is None:
            break
        if isinstance(message, list) and message[0] in (LANE,):
            continue
        assert code is None, f"behind the goodbye: {message!r}"
        assert isinstance(message, list) and message[0] == GOODBYE, f"in place of a goodbye: {message!r}"
        code = message[1]
    assert is_reset_fine or code is not None, "the connection ended without a goodbye"
    return code


class Process:
    """``pynto serve`` in a process of its own."""

    url = ""  # of its encrypted channel, with a capability, for one that has it
    web_url = ""  # and of that within a WebSocket

    def __init__(
        self,
        folder: Path,
        target: Sequence[str] = ("victim:Root",),
        policy: Path = POLICY,
        *options: str,
        cwd: Path = HERE,
        env: dict[str, str] | None = None,
    ) -> None:
        self.unix = str(folder / "pynto.sock")
        self.errors = folder / "stderr"
        self._stderr: IO[bytes] = self.errors.open("ab")
        command = [sys.executable, "-P", "-m", "pynto", "serve", *target, "--policy", str(policy)]
        command += ["--listen", "tcp://127.0.0.1:0", "--listen", f"unix://{self.unix}", *options]
        self.process = subprocess.Popen(
            command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._stderr, env=env
        )
        assert self.process.stdout is not None
        self.ports: dict[str, tuple[str, int]] = {}
        for _ in range(command.count("--listen")):
            line = self.process.stdout.readline().decode()
            assert line, f"the server did not start: {self.log()}"
            if found := re.search(r"([\w+]+)://(?:[^@/]*@)?([\d.]+):(\d+)", line):
                self.ports[found[1]] = (found[2], int(found[3]))
        self.tcp = self.ports["tcp"]
        self.baseline: dict[str, int] = {}

    @property
    def pid(self) -> int:
        return self.process.pid

    def log(self) -> str:
        return self.errors.read_text(errors="replace")

    def entrance(self, transport: str) -> socket.socket | tuple[str, int] | str:
        """Where bytes go in, for an Attacker."""
        if transport == "ws":
            return dig(WebFar(self.ports["ws"], "/pynto"))
        if transport == "pynto":
            return dig(SealedFar(self.url))
        if transport == "pynto+ws":
            return dig(SealedWebFar(self.web_url))
        return self.tcp if transport == "tcp" else self.unix

    def connect(self, transport: str = DEFAULT_TRANSPORT, *, hello: bool = True) -> Attacker:
        peer = Attacker(self.entrance(transport))
        if hello:
            peer.hello()
        return peer

    def fd_count(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def thread_count(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def rss(self) -> int:
        """Bytes of memory in use."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")

    def is_sound(self) -> None:
        """The same process, no sanitizer's report, no secret in its log."""
        assert self.process.poll() is None, f"the server has ended with {self.process.returncode}: {self.log()[-4000:]}"
        log = self.log()
        for word in (
            "ERROR: AddressSanitizer",
            "WARNING: ThreadSanitizer",
            "runtime error:",
            "Fatal Python error",
            "Assertion `",
        ):
            assert word not in log, f"{word} {log[log.index(word) - 500 :][:3000]}"

    def stop(self) -> int:
        """Ends it as an operator does; its exit code."""
        self.process.terminate()
        try:
            code = self.process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"it did not end: {self.log()[-4000:]}") from None
        finally:
            assert self.process.stdout is not None
            self.process.stdout.close()
            self._stderr.close()
        return code


@contextmanager
def serving(
    *options: str, target: Sequence[str] = ("victim:Root",), policy: Path = POLICY, **more: Any
) -> Iterator[Process]:
    """A server for one test, ended in an orderly way."""
    with tempfile.TemporaryDirectory() as folder:
        process = Process(Path(folder), target, policy, *options, **more)
        try:
            yield process
            process.is_sound()
        except BaseException:
            process.process.kill()
            process.process.wait()
            raise
        assert process.stop() == 0, process.log()[-4000:]


class Everywhere(Process):
    """One at each kind of address."""

    def __init__(self, folder: Path, *options: str) -> None:
        state = State(folder / "state")
        secret = state.new_capability(note="of the attacker's")
        more = ["--listen", "ws://127.0.0.1:0/pynto", "--listen", "pynto://127.0.0.1:0", "--state", str(state.folder)]
        more += ["--listen", "pynto+ws://127.0.0.1:0/sealed"]
        super().__init__(folder, ("victim:Root",), POLICY, *more, *options)
        host, port = self.ports["pynto"]
        self.url = state.address(f"{host}:{port}", secret)
        host, port = self.ports["pynto+ws"]
        self.web_url = state.address(f"pynto+ws://{host}:{port}/sealed", secret)


class Stdio:
    """Servers on stdio, one for each client: see zygote.py."""

    def __init__(self, folder: Path) -> None:
        self.errors = folder / "stdio-stderr"
        ours, theirs = socket.socketpair()
        self._control = ours
        with theirs, self.errors.open("ab") as stderr:
            command = [sys.executable, "-P", str(HERE / "zygote.py"), str(theirs.fileno()), str(POLICY)]
            self._process = subprocess.Popen(
                command, cwd=HERE, stdin=subprocess.DEVNULL, stderr=stderr, pass_fds=[theirs.fileno()]
            )

    def connect(self, *, hello: bool = True) -> Attacker:
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._control, [b"fork"], [theirs.fileno()])
        peer = Attacker(ours)
        if hello:
            peer.hello()
        return peer

    def failures(self) -> str:
        """Exit codes of the servers that did not end well. Every client has to be gone."""
        self._control.settimeout(30)
        self._control.sendall(b"wait")
        return self._control.recv(4096).decode()

    def close(self) -> None:
        self._control.close()
        self._process.wait(timeout=PATIENCE)


class Honest:
    """A client that goes on calling, at 20 calls a second, while somebody else attacks."""

    def __init__(self, process: Process) -> None:
        self._peer = process.connect("tcp")
        self._stop = threading.Event()
        self.times: list[float] = []
        self.failures: list[str] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            start = time.monotonic()
            try:
                if self._peer.call(0, "add", [number, 1]) != [RETURN, number + 1]:
                    self.failures.append(f"wrong answer to {number}")
            except (RawPeerError, OSError) as error:
                self.failures.append(repr(error))
                return
            self.times.append(time.monotonic() - start)
            self._stop.wait(0.05)

    def __enter__(self) -> Honest:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            until(lambda: len(self.times) >= 3 or self.failures, "the honest client is answered")
        self._stop.set()
        self._thread.join(PATIENCE)
        self._peer.close()
        if kind is None:
            assert not self.failures, self.failures
            self.times.sort()
            assert self.times[len(self.times) // 2] < 0.3, f"median {self.times[len(self.times) // 2]:.3f} s"
            assert self.times[int(len(self.times) * 0.99) - 1] < 1.0, (
                f"p99 {self.times[int(len(self.times) * 0.99) - 1]:.3f} s"
            )


@contextmanager
def reset_at_end(peer: Attacker) -> Iterator[None]:
    """Ends the connection with a reset, where the transport has one."""
    with suppress(OSError):
        peer._stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    yield
    peer.close()
