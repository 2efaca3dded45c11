"""The audit, for a person and for a machine."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from .findings import ERROR, INFO, RANK, WARNING, Finding
from .listing import count, findings_text, plain
from .terminal import Paint

if TYPE_CHECKING:
    from .check import Audit

FORMAT = 1

_MODULE = re.compile(r"\b[A-Za-z_][\w.]*:(?=[A-Za-z_])")


def audit_text(audits: Sequence[Audit], failing: Sequence[str]) -> str:
    paint = Paint(sys.stdout)
    return "\n".join("".join(f"{line}\n" for line in _audit_lines(audit, failing, paint)) for audit in audits)


def _audit_lines(audit: Audit, failing: Sequence[str], paint: Paint) -> Iterator[str]:
    if audit.policy is not None:
        yield from map(plain, _reach(audit.policy))
        yield ""
    if audit.findings:
        yield findings_text(audit.findings, paint)
    if not audit.compared:
        yield "The modules behind this file were not found: it was not compared with the hints."
    verdict, _, told = plain(_verdict(audit, failing)).partition(" ")
    yield f"{paint(verdict, verdict.lower())} {told}"


def _reach(policy: dict[str, object]) -> Iterator[str]:
    """What a client can reach: every interface with its operations, one a line."""
    interfaces, roots = _section(policy, "interfaces"), _section(policy, "roots")
    yield "A client starts with " + ", ".join(f"{name} ({interface})" for name, interface in sorted(roots.items()))
    yield f"and reaches {count(len(interfaces), 'interface')} with {count(operations(policy), 'operation')}:"
    for name, entry in sorted(interfaces.items()):
        yield ""
        yield f"  {name}{_remark(entry)}"
        yield from (f"    {line}" for line in _operation_lines(entry))
    imports = _section(policy, "imports")
    if imports:
        yield ""
        yield "The server may call, on objects of the client:"
    for name, entry in sorted(imports.items()):
        yield ""
        yield f"  {name}"
        yield from (f"    {line}" for line in _operation_lines(entry))

    yield from _exceptions(_section(policy, "errors"))


def _exceptions(errors: dict[str, object]) -> Iterator[str]:
    """What is told of exceptions beyond the names of Python's own."""
    if not errors:
        return
    yield ""
    yield "Of these exceptions it learns more than that there was an error:"
    for name, entry in sorted(errors.items()):
        told = entry.get("grant") if isinstance(entry, dict) else entry
        fields = sorted(_section(entry, "fields").items())
        yield f"  {name}: its {'type and text' if told == 'text' else 'type'}"
        yield from (f"    {field}: {type_}" for field, type_ in fields)


def _remark(entry: object) -> str:
    if not isinstance(entry, dict):
        return ""
    if not any(key in entry for key in ("get", "set", "methods")):
        return "  (no operations)"
    return "  (facet)" if "facet" in entry else ""


def _operation_lines(entry: object) -> Iterator[str]:
    assert isinstance(entry, dict)
    cached = entry.get("cached", {})
    for verb in ("get", "set"):
        for name, type_ in sorted(entry.get(verb, {}).items()):
            yield f"{verb} {name}: {type_}" + (_kept(cached, name) if verb == "get" else "")
    for name, signatures in sorted(entry.get("methods", {}).items()):
        for signature in [signatures] if isinstance(signatures, str) else signatures:
            asynchronous = "async " if signature.startswith("async ") else ""
            yield f"{asynchronous}{name}{signature.removeprefix('async ')}{_kept(cached, name)}"


def _kept(cached: dict[str, str], name: str) -> str:
    """How long a client may keep the answer."""
    return f"  (cached {cached[name]})" if name in cached else ""


def operations(policy: dict[str, object]) -> int:
    """How many attributes and methods the interfaces have together."""
    entries = _section(policy, "interfaces").values()
    return sum(len(_section(entry, key)) for entry in entries for key in ("get", "set", "methods"))


def _verdict(audit: Audit, failing: Sequence[str]) -> str:
    counts = {severity: sum(found.severity == severity for found in _open(audit)) for severity in RANK}
    accepted = len(audit.findings) - len(_open(audit))
    if audit.policy is None:
        return f"FAIL {audit.target}: nothing can be exported"
    told = ", ".join(count(number, label) for label, number in counts.items() if number) or "nothing found"
    told = told.replace("infos", "remarks").replace("info", "remark")
    told += f", {accepted} accepted" if accepted else ""
    verdict = "FAIL" if any(counts[severity] for severity in failing) else "PASS"
    return f"{verdict} {audit.target}: {told}"


def _open(audit: Audit) -> list[Finding]:
    """What pynto.toml has not accepted."""
    return [found for found in audit.findings if not found.accepted]


def _section(policy: object, key: str) -> dict[str, object]:
    value = policy.get(key, {}) if isinstance(policy, dict) else {}
    return value if isinstance(value, dict) else {}


# For a machine


def audit_json(audits: Sequence[Audit], failing: Sequence[str]) -> str:
    document = {"pynto-findings": FORMAT, "audits": [_audit_object(audit, failing) for audit in audits]}
    return json.dumps(document, indent=1) + "\n"


def _audit_object(audit: Audit, failing: Sequence[str]) -> dict[str, object]:
    failed = audit.policy is None or any(found.severity in failing for found in _open(audit))
    return {
        "target": audit.target,
        "sha256": audit.sha256,
        "verdict": "fail" if failed else "pass",
        "compared": audit.compared,
        "summary": {
            "roots": _section(audit.policy, "roots"),
            "interfaces": len(_section(audit.policy, "interfaces")),
            "operations": operations(audit.policy or {}),
            **{f"{label}s": sum(f.severity == label for f in _open(audit)) for label in (ERROR, WARNING, INFO)},
            "accepted": len(audit.findings) - len(_open(audit)),
        },
        "findings": [_finding_object(found) for found in audit.findings],
    }


def _finding_object(found: Finding) -> dict[str, object]:
    return {
        "id": found.id,
        "severity": found.severity,
        "message": found.message,
        "why": found.kind.why,
        "todo": found.kind.todo,
        "path": found.path,
        "owner": found.owner,
        "member": found.member,
        "file": found.file,
        "line": found.line,
        "trace": [{"file": step.file, "line": step.line, "text": step.text} for step in found.trace],
        "interface": found.interface,
        "fingerprint": found.fingerprint,
        "accepted": found.accepted,
    }
