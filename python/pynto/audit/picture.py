"""``pynto-policy graph``: a picture of who hands what to whom, for Graphviz."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator

from .config import BadInput
from .engine import CLIENT, Reach

_LABEL_MAX = 80  # characters of an interface's name
_DRAWING_MAX = 120.0  # seconds


def dot(reach: Reach) -> str:
    """What can be reached, and by which operations: nothing else is drawn."""
    return "".join(f"{line}\n" for line in _lines(reach))


def _lines(reach: Reach) -> Iterator[str]:
    yield "digraph policy {"
    yield '  graph [rankdir="LR", fontname="sans-serif"]'
    yield '  node [shape="box", style="rounded", fontname="sans-serif"]'
    yield '  edge [fontname="sans-serif", fontsize="10"]'
    for index, root in enumerate(sorted(reach.policy.roots)):
        target = reach.find(reach.policy.roots[root])
        yield f'  r{index} [shape="plaintext", label={_quoted(root)}]'
        yield f"  r{index} -> n{target}"
    for index, node in enumerate(reach.nodes):
        if reach.steps(index) is not None:
            style = "" if node.hand == CLIENT else ', style="rounded,dashed"'
            yield f"  n{index} [label={_quoted(_short(str(node)))}{style}]"
    for (source, target), labels in _arrows(reach).items():
        yield f"  n{source} -> n{target} [label={_quoted(chr(10).join(labels))}]"
    yield "}"


def _arrows(reach: Reach) -> dict[tuple[int, int], list[str]]:
    """The operations of each pair that one hands the other over by."""
    arrows: dict[tuple[int, int], list[str]] = {}
    for edge in reach.edges:
        if reach.steps(edge.source) is not None:
            name = f"{edge.operation.name}()" if edge.operation.kind == "method" else edge.operation.name
            arrows.setdefault((edge.source, edge.target), []).append(name)
    return arrows


def _short(text: str) -> str:
    return text if len(text) <= _LABEL_MAX else text[: _LABEL_MAX - 3] + "..."


def _quoted(text: str) -> str:
    """A string of the language of Graphviz; a backslash would begin one of its escapes."""
    plain = "".join(char if char.isprintable() or char == "\n" else ascii(char)[1:-1] for char in text)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def svg(reach: Reach) -> bytes:
    """The picture itself; Graphviz draws it."""
    program = shutil.which("dot")
    if program is None:
        raise BadInput("Graphviz draws the picture: install it (apt-get install graphviz), or use --format dot")
    try:
        done = subprocess.run([program, "-Tsvg"], input=dot(reach).encode(), capture_output=True, timeout=_DRAWING_MAX)
    except subprocess.TimeoutExpired:
        raise BadInput(
            "Graphviz has not finished in two minutes: use --format dot, and draw it with another engine"
        ) from None
    if done.returncode != 0:
        raise BadInput(f"Graphviz failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
