"""Does the server notice that the source is no longer what the policy was made from, without importing it?"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pynto.audit import declared, generate
from pynto.audit.build import Target
from pynto.audit.config import Config, parse_root
from pynto.audit.declared import BASES, drift, source_of

SOURCE = """
print(1 / 0)  # this module must not be imported
import enum
from dataclasses import dataclass
from typing import NamedTuple, Protocol, overload

class Color(enum.Enum):
    RED = 1
    GREEN = 2

@dataclass(frozen=True)
class Base:
    id: int

@dataclass(frozen=True)
class Receipt(Base):
    no: int = 0

class Room:
    title: str = "x"
    def __init__(self) -> None:
        self.topic: str = ""
    def post(self, author: str, text: str = "secret") -> Receipt:
        return Receipt(1)
    async def fetch(self, *names: str, n: int = 3) -> Color:
        return Color.RED
    @property
    def size(self) -> int:
        return 1
    @size.setter
    def size(self, value: int) -> None: ...
    @overload
    def get(self, a: int) -> int: ...
    @overload
    def get(self, a: str) -> str: ...
    def get(self, a: int | str) -> int | str:
        return a
    class Inner:
        def go(self) -> None: ...
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "room.py").write_text(SOURCE)
    return tmp_path


def policy_of(folder: Path) -> dict[str, object]:
    outcome = generate.generate([parse_root("room:Room")], Config(), Target(path=(str(folder),)))
    assert outcome.policy is not None
    return outcome.policy


def test_a_class_declares_its_members_as_normalised_text(folder: Path) -> None:
    assert source_of("room", "Room", [str(folder)]) == {
        BASES: "()",
        "title": "title: str",
        "topic": "topic: str",
        "__init__": "(self) -> None",
        "post": "(self, author: str, text: str=...) -> Receipt",
        "fetch": "async (self, *names: str, n: int=...) -> Color",
        "size": "@property (self) -> int ; @size.setter (self, value: int) -> None",
        "get": "@overload (self, a: int) -> int ; @overload (self, a: str) -> str",
    }
    assert source_of(str(folder / "room.py"), "Room.Inner") == {BASES: "()", "go": "(self) -> None"}
    assert source_of("room", "Color", [str(folder)]) == {BASES: "(enum.Enum)", "RED": "RED", "GREEN": "GREEN"}
    assert source_of("room", "Nobody", [str(folder)]) == {}
    assert source_of("no_such_module", "Nobody") == {}


def test_a_default_is_never_written_into_a_policy(folder: Path) -> None:
    assert "secret" not in str(policy_of(folder))


def test_a_fresh_policy_has_not_drifted_and_the_module_is_not_imported(folder: Path) -> None:
    assert drift(policy_of(folder), path=[str(folder)]) == []
    assert "room" not in sys.modules


@pytest.mark.parametrize(
    ("old", "new", "sentences"),
    [
        ("author: str, text: str =", "author: str, text: bytes =", [
            "room:Room.post was (self, author: str, text: str=...) -> Receipt, "
            "is (self, author: str, text: bytes=...) -> Receipt",
        ]),
        ("def post", "def send", ["room:Room.post is gone"]),
        ("class Room", "class Hall", ["room:Room is gone"]),
        ("class Room:", "class Room(Base):", ["room:Room itself was (), is (Base)"]),
        ("async def fetch", "def fetch", [
            "room:Room.fetch was async (self, *names: str, n: int=...) -> Color, "
            "is (self, *names: str, n: int=...) -> Color",
        ]),
        ("    no: int = 0", "    no: int = 0\n    at: str = ''", ["room:Receipt.at is new"]),
        ("    no: int = 0", "    no: str = ''", ["room:Receipt.no was no: int, is no: str"]),
        ("    id: int", "    id: int\n    who: str", ["room:Base.who is new"]),
        ("    GREEN = 2", "    BLUE = 2", ["room:Color.GREEN is gone", "room:Color.BLUE is new"]),
        ("frozen=True)\nclass Base", "frozen=False)\nclass Base", [
            "room:Base itself was @dataclass(frozen=True) (), is @dataclass(frozen=False) ()",
        ]),
        ("title: str", "title: bytes", ["room:Room.title was title: str, is title: bytes"]),
        ("self.topic: str", "self.topic: bytes", ["room:Room.topic was topic: str, is topic: bytes"]),
        ("@property", "@cache\n    @property", [
            "room:Room.size was @property (self) -> int ; @size.setter (self, value: int) -> None, "
            "is @cache @property (self) -> int ; @size.setter (self, value: int) -> None",
        ]),
        ('"secret"', '"other"', []),
        ("class Room:", "class Room:\n    extra: int\n    def more(self) -> None: ...", []),
    ],
)  # fmt: skip
def test_every_change_of_what_is_granted_is_told(folder: Path, old: str, new: str, sentences: list[str]) -> None:
    policy = policy_of(folder)
    assert SOURCE.count(old) >= 1
    (folder / "room.py").write_text(SOURCE.replace(old, new))
    assert drift(policy, path=[str(folder)]) == sentences


def test_a_module_that_went_away_has_drifted(folder: Path) -> None:
    policy = policy_of(folder)
    (folder / "room.py").unlink()
    assert "room:Room is gone: there is no source of the module room" in drift(policy, path=[str(folder)])


def test_a_module_inside_packages_is_found_without_running_them(folder: Path) -> None:
    (folder / "outer" / "inner").mkdir(parents=True)
    (folder / "outer" / "__init__.py").write_text("raise SystemExit('imported')")
    (folder / "outer" / "inner" / "deep.py").write_text("class A:\n    x: int\n")
    assert source_of("outer.inner.deep", "A", [str(folder)]) == {BASES: "()", "x": "x: int"}
    assert declared.locate("outer", [str(folder)]) == str(folder / "outer" / "__init__.py")
    assert "outer" not in sys.modules


def test_it_can_be_imported_without_mypy(run: Callable[..., object]) -> None:
    """The server depends on this module, not on mypy."""
    import subprocess

    root = Path(declared.__file__).parents[2]
    code = (
        "import sys, types; sys.modules['mypy'] = None; bare = types.ModuleType('pynto');"
        f"bare.__path__ = [{str(root / 'pynto')!r}]; sys.modules['pynto'] = bare;"
        "import pynto.audit.declared, pynto.audit.grammar, pynto.audit.validate, pynto.audit.config"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
