"""What a server at ``pynto://`` keeps in a folder of its own: its key, the capabilities that it has given away, the keys that may come in.

The folder is its owner's alone, and so is everything in it. Nothing in here decides about a connection: that is done in C, from a table that is
filled from here. Without this module the table is empty, and nobody comes in.
"""

from __future__ import annotations

import base64
import hashlib
import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pynto import _core

__all__ = ["Capability", "Grant", "State", "default_folder", "narrowed"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS capabilities (
    id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 8),
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    narrowed BLOB NOT NULL CHECK (length(narrowed) = 32),
    root TEXT NOT NULL,
    quota_class TEXT NOT NULL,
    note TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    uses INTEGER CHECK (uses > 0),
    used INTEGER NOT NULL DEFAULT 0,
    revoked INTEGER NOT NULL DEFAULT 0
) STRICT
"""
_WITHIN = "pynto+ws://"
_OPTIONS = ("root", "class", "expires")
_AUTHORIZED_MAX = 1 << 20  # bytes of the file


def default_folder() -> Path:
    """Where the state is when nobody says so."""
    base = os.environ.get("XDG_STATE_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".local" / "state") / "pynto"


@dataclass(frozen=True)
class Grant:
    """One entry of the server's table."""

    kind: str  # "key", "capability" or "narrowed"
    digest: bytes
    id: bytes
    root: str
    expires_at: int  # seconds since 1970; 0: never
    counted: bool
    quota_class: str


@dataclass(frozen=True)
class Capability:
    """What is known of a capability: all but itself."""

    id: str
    root: str
    quota_class: str
    note: str
    made_at: int
    expires_at: int
    uses: int | None
    used: int
    revoked: bool


def _check_private(path: Path, status: os.stat_result, *, is_folder: bool) -> None:
    kind = stat.S_ISDIR if is_folder else stat.S_ISREG
    if not kind(status.st_mode):
        raise PermissionError(f"{path} is not a {'folder' if is_folder else 'regular file'}")
    if status.st_uid != os.geteuid():
        raise PermissionError(f"{path} belongs to another user")
    if status.st_mode & 0o077:
        raise PermissionError(f"{path} is open to others: its mode must be {'0700' if is_folder else '0600'}")


def _opened_plainly(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)


def _decoded_key(text: str) -> bytes:
    try:
        key = base64.b64decode(text + "=", altchars=b"-_", validate=True)
    except ValueError:
        key = b""
    if len(text) != 43 or len(key) != 32 or base64.urlsafe_b64encode(key).decode().rstrip("=") != text:
        raise ValueError("that is not a public key")
    return key


