"""What attackers of other systems have used: for each, a program that would leak it, and what the audit says of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from audit_support import HERE, Done

Run = Callable[..., Done]

_HEAD = """
import functools, os, threading, types, io
from abc import ABC
from collections.abc import Callable, Iterator
from dataclasses import dataclass, InitVar, field
from typing import Any, ClassVar, Generic, NamedTuple, ParamSpec, Protocol, Self, TypedDict, TypeVar, no_type_check, overload
T = TypeVar("T")
P = ParamSpec("P")
class Acct:
    LIMIT = 3
    limit: ClassVar[int] = 3
    class Inner: ...
    def balance(self) -> int: return 1
    def _audit(self) -> int: return 1
class Admin(Acct):
    def wipe_all(self) -> None: ...
"""


def granted(run: Run, body: str) -> tuple[dict[str, Any], str]:
    """The interfaces that a client gets from a Root with this body, and what is said about the rest."""
    done = run("generate", "chat:Root", chat_dot_py=f"{_HEAD}\nclass Root:\n{body}\n")
    assert done.code in (0, 1), done.err
    return json.loads(done.out)["interfaces"], done.err


# Each is a member of the root that must not be granted, and the kind of finding that says why.
WITHHELD = [
    ("A07 lru_cache brings cache_clear", "    @functools.lru_cache\n    def f(self) -> int: return 1", "decorated-method"),
    ("A07 singledispatchmethod brings register", "    @functools.singledispatchmethod\n    def f(self, x: int) -> int: return 1", "decorated-method"),
    ("A07 partial has func and args", "    def f(self) -> functools.partial[int]: raise OSError", None),
    ("A09 an exception leads to frames", "    def f(self) -> ValueError: return ValueError()", "forbidden-type"),
    ("A09 as an attribute", "    f: BaseException | None", "forbidden-type"),
    ("A09 a traceback", "    def f(self) -> types.TracebackType: raise OSError", "forbidden-type"),
    ("A11 a module", "    def f(self) -> types.ModuleType: return os", "forbidden-type"),
    ("A11 a module inside of a list", "    def f(self) -> list[types.ModuleType]: return [os]", "forbidden-type"),
    ("A17 a class is a constructor", "    def f(self) -> type[Acct]: return Acct", "type-result"),
    ("A21 InitVar hides a field", "    @dataclass(frozen=True)\n    class R:\n        x: InitVar[int]\n    def f(self) -> R: return self.R(1)", "unsupported-record"),
    ("A21 init=False hides a field", "    @dataclass(frozen=True)\n    class R:\n        x: int = field(init=False)\n    def f(self) -> R: return self.R()", "unsupported-record"),
    ("C03 Any", "    def f(self) -> Any: return self", "any-result"),
    ("C03 Any inside", "    def f(self) -> dict[str, list[Any]]: return {}", "any-result"),
    ("C03 Any in a tuple", "    def f(self) -> tuple[int, Any]: return 1, self", "any-result"),
    ("C03 no hint", "    def f(self): return self", "missing-hint"),
    ("C03 object", "    def f(self) -> object: return self", "object-result"),
    ("C03 a free TypeVar", "    def f(self, x: T) -> T: return x", "free-typevar"),
    ("C03 ParamSpec", "    def f(self, x: Callable[P, int]) -> Callable[P, int]: return x", "free-typevar"),
    ("C03 a bare list", "    def f(self) -> list: return []", "any-result"),
    ("C03 a callable without a signature", "    def f(self) -> Callable: return print", None),
    ("C03 Callable[..., X]", "    def f(self) -> Callable[..., int]: return len", "callable-ellipsis"),
    ("C21 no_type_check", "    @no_type_check\n    def f(self, x: int) -> int: return 1", None),
    ("C21 a wrapper that takes anything", "    def w(g: Callable[..., Any]) -> Callable[..., Any]: return g  # type: ignore[misc]\n    @w\n    def f(self) -> int: return 1", "callable-ellipsis"),
    ("C21 partialmethod", "    def g(self, x: int) -> int: return 1\n    f = functools.partialmethod(g, 1)", None),
    ("C25 a callback is given anything", "    def f(self, each: Callable[[Any], int]) -> None: each(self)", "any-result"),
    ("C25 a callback is given us", "    def f(self, each: Callable[[object], int]) -> None: each(self)", "object-result"),
]  # fmt: skip


@pytest.mark.parametrize(("why", "body", "kind"), WITHHELD, ids=[each[0] for each in WITHHELD])
def test_what_would_leak_is_withheld_and_said(run: Run, why: str, body: str, kind: str | None) -> None:
    interfaces, said = granted(run, body)
    root = interfaces["chat:Root"]
    if why.startswith("A07 partial"):  # it can be held, and none of its public names is offered
        assert interfaces["functools:partial[int]"] == {"class": "functools:partial"}
        return
    assert "f" not in root.get("methods", {}) and "f" not in root.get("get", {}), why
    assert kind is None or f"[{kind}]" in said, said


def test_nothing_but_what_an_interface_declares_is_in_it(run: Run) -> None:
    """A17, B07, C07: class attributes, nested classes, private names, and what a subclass adds."""
    interfaces, _ = granted(run, "    def acct(self) -> Acct: return Admin()")
    assert interfaces["chat:Acct"] == {"class": "chat:Acct", "methods": {"balance": "() -> int"}}
    assert "chat:Admin" not in interfaces


@pytest.mark.parametrize("base", ["dict[str, int]", "list[int]", "threading.Thread", "str", "io.BytesIO", "set[str]"])
def test_what_a_library_base_brings_is_not_offered(run: Run, base: str) -> None:
    """C23: update, pop, start, getvalue."""
    source = f"    class Sub({base}):\n        def own(self) -> int: return 1\n    def sub(self) -> Sub: raise OSError"
    interfaces, _ = granted(run, source)
    assert interfaces["chat:Root.Sub"]["methods"] == {"own": "() -> int"}


def test_a_catch_all_answers_only_for_what_is_declared(run: Run) -> None:
    """A19."""
    body = "    def __getattr__(self, name: str) -> int: return 1\n    def ok(self) -> int: return 1"
    interfaces, said = granted(run, body)
    assert interfaces["chat:Root"] == {"class": "chat:Root", "methods": {"ok": "() -> int"}}
    assert "[catch-all]" in said


def test_a_writer_of_a_narrower_list_is_not_taken_for_one_of_a_wider(run: Run) -> None:
    """C19: a list[Admin] passed where a list[Acct] is wanted would be given an Acct."""
    body = "    def admins(self) -> list[Admin]: return []\n    def fill(self, x: list[Acct]) -> None: x.append(Acct())"
    done = run("generate", "chat:Root", chat_dot_py=f"{_HEAD}\nclass Root:\n{body}\n")
    assert "list[chat:Admin]" not in json.loads(done.out).get("accepts", {}).get("list[chat:Acct]", [])


def test_a_facet_that_comes_home_is_not_the_whole_object(run: Run) -> None:
    """C01, C15: what conforms is a matter of interfaces, not of what stands behind them."""
    source = f"""{_HEAD}
