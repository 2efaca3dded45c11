"""Do type checkers accept what a client may do, refuse what it may not, and can a policy put nothing else into a stub?"""

from __future__ import annotations

import ast
import builtins
import copy
import json
import keyword
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pynto
import pytest
from audit_support import HERE, Done
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mypy import api
from pynto.audit import grammar, layout, spelling, stubs
from pynto.audit.config import BadInput

Run = Callable[..., Done]
TYPED = HERE / "typed"
CLIENTS = ("client.py", "aio_client.py")
WRONG = {
    (name, number)
    for name in CLIENTS
    for number, line in enumerate((TYPED / name).read_text().splitlines(), 1)
    if line.endswith("# wrong")
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a client and the stub that it is written against."""
    from pynto.audit import cli

    folder = tmp_path_factory.mktemp("client")
    policy = str(folder / "policy.json")
    config = str(TYPED / "pynto.toml")
    assert cli.main(["generate", "storefront:Shop", "-o", policy, "--path", str(TYPED), "--config", config]) == 0
    assert cli.main(["stubs", policy, "-o", str(folder / "shopclient.pyi")]) == 0
    assert cli.main(["stubs", policy, "--aio", "-o", str(folder / "shopaio.pyi")]) == 0
    for name in CLIENTS:
        shutil.copy(TYPED / name, folder)
    return folder


def test_there_is_something_wrong_to_be_found() -> None:
    assert all(sum(name == each for each, _ in WRONG) >= 8 for name in CLIENTS)


def test_mypy_accepts_the_client_and_refuses_each_wrong_line(client: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(client)
    out, err, _ = api.run(["--strict", "--no-error-summary", "--python-executable", sys.executable, *CLIENTS])
    assert err == ""
    found = [line.split(":") for line in out.splitlines() if " error: " in line]
    assert {(name, int(number)) for name, number, *_ in found} == WRONG, out


def test_mypy_finds_nothing_wrong_with_the_stub_itself(client: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(client)
    out, err, code = api.run(["--strict", "shopclient.pyi", "shopaio.pyi"])
    assert (err, code) == ("", 0), out


def pyright(folder: Path) -> list[dict[str, Any]]:
    """What pyright says in its strictest mode."""
    program = HERE.parents[1] / "build" / "npm" / "node_modules" / "pyright" / "index.js"
    if not program.is_file():
        pytest.skip("pyright is not there: tools/setup --tests installs it")
    config = {"include": ["."], "typeCheckingMode": "strict", "pythonVersion": "3.11"}
    (folder / "pyrightconfig.json").write_text(json.dumps(config))
    command = ["node", str(program), "--outputjson", "--pythonpath", sys.executable, "-p", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found: list[dict[str, Any]] = json.loads(done.stdout)["generalDiagnostics"]
    return [each for each in found if each["severity"] == "error"]


def test_pyright_accepts_the_client_and_refuses_each_wrong_line(client: Path) -> None:
    found = pyright(client)
    assert {(Path(each["file"]).name, each["range"]["start"]["line"] + 1) for each in found} == WRONG, found


def test_the_stub_says_what_the_netref_has(client: Path) -> None:
    """Names and parameters, of every class that a client of the shop holds when it starts."""
    sys.path.insert(0, str(TYPED))
    try:
        import storefront
    finally:
        sys.path.remove(str(TYPED))
    tree = ast.parse((client / "shopclient.pyi").read_text())
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    with pynto.pair(storefront.Shop(), policy=client / "policy.json") as connection:
        root = connection.root
        held = {"Shop": root, "Reader": None, "Box_int": root.box()}
        for name, netref in held.items():
            if netref is not None:
                named = {each for each in dir(type(netref)) if not each.startswith("_")}
                assert {each for each in _members(classes[name]) if not each.startswith("_")} == named


def _members(node: ast.ClassDef) -> Iterator[str]:
    for each in node.body:
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            yield each.name
        elif isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
            yield each.target.id


def test_the_same_policy_gives_the_same_bytes(client: Path, run: Run) -> None:
    policy = (client / "policy.json").read_text()
    assert run("stubs", "p.json", p_dot_json=policy).out == (client / "shopclient.pyi").read_text()


def test_classes_that_the_client_has_are_imported(client: Path, run: Run) -> None:
    policy = (client / "policy.json").read_text()
    out = run("stubs", "p.json", "--shared", "storefront", p_dot_json=policy).out
    assert "import storefront as _shared_storefront\n" in out and "class Color" not in out
    assert "def keep(self, receipt: _shared_storefront.Receipt | ReceiptFields) -> None: ..." in out
    assert "class Shop:" in out  # an interface is not what the class is


@pytest.mark.parametrize("module", ["", "a b", "os;evil", "1a", "a..b", "class", "a.import"])
def test_a_shared_module_is_a_module(client: Path, run: Run, module: str) -> None:
    done = run("stubs", "p.json", "--shared", module, p_dot_json=(client / "policy.json").read_text())
    assert (done.code, done.out) == (2, "")


def test_what_is_no_policy_is_bad_input(run: Run) -> None:
    assert run("stubs", "p.json", p_dot_json="{}").code == 2
    assert run("stubs", "gone.json").code == 2


# Nothing of a policy becomes code

EXAMPLES = int(os.environ.get("PYNTO_EXAMPLES", "1000"))  # of each kind of text

FRAME: dict[str, Any] = {
    "enums": {"m:Kind": ["ONE", "TWO"]},
    "imports": {"m:Told": {"facet": True, "methods": {"tell": "(what: m:Room) -> data"}}},
    "interfaces": {
        "m:Box[str]": {"class": "m:Box"},
        "m:Room": {
            "class": "m:Room",
            "get": {"title": "str"},
            "methods": {
                "find": ["(key: int) -> str", "(key: 'text') -> m:Box[str]"],
                "hear": "(told: m:Told, fn: fn(int, str=?)->none) -> enum m:Kind",
                "post": "(int, /, text: str=?, *rest: int, kind: enum m:Kind=?, **options: int) -> rec m:Slip",
            },
            "set": {"title": "str"},
        },
    },
    "platform": "linux",
    "pynto-policy": 1,
    "python": "3.11",
    "records": {"m:Slip": {"no": "int"}},
    "roots": {"lobby": "m:Room"},
}
TEXT = layout.dumps(FRAME)
SLOTS = ["Kind", "ONE", "Told", "tell", "what", "Box", "Room", "title", "find", "key", "hear", "post", "text", "rest"]
SLOTS += ["options", "Slip", "no", "lobby", "m"]
MODULES = {"_builtins", "_dataclasses", "_datetime", "_decimal", "_enum", "_types", "_typing", "_uuid", "_abc"}
OWN_WORDS = [
    *keyword.kwlist,
    *keyword.softkwlist,
    *(name for name in dir(builtins) if name.isidentifier()),
    *MODULES,
    *(
        "self",
        "self_",
        "cls",
        "other",
        "value",
        "kind",
        "error",
        "traceback",
        "made_by_the_server",
        "Callback",
        "Interface",
    ),
    *(
        "__init__",
        "__new__",
        "__class__",
        "__call__",
        "__private",
        "_1",
        "_2",
        "__slots__",
        "mro",
        "name",
        "Room_2",
        "SlipFields",
    ),
]


def _replaced(document: Any, old: str, new: str) -> Any:
    """Wherever a word stands in the policy, another."""
    if isinstance(document, dict):
        made = {
            re.sub(rf"\b{old}\b", lambda _: new, key): _replaced(value, old, new) for key, value in document.items()
        }
        return dict(sorted(made.items()))
    if isinstance(document, list):
        return [_replaced(each, old, new) for each in document]
    return re.sub(rf"\b{old}\b", lambda _: new, document) if isinstance(document, str) else document


def _sorted_spellings(document: dict[str, Any]) -> dict[str, Any]:
    """Keyword-only parameters and alternatives are sorted: a new name may need another place."""
    try:
        for entry in (*document["interfaces"].values(), *document["imports"].values()):
            for name, value in entry.get("methods", {}).items():
                if isinstance(value, str):
                    entry["methods"][name] = str(_parsed(value))
        for members in document["enums"].values():
            members.sort()
    except spelling.SpellingError:
        pass  # the loader says so as well
    return document


def _parsed(text: str) -> spelling.Signature:
    reader = grammar._Reader(text)
    signature = reader.signature()
    reader.end()
    return signature


def check_is_only_a_stub(text: str) -> None:
    """Declarations, made of names that stand for types, and of constants."""
    assert text.isascii()
    tree = ast.parse(text)
    classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    assigned = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in tree.body:
        if isinstance(node, ast.Import):
            assert all(alias.asname in MODULES for alias in node.names)
        elif isinstance(node, ast.ClassDef):
            _check_class(node)
        elif isinstance(node, ast.Assign):
            assert isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "_typing.TypedDict"
        else:
            assert isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation) == "_typing.TypeAlias"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) in ("_typing.TypedDict", "_dataclasses.dataclass")
        elif isinstance(node, ast.Attribute):
            assert isinstance(node.value, ast.Name)
            assert node.value.id in MODULES or node.attr == "setter"
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            known = node.id in MODULES | classes | assigned or hasattr(builtins, node.id)
            assert known or _is_setter(tree, node.id), node.id
        else:
            assert not isinstance(
                node, ast.Lambda | ast.Await | ast.NamedExpr | ast.JoinedStr | ast.Starred | ast.IfExp
            )


def _is_setter(tree: ast.Module, name: str) -> bool:
    return f"@{name}.setter" in ast.unparse(tree)


def _check_class(node: ast.ClassDef) -> None:
    document, *members = node.body
    assert isinstance(document, ast.Expr) and isinstance(document.value, ast.Constant)
    for member in members:
        if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef):
            assert ast.unparse(member.body[0]) == "..." and len(member.body) == 1
        elif isinstance(member, ast.Assign):
            assert isinstance(member.value, ast.Constant) and isinstance(member.value.value, str)
        else:
            assert isinstance(member, ast.AnnAssign) and member.value is None


class _Shape(ast.NodeTransformer):
    """The tree without its names and texts. A builtin that a member hides is spelled with its module."""

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        return ast.Name("x", ast.Load())

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name("x", ast.Load())

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.Constant(type(node.value).__name__)


def shape(text: str) -> list[list[str]]:
    """What stands in each class, in any order: names decide about order, about imports, and whether a root has an alias."""
    tree = _Shape().visit(ast.parse(text))
    kept = [node for node in tree.body if not isinstance(node, ast.Import | ast.AnnAssign)]
    return sorted(sorted(_nameless(each) for each in getattr(node, "body", [node])) for node in kept)


def _nameless(node: ast.AST) -> str:
    return re.sub(r"\b(name|arg|id)='[^']*'", r"\1=''", ast.dump(node))


BENIGN = shape(stubs.render(FRAME))

hostile_names = st.one_of(
    st.sampled_from(OWN_WORDS),
    st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_]{0,12}\Z"),
    st.text(max_size=12),
    st.sampled_from(
        ["a\nimport os", "a: int = __import__('os')", 'x"""', "x'''", "x#", "x\\", "x\x0c", "x\u2028y", "A" * 300, "é"]
    ),
)