def encoded(data: bytes) -> str:
    """As it stands in an address."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def moment(text: str) -> int:
    """Seconds since 1970 of "2027-01-31" or "2027-01-31T12:00:00+01:00"; without a zone it is UTC."""
    parsed = datetime.fromisoformat(text)
    return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp())


class State:
    """The folder of one server: ``server.key``, ``capabilities.sqlite``, ``authorized_keys`` and, where one is wanted, ``psk.key``.

    It is made, and a key in it, when it is not there. PermissionError: something in it is not its owner's alone.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_private(self.folder, self.folder.lstat(), is_folder=True)
        key = self.folder / "server.key"
        if not os.path.lexists(key):
            _core.Key.generate().save(key)
        self.key = _core.Key(key)
        psk = self.folder / "psk.key"
        self.psk = _core.Key(psk) if os.path.lexists(psk) else None
        self.door = _core.Door(self.key, self.psk)
        self._store = self.folder / "capabilities.sqlite"
        self._prepare()

    # ---- the store ----

    def _prepare(self) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            fd = os.open(self._store, flags, 0o600)
        except OSError as error:
            raise PermissionError(f"{self._store} cannot be opened, or is a symbolic link: {error.strerror}") from None
        try:
            _check_private(self._store, os.fstat(fd), is_folder=False)
        finally:
            os.close(fd)
        with self._opened() as store:
            store.execute(_SCHEMA)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """The store, in a transaction. What was opened is the file that was looked at: nobody else can put another one into our folder."""
        before = self._store.lstat()
        _check_private(self._store, before, is_folder=False)
        with closing(sqlite3.connect(self._store, timeout=10.0, isolation_level=None)) as store:
            after = self._store.lstat()
            if (before.st_dev, before.st_ino) != (after.st_dev, after.st_ino):
                raise PermissionError(f"{self._store} was exchanged while it was opened")
            store.execute("PRAGMA synchronous = FULL")
            store.execute("BEGIN IMMEDIATE")
            try:
                yield store
            except BaseException:
                store.execute("ROLLBACK")
                raise
            store.execute("COMMIT")

    def new_capability(
        self, *, root: str = "", expires_at: int = 0, uses: int | None = None, quota_class: str = "", note: str = ""
    ) -> bytes:
        """A new capability: 32 bytes that nobody but who gets them will ever know. root: the only one it is good for."""
        if uses is not None and uses < 1:
            raise ValueError("a capability has one use at least")
        if expires_at and expires_at <= time.time():
            raise ValueError("a capability does not expire before it is given away")
        secret = os.urandom(32)
        digest = self.door.digest("capability", secret)
        grant = Grant("capability", digest, digest[:8], root, expires_at, uses is not None, quota_class)
        _core.Door(_core.Key.generate()).grant(**vars(grant))  # refuses names that are none
        with self._opened() as store:
            store.execute(
                "INSERT INTO capabilities (id, digest, narrowed, root, quota_class, note, made_at, expires_at, uses)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    grant.id,
                    digest,
                    self.door.digest("narrowed", _core.narrow(secret, self.key.public, "x")[:32]),
                    root,
                    quota_class,
                    note,
                    int(time.time()),
                    expires_at,
                    uses,
                ),
            )
        return secret

    def capabilities(self) -> list[Capability]:
        """All of them, the oldest first; also those that are of no use any more."""
        with self._opened() as store:
            rows = store.execute(
                "SELECT id, root, quota_class, note, made_at, expires_at, uses, used, revoked FROM capabilities"
                " ORDER BY made_at, rowid"
            ).fetchall()
        return [
            Capability(id.hex(), root, quota, note, made, expires, uses, used, bool(revoked))
            for id, root, quota, note, made, expires, uses, used, revoked in rows
        ]

    def revoke(self, id: str) -> None:
        """Takes a capability back, by its id. LookupError: there is none."""
        with self._opened() as store:
            if store.execute("UPDATE capabilities SET revoked = 1 WHERE id = ?", (bytes.fromhex(id),)).rowcount != 1:
                raise LookupError(f"there is no capability {id}")

    def count_use(self, id: bytes) -> bool:
        """One use more, if there is one left. It is on the disk when this returns."""
        with self._opened() as store:
            return (
                store.execute(
                    "UPDATE capabilities SET used = used + 1 WHERE id = ? AND revoked = 0 AND uses > used", (id,)
                ).rowcount
                == 1
            )

    def address(self, where: str, secret: bytes) -> str:
        """The address to be given away: where is ``host:port``, or for a server within WebSockets ``pynto+ws://host:port/path``."""
        rest = where.removeprefix(_WITHIN)
        if rest != where:
            return f"{_WITHIN}{self.key.public}@{rest}#{encoded(secret)}"
        return f"pynto://{self.key.public}@{where}/{encoded(secret)}"

    # ---- what may come in ----

    def version(self) -> object:
        """Something that is another one when something has changed."""
        status = self._store.lstat()
        with open(self._store, "rb", buffering=0, opener=_opened_plainly) as file:
            counter = os.pread(file.fileno(), 4, 24)  # in the header: SQLite counts transactions there
        try:
            with open(self.folder / "authorized_keys", "rb", opener=_opened_plainly) as file:
                its = os.fstat(file.fileno())
                keys = hashlib.sha256(file.read(_AUTHORIZED_MAX + 1)).digest(), its.st_mode, its.st_uid
        except OSError as error:
            keys = b"", error.errno or 0, 0
        return status.st_dev, status.st_ino, status.st_mode, status.st_uid, counter, keys

    def grants(self) -> set[Grant]:
        """Everything that is to stand in the server's table."""
        with self._opened() as store:
            rows = store.execute(
                "SELECT digest, narrowed, id, root, expires_at, uses IS NOT NULL, quota_class FROM capabilities"
                " WHERE revoked = 0"  # also what is used up: who is there stays, and who comes is not counted
            ).fetchall()
        found = set()
        for digest, narrowed, id, root, expires_at, counted, quota_class in rows:
            found.add(Grant("capability", digest, id, root, expires_at, bool(counted), quota_class))
            found.add(Grant("narrowed", narrowed, id, root, expires_at, bool(counted), quota_class))
        return found | set(self._authorized())

    def _authorized(self) -> Iterator[Grant]:
        path = self.folder / "authorized_keys"
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return
        with open(fd, "rb") as file:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
                raise PermissionError(f"{path} is not a regular file that its owner alone may write to")
            data = file.read(_AUTHORIZED_MAX + 1)
        if len(data) > _AUTHORIZED_MAX:
            raise ValueError(f"{path} is larger than {_AUTHORIZED_MAX} bytes")
        for number, line in enumerate(data.decode("utf-8").splitlines(), 1):
            words = line.partition("#")[0].split()
            if words:
                try:
                    yield self._authorized_key(words)
                except (ValueError, UnicodeDecodeError) as error:
                    raise ValueError(f"{path}:{number}: {error}") from None

    def _authorized_key(self, words: list[str]) -> Grant:
        options: dict[str, str] = {}
        for word in words[1:]:
            name, sign, value = word.partition("=")
            if name not in _OPTIONS or not sign or name in options:
                raise ValueError(f"an option is one of {', '.join(_OPTIONS)}, as root=lobby, and stands once")
            options[name] = value
        digest = self.door.digest("key", _decoded_key(words[0]))
        expires_at = moment(options["expires"]) if "expires" in options else 0
        return Grant("key", digest, digest[:8], options.get("root", ""), expires_at, False, options.get("class", ""))


def narrowed(address: str, facet: str) -> str:
    """The same address with a capability that is good for one Protocol of its root alone; the server is not asked.

    facet: the Protocol, as the policy names it, such as ``chat:Reader``. What was narrowed cannot be narrowed again.
    """
    scheme, sign = (_WITHIN, "#") if address.startswith(_WITHIN) else ("pynto://", "/")
    front, _, capability = address.rpartition(sign)
    key, at, _ = front.removeprefix(scheme).partition("@")
    secret = _decoded_key(capability) if len(capability) == 43 else b""
    if not address.startswith(scheme) or not at or not secret:
        raise ValueError("that is no address with a whole capability")
    return f"{front}{sign}{encoded(_core.narrow(secret, key, facet))}"
