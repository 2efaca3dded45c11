"""Does a diff name every operation that a client gets, and call nothing less that is more?"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from audit_support import HERE, Done
from pynto.audit import layout
from pynto.policy import Policy

Run = Callable[..., Done]
SCHEMA = json.loads((HERE.parents[1] / "schemas" / "diff.schema.json").read_text())

BASE: dict[str, Any] = {
    "enums": {"chat:Color": ["GREEN", "RED"]},
    "errors": {"chat:Full": "type"},
    "imports": {"chat:Watcher": {"facet": True, "methods": {"joined": "(who: chat:User) -> none"}}},
    "interfaces": {
        "chat:Room": {
            "class": "chat:Room",
            "get": {"title": "str"},
            "methods": {
                "post": "(text: str, color: enum chat:Color=?) -> rec chat:Receipt",
                "user": "() -> chat:User",
                "watch": "(watcher: chat:Watcher) -> none",
            },
        },
        "chat:User": {"class": "chat:User", "methods": {"name": "() -> str"}},
    },
    "platform": "linux",
    "pynto-policy": 1,
    "python": "3.11",
    "records": {"chat:Receipt": {"no": "int"}},
    "roots": {"lobby": "chat:Room"},
}


def dumped(**changes: Callable[[dict[str, Any]], object]) -> str:
    document = copy.deepcopy(BASE)
    for change in changes.values():
        change(document)
    return layout.dumps(document)


def diff(run: Run, change: Callable[[dict[str, Any]], object], *options: str) -> Done:
    return run("diff", *options, "old.json", "new.json", old_dot_json=dumped(), new_dot_json=dumped(change=change))


def room(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["interfaces"]["chat:Room"]
    return found


GROWS: list[tuple[str, Callable[[dict[str, Any]], object], str]] = [
    ("a method", lambda d: room(d)["methods"].update(reset="() -> none"), "+ chat:Room.reset() -> none"),
    (
        "an attribute that is written",
        lambda d: room(d).update(set={"title": "str"}),
        "+ WRITE chat:Room.title =: str",
    ),
    (
        "a parameter that takes more",
        lambda d: room(d)["methods"].update(post="(text: bytes|str, color: enum chat:Color=?) -> rec chat:Receipt"),
        "+ chat:Room.post: widened",
    ),
    ("a result that gives more", lambda d: room(d)["get"].update(title="none|str"), "+ chat:Room.title: widened"),
    ("another result", lambda d: room(d)["get"].update(title="int"), "~ chat:Room.title: changed"),
    (
        "what the server tells a client's object",
        lambda d: d["imports"]["chat:Watcher"]["methods"].update(left="(who: chat:User) -> none"),
        "+ the client's chat:Watcher.left(who: chat:User) -> none",
    ),
    (
        "a field of a record",
        lambda d: d["records"]["chat:Receipt"].update(at="datetime"),
        "+ record chat:Receipt.at: datetime",
    ),
    ("a member of an enum", lambda d: d["enums"]["chat:Color"].append("WHITE"), "+ enum chat:Color.WHITE"),
    ("the text of an exception", lambda d: d["errors"].update({"chat:Full": "text"}), "+ error chat:Full: widened"),
    ("a root", lambda d: d["roots"].update(who="chat:User"), "+ root who: chat:User"),
    (
        "what is taken for what",
        lambda d: d.update(accepts={"chat:User": ["chat:Room"]}),
        "+ chat:Room where chat:User is wanted",
    ),
    (
        "a check that is looser",
        lambda d: d["interfaces"].update({"chat:User": {"facet": True, "methods": {"name": "() -> str"}}}),
        "~ chat:User: changed, was chat:User, is facet",
    ),
]


@pytest.mark.parametrize(("why", "change", "line"), GROWS, ids=[row[0] for row in GROWS])
def test_more_authority_is_told_and_fails(
    run: Run, why: str, change: Callable[[dict[str, Any]], object], line: str
) -> None:
    done = diff(run, change)
    assert (done.code, done.err) == (1, "")
    verdict, *lines = done.out.splitlines()
    assert verdict.startswith("AUTHORITY GREW: ")
    assert [each for each in lines if each.startswith(line)], done.out


@pytest.mark.parametrize(("why", "change", "line"), GROWS, ids=[row[0] for row in GROWS])
def test_the_way_back_is_less_unless_neither_includes_the_other(
    run: Run, why: str, change: Callable[[dict[str, Any]], object], line: str
) -> None:
    done = run("diff", "new.json", "old.json", old_dot_json=dumped(), new_dot_json=dumped(change=change))
    assert done.code == (1 if line.startswith("~") else 0)
    if not line.startswith("~"):
        assert done.out.startswith("A client can do less: 1 ")


def test_the_same_policy_differs_in_nothing(run: Run) -> None:
    done = diff(run, lambda document: None)
    assert (done.code, done.out) == (0, "A client can do what it could: nothing has changed\n")


def test_what_nothing_leads_to_is_no_authority(run: Run) -> None:
    done = diff(
        run, lambda d: d["interfaces"].update({"chat:Vault": {"class": "chat:Vault", "methods": {"open": "() -> str"}}})
    )
    assert done.code == 0


def test_one_new_way_makes_everything_behind_it_new(run: Run) -> None:
    def vault(document: dict[str, Any]) -> None:
        document["interfaces"]["chat:Vault"] = {
            "class": "chat:Vault",
            "methods": {"open": "() -> str"},
            "set": {"pin": "int"},
        }

    def way_in(document: dict[str, Any]) -> None:
        document["interfaces"]["chat:User"]["methods"]["vault"] = "() -> chat:Vault"

    done = run(
        "diff", "--full", "old.json", "new.json", old_dot_json=dumped(a=vault), new_dot_json=dumped(a=vault, b=way_in)
    )
    assert done.code == 1
    assert done.out.splitlines() == [
        "AUTHORITY GREW: 3 added; 1 write among them",
        "+ WRITE chat:Vault.pin =: int",
        "    way: chat:Room.user() -> chat:User.vault() -> chat:Vault.pin =",
        "+ chat:User.vault() -> chat:Vault",
        "    way: chat:Room.user() -> chat:User.vault()",
        "+ chat:Vault.open() -> str",
        "    way: chat:Room.user() -> chat:User.vault() -> chat:Vault.open()",
    ]


@pytest.mark.parametrize(("count", "lines"), [(8, 9), (9, 10), (10, 10), (40, 10)])
def test_a_summary_has_ten_lines_at_most_and_says_what_it_left_out(run: Run, count: int, lines: int) -> None:
    done = diff(run, lambda d: room(d)["methods"].update({f"m{i:02}": "() -> none" for i in range(count)}))
    told = done.out.splitlines()
    assert len(told) == lines
    if count > 9:
        assert told[-1] == f"... and {count - 8} more changes: --full shows them"
    full = diff(run, lambda d: room(d)["methods"].update({f"m{i:02}": "() -> none" for i in range(count)}), "--full")
    assert sum(line.startswith("+ ") for line in full.out.splitlines()) == count


def test_a_write_is_never_what_a_summary_leaves_out(run: Run) -> None:
    def many(document: dict[str, Any]) -> None:
        room(document)["methods"].update({f"a{i:02}": "() -> none" for i in range(40)})
        room(document)["set"] = {"title": "str"}

    assert diff(run, many).out.splitlines()[1] == "+ WRITE chat:Room.title =: str"


def test_json_keeps_to_its_schema(run: Run) -> None:
    for _, change, _ in GROWS:
        done = diff(run, change, "--format", "json")
        document = json.loads(done.out)
        jsonschema.validate(document, SCHEMA)
        assert document["grew"] is True and done.code == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pynto-policy": 2}', dumped()[:-10]])
def test_what_is_no_policy_is_bad_input(run: Run, text: str) -> None:
    done = run("diff", "old.json", "new.json", old_dot_json=dumped(), new_dot_json=text)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("pynto-policy: new.json: ") and done.err.count("\n") == 1


def test_a_file_that_is_not_there_is_bad_input(run: Run) -> None:
    done = run("diff", "old.json", "gone.json", old_dot_json=dumped())
    assert done.code == 2 and "gone.json" in done.err


def test_names_in_a_file_are_printed_without_control_characters(run: Run) -> None:
    def hostile(document: dict[str, Any]) -> None:
        room(document)["methods"]["m"] = r"(a: 'x\x1b[2Jy\x0a') -> none"
        room(document)["methods"]["n"] = "(a: '" + "z" * 5000 + "') -> none"

    done = diff(run, hostile)
    assert all(line.isprintable() and len(line) < 400 for line in done.out.splitlines())


def test_a_policy_that_uses_everything_does_not_differ_from_itself() -> None:
    policy = Policy.load(HERE.parent / "attack" / "victim.policy.json")
    assert policy._changes(policy) == []


def test_a_policy_is_compared_with_policies_only() -> None:
    policy = Policy(dumped().encode())
    with pytest.raises(TypeError, match="a Policy is needed, not str"):
        policy._changes("policy")  # type: ignore[arg-type]
    with pytest.raises(IndexError):
        policy._walk(10**6)


def test_diff_runs_without_the_type_checker(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "mypy", None)
    monkeypatch.setitem(sys.modules, "mypy.build", None)
    assert diff(run, lambda document: None).code == 0
