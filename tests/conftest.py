"""What several folders share: policies made from hints, servers in threads and in processes, and waiting with a limit."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import pynto

HERE = Path(__file__).parent
PYTHON = HERE / "python"
CHAT = HERE.parent / "examples" / "chat"

if str(PYTHON) not in sys.path:
    sys.path.append(str(PYTHON))  # served and rawpeer, for every folder


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--attacks", action="store_true", help="tell what came of each attack of tests/attack/cases.json")


def pytest_configure(config: pytest.Config) -> None:
    """What goes wrong in a thread or a finalizer fails the test that is running."""
    if config.getoption("--attacks"):
        from attack_table import Table

        config.pluginmanager.register(Table())
    config.addinivalue_line("filterwarnings", "error::pytest.PytestUnhandledThreadExceptionWarning")
    config.addinivalue_line("filterwarnings", "error::pytest.PytestUnraisableExceptionWarning")


# ---- waiting ----


def wait_until(condition: Callable[[], Any], timeout: float = 10.0, why: str = "") -> Any:
    deadline = time.monotonic() + timeout
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            pytest.fail(f"not within {timeout:g} s: {why or condition}")
        time.sleep(0.005)


@pytest.fixture
def until() -> Callable[..., Any]:
    """until(condition, timeout=10, why=""): what the condition gives as soon as it is true."""
    return wait_until


class Task(threading.Thread):
    """A call in a thread: result() waits with a limit, and raises what the call has raised."""

    def __init__(self, call: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._call = call
        self._value: Any = None
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._value = self._call()
        except BaseException as error:
            self._error = error

    def result(self, timeout: float = 20.0) -> Any:
        self.join(timeout)
        if self.is_alive():
            pytest.fail(f"still running after {timeout:g} s")
        if self._error is not None:
            raise self._error
        return self._value


@pytest.fixture
def in_thread() -> Callable[[Callable[[], Any]], Task]:
    return Task


# ---- other processes ----


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """For a child: it finds pynto where this process does, and served."""
    import pynto

    found = str(Path(pynto.__file__).absolute().parents[1])
    path = [str(PYTHON), found, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path), "PYTHONUNBUFFERED": "1", **(extra or {})}


# ---- policies ----


class Generator:
    """Runs ``pynto-policy generate``; one cache of mypy's serves the whole run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def __call__(
        self, *roots: str, path: Path = PYTHON, config: str | Path | None = None, type: str | None = None
    ) -> Path:
        """The policy's file. config: the text of a pynto.toml, or its path."""
        self._count += 1
        output = self._folder / f"policy{self._count}.json"
        command = [sys.executable, "-m", "pynto.audit.cli", "generate", *roots, "-o", str(output)]
        if isinstance(config, str):
            written = self._folder / f"pynto{self._count}.toml"
            written.write_text(config, encoding="utf-8")
            config = written
        if config is not None:
            command += ["--config", str(config)]
        if type is not None:
            command += ["--type", type]
        env = environment({"XDG_CACHE_HOME": str(self._folder / "cache")})
        done = subprocess.run(command, cwd=path, env=env, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr
        return output


@pytest.fixture(scope="session")
def generate(tmp_path_factory: pytest.TempPathFactory) -> Generator:
    return Generator(tmp_path_factory.mktemp("policies"))


@pytest.fixture(scope="session")
def served_policy(generate: Generator) -> Path:
    """The policy of served:Root."""
    return generate("served:Root", config=PYTHON / "served.toml")


@pytest.fixture(scope="session")
def chat_policy(generate: Generator) -> Path:
    """The policy of the example, from its hints and its pynto.toml."""
    return generate("chat:Room", path=CHAT, config=CHAT / "pynto.toml")


@pytest.fixture(scope="session")
def loaded_policy(served_policy: Path) -> pynto.Policy:
    import pynto

    return pynto.Policy.load(served_policy)


# ---- servers in this process ----


class Served:
    """A server in this process, its root, and connections to it."""

    def __init__(self, server: pynto.Server, target: Any) -> None:
        self.server = server
        self.target = target
        self.address = server.address
        self._connections: list[pynto.Connection] = []

    def connect(self, **options: Any) -> pynto.Connection:
        import pynto

        connection = pynto.connect(self.address, **options)
        self._connections.append(connection)
        return connection

    @property
    def calls(self) -> int:
        return self.server.stats()["calls"]

    def close(self) -> None:
        for connection in self._connections:
            connection.close()
        self.server.close()


@pytest.fixture
def serve(loaded_policy: pynto.Policy, tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """serve(target=served.Root(), policy=its own, listen=a Unix socket, ...): a Served, closed when the test ends."""
    import pynto
    import served

    everything: list[Served] = []

    def start(target: Any = None, *, policy: Any = None, listen: Any = None, **options: Any) -> Served:
        target = served.Root() if target is None else target
        listen = listen or f"unix://{tmp_path}/{len(everything)}.sock"
        server = pynto.Server(target, policy=policy or loaded_policy, listen=listen, **options).start()
        everything.append(Served(server, target))
        return everything[-1]

    yield start
    for each in everything:
        each.close()


@pytest.fixture
def site(serve: Callable[..., Served]) -> Served:
    """served.Root, served."""
    return serve()


@pytest.fixture
def connection(site: Served) -> pynto.Connection:
    return site.connect()


@pytest.fixture
def root(connection: pynto.Connection) -> Any:
    return connection.root


@pytest.fixture
def every_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log drops nothing in this test, whatever others have caused just before."""
    from pynto import errors

    bucket = errors._Bucket()
    bucket.tokens = 1e9
    monkeypatch.setattr(errors, "_bucket", bucket)
    monkeypatch.setattr(errors, "_buckets", type(errors._buckets)())
    monkeypatch.setattr(errors, "_LINES_AT_ONCE", 1e9)


# ---- servers in other processes ----


class Child:
    """A process; its lines can be waited for, and it never outlives the test."""

    def __init__(
        self, *command: str, env: Mapping[str, str] | None = None, cwd: Path | None = None, **options: Any
    ) -> None:
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        self.process = subprocess.Popen(command, env=environment(env), cwd=cwd, **options)
        self.pid = self.process.pid
        self.lines: queue.Queue[str | None] = queue.Queue()  # None: the end
        self.errors: list[str] = []
        self._readers = [
            threading.Thread(target=self._read, args=(stream, take, at_end), daemon=True)
            for stream, take, at_end in (
                (self.process.stdout, self.lines.put, lambda: self.lines.put(None)),
                (self.process.stderr, self.errors.append, lambda: None),
            )
            if stream is not None
        ]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _read(stream: Any, take: Callable[[str], None], at_end: Callable[[], None]) -> None:
        with stream:
            for line in stream:
                take(line.decode("utf-8", "replace").rstrip("\n"))
        at_end()

    def line(self, timeout: float = 20.0) -> str:
        """The next line of its output."""
        try:
            line = self.lines.get(timeout=timeout)
        except queue.Empty:
            line = None
        if line is None:
            pytest.fail(f"no line within {timeout:g} s, exit code {self.process.poll()}; stderr: {self.errors}")
        return line

    def send_signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self, timeout: float = 20.0) -> int:
        """Its exit code; everything that it has said has been read then."""
        code = self.process.wait(timeout)
        for reader in self._readers:
            reader.join(timeout)
        return code

    @property
    def stderr(self) -> str:
        return "\n".join(self.errors)

    def memory(self) -> int:
        """Bytes of memory that it uses now."""
        with open(f"/proc/{self.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.wait()


class ServerChild(Child):
    """``pynto serve`` in a process; addresses are what it says that it serves at."""

    def __init__(self, *arguments: str, count: int = 1, **options: Any) -> None:
        super().__init__(sys.executable, "-m", "pynto", "serve", *arguments, **options)
        self.addresses = [self._address() for _ in range(count)]
        self.address = self.addresses[0]

    def _address(self) -> str:
        line = self.line()
        assert line.startswith("serving ") and " at " in line, line
        return line.rpartition(" at ")[2]


@pytest.fixture
def children() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def start_child(children: contextlib.ExitStack) -> Callable[..., Child]:
    """start_child("program", "argument", ..., env={}, cwd=None): a Child, killed when the test ends."""

    def start(*command: str, **options: Any) -> Child:
        child = Child(*command, **options)
        children.callback(child.kill)
        return child

    return start


@pytest.fixture
def serve_child(served_policy: Path, tmp_path: Path, children: contextlib.ExitStack) -> Callable[..., ServerChild]:
    """serve_child("--quota", "calls=3", ...): ``pynto serve served:Root`` on a Unix socket of its own, ready."""
    made: list[ServerChild] = []

    def start(
        *options: str, target: str = "served:Root", policy: Path = served_policy, listen: str = "", **more: Any
    ) -> ServerChild:
        listen = listen or f"unix://{tmp_path}/child{len(made)}.sock"
        child = ServerChild(target, "--policy", str(policy), "--listen", listen, *options, **more)
        children.callback(child.kill)
        made.append(child)
        return child

    return start


@pytest.fixture
def run_pynto() -> Callable[..., subprocess.CompletedProcess[str]]:
    """run_pynto("ping", address): the finished command; its output is text."""

    def run(*arguments: str, timeout: float = 30.0, module: str = "pynto", **options: Any) -> Any:
        command = [sys.executable, "-m", module, *arguments]
        env = environment(options.pop("env", None))
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=env, **options)

    return run


@pytest.fixture
def run_python() -> Callable[..., subprocess.CompletedProcess[str]]:
    """run_python(source, "-X", "dev"): a Python program that has finished."""

    def run(source: str, *options: str, timeout: float = 30.0, env: Mapping[str, str] | None = None) -> Any:
        command = [sys.executable, *options, "-c", source]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=environment(env))

    return run


# ---- the wire in between ----


class Relay:
    """Stands between a client and a server and counts what goes by."""

    def __init__(self, server: pynto.Server, **options: Any) -> None:
        import pynto

        near, self._to_client = socket.socketpair()
        self._to_server, far = socket.socketpair()
        fd = far.detach()
        server.adopt(fd, fd, "relay")
        self.sent = 0
        self.received = 0
        self._threads = [Task(self._forward), Task(self._backward)]
        fd = near.detach()
        self.connection = pynto.Connection(fd, fd, "relay", **options)

    def _forward(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._to_client.recv(65536):
                self.sent += len(data)
                self._to_server.sendall(data)
            self._to_server.shutdown(socket.SHUT_RDWR)

    def _backward(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._to_server.recv(65536):
                self.received += len(data)
                self._to_client.sendall(data)
            self._to_client.shutdown(socket.SHUT_RDWR)

    @property
    def traffic(self) -> tuple[int, int]:
        """Bytes to the server and from it, once everything that is on its way has arrived."""
        self.connection.ping()
        return self.sent, self.received

    def close(self) -> None:
        self.connection.close()
        for stream in (self._to_client, self._to_server):
            with contextlib.suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.result()
        for stream in (self._to_client, self._to_server):  # nobody reads them any more
            stream.close()


@pytest.fixture
def relay(site: Served) -> Iterator[Relay]:
    """A connection to served.Root through a wire that counts."""
    made = Relay(site.server)
    yield made
    made.close()


@pytest.fixture
def interrupting() -> Callable[[int, float], None]:
    """interrupting(pid, after): SIGINT to a process."""

    def interrupt(pid: int, after: float) -> None:
        timer = threading.Timer(after, os.kill, (pid, signal.SIGINT))
        timer.daemon = True
        timer.start()

    return interrupt