@pytest.mark.timeout(1800)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(SLOTS), hostile_names)
def test_a_hostile_name_is_refused_or_stays_a_name(slot: str, name: str) -> None:
    document = _sorted_spellings(_replaced(copy.deepcopy(FRAME), slot, name))
    try:
        policy = pynto.Policy(layout.dumps(document).encode())
    except (ValueError, UnicodeEncodeError):
        return
    check_is_only_a_stub(stubs.render(policy.document, awaited=True))
    text = stubs.render(policy.document)
    check_is_only_a_stub(text)
    if "cannot be written in Python" not in text:
        assert shape(text) == BENIGN


@pytest.mark.timeout(1800)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(max_size=30), st.text(max_size=30))
def test_a_hostile_text_stays_a_text(literal: str, argument: str) -> None:
    document = _replaced(copy.deepcopy(FRAME), "nothing", "nothing")
    room = document["interfaces"]["m:Room"]
    room["methods"]["find"][1] = f"(key: {spelling.Literal(literal)}) -> m:Box[str]"
    box = document["interfaces"].pop("m:Box[str]")
    renamed = f"m:Box[{spelling.Literal(argument)}]"
    room["methods"]["find"][1] = room["methods"]["find"][1].replace("m:Box[str]", renamed)
    document["interfaces"] = dict(sorted({**document["interfaces"], renamed: box}.items()))
    try:
        policy = pynto.Policy(layout.dumps(document).encode())
    except (ValueError, UnicodeEncodeError):
        return
    text = stubs.render(policy.document)
    check_is_only_a_stub(text)
    assert shape(text) == BENIGN
    literals = [
        node.slice.value
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Subscript)
        and ast.unparse(node.value) == "_typing.Literal"
        and isinstance(node.slice, ast.Constant)
    ]
    assert literals == [literal]


