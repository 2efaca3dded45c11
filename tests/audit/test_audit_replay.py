"""Do learn, shrink and simulate tell from a server's log what is used, what is not, and what another policy would change?"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pynto
import pytest
from audit_support import HERE, Done
from pynto.audit import cli, layout
from pynto.policy import Policy

Run = Callable[..., Done]
TYPED = HERE / "typed"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the shop's policy and the log of a server that was used for a while."""
    folder = tmp_path_factory.mktemp("recorded")
    arguments = ["--path", str(TYPED), "--config", str(TYPED / "pynto.toml")]
    assert cli.main(["generate", "storefront:Shop", "-o", str(folder / "policy.json"), *arguments]) == 0
    sys.path.insert(0, str(TYPED))
    try:
        import storefront

        serve(folder, storefront.Shop(), folder / "policy.json", folder / "log")
    finally:
        sys.path.remove(str(TYPED))
    return folder


def serve(folder: Path, shop: Any, policy: Path, log: Path) -> None:
    server = pynto.Server(shop, policy=policy, listen=f"unix://{folder}/s", audit_log=log).start()
    try:
        with pynto.connect(server.address) as connection:
            use(connection.root)
    finally:
        server.close()


def use(shop: Any) -> None:
    for _ in range(3):
        shop.place(1.5, 2)
    shop.post("ada", "hello", mode="later")
    shop.note = shop.title
    assert shop.find(1) == "" and shop.find("a") == b""
    assert list(shop.count()) == [1]
    assert shop.box().value() == 1
    with pytest.raises(AttributeError):
        shop.erase()


def paths(recorded: Path) -> tuple[str, str]:
    return str(recorded / "policy.json"), str(recorded / "log")


def test_what_was_used_was_used_as_often_as_it_is_said(recorded: Path, run: Run) -> None:
    done = run("learn", *paths(recorded))
    assert (done.code, done.err) == (0, "")
    used, _, unused = done.out.partition("never used:\n")
    assert "       3 storefront:Shop.place()\n" in used
    assert "       2 storefront:Shop.find()\n" in used
    for label in ("Shop.post()", "Shop.title", "Shop.note =", "Shop.count()", "Shop.box()", "Box[int].value()"):
        assert f"       1 storefront:{label}\n" in used
    assert "         storefront:Shop.login()\n" in unused and "storefront:Shop.post()" not in unused


