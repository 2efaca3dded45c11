"""A policy as a server uses it."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
from typing import Any

from pynto import _core
from pynto.audit import declared

__all__ = ["Policy", "as_policy"]


_SIZE_MAX = 16 * 1024 * 1024


class Policy(_core.Policy):
    """A policy that was read and found sound. ``Policy(json)``: from its bytes; ``Policy.load(path)``: from its file.

    ValueError: what is wrong with it, and where.
    """

    def __init__(self, json: bytes) -> None:
        self._json = bytes(json)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, sha256: str | None = None) -> Policy:
        """Read the file once. OSError: it cannot be read. ValueError: it is no policy, or not the one of this SHA-256."""
        name = os.fspath(path)
        with open(_opened(name), "rb") as file:
            text = file.read(_SIZE_MAX + 1)
        if len(text) > _SIZE_MAX:
            raise ValueError(f"{name}: larger than 16 MiB")
        if sha256 is not None and (found := hashlib.sha256(text).hexdigest()) != sha256.lower():
            raise ValueError(f"{name}: its sha256 is {found}, not the one that is asked for")
        try:
            return cls(text)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None

    @property
    def sha256(self) -> str:
        """Of the bytes that were read, as pynto-policy check --format json and sha256sum tell it."""
        return hashlib.sha256(self._json).hexdigest()

    @property
    def document(self) -> dict[str, Any]:
        """The policy as a dict."""
        document: dict[str, Any] = json.loads(self._json)
        return document

    def drift(self) -> list[str]:
        """What the source says differently by now, one sentence each; empty when nothing has changed."""
        document = self.document
        made_for = f"Python {document['python']} on {document['platform']}"
        here = f"Python {sys.version_info.major}.{sys.version_info.minor} on {sys.platform}"
        other = [] if made_for == here else [f"it was made for {made_for}, and this is {here}"]
        return other + declared.drift(document)


def _opened(name: str) -> int:
    """What is looked at is what is read: nobody can put another file in its place between. A pipe or a device would never end."""
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError as error:
        raise FileNotFoundError(f"{name}: there is no such policy file ({error.strerror})") from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise FileNotFoundError(f"{name}: there is no such policy file (it is none)")
    return fd


def as_policy(policy: Policy | str | os.PathLike[str]) -> Policy:
    """The policy itself, or the one in the file of that name."""
    return policy if isinstance(policy, Policy) else Policy.load(policy)
