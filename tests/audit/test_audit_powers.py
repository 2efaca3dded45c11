"""Does the audit follow calls to where a power is used, tell how, and say where it cannot follow?"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from audit_support import HERE, Done
from mypy import nodes
from pynto.audit import catalogue
from pynto.audit.config import POWERS
from pynto.audit.findings import KINDS

Run = Callable[..., Done]
Found = dict[str, Any]

DEEP = (HERE / "corpus" / "leaky" / "power_deep.py").read_text(encoding="utf-8")


def findings(run: Run, *arguments: str, **files: str) -> list[Found]:
    done = run("check", *(arguments or ("chat:Root",)), "--format", "json", **files)
    assert done.code in (0, 1), done.err
    found: list[Found] = json.loads(done.out)["audits"][0]["findings"]
    return found


def powers(run: Run, source: str, **files: str) -> list[tuple[str, str, str]]:
    found = findings(run, chat_dot_py=source, **files)
    return [(each["id"], each["severity"], each["message"]) for each in found]


# How it is told


def test_the_calls_that_lead_to_a_power_are_told_with_file_and_line(run: Run) -> None:
    export = next(each for each in findings(run, chat_dot_py=DEEP) if each["path"] == "Root.export()")
    assert export["message"] == "Root.export() reaches os.truncate with what a client passes as path"
    assert (export["file"], export["line"], export["member"]) == ("chat.py", 7, "export")
    assert [(step["file"], step["line"], step["text"]) for step in export["trace"]] == [
        ("chat.py", 27, "Root.export calls Store.save"),
        ("chat.py", 15, "Store.save calls Store._save"),
        ("chat.py", 18, "Store._save calls Disk.write"),
        ("chat.py", 7, "Disk.write calls os.truncate"),
    ]
    assert DEEP.splitlines()[26].strip().startswith("self._store.save")


def test_the_shortest_of_several_chains_is_told(run: Run) -> None:
    twice = next(each for each in findings(run, chat_dot_py=DEEP) if each["path"] == "Root.twice()")
    assert [step["text"] for step in twice["trace"]] == ["Root.twice calls Disk.write", "Disk.write calls os.truncate"]


def test_the_text_shows_the_calls_and_the_fingerprint(run: Run) -> None:
    done = run("check", "chat:Root", chat_dot_py=DEEP)
    assert "    call: chat.py:15: Store.save calls Store._save" in done.out.splitlines()
    assert "    id:   " in done.out


def test_a_value_that_another_operation_keeps_names_that_operation(run: Run) -> None:
    source = """
import os
class Root:
    def __init__(self) -> None:
        self._name = ""
    def rename(self, name: str) -> None:
        self._name = name
    def show(self) -> str:
        return os.readlink(self._name)
"""
    assert powers(run, source) == [
        ("power-files", "error", "Root.show() reaches os.readlink with Root._name, which Root.rename() lets a client choose")
    ]  # fmt: skip


def test_functions_are_followed_into_other_modules_of_a_home_package_and_no_further(run: Run) -> None:
    helper = "import os\ndef remove(path: str) -> None:\n    os.remove(path)\n"
    source = "import helper\nclass Root:\n    def f(self, path: str) -> None:\n        helper.remove(path)\n"
    outside = powers(run, source, helper_dot_py=helper)
    assert [(id, severity) for id, severity, _ in outside] == [("unanalysable", "warning")]
    assert "helper.remove, which cannot be followed: it is not in the catalogue" in outside[0][2]
    config = "[policy]\nhome = ['helper']\n"
    for _ in range(2):  # cold, and out of the cache, which holds no bodies
        inside = findings(run, chat_dot_py=source, helper_dot_py=helper, pynto_dot_toml=config)
        assert [(each["id"], each["severity"], each["file"]) for each in inside] == [
            ("power-files", "error", "helper.py")
        ]


def test_cold_and_warm_give_the_same_findings(run: Run) -> None:
    source = (HERE / "corpus" / "leaky" / "power_syntax.py").read_text()
    cold = findings(run, "fresh:Root", fresh_dot_py=source)
    warm = findings(run, "fresh:Root")
    uncached = json.loads(run("check", "fresh:Root", "--no-cache", "--format", "json").out)["audits"][0]["findings"]
    assert cold == warm == uncached and len(cold) == 10


def test_a_policy_file_is_followed_as_well(run: Run) -> None:
    run("generate", "chat:Root", "-o", "policy.json", chat_dot_py=DEEP)
    assert {each["id"] for each in findings(run, "policy.json")} == {"power-files"}


def test_a_member_of_a_library_that_the_config_allows_is_looked_up(run: Run) -> None:
    source = "import pathlib\nclass Root:\n    def here(self) -> pathlib.Path:\n        return pathlib.Path('.')\n"
    config = "[policy.allow]\n'pathlib:Path' = ['read_text', 'rename']\n'pathlib:PurePath' = ['name']\n"
    found = powers(run, source, pynto_dot_toml=config)
    assert ("power-files", "error") in {(id, severity) for id, severity, message in found if "Path.rename()" in message}
    assert not [message for _, _, message in found if "PurePath.name" in message]


def test_a_class_that_has_no_source_is_unanalysable(run: Run) -> None:
    stub = "class Root:\n    def f(self, path: str) -> None: ...\n"
    found = powers(run, "", chat_dot_pyi=stub)
    assert [id for id, _, _ in found] == ["unanalysable"]


def test_code_for_another_platform_is_not_followed(run: Run) -> None:
    source = """
