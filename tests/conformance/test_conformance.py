"""Does a server do what docs/protocol.md says, to the byte? The same cases are for every implementation."""

from __future__ import annotations

import json
import re
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pynto
import pytest

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE))

import cases  # noqa: E402
import conformance_hall  # noqa: E402
import purepeer  # noqa: E402
import sentences  # noqa: E402
from player import Wrong, play  # noqa: E402
from pynto.audit import layout  # noqa: E402

PAGE = (HERE.parents[1] / "docs" / "protocol.md").read_text(encoding="utf-8")
HALL: dict[str, Any] = json.loads((HERE / "hall.json").read_text())
CASES: list[dict[str, Any]] = json.loads((HERE / "cases.json").read_text())["cases"]
Dial = Callable[[], socket.socket]


def policy() -> pynto.Policy:
    document = {
        "interfaces": {
            name: {**body, **({"facet": True} if name == "hall:View" else {"class": CLASSES[name]})}
            for name, body in HALL["interfaces"].items()
        },
        "platform": sys.platform,
        "pynto-policy": 1,
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "roots": {"hall": HALL["root"]},
    }
    return pynto.Policy(layout.dumps(document).encode())


CLASSES = {
    "hall:Hall": "conformance_hall:Hall",
    "hall:Ticket": "conformance_hall:Ticket",
    "Iterator[int]": "collections.abc:Iterator",
}


@pytest.fixture(scope="module")
def ours() -> Iterator[Dial]:
    """Pynto, with a hall of its own for each case."""
    servers: list[pynto.Server] = []
    made = policy()

    def dial() -> socket.socket:
        while servers:
            servers.pop().close()
        servers.append(
            pynto.Server(
                conformance_hall.Hall(), policy=made, listen="tcp://127.0.0.1:0", quotas=HALL["quotas"]
            ).start()
        )
        host, _, port = servers[0].address.removeprefix("tcp://").rpartition(":")
        return socket.create_connection((host, int(port)))

    yield dial
    while servers:
        servers.pop().close()


@pytest.fixture(scope="module")
def pure() -> Dial:
    """The peer in pure Python, which shares no code with Pynto."""

    def dial() -> socket.socket:
        client, server = socket.socketpair()
        threading.Thread(target=purepeer.serve, args=(server, HALL), daemon=True).start()
        return client

    return dial


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['id']} {case['title']}"[:60])
def test_pynto_conforms(case: dict[str, Any], ours: Dial) -> None:
    with ours() as stream:
        play(stream, case)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['id']} {case['title']}"[:60])
def test_another_implementation_conforms(case: dict[str, Any], pure: Dial) -> None:
    with pure() as stream:
        play(stream, case)


def test_the_cases_are_what_their_source_writes() -> None:
    assert (HERE / "cases.json").read_text(encoding="utf-8") == cases.written()
    assert len(CASES) >= 160
    assert len({case["id"] for case in CASES}) == len(CASES)


def rules_of_the_page() -> dict[str, str]:
    """Each rule's words, however the page breaks its lines."""
    found = re.findall(r"^- \*\*(P\w+)\*\* (.*(?:\n  .*)*)", PAGE, re.MULTILINE)
    return {rule: " ".join(text.split()) for rule, text in found}


def test_every_case_cites_a_sentence_of_the_page_word_for_word() -> None:
    page = rules_of_the_page()
    for case in CASES:
        rule = case["rule"]
        assert rule in page, f"{case['id']} cites a rule that there is not"
        assert case["says"] in sentences.SENTENCES[rule], case["id"]
    assert len({case["rule"] for case in CASES}) >= 60


@pytest.mark.parametrize("rule", sentences.SENTENCES)
def test_the_page_says_of_a_rule_what_its_cases_quote_and_no_more(rule: str) -> None:
    """It cannot be changed without a look at the cases; each sentence is one, and each rule has cases."""
    said = sentences.SENTENCES[rule]
    assert " ".join(said) == rules_of_the_page()[rule]
    assert all(re.fullmatch(r"[^ ].*[.:]", each) and not re.search(r"\. [A-Z]", each) for each in said)
    assert any(case["rule"] == rule for case in CASES)


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ([{"get": ["92ff03"]}], "another value"),
        ([{"get": ["92ff<x/str>"]}], "another kind"),
        ([{"get": ["92ff02"], "lane": 2}], "another lane"),
        ([{"closes": [8]}], "no goodbye"),
        ([{"get": ["92ff02"]}, {"closes": [8]}], "another code"),
        ([{"get": ["92ff02"]}, {"closes": [15]}, {"get": ["92ff02"]}], "something behind the end"),
        ([{"silent": True}], "an answer amid the silence"),
        ([{"get": ["92ff<a/int>"]}, {"differ": ["a", "a"]}], "the same where it has to differ"),
        ([{"freed": {"1": 1}}], "nothing was freed"),
    ],
)
def test_the_player_sees_what_is_wrong(steps: list[dict[str, Any]], why: str) -> None:
    client, server = socket.socketpair()
    with client, server:
        server.sendall(b"\x92\xff\x02\n\x93\xf9\x0f\xa0\n")
        server.shutdown(socket.SHUT_WR)
        with pytest.raises(Wrong):
            play(client, {"steps": steps}, patience=2)
