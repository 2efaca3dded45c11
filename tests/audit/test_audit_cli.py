"""Do the commands do what they say, with the exit codes that scripts rely on?"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from audit_support import HERE, Done
from pynto.audit import cli

Run = Callable[..., Done]

FINE = """
class Room:
    title: str
    def post(self, text: str) -> int:
        return 1
    def reset(self) -> None: ...
"""
LEAKY = """
class Room:
    def leak(self): ...
    def fine(self) -> int:
        return 1
"""
WARNED = """
class Room:
    lines: list[str]
"""


# generate


def test_generate_prints_the_policy_and_says_nothing_else(run: Run) -> None:
    done = run("generate", "chat:Room", chat_dot_py=FINE)
    assert (done.code, done.err) == (0, "")
    policy = json.loads(done.out)
    assert policy["roots"] == {"Room": "chat:Room"}
    assert policy["python"] == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert policy["platform"] == sys.platform


def test_generate_writes_a_file_as_a_whole(run: Run, tmp_path: Path) -> None:
    done = run("generate", "chat:Room", "-o", "policy.json", chat_dot_py=FINE)
    assert (done.code, done.out) == (0, "")
    assert json.loads((tmp_path / "policy.json").read_text())["roots"]
    assert sorted(os.listdir(tmp_path)) == ["chat.py", "policy.json"]


def test_a_leak_is_told_and_the_rest_is_written(run: Run) -> None:
    done = run("generate", "chat:Room", chat_dot_py=LEAKY)
    assert done.code == 1
    assert "chat.py:3: error: Room.leak() is withheld: it has no hints [missing-hint]" in done.err
    assert list(json.loads(done.out)["interfaces"]["chat:Room"]["methods"]) == ["fine"]


def test_a_warning_does_not_fail_generate(run: Run) -> None:
    done = run("generate", "chat:Room", chat_dot_py=WARNED)
    assert done.code == 0
    assert "[mutable-attribute]" in done.err


@pytest.mark.parametrize(
    ("hint", "id"),
    [
        ("int", "root-not-interface"),
        ("tuple[int, ...]", "root-not-interface"),
        ("Callable[[int], int]", "root-not-interface"),
        ("Any", "any-result"),
        ("list[Any]", "any-result"),
        ("type[int]", "type-result"),
        ("list[int] | None", "root-not-interface"),
    ],
)
def test_a_root_that_cannot_be_exported_gives_no_policy(run: Run, tmp_path: Path, hint: str, id: str) -> None:
    source = f"from collections.abc import Callable\nfrom typing import Any\ndef f() -> Any: ...\nroot: {hint} = f()\n"
    done = run("generate", "chat:root", "-o", "policy.json", chat_dot_py=source)
    assert done.code == 1
    assert f"[{id}]" in done.err
    assert not (tmp_path / "policy.json").exists()


@pytest.mark.parametrize(
    ("arguments", "source", "says"),
    [
        (["chat"], FINE, "'chat' is not a root"),
        (["chat:"], FINE, "is not a root"),
        (["1=chat:Room"], FINE, "'1' is not a name for a root"),
        (["chat:Nobody"], FINE, "the module chat has no Nobody"),
        (["nochat:Room"], FINE, "there is no module nochat"),
        (["chat:Room", "chat:Room"], FINE, "two roots are named Room"),
        ([], FINE, "there is no root"),
        (["chat:f"], "def f() -> int:\n    return 1\n", "chat:f is a function"),
        (["chat:x"], "x = [1]\n", "chat:x has no declared type"),
        (["chat:Room"], "class Room:\n    def (\n", "chat.py:2: "),
        (["chat:Room", "--type", "list["], FINE, "is not a type expression"),
        (["chat:Room", "--type", "Nobody"], FINE, "cannot be read"),
        (["chat:Room", "a=chat:Room", "--type", "int"], FINE, "--type is for one root"),
        (["chat:Room", "--config", "nowhere.toml"], FINE, "nowhere.toml: No such file"),
        (["chat:Room", "--path", "nowhere"], FINE, "nowhere is not a directory"),
        (["chat:Room", "-o", "nowhere/policy.json"], FINE, "nowhere/policy.json: No such file"),
    ],
)
def test_bad_input_is_one_clear_line(run: Run, arguments: list[str], source: str, says: str) -> None:
    done = run("generate", *arguments, chat_dot_py=source)
    assert (done.code, done.out) == (2, "")
    assert says in done.err
    assert done.err.startswith("pynto-policy: ") and done.err.count("\n") == 1


def test_an_unknown_option_is_bad_input(run: Run) -> None:
    assert run("generate", "--colour").code == 2
    assert run().code == 2
    assert run("--help").code == 0


def test_a_fault_of_ours_is_code_3(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from pynto.audit import generate

    def fail(*arguments: object) -> None:
        raise KeyError("surprise")

    monkeypatch.setattr(generate, "generate", fail)
    done = run("generate", "chat:Room", chat_dot_py=FINE)
    assert done.code == 3
    assert "internal error" in done.err


def test_without_mypy_the_extra_is_named(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['mypy'] = None; import audit_support; from pynto.audit import cli;"
        "sys.exit(cli.main(['generate', 'chat:Room']))"
    )
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1 and "pip install 'pynto-server[policy]'" in done.stderr


def test_the_users_code_is_not_run(run: Run, tmp_path: Path) -> None:
    source = f"open({str(tmp_path / 'pwned')!r}, 'w')\n{FINE}"
    assert run("generate", "chat:Room", chat_dot_py=source).code == 0
    assert not (tmp_path / "pwned").exists()


def test_the_users_mypy_configuration_is_not_read(run: Run, tmp_path: Path) -> None:
    plugin = f"open({str(tmp_path / 'pwned')!r}, 'w')\ndef plugin(version): ...\n"
    done = run(
        "generate", "chat:Room", chat_dot_py=FINE, evil_dot_py=plugin, mypy_dot_ini="[mypy]\nplugins = evil.py\n"
    )
    assert done.code == 0
    assert not (tmp_path / "pwned").exists()


def test_what_may_be_cached_is_seen_in_a_module_that_was_read_before(run: Run) -> None:
    source = """\
