"""A peer's client, in a process of its own: ``client.py PEER ADDRESS``.

Reads one order a line, ``{"case": "echo", "count": 1000}`` with a ``size`` for blobs, and answers ``{"seconds": ...}`` or ``{"error": ...}``.
``clients`` is the case of many threads: ``threads`` of them, each with a connection of its own, call for ``seconds``.
"""

from __future__ import annotations

import gc
import importlib
import json
import resource
import sys
import threading
import time
from typing import Any

_HIDDEN = {"open", "method", "call"}


def _clients(kind: Any, address: str, threads: int, seconds: float) -> dict[str, Any]:
    """Calls in all, and how long each took, in microseconds."""
    opened = [kind(address) for _ in range(threads)]
    barrier = threading.Barrier(threads + 1)
    took: list[list[float]] = [[] for _ in range(threads)]

    def run(client: Any, mine: list[float]) -> None:
        client.echo(1)
        barrier.wait()
        until = time.perf_counter() + seconds
        while (began := time.perf_counter()) < until:
            client.echo(1)
            mine.append(time.perf_counter() - began)

    running = [threading.Thread(target=run, args=each) for each in zip(opened, took, strict=True)]
    for thread in running:
        thread.start()
    barrier.wait()
    began = time.perf_counter()
    for thread in running:
        thread.join()
    return {"seconds": time.perf_counter() - began, "took": [round(each * 1e6, 1) for mine in took for each in mine]}


def _run(kind: Any, client: Any, address: str, order: dict[str, Any]) -> dict[str, Any]:
    if order["case"] == "clients":
        return _clients(kind, address, order["threads"], order["duration"])
    operation = getattr(client, order["case"])
    arguments = (order["count"], b"x" * order["size"]) if "size" in order else (order["count"],)  # its pages are there
    gc.collect()
    began = time.perf_counter()
    operation(*arguments)
    return {"seconds": time.perf_counter() - began}


def main() -> None:
    name, address = sys.argv[1:]
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    kind = importlib.import_module(f"peers.{name}_peer").Client
    client = kind(address)
    cases = [each for each in dir(kind) if not each.startswith("_") and each not in _HIDDEN]
    print(json.dumps({"ready": [*cases, "clients"]}), flush=True)
    for line in sys.stdin:
        try:
            answer = _run(kind, client, address, json.loads(line))
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"[:200]}
        print(json.dumps(answer), flush=True)


main()
