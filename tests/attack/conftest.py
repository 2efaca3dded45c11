"""Does each promise hold against someone who tries? The servers that the attacks share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
for folder in (HERE, HERE.parent / "python"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from attacker import TRANSPORTS, Attacker, Everywhere, Process, Stdio  # noqa: E402  (needs the path)


@pytest.fixture(scope="session")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """One server for all attacks that it has to survive."""
    process = Everywhere(tmp_path_factory.mktemp("victim"), "--verbose")
    yield process
    process.is_sound()
    assert process.stop() == 0, process.log()[-4000:]


@pytest.fixture(scope="session")
def stdio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stdio]:
    servers = Stdio(tmp_path_factory.mktemp("stdio"))
    yield servers
    failures = servers.failures()
    servers.close()
    assert failures == "[]", f"{failures} {servers.errors.read_text(errors='replace')[-4000:]}"


@pytest.fixture
def peer(victim: Process) -> Iterator[Attacker]:
    """A connection of one's own, and a server that is none the worse for it."""
    with victim.connect() as made:
        yield made
    victim.is_sound()


@pytest.fixture
def connect_over(victim: Process, stdio: Stdio) -> Callable[..., Attacker]:
    """Opens a connection on the transport that is named."""

    def open_one(transport: str, *, hello: bool = True) -> Attacker:
        if transport == "stdio":
            return stdio.connect(hello=hello)
        victim.is_sound()
        return victim.connect(transport, hello=hello)

    return open_one


@pytest.fixture(params=TRANSPORTS)
def connect(request: pytest.FixtureRequest, connect_over: Callable[..., Attacker]) -> Callable[..., Attacker]:
    """Opens a connection, on each transport in turn."""
    return partial(connect_over, request.param)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What the server has to say when a test fails."""
    report = yield
    server = getattr(item, "funcargs", {}).get("victim")
    if report.failed and server is not None:
        report.sections.append(("log of the server", server.log()[-3000:]))
    return report
