"""Does the audit of a file refuse what is not a policy, and notice what the hints no longer say?"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from audit_support import HERE, Done, corpus
from pynto.audit import layout, validate
from pynto.audit.config import BadInput

Run = Callable[..., Done]
Document = dict[str, Any]
SCHEMAS = HERE.parents[1] / "schemas"

CHAT = (HERE / "corpus" / "clean" / "chat.py").read_text(encoding="utf-8")


def schema(name: str) -> jsonschema.Draft202012Validator:
    document = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(document)
    return jsonschema.Draft202012Validator(document)


@pytest.fixture(scope="module")
def policy() -> Document:
    document: Document = json.loads((HERE / "expected" / "chat.json").read_text())
    return document


# Schemas


@pytest.mark.parametrize("path", sorted((HERE / "expected").glob("*.json")), ids=lambda path: path.stem)
def test_every_expected_policy_fits_the_schema(path: Path) -> None:
    schema("policy").validate(json.loads(path.read_text()))
    assert path.stem in {module.stem for module in corpus("clean")}


def test_findings_fit_their_schema_whatever_the_verdict(run: Run) -> None:
    for source, verdict, code in ((CHAT, "pass", 0), (CHAT.replace("-> Receipt", "-> object"), "fail", 1)):
        done = run("check", "chat:Root", "--format", "json", chat_dot_py=source)
        document = json.loads(done.out)
        schema("findings").validate(document)
        assert (done.code, document["audits"][0]["verdict"]) == (code, verdict)
    found = document["audits"][0]["findings"]
    assert [(each["id"], each["path"], each["file"], each["member"]) for each in found] == [
        ("object-result", "Root.post()", "chat.py", "post")
    ]
    assert document["audits"][0]["summary"]["errors"] == 1


# Files


def test_a_fresh_file_passes_the_audit(run: Run) -> None:
    assert run("generate", "chat:Root", "-o", "policy.json", chat_dot_py=CHAT).code == 0
    done = run("check", "policy.json")
    assert done.code == 0
    assert done.out.endswith("PASS policy.json: nothing found\n")


def test_the_text_shows_every_operation_on_a_line(run: Run) -> None:
    done = run("check", "chat:Root", chat_dot_py=CHAT)
    lines = done.out.splitlines()
    assert lines[0] == "A client starts with Root (chat:Root)"
    assert "    login(name: str, password: str) -> chat:Admin|chat:User|none" in lines
    assert "    async fetch(n: int=?) -> (chat:Message*)" in lines
    assert "    get title: str" in lines
    assert "    joined(who: chat:User) -> none" in lines
    assert "and reaches 7 interfaces with 25 operations:" in lines


def test_warnings_fail_only_a_strict_audit(run: Run) -> None:
    source = "class Room:\n    lines: list[str]\n"
    assert run("check", "chat:Room", chat_dot_py=source).code == 0
    assert run("check", "chat:Room", "--strict").code == 1


def test_a_root_that_cannot_be_exported_fails(run: Run) -> None:
    done = run("check", "chat:x", "--format", "json", chat_dot_py="x: int = 1\n")
    assert done.code == 1
    document = json.loads(done.out)
    schema("findings").validate(document)
    assert document["audits"][0]["verdict"] == "fail"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("text: str, /", "text: bytes, /", "interfaces, chat:Root, methods, post: the file says"),
        ("def reader", "def lector", "interfaces, chat:Root, methods, reader: the hints no longer give"),
        ("GREEN = 2", "GREEN = 2\n    BLUE = 3", "enums, chat:Color: the file says"),
        ("no: int", "number: int", "records, chat:Receipt, number: the file lacks"),
        ("mode: Literal", "mode2: Literal", "declared, chat:Root, post: the file says"),
    ],
)
def test_drift_is_found_and_told(run: Run, old: str, new: str, says: str) -> None:
    run("generate", "chat:Root", "-o", "policy.json", chat_dot_py=CHAT)
    assert old in CHAT
    done = run("check", "policy.json", chat_dot_py=CHAT.replace(old, new))
    assert done.code == 1
    assert says in done.out and "[drift]" in done.out


def test_a_frozen_policy_must_be_the_one_that_the_hints_imply(run: Run) -> None:
    run("generate", "chat:Root", "-o", "policy.json", chat_dot_py=CHAT)
    assert run("check", "chat:Root", "--frozen", "policy.json").code == 0
    assert run("check", "chat:Root", "--frozen", "policy.json", chat_dot_py=CHAT + "\nimport os\n").code == 0
    changed = CHAT.replace("title: str", "title: str\n    topic: str")
    done = run("check", "chat:Root", "--frozen", "policy.json", chat_dot_py=changed)
    assert done.code == 1
    assert "chat:Root, get, topic: the file lacks" in done.out


def test_a_file_whose_modules_are_gone_is_only_checked_in_itself(run: Run, tmp_path: Path) -> None:
    run("generate", "chat:Root", "-o", "policy.json", chat_dot_py=CHAT)
    (tmp_path / "chat.py").unlink()
    done = run("check", "policy.json")
    assert done.code == 0
    assert "it was not compared with the hints" in done.out


def test_roots_with_type_arguments_are_found_again(run: Run) -> None:
    source = """
