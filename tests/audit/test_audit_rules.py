"""The pitfalls of mypy as a library, and the rules that keep the graph small: each once gave a wrong policy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from audit_support import HERE, Done
from mypy.state import state
from pynto.audit import generate
from pynto.audit.build import Target
from pynto.audit.config import Config, parse_root

Run = Callable[..., Done]


def methods(run: Run, source: str, *arguments: str) -> dict[str, object]:
    done = run("generate", "chat:Root", *arguments, chat_dot_py=source)
    found: dict[str, object] = json.loads(done.out)["interfaces"]["chat:Root"].get("methods", {})
    return found


# Pitfalls


def test_optional_stays_optional_though_mypy_forgets_it_outside_a_build(run: Run) -> None:
    source = """
from typing import Generic, TypeVar
T = TypeVar("T")
class Base(Generic[T]):
    def get(self) -> T | None:
        return None
class Root(Base[str]):
    pass
"""
    with state.strict_optional_set(False):
        assert methods(run, source) == {"get": "() -> none|str"}


def test_a_fresh_cache_and_a_warm_one_see_the_same_types(run: Run) -> None:
    source = (
        "class Root:\n    def b(self) -> dict[str, list[int]]: return {}\n    def a(self) -> set[int]: return set()\n"
    )
    cold = run("generate", "fresh:Root", fresh_dot_py=source)
    warm = run("generate", "fresh:Root")
    assert cold == warm and "list[int]" in cold.out


def test_an_edit_within_the_second_is_seen(run: Run, tmp_path: Path) -> None:
    """mypy's cache goes by the size and the whole seconds of a file."""
    first = run("generate", "quick:Root", quick_dot_py="class Root:\n    x: int\n")
    stamp = (tmp_path / "quick.py").stat()
    (tmp_path / "quick.py").write_text("class Root:\n    y: str\n")
    os.utime(tmp_path / "quick.py", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    second = run("generate", "quick:Root")
    assert '"x": "int"' in first.out and '"y": "str"' in second.out


def test_any_is_no_subtype_of_anything(run: Run) -> None:
    source = """
from typing import Any
class Loose(Any):
    def f(self) -> int: return 1
class Strict:
    def g(self) -> int: return 1
class Root:
    def loose(self) -> Loose: raise NotImplementedError
    def take(self, it: Strict) -> None: ...
"""
    done = run("generate", "chat:Root", chat_dot_py=source)
    assert "accepts" not in json.loads(done.out)


def test_packages_that_are_installed_are_not_any(run: Run) -> None:
    done = run(
        "generate",
        "chat:Root",
        chat_dot_py="import iniconfig\nclass Root:\n    def mark(self) -> iniconfig.IniConfig: raise NotImplementedError\n",
    )
    assert "() -> iniconfig:IniConfig" in done.out, done.err


def test_names_that_mypy_makes_up_are_not_members(run: Run) -> None:
    source = "class Root:\n    def f(self) -> int: return 1\n    def f(self) -> int: return 2\n"
    assert list(methods(run, source)) == ["f"]


def test_a_class_inside_a_function_has_no_name(run: Run) -> None:
    source = """
def make() -> "Root": raise NotImplementedError
class Root:
    def f(self) -> int:
        class Local: ...
        self.local: Local = Local()
        return 1
"""
    done = run("generate", "chat:Root", chat_dot_py=source)
    assert done.code == 1
    assert "[unnamed-class]" in done.err


def test_overloads_for_another_self_are_left_out(run: Run) -> None:
    source = """
from typing import Generic, TypeVar, overload
T = TypeVar("T")
class Box(Generic[T]):
    @overload
    def f(self: "Box[int]") -> int: ...
    @overload
    def f(self: "Box[str]") -> str: ...
    def f(self) -> int | str: return 1
class Root(Box[str]):
    pass
"""
    assert methods(run, source) == {"f": "() -> str"}


def test_errors_are_told_wherever_the_module_was_found(tmp_path: Path) -> None:
    """mypy is silent about all that stands on sys.path, which it reads once in a process."""
    (tmp_path / "chat.py").write_text("class Root:\n    def f(self) -> int: return ''\n")
    code = "import audit_support; from pynto.audit import cli; raise SystemExit(cli.main(['generate', 'chat:Root']))"
    environment = {
        **os.environ,
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{HERE}",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert "[mypy-error]" in done.stderr, done.stderr
    assert done.returncode == 1


def test_what_stands_behind_a_parameter_that_is_not_offered_has_its_name_only(run: Run) -> None:
    source = """
class Root:
    def f(self, a: int = 1, hook: type[int] = int, b: int = 2, *rest: int, c: int, **more: int) -> None: ...
    def g(self, a: int = 1, hook: type[int] = int, b: int = 2, /) -> None: ...
"""
    assert methods(run, source) == {
        "f": "(a: int=?, *, b: int=?, c: int, **more: int) -> none",
        "g": "(int=?, /) -> none",
    }


def test_errors_outside_home_are_not_ours(run: Run) -> None:
    done = run("generate", "chat:Root", lib_dot_py="x: int = ''\n", chat_dot_py="import lib\nclass Root:\n    y: int\n")
    assert (done.code, done.err) == (0, "")


def test_a_policy_is_for_one_version_and_platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("chat.py").write_text(
        "import sys\nclass Root:\n"
        "    if sys.version_info >= (3, 12):\n        def new(self) -> int: return 1\n"
        "    if sys.platform == 'win32':\n        def windows(self) -> int: return 1\n"
    )
    for target, names in (
        (Target(python=(3, 11), platform="linux"), set()),
        (Target(python=(3, 12), platform="win32"), {"new", "windows"}),
    ):
        policy = generate.generate([parse_root("chat:Root")], Config(), target).policy
        assert policy is not None
        assert (policy["python"], policy["platform"]) == (f"3.{target.python[1]}", target.platform)
        entry = policy["interfaces"]["chat:Root"]  # type: ignore[index]  # a document of JSON
        assert set(entry.get("methods", {})) == names


def test_an_import_without_hints_is_a_warning_and_what_comes_from_it_an_error(run: Run, tmp_path: Path) -> None:
    source = "import nowhere\nclass Root:\n    def f(self) -> nowhere.X: raise NotImplementedError\n"
    done = run("generate", "chat:Root", chat_dot_py=source)
    assert done.code == 1
    assert "[unresolved-type]" in done.err and "[mypy-error]" in done.err


def test_nothing_but_lists_sets_and_dicts_is_copied(run: Run) -> None:
    source = "from pynto import Copy\nclass Root:\n    def f(self, x: Copy[int]) -> None: ...\n"
    os.mkdir("stubs")
    stub = Path(__file__).parent / "stubs"
    done = run("generate", "chat:Root", "--path", str(stub), chat_dot_py=source)
    assert "[unsupported-copy]" in done.err


@pytest.mark.parametrize(("count", "fine"), [(64, True), (65, False)])
def test_a_method_has_at_most_64_parameters(run: Run, count: int, fine: bool) -> None:
    parameters = ", ".join(f"a{n}: int" for n in range(count))
    done = run("generate", "chat:Root", chat_dot_py=f"class Root:\n    def f(self, {parameters}) -> None: ...\n")
    assert ("[too-large]" not in done.err) is fine
    assert ('"f"' in done.out) is fine


def test_a_record_whose_name_a_decorator_loses_is_withheld(run: Run) -> None:
    """mypy infers an anonymous TypedDict there, which nobody could find at run time."""
    source = """
from collections.abc import Callable
from typing import NotRequired, ParamSpec, TypedDict, TypeVar
P = ParamSpec("P")
T = TypeVar("T")
def kept(function: Callable[P, T]) -> Callable[P, T]: return function
class Card(TypedDict):
    name: str
    note: NotRequired[str]
class Root:
    @kept
    def decorated(self) -> Card: return {"name": ""}
    def plain(self) -> Card: return {"name": ""}
"""
    done = run("generate", "chat:Root", chat_dot_py=source)
    assert '"plain": "() -> rec chat:Card"' in done.out
    assert done.code == 0 or "[unsupported-record]" in done.err


def test_no_class_of_mypy_is_subclassed_or_given_attributes() -> None:
    """Compiled builds of mypy refuse both."""
    import ast

    import mypy.nodes
    import mypy.types
    from pynto.audit import build as room

    names = {
        name for module in (mypy.nodes, mypy.types) for name, each in vars(module).items() if isinstance(each, type)
    }
    for path in Path(room.__file__).parent.glob("*.py"):
        tree = ast.parse(path.read_text())
        own = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                bases = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
                assert not bases & (names - own - {"Enum", "Flag"}), f"{path.name}: {node.name}"


def test_classes_of_attrs_go_by_reference(run: Run) -> None:
    source = """
import attrs
@attrs.define
class Task:
    title: str
    _secret: str = ""
    def rename(self, title: str) -> None:
        self.title = title
@attrs.frozen
class Point:
    x: int
class Root:
    def task(self) -> Task: return Task("a")
    def point(self) -> Point: return Point(1)
"""
    done = run("check", "chat:Root", "--format", "json", chat_dot_py=source)
    assert json.loads(done.out)["audits"][0]["findings"] == []
    interfaces = json.loads(run("generate", "chat:Root").out)["interfaces"]
    assert interfaces["chat:Task"] == {
        "class": "chat:Task",
        "get": {"title": "str"},
        "methods": {"rename": "(title: str) -> none"},
    }
    assert interfaces["chat:Point"] == {"class": "chat:Point", "get": {"x": "int"}}


def test_a_typed_package_is_opaque_or_home(run: Run) -> None:
    source = (
        "import iniconfig\nclass Root:\n    def ini(self) -> iniconfig.IniConfig: return iniconfig.IniConfig('x')\n"
    )
    opaque = run("generate", "chat:Root", chat_dot_py=source)
    assert json.loads(opaque.out)["interfaces"]["iniconfig:IniConfig"] == {"class": "iniconfig:IniConfig"}
    assert "[opaque-class]" in opaque.err
    home = run("generate", "chat:Root", pynto_dot_toml="[policy]\nhome = ['iniconfig']\n")
    entry = json.loads(home.out)["interfaces"]["iniconfig:IniConfig"]
    assert {"__contains__", "__iter__", "lineof"} <= entry["methods"].keys()
    assert "[opaque-class]" not in home.err


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the interpreter has no PEP 695")
def test_type_parameters_of_pep_695(run: Run) -> None:
    source = """
type Names = tuple[str, ...]
class Box[T]:
    def get(self) -> T: raise NotImplementedError
    def free[S](self, x: S) -> S: return x
class Root:
    def box(self) -> Box[int]: return Box()
    def names(self) -> Names: return ()
"""
    done = run("generate", "chat:Root", chat_dot_py=source)
    interfaces = json.loads(done.out)["interfaces"]
    assert interfaces["chat:Box[int]"]["methods"] == {"get": "() -> int"}
    assert interfaces["chat:Root"]["methods"]["names"] == "() -> (str*)"
    assert "[free-typevar]" in done.err


PEP_695 = """
from __future__ import annotations
from collections.abc import Awaitable, Callable, Iterator
from typing import NamedTuple, Protocol, Self, override

type Names = tuple[str, ...]
type Pair[A, B] = tuple[A, B]
type Tree = int | tuple[Tree, ...]
type Told[**P] = Callable[P, None]
type Later[T] = Callable[[], Awaitable[T]]
class Source[T](Protocol):
    def take(self) -> T: ...
class Base[T]:
    def base(self) -> T: raise NotImplementedError
class Box[T]:
    def get(self) -> T: raise NotImplementedError
    def me(self) -> Self: return self
    def many[S: int](self, *x: S) -> list[S]: return list(x)
class Store[K: str, V]:
    def find(self, key: K) -> V | None: raise NotImplementedError
    def items(self) -> Iterator[Pair[K, V]]: raise NotImplementedError
class Row[*Ts]:
    def cells(self) -> tuple[*Ts]: raise NotImplementedError
class Pairing[A](NamedTuple):
    a: A
def traced[**P, R](f: Callable[P, R]) -> Callable[P, R]: return f
class Root(Base[str]):
    def names(self) -> Names: return ()
    def pair(self) -> Pair[str, int]: return ("a", 1)
    def tree(self) -> Tree: return 1
    def feed(self, s: Source[int]) -> None: ...
    def box(self) -> Box[int]: return Box()
    def store(self) -> Store[str, bytes]: raise NotImplementedError
    def row(self) -> Row[int, str]: raise NotImplementedError
    def pairing(self) -> Pairing[int]: raise NotImplementedError
    @traced
    def told(self, x: int, *, y: str = "") -> bool: return True
    def hear(self, f: Told[int, str]) -> None: ...
    def later(self, f: Later[int]) -> None: ...
    @override
    def base(self) -> str: return ""
"""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the interpreter has no PEP 695")
def test_each_form_of_pep_695(run: Run) -> None:
    done = run("generate", "chat:Root", chat_dot_py=PEP_695)
    interfaces = json.loads(done.out)["interfaces"]
    assert interfaces["chat:Root"]["methods"] == {
        "base": "() -> str",
        "box": "() -> chat:Box[int]",
        "feed": "(s: chat:Source[int]) -> none",
        "hear": "(f: fn(int, str)->none) -> none",
        "later": "(f: async fn()->int) -> none",
        "names": "() -> (str*)",
        "pair": "() -> (str, int)",
        "store": "() -> chat:Store[str, bytes]",
        "told": "(x: int, *, y: str=?) -> bool",
    }
    assert interfaces["chat:Box[int]"]["methods"] == {"get": "() -> int", "me": "() -> chat:Box[int]"}
    assert interfaces["chat:Store[str, bytes]"]["methods"]["find"] == "(key: str) -> bytes|none"
    assert interfaces["Iterator[(str, bytes)]"]["methods"]["__next__"] == "() -> (str, bytes)"
    withheld = {line.partition("error: ")[2].partition(" ")[0] for line in done.err.splitlines() if " error: " in line}
    assert withheld == {"Root.tree()", "Root.row()", "Root.pairing()", "Box.many()"}


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the interpreter has no PEP 695")
def test_the_parameters_of_a_type_are_part_of_what_is_declared(run: Run) -> None:
    """What a server starts with has drifted when their bounds have."""
    declared = json.loads(run("generate", "chat:Root", chat_dot_py=PEP_695).out)["declared"]
    assert declared["chat:Store"][""] == "[K: str, V]()"
    assert declared["chat:Source"][""] == "[T](Protocol)"
    free = "class Root:\n    def f[S: (int, str)](self, x: S) -> None: ...\n"
    assert json.loads(run("generate", "chat:Root", chat_dot_py=free).out)["declared"]["chat:Root"]["f"] == (
        "[S: (int, str)](self, x: S) -> None"
    )


@pytest.mark.skipif(sys.version_info < (3, 13), reason="the interpreter has no PEP 696")
def test_the_defaults_of_pep_696(run: Run) -> None:
    source = """
type Pair[A, B = int] = tuple[A, B]
class Store[K, V = bytes]:
    def find(self, key: K) -> V: raise NotImplementedError
class Root:
    def pair(self) -> Pair[str]: return ("a", 1)
    def store(self) -> Store[str]: raise NotImplementedError
"""
    policy = json.loads(run("generate", "chat:Root", chat_dot_py=source).out)
    assert policy["interfaces"]["chat:Root"]["methods"]["pair"] == "() -> (str, int)"
    assert policy["interfaces"]["chat:Store[str, bytes]"]["methods"] == {"find": "(key: str) -> bytes"}
    assert policy["declared"]["chat:Store"][""] == "[K, V = bytes]()"


# What keeps the graph small


def test_the_graph_of_a_list_of_objects_is_small(run: Run) -> None:
    source = "class Message:\n    text: str\nmessages: list[Message] = []\nclass User:\n    name: str\nusers: dict[str, User] = {}\n"
    for root, interfaces, operations in (("messages", 3, 19), ("users", 8, 30)):
        done = run("check", f"chat:{root}", "--format", "json", chat_dot_py=source)
        summary = json.loads(done.out)["audits"][0]["summary"]
        assert (summary["interfaces"], summary["operations"]) == (interfaces, operations)


def test_members_of_a_library_base_class_are_not_offered(run: Run) -> None:
    source = "class Root(dict[str, int]):\n    def own(self) -> int: return 1\nclass Failure(Exception): ...\n"
    assert list(methods(run, source)) == ["own"]


def test_members_of_a_standard_abc_are_offered_when_a_class_names_it_as_its_base(run: Run) -> None:
    source = """
from collections.abc import MutableMapping, Iterator
class Base(MutableMapping[str, int]):
    def __getitem__(self, key: str) -> int: return 1
    def __setitem__(self, key: str, value: int) -> None: ...
    def __delitem__(self, key: str) -> None: ...
    def __iter__(self) -> Iterator[str]: return iter(())
    def __len__(self) -> int: return 0
    def _pop(self) -> None: ...
    @classmethod
    def clear(cls) -> None: ...  # type: ignore[override]
class Root(Base):
    pass
"""
    found = methods(run, source)
    assert found["popitem"] == "() -> (str, int)"
    assert "clear" not in found


def test_added_methods_of_a_subclass_are_not_offered_by_its_base(run: Run) -> None:
    source = """
class Base:
    def f(self) -> int: return 1
class Sub(Base):
    def wipe(self) -> None: ...
class Root:
    def get(self) -> Base: return Sub()
"""
    done = run("generate", "chat:Root", chat_dot_py=source)
    assert "wipe" not in done.out and "chat:Sub" not in done.out


def test_a_denied_member_is_denied_in_subclasses_and_containers(run: Run) -> None:
    source = """
class Base:
    def wipe(self) -> None: ...
class Sub(Base):
    def wipe(self) -> None: ...
class Root:
    def subs(self) -> list[Sub]: return []
"""
    config = "[policy]\ndeny = ['chat:Base.wipe', 'builtins:list.clear']\n"
    done = run("generate", "chat:Root", chat_dot_py=source, pynto_dot_toml=config)
    assert done.code == 0, done.err
    assert "wipe" not in json.loads(done.out)["interfaces"]["chat:Sub"].get("methods", {})
    assert "clear" not in json.loads(done.out)["interfaces"]["list[chat:Sub]"]["methods"]


def test_a_type_argument_that_no_member_uses_can_only_be_held(run: Run) -> None:
    source = """
import asyncio
class Message:
    text: str
class Root:
    def task(self) -> asyncio.Queue[Message]: raise NotImplementedError
"""
    done = run("generate", "chat:Root", chat_dot_py=source)
    assert json.loads(done.out)["interfaces"]["chat:Message"] == {"class": "chat:Message"}


def test_every_member_of_a_template_exists_on_its_runtime_class() -> None:
    import importlib

    from pynto.audit.templates import TEMPLATES

    for template in TEMPLATES.values():
        module, _, name = template.runtime.partition(":")
        runtime = getattr(importlib.import_module(module), name)
        for member in (*template.methods, *template.data_methods, *template.get):
            assert hasattr(runtime, member), f"{template.name}.{member}"


def test_every_template_gives_the_same_as_its_documented_names() -> None:
    from pynto.audit.spelling import STANDARD
    from pynto.audit.templates import BY_FULLNAME, TEMPLATES

    assert set(TEMPLATES) == STANDARD == set(BY_FULLNAME.values())


# Speed


def test_a_hundred_classes_are_read_in_three_seconds_with_a_warm_cache(run: Run) -> None:
    source = "from __future__ import annotations\n" + "".join(
        f"class C{n}:\n    title: str\n"
        + "".join(
            f"    def m{m}(self, x: int, y: str = '') -> C{(n + m + 1) % 100}: raise NotImplementedError\n"
            for m in range(8)
        )
        for n in range(100)
    )
    assert run("generate", "big:C0", big_dot_py=source).code == 0
    start = time.monotonic()
    done = run("generate", "big:C0")
    assert time.monotonic() - start < 3
    assert len(json.loads(done.out)["interfaces"]) == 100
