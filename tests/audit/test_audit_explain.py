"""Does explain say why, who-can-reach who, and the picture all of it?"""

from __future__ import annotations

import itertools
import re
import shutil
import xml.etree.ElementTree as xml
from collections.abc import Callable
from pathlib import Path

import pytest
from audit_support import Done
from pynto.audit import layout, picture
from pynto.audit.engine import Node, Reach
from pynto.policy import Policy

Run = Callable[..., Done]

CHAT = """
from collections.abc import Callable
from typing import Protocol

class Message:
    text: str

class Reader(Protocol):
    def last(self) -> Message: ...

class Base:
    def ping(self) -> int:
        return 1

class Room(Base):
    title: str
    def post(self, text: str) -> Message:
        return Message()
    def reader(self) -> Reader:
        raise NotImplementedError
    def watch(self, told: Callable[[Message], None]) -> None: ...
"""


@pytest.fixture
def chat(run: Run) -> Run:
    assert run("generate", "chat:Room", "-o", "policy.json", chat_dot_py=CHAT).code == 0
    return run


def test_an_operation_has_its_way_its_rule_and_its_hint(chat: Run) -> None:
    done = chat("explain", "policy.json", "chat:Reader.last")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "chat:Reader.last() -> chat:Message",
        "    way:  Room = chat:Room; chat:Room.reader() -> chat:Reader.last()",
        "    rule: interfaces.chat:Reader.methods.last",
        "    hint: chat.py:9: chat:Reader.last(self) -> Message",
    ]


def test_the_hint_of_an_inherited_member_is_that_of_the_base(chat: Run) -> None:
    assert "    hint: chat.py:12: chat:Base.ping(self) -> int" in chat("explain", "policy.json", "Room.ping").out


def test_an_interface_is_explained_with_all_its_operations(chat: Run) -> None:
    done = chat("explain", "policy.json", "Room")
    assert done.code == 0
    assert done.out.startswith("chat:Room: 5 operations\n    way:  Room = chat:Room; chat:Room\n")
    assert re.findall(r"rule: (.*)", done.out) == [
        "interfaces.chat:Room.methods.ping",
        "interfaces.chat:Room.methods.post",
        "interfaces.chat:Room.methods.reader",
        "interfaces.chat:Room.methods.watch",
        "interfaces.chat:Room.get.title",
    ]


def test_a_rule_is_where_the_file_has_it(chat: Run, tmp_path: Path) -> None:
    document = Policy.load(tmp_path / "policy.json").document
    for rule in re.findall(r"rule: (.*)", chat("explain", "policy.json", "Room").out):
        section, interface, key, name = rule.split(".")
        assert name in document[section][interface][key]


@pytest.mark.parametrize(
    "name", ["chat:Room.gone", "Gone", "chat:Room.", "chat:Room.post.x", "", ".", "fn(chat:Message)->none"]
)
def test_an_unknown_name_is_bad_input(chat: Run, name: str) -> None:
    for command in ("explain", "who-can-reach"):
        done = chat(command, "policy.json", name)
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith(f"pynto-policy: there is no {name}")


def test_a_name_near_by_is_offered(chat: Run) -> None:
    assert chat("explain", "policy.json", "chat:Reader.post").err.endswith("did you mean chat:Room.post()?\n")


def test_a_short_name_that_may_be_two_is_refused(run: Run) -> None:
    two = {
        "interfaces": {
            "a:Room": {"class": "a:Room", "methods": {"other": "() -> b:Room"}},
            "b:Room": {"class": "b:Room"},
        },
        "platform": "linux",
        "pynto-policy": 1,
        "python": "3.11",
        "roots": {"r": "a:Room"},
    }
    done = run("explain", "two.json", "Room.other", two_dot_json=layout.dumps(two))
    assert done.code == 2 and "a:Room or b:Room" in done.err


def test_everything_that_hands_an_interface_out_is_listed(chat: Run) -> None:
    done = chat("who-can-reach", "policy.json", "Message")
    assert done.code == 0
    assert done.out.splitlines() == [
        "chat:Message is handed out by 3 rules:",
        "  chat:Room.reader() -> chat:Reader.last()  (result)",
        "  chat:Room.post()  (result)",
        "  chat:Room.watch() -> the client's fn(chat:Message)->none.__call__()  (argument)",
        "and reached by whoever holds chat:Reader, chat:Room, the client's fn(chat:Message)->none",
    ]