from collections.abc import Callable, Mapping
from typing import Generic, Literal, TypeVar
T = TypeVar("T")
class Box(Generic[T]):
    item: T
boxes: Mapping[str, Box[tuple[int, ...]]] = {}
hooks: list[Callable[[Literal["a"]], int | None]] = []
"""
    assert run("generate", "chat:boxes", "chat:hooks", "-o", "policy.json", chat_dot_py=source).code == 0
    done = run("check", "policy.json")
    assert done.code == 0, done.out
    assert "not compared" not in done.out


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not a policy"),
        (b"{", "not a policy"),
        (b"\xef\xbb\xbf{}", "not a policy"),
        ("{}".encode("utf-16"), "not a policy"),
        (b"[]", "an object is expected"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b'{"a": 1,}', "not a policy"),
        (b'{"a": 1, "a": 2}', "stands twice"),
        (b'{"roots": {"a": "x", "a": "y"}}', "stands twice"),
        (b"[" * 100_000, "nested more than 8 deep"),
        (b'{"a":' * 9 + b"1" + b"}" * 9, "nested more than 8 deep"),
        (b" " * (16 * 1024 * 1024 + 1), "larger than"),
    ],
    ids=lambda value: repr(value[:20]),
)
def test_what_is_not_json_is_bad_input(run: Run, tmp_path: Path, data: bytes, says: str) -> None:
    (tmp_path / "policy.json").write_bytes(data)
    done = run("check", "policy.json")
    assert (done.code, done.out) == (2, "")
    assert says in done.err and done.err.count("\n") == 1


def test_a_truncated_file_is_never_a_policy(policy: Document) -> None:
    data = layout.dumps(policy).encode()
    for length in range(0, len(data) - 2, 97):
        with pytest.raises(BadInput):
            validate.parse(data[:length], "policy.json")


def test_only_a_regular_file_is_read(run: Run, tmp_path: Path) -> None:
    import os

    (tmp_path / "folder.json").mkdir()
    os.mkfifo(tmp_path / "fifo.json")
    (tmp_path / "zero.json").symlink_to("/dev/zero")
    for name in ("folder.json", "fifo.json", "zero.json", "nowhere.json"):
        assert run("check", name).code == 2


# Rules. Each edit makes a good policy a bad one; `path` is where, `value` what is put there.

MISSING = object()
ROOT = ("interfaces", "chat:Root")
POST = (*ROOT, "methods", "post")

BROKEN = [
    (("pynto-policy",), 2, "another version"),
    (("pynto-policy",), True, "true is not 1"),
    (("pynto-policy",), MISSING, "no version"),
    (("python",), "3", "not a version"),
    (("platform",), MISSING, "no platform"),
    (("extra",), {}, "an unknown key"),
    (("roots",), {}, "no root"),
    (("roots",), MISSING, "no roots"),
    (("roots",), ["chat:Root"], "a list"),
    (("roots", "Root"), "chat:Nobody", "not an interface of the policy"),
    (("roots", "Root"), 1, "not a string"),
    (("roots", "a-b"), "chat:Root", "not an identifier"),
    ((*ROOT, "facet"), True, "class and facet"),
    ((*ROOT, "class"), MISSING, "neither class nor facet"),
    ((*ROOT, "class"), "os:system", "another class than its name says"),
    ((*ROOT, "extra"), 1, "an unknown key"),
    ((*ROOT, "methods"), {}, "an empty table"),
    ((*ROOT, "methods"), [], "not a table"),
    ((*ROOT, "get"), {"_x": "int"}, "a private name"),
    ((*ROOT, "get"), {"__dict__": "int"}, "a dunder that is not listed"),
    ((*ROOT, "get"), {"p\u043est": "int"}, "not ASCII"),
    ((*ROOT, "get"), {"post": "int"}, "a method and an attribute"),
    ((*ROOT, "get"), {"title": "none|int"}, "not canonical"),
    ((*ROOT, "get"), {"title": "data"}, "data flows out"),
    ((*ROOT, "get"), {"title": 1}, "not a string"),
    ((*ROOT, "set"), {"title": "chat:Nobody"}, "not in interfaces"),
    (POST, "(int) -> none", "not canonical"),
    (POST, "() -> chat:Nobody", "not in interfaces"),
    (POST, "() -> chat:Watcher", "an import flows out"),
    (POST, "(x: chat:Nobody) -> none", "not in interfaces or imports"),
    (POST, "() -> data", "data flows out"),
    (POST, "() -> list[int]", "not in interfaces"),
    (POST, "(f: fn(data)->none) -> none", "data flows out to a callback"),
    (POST, "(f: fn(chat:Watcher)->none) -> none", "an import flows out to a callback"),
    (POST, "() -> fn(chat:Nobody)->none", "not in interfaces or imports"),
    (POST, "() -> enum chat:Nobody", "not in enums"),
    (POST, "() -> rec chat:Nobody", "not in records"),
    (POST, ["() -> none"], "a list of one"),
    (POST, ["() -> none", "() -> none"], "an overload twice"),
    (POST, [], "an empty list"),
    (POST, 1, "not a string"),
    ((*ROOT, "methods", "__exit__"), "() -> none", "not the one signature"),
    ((*ROOT, "methods", "__exit__"), ["((str, str)|none, /) -> bool|none", "() -> none"], "two signatures"),
    (("interfaces", "chat:R oot"), {"class": "chat:Root"}, "not an interface"),
    (("interfaces", "list"), {"class": "builtins:list"}, "no type argument"),
    (("interfaces", "list[int]"), {"class": "builtins:tuple"}, "another class than list"),
    (("interfaces", "list[int]"), {"facet": True}, "list is no facet"),
    (("interfaces", "chat:Reader", "facet"), False, "facet is true or absent"),
    (("imports", "chat:Watcher", "methods", "joined"), "(who: chat:Watcher) -> none", "an import flows out"),
    (("imports", "chat:Watcher", "methods", "joined"), "(who: data) -> none", "data flows out"),
    (("accepts", "chat:User"), ["chat:User"], "itself"),
    (("accepts", "chat:User"), ["chat:Nobody"], "not an interface"),
    (("accepts", "chat:User"), ["chat:Room", "chat:Admin"], "not sorted"),
    (("accepts", "chat:Nobody"), ["chat:User"], "not an interface"),
    (("accepts", "chat:Watcher"), ["chat:User"], "an import only"),
    (("accepts",), {}, "empty"),
    (("records", "chat:Receipt", "_x"), "int", "a private field"),
    (("records", "chat:Receipt", "x"), "chat:User", "a reference"),
    (("records", "chat:Receipt", "x"), "fn()->none", "a reference"),
    (("records", "chat:Receipt", "x"), "data", "data flows out"),
    (("records", "Receipt"), {}, "not a class"),
    (("enums", "chat:Color"), ["RED", "GREEN"], "not sorted"),
    (("enums", "chat:Color"), [], "empty"),
    (("enums", "chat:Color"), ["GREEN", "GREEN"], "twice"),
    (("enums", "chat:Color"), ["a b"], "not a name"),
    (("errors",), {"ValueError": "text"}, "not a class"),
    (("errors",), {"builtins:ValueError": "all"}, "neither type nor text"),
    (("declared", "chat:Root", "post"), 1, "not a string"),
]


@pytest.mark.parametrize(("path", "value", "why"), BROKEN)
def test_a_policy_that_breaks_a_rule_is_refused(
    policy: Document, path: tuple[str, ...], value: object, why: str
) -> None:
    broken = copy.deepcopy(policy)
    place = broken
    for key in path[:-1]:
        place = place.setdefault(key, {})
    if value is MISSING:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    assert validate.problems(policy) == []
    assert validate.problems(broken) != []


def test_a_record_that_flows_in_only_may_hold_data(policy: Document) -> None:
    changed = copy.deepcopy(policy)
    changed["records"]["chat:Loose"] = {"body": "data=?"}
    changed["interfaces"]["chat:Root"]["methods"]["post"] = "(x: rec chat:Loose) -> none"
    assert validate.problems(changed) == []
    changed["interfaces"]["chat:Root"]["methods"]["post"] = "() -> rec chat:Loose"
    assert validate.problems(changed) != []


def test_unsorted_keys_are_found(run: Run, tmp_path: Path, policy: Document) -> None:
    shuffled = {key: policy[key] for key in sorted(policy, reverse=True)}
    (tmp_path / "policy.json").write_text(json.dumps(shuffled))
    done = run("check", "policy.json")
    assert done.code == 1
    assert "keys are not sorted" in done.out


def test_the_layout_is_one_operation_a_line() -> None:
    text = layout.dumps({"b": {"y": ["1", "2"], "x": {}}, "a": 1})
    assert text == '{\n "a": 1,\n "b": {\n  "x": {},\n  "y": ["1", "2"]\n }\n}\n'
    assert layout.dumps({"\u202e": "\x1b[31m"}).isprintable() or layout.dumps({"\u202e": "\x1b[31m"}).isascii()


def test_the_servers_own_loader_is_asked_where_it_is_built(
    run: Run, tmp_path: Path, policy: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys
    import types

    engine = types.ModuleType("pynto._core")

    def refuse(data: bytes) -> None:
        raise ValueError(f"refused {len(data)} bytes")

    engine.check_policy = refuse  # type: ignore[attr-defined]  # a stand-in for the extension
    monkeypatch.setitem(sys.modules, "pynto._core", engine)
    (tmp_path / "policy.json").write_text(layout.dumps(policy))
    done = run("check", "policy.json")
    assert done.code == 1
    assert f"refused {len(layout.dumps(policy))} bytes [invalid-policy]" in done.out
