"""The closed graph of interfaces: breadth first from the roots, so that every path in a finding is a shortest one."""

from __future__ import annotations

import collections
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from mypy.nodes import TypeInfo
from mypy.subtypes import is_proper_subtype
from mypy.types import Instance

from . import caching, decorators, grammar, members, signatures, spelling
from .build import World
from .config import Config
from .findings import ERROR, INFO, KINDS, WARNING, Finding, finding
from .flow import Flow
from .members import Home, Member, Refusal, class_name
from .places import Places
from .signatures import Reading
from .sources import mutable_defaults
from .standard import Standard, template_of
from .templates import EXITS, Template
from .translate import Draft, Translator

_MODULE = re.compile(r"[A-Za-z_][\w.]*:")
# A person cannot mend the hints of the standard library: that a member of it is withheld is no fault of theirs.
LIBRARY = {id: WARNING for id, kind in KINDS.items() if kind.severity == ERROR}
_PLAIN_BASES = frozenset({"object", "Protocol", "Generic", "ABC"})


@dataclass
class Node:
    """An interface in one direction: exported to clients, or implemented by them."""

    name: str
    flow: Flow
    instance: Instance
    parent: Node | None = None
    step: str = ""  # of the parent, by which it is reached
    get: dict[str, str] = field(default_factory=dict)
    set: dict[str, str] = field(default_factory=dict)
    methods: dict[str, list[str]] = field(default_factory=dict)
    cached: dict[str, str] = field(default_factory=dict)

    def path(self, step: str = "") -> str:
        """``Room.reader() -> Reader.history()``."""
        here = _MODULE.sub("", self.name) + (f".{step}" if step else "")
        return f"{self.parent.path(self.step)} -> {here}" if self.parent else here


@dataclass(frozen=True)
class Site:
    """A member of an interface, as findings name it."""

    node: Node
    owner: TypeInfo
    member: str
    step: str

    @property
    def label(self) -> str:
        return f"{self.owner.name}.{self.step}"


