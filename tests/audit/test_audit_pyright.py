"""Do two readers of hints agree? What we grant is written down as a program, which pyright then type-checks.

For each operation of each interface the program calls it as the policy says, and asserts what comes out; for each pair of
interfaces it says whether one is taken where the other is wanted. Every difference is explained here, or is a fault.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from audit_support import HERE, corpus
from invented import program
from pynto.audit import build, expressions, generate, grammar, roots, spelling
from pynto.audit.config import Config, RootSpec
from pynto.audit.templates import TEMPLATES

PYRIGHT = HERE.parents[1] / "build" / "npm" / "node_modules" / "pyright" / "index.js"
# Our own signatures stand there: what is thrown, and how a block ended, are told as text.
OWN = frozenset({"__exit__", "__aexit__", "throw", "athrow"})

Policy = dict[str, Any]


@dataclass
class Questions:
    """A program, and what each of its lines asks."""

    lines: list[str] = field(default_factory=list)
    asked: dict[int, str] = field(default_factory=dict)
    refused: set[int] = field(default_factory=set)  # lines that pyright must refuse
    count: int = 0

    def ask(self, what: str, head: str, *body: str, refused: bool = False) -> None:
        self.count += 1
        self.lines.append(f"{head} -> object:")
        for line in body:
            self.lines.append(f"    {line}")
            self.asked[len(self.lines)] = what
            if refused:
                self.refused.add(len(self.lines))


def questions(policies: list[Policy]) -> Questions:
    found = Questions()
    modules = {"typing", "collections.abc", "collections", "contextlib", "datetime", "decimal", "uuid", "pynto"}
    for policy in policies:
        for side in ("interfaces", "imports"):
            for name, entry in sorted(policy.get(side, {}).items()):
                interface = grammar.parse_interface(name)
                modules |= expressions.modules(interface)
                for key, value in (*entry.get("get", {}).items(), *entry.get("methods", {}).items()):
                    parsed = [grammar.parse_type(value)] if key in entry.get("get", {}) else [
                        each for signature in grammar.parse_overloads(value) for each in _types(signature)
                    ]  # fmt: skip
                    modules |= set().union(*(expressions.modules(each) for each in parsed)) if parsed else set()
                _ask(found, name, interface, entry)
        _ask_accepted(found, policy)
    found.lines[:0] = head = [f"import {module}" for module in sorted(modules)] + ["from typing import assert_type"]
    found.asked = {line + len(head): what for line, what in found.asked.items()}
    found.refused = {line + len(head) for line in found.refused}
    return found


def _types(signature: spelling.Signature) -> list[spelling.Type]:
    return [signature.result, *(param.type for param in signature.params())]


def _ask(found: Questions, name: str, interface: spelling.Interface, entry: Policy) -> None:
    is_template = interface.name in TEMPLATES
    shown = expressions.expression(interface)
    for member, text in entry.get("get", {}).items():
        value = expressions.expression(grammar.parse_type(text))
        check = f"x: {value} = it.{member}" if is_template else f"assert_type(it.{member}, {value})"
        found.ask(f"{name}.{member}", f"def _(it: {shown})", check)
    for member, value in entry.get("methods", {}).items():
        if member in OWN:
            continue
        for signature in grammar.parse_overloads(value):
            for whole in (True, False):
                parameters, arguments = _call(signature, whole, is_template)
                call = "it" if member == "__await__" else f"it.{member}({arguments})"
                call = f"await {call}" if signature.asynchronous else call
                result = expressions.expression(signature.result)
                check = f"x: {result} = {call}" if is_template else f"assert_type({call}, {result})"
                define = "async def" if signature.asynchronous else "def"
                found.ask(f"{name}.{member}", f"{define} _(it: {shown}{parameters})", check)


def _call(signature: spelling.Signature, whole: bool, is_template: bool) -> tuple[str, str]:
    """Parameters of the program's function, and the arguments that it passes on: all, or those that must be there."""
    parameters, arguments = [], []
    for index, param in enumerate(signature.params()):
        is_rest, is_options = param is signature.rest, param is signature.options
        if not whole and (param.optional or is_rest or is_options):
            continue
        parameters.append(f"p{index}: {expressions.expression(_arriving(param.type) if is_template else param.type)}")
        by_name = param.name is not None and not (signature.rest and whole and param in signature.named)
        if is_rest:
            arguments.append(f"p{index}")
        elif is_options:
            arguments.append(f"another=p{index}")
        else:
            arguments.append(f"{param.name}=p{index}" if by_name else f"p{index}")
    return "".join(f", {each}" for each in parameters), ", ".join(arguments)


