"""The client's end: connecting, and what goes beyond the attributes of a netref."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Generic, Literal, Self, overload

from pynto import _core
from pynto.errors import Disconnected

if TYPE_CHECKING:
    from typing_extensions import TypeVar  # type checkers bring it along: it is not needed at run time

    from pynto.reconnecting import Reconnecting

    Root = TypeVar("Root", default=Any)
else:
    from typing import TypeVar

    Root = TypeVar("Root")

__all__ = ["Connection", "Peer", "StdStreamConnection", "connect", "connection", "oneway", "release", "spawn"]

connection = _core.connection
release = _core.release
oneway = _core.oneway
Peer = _core.Peer


def _by_name(types: Iterable[type]) -> dict[str, type] | None:
    return {f"{each.__module__}:{each.__qualname__}": each for each in types} or None


class Connection(_core.Connection, Generic[Root]):
    """A connection to a server. ``root`` is what it serves; a context manager closes it.

    For type checkers, ``Connection[Room]`` is one whose root is a Room: ``pynto-policy stubs`` writes what that is.
    """

    if TYPE_CHECKING:

        @property
        def root(self) -> Root: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _fd_of(stream: socket.socket) -> int:
    """The descriptor of a socket whose bytes are nobody else's."""
    ssl = sys.modules.get("ssl")
    if ssl is not None and isinstance(stream, ssl.SSLSocket):
        raise TypeError("a TLS socket cannot be taken over: beneath it there is only its ciphertext")
    return stream.fileno()


@overload
def connect(  # type: ignore[overload-overlap]  # False is a bool, and comes first
    address: str | socket.socket,
    *,
    root: str = "",
    types: Iterable[type] = (),
    quotas: Mapping[str, float] | None = None,
    timeout: float = 30.0,
    plain: bool = False,
    read_ahead: int = 64,
    key: str | os.PathLike[str] | None = None,
    psk: str | os.PathLike[str] | None = None,
    background: bool = True,
    reconnect: Literal[False] = False,
) -> Connection[Any]: ...


@overload
def connect(
    address: str,
    *,
    root: str = "",
    types: Iterable[type] = (),
    quotas: Mapping[str, float] | None = None,
    timeout: float = 30.0,
    plain: bool = False,
    read_ahead: int = 64,
    key: str | os.PathLike[str] | None = None,
    psk: str | os.PathLike[str] | None = None,
    background: bool = True,
    reconnect: bool | float,
) -> Reconnecting[Any]: ...


def connect(
    address: str | socket.socket,
    *,
    root: str = "",
    types: Iterable[type] = (),
    quotas: Mapping[str, float] | None = None,
    timeout: float = 30.0,
    plain: bool = False,
    read_ahead: int = 64,
    key: str | os.PathLike[str] | None = None,
    psk: str | os.PathLike[str] | None = None,
    background: bool = True,
    reconnect: bool | float = False,
) -> Connection[Any] | Reconnecting[Any]:
    """Connect to ``tcp://host:port``, ``ws://host:port/path``, ``unix:///path`` or ``fd://N``, or over a connected socket.

    A socket, such as one end of ``socket.socketpair()``, is taken over: it is detached, and closed with the connection.
    ``ssh://user@host/module:object`` starts a server there, which ends with the connection: see ``docs/transports.md``.

    root: which of the server's roots, when it has several. types: dataclasses, NamedTuples, enums and exceptions to be used
    where the server sends its own of the same ``module:name``. quotas: what the server may cost us. timeout: seconds until
    the transport is there, a WebSocket's handshake included, or fewer if there is a deadline. plain: plain TCP or a plain WebSocket to an
    address that is not this machine's is wanted. read_ahead: how many items of an ``Iterator`` of data may be fetched at once while nothing
    else goes on; 0: never more than one. key: the file of a key of one's own, for a ``pynto://key@host:port`` without a capability. psk: the
    file of the secret that this server asks of everybody. background: calls that the server makes by itself run in a thread of their own;
    False: in whichever thread calls ``connection.serve()``. reconnect: when the connection breaks another one is made, and ``root`` gives its
    root; a number: the seconds that an outage may last (``docs/reconnecting.md``).

    ValueError: no address. Disconnected: nobody there. ProtocolError: not a Pynto server. Refused: not permitted.
    """
    if reconnect is not False:
        from pynto.backoff import check_address, outage
        from pynto.reconnecting import Reconnecting

        longest = outage(reconnect)
        address = check_address(address)
    if isinstance(address, str) and address.startswith("ssh://"):
        from pynto.ssh import connect_by_ssh

        return connect_by_ssh(address, root=root, types=types, quotas=quotas, timeout=timeout, read_ahead=read_ahead)
    owner = None if isinstance(address, str) else address
    where = address if isinstance(address, str) else f"fd://{_fd_of(address)}"
    own = None if key is None else _core.Key(key)
    shared = None if psk is None else _core.Key(psk)
    known = _by_name(types) if types else None
    if reconnect is False:
        return Connection._dial(where, owner, timeout, plain, root, known, quotas, read_ahead, own, shared, background)
    dial = _dialler(where, timeout, plain, root, known, quotas, read_ahead, own, shared, background)
    return Reconnecting(dial, dial(), timeout, longest)


def _dialler(where: str, *options: Any) -> Callable[[], Connection[Any]]:
    """Of a function of its own: connect() without it has nothing to keep. Its repr says nothing of a capability."""

    def dial() -> Connection[Any]:
        return Connection._dial(where, None, *options)

    return dial


class StdStreamConnection(Connection[Root]):
    """A connection over two streams, such as the stdin and stdout of a child process."""

    _process: subprocess.Popen[bytes] | None = None

    def __new__(
        cls,
        reader: BinaryIO,
        writer: BinaryIO,
        *,
        root: str = "",
        types: Iterable[type] = (),
        quotas: Mapping[str, float] | None = None,
        read_ahead: int = 64,
        peer: str = "",
    ) -> Self:
        in_fd, out_fd = os.dup(reader.fileno()), os.dup(writer.fileno())
        os.set_blocking(out_fd, False)
        return super().__new__(
            cls,
            in_fd,
            out_fd,
            peer or f"stream {in_fd},{out_fd}",
            root=root,
            types=_by_name(types),
            quotas=quotas,
            read_ahead=read_ahead,
        )

    def close(self) -> None:
        """Say goodbye, and wait for the child, if there is one, to end."""
        super().close()
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.wait(timeout=5.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def spawn(
    target: str,
    *,
    policy: str | os.PathLike[str],
    types: Iterable[type] = (),
    quotas: Mapping[str, float] | None = None,
) -> StdStreamConnection[Any]:
    """Serve ``module:object`` in a child process, over its stdin and stdout. closing the connection ends the child.

    policy: the policy's file. Disconnected: the child did not start; its stderr says why.
    """
    command = [sys.executable, "-P", "-m", "pynto", "serve", target, "--policy", os.fspath(policy), "--stdio"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    assert process.stdin is not None and process.stdout is not None
    try:
        made = StdStreamConnection(process.stdout, process.stdin, types=types, quotas=quotas)  # type: ignore[arg-type]  # raw streams have a fileno, too
    except BaseException as error:
        process.kill()
        process.wait()
        if isinstance(error, Disconnected):
            raise Disconnected(f"the child that was to serve {target} has ended: see its stderr") from None
        raise
    finally:
        process.stdin.close()
        process.stdout.close()
    made._process = process
    return made
