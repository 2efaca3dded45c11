"""Keeps the table of a running server as its state says, and counts uses."""

from __future__ import annotations

import errno
import logging
import sqlite3
from collections.abc import Callable, Collection

from pynto import _core
from pynto.errors import escaped
from pynto.state import Grant, State

_log = logging.getLogger("pynto.server")

_LOOK_EVERY = 0.1  # seconds between two looks whether somebody has granted or revoked something
_FAULTS = (OSError, ValueError, sqlite3.Error)
_PASSING = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
_PASSING_IN_STORE = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM)


class Keeper:
    """Call it in a thread of its own; it ends when the door is closed."""

    def __init__(
        self, core: _core.Server, state: State, revoked: Callable[[bytes], None], classes: Collection[str]
    ) -> None:
        self._classes = classes
        self._core = core
        self._state = state
        self._revoked = revoked  # who else is to know
        self._version: object = None
        self._grants: set[Grant] = set()
        self._told = ""  # what was logged last, until all is well again

    def load(self) -> None:
        """What was granted is let in from now on, and what was revoked is gone."""
        version = self._state.version()
        if version == self._version:
            return
        wanted = self._state.grants()
        self._take_back(self._grants - wanted, wanted)
        for grant in wanted - self._grants:
            self._state.door.grant(**vars(grant))
        unknown = {grant.quota_class for grant in wanted if grant.quota_class} - set(self._classes)
        for name in sorted(unknown):  # the core lets nobody in by it; somebody should know why
            _log.error("there is no quota class %s: nobody comes in who was granted it", escaped(name))
        self._grants = wanted
        self._version = version

    def _take_back(self, gone: set[Grant], wanted: set[Grant]) -> None:
        kept = {grant.id for grant in wanted}
        for id in {grant.id for grant in gone}:
            self._core.revoke(id)
            self._revoked(id)
            if id in kept:  # another one in its place, such as one that expires earlier
                self._grants -= {grant for grant in self._grants if grant.id == id}
        self._grants -= gone

    def __call__(self) -> None:
        while True:
            try:
                use = self._state.door.next_use(_LOOK_EVERY)
            except EOFError:
                return
            try:
                if use is not None:
                    self._core.decide(use[0], self._state.count_use(use[1]))
                self.load()
                self._told = ""
            except Exception as error:
                if use is not None:
                    self._core.decide(use[0], False)
                self._cope(error)

    def _cope(self, error: Exception) -> None:
        """What is not as it has to be grants nothing. Where there was nothing to look with, nobody comes in by a count, and what was read stands."""
        is_shut = isinstance(error, _FAULTS) and not _is_passing(error)
        if is_shut:
            self._take_back(self._grants, set())
            self._version = None
        told = f"nobody is let in: {error}" if is_shut else f"grants are looked at again: {error!r}"
        if self._told != told:
            self._told = told
            _log.error("%s", escaped(told))


def _is_passing(error: Exception) -> bool:
    """It tells nothing of the files: there was no descriptor or no memory, or somebody writes. The store was looked at before SQLite opens it."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", 0) & 0xFF in _PASSING_IN_STORE
    return isinstance(error, OSError) and error.errno in _PASSING
