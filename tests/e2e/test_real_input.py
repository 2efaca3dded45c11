"""Are things that nobody here wrote served as their hints say?"""

from __future__ import annotations

import collections
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pynto
import pytest

CHAT = Path(__file__).resolve().parents[2] / "examples" / "chat" / "chat.py"

MODULE = '''
"""Things of others, to be served."""

from __future__ import annotations

import collections
import queue
from collections.abc import MutableMapping

from packaging.specifiers import SpecifierSet
from packaging.version import Version

jobs: queue.Queue[int] = queue.Queue(maxsize=3)
scores: MutableMapping[str, int] = collections.OrderedDict[str, int](ada=3)
release: Version = Version("2.1rc4")
wanted: SpecifierSet = SpecifierSet(">=1")
'''


CONFIG = """
[roots]
jobs = "things:jobs"
scores = "things:scores"
release = "things:release"
lines = "chat:lines"

[policy]
home = ["queue", "packaging"]
"""


class Things:
    """The module things beside chat.py, one policy for all of it, and what the audit finds."""

    def __init__(self, folder: Path, audit: Callable[..., subprocess.CompletedProcess[str]]) -> None:
        self.folder = folder
        shutil.copy(CHAT, folder)
        (folder / "things.py").write_text(MODULE, encoding="utf-8")
        (folder / "pynto.toml").write_text(CONFIG, encoding="utf-8")
        done = audit("generate", "-o", "policy.json", cwd=folder)
        assert done.returncode == 0, done.stderr
        self.policy: dict[str, Any] = json.loads((folder / "policy.json").read_text(encoding="ascii"))
        done = audit("check", "policy.json", "things:wanted", "--format", "json", cwd=folder)
        assert done.returncode == 1, done.stderr  # for things:wanted
        self.audit, self.wanted = json.loads(done.stdout)["audits"]

    def found(self, path: str) -> dict[str, str]:
        """Members that the audit has something to say about, and what; path: where they begin."""
        findings = [each for each in self.audit["findings"] if (each["path"] or "").startswith(path)]
        return {each["path"].removeprefix(path): each["id"] for each in findings}


@pytest.fixture(scope="module")
def audit(auditing: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """audit("check", "policy.json"): ``pynto-policy``."""

    def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-P", "-m", "pynto.audit", *arguments]
        env = {**os.environ, **auditing}
        return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=100, check=False)

    return run


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory, audit: Callable[..., Any]) -> Things:
    return Things(tmp_path_factory.mktemp("things"), audit)


@pytest.fixture
def address(things: Things, start_child: Callable[..., Any], tmp_path: Path) -> str:
    """Where all four are served, by a process."""
    address = f"unix://{tmp_path}/things.sock"
    targets = [f"{root}=things:{root}" for root in ("jobs", "scores", "release")]
    options = ["--policy", "policy.json", "--listen", address]
    command = [sys.executable, "-P", "-m", "pynto", "serve", *targets, "lines=chat:lines", *options]
    server = start_child(*command, cwd=things.folder)
    line = server.line()
    assert line.endswith(f" at {address}"), (line, server.stderr)
    return address


def is_refused(answer: list[Any]) -> bool:
    return bool(answer[0] == -2 and answer[1][:2] == ["Refused", "not permitted"])


# ---- queue.Queue[int] ----


