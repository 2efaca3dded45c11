"""Measuring: how often, in which order, and what is made of it."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cases import CASES, Case
from processes import PEERS, Failed, Pair, Process


@dataclass(frozen=True)
class Plan:
    peers: tuple[str, ...]
    transports: tuple[str, ...]
    cases: tuple[Case, ...]
    extras: frozenset[str]
    rounds: int  # a median is of so many
    seconds: float  # that one of them takes, about
    cpus: tuple[int | None, int | None]  # of servers, of clients
    clients_seconds: float
    folder: Path
    limit: Path  # the program that does nothing but system calls
    is_whole: bool = True  # every case over every transport; else over others than the first only the core


@dataclass
class Row:
    """One case of one peer: operations a second, or bytes a second for blobs."""

    transport: str
    case: str
    peer: str
    unit: str
    rates: list[float] = field(default_factory=list)
    error: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.rates) if self.rates else 0.0

    def as_json(self) -> str:
        shown = {**asdict(self), "median": self.median}
        if self.rates:
            shown |= {"min": min(self.rates), "max": max(self.rates)}
        return json.dumps(shown, sort_keys=True)


Say = Callable[[str], None]


def _order(case: Case, count: int) -> dict[str, Any]:
    order: dict[str, Any] = {"case": case.operation, "count": count}
    return order | {"size": case.size} if case.size else order


def _count_for(pair: Pair, case: Case, seconds: float) -> int:
    """How many operations take about so long; with this the peer is warm, too."""
    count = 1
    while count < case.count_max:
        took = pair.order(**_order(case, count))
        if took >= seconds / 4:
            return max(1, min(case.count_max, int(count * seconds / took)))
        count = min(case.count_max, count * 4 if took > 0.001 else count * 16)
    return count


def _measure_case(pairs: dict[str, Pair], transport: str, case: Case, plan: Plan) -> list[Row]:
    unit = "bytes/s" if case.size else "calls/s"
    rows = {peer: Row(transport, case.name, peer, unit) for peer, pair in pairs.items() if case.operation in pair.cases}
    counts: dict[str, int] = {}
    for peer, row in rows.items():
        try:
            counts[peer] = _count_for(pairs[peer], case, plan.seconds)
        except Failed as failure:
            row.error = str(failure)
    for _ in range(
        min(plan.rounds, case.rounds_max)
    ):  # in turn: what the machine does meanwhile, it does to all of them
        for peer, count in counts.items():
            if rows[peer].error:
                continue
            try:
                took = pairs[peer].order(**_order(case, count))
            except Failed as failure:
                rows[peer].error = str(failure)
                continue
            rows[peer].rates.append(count * (case.size or 1) / took)
    return list(rows.values())


def _start(transport: str, plan: Plan, say: Say, stack: ExitStack) -> dict[str, Pair]:
    pairs = {}
    for peer in plan.peers:
        if peer == "capnweb" and transport != "tcp":
            continue
        if transport == "pynto" and peer not in ("limit", "pynto"):  # it is Pynto's own; the limit's is TCP
            continue
        try:
            pair = Pair(peer, transport, plan.folder, plan.limit, plan.cpus)
        except Failed as failure:
            say(f"{peer} over {transport}: {failure}")
            continue
        stack.callback(pair.end)
        pairs[peer] = pair
    return pairs


def _clients(pair: Pair, transport: str, plan: Plan) -> Iterator[Row]:
    """50 clients at once, in ten processes: calls in all a second, and the time below which 99 of 100 calls stay."""
    processes: list[Process] = []
    total = Row(transport, "clients_50", pair.peer, "calls/s")
    p99 = Row(transport, "clients_50_p99", pair.peer, "us")
    try:
        processes = pair.more_clients(10)
        for each in processes:
            each.send(json.dumps({"case": "clients", "threads": 5, "duration": plan.clients_seconds}))
        answers = [json.loads(each.line()) for each in processes]
        errors = [answer["error"] for answer in answers if "error" in answer]
        if errors:
            raise Failed(errors[0])
        took = sorted(each for answer in answers for each in answer["took"])
        total.rates.append(sum(len(answer["took"]) / answer["seconds"] for answer in answers))
        p99.rates.append(took[min(len(took) - 1, len(took) * 99 // 100)])
    except Failed as failure:
        total.error = p99.error = str(failure)
    finally:
        for each in processes:
            each.end()
    yield total
    yield p99


def _memory(pair: Pair, transport: str) -> Iterator[Row]:
    """What an idle connection and a reference take, in the process that holds it."""
    for case, operation, count in (("idle", "idle", 500), ("reference", "hold", 20_000)):
        if case == "reference":  # most take too long for so many
            count = {"pynto": 100_000, "managers": 500}.get(pair.peer, count)
        if operation not in pair.cases or pair.client is None:
            continue
        server = Row(transport, f"{case}_server", pair.peer, "bytes")
        client = Row(transport, f"{case}_client", pair.peer, "bytes")
        try:
            pair.order(case=operation, count=count // 10)
            before = pair.server.memory(), pair.client.memory()
            pair.order(case=operation, count=count)
            server.rates.append((pair.server.memory() - before[0]) / count)
            client.rates.append((pair.client.memory() - before[1]) / count)
        except Failed as failure:
            server.error = client.error = str(failure)
        yield server
        yield client


def _memory_of(peer: str, transport: str, plan: Plan) -> Iterator[Row]:
    """Of processes that have done nothing else: others have memory left, in which a thousand connections find room."""
    folder = plan.folder / "memory"
    folder.mkdir(exist_ok=True)
    pair = Pair(peer, transport, folder, plan.limit, plan.cpus)
    try:
        yield from _memory(pair, transport)
    finally:
        pair.end()


def _server_seconds(pair: Pair, case: str, count: int) -> float:
    before = pair.server.processor_seconds()
    pair.order(case=case, count=count)
    return pair.server.processor_seconds() - before


def _growth(pair: Pair, transport: str) -> Iterator[Row]:
    """Does a call cost the same when many were made, and when many references are held? Microseconds a call."""
    calls = references = 0
    for step in (1_000, 9_000, 90_000, 900_000):
        seconds = pair.order(case="echo", count=step)
        calls += step
        yield Row(transport, f"after_{calls}_calls", pair.peer, "us", [seconds / step * 1e6])
    for step in (1_000, 9_000, 90_000, 900_000):
        held = _server_seconds(pair, "hold", step)
        references += step
        seconds = pair.order(case="echo", count=5_000)
        yield Row(transport, f"with_{references}_references", pair.peer, "us", [seconds / 5_000 * 1e6])
    yield Row(transport, "references_held", pair.peer, "s/1M", [held / step * 1e6])
    yield Row(transport, "references_freed", pair.peer, "s/1M", [_server_seconds(pair, "free", 1) / references * 1e6])
    for case, count in (("hold_several", step), ("free", 1)):
        title = "references_held_a_thousand_a_call" if count > 1 else "references_freed_of_these"
        yield Row(transport, title, pair.peer, "s/1M", [_server_seconds(pair, case, count) / step * 1e6])
    connections = 0
    for step in (100, 900, 9_000):
        pair.order(case="idle", count=step)
        connections += step
        seconds = pair.order(case="echo", count=5_000)
        yield Row(transport, f"with_{connections}_connections", pair.peer, "us", [seconds / 5_000 * 1e6])


def run(plan: Plan, say: Say, keep: Callable[[Row], None]) -> None:
    """Every case, over each transport; keep() gets each row as soon as it is there."""
    for transport in plan.transports:
        with ExitStack() as stack:
            pairs = _start(transport, plan, say, stack)
            is_whole = plan.is_whole or transport == plan.transports[0]
            for case in plan.cases:
                if not (is_whole or case.is_core):
                    continue
                say(f"{transport}: {case.title}")
                for row in _measure_case(pairs, transport, case, plan):
                    keep(row)
            for peer, pair in pairs.items():
                if "clients" in plan.extras and "clients" in pair.cases and is_whole:
                    say(f"{transport}: 50 clients of {peer}")
                    for row in _clients(pair, transport, plan):
                        keep(row)
                if "memory" in plan.extras and (is_whole or transport == "pynto"):
                    say(f"{transport}: memory of {peer}")
                    for row in _memory_of(peer, transport, plan):
                        keep(row)
    if "growth" in plan.extras:
        _run_growth(plan, say, keep)


def _run_growth(plan: Plan, say: Say, keep: Callable[[Row], None]) -> None:
    say("unix: growth")
    pair = Pair("pynto", "unix", plan.folder, plan.limit, plan.cpus)
    try:
        for row in _growth(pair, "unix"):
            keep(row)
    finally:
        pair.end()


__all__ = ["CASES", "PEERS", "Plan", "Row", "run"]
