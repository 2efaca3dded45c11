"""The audit, for a person and for a machine."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from .findings import ERROR, INFO, RANK, WARNING, Finding

if TYPE_CHECKING:
    from .check import Audit

FORMAT = 1

_MODULE = re.compile(r"\b[A-Za-z_][\w.]*:(?=[A-Za-z_])")


def findings_text(findings: Sequence[Finding]) -> str:
    """Each finding with its place, its path, why it matters and what to do; the last two once for each kind."""
    told: set[str] = set()
    lines: list[str] = []
    for finding in findings:
        lines += _finding_lines(finding, finding.id not in told)
        told.add(finding.id)
    return "".join(f"{_plain(line)}\n" for line in lines)


def _finding_lines(finding: Finding, first: bool) -> Iterator[str]:
    place = f"{finding.file}:{finding.line}: " if finding.line else f"{finding.file}: " if finding.file else ""
    yield f"{place}{finding.severity}: {finding.message} [{finding.id}]"
    if finding.path:
        yield f"    path: {finding.path}"
    if first:
        yield f"    why:  {finding.kind.why}"
        yield f"    do:   {finding.kind.todo}"


def audit_text(audits: Sequence[Audit], failing: Sequence[str]) -> str:
    return "\n".join("".join(f"{line}\n" for line in _audit_lines(audit, failing)) for audit in audits)


def _audit_lines(audit: Audit, failing: Sequence[str]) -> Iterator[str]:
    if audit.policy is not None:
        yield from map(_plain, _reach(audit.policy))
        yield ""
    if audit.findings:
        yield findings_text(audit.findings)
    if not audit.compared:
        yield "The modules behind this file were not found: it was not compared with the hints."
    yield _plain(_verdict(audit, failing))


def _reach(policy: dict[str, object]) -> Iterator[str]:
    """What a client can reach: every interface with its operations, one a line."""
    interfaces, roots = _section(policy, "interfaces"), _section(policy, "roots")
    yield "A client starts with " + ", ".join(f"{name} ({interface})" for name, interface in sorted(roots.items()))
    yield f"and reaches {_count(len(interfaces), 'interface')} with {_count(operations(policy), 'operation')}:"
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
    counts = {severity: sum(found.severity == severity for found in audit.findings) for severity in RANK}
    if audit.policy is None:
        return f"FAIL {audit.target}: nothing can be exported"
    told = ", ".join(_count(number, label) for label, number in counts.items() if number) or "nothing found"
    told = told.replace("infos", "remarks").replace("info", "remark")
    verdict = "FAIL" if any(counts[severity] for severity in failing) else "PASS"
    return f"{verdict} {audit.target}: {told}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _section(policy: object, key: str) -> dict[str, object]:
    value = policy.get(key, {}) if isinstance(policy, dict) else {}
    return value if isinstance(value, dict) else {}


def _plain(text: str) -> str:
    """One line of printable characters: names and paths come from outside."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


# For a machine


def audit_json(audits: Sequence[Audit], failing: Sequence[str]) -> str:
    document = {"pynto-findings": FORMAT, "audits": [_audit_object(audit, failing) for audit in audits]}
    return json.dumps(document, indent=1) + "\n"


def _audit_object(audit: Audit, failing: Sequence[str]) -> dict[str, object]:
    failed = audit.policy is None or any(found.severity in failing for found in audit.findings)
    return {
        "target": audit.target,
        "sha256": audit.sha256,
        "verdict": "fail" if failed else "pass",
        "compared": audit.compared,
        "summary": {
            "roots": _section(audit.policy, "roots"),
            "interfaces": len(_section(audit.policy, "interfaces")),
            "operations": operations(audit.policy or {}),
            **{f"{label}s": sum(f.severity == label for f in audit.findings) for label in (ERROR, WARNING, INFO)},
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
    }
