"""Do pynto.toml's reader, its schema, the core's table and the docs say the same of every limit?"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pynto
import pytest
from pynto import _core, auditlog
from pynto.commands import serve
from pynto.config import FILE_MAX, ISOLATE_KEYS, SERVER_KEYS, Config, ConfigError
from pynto.isolation import LIMITS
from pynto.quotas import QUOTAS, UNITS, as_number, from_text

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "schemas" / "pynto-config.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def schema_takes() -> Callable[[str], bool]:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    validator = jsonschema.Draft202012Validator(SCHEMA)
    return lambda text: bool(validator.is_valid(tomllib.loads(text)))


def reader_says(text: str) -> str:
    """Nothing, or what is wrong."""
    try:
        Config.parse(text.encode())
    except ConfigError as error:
        return str(error)
    return ""


def test_the_schema_and_the_page_are_what_the_table_says() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "quotas", "--check"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_quota_of_the_core_can_be_set_to_its_default_and_to_both_ends_of_its_range() -> None:
    usual = _core.quotas()
    assert list(usual) == list(QUOTAS)
    for quota in QUOTAS.values():
        assert usual[quota.name] == quota.usual
        is_none = quota.unit == "bytes or none" and quota.usual == 0
        assert is_none or quota.least <= quota.usual <= quota.most
        assert quota.what, quota.name
        for value in (quota.least, quota.most):
            assert _core.quotas({quota.name: value})[quota.name] == pytest.approx(value)


GOOD = [
    "",
    "[quotas]",
    "[quotas]\nmessage = 1048576\nhello = 2.5\ncpu_share = 0",
    '[quotas]\nmessage = "16MiB"\nhello = "250ms"\ncallback = "1min"\nstall = "24h"\ncall_seconds = "365d"',
    '[quotas]\nmessage = "1024B"\nqueued = "1TiB"\noutput = "4096B"\ninteger = "9B"',
    "[quotas]\ncalls = 16.0",
    '[class.member]\nmessage = "1MiB"\nconnections = 100\nconnections_each = 2\n[class.staff]\nusers = [0, "root"]'.replace(
        ', "root"', ""
    ),
    'class.anonymous.references = 10\nclass.anonymous.users = ["root"]',
    '[class."a.b-c_d"]\n',
    '[class.staff]\nroots = ["lobby"]\n[class.anonymous]\nroots = []',
    '[server]\nlisten = "tcp://127.0.0.1:0"\npolicy = "policy.json"\nconnections = 50\nplain = false\nexit_stuck = true',
    '[cost]\n"chat:Room.search" = 50\n"chat:Room.__call__" = 0',
    '[server]\nlog = "json"\nverbose = true',
    '[server]\nper_source = 20\naudit_log = "log"\naudit_log_size = "1GiB"\naudit_log_rate = 2.5\npolicy_sha256 = "00"',
    '[server]\naudit_log_rate = "none"',
    "[isolate]",
    '[isolate]\nby = "class"',
    '[isolate]\nby = "connection"\nread = ["data", "/usr/share"]\nwrite = ["out"]\nnetwork = true\nbest_effort = false\n'
    'memory = "256MiB"\nfile = 1000\ndescriptors = 64\nworkers = 10\nspares = 2\ngrace = "500ms"\npatience = 2.5',
    '[server]\nmetrics = "127.0.0.1:9117"\nmetrics_anywhere = false',
    '[server]\nlisten = ["tcp://127.0.0.1:0", "unix:///run/x.sock"]\nstate = "state"\naudit_log = "log"\nws_hosts = ["a"]\nws_origins = []',
    '[roots]\nlobby = "chat:Room"\nlines = { object = "chat:lines", type = "list[str]" }\n[policy]\nhome = ["chat"]\nset = ["chat:Room.title"]\n'
    'never = ["code", "chat:Room.post"]\ncopy = ["chat:Line"]\npython_path = ["src"]\n[policy.allow]\n"io:StringIO" = ["write", "__iter__"]\n'
    '[errors]\ntext = ["chat:Full"]\n[[accept]]\nfinding = "0123456789abcdef0123"\nreason = "so be it"',
]

# text; what stands in the message; why
BAD = [
    ("[quotas]\nmesage = 5000", r"^pynto\.toml:2: quotas\.mesage: .* did you mean quotas\.message\?", "a typo"),
    ("[quota]\nmessage = 5000", r"^pynto\.toml:1: quota: .* did you mean quotas\?", "a typo of a table"),
    ("quotas = 5", r"^pynto\.toml:1: quotas: a table", "no table"),
    ("quotas = []", "quotas: a table", "a list"),
    ('[quotas]\n\nmessage = "16"', r"^pynto\.toml:3: quotas\.message: .* with its unit", "no unit in a text"),
    ('[quotas]\nmessage = "16 MiB"', "with its unit", "a blank"),
    ('[quotas]\nmessage = "16mib"', "with its unit", "another case"),
    ('[quotas]\nmessage = "1.5MiB"', "with its unit", "a fraction"),
    ('[quotas]\nmessage = "016MiB"', "with its unit", "a leading zero"),
    ('[quotas]\nmessage = "10s"', "with its unit", "seconds of bytes"),
    ('[quotas]\nhello = "10MiB"', "with its unit", "bytes of seconds"),
    ('[quotas]\nhello = "-1s"', "with its unit", "below zero"),
    ('[quotas]\ncalls = "5"', "a number is expected", "a text where none has a unit"),
    ('[quotas]\nmessage = "16MiB\\n"', "with its unit", "a line more"),
    ("[isolate]\nworkers = 10", r":1: isolate: by is missing", "isolated by nothing"),
    ('[isolate]\nby = "user"', "one of connection, class", "isolated by what there is not"),
    ('[isolate]\nby = "class"\nworker = 1', r":3: isolate\.worker: .* did you mean isolate\.workers\?", "a typo there"),
    ('[isolate]\nby = "class"\nread = "data"', "a list of texts", "one path"),
    ("[server]\nper_source = 0", "from 1 to", "nobody of a source"),
    ('[quotas]\nmessage = "99999999999999999999B"', "with its unit", "more digits than anything has"),
    ("[quotas]\nmessage = 1023", "out of range: 1 KiB to 4097 MiB", "N-1 of the least"),
    ("[quotas]\nmessage = 4296015873", "out of range", "N+1 of the most"),
    ('[quotas]\nmessage = "1023B"', "out of range", "the same with a unit"),
    ('[quotas]\nmessage = "4098MiB"', "out of range", "the same with a unit"),
    ('[quotas]\nmessage = "5GiB"', "out of range", "the same with a unit"),
    ('[quotas]\nhello = "0ms"', "out of range", "no time at all"),
    ('[quotas]\nhello = "25h"', "out of range", "more than a day"),
    ("[quotas]\ncalls = 1.5", "not a whole number", "half a call"),
    ("[quotas]\ncalls = true", "a number is expected", "true is not one"),
    ("[quotas]\ncalls = []", "a number is expected", "a list"),
    ("[quotas]\ncalls = 1979-05-27", "a number is expected", "a date"),
    ("[quotas]\ncalls = inf", "out of range", "without end"),
    (f"[quotas]\ncalls = 1{'0' * 400}", "out of range", "more than a float holds"),
    ("class = 5", "class: a table", "no table"),
    ("[class]\nmember = 5", r"^pynto\.toml:2: class\.member: a table", "no table"),
    ('[class."a b"]', "letters, digits", "a blank in a name"),
    ('[class.""]', "letters, digits", "no name"),
    (f"[class.{'x' * 32}]", "letters, digits", "N+1 letters"),
    ("[class.member]\nconections = 5", "did you mean class.member.connections", "a typo"),
    ("[class.member]\nconnections = 0", "whole number from 1", "nobody"),
    ("[class.member]\nconnections = 1000001", "whole number from 1", "N+1"),
    ("[class.member]\nconnections_each = 1.5", "whole number", "half a connection"),
    ("[class.member]\nmessage = 5", "class.member.message: 5 is out of range", "as in quotas"),
    ("[class.member]\nusers = 0", "list of users", "no list"),
    ("[class.member]\nusers = [-1]", "whole number from 0", "below zero"),
    ("[class.member]\nusers = [4294967295]", "whole number from 0", "what the kernel says for nobody"),
    ('[class.member]\nusers = [""]', "one line", "no name"),
    ('[cost]\n"search" = 50', "an operation", "no class"),
    ('[cost]\n"chat:Room._x" = 50', "an operation", "hidden"),
    ('[cost]\n"chat:Room.x" = -1', "whole number from 0", "below zero"),
    ('[cost]\n"chat:Room.x" = 4294967296', "whole number from 0", "N+1"),
    ('[cost]\n"chat:Room.x" = "50"', "whole number", "a text"),
    ('[server]\nlog = "xml"', "one of text, json", "neither"),
    ("[server]\nmetrics = 9117", "one line", "a number"),
    ("[server]\nlisten = []", "one address at least", "nowhere"),
    ("[server]\nlisten = 7117", "list of texts", "a number"),
    ('[server]\nlisten = ""', "one line", "nothing"),
    ('[server]\nplain = "yes"', "true or false", "a text"),
    ("[server]\nplain = 1", "true or false", "a number"),
    ('[server]\npolicy = "a\\u0000b"', "one line", "NUL"),
    ('[server]\npolicy = "a\\nb"', "one line", "two lines"),
    ('[server]\nws_hosts = "localhost"', "list of texts", "one text is no list"),
    ("[server]\nquotas = 5", "no such key", "elsewhere"),
    ('[roots]\nlobby = "chat"', "not a root", "no object"),
    ("[roots]\nlobby = { type = 'int' }", "object", "no object"),
    ('[policy]\nhome = ["a-b"]', "not the name of a module", "no module"),
    ('[policy]\nset = ["chat:Room._x"]', "not a member", "hidden"),
    ('[policy]\nnever = ["everything"]', "neither", "no power"),
    ('[policy]\nalow = ["x"]', "did you mean policy.allow", "a typo"),
    ('[[accept]]\nfinding = "0123"\nreason = "x"', "not a fingerprint", "too short"),
    ('[[accept]]\nfinding = "0123456789abcdef0123"\nreason = "  "', "no reason", "blank"),
]  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_what_is_right_is_right_for_the_reader_and_for_the_schema(
    text: str, schema_takes: Callable[[str], bool]
) -> None:
    assert reader_says(text) == ""
    assert schema_takes(text)


@pytest.mark.parametrize(("text", "says", "why"), BAD, ids=[why.replace(" ", "-") for _, _, why in BAD])
def test_what_is_wrong_is_wrong_for_both_and_the_reader_says_where(
    text: str, says: str, why: str, schema_takes: Callable[[str], bool]
) -> None:
    said = reader_says(text)
    assert re.search(says, said), f"{said!r}, but it is wrong: {why}"
    assert not schema_takes(text), why


LIMITED = {
    **{f"[quotas]\n{name}": quota for name, quota in QUOTAS.items()},
    **{f'[isolate]\nby = "class"\n{name}': limit for name, limit in LIMITS.items()},
    **{f"[server]\n{limit.name}": limit for limit in (auditlog.SIZE, auditlog.RATE)},
}


@pytest.mark.parametrize(("key", "quota"), LIMITED.items(), ids=[key.rpartition("\n")[2] for key in LIMITED])
def test_reader_and_schema_agree_at_the_ends_of_every_range(
    key: str, quota: Any, schema_takes: Callable[[str], bool]
) -> None:
    """In each unit: the last number below the range, the first and the last in it, the first beyond it."""
    tried = 0
    for unit, factor in [("", 1), *UNITS[quota.unit].items()]:
        for end in (quota.least, quota.most):
            near = int(end / float(factor))
            for number in (near - 1, near, near + 1):
                if number < 0:
                    continue
                value = f'"{number}{unit}"' if unit else str(number)
                text = f"{key} = {value}\n"
                assert schema_takes(text) == (reader_says(text) == ""), text
                tried += 1
    assert tried >= 5


def test_what_the_command_line_can_say_the_file_can() -> None:
    parser = argparse.ArgumentParser()
    serve.add_to(parser.add_subparsers())
    (commands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    options = {action.dest for action in commands.choices["serve"]._actions}
    tables = {"target", "quota", "cost"}  # [roots], [quotas], [cost]
    alone = {"help", "config", "stdio", "folder"}  # of this one start
    said = {"no_memory_quota"}  # memory = 0, call_memory = 0
    keys = {serve._OPTIONS.get(key, key) for key in SERVER_KEYS}
    keys |= {"isolate" if key == "by" else f"isolate_{key}" for key in ISOLATE_KEYS}
    assert options - tables - alone - said == keys


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[class.a]\nusers = [7]\n[class.b]\nusers = [7]", "user 7 stands twice"),
        ("[class.a]\nusers = [7, 7]", "user 7 stands twice"),
        ('[class.a]\nusers = ["nobody of this name"]', "no user"),
        ("[quotas]\ncalls = nan", "out of range"),
        ("[quotas]\ncalls = 5\ncalls = 6", "line 3|overwrite"),
        ("[quotas", "line 1|[Ee]xpected"),
        ("a" * (FILE_MAX + 1), "larger than"),
        ("x = " + "[" * 100_000, "pynto.toml"),
    ],
)
def test_what_a_schema_cannot_say_is_refused_by_the_reader(text: str, says: str) -> None:
    assert re.search(says, reader_says(text)), reader_says(text)[:200]


def test_a_file_that_is_no_text_is_refused() -> None:
    for data in (b"\xff\xfe", b"\x00", b"quotas = 1\r\r"):
        with pytest.raises(ConfigError):
            Config.parse(data)


def test_units_are_what_they_say() -> None:
    assert from_text(["message=1MiB", "hello=1500ms", "callback=2min", "queued=64kB", "calls=7"]) == {
        "message": 1 << 20,
        "calls": 7,
        "queued": 64000,
        "hello": 1.5,
        "callback": 120,
    }
    assert as_number("output", "1TiB") == 1 << 40


def test_what_is_set_stands_wherever_in_the_file_it_is() -> None:
    """A greater message brings room of its own, and no more than was said."""
    for lines in ("output = 4096\nmessage = 5000000", "message = 5000000\noutput = 4096"):
        quotas = _core.quotas(Config.parse(f"[quotas]\n{lines}".encode()).quotas)
        assert quotas["output"] == 4096
        assert quotas["message"] == 5_000_000


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def file(text: str) -> Path:
        path = tmp_path / "pynto.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return file


def test_a_server_starts_from_its_file_alone_and_the_command_line_wins(
    serve_child: Callable[..., Any], write: Callable[[str], Path], served_policy: Path, tmp_path: Path
) -> None:
    (tmp_path / "policy.json").write_bytes(served_policy.read_bytes())
    path = write('[quotas]\nreferences = 2\nmessage = "4KiB"\n[server]\npolicy = "policy.json"\n')
    child = serve_child("--config", str(path), "--quota", "references=3")
    with pynto.connect(child.address) as connection:
        values = connection.root.values()
        kept = [connection.root.fresh() for _ in range(2)]
        with pytest.raises(pynto.QuotaExceeded, match="references: 3"):
            connection.root.fresh()
        with pytest.raises(pynto.QuotaExceeded, match="message: 4096"):
            values.data("x" * 5000)
        assert len(kept) == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no policy"),
        ('[server]\npolicy = "p.json"', "nowhere to listen"),
        ('[server]\npolicy = "p.json"\nlisten = "tcp://127.0.0.1:0"', "nothing to serve"),
        ("[quotas]\nmesage = 5", "pynto.toml:2: quotas.mesage"),
    ],
)
def test_a_file_that_is_not_enough_or_is_wrong_starts_nothing(
    write: Callable[[str], Path], text: str, says: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pynto", "serve", "--config", write(text)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
