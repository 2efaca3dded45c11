"""What can be wrong with what a client can reach: ids that stay, how bad it is, why, and what to do about it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

ERROR, WARNING, INFO = "error", "warning", "info"
RANK = {ERROR: 0, WARNING: 1, INFO: 2}


@dataclass(frozen=True)
class Kind:
    severity: str
    why: str
    todo: str


@dataclass(frozen=True)
class Trace:
    """One step of the calls that lead from an operation to what it reaches."""

    file: str
    line: int
    text: str


@dataclass(frozen=True)
class Finding:
    """One leak, one power or one remark.

    ``path`` is the chain of calls from a root, empty when it is about a module; ``owner`` the class that declares the
    member, as ``module:Name``; ``trace`` what runs inside of the member, up to ``file`` and ``line``.
    """

    id: str
    severity: str
    message: str
    path: str = ""
    owner: str = ""
    member: str = ""
    file: str = ""
    line: int = 0
    trace: tuple[Trace, ...] = ()
    interface: str = ""  # of the policy, of which the member is one
    fingerprint: str = ""  # stays when lines move: pynto.toml accepts a finding by it
    accepted: str = ""  # the reason that pynto.toml gives

    @property
    def kind(self) -> Kind:
        return KINDS[self.id]

    def sort_key(self) -> tuple[int, str, int, str, str, str]:
        return (RANK[self.severity], self.file, self.line, self.id, self.path, self.message)


def finding(
    id: str,
    message: str,
    *,
    severity: str | None = None,
    path: str = "",
    owner: str = "",
    member: str = "",
    file: str = "",
    line: int = 0,
    trace: tuple[Trace, ...] = (),
    interface: str = "",
) -> Finding:
    return Finding(id, severity or KINDS[id].severity, message, path, owner, member, file, line, trace, interface)


def fingerprinted(findings: Iterable[Finding]) -> list[Finding]:
    """Each with its fingerprint: of what is said about what, not of lines. Equal ones are told apart by their order."""
    counts: dict[str, int] = {}
    found = []
    for each in findings:
        file = "" if each.owner else each.file
        text = "\0".join((each.id, each.owner, each.member, each.path, file, each.message))
        counts[text] = counts.get(text, 0) + 1
        digest = hashlib.sha256(f"{text}\0{counts[text]}".encode("utf-8", "backslashreplace")).hexdigest()
        found.append(replace(each, fingerprint=digest[:20]))
    return found


_CLIENT = "What a client passes must not choose it: take a name out of a table of your own, or check it first."

_PROTOCOL = "Declare the class or the Protocol that the client is to have."

# fmt: off
KINDS: dict[str, Kind] = {
    # What would leave without a declared type
    "any-result": Kind(ERROR, "Any lets every value through: whatever is returned would reach the client.", _PROTOCOL),
    "object-result": Kind(ERROR, "object lets every value through: whatever is returned would reach the client.", _PROTOCOL),
    "missing-hint": Kind(ERROR, "What is not declared is not granted.", "Add the hint, or rename the member with a leading underscore."),
    "type-result": Kind(ERROR, "A class is a constructor and a way to everything that hangs from it.", "Return an instance, or the class's name."),
    "callable-ellipsis": Kind(ERROR, "A callable without a signature takes and gives anything.", "Spell out the arguments and the result: Callable[[int], str]."),
    "free-typevar": Kind(ERROR, "The caller decides what a free type variable stands for, so the hint grants everything.", "Bind it by the class (Generic[T]), or declare a concrete type."),
    "forbidden-type": Kind(ERROR, "Modules, classes, frames, code, exceptions and their like lead to the whole interpreter.", "Return the data that the client needs, or a Protocol."),
    "unresolved-type": Kind(ERROR, "The hint could not be resolved, so nobody knows what it grants.", "Make the import resolvable: install the package or its stubs, or use --path."),
    # What the policy cannot say
    "generic-growth": Kind(ERROR, "Each step makes a deeper type: the graph has no end.", "Return a Protocol or a class that is not generic."),
    "ambiguous-union": Kind(ERROR, "Several alternatives fit the same object: which one is granted would be a guess.", "Return one type, or make the alternatives different classes."),
    "recursive-alias": Kind(ERROR, "An alias that contains itself has no finite spelling.", "Use a frozen dataclass or a TypedDict that refers to itself by name."),
    "record-holds-reference": Kind(ERROR, "A record travels by value; the object in it would have to be copied or exposed.", "Hold data only, or make it an ordinary class (a reference)."),
    "unsupported-record": Kind(ERROR, "The record cannot be rebuilt from its fields on the other side.", "Use a plain frozen dataclass: public fields, no init=False, no InitVar, no type parameters."),
    "unsupported-literal": Kind(ERROR, "Only str, 64-bit int and bool literals travel.", "Use the Enum itself, or a str literal."),
    "unsupported-type": Kind(ERROR, "The policy has no spelling for this construct.", "Declare a simpler type."),
    "unsupported-array": Kind(ERROR, "Arrays travel when their items are numbers of a fixed size.", "Declare NDArray[numpy.float64], say, and convert it."),
    "unsupported-copy": Kind(ERROR, "Copy takes a list, a set or a dict.", "Write Copy[list[T]], Copy[set[T]] or Copy[dict[K, V]]."),
    "unnamed-class": Kind(ERROR, "The class has no name by which the server could find it at run time.", "Define it at module level, or return a Protocol."),
    "non-ascii-name": Kind(ERROR, "Two names that look alike could be mistaken for each other in a review.", "Use ASCII letters, digits and underscores."),
    "decorated-method": Kind(ERROR, "The decorator replaces the signature by something that is not a plain function.", "Type the decorator as Callable[P, R] -> Callable[P, R]."),
    "descriptor-attribute": Kind(ERROR, "Reading it runs code whose result is not declared here.", "Use a property with a declared type."),
    "uncacheable": Kind(ERROR, "A client would keep what it must not keep, or what nobody can check ahead.", "Use literal arguments, on one signature of data and of references of the server's own; or take the decorator away."),
    "too-large": Kind(ERROR, "The format's limits (64 parameters, 16 overloads, types 32 deep) are passed.", "Split the method or the type."),
    "root-not-interface": Kind(ERROR, "A root is a reference: data and callables have no operations of their own.", "Make the root an object with methods."),
    # Where the hints cannot be believed
    "mypy-error": Kind(ERROR, "A type error makes the declared types untrue.", "Fix what mypy reports."),
    "drift": Kind(ERROR, "The file does not say what the hints say.", "Review the change, then run pynto-policy generate."),
    "invalid-policy": Kind(ERROR, "The server refuses this file.", "Generate it anew; it is not meant to be edited."),
    "unused-config": Kind(ERROR, "A rule that meets nothing protects nothing.", "Correct the name in pynto.toml, or delete the rule."),
    "type-ignore": Kind(WARNING, "The type checker was told to look away here.", "Check by hand that the declared types hold, or remove it."),
    "cast": Kind(WARNING, "A cast is believed, not checked.", "Check by hand that the value has this type."),
    "untyped-import": Kind(WARNING, "Everything from this module is Any.", "Install the package's stubs."),
    # What is granted, and may surprise
    "mutable-attribute": Kind(WARNING, "The client holds the live container and can change it.", "Return a tuple, a Sequence or a Mapping from a property."),
    "mutable-default": Kind(WARNING, "All callers, of all connections, share this one value.", "Use None or a tuple as the default."),
    "opaque-class": Kind(WARNING, "The client can hold it and hand it back, and nothing else.", "Return a Protocol, allow members in pynto.toml, or add its package to home."),
    "opaque-attribute": Kind(WARNING, "It belongs to a library; it is not offered.", "Name it with a leading underscore, or wrap what clients need in a method."),
    "catch-all": Kind(WARNING, "The class answers names that it does not declare; clients get the declared ones only.", "Declare what clients need."),
    "error-field": Kind(WARNING, "The fields of an exception are read without the policy: plain data only.", "Declare it as data without records and Enums, or rename it with a leading underscore."),
    "unreachable-parameter": Kind(WARNING, "No operation gives a client such an object, so it can never pass one.", "Take data (a tuple, pynto.Copy[list[T]]) or a Protocol."),
    "flag-enum": Kind(WARNING, "Members travel by name: a combination of flags is refused.", "Take a frozenset of an Enum."),
    "any-parameter": Kind(INFO, "Any and object as a parameter mean data: values only, no references.", "Declare what the method expects."),
    "annotated-constraint": Kind(INFO, "What Annotated adds to a type is not enforced.", "Check the value in the method."),
    # What the code behind an operation can do
    "power-files": Kind(ERROR, "A path that a client writes can lead anywhere that the server may read or write.", "Look the file up in a table of the server's own, or check the resolved path; accept the finding with a reason if it is meant."),
    "power-network": Kind(ERROR, "A client that names the address speaks to others from the server's place in the network.", "Look the address up in a table of the server's own."),
    "power-processes": Kind(ERROR, "A client that writes a command line, or a part of it, runs programs as the server.", "Run fixed commands, with values out of a table of the server's own."),
    "power-code": Kind(ERROR, "A client that writes code is the server.", "Parse data as data; bind the parameters of a statement instead of writing it."),
    "power-deserialise": Kind(ERROR, "Reading such a format runs what it says.", "Use JSON, or what Pynto sends by value."),
    "power-introspection": Kind(ERROR, "Attributes by name, frames and globals lead from an object to the interpreter.", "Name the attributes in a table of the server's own; format with a template that you wrote."),
    "power-memory": Kind(ERROR, "A short message becomes a large object: one client can exhaust the server.", "Bound the number before it is used: if n > 1000: raise ValueError."),
    "power-cpu": Kind(ERROR, "A short message keeps the server busy: one client can stop it for all.", "Bound the number, or take the pattern out of a table of the server's own."),
    "power-environment": Kind(ERROR, "Settings and secrets of the process are not the client's.", "Read what is needed once, at the start."),
    "power-persistence": Kind(ERROR, "What is left behind acts when nobody thinks of the client any more.", _CLIENT),
    "power-control": Kind(ERROR, "A client that can end or signal the process can stop it for all.", "Leave ending the process to whoever started it."),
    "power-threads": Kind(WARNING, "Work goes on when the call is over, outside of the quotas of its connection.", "Do the work in the call, or bound how much of it there is at a time."),
    "unanalysable": Kind(WARNING, "What this call does is not known, so nothing is said about the powers behind it.", "Declare the type, call the function by its name, or add its package to home."),
    "never": Kind(ERROR, "pynto.toml says that this must never be reachable.", "Take it out of what is offered, or correct the rule."),
    "inherited-members": Kind(INFO, "Members that a library class declares are not offered.", "Declare in your class what clients need."),
}
# fmt: on
