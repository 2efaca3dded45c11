"""Do the documents speak of what is there?"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
PLACE = re.compile(r"\b(?:tests|tools|src|policy|schemas|examples|docs|python)/[\w./*-]*[\w*]")
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_place_that_a_page_names_is_there(page: Path) -> None:
    text = page.read_text()
    missing = [name for name in sorted(set(PLACE.findall(text))) if not any(ROOT.glob(name))]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    missing = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert missing == []


def test_the_comparison_names_a_test_for_each_of_its_claims() -> None:
    rows = [line for line in (ROOT / "docs/compared.md").read_text().splitlines() if line.startswith("| ")][2:]
    assert len(rows) >= 25
    assert [row for row in rows if not re.search(r"\| yes: `tests/[\w/.]+` \|", row)] == []


def _cases() -> int:
    return len(json.loads((ROOT / "tests/conformance/cases.json").read_text())["cases"])


def _seeds() -> int:
    files = ROOT.glob("tests/fuzz/seeds/*.txt")
    return sum(line != "" and line[0] != "#" for path in files for line in path.read_text().splitlines())


def _proofs() -> int:
    return len([path for path in ROOT.glob("tests/proof/*.c") if not path.name.startswith("stub_")])


@pytest.mark.parametrize(
    ("page", "said", "count"),
    [
        ("README.md", r"(\d+) \[cases\]", _cases),
        ("docs/evidence.md", r"page: (\d+) cases", _cases),
        ("README.md", r"(\d+) fuzz targets", lambda: len([*ROOT.glob("tests/fuzz/fuzz_*.c")])),
        ("docs/evidence.md", r"The ([\d,]+) seeds", _seeds),
        ("README.md", r"(\d+) proofs", _proofs),
    ],
)
def test_what_a_page_counts_is_so_many(page: str, said: str, count: Callable[[], int]) -> None:
    found = re.search(said, (ROOT / page).read_text())
    assert found is not None, said
    assert int(found[1].replace(",", "")) == count()


CARDS = sorted([*ROOT.glob("src/**/*.h"), *ROOT.glob("policy/**/*.h")])


@pytest.mark.parametrize("header", CARDS, ids=[str(header.relative_to(ROOT)) for header in CARDS])
def test_every_test_that_a_header_names_is_there(header: Path) -> None:
    card = header.read_text().partition("*/")[0]
    missing = [name for name in PLACE.findall(card) if not any(ROOT.glob(name))]
    missing += [
        name for name in re.findall(r"\b(?:test|fuzz)_\w+\.(?:c|py)\b", card) if not any(ROOT.glob(f"tests/*/{name}"))
    ]
    assert missing == []
