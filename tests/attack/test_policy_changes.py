"""Types in circles; files, classes and methods that change between one look and the next."""

from __future__ import annotations

import gc
import json
import logging
import os
import sys
import threading
import time
import types
from pathlib import Path
from typing import Any

import pynto
import pytest
from attacker import Attacker
from pynto import Policy
from rawpeer import ERROR, RETURN
from test_oracle import served

HEAD: dict[str, Any] = {
    "platform": sys.platform,
    "pynto-policy": 1,
    "python": f"{sys.version_info[0]}.{sys.version_info[1]}",
}


def policy(**sections: Any) -> bytes:
    made = HEAD | {"interfaces": {"m:Root": {"class": "m:Root"}}, "roots": {"root": "m:Root"}} | sections
    return json.dumps(made, sort_keys=True).encode()


# ---- circles (S05) ----

CHAIN = 20_000


def ring(length: int) -> dict[str, Any]:
    return {
        f"m:I{i:05}": {"class": f"m:I{i:05}", "methods": {"next": f"() -> m:I{(i + 1) % length:05}"}}
        for i in range(length)
    }


CIRCLES = {
    "an interface that gives itself": {"interfaces": {"m:Root": {"class": "m:Root", "methods": {"me": "() -> m:Root"}}}},
    "two that give each other": {"interfaces": {"m:Root": {"class": "m:Root", "get": {"o": "m:Other"}}, "m:Other": {"class": "m:Other", "get": {"o": "m:Root"}}}},
    "a record that holds itself": {"interfaces": {"m:Root": {"class": "m:Root", "methods": {"tree": "() -> rec m:T"}}}, "records": {"m:T": {"inner": "none|rec m:T"}}},
    "records that hold each other": {"interfaces": {"m:Root": {"class": "m:Root", "methods": {"a": "(a: rec m:A) -> none"}}}, "records": {"m:A": {"b": "(rec m:B*)"}, "m:B": {"a": "copy list[rec m:A]"}}},
    "two that accept each other": {"interfaces": {"m:Root": {"class": "m:Root", "methods": {"t": "(a: m:A) -> m:B", "u": "(b: m:B) -> m:A"}}, "m:A": {"class": "m:A"}, "m:B": {"class": "m:B"}}, "accepts": {"m:A": ["m:B"], "m:B": ["m:A"]}},
    "a callable of callables": {"interfaces": {"m:Root": {"class": "m:Root", "methods": {"f": "(f: fn(fn(m:Root)->none)->none) -> none"}}}},
    "a ring": {"interfaces": ring(CHAIN), "roots": {"root": "m:I00000"}},
}  # fmt: skip


@pytest.mark.parametrize("why", CIRCLES)
def test_types_in_a_circle_are_compiled_and_asked_about_in_linear_time(why: str) -> None:
    """S05: a circle of references is what objects are like; no answer about one recurses, or goes round."""
    from pynto.audit import difference, engine

    start = time.monotonic()
    made = Policy(policy(**CIRCLES[why]))
    reach = engine.Reach(made)
    assert difference.Difference(reach, engine.Reach(made)).grew == 0
    assert time.monotonic() - start < 20


@pytest.mark.parametrize(
    "sections",
    [
        {"records": {"m:T": {"inner": "rec m:T"}}},
        {"records": {"m:A": {"b": "rec m:B"}, "m:B": {"a": "rec m:A"}}},
        {"accepts": {"m:Root": ["m:Root"]}},
        {"accepts": {"m:Root": ["m:Gone"]}},
        {"interfaces": {"m:Root": {"class": "m:Root", "methods": {"f": "() -> m:Gone"}}}},
        {"records": {"m:T": {"a": "rec m:Gone"}}},
    ],
    ids=["of itself", "of each other", "accepts itself", "accepts nobody", "gives nobody", "holds nobody"],
)
def test_what_can_have_no_value_or_names_nothing_is_refused_or_never_fits(sections: Any) -> None:
    """S05: a record of itself without an end has no value; what is loaded decides about it at once."""
    try:
        made = Policy(policy(**sections))
    except ValueError as error:
        assert "\n" not in str(error)
        return
    assert made._judge("m:Root", "method", "f", "", "") == "deny"


def test_a_value_as_deep_as_its_type_is_round_ends_in_an_answer() -> None:
    """S05: of a recursive record, deeper than any limit."""
    module = types.ModuleType("roundabout")
    exec(
        "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass T:\n    inner: 'T | None'\n"
        "class Root:\n    def take(self, tree: T) -> None: ...\n",
        module.__dict__,
    )
    sys.modules["roundabout"] = module
    document = HEAD | {
        "interfaces": {
            "roundabout:Root": {"class": "roundabout:Root", "methods": {"take": "(tree: rec roundabout:T) -> none"}}
        },
        "records": {"roundabout:T": {"inner": "none|rec roundabout:T"}},
        "roots": {"root": "roundabout:Root"},
    }
    with pynto.pair(
        module.Root(), policy=Policy(json.dumps(document, sort_keys=True).encode()), types=[module.T]
    ) as connection:
        tree = None
        for _ in range(10):
            tree = module.T(tree)
        connection.root.take(tree)
        for _ in range(100_000):
            tree = module.T(tree)
        with pytest.raises((pynto.Refused, ValueError, RecursionError, TypeError)):
            connection.root.take(tree)


# ---- the file (S07) ----


