"""Does TypeScript accept what a client may do, refuse what it may not, and can a policy put nothing else into a .d.ts?"""

from __future__ import annotations

import copy
import json
import os
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pynto
import pytest
from audit_support import HERE, Done
from pynto.audit import layout, spelling, tsstubs, tstypes
from test_audit_stubs import FRAME, OWN_WORDS, SLOTS, _replaced, _sorted_spellings

Run = Callable[..., Done]
TYPED = HERE / "typed"
NPM = HERE.parents[1] / "build" / "npm" / "node_modules"
CLIENTS = ("client.ts", "odd.ts")
WRONG = {
    (name, number)
    for name in CLIENTS
    for number, line in enumerate((TYPED / name).read_text().splitlines(), 1)
    if line.endswith("// wrong")
}
STRICT = {
    "compilerOptions": {
        "exactOptionalPropertyTypes": True,
        "lib": ["es2022"],
        "module": "esnext",
        "moduleResolution": "bundler",
        "noEmit": True,
        "noImplicitOverride": True,
        "noUncheckedIndexedAccess": True,
        "strict": True,
        "target": "es2022",
        "types": [],
    },
    "include": ["*.ts"],
}
ODD: dict[str, Any] = {
    "accepts": {},
    "enums": {"m:Source": ["one"], "n:Source": ["two"], "m:Tool": ["hammer"]},
    "imports": {
        "Awaitable[int]": {"class": "collections.abc:Awaitable", "methods": {"__await__": "async () -> int"}},
        "Iterable[int]": {"class": "collections.abc:Iterable", "methods": {"__iter__": "() -> Iterator[int]"}},
        "Iterator[int]": {
            "class": "collections.abc:Iterator",
            "methods": {"__iter__": "() -> Iterator[int]", "__next__": "() -> int"},
        },
        "m:Doer": {"facet": True, "get": {"mood": "str"}, "methods": {"do": "(what: str, times: int=?) -> str"}},
        "m:Room": {"facet": True},
    },
    "interfaces": {
        "m:Odd": {
            "class": "m:Odd",
            "methods": {
                "call": "(f: fn(int, str=?)->(int, str)) -> fn(int, str=?)->none",
                "class": "(*, if: int) -> none",
                "data": "(data, /) -> none",
                "each": "(items: Iterable[int]) -> none",
                "exact": "() -> -5|9007199254740991|9007199254740993",
                "give": "(ticket: m:Ticket) -> none",
                "kinds": "() -> (enum m:Source, enum n:Source)",
                "later": "(what: Awaitable[int]) -> none",
                "mixed": "(a: int=?, *, new: bool, **others: str) -> none",
                "reserved": "(this: str, await: str, arguments: str) -> none",
                "rest": "(n: int, *rest: str, must: int) -> none",
                "sort": "(a: copy list[int], b: copy set[str], c: copy dict[str, none]) -> none",
                "then": "(int, /) -> none",
                "tools": "(slip: rec m:Slip) -> 'h\\'a\\\\m\\u2028mer'",
                "work": "(doer: m:Doer) -> (timedelta*)",
            },
        },
        "m:Room": {"class": "m:Room"},
        "m:Ticket": {"class": "m:Ticket"},
    },
    "platform": "linux",
    "pynto-policy": 1,
    "python": "3.11",
    "records": {
        "m:Items": {"next": "none|rec m:Slip"},
        "m:Slip": {
            "class": "str=?",
            "inner": "none|rec m:Items",
            "then": "copy list[int]",
            "tuple": "()|(bool, ('a', false))",
        },
    },
    "roots": {"constructor": "m:Odd", "lobby": "m:Room"},
}


def node(*command: str, given: str = "", cwd: Path = HERE) -> str:
    if not (NPM / "typescript").is_dir():
        pytest.skip("TypeScript is not there: tools/setup --tests installs it")
    return subprocess.run(
        ["node", *command], input=given, cwd=cwd, capture_output=True, text=True, check=False, timeout=100
    ).stdout


def loaded(document: dict[str, Any]) -> dict[str, Any]:
    return pynto.Policy(layout.dumps(document).encode()).document


def shapes(texts: list[str]) -> list[dict[str, Any]]:
    seen: list[dict[str, Any]] = json.loads(
        node(str(TYPED / "shapes.mjs"), str(NPM / "anything.js"), given=json.dumps(texts))
    )
    return seen


def test_tsc_accepts_the_clients_and_refuses_each_wrong_line(tmp_path: Path, run: Run) -> None:
    config = str(TYPED / "pynto.toml")
    assert run("generate", "storefront:Shop", "-o", "p.json", "--path", str(TYPED), "--config", config).code == 0
    assert run("stubs", "p.json", "--typescript", "-o", "shop.d.ts").code == 0
    (tmp_path / "oddities.d.ts").write_text(tsstubs.render(loaded(ODD)))
    (tmp_path / "tsconfig.json").write_text(json.dumps(STRICT))
    for name in CLIENTS:
        shutil.copy(TYPED / name, tmp_path)
    out = node(str(NPM / "typescript" / "bin" / "tsc"), "--pretty", "false", "-p", ".", cwd=tmp_path)
    found = [line.partition("(") for line in out.splitlines() if ": error " in line]
    assert {(name, int(rest.partition(",")[0])) for name, _, rest in found} == WRONG, out


