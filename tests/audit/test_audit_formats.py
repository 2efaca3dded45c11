"""Do people and programs get what was found: on a terminal, as SARIF, as a page that nothing can break out of?"""

from __future__ import annotations

import html
import io
import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from audit_support import HERE, Done
from pynto.audit import terminal

Run = Callable[..., Done]
TOP = HERE.parents[1]
SARIF = (
    TOP / "build" / "npm" / "node_modules" / "@microsoft" / "jest-sarif" / "lib" / "schemas" / "sarif-2.1.0-rtm.5.json"
)

SOURCE = (HERE / "corpus" / "leaky" / "power_deep.py").read_text(encoding="utf-8")
TAG = "<img src=x onerror=document.body.dataset.pwned=1>"
HOSTILE = f"""
from typing import cast
import re
class Room:
    def f(self) -> str: return cast("str", {TAG!r} "</script><script>document.body.dataset.pwned=1</script>" "%SCRIPT%")
    def g(self, pattern: str) -> bool: return re.search(pattern, "") is not None
    def leak(self) -> object: return self
"""


# SARIF


def sarif(run: Run, *arguments: str, **files: str) -> dict[str, Any]:
    done = run("check", *(arguments or ("chat:Root",)), "--format", "sarif", **files)
    assert done.code in (0, 1), done.err
    document: dict[str, Any] = json.loads(done.out)
    return document


@pytest.mark.parametrize(
    "source", [SOURCE, "class Root: ...\n", HOSTILE.replace("Room", "Root")], ids=["deep", "clean", "hostile"]
)
def test_sarif_fits_its_official_schema(run: Run, source: str) -> None:
    schema = json.loads(SARIF.read_text())
    jsonschema.Draft4Validator.check_schema(schema)
    document = sarif(run, chat_dot_py=source)
    jsonschema.Draft4Validator(schema, format_checker=jsonschema.FormatChecker()).validate(document)
    assert document["version"] == "2.1.0"


def test_the_schema_of_sarif_refuses_what_is_wrong(run: Run) -> None:
    document = sarif(run, chat_dot_py=SOURCE)
    document["runs"][0]["results"][0]["level"] = "grave"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft4Validator(json.loads(SARIF.read_text())).validate(document)


def test_sarif_says_where_how_and_what_to_do(run: Run) -> None:
    found = sarif(run, chat_dot_py=SOURCE)["runs"][0]
    assert found["invocations"] == [{"executionSuccessful": True, "exitCode": 1}]
    result = next(each for each in found["results"] if each["properties"]["path"] == "Root.export()")
    assert (result["ruleId"], result["level"]) == ("power-files", "error")
    place = result["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "chat.py", "uriBaseId": "SRCROOT"}, "region": {"startLine": 7}}
    steps = result["codeFlows"][0]["threadFlows"][0]["locations"]
    assert [step["location"]["physicalLocation"]["region"]["startLine"] for step in steps] == [27, 15, 18, 7]
    rule = found["tool"]["driver"]["rules"][result["ruleIndex"]]
    assert rule["id"] == "power-files" and "table of the server's own" in rule["help"]["text"]


def test_fingerprints_stay_when_lines_move(run: Run) -> None:
    def prints(document: dict[str, Any]) -> list[str]:
        return [each["partialFingerprints"]["pyntoFinding/v1"] for each in document["runs"][0]["results"]]

    first, second = prints(sarif(run, chat_dot_py=SOURCE)), prints(sarif(run, chat_dot_py="\n# moved\n\n" + SOURCE))
    assert sorted(first) == sorted(second) and len(set(first)) == len(first) == 4


def test_what_is_accepted_is_suppressed_with_its_reason(run: Run) -> None:
    document = sarif(run, chat_dot_py=SOURCE)
    fingerprint = document["runs"][0]["results"][0]["partialFingerprints"]["pyntoFinding/v1"]
    config = f'[[accept]]\nfinding = "{fingerprint}"\nreason = "it is meant"\n'
    results = sarif(run, chat_dot_py=SOURCE, pynto_dot_toml=config)["runs"][0]["results"]
    told = [each["suppressions"] for each in results if "suppressions" in each]
    assert told == [[{"kind": "external", "status": "accepted", "justification": "it is meant"}]]


def test_files_with_odd_names_have_uris(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a b%c").mkdir()
    (tmp_path / "a b%c" / "chat.py").write_text(SOURCE)
    document = sarif(run, "chat:Root", "--path", "a b%c")
    uris = {
        each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for each in document["runs"][0]["results"]
    }
    assert uris == {"a%20b%25c/chat.py"}


# The page


def page(run: Run, *arguments: str, **files: str) -> str:
    done = run("check", *(arguments or ("chat:Room",)), "--format", "html", **files)
    assert done.code in (0, 1), done.err
    return done.out


def test_the_page_needs_and_asks_for_nothing(run: Run) -> None:
    text = page(run, "chat:Root", chat_dot_py=SOURCE)
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1])  # type: ignore[index]
    assert re.fullmatch(
        r"default-src 'none'; script-src 'sha256-[\w+/=]{44}'; style-src 'sha256-[\w+/=]{44}'; base-uri 'none'; form-action 'none'",
        policy,
    )
    assert not re.search(
        r"""(src|href|action)\s*=|@import|url\(|fetch\(|XMLHttpRequest|innerHTML|\beval\b|document\.write""", text
    )
    outside = set(re.findall(r"https?://[^\s\"']+", text))
    assert outside == {"http://www.w3.org/2000/svg"}  # the name of a language, which nothing fetches