def test_a_server_says_which_bytes_it_serves_under(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """S07: the SHA-256 of what was read, which is that of the file that was checked; what lies there later is another."""
    import hashlib

    name = "told_policy"
    sys.modules[name] = module = types.ModuleType(name)
    module.Root = type("Root", (), {"__module__": name})  # type: ignore[attr-defined]
    path = tmp_path / "p.json"
    path.write_bytes(policy(interfaces={f"{name}:Root": {"class": f"{name}:Root"}}, roots={"root": f"{name}:Root"}))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    with caplog.at_level(logging.INFO, "pynto.server"):
        server = pynto.Server(module.Root(), policy=path)
    path.write_bytes(b"{}")
    try:
        assert server.policy.sha256 == digest
        assert f"policy sha256:{digest}" in caplog.text
    finally:
        server.close()


def test_what_is_opened_is_what_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """S07: another file in its place, between opening and reading, changes nothing; a pipe there makes nobody wait."""
    path, other = tmp_path / "p.json", tmp_path / "other.json"
    path.write_bytes(policy())
    other.write_bytes(policy(roots={"other": "m:Root"}))
    opened = os.open

    def swapping(*args: Any, **kwargs: Any) -> int:
        fd = opened(*args, **kwargs)
        os.replace(other, path)
        return fd

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", swapping)
        made = Policy.load(path)
    assert made.roots == {"root": "m:Root"}
    assert Policy.load(path).roots == {"other": "m:Root"}

    def piping(*args: Any, **kwargs: Any) -> int:
        path.unlink()
        os.mkfifo(path)
        return opened(*args, **kwargs)

    monkeypatch.setattr(os, "open", piping)
    start = time.monotonic()
    with pytest.raises(OSError):
        Policy.load(path)
    assert time.monotonic() - start < 5


def test_a_pinned_policy_is_that_one_or_none(tmp_path: Path) -> None:
    """S07: what was checked is what is served, whatever happened to the file in between."""
    path = tmp_path / "p.json"
    path.write_bytes(policy())
    digest = Policy.load(path).sha256
    assert Policy.load(path, sha256=digest).roots == {"root": "m:Root"}
    assert Policy.load(path, sha256=digest.upper()).roots == {"root": "m:Root"}
    path.write_bytes(policy() + b"\n")  # one byte more
    for wrong in (digest, "", "0" * 64, digest[:-1]):
        with pytest.raises(ValueError, match="sha256"):
            Policy.load(path, sha256=wrong)


# ---- classes ----


def test_a_class_that_is_changed_while_calls_run_grants_nothing_more() -> None:
    """C11: __class__ and methods are exchanged all the time; what is not granted never runs."""
    server, peer = served({"balance": "() -> none"})
    module = next(module for name, module in sorted(sys.modules.items(), reverse=True) if name.startswith("oracle_"))
    ran: list[str] = []
    root = module.Root
    root.hidden = lambda *args: ran.append("hidden")
    wide = type("Wide", (root,), {"balance": lambda *args: None, "hidden": root.hidden})
    done = threading.Event()

    def flip() -> None:
        one, two = (lambda *args: None), (lambda *args, **kwargs: None)
        objects = [each for each in gc.get_objects() if type(each) in (root, wide)]
        while not done.is_set():
            for each in objects:
                each.__class__ = wide
            root.balance = one
            for each in objects:
                each.__class__ = root
            root.balance = two

    thread = threading.Thread(target=flip)
    thread.start()
    try:
        allowed = 0
        for number in range(2_000):
            if number % 10 == 0:  # more in a row would end the connection
                peer.denied(0, "hidden")
            allowed += peer.call(0, "balance") == [RETURN, None]
        assert allowed == 2_000 and ran == []
    finally:
        done.set()
        thread.join()
        peer.close()
        server.close()


def test_classes_of_one_name_are_not_one_class() -> None:
    """C29: the same name, equal by their metaclass, made and freed at the same address: each has its own policy or none."""

    class Equal(type):
        def __eq__(cls, other: object) -> bool:
            return True

        def __hash__(cls) -> int:
            return 1

    name = "poisoned"
    sys.modules[name] = module = types.ModuleType(name)

    def made(**members: Any) -> type:
        return Equal("Thing", (), {"__module__": name, "__qualname__": "Thing", **members})

    module.Thing = made(ok=lambda self: 1)  # type: ignore[attr-defined]

    class Root:
        given: Any = None

        def give(self) -> Any:
            return self.given

    Root.__module__, Root.__qualname__ = name, "Root"
    module.Root = Root  # type: ignore[attr-defined]
    document = HEAD | {
        "interfaces": {
            "poisoned:Root": {"class": "poisoned:Root", "methods": {"give": "() -> poisoned:Thing"}},
            "poisoned:Thing": {"class": "poisoned:Thing", "methods": {"ok": "() -> int"}},
        },
        "roots": {"root": "poisoned:Root"},
    }
    import socket

    root = Root()
    server = pynto.Server(root, policy=Policy(json.dumps(document, sort_keys=True).encode())).start()
    ours, theirs = socket.socketpair()
    server.adopt(theirs)
    with Attacker(ours) as peer:
        peer.hello()
        Root.given = module.Thing()
        assert peer.value(peer.ref("give"), "ok") == 1
        for _ in range(300):  # addresses come again
            Root.given = made(ok=lambda self: 2, more=lambda self: 3)()
            assert peer.call(0, "give")[0] == ERROR
            Root.given = None
        gc.collect()
        Root.given = module.Thing()
        assert peer.value(peer.ref("give"), "ok") == 1
    server.close()