class ReadOnly(Protocol):
    def balance(self) -> int: ...
class Root:
    def view(self) -> ReadOnly: return Acct()
    def open(self) -> Acct: return Acct()
    def close(self, x: Acct) -> None: ...
    def look(self, x: ReadOnly) -> None: ...
"""
    policy = json.loads(run("generate", "chat:Root", chat_dot_py=source).out)
    assert policy["accepts"] == {"chat:ReadOnly": ["chat:Acct"]}


def test_a_shared_default_is_told(run: Run) -> None:
    """B19."""
    _, said = granted(run, "    def collect(self, x: int, seen: list[int] = []) -> int: return 1")
    assert "[mutable-default]" in said


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("[policy]\nhome = 'chat'", "policy.home is not a list of strings"),
        ("[policy]\nallow = ['chat']", "allow is not a table"),
        ("[policy]\nalow = {}", "did you mean policy.allow?"),
        ("[policy]\ndeny = [true]", "policy.deny is not a list of strings"),
        ("[policy]\ndeny = ['chat:R\u043eot.f']", "is not a member"),
        ("[policy]\nnever = 'files'", "policy.never is not a list of strings"),
        ("[policy]\nnever = ['fi\u217ces']", "is neither"),
        ("policy = 1", "policy is not a table"),
        ("[policy", "pynto.toml:"),
    ],
)
def test_a_config_of_the_wrong_shape_is_refused_and_never_read_as_empty(run: Run, config: str, says: str) -> None:
    """S03, S09."""
    done = run("check", "chat:Root", chat_dot_py="class Root: ...\n", pynto_dot_toml=config)
    assert (done.code, done.out) == (2, "")
    assert says in done.err and done.err.count("\n") == 1


def test_nothing_is_granted_where_nothing_is_hinted(run: Run) -> None:
    """S11."""
    interfaces, _ = granted(run, "    def f(self, x): return x\n    y = 1")
    assert interfaces == {"chat:Root": {"class": "chat:Root"}}


def test_hostile_text_in_the_source_is_text_in_every_report(run: Run) -> None:
    """S13, P01: quotes, line ends and escapes of a terminal in what a report repeats."""
    evil = "\\x1b]0;pwned\\x07\\r\\nFAIL\\u2028</script>'\"*/"
    source = f'from typing import cast\nclass Root:\n    def f(self) -> str: return cast("str", """{evil}\x1b[31m\u202e""")\n'
    text = run("check", "chat:Root", chat_dot_py=source).out
    assert "\x1b" not in text and "\u202e" not in text
    for kind in ("json", "sarif"):
        assert json.loads(run("check", "chat:Root", "--format", kind).out)
    assert "</script>'" not in run("check", "chat:Root", "--format", "html").out


def test_nothing_of_the_audited_program_is_run_or_imported(tmp_path: Path) -> None:
    """O-AUDIT: the interpreter's own watch sees no import of it, no exec and no process."""
    (tmp_path / "chat.py").write_text(
        (HERE / "corpus" / "leaky" / "power_code.py").read_text() + "\nraise SystemExit(9)\n"
    )
    watch = """
import sys
import audit_support
from pynto.audit import cli
import mypy.build, pynto.audit.check
seen = []
def hook(event, arguments):
    if event == "import" and arguments[0].partition(".")[0] == "chat": seen.append((event, arguments[0]))
    if event in ("subprocess.Popen", "os.system", "os.exec", "socket.connect"): seen.append((event, arguments))
sys.addaudithook(hook)
code = cli.main(["check", "chat:Root", "--no-cache"])
print(code, seen, file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", watch], cwd=tmp_path, env={"PYTHONPATH": str(HERE), "HOME": str(tmp_path), "PATH": ""},
        capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert done.stderr.splitlines()[-1] == "1 []", done.stderr