def test_a_queue_of_the_standard_library(things: Things, address: str, raw: Callable[..., Any]) -> None:
    assert things.policy["roots"]["jobs"] == "queue:Queue[int]"
    methods = things.policy["interfaces"]["queue:Queue[int]"]["methods"]
    assert methods["put"] == "(item: int, block: bool=?, timeout: float|none=?) -> none"
    assert methods["get_nowait"] == "() -> int"
    withheld = things.found("Queue[int].")
    assert withheld.pop("queue") == "any-result"  # the deque behind it
    assert withheld == dict.fromkeys(("mutex", "not_empty", "not_full", "all_tasks_done"), "opaque-attribute")

    with pynto.connect(address, root="jobs") as connection, pynto.connect(address, root="jobs") as other:
        jobs = connection.root
        assert jobs.empty() and jobs.maxsize == 3
        for job in (1, 2, 3):
            jobs.put(job)
        assert jobs.full() and jobs.qsize() == 3 == jobs.unfinished_tasks
        assert [other.root.get(), other.root.get(timeout=1.5), other.root.get_nowait()] == [1, 2, 3]
        with pytest.raises(pynto.RemoteError):
            jobs.get_nowait()
        for wrong in ("a string", None, 1.0):
            with pytest.raises(TypeError):
                jobs.put(wrong)
        for wrong in ("a string", None, 1.0, True):  # our own client sends True as the 1 that it is
            assert raw(address, "put", wrong, root="jobs")[1][0] == "TypeError"
        for name in ("mutex", "not_empty", "queue", "_put", "__dict__", "__class_getitem__"):
            with pytest.raises(AttributeError):
                getattr(jobs, name)
            assert is_refused(raw(address, "__getattr__", name, root="jobs")), name
            assert is_refused(raw(address, name, root="jobs")), name
        with pytest.raises(AttributeError):
            jobs.maxsize = 1000
        assert is_refused(raw(address, "__setattr__", "maxsize", 1000, root="jobs"))
        assert jobs.maxsize == 3 and jobs.empty()


def test_a_class_that_is_not_at_home_is_held_and_not_used(things: Things, audit: Callable[..., Any]) -> None:
    done = audit("generate", "things:jobs", "--config", os.devnull, cwd=things.folder)
    assert done.returncode == 0, done.stderr
    (body,) = json.loads(done.stdout)["interfaces"].values()
    assert body == {"class": "queue:Queue"}


# ---- collections.OrderedDict[str, int] behind MutableMapping[str, int] ----


def test_an_ordered_dict_behind_a_mutable_mapping(things: Things, address: str, raw: Callable[..., Any]) -> None:
    assert things.policy["roots"]["scores"] == "MutableMapping[str, int]"
    assert things.policy["interfaces"]["MutableMapping[str, int]"]["class"] == "collections.abc:MutableMapping"
    assert things.found("MutableMapping") == {}

    with pynto.connect(address, root="scores") as connection:
        scores = connection.root
        assert list(scores.items()) == [("ada", 3)] and len(scores) == 1
        scores["bob"] = 7
        scores["carol"] = 2**70
        scores.update({"dave": -1})
        assert list(scores) == ["ada", "bob", "carol", "dave"]
        assert list(scores.items()) == [("ada", 3), ("bob", 7), ("carol", 2**70), ("dave", -1)]
        assert list(scores.values()) == [3, 7, 2**70, -1]
        assert "bob" in scores and "eve" not in scores and scores.get("eve") is None and scores.get("eve", 5) == 5
        assert scores.setdefault("eve", 9) == 9 and scores.pop("carol") == 2**70
        del scores["dave"]
        with pytest.raises(KeyError):
            scores["nobody"]
        with pytest.raises(TypeError):
            scores["bob"] = "seven"
        with pytest.raises(TypeError):
            scores[1] = 1
        assert scores.popitem() == ("eve", 9)
        for name, arguments, why in (
            ("move_to_end", ["ada"], "a method of OrderedDict's own"),
            ("copy", [], "one that dict has, too"),
            ("fromkeys", [["ada"]], "one of the class"),
            ("__reversed__", [], "what MutableMapping does not declare"),
            ("__or__", [{"eve": 1}], "an operator"),
            ("__ior__", [{"eve": 1}], "one that changes it"),
            ("__reduce__", [], "what pickle would use"),
        ):
            assert callable(getattr(collections.OrderedDict, name)), name
            assert is_refused(raw(address, name, *arguments, root="scores")), why
        for name in ("move_to_end", "copy", "fromkeys"):
            with pytest.raises(AttributeError):
                getattr(scores, name)
        assert list(scores.items()) == [("ada", 3), ("bob", 7)]


# ---- packaging.version.Version, of the package packaging ----