import os, sys
class Root:
    def f(self, path: str) -> None:
        if sys.platform == "win32":
            os.startfile(path)
        else:
            os.remove(path)
"""
    assert [message for _, _, message in powers(run, source)] == [
        "Root.f() reaches os.remove with what a client passes as path"
    ]


def test_bounds_are_told_as_such(run: Run) -> None:
    source = """
class Root:
    def f(self, n: int) -> int:
        if n > 100:
            raise ValueError
        return len("x" * n)
"""
    assert powers(run, source) == [
        ("power-memory", "info", "Root.f() reaches repetition (*) with what a client passes as n, after a comparison")
    ]


def test_a_chain_of_a_thousand_calls_is_followed(run: Run) -> None:
    functions = "".join(f"def f{n}(path: str) -> None:\n    f{n + 1}(path)\n" for n in range(1000))
    source = f"import os\n{functions}def f1000(path: str) -> None:\n    os.remove(path)\n"
    source += "class Root:\n    def go(self, path: str) -> None:\n        f0(path)\n"
    found = findings(run, chat_dot_py=source)
    assert [(each["id"], len(each["trace"])) for each in found] == [("power-files", 1002)]


# The rules of pynto.toml


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("files", "policy.never names files: Root.fixed() reaches os.truncate"),
        ("power_deep", None),
        ("files ", None),
        ("chat:Root.short", "policy.never names chat:Root.short: Root.short() is offered"),
        ("chat:Root.nothing", "policy.never: there is no chat:Root.nothing"),
        ("nowhere:Root.nothing", ""),
        ("network", ""),
    ],
)
def test_what_must_never_be_reachable_fails_the_check(run: Run, rule: str, says: str | None) -> None:
    done = run("check", "chat:Root", chat_dot_py=DEEP, pynto_dot_toml=f"[policy]\nnever = [{rule!r}]\n")
    if says is None:
        assert (done.code, done.out) == (2, "") and "policy.never" in done.err
    elif says:
        assert done.code == 1 and says in done.out
    else:
        assert "[never]" not in done.out and done.code == 1


def test_never_holds_for_subclasses_and_for_what_is_only_reached(run: Run) -> None:
    source = """
class Base:
    def wipe(self) -> None: ...
class Root(Base):
    def f(self) -> None: ...
