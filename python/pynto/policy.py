"""A policy as a server uses it."""

from __future__ import annotations

import json
import os
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
    def load(cls, path: str | os.PathLike[str]) -> Policy:
        """Read the file once. OSError: it cannot be read. ValueError: it is no policy."""
        name = os.fspath(path)
        if not os.path.isfile(name):  # a pipe, a device or a folder would never end
            raise FileNotFoundError(f"{name}: there is no such policy file")
        with open(name, "rb") as file:
            text = file.read(_SIZE_MAX + 1)
        if len(text) > _SIZE_MAX:
            raise ValueError(f"{name}: larger than 16 MiB")
        try:
            return cls(text)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None

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


def as_policy(policy: Policy | str | os.PathLike[str]) -> Policy:
    """The policy itself, or the one in the file of that name."""
    return policy if isinstance(policy, Policy) else Policy.load(policy)