def test_no_markup_begins_in_the_data_of_the_page(run: Run) -> None:
    text = page(run, chat_dot_py=HOSTILE)
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert data is not None and "<" not in data[1] and "&" not in data[1]
    messages = [each["message"] for each in json.loads(data[1])[0]["findings"]]
    assert any(TAG in message and "%SCRIPT%" in message for message in messages)


def browse(tmp_path: Path, text: str, *arguments: str) -> str:
    """What a browser makes of the page."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    assert browser is not None, "chromium is missing: run tools/setup --tests"
    file = tmp_path / "audit.html"
    file.write_text(text, encoding="utf-8")
    flags = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync --disable-dev-shm-usage --window-size=1280,800 --virtual-time-budget=5000"
    ).split()
    command = [browser, *flags, f"--user-data-dir={tmp_path / 'profile'}", *arguments, file.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=110, check=True).stdout


def test_a_browser_draws_the_page(run: Run, tmp_path: Path) -> None:
    seen = browse(tmp_path, page(run, "chat:Root", chat_dot_py=SOURCE), "--dump-dom")
    assert 'id="verdict" class="fail">FAIL<' in seen
    assert len(re.findall(r'<g class="node ', seen)) == 2  # chat:Root, and the power
    assert len(re.findall(r'<path class="edge error', seen)) == 1
    assert len(re.findall(r'<article class="finding ', seen)) == 4
    assert "Root.export() reaches os.truncate with what a client passes as path" in seen


def test_hostile_names_stay_text_in_a_browser(run: Run, tmp_path: Path) -> None:
    seen = browse(tmp_path, page(run, chat_dot_py=HOSTILE), "--dump-dom")
    assert "data-pwned" not in seen and "<img" not in seen
    assert html.escape(TAG, quote=False) in seen  # drawn, as text
    assert seen.count("<script") == 2


def test_a_picture_of_the_page_is_not_empty(run: Run, tmp_path: Path) -> None:
    picture = tmp_path / "page.png"
    browse(tmp_path, page(run, "chat:Root", chat_dot_py=SOURCE), f"--screenshot={picture}")
    assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size > 20_000


# A terminal


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("variables", "colours"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False), ({"NO_COLOR": ""}, True)],
)
def test_colours_are_for_terminals_that_want_them(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], colours: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert (terminal.Paint(Terminal())("x", "error") != "x") is colours
    assert terminal.Paint(io.StringIO())("x", "error") == "x"


def test_a_pipe_gets_plain_lines(run: Run) -> None:
    done = run("check", "chat:Root", chat_dot_py=SOURCE)
    assert "\x1b" not in done.out + done.err and "\r" not in done.err


def test_a_terminal_is_told_that_it_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(terminal, "_PATIENCE_S", 0.01)
    stream = Terminal()
    deadline = time.monotonic() + 60
    with terminal.waiting(stream, "reading"):
        while "reading, " not in stream.getvalue():
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert stream.getvalue().endswith("\r\x1b[K")


def test_what_is_quick_says_nothing() -> None:
    stream = Terminal()
    with terminal.waiting(stream, "reading"):
        pass
    assert stream.getvalue() == ""
    with terminal.waiting(io.StringIO(), "reading"):
        pass


def test_kinds_stand_by_gravity_and_the_nearest_first(run: Run) -> None:
    source = """
import os
class Inner:
    def f(self, path: str) -> None: os.remove(path)
class Root:
    lines: list[str]
    def inner(self) -> Inner: return Inner()
    def g(self, path: str) -> None: self._g(path)
    def _g(self, path: str) -> None: os.rmdir(path)
    def h(self, path: str) -> None: os.unlink(path)
"""
    done = run("check", "chat:Root", chat_dot_py=source)
    told = re.findall(r"(?:error|warning): (\S+) ", done.out)
    assert told == ["Root.h()", "Root.g()", "Inner.f()", "Root.lines"]


# Documentation


def test_the_hook_and_the_examples_of_the_documentation_are_commands_that_exist(run: Run) -> None:
    from pynto.audit import cli

    told = (TOP / "docs" / "audit.md").read_text() + (TOP / ".pre-commit-hooks.yaml").read_text()
    commands = re.findall(r"pynto-policy (check(?: [^\s|>#]+)*)", told)
    assert len(commands) > 6
    for command in commands:
        cli._parser().parse_args(command.split())
    formats = re.findall(r"^\| `(\w+)` \|", told, re.MULTILINE)
    assert set(formats) >= set(cli._WRITERS)


def test_the_documentation_names_every_power_and_the_limits_of_following() -> None:
    from pynto.audit.config import POWERS

    told = (TOP / "docs" / "audit.md").read_text()
    assert all(f"`{power}`" in told for power in POWERS)
    assert "docs/adr/0018-following-calls.md" in told and (TOP / "docs/adr/0018-following-calls.md").exists()
