"""Policy files, and what a server takes from the folder that it is started in."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pynto
import pytest
import victim as served
from attacker import COMMITTED, HERE, POLICY, SECRET, Attacker, serving
from pynto import Policy
from rawpeer import RETURN, Mine

SOUND: dict[str, Any] = {
    "interfaces": {"m:Root": {"class": "m:Root", "methods": {"ok": "() -> int"}}},
    "platform": "linux",
    "pynto-policy": 1,
    "python": f"{sys.version_info[0]}.{sys.version_info[1]}",
    "roots": {"Root": "m:Root"},
}
MODULE = "class Root:\n    def ok(self) -> int:\n        return 1\n\n    def bad(self) -> int:\n        return 2\n"


def dump(document: Any) -> bytes:
    return (json.dumps(document, indent=1, sort_keys=True) + "\n").encode()


def changed(**changes: Any) -> bytes:
    document = json.loads(json.dumps(SOUND))
    for key, value in changes.items():
        document[key.replace("_", "-")] = value
    return dump(document)


def interface(**changes: Any) -> bytes:
    """With the interface of the root changed."""
    entry: dict[str, Any] = {"class": "m:Root", "methods": {"ok": "() -> int"}}
    entry.update({key.rstrip("_"): value for key, value in changes.items()})
    return changed(interfaces={"m:Root": {key: value for key, value in entry.items() if value is not ...}})


def methods(text: str) -> bytes:
    return interface(methods={"ok": text})


UNSOUND: list[tuple[str, bytes]] = [
    ("nothing", b""),
    ("white space", b" \n\t\n"),
    ("a byte order mark", b"\xef\xbb\xbf" + dump(SOUND)),
    ("UTF-16", dump(SOUND).decode().encode("utf-16")),
    ("UTF-32", dump(SOUND).decode().encode("utf-32")),
    ("a NUL ahead", b"\0" + dump(SOUND)),
    ("a NUL behind", dump(SOUND) + b"\0"),
    ("a NUL in a string", dump(SOUND).replace(b"m:Root", b"m:Ro\0ot")),
    ("an escaped NUL", dump(SOUND).replace(b"m:Root", b"m:Ro\\u0000ot")),
    ("a comma too many", dump(SOUND).replace(b'"linux",', b'"linux",,')),
    ("a comma at the end", dump(SOUND).replace(b'"Root": "m:Root"', b'"Root": "m:Root",')),
    ("a comment", b"// policy\n" + dump(SOUND)),
    ("a comment inside", dump(SOUND).replace(b"{", b"{/* */", 1)),
    ("single quotes", dump(SOUND).replace(b'"', b"'")),
    ("NaN", dump(SOUND).replace(b": 1,", b": NaN,")),
    ("Infinity", dump(SOUND).replace(b": 1,", b": Infinity,")),
    ("text behind it", dump(SOUND) + b"{}"),
    ("another document", dump(SOUND) * 2),
    ("deep nesting", b"[" * 100_000 + b"]" * 100_000),
    ("deep nesting of objects", b'{"a":' * 100_000),
    ("deep nesting within", dump(SOUND).replace(b'"linux"', b"[" * 50_000 + b"]" * 50_000)),
    ("an array", b"[]"),
    ("a string", b'"policy"'),
    ("a number", b"1"),
    ("null", b"null"),
    ("true", b"true"),
    ("an empty object", b"{}"),
    ("invalid UTF-8", dump(SOUND).replace(b"linux", b"lin\xffux")),
    ("a lone surrogate", dump(SOUND).replace(b"linux", b"lin\\ud800ux")),
    ("a key twice", dump(SOUND).replace(b'"platform": "linux",', b'"platform": "linux",\n "platform": "linux",')),
    ("a method twice", dump(SOUND).replace(b'"ok": "() -> int"', b'"ok": "() -> int", "ok": "() -> str"')),
    ("no version", dump({k: v for k, v in SOUND.items() if k != "pynto-policy"})),
    ("no roots", dump({k: v for k, v in SOUND.items() if k != "roots"})),
    ("no interfaces", dump({k: v for k, v in SOUND.items() if k != "interfaces"})),
    ("a version that is to come", changed(pynto_policy=2)),
    ("a version that is true", changed(pynto_policy=True)),
    ("a version that is 1.0", changed(pynto_policy=1.0)),
    ("a version that is a string", changed(pynto_policy="1")),
    ("empty roots", changed(roots={})),
    ("roots as a list", changed(roots=["m:Root"])),
    ("a root that is a list", changed(roots={"Root": ["m:Root"]})),
    ("a root that is null", changed(roots={"Root": None})),
    ("a root that is no interface", changed(roots={"Root": "m:Other"})),
    ("a root that is an int", changed(roots={"Root": "int"})),
    ("a root without a name", changed(roots={"": "m:Root"})),
    ("a root with a private name", changed(roots={"__class__ ": "m:Root"})),
    ("an unknown key", changed(alow={})),
    ("a key from elsewhere", changed(deny={"m:Root": ["bad"]})),
    ("an unknown key of an interface", interface(alow=["bad"])),
    ("methods as a string", interface(methods="ok")),
    ("methods as true", interface(methods=True)),
    ("methods as null", interface(methods=None)),
    ("methods as a list", interface(methods=["ok"])),
    ("methods as a list of lists", interface(methods=[["ok"]])),
    ("methods as a number", interface(methods=1)),
    ("a signature as true", interface(methods={"ok": True})),
    ("a signature as 0", interface(methods={"ok": 0})),
    ("a signature as null", interface(methods={"ok": None})),
    ("a signature as an object", interface(methods={"ok": {}})),
    ("no overloads", interface(methods={"ok": []})),
    ("an overload that is none", interface(methods={"ok": ["() -> int", 1]})),
    ("17 overloads", interface(methods={"ok": [f"({'int, ' * i}int, /) -> int" for i in range(17)]})),
    ("get as a list", interface(get=["ok"])),
    ("a private method", interface(methods={"_ok": "() -> int"})),
    ("a private attribute", interface(get={"_ok": "int"})),
    ("a dunder that is not listed", interface(methods={"__init__": "() -> none"})),
    ("__class__", interface(get={"__class__": "str"})),
    ("__getattr__", interface(methods={"__getattr__": "(str, /) -> int"})),
    ("__reduce_ex__", interface(methods={"__reduce_ex__": "(int, /) -> str"})),
    ("a Cyrillic name", interface(methods={"оk": "() -> int"})),
    ("a full-width name", interface(methods={"ｏk": "() -> int"})),
    ("a name with a blank", interface(methods={"o k": "() -> int"})),
    ("a name with a dot", interface(methods={"ok.__self__": "() -> int"})),
    ("a name of 256 bytes", interface(methods={"o" * 256: "() -> int"})),
    ("an empty name", interface(methods={"": "() -> int"})),
    ("a class and a facet", interface(facet=True)),
    ("neither a class nor a facet", interface(class_=...)),
    ("a facet that is false", changed(interfaces={"m:Root": {"facet": False}})),
    ("a class that is a list", interface(class_=["m:Root"])),
    ("a class of another spelling", interface(class_="m.Root")),
    ("a Cyrillic class", interface(class_="m:Rооt")),
    ("a class with a path", interface(class_="/etc/passwd:Root")),
    ("a class with code", interface(class_='m:Root.__init__.__globals__["x"]')),
    ("a builtin out", methods("() -> object")),
    ("Any", methods("() -> Any")),
    ("data that flows out", methods("() -> data")),
    ("an interface that is not there", methods("() -> m:Other")),
    ("a record that is not there", methods("() -> rec m:Other")),
    ("an enum that is not there", methods("() -> enum m:Other")),
    ("a blank too many", methods("()  -> int")),
    ("a blank too few", methods("()->int")),
    ("unsorted alternatives", methods("() -> str|int")),
    ("an alternative twice", methods("() -> int|int")),
    ("a parameter twice", methods("(a: int, a: int) -> int")),
    ("required behind optional", methods("(a: int=?, b: int) -> int")),
    ("65 parameters", methods("(" + ", ".join(f"a{i}: int" for i in range(65)) + ") -> int")),
    ("a type 33 deep", methods("() -> " + "(" * 40 + "int" + ",)" * 40)),
    ("a type a hundred thousand deep", methods("() -> " + "(" * 100_000 + "int" + ",)" * 100_000)),
    ("a literal that does not end", methods("(a: 'x) -> int")),
    ("a literal with a needless escape", methods("(a: '\\x41') -> int")),
    ("something behind the result", methods("() -> int; () -> str")),
    ("a newline in a signature", methods("() -> int\n")),
    ("accepts itself", changed(accepts={"m:Root": ["m:Root"]})),
    ("accepts what is not there", changed(accepts={"m:Root": ["m:Other"]})),
    ("accepts as a string", changed(accepts={"m:Root": "m:Root"})),
    ("errors of another kind", changed(errors={"m:E": "traceback"})),
    ("errors as a list", changed(errors=["m:E"])),
    ("a record with a reference", changed(records={"m:R": {"a": "m:Root"}})),
    ("an enum of numbers", changed(enums={"m:E": [1]})),
    ("an enum with a dunder", changed(enums={"m:E": ["__class__"]})),
]


@pytest.mark.parametrize(("why", "text"), UNSOUND, ids=[why for why, _ in UNSOUND])
def test_an_unsound_policy_is_refused_in_one_line(why: str, text: bytes) -> None:
    """S01 S03 S05 S09: with what is wrong; at once; never taken for an empty one, or for one that allows."""
    start = time.monotonic()
    with pytest.raises(ValueError) as caught:
        Policy(text)
    assert time.monotonic() - start < 1.0
    message = str(caught.value)
    assert message and "\n" not in message and len(message) < 600 and message.isprintable(), why


def test_the_policy_that_all_of_them_are_made_of_is_sound() -> None:
    """S01: as a baseline."""
    assert Policy(dump(SOUND)).roots == {"Root": "m:Root"}


def test_a_policy_that_is_cut_off_anywhere_is_refused() -> None:
    """S01: behind each byte."""
    text = dump(SOUND)
    end = len(text.rstrip())
    for cut in range(end):
        with pytest.raises(ValueError, match=r"."):
            Policy(text[:cut])
    assert Policy(text[:end])


def test_a_chain_of_records_takes_linear_time() -> None:
    """S05: ten thousand, each with the next in it, end in an answer, and soon; deep nesting is refused."""
    records = {f"m:R{i:>05}".replace(" ", "0"): {"a": f"rec m:R{i + 1:05}"} for i in range(10_000)}
    records["m:R10000"] = {"a": "int"}
    start = time.monotonic()
    try:
        Policy(changed(records=records))
    except ValueError as error:
        assert "\n" not in str(error)
    assert time.monotonic() - start < 2.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "m.py").write_text(MODULE)
    (tmp_path / "p.json").write_bytes(dump(SOUND))
    return tmp_path


def serve(
    folder: Path, *options: str, target: str = "m:Root", policy: str = "p.json", timeout: float = 10
) -> tuple[int, str, str]:
    """``pynto serve`` with no client: its exit code and what it said."""
    command = [sys.executable, "-P", "-m", "pynto", "serve", target, "--policy", policy, *(options or ("--stdio",))]
    found = subprocess.run(command, cwd=folder, input=b"", capture_output=True, timeout=timeout, check=False)
    return found.returncode, found.stdout.decode(), found.stderr.decode()


def refused(folder: Path, **options: Any) -> str:
    code, out, err = serve(folder, **options)
    assert code in (1, 2), (code, out, err)
    assert "Traceback" not in err and err.count("\n") == 1, err
    assert "serving" not in out
    return err


def test_a_sound_policy_is_served(folder: Path) -> None:
    """S11: as a baseline; what it does not name is not there."""
    code, _, err = serve(folder)
    assert code == 0 and err == "", err
    with serving(target=("m:Root",), policy=folder / "p.json", cwd=folder) as server, server.connect() as peer:
        assert peer.value(0, "ok") == 1
        peer.denied(0, "bad")
        assert peer.interfaces == {peer.root.interface: {"interfaces": {"m:Root": {"methods": {"ok": "() -> int"}}}}}


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: None, "no file"),
        (lambda path: path.mkdir(), "a folder"),
        (lambda path: os.mkfifo(path), "a pipe that nobody writes to"),
        (lambda path: path.symlink_to("/dev/zero"), "a device without end"),
        (lambda path: path.symlink_to("/dev/null"), "a device without beginning"),
        (lambda path: path.symlink_to(path), "a link to itself"),
        (lambda path: path.write_bytes(b""), "an empty file"),
        (lambda path: _sparse(path), "a file of one GiB"),
        (lambda path: path.write_bytes(dump(SOUND)[:-20]), "a file that is cut off"),
        (lambda path: path.write_bytes(changed(roots={"Root": "m:Other"})), "a policy of something else"),
    ],
)
def test_a_file_that_is_no_policy_is_refused_at_once(tmp_path: Path, make: Callable[[Path], object], why: str) -> None:
    """S01"""
    make(tmp_path / "p.json")
    start = time.monotonic()
    with pytest.raises((OSError, ValueError)) as caught:
        Policy.load(tmp_path / "p.json")
    assert "p.json" in str(caught.value) and str(caught.value).isprintable()
    assert time.monotonic() - start < 1.0, why


def test_the_command_says_in_one_line_what_is_wrong_with_a_file(folder: Path) -> None:
    """S01: and ends; it never serves under less than a policy."""
    (folder / "p.json").write_bytes(dump(SOUND)[:-20])
    assert "p.json" in refused(folder)
    (folder / "p.json").unlink()
    os.mkfifo(folder / "p.json")
    assert "p.json" in refused(folder)


@pytest.mark.parametrize(("key", "value"), [("python", "2.7"), ("platform", "plan9")])
def test_a_policy_for_another_python_or_platform_is_not_served(key: str, value: str) -> None:
    """S11: its hints were read for something else."""
    document = json.loads(POLICY.read_text())
    document[key] = value
    with pytest.raises(ValueError, match=value):
        pynto.Server(served.Root(), policy=Policy(dump(document)))


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 30)


@pytest.mark.parametrize(
    ("module", "why"),
    [
        ("class Other:\n    pass\n", "the class is not there"),
        ("class Root:\n    pass\n", "the method is not there"),
        ("class Root:\n    ok = 1\n", "it is an attribute"),
        (
            "class Root:\n    def __init__(self) -> None:\n        self.ok = lambda: 1\n",
            "it is there in instances only",
        ),
        (
            "class Root:\n    def __getattr__(self, name: str) -> object:\n        return lambda: 1\n",
            "only a catch-all has it",
        ),
        ("Root = 5\n", "the class is a number"),
        ("def Root() -> int:\n    return 1\n", "the class is a function"),
    ],
)
def test_code_that_the_policy_does_not_fit_is_not_served(
    folder: Path, module: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S11: fail closed, ahead of the first connection."""
    (folder / "m.py").write_text(module)
    made = imported(folder, monkeypatch)
    target = getattr(made, "Root", object)
    with pytest.raises((ValueError, TypeError)) as caught:
        pynto.Server(target() if isinstance(target, type) else target, policy=folder / "p.json")
    assert str(caught.value).isprintable(), why