def test_a_class_of_a_typed_package(things: Things, address: str, raw: Callable[..., Any]) -> None:
    assert things.policy["roots"]["release"] == "packaging.version:Version"
    granted = things.policy["interfaces"]["packaging.version:Version"]
    assert {"major": "int", "local": "none|str", "release": "(int*)"}.items() <= granted["get"].items()
    assert [name for name in granted["get"] if name.startswith("_")] == []
    # Nothing of Version is withheld, and what is left are places where its type checker was told to look away, and calls
    # on what re and others declare as Any, which cannot be followed.
    left = {"any-parameter", "unanalysable", "power-introspection"}
    assert set(things.found("Version").values()) <= left
    elsewhere = {each["id"] for each in things.audit["findings"] if "packaging" in (each["file"] or "")}
    assert elsewhere <= {"type-ignore", "cast", *left}, things.audit["findings"]
    assert things.audit["verdict"] == "pass"

    with pynto.connect(address, root="release") as connection:
        release = connection.root
        assert (release.major, release.minor, release.micro, release.epoch) == (2, 1, 0, 0)
        assert release.release == (2, 1) and release.pre == ("rc", 4)
        assert (release.public, release.base_version, release.local) == ("2.1rc4", "2.1", None)
        assert release.is_prerelease is True and release.is_postrelease is False
        assert (release <= release, release < release) == (True, False)
        with pytest.raises(AttributeError):
            release.major = 3
        for name in ("_version", "_key", "_release", "__dict__", "__slots__", "__module__", "__init__", "__reduce__"):
            assert is_refused(raw(address, "__getattr__", name, root="release")), name
            assert is_refused(raw(address, name, root="release")), name
        assert is_refused(raw(address, "__setattr__", "major", 3, root="release"))
        assert is_refused(raw(address, "__init__", "9.9", root="release"))
        assert release.public == "2.1rc4"


def test_the_audit_fails_a_class_whose_hints_would_grant_everything(things: Things) -> None:
    errors = [each for each in things.wanted["findings"] if each["severity"] == "error"]
    assert things.wanted["verdict"] == "fail"
    assert {each["id"] for each in errors} == {"free-typevar", "power-cpu"}, errors
    free = {each["path"] for each in errors if each["id"] == "free-typevar"}
    assert {path.rpartition(".")[2] for path in free} == {"filter()"}
    assert "SpecifierSet.filter()" in free
    # A client's version decides how far a range is counted out, too.
    slow = [each for each in errors if each["id"] == "power-cpu"]
    assert {each["path"] for each in slow} == {"SpecifierSet.to_range() -> VersionRange.to_specifier_set()"}, slow


# ---- chat:lines ----


def test_a_chat_server_in_one_line(things: Things, address: str, raw: Callable[..., Any]) -> None:
    assert things.policy["roots"]["lines"] == "list[str]"
    assert things.found("list[str]") == {}

    with pynto.connect(address, root="lines") as connection, pynto.connect(address, root="lines") as other:
        lines = connection.root
        assert len(lines) == 0 and list(lines) == [] and not lines
        lines.append("ada: hello")
        other.root.append("bob: hi")
        other.root.extend(("ada: how are you?",))
        assert len(lines) == 3
        assert list(lines) == list(other.root) == ["ada: hello", "bob: hi", "ada: how are you?"]
        assert lines[0] == "ada: hello" and lines[-1] == "ada: how are you?"
        assert list(lines[1:]) == ["bob: hi", "ada: how are you?"]
        assert "bob: hi" in lines and "eve: hi" not in lines
        assert lines.index("bob: hi") == 1 and next(reversed(lines)) == "ada: how are you?"
        with pytest.raises(IndexError):
            lines[3]
        with pytest.raises(ValueError):
            lines.remove("nothing of this kind")
        with pytest.raises(TypeError):
            lines.append(7)
        with pytest.raises(TypeError):
            lines.sort(key=len)
        for name in ("__class__", "__init__", "__imul__", "__iadd__", "__reduce_ex__", "__getattribute__"):
            assert is_refused(raw(address, name, *([2] if name == "__imul__" else []), root="lines")), name
        assert raw(address, "append", 7, root="lines")[1][0] == "TypeError"
        assert list(lines) == ["ada: hello", "bob: hi", "ada: how are you?"]
