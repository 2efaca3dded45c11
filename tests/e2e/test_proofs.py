"""Is it seen when a proof does not fit the code any more? All of them are looked at by tools/prove --dry in the stage `unit`; here it meets those that do not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLE = "tests/proof/proofs.toml"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """What a proof is made of, to be spoiled."""
    for folder in ("src", "policy", "tests/proof"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    for file in ("tools/prove", "CMakeLists.txt"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


def prove_dry(tree: Path, proof: str) -> tuple[int, str]:
    run = subprocess.run(
        [sys.executable, tree / "tools/prove", "--dry", proof], cwd=tree, capture_output=True, text=True, timeout=60
    )
    return run.returncode, run.stdout + run.stderr


def test_a_proof_that_fits_is_passed(tree: Path) -> None:
    assert prove_dry(tree, "scan_step") == (0, "1 proofs fit the code\n")


@pytest.mark.parametrize(
    ("proof", "file", "was", "now", "said"),
    [
        ("mem", "src/wire/mem.h", "pyn_mem_resize(", "pyn_mem_reshape(", "pyn_mem_resize"),
        ("scan_step", "tests/proof/stub_bodies.c", "bool *is_ascii", "int *is_ascii", "conflicting types"),
        ("mem", "tests/proof/mem.c", "    return 0;", "    int8_t low = nondet_size();\n    return low;", "conversion"),
        ("mem", TABLE, '"src/wire/mem.c"]', '"src/wire/mom.c"]', "src/wire/mom.c is not there"),
        ("mem", "src/wire/mem.c", "count > SIZE_MAX / size", "size > SIZE_MAX / count", "stands 0 times: count > SIZE_MAX"),
        ("names", "policy/names.c", "module == name.len ||", "module == name.len || name.data == NULL || module == name.len ||", "stands 2 times"),
        ("scan_step", TABLE, '"accept_short_text.0"', '"accept_small_text.0"', "loop accept_small_text.0: none of"),
        ("scan_step", TABLE, '"accept_short_text.0"', '"accept_short_text"', "loop accept_short_text: none of"),
        ("mem", TABLE, '{ file = "src/wire/mem.c", was = "count', '{ file = "src/wire/scan.c", was = "count', "no part of it"),
        ("mem", TABLE, 'now = "count > SIZE_MAX / size + 1"', 'now = "count > SIZE_MAX / size"', "changes nothing"),
    ],
)  # fmt: skip
def test_one_that_does_not_is_named(tree: Path, proof: str, file: str, was: str, now: str, said: str) -> None:
    path = tree / file
    text = path.read_text()
    assert was in text
    path.write_text(text.replace(was, now))
    status, output = prove_dry(tree, proof)
    assert status == 1
    assert said in output


def test_a_proof_that_no_table_names_is_no_proof(tree: Path) -> None:
    shutil.copy(tree / "tests/proof/mem.c", tree / "tests/proof/mom.c")
    status, output = prove_dry(tree, "mem")
    assert status != 0
    assert "mom" in output
