"""From the roots to a policy: the graph is walked, and written down."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from mypy.nodes import TypeInfo
from mypy.types import Instance, get_proper_type

from . import build, exceptions, kinds, never, roots
from .build import Target, World
from .config import BadInput, Config, RootSpec
from .declared import BASES, is_value
from .findings import Finding, finding
from .flow import Flow
from .members import Home, Refusal, class_name
from .places import shown
from .powers import Powers
from .roots import Root
from .sources import remarks
from .standard import template_of
from .templates import TEMPLATES
from .translate import Translator
from .walk import Node, Walk

FORMAT = 1


@dataclass
class Outcome:
    """The policy, unless a root cannot be exported, and everything that was found."""

    policy: dict[str, object] | None
    findings: list[Finding] = field(default_factory=list)

    def has(self, severity: str) -> bool:
        return any(found.severity == severity for found in self.findings)


def generate(specs: Iterable[RootSpec], config: Config, target: Target) -> Outcome:
    specs = sorted(specs, key=lambda spec: spec.name)
    _refuse_duplicates(specs)
    probe = exceptions.imports(config) + roots.probe(specs, target)
    world = build.read(probe, target)
    roots.check_probe(world, specs)
    found = roots.resolve(world, specs, build.PROBE)
    if target.bodies is not None and not set(home_of(found, config).packages) <= set(target.bodies):
        return generate(specs, config, replace(target, bodies=home_of(found, config).packages))
    with build.strictly(), kinds.copying(config.copy):
        return from_world(world, found, config, target)


def home_of(found: list[Root], config: Config) -> Home:
    return Home(tuple(sorted({*config.home, *_root_modules(found)})))


def _refuse_duplicates(specs: list[RootSpec]) -> None:
    if not specs:
        raise BadInput("there is no root: name one as module:object, or in [roots] of pynto.toml")
    for first, second in itertools.pairwise(specs):
        if first.name == second.name:
            raise BadInput(f"two roots are named {first.name}: write NAME=module:object")


def from_world(world: World, found: list[Root], config: Config, target: Target) -> Outcome:
    """The policy for roots in modules that mypy has read already."""
    home = home_of(found, config)
    walk = Walk(world, home, config)
    names: dict[str, str] = {}
    problems = []
    for root in found:
        try:
            names[root.name] = _enter(walk, root)
        except Refusal as refusal:
            message = f"the root {root.name} cannot be exported: {refusal.detail}"
            problems.append(
                finding(refusal.id, message, path=root.name, owner=f"{root.spec.module}:{root.spec.object}")
            )
    walk.run()
    errors = exceptions.Fields(world, config.error_fields)
    walk.values |= errors.classes
    problems += [*walk.findings.values(), *errors.findings, *_module_findings(world, home)]
    problems += [] if len(names) < len(found) else _unused(walk)
    reached = Powers(walk, world).findings() if target.bodies is not None else []
    problems += [*reached, *never.broken(walk, world, reached)]
    problems.sort(key=Finding.sort_key)
    policy = _policy(walk, names, errors.fields, target) if len(names) == len(found) else None
    return Outcome(policy, problems)


def _root_modules(found: list[Root]) -> Iterator[str]:
    """The modules of the roots, and where a class that was named as a root is defined."""
    for root in found:
        if root.spec.module:
            yield root.spec.module
        proper = get_proper_type(root.hint)
        if root.spec.type is None and isinstance(proper, Instance) and proper.type.name == root.spec.object:
            yield proper.type.module_name


def _enter(walk: Walk, root: Root) -> str:
    translator = Translator()
    spelled = str(translator.type(root.hint, Flow.OUT))
    instance = translator.draft.interfaces.get((spelled, Flow.OUT))
    if instance is None:
        raise Refusal("root-not-interface", f"{spelled} is not an interface")
    walk.named |= {key: hint for key, hint in translator.draft.interfaces.items() if key not in translator.draft.direct}
    walk.enter(spelled, instance, Flow.OUT)
    return spelled


# Findings about whole modules


def _module_findings(world: World, home: Home) -> Iterator[Finding]:
    files = {world.file_of(module): module for module in sorted(world.modules) if module in home}
    own = {shown(file) for file in files} | files.keys()
    for message in world.messages:
        if message.file in own:
            id = "untyped-import" if message.is_untyped_import else "mypy-error"
            yield finding(id, message.text, file=shown(message.file), line=message.line)
    for file in files:
        if file.endswith(".py"):
            for remark in remarks(file):
                yield finding(remark.id, remark.text, file=shown(file), line=remark.line)


def _unused(walk: Walk) -> Iterator[Finding]:
    rules = [f"set {rule}" for rule in walk.config.set] + [f"deny {rule}" for rule in walk.config.deny]
    rules += [f"copy {rule}" for rule in walk.config.copy - walk.records.keys()]
    rules += [f"allow {name}.{member}" for name, listed in walk.config.allow.items() for member in listed]
    for rule in sorted(set(rules) - walk.used):
        kind, _, name = rule.partition(" ")
        yield finding("unused-config", f"policy.{kind}: nothing in the policy is {name}")


# The document


def _policy(walk: Walk, names: dict[str, str], fields: dict[str, dict[str, str]], target: Target) -> dict[str, object]:
    exports, imports = walk.side(Flow.OUT), walk.side(Flow.IN)
    interfaces = {name: _interface(node) for name, node in exports.items()}
    interfaces |= {name: _runtime(instance) for name, instance in walk.unwalked()}
    accepts = {}
    for name, (instance, _) in sorted(walk.wants.items()):
        if conforming := walk.conforming(instance, name):
            accepts[name] = conforming
            interfaces.setdefault(name, _runtime(instance))  # what comes home is looked up there
    document: dict[str, object] = {
        "pynto-policy": FORMAT,
        "python": ".".join(map(str, target.python)),
        "platform": target.platform,
        "roots": names,
        "interfaces": interfaces,
        "imports": {name: _interface(node) for name, node in imports.items()},
        "accepts": accepts,
        "records": walk.records,
        "enums": walk.enums,
        "errors": _errors(walk.config, fields),
        "declared": _declared(walk),
    }
    required = ("roots", "interfaces")
    return {key: value for key, value in document.items() if value or key in required}


def _errors(config: Config, fields: dict[str, dict[str, str]]) -> dict[str, object]:
    errors: dict[str, object] = {}
    for name, grant in config.errors.items():
        errors[name] = {"fields": fields[name], "grant": grant} if fields.get(name) else grant
    return errors


def _interface(node: Node) -> dict[str, object]:
    methods = {name: texts[0] if len(texts) == 1 else texts for name, texts in node.methods.items()}
    parts = {"cached": node.cached, "get": node.get, "set": node.set, "methods": methods}
    entry = _runtime(node.instance) | parts
    return {key: value for key, value in entry.items() if value}


def _runtime(instance: Instance) -> dict[str, object]:
    """How the server recognises an object of this interface."""
    template = template_of(instance)
    if template is not None:
        return {"class": TEMPLATES[template.name].runtime}
    if instance.type.is_protocol:
        return {"facet": True}
    return {"class": class_name(instance.type)}


def _declared(walk: Walk) -> dict[str, dict[str, str]]:
    """What the source says of every home class whose members or values the policy names."""
    declared = {}
    for name, (info, members) in walk.listed.items():
        texts = _texts(walk, info)
        declared[name] = {member: text for member, text in texts.items() if member in members or member == BASES}
    for info in walk.values.values():
        for base in info.mro:
            declared.setdefault(class_name(base), _values(_texts(walk, base)))
    return {name: texts for name, texts in declared.items() if texts}


def _texts(walk: Walk, info: TypeInfo) -> dict[str, str]:
    """Nothing for classes of libraries, and for those that only a stub describes."""
    file = walk.world.file_of(info.module_name)
    source = walk.places.source(info) if info.module_name in walk.home and file.endswith(".py") else None
    return source.members if source is not None else {}


def _values(texts: dict[str, str]) -> dict[str, str]:
    """The fields of a record or the members of an Enum, without the methods."""
    return {name: text for name, text in texts.items() if name == BASES or is_value(name, text)}
