"""The audit as SARIF 2.1.0, which code hosts and editors show beside the lines."""

from __future__ import annotations

import importlib.metadata
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .findings import ERROR, INFO, KINDS, WARNING, Finding, Kind, Trace

if TYPE_CHECKING:
    from .check import Audit

VERSION = "2.1.0"
_FINGERPRINT = "pyntoFinding/v1"
_LEVELS = {ERROR: "error", WARNING: "warning", INFO: "note"}
_SCORES = {ERROR: "8.0", WARNING: "5.0", INFO: "2.0"}  # of 10, as code hosts sort by
_ROOT = "SRCROOT"  # where the command ran

Json = dict[str, Any]


def audit_sarif(audits: Sequence[Audit], failing: Sequence[str]) -> str:
    """One run for each audit: what is no longer found is then known to be mended."""
    document = {
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": VERSION,
        "runs": [_run(audit, failing) for audit in audits],
    }
    return json.dumps(document, indent=1) + "\n"


def _run(audit: Audit, failing: Sequence[str]) -> Json:
    ids = sorted({each.id for each in audit.findings})
    failed = audit.policy is None or any(each.severity in failing and not each.accepted for each in audit.findings)
    return {
        "tool": {"driver": {"name": "pynto-policy", "version": _version(), "rules": [_rule(id) for id in ids]}},
        "automationDetails": {"id": f"pynto-policy/{audit.target}"},
        "invocations": [{"executionSuccessful": True, "exitCode": int(failed)}],
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The folder in which pynto-policy ran."}}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(each, ids.index(each.id)) for each in audit.findings],
    }


def _version() -> str:
    try:
        return importlib.metadata.version("pynto-server")
    except importlib.metadata.PackageNotFoundError:
        return "0"


def _rule(id: str) -> Json:
    kind: Kind = KINDS[id]
    return {
        "id": id,
        "name": "".join(part.capitalize() for part in id.split("-")),
        "shortDescription": {"text": id.replace("-", " ")},
        "fullDescription": {"text": kind.why},
        "help": {"text": f"{kind.why} {kind.todo}"},
        "defaultConfiguration": {"level": _LEVELS[kind.severity]},
        "properties": {"security-severity": _SCORES[kind.severity], "tags": ["security"]},
    }


def _result(each: Finding, index: int) -> Json:
    result: Json = {
        "ruleId": each.id,
        "ruleIndex": index,
        "level": _LEVELS[each.severity],
        "message": {"text": each.message + (f" (path: {each.path})" if each.path else "")},
        "locations": list(_locations(each)),
        "partialFingerprints": {_FINGERPRINT: each.fingerprint},
        "properties": {"path": each.path, "interface": each.interface},
    }
    if len(each.trace) > 1:
        steps = [{"location": _step(step)} for step in each.trace]
        result["codeFlows"] = [{"threadFlows": [{"locations": steps}]}]
    if each.accepted:
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": each.accepted}]
    return result


def _locations(each: Finding) -> Iterator[Json]:
    location: Json = _physical(each.file, each.line)
    if each.owner:
        name = f"{each.owner}.{each.member}" if each.member else each.owner
        location["logicalLocations"] = [{"fullyQualifiedName": name, "kind": "member" if each.member else "type"}]
    if location:
        yield location


def _step(step: Trace) -> Json:
    return {**_physical(step.file, step.line), "message": {"text": step.text}}


def _physical(file: str, line: int) -> Json:
    """Nothing for the stubs of the standard library, which are no file of the project."""
    if not file or file.startswith("typeshed/"):
        return {}
    where: Json = {"uri": PurePath(file).as_uri()} if os.path.isabs(file) else {"uri": quote(file), "uriBaseId": _ROOT}
    physical: Json = {"artifactLocation": where}
    if line:
        physical["region"] = {"startLine": line}
    return {"physicalLocation": physical}
