"""What was measured, as a table that a person reads, and as pictures."""

from __future__ import annotations

import json
import re
from pathlib import Path

from cases import CASES
from measure import Row
from processes import PEERS

TITLES = {case.name: case.title for case in CASES} | {
    "clients_50": "50 clients: all calls",
    "clients_50_p99": "50 clients: p99 (us)",
    "idle_server": "an idle connection, server (bytes)",
    "idle_client": "an idle connection, client (bytes)",
    "reference_server": "a reference, server (bytes)",
    "reference_client": "a reference, client (bytes)",
}


def _shown(row: Row | None) -> str:
    if row is None:
        return "-"
    if not row.rates:
        return "fails"
    value = row.median
    if row.unit == "bytes/s":
        return f"{value / 1e6:,.0f} MB/s"
    for bound, suffix in ((999.5e3, "M"), (1e4, "k")):
        if value >= bound:
            return f"{value / (1e6 if suffix == 'M' else 1e3):.3g}{suffix}"
    return f"{value:,.0f}"


def _grid(rows: list[Row], transport: str) -> tuple[list[str], list[tuple[str, dict[str, Row]]]]:
    found: dict[str, dict[str, Row]] = {}
    for row in rows:
        if row.transport == transport and row.case in TITLES:
            found.setdefault(row.case, {})[row.peer] = row
    peers = [peer for peer in PEERS if any(peer in each for each in found.values())]
    return peers, [(case, found[case]) for case in TITLES if case in found]


def table(rows: list[Row]) -> str:
    """Markdown: a row for each case, a column for each peer, medians."""
    lines = []
    for transport in dict.fromkeys(row.transport for row in rows):
        peers, grid = _grid(rows, transport)
        lines += ["", f"| over {transport} | {' | '.join(peers)} |", "| --- |" + " ---: |" * len(peers)]
        for case, by_peer in grid:
            lines.append(f"| {TITLES[case]} | {' | '.join(_shown(by_peer.get(peer)) for peer in peers)} |")
    failures = [row for row in rows if row.error]
    if failures:
        lines += ["", *(f"* {row.peer} over {row.transport}, {row.case}: {row.error}" for row in failures)]
    growth = [row for row in rows if row.case.startswith(("after_", "with_", "references_"))]
    if growth:
        lines += ["", "| growth | |", "| --- | ---: |"]
        for row in growth:
            unit = "us a call" if row.unit == "us" else "s of the server's time for a million"
            lines.append(f"| {row.case.replace('_', ' ')} | {row.median:.2f} {unit} |")
    return "\n".join(lines).strip() + "\n"


def plot(rows: list[Row], folder: Path) -> list[Path]:
    """An SVG for each transport: every peer's rate as a part of the physical limit's, or of Pynto's where there is none."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "pynto"
    from matplotlib import pyplot

    made = []
    folder.mkdir(parents=True, exist_ok=True)
    for transport in dict.fromkeys(row.transport for row in rows):
        peers, grid = _grid([row for row in rows if row.unit.endswith("/s") and row.rates], transport)
        peers = [peer for peer in peers if peer != "limit"]
        if not peers:
            continue
        figure, axes = pyplot.subplots(figsize=(9, 0.5 * len(grid) * max(1, len(peers)) / 3 + 1.5))
        height = 0.8 / max(1, len(peers))
        for index, peer in enumerate(peers):
            places, values = [], []
            for line, (_case, by_peer) in enumerate(grid):
                base = by_peer.get("limit") or by_peer.get("pynto")
                if peer in by_peer and base is not None and base.median:
                    places.append(line + index * height)
                    values.append(by_peer[peer].median / base.median)
            axes.barh(places, values, height, label=peer)
        axes.set_yticks([line + 0.4 for line in range(len(grid))], [TITLES[case] for case, _ in grid])
        axes.set_xscale("log")
        axes.axvline(1.0, color="black", linewidth=0.8)
        axes.invert_yaxis()
        axes.set_xlabel("rate, as a part of the physical limit's (of Pynto's where none is measured)")
        axes.legend(fontsize="small")
        figure.tight_layout()
        path = folder / f"rates-{transport}.svg"
        figure.savefig(path, metadata={"Date": None})
        pyplot.close(figure)
        made.append(path)
    return made


_GROWTH = {"calls": "after", "references": "with", "connections": "with"}


def plot_growth(rows: list[Row], folder: Path) -> list[Path]:
    """What a call costs when many were made, and when many references and connections are there; nothing where that was not measured."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "pynto"
    from matplotlib import pyplot

    curves = {
        what: [
            (int(row.case.split("_")[1]), row.median) for row in rows if re.fullmatch(rf"{how}_\d+_{what}", row.case)
        ]
        for what, how in _GROWTH.items()
    }
    if not all(curves.values()):
        return []
    figure, axes = pyplot.subplots(1, len(curves), figsize=(9, 2.6), sharey=True)
    for each, (what, points) in zip(axes, curves.items(), strict=True):
        each.plot(*zip(*points, strict=True), marker="o")
        each.set_xscale("log")
        each.set_ylim(bottom=0)
        each.set_xlabel(f"{what} before" if what == "calls" else f"{what} held")
    axes[0].set_ylabel("us a call")
    figure.tight_layout()
    path = folder / "growth.svg"
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    return [path]


# A stage, as the picture shows it, and what it is made of: counts of tests/budget, those with a minus taken off.
_STAGES = {
    "server": (
        ("scan", ("scan",)),
        ("policy and quotas", ("policy_and_quotas",)),
        ("decode and encode", ("decode", "encode")),
        ("session, runtime, binding", ("server_echo", "-scan", "-policy_and_quotas", "-decode", "-encode")),
        ("Python and the C library", ("server_echo_with_python", "-server_echo")),
    ),
    "client": (
        ("session, runtime, binding", ("client_echo",)),
        ("Python and the C library", ("client_echo_with_python", "-client_echo")),
    ),
}


def plot_stages(budgets: Path, folder: Path) -> Path:
    """Where the instructions of an echo go, at each end."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "pynto"
    from matplotlib import pyplot

    counts = json.loads(budgets.read_text())["instructions"]
    colours: dict[str, str] = {}
    figure, axes = pyplot.subplots(figsize=(9, 2.2))
    for end, stages in _STAGES.items():
        left = 0
        for title, parts in stages:
            width = sum(-counts[part[1:]] if part.startswith("-") else counts[part] for part in parts)
            colour = colours.setdefault(title, f"C{len(colours)}")
            axes.barh(end, width, left=left, color=colour, label=title)
            left += width
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    axes.legend(
        unique.values(), unique.keys(), fontsize="small", ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.3)
    )
    axes.invert_yaxis()
    axes.set_xlabel("instructions in user space for one echo(int)")
    figure.tight_layout()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "stages.svg"
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    return path