import pynto
class One:
    @pynto.cached(ttl=2)
    def one(self) -> int: return 1
class Two:
    @pynto.cached(ttl=3)
    def two(self) -> int: return 2
"""
    first = run("generate", "twice:One", twice_dot_py=source)
    assert '"one": "2s"' in first.out
    assert run("generate", "twice:One") == first
    assert '"two": "3s"' in run("generate", "twice:Two").out


def test_cold_and_warm_give_the_same_bytes(run: Run) -> None:
    source = (Path(__file__).parent / "corpus" / "clean" / "chat.py").read_text()
    first = run("generate", "warm:Root", warm_dot_py=source)
    second = run("generate", "warm:Root")
    third = run("generate", "warm:Root", "--no-cache")
    assert first.code == 0
    assert first.out == second.out == third.out


# Roots


@pytest.mark.parametrize(
    ("object_", "type_", "expected"),
    [
        ("chat:lines", None, "list[str]"),
        ("chat:lines", "MutableSequence[str]", "MutableSequence[str]"),
        ("chat:Outer.Inner", None, "chat:Outer.Inner"),
        ("chat:Box", "Box[int]", "chat:Box[int]"),
        ("chat:Box", "chat.Box[dict[str, int]]", "chat:Box[dict[str, int]]"),
        ("chat:Box", "'chat.Box[chat.Outer.Inner]'", "chat:Box[chat:Outer.Inner]"),
        ("chat:Box", "Box[chat.Outer]", "chat:Box[chat:Outer]"),
        ("queue:Queue", "queue.Queue[int]", "queue:Queue[int]"),
        ("chat:jobs", None, "queue:Queue[int]"),
        ("chat:lines", "collections.deque[int]", "deque[int]"),
        ("chat:lines", "contextlib.AbstractContextManager[int]", "ContextManager[int]"),
    ],
)
def test_a_root_is_a_class_a_variable_or_any_type(run: Run, object_: str, type_: str | None, expected: str) -> None:
    source = """
import queue
from typing import Generic, TypeVar
T = TypeVar("T")
lines: list[str] = []
jobs: queue.Queue[int] = queue.Queue()
class Outer:
    class Inner:
        def go(self) -> None: ...