def _arriving(type_: spelling.Type) -> spelling.Type:
    """A copy arrives as what it is a copy of."""
    if isinstance(type_, spelling.Copy):
        return spelling.Interface(type_.kind, type_.args)
    if isinstance(type_, spelling.Union):
        return spelling.Union(tuple(map(_arriving, type_.items)))
    return type_


def _ask_accepted(found: Questions, policy: Policy) -> None:
    """For each interface that is wanted as an argument: which other ones are taken there, and which are not."""
    exports = policy["interfaces"]
    wanted = set(policy.get("imports", {})) | set(policy.get("accepts", {}))
    for want in sorted(wanted):
        taken = policy.get("accepts", {}).get(want, [])
        for other in sorted(exports):
            if other != want and not _is_container(other) and _is_handed_out(exports[other]):
                refused = other not in taken
                shown = [expressions.expression(grammar.parse_interface(each)) for each in (other, want)]
                what = f"{other} {'is not' if refused else 'is'} taken as {want}"
                found.ask(what, f"def _(it: {shown[0]})", f"x: {shown[1]} = it", refused=refused)


def _is_handed_out(entry: Policy) -> bool:
    """An interface that is named only, without operations, is in nobody's hands."""
    return "methods" in entry or "get" in entry


def _is_container(name: str) -> bool:
    return ":" not in name.partition("[")[0]


def policies(folder: Path) -> Iterator[Policy]:
    """The clean corpus, and a program that nobody wrote."""
    (folder / "invented_program.py").write_text(program())
    modules = [*(path.stem for path in corpus("clean")), "invented_program"]
    path = (str(folder), *(str(HERE / each) for each in ("corpus/clean", "stubs")))
    target = build.Target(python=(3, 11), platform="linux", path=path)
    world = build.read("".join(f"import {module}\n" for module in modules), target)
    for module in modules:
        with build.strictly():
            spec = RootSpec("Root", module, "Root")
            outcome = generate.from_world(world, roots.resolve(world, [spec], build.PROBE), Config(), target)
        assert outcome.policy is not None
        yield outcome.policy


def pyright(folder: Path, text: str) -> list[Policy]:
    (folder / "questions.py").write_text(text)
    (folder / "pyrightconfig.json").write_text(
        json.dumps(
            {
                "pythonVersion": "3.11",
                "pythonPlatform": "Linux",
                "typeCheckingMode": "basic",
                "include": ["questions.py"],
                "extraPaths": [str(HERE / "corpus" / "clean"), str(HERE / "stubs")],
            }
        )
    )
    node = shutil.which("node")
    assert node is not None and PYRIGHT.exists(), "pyright is missing: run tools/setup --tests"
    done = subprocess.run(
        [node, str(PYRIGHT), "--outputjson", "-p", str(folder)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    found: list[Policy] = json.loads(done.stdout)["generalDiagnostics"]
    return [each for each in found if each["severity"] == "error"]


# Interface and operation -> why pyright says otherwise.
_FACET = "contextmanager and generators give classes of the library: the facet that is granted has less"
_NEW = "a NewType is what it is made of: the names of types do not travel"
EXPLAINED: dict[str, str] = {
    "AsyncGenerator[str, none].__aiter__": "it gives itself: what a client holds it keeps",
    "iterators:Root.aopened": _FACET,
    "iterators:Root.loose": "a generator whose hint says Any for what is sent is granted as an Iterator",
    "iterators:Root.opened": _FACET,
    "newtypes:Root.find": _NEW,
    "newtypes:Root.name": _NEW,
    "quiet_idioms:Root.batch": _FACET,
    "quiet_locks:Root.held": _FACET,
    "scalars:Root.new": _NEW,
    "scalars:Root.stop": "what never returns gives None, if anything",
    "scalars:Root.text": "LiteralString says how a text was made, which no value shows",
    "typevar_inputs:Root.text": "a TypeVar with values takes each of them; one variable of the union is none of them",
}


@pytest.mark.timeout(900)
def test_pyright_agrees_with_every_operation_that_is_granted(tmp_path: Path) -> None:
    granted = list(policies(tmp_path))
    assert sum(len(policy["interfaces"]) for policy in granted) >= 200
    found = questions(granted)
    assert found.count > 1000
    told: dict[int, list[str]] = {}
    for each in pyright(tmp_path, "\n".join(found.lines) + "\n"):
        told.setdefault(each["range"]["start"]["line"] + 1, []).append(each["message"])
    differences = {
        found.asked.get(line, found.lines[line - 1]): " ".join(text)
        for line, text in told.items()
        if line not in found.refused
    }
    differences |= {found.asked[line]: "pyright takes it" for line in found.refused if line not in told}
    unexplained = {what: text for what, text in differences.items() if what not in EXPLAINED}
    assert unexplained == {}
    assert set(EXPLAINED) <= set(differences), "an explanation that explains nothing"
