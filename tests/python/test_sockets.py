"""Are sockets of one's own taken over when they can carry a connection, and left alone when they cannot? What when descriptors run out?"""

from __future__ import annotations

import gc
import os
import resource
import signal
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pynto
import pytest
from rawpeer import RETURN, RawPeer, pack


def test_both_ends_of_a_socketpair_are_taken_over(site: Any, until: Callable[..., Any]) -> None:
    ours, theirs = socket.socketpair()
    site.server.adopt(theirs)
    assert theirs.fileno() == -1
    with pynto.connect(ours) as connection:
        assert ours.fileno() == -1
        fd = int(connection.peer.removeprefix("fd://"))
        assert connection.root.add(1) == 2
    with pytest.raises(OSError):
        os.fstat(fd)
    until(lambda: site.server.stats()["connections"] == 0)


def test_a_socket_that_was_connected_elsewhere_is_taken_over(serve: Callable[..., Any]) -> None:
    site = serve(listen="tcp://127.0.0.1:0")
    host, _, port = site.address.removeprefix("tcp://").rpartition(":")
    stream = socket.create_connection((host, int(port)), 5)  # with a timeout: it does not block
    with pynto.connect(stream) as connection:
        assert connection.root.add(1) == 2
        time.sleep(0.05)
        assert connection.root.add(1) == 2


@contextmanager
def tls() -> Iterator[socket.socket]:
    ours, theirs = socket.socketpair()
    context = ssl.create_default_context()
    wrapped = context.wrap_socket(ours, server_hostname="x", do_handshake_on_connect=False)
    with theirs, wrapped:
        yield wrapped


@contextmanager
def datagrams() -> Iterator[socket.socket]:
    ours, theirs = socket.socketpair(type=socket.SOCK_DGRAM)
    with ours, theirs:
        yield ours


@contextmanager
def packets() -> Iterator[socket.socket]:
    ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
    with ours, theirs:
        yield ours


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: socket.create_server(("127.0.0.1", 0)), OSError),
        (lambda: socket.socket(), OSError),
        (datagrams, OSError),
        (packets, OSError),
        (tls, TypeError),
    ],
    ids=["listening", "not connected", "datagrams", "packets", "TLS"],
)
def test_a_socket_that_cannot_carry_a_connection_stays_its_owners(site: Any, make: Any, error: type[Exception]) -> None:
    with make() as stream:
        fd = stream.fileno()
        for take in (pynto.connect, site.server.adopt):
            with pytest.raises(error):
                take(stream)
            assert stream.fileno() == fd
            os.fstat(fd)


def test_a_closed_socket_is_no_address(site: Any) -> None:
    stream = socket.socket()
    stream.close()
    for take in (pynto.connect, site.server.adopt):
        with pytest.raises((ValueError, OSError)):
            take(stream)


@pytest.mark.parametrize("kind", ["pipe", "file"])
def test_a_descriptor_that_is_no_socket_is_refused_and_left_open(kind: str, serve: Callable[..., Any]) -> None:
    with ExitStack() as stack:
        if kind == "pipe":
            fd, other = os.pipe()
            stack.callback(os.close, other)
        else:
            fd = os.open(os.devnull, os.O_RDWR)
        stack.callback(os.close, fd)
        with pytest.raises(OSError, match="it is not a socket"):
            pynto.connect(f"fd://{fd}")
        with pytest.raises(OSError, match="it is not a socket"):
            serve(listen=f"fd://{fd}")
        os.fstat(fd)