class Box(Generic[T]):
    item: T
"""
    done = run("generate", f"root={object_}", *(["--type", type_] if type_ else []), chat_dot_py=source)
    assert done.code == 0, done.err
    assert json.loads(done.out)["roots"] == {"root": expected}


def test_a_home_module_may_be_of_the_standard_library(run: Run) -> None:
    done = run("generate", "jobs=queue:Queue", "--type", "queue.Queue[int]")
    assert done.code == 0
    entry = json.loads(done.out)["interfaces"]["queue:Queue[int]"]
    assert entry["methods"]["get"] == "(block: bool=?, timeout: float|none=?) -> int"
    assert {"put", "qsize", "empty", "full", "put_nowait", "get_nowait", "task_done", "join"} < entry["methods"].keys()
    assert "maxsize" in entry["get"] and "mutex" not in entry["get"] and "queue" not in entry["get"]
    assert "Queue.mutex is withheld" in done.err


def test_modules_are_found_on_the_path_that_is_given(run: Run, tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "elsewhere.py").write_text(FINE)
    assert run("generate", "elsewhere:Room").code == 2
    assert run("generate", "elsewhere:Room", "--path", "lib").code == 0


# pynto.toml


def test_the_config_names_roots_home_and_rules(run: Run) -> None:
    config = """
[roots]
room = "chat:Room"
jobs = {object = "chat:Room", type = "MutableMapping[str, int]"}
[policy]
allow = {"pathlib:PurePath" = ["name"]}
set = ["chat:Room.title"]
deny = ["chat:Room.reset"]
home = ["chatlib"]
python_path = ["lib"]
[errors]
text = ["builtins:ValueError"]
type = ["chat:Full"]
"""
    os.mkdir("lib")
    Path("lib/chatlib.py").write_text("class Helper:\n    def help(self) -> int:\n        return 1\n")
    source = f"import pathlib, chatlib\n{FINE}    def path(self) -> pathlib.Path: raise NotImplementedError\n"
    source += "    def helper(self) -> chatlib.Helper: raise NotImplementedError\n"
    done = run("generate", chat_dot_py=source, pynto_dot_toml=config)
    assert (done.code, done.err) == (0, "")
    policy = json.loads(done.out)
    assert policy["roots"] == {"jobs": "MutableMapping[str, int]", "room": "chat:Room"}
    room = policy["interfaces"]["chat:Room"]
    assert room["set"] == {"title": "str"}
    assert "reset" not in room["methods"]
    assert policy["interfaces"]["pathlib:Path"] == {"class": "pathlib:Path", "get": {"name": "str"}}
    assert policy["interfaces"]["chatlib:Helper"]["methods"] == {"help": "() -> int"}
    assert policy["errors"] == {"builtins:ValueError": "text", "chat:Full": "type"}


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("[polcy]", "unknown key polcy; did you mean policy?"),
        ("[policy]\nhom = []", "unknown key policy.hom; did you mean policy.home?"),
        ("[errors]\ntexts = []", "unknown key errors.texts; did you mean errors.text?"),
        ("[policy]\nzzz = 1", "unknown key policy.zzz (known: home, allow, set, deny, copy, never, python_path)"),
        ("[roots]\nx = 1", "roots.x is neither a string nor a table"),
        ("[roots]\nx = 'chat'", "is not a root"),
        ("[roots]\nx = {object = 'chat:Room', typ = 'int'}", "did you mean roots.x.type?"),
        ("[roots]\nx = {type = 'int'}", "must be strings"),
        ("[policy]\nhome = 'queue'", "policy.home is not a list of strings"),
        ("[policy]\nhome = ['a b']", "is not the name of a module"),
        ("[policy]\ndeny = ['Room.reset']", "'Room.reset' is not a member"),
        ("[policy]\ndeny = ['chat:Room._x']", "'chat:Room._x' is not a member"),
        ("[policy]\nallow = {'Path' = ['name']}", "'Path' is not a class"),
        ("[policy]\nallow = {'pathlib:Path' = ['__class__']}", "'__class__' cannot be a member"),
        ("[errors]\ntext = ['ValueError']", "'ValueError' is not a class"),
        ("[errors]\ntext = ['a:B']\ntype = ['a:B']", "'a:B' stands twice"),
        ("[errors]\nfields = ['B']", "errors.fields: 'B' is not a class"),
        ("[errors]\nfields = ['chat:Room']", "errors.fields: chat:Room is no class of exceptions"),
        ("[errors]\nfields = ['chat:Nothing']", "errors.fields: chat:Nothing is no class of exceptions"),
        ("[errors]\nfields = ['nowhere:Full']", "no module nowhere"),
        ("policy = 1", "policy is not a table"),
        ("[policy", "pynto.toml: "),
        ("[policy]\nhome = []\n[policy]", "pynto.toml: "),
    ],
)
def test_a_mistake_in_the_config_is_one_clear_line(run: Run, config: str, says: str) -> None:
    done = run("generate", "chat:Room", chat_dot_py=FINE, pynto_dot_toml=config)
    assert (done.code, done.out) == (2, "")
    assert says in done.err and done.err.count("\n") == 1


SHOP = """
import enum
from typing import Any, ClassVar

