"""The audit: what do these hints, or this file, let a client reach?"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from . import expressions, generate, grammar, layout, validate
from .build import Target
from .config import BadInput, Config, RootSpec, parse_root
from .declared import locate
from .findings import Finding, finding, fingerprinted
from .validate import Document


@dataclass
class Audit:
    target: str
    policy: Document | None  # what the findings are about; None when nothing can be exported, or the file is unsound
    findings: list[Finding] = field(default_factory=list)
    sha256: str = ""  # of the file, or of what would be written
    compared: bool = True  # False when the hints behind a file could not be found


def check(targets: Sequence[str], config: Config, target: Target, frozen: str | None) -> list[Audit]:
    """One audit for each policy file, and one for all roots together."""
    files = [text for text in targets if text.endswith(".json")]
    roots = [parse_root(text) for text in targets if not text.endswith(".json")]
    if not targets:
        roots = list(config.roots)
    audits = [_check_file(path, config, target) for path in files]
    if roots or not files:
        audits.append(_check_roots(roots, config, target, frozen))
    elif frozen is not None:
        raise BadInput("--frozen compares a file with roots: name them as module:object")
    _accept(audits, config.accept)
    return audits


def _bodies(specs: Sequence[RootSpec], config: Config, more: Iterable[str] = ()) -> tuple[str, ...]:
    """What is home as far as one knows ahead: where it is all, the hints are read once."""
    return tuple(sorted({*config.home, *more, *(spec.module for spec in specs)} - {""}))


def _accept(audits: list[Audit], accept: dict[str, str]) -> None:
    """Findings that pynto.toml accepts stay, with the reason, and fail nothing any more."""
    met = set()
    for audit in audits:
        found = fingerprinted(audit.findings)
        met |= {each.fingerprint for each in found}
        audit.findings = [replace(each, accepted=accept.get(each.fingerprint, "")) for each in found]
    stale = [finding("unused-config", f"accept: nothing is found that is {each}") for each in accept if each not in met]
    audits[0].findings = fingerprinted([*audits[0].findings, *stale]) if stale else audits[0].findings


def _check_roots(specs: list[RootSpec], config: Config, target: Target, frozen: str | None) -> Audit:
    outcome = generate.generate(specs, config, replace(target, bodies=_bodies(specs, config)))
    label = " ".join(f"{spec.module}:{spec.object}" for spec in specs)
    audit = Audit(label, outcome.policy, outcome.findings)
    if outcome.policy is not None:
        data = layout.dumps(outcome.policy).encode()
        audit.sha256 = hashlib.sha256(data).hexdigest()
        audit.findings += _invalid(outcome.policy, data)
        if frozen is not None:
            document, _ = validate.parse(validate.read(frozen), frozen)
            audit.findings += _drift(frozen, document, outcome.policy)
    audit.findings.sort(key=Finding.sort_key)
    return audit


def _check_file(path: str, config: Config, target: Target) -> Audit:
    data = validate.read(path)
    document, unsorted = validate.parse(data, path)
    audit = Audit(path, document, sha256=hashlib.sha256(data).hexdigest())
    audit.findings = [finding("invalid-policy", text, file=path) for text in unsorted]
    audit.findings += [replace(found, file=path) for found in _invalid(document, data)]
    if audit.findings:
        audit.policy = None  # what is unsound is not described as if it said something
    else:
        _compare(audit, document, config, target)
    audit.findings.sort(key=Finding.sort_key)
    return audit


def _invalid(document: Document, data: bytes) -> list[Finding]:
    texts = validate.problems(document) or list(_engine(data))
    return [finding("invalid-policy", text) for text in texts]


def _engine(data: bytes) -> Iterator[str]:
    """What the server's own loader says, where it is built."""
    try:
        engine = importlib.import_module("pynto._core")
    except ImportError:
        return
    try:
        getattr(engine, "check_policy", lambda data: None)(data)
    except ValueError as error:
        yield str(error)


def _compare(audit: Audit, document: Document, config: Config, target: Target) -> None:
    """Read the hints again, and report what they give that the file does not say, and the other way round."""
    specs, home = _specs(document, config)
    wanted = {spec.module for spec in specs} | set(home)
    if any(module and locate(module, target.search) is None for module in wanted):
        audit.compared = False
        return
    major, minor = str(document["python"]).split(".")
    again = replace(
        target, python=(int(major), int(minor)), platform=str(document["platform"]), bodies=_bodies(specs, config, home)
    )
    outcome = generate.generate(specs, replace(config, home=(*config.home, *home)), again)
    audit.findings += outcome.findings
    if outcome.policy is not None:
        audit.findings += _drift(audit.target, document, outcome.policy)


def _specs(document: Document, config: Config) -> tuple[list[RootSpec], list[str]]:
    """The roots of a file, by the config where it names them, else by their types; and the modules that were home."""
    roots, declared = document["roots"], document.get("declared", {})
    assert isinstance(roots, dict) and isinstance(declared, dict)
    configured = {spec.name: spec for spec in config.roots}
    if configured.keys() >= roots.keys():
        return [configured[name] for name in roots], []
    specs = []
    for name, text in roots.items():
        interface = grammar.parse_interface(text)
        module = min(expressions.modules(interface), default="")
        specs.append(RootSpec(name, module, "", expressions.expression(interface)))
    return specs, sorted({class_.partition(":")[0] for class_ in declared})


def _drift(path: str, old: Document, new: Document) -> list[Finding]:
    return [finding("drift", text, file=path) for text in differences(old, new)]


def differences(old: object, new: object, place: str = "") -> Iterator[str]:
    """One sentence for each leaf in which two documents differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            inner = f"{place}, {key}" if place else key
            if key not in old:
                yield f"{inner}: the file lacks {_brief(new[key])}"
            elif key not in new:
                yield f"{inner}: the hints no longer give {_brief(old[key])}"
            else:
                yield from differences(old[key], new[key], inner)
    elif old != new or type(old) is not type(new):
        yield f"{place}: the file says {_brief(old)}, the hints say {_brief(new)}"


def _brief(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(sorted(value)) + "}"
    return json.dumps(value)
