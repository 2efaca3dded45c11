"""The audit as one page: a file that needs nothing else, neither a server nor the network.

Names, messages and reasons come from outside. They go into the page as JSON in which no markup can begin, and from there into
text nodes alone. The policy of the page lets nothing run but its own script, and nothing be fetched at all.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .chart import chart
from .findings import ERROR, INFO, WARNING, Finding
from .report import operations

if TYPE_CHECKING:
    from .check import Audit

_FOLDER = Path(__file__).parent / "page"
_MARKUP = {ord(char): f"\\u{ord(char):04x}" for char in "<>&'\u2028\u2029"}


def audit_html(audits: Sequence[Audit], failing: Sequence[str]) -> str:
    style, script = (_FOLDER / "page.css").read_text("utf-8"), (_FOLDER / "page.js").read_text("utf-8")
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    parts = {
        "POLICY": html.escape(policy),
        "STYLE": style,
        "DATA": _data([_audit(audit, failing) for audit in audits]),
        "SCRIPT": script,
    }
    template = (_FOLDER / "page.html").read_text("utf-8")
    # Split once: what is put in is not looked at for names again.
    return "".join(parts.get(piece, piece) for piece in re.split(r"%([A-Z]+)%", template))


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _data(value: object) -> str:
    return json.dumps(value).translate(_MARKUP)


def _audit(audit: Audit, failing: Sequence[str]) -> dict[str, Any]:
    standing = [each for each in audit.findings if not each.accepted]
    failed = audit.policy is None or any(each.severity in failing for each in standing)
    return {
        "target": audit.target,
        "sha256": audit.sha256,
        "verdict": "fail" if failed else "pass",
        "compared": audit.compared,
        "operations": operations(audit.policy or {}),
        "counts": {label: sum(each.severity == label for each in standing) for label in (ERROR, WARNING, INFO)},
        "chart": chart(audit),
        "findings": [_finding(each) for each in audit.findings],
    }


def _finding(each: Finding) -> dict[str, Any]:
    return asdict(each) | {"why": each.kind.why, "todo": each.kind.todo}