class Kind(enum.Enum):
    A = 1

class Base(Exception):
    code: int
    _private: int

class Full(Base):
    left: int = 3
    tags: tuple[str, ...]
    kind: Kind
    anything: Any
    count: ClassVar[int] = 0
    def __init__(self, who: str) -> None:
        self.who: str = who
        self.inferred = 1
    @property
    def ran(self) -> int:
        return 1
"""


def test_the_fields_of_an_exception_are_its_annotated_public_data(run: Run) -> None:
    config = "[errors]\ntext = ['shop:Full']\nfields = ['shop:Full', 'shop:Base']\n"
    files = {"chat_dot_py": FINE, "shop_dot_py": SHOP, "pynto_dot_toml": config}
    done = run("generate", "chat:Room", "-o", "policy.json", **files)
    assert done.code == 0
    policy = json.loads(Path("policy.json").read_text())
    fields = {"code": "int", "left": "int", "tags": "(str*)", "who": "str"}
    assert policy["errors"]["shop:Full"] == {"fields": fields, "grant": "text"}
    assert policy["errors"]["shop:Base"] == {"fields": {"code": "int"}, "grant": "type"}
    assert "warning: Full.kind does not leave: enum shop:Kind is not plain data [error-field]" in done.err
    assert "Full.anything does not leave" in done.err
    done = run("check", "policy.json", pynto_dot_toml=config)
    assert "shop:Full: its type and text\n    code: int\n    left: int" in done.out


def test_an_exception_without_fields_has_none_to_list(run: Run) -> None:
    source = f"{FINE}\nclass Full(Exception): pass\n"
    done = run("generate", "chat:Room", chat_dot_py=source, pynto_dot_toml="[errors]\nfields = ['chat:Full']\n")
    assert done.code == 1
    assert "[unused-config]" in done.err


@pytest.mark.parametrize(
    "rule",
    ["deny = ['chat:Room.rest']", "set = ['chat:Room.titel']", "set = ['chat:Room.post']", "allow = {'os:X' = ['y']}"],
)
def test_a_rule_that_meets_nothing_is_an_error(run: Run, rule: str) -> None:
    done = run("generate", "chat:Room", chat_dot_py=FINE, pynto_dot_toml=f"[policy]\n{rule}\n")
    assert done.code == 1
    assert "[unused-config]" in done.err


# The cache


def test_the_cache_is_private(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    code = f"import os; os.environ.update({environment!r}); from pynto.audit import build; print(build.cache_directory(build.Target()))"
    root = Path(cli.__file__).parents[2]
    stub = (
        "import sys, types; bare = types.ModuleType('pynto');"
        f"bare.__path__ = [{str(root / 'pynto')!r}]; sys.modules['pynto'] = bare;"
    )
    printed = subprocess.run([sys.executable, "-c", stub + code], check=True, capture_output=True, text=True).stdout
    folder = Path(printed.strip())
    while folder != tmp_path / "cache":
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        folder = folder.parent
    (tmp_path / "cache" / "pynto").chmod(0o777)
    printed = subprocess.run([sys.executable, "-c", stub + code], check=True, capture_output=True, text=True).stdout
    assert printed.strip() == "None"