class Walk:
    """Expands interfaces until nothing new is named."""

    def __init__(self, world: World, home: Home, config: Config) -> None:
        self.world = world
        self.home = home
        self.config = config
        self.places = Places(world)
        self.standard = Standard(world)
        self.nodes: dict[tuple[str, Flow], Node] = {}
        self.wants: dict[str, tuple[Instance, Site]] = {}  # what flows in, and where first
        self.named: dict[tuple[str, Flow], Instance] = {}  # type arguments: what is reached through the class alone
        self.records: dict[str, dict[str, str]] = {}
        self.enums: dict[str, list[str]] = {}
        self.values: dict[str, TypeInfo] = {}  # the classes of records and enums
        self.listed: dict[str, tuple[TypeInfo, set[str]]] = {}  # home class -> members that a policy names
        self.used: set[str] = set()  # the rules of the config that met something
        self.findings: dict[tuple[str, str, str, str], Finding] = {}
        self._queue: collections.deque[Node] = collections.deque()
        self._sides: dict[Flow, tuple[int, dict[str, Node]]] = {}  # by the number of nodes that there were

    def run(self) -> None:
        while self._queue:
            self._expand(self._queue.popleft())
        self._unreachable()

    def enter(self, name: str, instance: Instance, flow: Flow, parent: Node | None = None, step: str = "") -> Node:
        node = self.nodes.get((name, flow))
        if node is None:
            node = self.nodes[name, flow] = Node(name, flow, instance, parent, step)
            self._queue.append(node)
        return node

    def side(self, flow: Flow) -> dict[str, Node]:
        """The exports (OUT) or the imports (IN), sorted by name."""
        count, known = self._sides.get(flow, (-1, {}))
        if count != len(self.nodes):
            known = {
                name: self.nodes[name, at] for name, at in sorted(self.nodes, key=lambda key: key[0]) if at is flow
            }
            self._sides[flow] = len(self.nodes), known
        return known

    def is_opaque(self, instance: Instance) -> bool:
        if template_of(instance) is not None or instance.type.module_name in self.home:
            return False
        return not any(class_name(base) in self.config.allow for base in instance.type.mro)

    def unwalked(self) -> Iterator[tuple[str, Instance]]:
        """Interfaces that are named, and that no client ever gets: what flows in only, and idle type arguments."""
        wanted = {(name, Flow.IN): instance for name, (instance, _) in self.wants.items()}
        for (name, flow), instance in (self.named | wanted).items():
            if (name, Flow.OUT) not in self.nodes and (flow is Flow.OUT or (name, flow) not in self.nodes):
                yield name, instance

    def conforming(self, wanted: Instance, name: str) -> list[str]:
        """The exported interfaces, other than the one that is wanted, whose objects it takes."""
        exports = self.side(Flow.OUT)
        return [other for other in exports if other != name and _conforms(exports[other].instance, wanted)]

    # One interface

    def _expand(self, node: Node) -> None:
        template = template_of(node.instance)
        if template is not None:
            self._from_template(node, template, node.instance, {})
            return
        own = members.offered(node.instance.type, self.home, self.config.allow)
        for name, member in sorted(own.items()):
            if member is not None and not self._is_denied(node, name) and not self._is_bare_final(member):
                self._member(node, member)
        self._from_bases(node, own)
        self._class_remarks(node)

    def _member(self, node: Node, member: Member) -> None:
        step = member.name if member.is_attribute else f"{member.name}()"
        site = Site(node, member.owner, member.name, step)
        if not spelling.is_identifier(member.name):
            self._withhold(site, Refusal("non-ascii-name", f"the name {member.name!a} is not ASCII"))
            return
        try:
            offer = self._attribute if member.is_attribute else self._method
            granted = offer(site, member)
        except Refusal as refusal:
            self._withhold(site, refusal)
            return
        if granted:
            self._list(site)
            self._cached(site, member)

    def _cached(self, site: Site, member: Member) -> None:
        """What a client may keep of it. What a client implements is its own."""
        node, name = site.node, member.name
        if node.flow is Flow.IN:
            return
        try:
            cached = decorators.cached(member)
            if cached is None:
                return
            if name in node.get:
                caching.check(cached, grammar.parse_type(node.get[name]))
            else:
                caching.check_method(cached, [*map(grammar.parse_signature, node.methods[name])], self._is_lent)
        except (Refusal, spelling.SpellingError) as refusal:
            self._note(decorators.REFUSED, site, f"{site.label} is not cached: {refusal}")
            return
        node.cached[name] = str(cached)

    def _is_bare_final(self, member: Member) -> bool:
        """``x: Final = 3``: a constant whose type is inferred, not declared."""
        source = self.places.source(member.owner)
        text = source.members.get(member.name, "") if source is not None else ""
        return text.rpartition(": ")[2].rpartition(".")[2] == "Final"

    def _is_denied(self, node: Node, name: str) -> bool:
        rules = {f"{class_name(base)}.{name}" for base in node.instance.type.mro} & self.config.deny
        self.used |= {f"deny {rule}" for rule in rules}
        return bool(rules)

    def _is_copied(self, site: Site, name: str) -> bool:
        rules = {f"{class_name(base)}.{name}" for base in site.node.instance.type.mro} & self.config.copy
        self.used |= {f"copy {rule}" for rule in rules}
        return bool(rules)

    def _from_bases(self, node: Node, own: dict[str, Member | None]) -> None:
        """What home classes inherit from the standard ABCs that they name among their bases.

        Not what a library class such as dict inherits from them.
        """
        for info in node.instance.type.mro:
            for base in info.bases if info.module_name in self.home else ():
                template = template_of(base)
                if template is not None and template.facet:
                    self._from_template(node, template, members.mapped(node.instance, base.type), own)

    def _from_template(self, node: Node, template: Template, instance: Instance, own: dict[str, Member | None]) -> None:
        node.get |= {name: text for name, text in template.get.items() if name not in own}
        for name, readings in self.standard.methods(template, instance, node.flow):
            if name in own or name in node.methods or self._is_denied(node, name):
                continue
            site = Site(node, instance.type, name, f"{name}()")
            self._grant(site, readings)

    # One member

    def _attribute(self, site: Site, member: Member) -> bool:
        node, translator = site.node, Translator()
        hint = members.attribute(member, node.instance)
        is_copied = self._is_copied(site, member.name)
        type_ = translator.copied(hint, node.flow) if is_copied else translator.type(hint, node.flow)
        self._refuse_opaque(translator.draft)
        node.get[member.name] = str(type_)
        self._commit(translator.draft, site)
        if node.flow is Flow.OUT:
            self._settable(site, member)
            if mutable := self._mutable(type_):
                self._note("mutable-attribute", site, f"{site.label} is a live {mutable}")
        return True

    def _refuse_opaque(self, draft: Draft) -> None:
        for (name, flow), instance in draft.interfaces.items():
            if (name, flow) in draft.direct and flow is Flow.OUT and self.is_opaque(instance):
                raise Refusal("opaque-attribute", f"{name} is a class outside of the home packages")

    def _mutable(self, type_: spelling.Type) -> str | None:
        for item in spelling.alternatives(type_):
            if isinstance(item, spelling.Interface):
                template = template_of(self.nodes[str(item), Flow.OUT].instance)
                if template is not None and template.mutable:
                    return str(item)
        return None

    def _settable(self, site: Site, member: Member) -> None:
        rules = {f"{class_name(base)}.{member.name}" for base in site.node.instance.type.mro} & self.config.set
        if not rules:
            return
        hint = members.settable(member, site.node.instance)
        if hint is None:
            return  # the rule meets nothing, and is reported as such
        self.used |= {f"set {rule}" for rule in rules}
        translator, flow = Translator(), site.node.flow.flipped
        is_copied = self._is_copied(site, member.name)
        site.node.set[member.name] = str(translator.copied(hint, flow) if is_copied else translator.type(hint, flow))
        self._commit(translator.draft, site)

    def _method(self, site: Site, member: Member) -> bool:
        hints = members.signatures(member, site.node.instance)
        if member.name in EXITS:
            site.node.methods[member.name] = [EXITS[member.name]]
            return True
        readings = []
        for hint in hints:
            try:
                copied = self._is_copied(site, member.name)
                readings.append(signatures.read(member, hint, site.node.flow, copied=copied))
            except Refusal as refusal:
                self._withhold(site, refusal, "an overload of " if len(hints) > 1 else "")
        return self._grant(site, readings)

    def _grant(self, site: Site, readings: list[Reading]) -> bool:
        texts = list(dict.fromkeys(str(reading.signature) for reading in readings))
        if len(texts) > spelling.OVERLOADS_MAX:
            raise Refusal("too-large", f"it has more than {spelling.OVERLOADS_MAX} overloads")
        if not texts:
            return False
        site.node.methods[site.member] = texts
        for reading in readings:
            self._commit(reading.draft, site)
            for refusal in reading.dropped:
                self._note(refusal.id, site, f"{site.label} is offered without {refusal.detail}", severity=INFO)
        return True

    def _commit(self, draft: Draft, site: Site) -> None:
        """The member is granted: what it names is reachable."""
        for key, instance in draft.interfaces.items():
            name, flow = key
            if key not in draft.direct:
                self.named.setdefault(key, instance)
            elif flow is Flow.OUT:
                self.enter(name, instance, flow, site.node, site.step)
                if self.is_opaque(instance):
                    self._note(
                        "opaque-class", site, f"{site.label} gives out {name}, a class outside of the home packages"
                    )
            else:
                self.wants.setdefault(name, (instance, site))
                if self._is_importable(instance):
                    self.enter(name, instance, flow, site.node, site.step)
        self.records |= draft.records
        self.enums |= draft.enums
        self.values |= draft.values
        for id, detail in draft.notes:
            if not (id == "any-parameter" and site.member in ("__eq__", "__ne__", "__contains__")):
                self._note(id, site, f"{site.label}: {detail}")

    def _is_lent(self, type_: spelling.Type) -> bool:
        """Whether a client can pass an object of its own there."""
        wanted = self.wants.get(str(type_)) if isinstance(type_, spelling.Interface) else None
        return wanted is not None and self._is_importable(wanted[0])

    def _is_importable(self, instance: Instance) -> bool:
        template = template_of(instance)
        if template is not None:
            return template.importable
        return instance.type.is_protocol and instance.type.module_name in self.home

    def _list(self, site: Site) -> None:
        """Remember what ``declared`` must hold, and look at the defaults."""
        name = class_name(site.owner)
        if site.owner.module_name not in self.home:
            self.used.add(f"allow {name}.{site.member}")
            return
        self.listed.setdefault(name, (site.owner, set()))[1].add(site.member)
        source = self.places.source(site.owner)
        for line, parameter in mutable_defaults(source.functions.get(site.member, []) if source else []):
            self._note("mutable-default", site, f"the default of {parameter} in {site.label} is shared", line=line)

    # Findings

    def _withhold(self, site: Site, refusal: Refusal, what: str = "") -> None:
        self._note(refusal.id, site, f"{what}{ascii(site.label)[1:-1]} is withheld: {refusal.detail}")

    def _note(self, id: str, site: Site, message: str, *, severity: str | None = None, line: int = 0) -> None:
        """The first finding of its kind about a member is the one with the shortest path."""
        owner = class_name(site.owner)
        if severity is None and self.world.is_builtin(site.owner.module_name):
            severity = LIBRARY.get(id)
        file, found_line = self.places.of(site.owner, site.member)
        self.findings.setdefault(
            (id, owner, site.member, message),
            finding(
                id,
                message,
                severity=severity,
                path=site.node.path(site.step),
                owner=owner,
                member=site.member,
                file=file,
                line=line or found_line,
                interface=site.node.name,
            ),
        )

    def _class_remarks(self, node: Node) -> None:
        info = node.instance.type
        if node.flow is Flow.IN or info.module_name not in self.home:
            return
        for base, name in members.catch_alls(info, self.home):
            self._note("catch-all", Site(node, base, name, ""), f"{base.name} defines {name}")
        libraries = [base.name for base in info.mro if self._is_library(base)]
        if libraries:
            self._note(
                "inherited-members", Site(node, info, "", ""), f"{info.name} derives from {', '.join(libraries)}"
            )

    def _is_library(self, base: TypeInfo) -> bool:
        template = template_of(Instance(base, []))
        is_abc = template is not None and template.facet
        return (
            base.module_name not in self.home and base.name not in _PLAIN_BASES and not is_abc and not base.is_protocol
        )

    def _unreachable(self) -> None:
        """Parameters that no client can ever fill."""
        for name, (instance, site) in sorted(self.wants.items()):
            if (name, Flow.OUT) in self.nodes or (name, Flow.IN) in self.nodes:
                continue
            if site.node.flow is Flow.OUT and not self.conforming(instance, name):
                self._note("unreachable-parameter", site, f"{site.label} wants {name}, which no client can get")


def _conforms(given: Instance, wanted: Instance) -> bool:
    """Subtyping, which is asked for each pair, behind what is cheaper to see."""
    if wanted.type.is_protocol:
        if not all(given.type.get(name) for name in wanted.type.protocol_members):
            return False
    elif wanted.type not in given.type.mro:
        return False
    return is_proper_subtype(given, wanted)
