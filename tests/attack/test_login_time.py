"""Does the time of a refusal tell why, as far as a client can measure? A short run of tools/login_time: class O."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fortress import Fortress
from login_time import BOUND, CONTROL, PAIRS, Classes, compare

SAMPLES, ROUNDS = 300, 8


@pytest.fixture(scope="module")
def fortress(tmp_path_factory: pytest.TempPathFactory, generate: Callable[..., Path]) -> Iterator[Fortress]:
    folder = tmp_path_factory.mktemp("fortress")
    made = Fortress(folder, generate("guarded:Room"), "--audit-log", str(folder / "audit.log"))
    yield made
    made.is_sound()
    assert made.stop() == 0, made.log()[-3000:]


@pytest.fixture(scope="module")
def classes(fortress: Fortress) -> Classes:
    return Classes(fortress)


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_the_time_of_a_refusal_does_not_tell_why(fortress: Fortress, classes: Classes, one: str, other: str) -> None:
    """O01: A difference that is there shows in every round; noise does not."""
    least = math.inf
    for _ in range(ROUNDS):
        least = min(least, abs(compare(fortress.url, classes.of[one], classes.of[other], SAMPLES)))
        if least < BOUND:
            break
    assert least < BOUND


def test_a_difference_of_a_look_at_the_disk_is_seen(fortress: Fortress, classes: Classes) -> None:
    """With more samples where noise hides it: the statistic grows with the root of their number."""
    one, other = CONTROL
    seen = 0.0
    for doublings in range(4):
        seen = max(seen, abs(compare(fortress.url, classes.of[one], classes.of[other], SAMPLES << doublings)))
        if seen > BOUND:
            break
    assert seen > BOUND