def test_the_smallest_policy_allows_what_was_used_and_nothing_that_was_not(
    recorded: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run("shrink", *paths(recorded), "-o", "small.json")
    assert done.code == 1 and '    "storefront:Shop.login",\n' in done.out
    small = Policy.load(tmp_path / "small.json")
    assert set(small.document["interfaces"]["storefront:Shop"]["methods"]) == {"place", "post", "find", "count", "box"}
    assert set(small.document["interfaces"]) == {"storefront:Shop", "storefront:Box[int]", "Iterator[int]"}
    assert run("diff", str(recorded / "policy.json"), "small.json").code == 0
    assert run("simulate", "small.json", str(recorded / "log")).code == 0
    assert run("shrink", "small.json", str(recorded / "log")).code == 0
    monkeypatch.syspath_prepend(str(TYPED))
    import storefront

    serve(
        tmp_path, storefront.Shop(), tmp_path / "small.json", tmp_path / "log"
    )  # drift is none, and all works as before
    assert run("simulate", "small.json", "log").code == 0


def test_the_deny_rules_that_shrink_gives_make_the_generated_policy_so(
    recorded: Path, run: Run, tmp_path: Path
) -> None:
    done = run("shrink", *paths(recorded), "-o", "small.json")
    rules = done.out[done.out.index("deny = [") :]
    (tmp_path / "pynto.toml").write_text(f'[policy]\nset = ["storefront:Shop.note"]\n{rules}')
    assert run("generate", "storefront:Shop", "-o", "again.json", "--path", str(TYPED)).code == 0
    again, small = (Policy.load(tmp_path / name).document["interfaces"] for name in ("again.json", "small.json"))
    for name, entry in again.items():
        assert name.partition("[")[0] == "Iterator" or entry == small[name]


def test_simulate_says_which_verdicts_another_policy_changes(recorded: Path, run: Run) -> None:
    document = Policy.load(recorded / "policy.json").document
    methods = document["interfaces"]["storefront:Shop"]["methods"]
    del methods["box"]
    methods["place"] = "(float, /) -> none"
    methods["post"] = methods["post"].replace("'later'|'now'", "'later'|'never'")
    methods["erase"] = "() -> none"
    done = run("simulate", "other.json", str(recorded / "log"), other_dot_json=layout.dumps(document))
    assert done.code == 1
    assert (
        "allowed, would be denied:\n       3 storefront:Shop.place(float, int)\n       1 storefront:Shop.box()\n"
        in done.out
    )
    assert "allowed, may be denied:\n       1 storefront:Shop.post(str, str, mode=str)\n" in done.out
    as_json = json.loads(run("simulate", "--format", "json", "other.json", str(recorded / "log")).out)
    assert {(each["name"], each["was"], each["now"]) for each in as_json["changes"]} == {
        ("place", "allow", "deny"),
        ("box", "allow", "deny"),
        ("post", "allow", "maybe"),
    }


ENTRY = {
    "time": "2026-01-01T00:00:00.000000Z",
    "connection": 1,
    "peer": "",
    "interface": "storefront:Shop",
    "kind": "method",
    "name": "erase",
    "arguments": "",
    "verdict": "deny",
    "why": "no such operation",
    "rule": "interfaces.storefront:Shop",
}


def test_what_was_denied_may_be_allowed_by_another_policy(recorded: Path, run: Run) -> None:
    document = Policy.load(recorded / "policy.json").document
    document["interfaces"]["storefront:Shop"]["methods"]["erase"] = "() -> none"
    quota = {**ENTRY, "verdict": "quota", "why": "calls"}
    dropped = {"time": ENTRY["time"], "dropped": 4}
    log = "".join(f"{json.dumps(each)}\n" for each in (ENTRY, quota, dropped))
    done = run("simulate", "p.json", "log", p_dot_json=layout.dumps(document), log=log)
    assert done.code == 1
    assert "denied, would be allowed:\n       1 storefront:Shop.erase()\n" in done.out
    assert "1 decision no policy decides" in done.out and "4 were not written down" in done.out
    assert (
        "refused:\n       1 storefront:Shop.erase(): no such operation\n" in run("learn", paths(recorded)[0], "log").out
    )
    assert "4 decisions were not written down" in run("shrink", paths(recorded)[0], "log").out


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "[]",
        "1",
        "null",
        '{"dropped": "many"}',
        "{}",
        json.dumps({**ENTRY, "kind": "call"}),
        json.dumps({**ENTRY, "verdict": "perhaps"}),
        json.dumps({**ENTRY, "name": 1}),
        json.dumps({**ENTRY, "arguments": "int,, str"}),
        json.dumps({**ENTRY, "name": "a" * 70000}),
        "[" * 100000,
    ],
)
def test_what_is_no_line_of_a_log_is_bad_input(recorded: Path, run: Run, line: str) -> None:
    done = run("simulate", paths(recorded)[0], "log", log=f"{json.dumps(ENTRY)}\n{line}\n")
    assert (done.code, done.out) == (2, "") and done.err.count("\n") == 1


def test_a_log_that_is_not_there_is_bad_input(recorded: Path, run: Run) -> None:
    for command in ("learn", "shrink", "simulate"):
        assert run(command, paths(recorded)[0], "gone").code == 2


def test_a_hostile_line_is_printed_without_control_characters(recorded: Path, run: Run) -> None:
    log = json.dumps({**ENTRY, "name": "\x1b[2J\n", "why": "\x07"}) + "\n"
    out = run("learn", paths(recorded)[0], "log", log=log).out
    assert all(line.isprintable() for line in out.splitlines()) and "\\x1b[2J\\n" in out
