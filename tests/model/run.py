"""Do the protocols keep their promises in every order of events, and would the models notice if they did not?

Each ``.pml`` is checked by spin: first as it is, which has to hold, then with one rule taken away, which has to be found. A model that cannot fail
proves nothing. Prints a line for each run; the exit code is 1 when one comes out otherwise than it has to.

    .venv/bin/python tests/model/run.py [references|handshake]
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
LONGEST = 300.0  # seconds of one run


@dataclass(frozen=True)
class Run:
    name: str
    mutant: str = ""  # the names are those of the model
    case: str = ""
    is_found: bool = False  # an assertion has to fail
    states: int = 1  # that have to be looked at, at least


RUNS = {
    "references": (
        Run("as it is", states=1_000_000),
        Run("a free takes the entry away, whatever its count", "FREE_IS_ALL", is_found=True),
        Run("one is given back, however often it came", "FREE_IS_ONE", is_found=True),
        Run("a call that runs does not hold its object", "NO_PIN", is_found=True),
        Run("an id that was freed is given out again", "ID_AGAIN", is_found=True),
        Run("more than is held may be freed", "FREE_TOO_MUCH", is_found=True),
        Run("one table for all connections", "ONE_TABLE", is_found=True),
        Run("what a connection was given outlives it", "END_KEEPS", is_found=True),
        Run("the end takes away even what runs", "END_TAKES", is_found=True),
        Run("nothing is ever served", "NEVER_SERVED", is_found=True),
    ),
    "handshake": (
        Run("as it is; both keys are stolen later", case="PLAIN", states=1_000_000),
        Run("as it is; A's key was stolen before", case="KCI_A", states=10_000),
        Run("as it is; B's key was stolen before", case="KCI_B", states=10_000),
        Run("as it is; who A is, in XX, and B's key is stolen later", case="HIDING", states=10_000),
        Run("as it is; what is said in a session", case="STREAM", states=1_000),
        Run("who A is, in IK, when B's key is stolen later: not promised", case="RECORDED", is_found=True),
        Run("version and transport are not in the transcript", "NO_PROLOGUE", "PLAIN", is_found=True),
        Run("the key that a server shows is not compared", "NO_PIN", "HIDING", is_found=True),
        Run("the login is in the first message", "LOGIN_AT_ONCE", "PLAIN", is_found=True),
        Run("the server's key is not mixed in", "NO_ES", "PLAIN", is_found=True),
        Run("the two ephemeral keys are not mixed in", "NO_EE", "PLAIN", is_found=True),
        Run("the client's key is not mixed with the server's ephemeral", "NO_SE", "KCI_B", is_found=True),
        Run("the server has one ephemeral key for all", "SAME_EPHEMERAL", "PLAIN", is_found=True),
        Run("both directions have the same key", "ONE_DIRECTION", "STREAM", is_found=True),
        Run("a record opens wherever it comes", "NO_COUNT", "STREAM", is_found=True),
        Run("the end of the stream is the end of what was said", "NO_END", "STREAM", is_found=True),
        Run("nobody ever comes to the end", "NEVER_DONE", "STREAM", is_found=True),
    ),
}


def numbers(source: str) -> dict[str, int]:
    return {name: int(value) for name, value in re.findall(r"^#define (\w+) (\d+)\b", source, re.MULTILINE)}


def build(model: str, folder: Path) -> Path:
    """The checker of a model."""
    place = folder / model
    place.mkdir()
    subprocess.run(["spin", "-a", HERE / f"{model}.pml"], cwd=place, check=True, capture_output=True, timeout=60)
    flags = ["-O2", "-w", "-DSAFETY", "-DNOFAIR", "-DCOLLAPSE", "-DMEMLIM=1500"]
    subprocess.run(["cc", *flags, "-o", "pan", "pan.c"], cwd=place, check=True, capture_output=True, timeout=120)
    return place / "pan"


def check(pan: Path, model: str, run: Run) -> bool:
    known = numbers((HERE / f"{model}.pml").read_text(encoding="utf-8"))
    chosen = {
        "PYN_MODEL_MUTANT": str(known[run.mutant] if run.mutant else 0),
        "PYN_MODEL_CASE": str(known[run.case] if run.case else 0),
    }
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=pan.parent) as place:  # a trail is written where it runs
        done = subprocess.run(
            [pan, "-m50000", "-E", "-w22"],
            cwd=place,
            env={**os.environ, **chosen},
            capture_output=True,
            text=True,
            timeout=LONGEST,
        )
    said = done.stdout
    found = re.search(r"errors: (\d+)\s+(\d+) states, stored", said)
    is_whole = found is not None and "Search not completed" not in said and "max search depth too small" not in said
    errors, states = (int(found[1]), int(found[2])) if found is not None else (-1, 0)
    if run.is_found:
        is_right = errors == 1 and "assertion violated" in said
    else:
        is_right = errors == 0 and is_whole and states >= run.states
    verdict = "found" if errors == 1 else "holds" if errors == 0 and is_whole else "was not finished"
    print(
        f"{'ok' if is_right else 'WRONG':5} {model:10} {verdict:5} {states:>9} states {time.monotonic() - began:5.1f} s  {run.name}",
        flush=True,
    )
    if not is_right:
        print(said[-2000:], done.stderr[-500:], flush=True)
    return is_right


def main() -> int:
    wanted = sys.argv[1:] or list(RUNS)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        pans = dict(zip(wanted, pool.map(lambda model: build(model, Path(folder)), wanted), strict=True))
        todo = [(pans[model], model, run) for model in wanted for run in RUNS[model]]
        verdicts = list(pool.map(lambda each: check(*each), todo))
    print(f"{sum(verdicts)} of {len(verdicts)} as they have to be, {time.monotonic() - began:.0f} s")
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