def test_listening_takes_no_connected_descriptor(serve: Callable[..., Any]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(OSError, match="it is a socket that does not listen"):
        serve(listen=f"fd://{ours.fileno()}")


def test_no_connection_is_left_behind_when_a_socket_is_refused() -> None:
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(50):
        with datagrams() as stream, pytest.raises(OSError):
            pynto.connect(stream)
    assert len(os.listdir("/proc/self/fd")) == before


def test_descriptors_that_come_with_a_message_are_not_kept(site: Any, until: Callable[..., Any]) -> None:
    stream = socket.socket(socket.AF_UNIX)
    stream.connect(site.address.removeprefix("unix://"))
    peer = RawPeer(stream)
    with peer:
        peer.hello()
        before = len(os.listdir("/proc/self/fd"))
        reader, writer = os.pipe()
        call = pack([0, "add", [1], {}]) + b"\n"
        for _ in range(50):
            socket.send_fds(stream, [call], [writer] * 100)  # not a word of it in the message
            assert peer.reply() == [RETURN, 2]
        os.close(writer)
        assert os.read(reader, 1) == b""  # nobody holds the other end any more
        os.close(reader)
        assert len(os.listdir("/proc/self/fd")) == before


# ---- descriptors that run out ----


def cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_listener_without_a_descriptor_left_neither_spins_nor_holds_up_others(
    serve_child: Callable[..., Any], until: Callable[..., Any]
) -> None:
    child = serve_child("--verbose", listen="tcp://127.0.0.1:0")
    host, _, port = child.address.removeprefix("tcp://").rpartition(":")
    where = (host, int(port))
    with pynto.connect(child.address) as connection, ExitStack() as stack:
        assert connection.root.add(1) == 2
        most = len(os.listdir(f"/proc/{child.pid}/fd")) + 5
        resource.prlimit(child.pid, resource.RLIMIT_NOFILE, (most, most))
        for _ in range(20):  # five are accepted, the others wait in the queue of the listener
            stack.enter_context(socket.create_connection(where, 10))
        until(lambda: any("no descriptor is left" in line for line in child.errors))
        began, spent = time.monotonic(), cpu_of(child.pid)
        while time.monotonic() - began < 1.5:
            assert connection.root.add(1) == 2
            time.sleep(0.05)
        assert cpu_of(child.pid) - spent < 0.6 * (time.monotonic() - began)
        said = sum("no descriptor is left" in line for line in child.errors)
        assert 1 <= said <= time.monotonic() - began + 3  # about once a second
    with pynto.connect(child.address, timeout=20) as connection:  # all of those are gone: there is room again
        assert connection.root.add(1) == 2


# ---- a peer that vanishes ----

PROGRAM = """
import signal, sys, os, pynto
signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # as programs do that write into pipes
connection = pynto.spawn("served:Root", policy=sys.argv[1])
print(connection.root.add(1), flush=True)
os.kill(connection._process.pid, signal.SIGKILL)
connection._process.wait()
for _ in range(3):
    try:
        connection.root.add(1)
    except pynto.Disconnected:
        print("disconnected", flush=True)
"""


def test_a_child_that_is_killed_does_not_take_a_program_along_that_has_sigpipe_as_the_system_sets_it(
    start_child: Callable[..., Any], served_policy: Path
) -> None:
    child = start_child(sys.executable, "-c", PROGRAM, str(served_policy))
    assert child.line() == "2"
    assert [child.line() for _ in range(3)] == ["disconnected"] * 3
    assert child.wait() == 0 != -signal.SIGPIPE


@pytest.mark.parametrize("scheme", ["tcp", "ws", "unix"])
def test_a_reset_at_any_byte_of_a_reply_takes_nobody_along(serve: Callable[..., Any], scheme: str) -> None:
    listen = {"tcp": "tcp://127.0.0.1:0", "ws": "ws://127.0.0.1:0", "unix": None}[scheme]
    site = serve(listen=listen)
    with pynto.connect(site.address) as honest:
        for count in range(0, 60, 3):
            if scheme == "unix":
                stream = socket.socket(socket.AF_UNIX)
                stream.connect(site.address.removeprefix("unix://"))
            else:
                host, _, port = site.address.split("//")[1].rstrip("/").rpartition(":")
                stream = socket.create_connection((host, int(port)), 10)
            with stream:
                if scheme == "ws":
                    stream.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
                else:
                    peer = RawPeer(stream)
                    peer.hello()
                    peer.send([0, "add", [1], {}])
                    stream.settimeout(10)
                    if count:
                        stream.recv(min(count, 3))
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            assert honest.root.add(count) == count + 1