def imported(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The folder's module m, for this test."""
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "m", raising=False)
    return importlib.import_module("m")


@pytest.mark.parametrize(
    "options",
    [
        {"target": "nowhere:Root"},
        {"target": "m:Root.__init__.__globals__"},
    ],
)
def test_a_target_that_is_none_is_refused(folder: Path, options: dict[str, str]) -> None:
    """S11"""
    refused(folder, **options)


def test_an_object_of_another_class_is_not_served(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """S11 C13: also one that says it is of the class."""
    made = imported(folder, monkeypatch)
    spoof = type("Spoof", (), {"__class__": property(lambda _: made.Root), "ok": lambda _: 1})()
    assert isinstance(spoof, made.Root)
    for target in (spoof, 5, None, made.Root, type("Root", (), {"ok": lambda _: 1})()):
        with pytest.raises(TypeError, match="m:Root"):
            pynto.Server(target, policy=folder / "p.json")


def test_there_is_no_serving_without_a_policy(folder: Path) -> None:
    """S11"""
    command = [sys.executable, "-P", "-m", "pynto", "serve", "m:Root", "--stdio"]
    found = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=False)
    assert found.returncode == 2 and b"--policy" in found.stderr


def test_a_policy_is_read_once(folder: Path) -> None:
    """S07: what is swapped afterwards has no effect; what has drifted since it was made is refused."""
    with serving(target=("m:Root",), policy=folder / "p.json", cwd=folder) as server:
        wider = json.loads(dump(SOUND))
        wider["interfaces"]["m:Root"]["methods"]["bad"] = "() -> int"
        (folder / "p.json").write_bytes(dump(wider))
        with server.connect() as peer:
            peer.denied(0, "bad")
    made = dict(SOUND, declared={"m:Root": {"": "()", "bad": "(self) -> int", "ok": "(self) -> str"}})
    (folder / "p.json").write_bytes(dump(made))
    assert "drift" in refused(folder)


