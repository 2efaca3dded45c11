"""Does the config copy what it names, and say what it cannot copy?"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from audit_support import Done

LIBRARY = """
import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, Protocol, TypeVar

T = TypeVar("T")

@dataclass
class Open:
    a: int
    b: "list[int]"

@dataclass
class Plain:
    a: int

class Made:
    a: int
    limit: ClassVar[int] = 3
    def __init__(self, a: int, extra: int = 0) -> None:
        self.a = a
        self.extra: int = extra

class NotMade:
    a: int
    def __init__(self, key: bytes) -> None:
        self.a = len(key)

class Keyword:
    a: int
    def __init__(self, *, a: int) -> None:
        self.a = a

class Empty:
    pass

class Listed(list[int]):
    a: int

class Facet(Protocol):
    a: int

class Error(ValueError):
    a: int

@dataclass
class Generic_(Generic[T]):
    a: T

class Holder:
    items: list[int]
    both: "list[int] | str | None"
    fixed: Sequence[int]
    deep: "list[list[int]]"
    def names(self) -> dict[str, int]: return {}
    def number(self) -> int: return 1
"""
ROOT = """
import lib
class Root:
    {member}
"""


@pytest.fixture
def generated(run: Callable[..., Done]) -> Callable[..., tuple[Done, dict[str, Any]]]:
    def generate(member: str, *rules: str) -> tuple[Done, dict[str, Any]]:
        config = f'[roots]\nroot = "app:Root"\n[policy]\nhome = ["lib"]\ncopy = {json.dumps(rules)}\n'
        done = run("generate", app_dot_py=ROOT.format(member=member), lib_dot_py=LIBRARY, pynto_dot_toml=config)
        return done, json.loads(done.out) if done.out.startswith("{") else {}

    return generate


@pytest.mark.parametrize(
    ("member", "rule", "records"),
    [
        ("def get(self) -> lib.Plain: raise ValueError", "lib:Plain", {"lib:Plain": {"a": "int"}}),
        ("def put(self, it: lib.Plain) -> None: raise ValueError", "lib:Plain", {"lib:Plain": {"a": "int"}}),
        ("def get(self) -> lib.Made: raise ValueError", "lib:Made", {"lib:Made": {"a": "int", "extra": "int"}}),
        (
            "def put(self, it: lib.Made) -> None: raise ValueError",
            "lib:Made",
            {"lib:Made": {"a": "int", "extra": "int"}},
        ),
        ("def put(self, it: lib.Keyword) -> None: raise ValueError", "lib:Keyword", {"lib:Keyword": {"a": "int"}}),
        ("def get(self) -> lib.NotMade: raise ValueError", "lib:NotMade", {"lib:NotMade": {"a": "int"}}),
    ],
)
def test_a_class_becomes_a_record(generated: Any, member: str, rule: str, records: Any) -> None:
    done, policy = generated(member, rule)
    assert policy.get("records") == records, done


@pytest.mark.parametrize(
    ("member", "rule", "says"),
    [
        ("def get(self) -> lib.Open: raise ValueError", "lib:Open", "Open.b is list[int]"),
        ("def put(self, it: lib.NotMade) -> None: raise ValueError", "lib:NotMade", "its __init__ takes others"),
        ("def get(self) -> lib.Empty: raise ValueError", "lib:Empty", "declares no public attributes"),
        ("def get(self) -> lib.Listed: raise ValueError", "lib:Listed", "a builtin's subclass"),
        ("def get(self) -> lib.Facet: raise ValueError", "lib:Facet", "not a Protocol"),
        ("def get(self) -> lib.Error: raise ValueError", "lib:Error", "can never be passed"),
        ("def get(self) -> lib.Generic_[int]: raise ValueError", "lib:Generic_", "type parameters"),
        ("def get(self) -> lib.Holder: raise ValueError", "lib:Holder.fixed", "is no list, dict or set"),
        ("def get(self) -> lib.Holder: raise ValueError", "lib:Holder.number", "is no list, dict or set"),
        ("def get(self) -> int: raise ValueError", "lib:Plain", "policy.copy: nothing in the policy is lib:Plain"),
        (
            "def get(self) -> lib.Holder: raise ValueError",
            "lib:Holder.nothing",
            "nothing in the policy is lib:Holder.nothing",
        ),
    ],
)
def test_what_cannot_be_copied_is_an_error_with_its_reason(generated: Any, member: str, rule: str, says: str) -> None:
    done, _ = generated(member, rule)
    assert says in done.err
    assert done.code == 1


def test_a_member_is_copied_at_its_outermost(generated: Any) -> None:
    rules = [f"lib:Holder.{name}" for name in ("items", "both", "names", "deep")]
    done, policy = generated("def get(self) -> lib.Holder: raise ValueError", *rules)
    holder = policy["interfaces"]["lib:Holder"]
    assert holder["get"]["items"] == "copy list[int]", done.err
    assert holder["get"]["both"] == "copy list[int]|none|str"
    assert holder["methods"]["names"] == "() -> copy dict[str, int]"
    assert holder["get"]["deep"] == "copy list[list[int]]"  # a copy of a list of references


@pytest.mark.parametrize("rule", ["lib", "lib:", "lib:Plain.", "lib:1", "lib.Plain", ""])
def test_a_rule_that_names_nothing_is_bad_input(generated: Any, rule: str) -> None:
    done, _ = generated("def get(self) -> int: raise ValueError", rule)
    assert done.code == 2
    assert "policy.copy" in done.err