def test_a_root_is_handed_out_by_being_one(chat: Run) -> None:
    assert chat("who-can-reach", "policy.json", "Room").out.splitlines() == [
        "chat:Room is handed out by 1 rule:",
        "  root Room",
    ]


UNREACHED = {
    "interfaces": {
        "x:Room": {"class": "x:Room", "methods": {"m": "() -> none"}},
        "x:Vault": {"class": "x:Vault", "methods": {"open": "() -> x:Vault"}},
    },
    "platform": "linux",
    "pynto-policy": 1,
    "python": "3.11",
    "roots": {"r": "x:Room"},
}


def test_what_nothing_leads_to_is_said_to_be_so(run: Run) -> None:
    text = layout.dumps(UNREACHED)
    done = run("explain", "p.json", "x:Vault.open", p_dot_json=text)
    assert (done.code, done.out) == (1, "x:Vault: nothing leads there from a root\n")
    done = run("who-can-reach", "p.json", "x:Vault", p_dot_json=text)
    assert (done.code, done.out) == (1, "Nobody can reach x:Vault\n")


def test_the_graph_draws_every_edge_that_can_be_reached_and_no_other(chat: Run, tmp_path: Path) -> None:
    done = chat("graph", "policy.json")
    reach = Reach(Policy.load(tmp_path / "policy.json"))
    drawn = set(re.findall(r"n(\d+) -> n(\d+)", done.out))
    assert drawn == {
        (str(edge.source), str(edge.target)) for edge in reach.edges if reach.steps(edge.source) is not None
    }
    assert done.code == 0 and "x:Vault" not in picture.dot(Reach(Policy(layout.dumps(UNREACHED).encode())))


HOSTILE = r"x:Box['\"];evil [shape=box]; //']", r"x:Box['\\']", r"x:Box['a\x0ab\u202e']"


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_cannot_leave_its_label(name: str) -> None:
    if '\\"' in name:
        name = name.replace('\\"', '"')
    document = {**UNREACHED, "interfaces": {name: {"class": "x:Box"}}, "roots": {"r": name}}
    text = picture.dot(Reach(Policy(layout.dumps(document).encode())))
    outside = re.sub(r'"(?:[^"\\\n]|\\.)*"', "", text)
    assert "evil" not in outside and '"' not in outside and "\\" not in outside
    assert all(line.isprintable() for line in text.splitlines())


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed: tools/setup --tests installs it")
@pytest.mark.parametrize("name", ["chat:Room", *(each.replace('\\"', '"') for each in HOSTILE)])
def test_graphviz_draws_it(run: Run, tmp_path: Path, name: str) -> None:
    document = {**UNREACHED, "interfaces": {name: {"class": "x:Box"}}, "roots": {"r": name}}
    assert run("graph", "p.json", "-o", "p.svg", p_dot_json=layout.dumps(document)).code == 0
    root = xml.parse(tmp_path / "p.svg").getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert len([each for each in root.iter() if each.get("class") == "node"]) == 2


def test_without_graphviz_the_error_says_what_to_do(chat: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    done = chat("graph", "policy.json", "-o", "p.svg")
    assert done.code == 2 and "install it" in done.err
    assert chat("graph", "policy.json", "-o", "p.dot").code == 0


def test_a_picture_that_cannot_be_written_is_bad_input(chat: Run) -> None:
    assert chat("graph", "policy.json", "-o", "nowhere/p.dot").code == 2


def test_a_way_is_made_of_edges_that_follow_each_other(chat: Run, tmp_path: Path) -> None:
    reach = Reach(Policy.load(tmp_path / "policy.json"))
    message = reach.find("chat:Message")
    assert message is not None and reach.steps(message) == 1
    for index in range(len(reach.nodes)):
        way = reach.way(index)
        assert all(before.target == after.source for before, after in itertools.pairwise(way))
        assert len(way) == (reach.steps(index) or 0)
    assert reach.nodes[message] == Node("chat:Message", "client")