def test_modules_of_the_folder_do_not_take_the_place_of_others(folder: Path) -> None:
    """Q09: what lies in the folder that is served from is imported when it is named, and in no other way."""
    for name in (
        "typing",
        "json",
        "msgpack",
        "asyncio",
        "pynto",
        "logging",
        "m_sub",
        "sitecustomize",
        "usercustomize",
        "traceback",
        "decimal",
    ):
        (folder / f"{name}.py").write_text(f"open({str(folder / 'pwned')!r}, 'w').write({name!r})\n")
    with serving(target=("m:Root",), policy=folder / "p.json", cwd=folder) as server, server.connect() as peer:
        assert peer.value(0, "ok") == 1
        peer.denied(0, "m_sub")
    assert not (folder / "pwned").exists(), (folder / "pwned").read_text()


def test_nothing_is_imported_opened_or_started_while_serving(tmp_path: Path) -> None:
    """O-AUDIT A11 A23 E11: no audit event of these kinds, whatever a peer sends."""
    (tmp_path / "audited.py").write_text(
        "import sys\nsys.path.append(sys.argv[1])\nimport victim\nfrom pynto import Server\n"
        "events = []\nis_serving = False\nkinds = ('import', 'open', 'exec', 'compile', 'subprocess.Popen', 'pickle.find_class', 'marshal.loads', 'socket.connect', 'os.system', 'ctypes.dlopen')\n"
        "sys.addaudithook(lambda event, args: events.append((event, args)) if is_serving and event in kinds else None)\n"
        "server = Server(victim.Root(), policy=sys.argv[2], listen='unix://' + sys.argv[3]).start()\n"
        "print('ready', flush=True)\nsys.stdin.readline()\nis_serving = True\nprint('audited', flush=True)\nsys.stdin.readline()\nis_serving = False\n"
        "print(events, flush=True)\nserver.close()\n"
    )
    path = str(tmp_path / "a.sock")
    command = [sys.executable, str(tmp_path / "audited.py"), str(HERE), str(POLICY), path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdin is not None
        assert process.stdout.readline() == "ready\n"
        for is_audited in (False, True):  # first whatever Python imports by itself
            if is_audited:
                process.stdin.write("\n")
                process.stdin.flush()
                assert process.stdout.readline() == "audited\n"
            with Attacker(path) as peer:
                peer.hello()
                pickled = b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x94\x85\x94R\x94."
                for value in (pickled, pickled.decode("latin1"), {"__reduce__": "os"}, "os.system", "__import__('os')"):
                    peer.value(0, "echo", [value])
                for name in ("system", "__import__", "os", "eval"):
                    peer.denied(0, name)
                for kind in ("module", "function", "frame"):
                    peer.raises("RemoteError", 0, "lie", [kind])
                peer.send([0, "callback_error", [Mine(1)], {}])
                peer.serve(lambda _: [-2, ["os:system", "id", None, None]])
                peer.ref("open", "a")
        process.stdin.write("\n")
        process.stdin.flush()
        events = process.stdout.readline().strip()
    assert events == "[]"


# ---- pynto-policy ----


def tool(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "pynto.audit", *arguments, "--no-cache"]
    return subprocess.run(
        command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, text=True, check=False
    )


def test_the_policy_of_the_victim_is_up_to_date(tmp_path: Path) -> None:
    """S07: it is what the hints and pynto.toml imply."""
    pytest.importorskip("mypy")
    made = tmp_path / "victim.policy.json"
    found = tool(HERE, "generate", "victim:Root", "-o", str(made), "--path", str(HERE))
    assert made.exists(), found.stderr
    assert "error:" not in found.stderr, found.stderr
    committed = json.loads(COMMITTED.read_text())
    committed["python"] = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert json.loads(made.read_text()) == committed


@pytest.mark.parametrize(("why", "text"), UNSOUND, ids=[why for why, _ in UNSOUND])
def test_the_audit_refuses_what_the_server_refuses(
    folder: Path, why: str, text: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """S01 S03 S09: the same files, as bad input or as a finding; never as a fault of its own, never as sound."""
    cli = pytest.importorskip("pynto.audit.cli")
    pytest.importorskip("mypy")
    monkeypatch.chdir(folder)
    (folder / "p.json").write_bytes(text)
    code = cli.main(["check", "p.json", "--path", ".", "--no-cache"])
    said = capsys.readouterr()
    assert code in (1, 2), (why, said.err[-500:])
    assert "error" in said.out if code == 1 else said.err.count("\n") == 1, why
    assert all(line.isprintable() for line in said.out.splitlines()), why


def test_no_secret_and_no_default_is_written_into_a_policy() -> None:
    """S13 O-SECRET: names and types only."""
    text = POLICY.read_text()
    assert SECRET not in text and "0.5" not in text.split('"interfaces"')[1] and str(HERE) not in text
    assert "Answers to every name" not in text


def test_a_symlink_to_a_policy_is_followed_and_a_swap_is_not(folder: Path) -> None:
    """S07: the file that was opened is the file that counts."""
    shutil.move(folder / "p.json", folder / "first.json")
    (folder / "p.json").symlink_to("first.json")
    with serving(target=("m:Root",), policy=folder / "p.json", cwd=folder) as server:
        (folder / "p.json").unlink()
        (folder / "p.json").write_bytes(b"{}")
        with server.connect() as peer:
            assert peer.call(0, "ok") == [RETURN, 1]
            peer.denied(0, "bad")