@pytest.mark.parametrize("name", ["class", "None", "import"])
def test_what_python_cannot_say_is_left_out_and_told(name: str) -> None:
    document = _sorted_spellings(_replaced(copy.deepcopy(FRAME), "post", name))
    text = stubs.render(pynto.Policy(layout.dumps(document).encode()).document)
    assert f"    # '{name}' cannot be written in Python" in text
    check_is_only_a_stub(text)


def test_a_member_that_hides_a_builtin_changes_no_annotation(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = _sorted_spellings(_replaced(copy.deepcopy(FRAME), "title", "int"))
    document["interfaces"]["m:Room"]["get"]["str"] = "str"
    done = run("stubs", "p.json", "-o", "s.pyi", p_dot_json=layout.dumps(document))
    assert done.code == 0
    monkeypatch.chdir(tmp_path)
    (tmp_path / "use.py").write_text("import s\ndef f(room: s.Room) -> str:\n    return room.find(1)\n")
    out, _, code = api.run(["--strict", "use.py"])
    assert code == 0, out


def test_a_file_that_was_not_loaded_is_not_rendered() -> None:
    """The command loads it first; what is rendered past that raises rather than writes what it does not know."""
    broken = copy.deepcopy(FRAME)
    broken["interfaces"]["m:Room"]["get"]["title"] = "str\nimport os"
    with pytest.raises((spelling.SpellingError, BadInput)):
        stubs.render(broken)