"""
    found = powers(run, source, pynto_dot_toml="[policy]\nnever = ['chat:Base.wipe', 'unanalysable']\n")
    assert found == [("never", "error", "policy.never names chat:Base.wipe: Root.wipe() is offered")]


def test_what_cannot_be_followed_can_be_forbidden(run: Run) -> None:
    source = "class Root:\n    def f(self, name: str) -> None:\n        getattr(self, name)()\n"
    found = powers(run, source, pynto_dot_toml="[policy]\nnever = ['unanalysable']\n")
    assert [id for id, severity, _ in found if severity == "error"] == ["never", "power-introspection"]


def test_a_finding_is_accepted_by_its_fingerprint_and_with_a_reason(run: Run) -> None:
    source = "class Root:\n    def f(self, n: int) -> int:\n        return len('x' * n)\n"
    (found,) = findings(run, chat_dot_py=source)
    config = f"[[accept]]\nfinding = '{found['fingerprint']}'\nreason = 'n is small'\n"
    moved = "# moved\n\n" + source
    done = run("check", "chat:Root", chat_dot_py=moved, pynto_dot_toml=config)
    assert done.code == 0
    assert "    accepted: n is small" in done.out
    assert done.out.endswith("PASS chat:Root: nothing found, 1 accepted\n")
    gone = run("check", "chat:Root", chat_dot_py=source.replace("'x' * n", "'x'"))
    assert gone.code == 1 and f"accept: nothing is found that is {found['fingerprint']}" in gone.out


def test_two_findings_that_say_the_same_are_accepted_one_by_one(run: Run) -> None:
    source = "from typing import cast\nclass Root:\n    def f(self) -> int: return cast(int, 1)\n    def g(self) -> int: return cast(int, 1)\n"
    found = findings(run, chat_dot_py=source)
    assert len({each["fingerprint"] for each in found}) == 2


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("accept = 1", "accept is not a list of tables"),
        ("[[accept]]\nfinding = 'x'\nreason = 'y'", "is not a fingerprint"),
        ("[[accept]]\nfinding = '" + "0" * 20 + "'", "has no reason"),
        ("[[accept]]\nfinding = '" + "0" * 20 + "'\nreason = '  '", "has no reason"),
        ("[[accept]]\nfinding = '" + "0" * 20 + "'\nreason = 'a'\nwhy = 'b'", "unknown key accept.why"),
        (2 * ("[[accept]]\nfinding = '" + "0" * 20 + "'\nreason = 'a'\n"), "stands twice"),
    ],
)
def test_an_acceptance_that_says_nothing_is_bad_input(run: Run, config: str, says: str) -> None:
    done = run("check", "chat:Root", chat_dot_py="class Root: ...\n", pynto_dot_toml=config)
    assert (done.code, done.out) == (2, "")
    assert says in done.err and done.err.count("\n") == 1


# The catalogue


FILES = sorted(catalogue.folder().glob("*.toml"))
# Of other versions and platforms, and of packages that need not be installed.
_ELSEWHERE = frozenset(
    "aiofiles aiohttp annotationlib attr attrs cffi cloudpickle compression dill httpx imp interpreters jinja2 jsonpickle "
    "keyring msvcrt mypy_extensions nis numpy requests spwd telnetlib typing_extensions urllib3 winreg winsound yaml "
    "asyncore asynchat smtpd nntplib crypt pipes imghdr sndhdr uu xdrlib chunk aifc sunau cgi cgitb audioop mailcap distutils "
    "_typeshed thread pynto".split()
)
_MOVED = frozenset(
    "sqlite3.Connection.load_extension os.startfile sys.set_int_max_str_digits pathlib.Path.with_segments collections.abc.Set os.PathLike types.CodeType".split()
)


def test_the_catalogue_fits_its_schema() -> None:
    schema = json.loads((HERE.parents[1] / "schemas" / "catalogue.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    for path in FILES:
        jsonschema.validate(tomllib.loads(path.read_text()), schema)


def test_every_power_has_its_kind_of_finding_and_can_be_named_in_never() -> None:
    found = catalogue.standard().powers
    assert {f"power-{power}" for power in found} == {kind for kind in KINDS if kind.startswith("power-")}
    assert found | {"unanalysable"} == set(POWERS)
    assert {path.stem for path in FILES} == found | {"quiet"}


def test_no_name_is_both_quiet_and_a_power() -> None:
    known = catalogue.standard()
    assert known.quiet & known.entries.keys() == frozenset()


def _resolve(name: str) -> object:
    parts = name.removesuffix(".*").split(".")
    for count in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:count]))
        except ImportError:
            continue
        for part in parts[count:]:
            found = getattr(found, part)
        return found
    raise AttributeError(name)


def _is_left_out(module: str) -> bool:
    """Debian puts some of the standard library into packages of their own, such as idlelib."""
    return module in sys.stdlib_module_names and importlib.util.find_spec(module) is None


def test_every_name_of_the_catalogue_exists() -> None:
    known = catalogue.standard()
    wrong = []
    for name in sorted({*known.entries, *known.quiet}):
        if name.partition(".")[0] in _ELSEWHERE or name in _MOVED or _is_left_out(name.partition(".")[0]):
            continue
        try:
            _resolve(name)
        except AttributeError:
            wrong.append(name)
    assert wrong == [], wrong


# Not in the catalogue on purpose: a program that calls them is told that they cannot be followed.
_UNKNOWN_ON_PURPOSE = frozenset(
    "antigravity asynchat asyncore cmd curses distutils lib2to3 mailcap marshal msilib msvcrt ossaudiodev pickle pstats "
    "pydoc_data syslog tabnanny termios this tkinter tty turtle turtledemo unittest winsound zipapp".split()
)


def test_every_module_of_the_standard_library_is_in_the_catalogue_or_unknown_on_purpose() -> None:
    known = catalogue.standard()
    public = {name for name in sys.stdlib_module_names if not name.startswith("_")}
    unknown = {name for name in public if known.lookup([f"{name}.anything"]) is None}
    assert unknown == _UNKNOWN_ON_PURPOSE & public


# What CPython itself watches: the functions that raise an event for sys.addaudithook.
_WATCHED = """
builtins.breakpoint builtins.compile builtins.eval builtins.exec builtins.open builtins.__import__ code.interact
ctypes.CDLL ctypes.string_at fcntl.fcntl fcntl.flock ftplib.FTP gc.get_objects gc.get_referents gc.get_referrers glob.glob
http.client.HTTPConnection imaplib.IMAP4 importlib.import_module marshal.load marshal.loads mmap.mmap os.chdir os.chmod
os.chown os.execv os.fork os.forkpty os.kill os.killpg os.link os.listdir os.lockf os.mkdir os.open os.posix_spawn
os.putenv os.remove os.rename os.rmdir os.scandir os.setxattr os.spawnv os.symlink os.system os.truncate os.unsetenv
os.utime os.walk pathlib.Path.glob pickle.Unpickler.find_class poplib.POP3 pty.spawn resource.setrlimit
shutil.copyfile shutil.copytree shutil.move shutil.rmtree shutil.unpack_archive signal.pthread_kill smtplib.SMTP socket.socket
socket.getaddrinfo socket.gethostbyname sqlite3.connect sqlite3.Connection.load_extension subprocess.Popen
sys._current_frames sys._getframe sys.addaudithook sys.setprofile sys.settrace tempfile.mkdtemp tempfile.mkstemp
urllib.request.urlopen webbrowser.open
""".split()


@pytest.mark.parametrize("name", _WATCHED)
def test_what_cpython_watches_is_a_power(name: str) -> None:
    assert catalogue.standard().lookup([name])


def test_every_kind_of_expression_and_statement_is_looked_into() -> None:
    """A kind that mypy adds, or that is forgotten, would hide what stands inside of it."""
    from pynto.audit import evaluate, statements

    def kinds(base: type) -> set[str]:
        return {
            name
            for name, each in vars(nodes).items()
            if isinstance(each, type) and issubclass(each, base) and each is not base
        }

    literals = "BytesExpr ComplexExpr EllipsisExpr FloatExpr IntExpr StrExpr".split()
    types = (
        "EnumCallExpr NamedTupleExpr NewTypeExpr ParamSpecExpr PromoteExpr TypeAliasExpr TypeFormExpr TypeVarExpr "
        "TypeVarLikeExpr TypeVarTupleExpr TypedDictExpr".split()
    )
    inner = "FakeExpression RefExpr RevealExpr TempNode".split()  # made by mypy itself, or abstract
    seen = {each.__name__ for each in evaluate.LOOKS}
    assert "CallExpr" in seen
    known = {*literals, *types, *inner}
    assert seen <= kinds(nodes.Expression) <= seen | known  # older versions of mypy have fewer kinds
    idle = "BreakStmt ContinueStmt GlobalDecl NonlocalDecl PassStmt TypeAliasStmt".split()
    imports = "Import ImportAll ImportBase ImportFrom".split()
    seen = {each.__name__ for each in statements.LOOKS}
    assert seen <= kinds(nodes.Statement) <= seen | {*idle, *imports, "OverloadedFuncDef"}


def test_the_corpus_is_as_large_as_it_is_said_to_be() -> None:
    assert len(list((HERE / "corpus" / "leaky").glob("*.py"))) >= 60
    assert len(list((HERE / "corpus" / "clean").glob("*.py"))) >= 40


def test_a_file_of_the_catalogue_with_a_typing_error_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown keys"):
        list(catalogue._entries({"power": "x", "client": "error", "reached": "", "txt": {}}, "x.toml"))
