"""Serve live Python objects to programs that you do not trust.

>>> import pynto
>>> with pynto.connect("tcp://127.0.0.1:7117") as connection:  # doctest: +SKIP
...     connection.root.post("ada", "hello")
"""

from __future__ import annotations

from pynto import aio
from pynto._core import Pipeline, Promise
from pynto.attenuation import attenuate, revocable
from pynto.caching import cached, stale
from pynto.callers import Caller, caller
from pynto.client import Connection, Peer, StdStreamConnection, connect, connection, oneway, release, spawn
from pynto.deadlines import deadline
from pynto.errors import DeadlineExceeded, Disconnected, ProtocolError, QuotaExceeded, Refused, RemoteError
from pynto.policy import Policy
from pynto.quotas import QuotaClass
from pynto.reconnecting import Reconnecting
from pynto.server import Server, pair, serve
from pynto.state import State, narrowed
from pynto.values import Copy

__all__ = [
    "Caller",
    "Connection",
    "Copy",
    "DeadlineExceeded",
    "Disconnected",
    "Peer",
    "Pipeline",
    "Policy",
    "Promise",
    "ProtocolError",
    "QuotaClass",
    "QuotaExceeded",
    "Reconnecting",
    "Refused",
    "RemoteError",
    "Server",
    "State",
    "StdStreamConnection",
    "aio",
    "attenuate",
    "cached",
    "caller",
    "connect",
    "connection",
    "deadline",
    "narrowed",
    "oneway",
    "pair",
    "release",
    "revocable",
    "serve",
    "spawn",
    "stale",
]

__version__ = "0.1.0"