def test_there_is_something_wrong_to_be_found() -> None:
    assert all(sum(name == each for each, _ in WRONG) >= 12 for name in CLIENTS)


def test_the_same_policy_gives_the_same_bytes(run: Run) -> None:
    policy = layout.dumps(FRAME)
    first, second = (run("stubs", "p.json", "--typescript", p_dot_json=policy).out for _ in range(2))
    assert first == second == tsstubs.render(FRAME)


def test_only_what_is_referred_to_is_declared(run: Run) -> None:
    small = {"interfaces": {"m:R": {"class": "m:R"}}, "roots": {"r": "m:R"}}
    text = tsstubs.render(small)
    assert text.count("export") == 3 and "Reference" in text and "Roots" in text


@pytest.mark.parametrize("option", [["--aio"], ["--shared", "chat"]])
def test_what_is_for_python_is_refused(run: Run, option: list[str]) -> None:
    done = run("stubs", "p.json", "--typescript", *option, p_dot_json=layout.dumps(FRAME))
    assert (done.code, done.out) == (2, "") and "--typescript" in done.err


# Nothing of a policy becomes anything but a name or a text

EXAMPLES = int(os.environ.get("PYNTO_EXAMPLES", "1000"))
HOSTILE = [
    "*/", "*/ export const x = 1 /*", "// @ts-nocheck", "@ts-ignore", "/// <reference path='x' />", "a\nexport const x = 1", "x\u2028y", "x\u2029y",
    "'", '"', "`${1}`", "\\", "</script>", "a: any", "[Symbol.iterator]", "constructor", "prototype", "__proto__", "then", "A" * 300, "\u00e9", "x\x0c", "\ud800",
]  # fmt: skip


def words(count: int) -> list[str]:
    """The same in each run: names of the language's, of the stub's own, and any text."""
    chosen = random.Random(7)
    known = [*OWN_WORDS, *sorted(tstypes.RESERVED), *HOSTILE]
    random_ones = [
        "".join(chosen.choice("ab_Z09*/'\"\\{}<>`$\n\u2028 @#") for _ in range(chosen.randrange(1, 9)))
        for _ in range(count)
    ]
    return [*known, *random_ones]


def statements(text: dict[str, Any]) -> list[str]:
    """In any order, since names decide about that."""
    return sorted(text["statements"])


@pytest.mark.timeout(1800)
def test_a_hostile_name_is_refused_or_stays_a_name() -> None:
    """S13."""
    chosen, rendered = random.Random(11), [tsstubs.render(loaded(FRAME))]
    tries = [(slot, word) for word in words(EXAMPLES // 10) for slot in chosen.sample(SLOTS, 2)]
    for slot, word in tries:
        document = _sorted_spellings(_replaced(copy.deepcopy(FRAME), slot, word))
        try:
            rendered.append(tsstubs.render(loaded(document)))
        except (ValueError, UnicodeEncodeError):
            continue
    assert len(rendered) > len(tries) // 3
    assert all(text.isascii() for text in rendered)
    benign, *others = shapes(rendered)
    for text, seen in zip(rendered[1:], others, strict=True):
        assert seen["faults"] == [] and seen["orders"] == 0, text
        if "is left out" not in text:
            assert statements(seen) == statements(benign), text


def test_the_reader_of_those_tests_sees_faults_and_orders() -> None:
    seen = shapes(["export type A = ;\n", "// @ts-nocheck\n", "// @ts-ignore\n", "/// <reference path='x' />\n"])
    assert [len(each["faults"]) for each in seen] == [1, 0, 0, 0]
    assert [each["orders"] > 0 for each in seen] == [False, True, True, True]


@pytest.mark.timeout(1800)
def test_a_hostile_text_stays_a_text() -> None:
    """S13: in a literal, and in the name of an instance, which also stands in a comment."""
    given, rendered = [], []
    for word in words(EXAMPLES // 10):
        document = copy.deepcopy(FRAME)
        room = document["interfaces"]["m:Room"]
        box = document["interfaces"].pop("m:Box[str]")
        renamed = f"m:Box[{spelling.Literal(word)}]"
        room["methods"]["find"] = ["(key: int) -> str", f"(key: {spelling.Literal(word)}) -> {renamed}"]
        document["interfaces"] = dict(sorted({**document["interfaces"], renamed: box}.items()))
        try:
            rendered.append(tsstubs.render(loaded(document)))
        except (ValueError, UnicodeEncodeError):
            continue
        given.append((word, renamed))
    assert len(given) > 200 and all(text.isascii() for text in rendered)
    benign, *others = shapes([tsstubs.render(loaded(FRAME)), *rendered])
    for (word, renamed), seen in zip(given, others, strict=True):
        assert seen["faults"] == [] and seen["orders"] == 0, word
        assert statements(seen) == statements(benign), word
        assert word in seen["literals"] and renamed in seen["literals"]


def test_a_file_that_was_not_loaded_is_not_rendered() -> None:
    broken = copy.deepcopy(FRAME)
    broken["interfaces"]["m:Room"]["get"]["title"] = "str\nexport const x = 1"
    with pytest.raises(spelling.SpellingError):
        tsstubs.render(broken)
