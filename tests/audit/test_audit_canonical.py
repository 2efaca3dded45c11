"""Do the generator and the engine agree on the one file that a policy has?"""

from __future__ import annotations

import json

import pytest
from audit_support import HERE
from hypothesis import given, settings
from hypothesis import strategies as st
from pynto import _core
from pynto.audit import layout

VICTIM = HERE.parent / "attack" / "victim.policy.json"


def test_what_the_generator_writes_is_canonical() -> None:
    written = VICTIM.read_bytes()
    assert _core.canonical_policy(written) == written == layout.dumps(json.loads(written)).encode()


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")))
def test_any_text_in_it_is_written_alike(text: str) -> None:
    document = json.loads(VICTIM.read_bytes())
    document["declared"] = {"victim:Root": {"member": text}}
    for loose in (
        json.dumps(document, sort_keys=True),
        json.dumps(document, sort_keys=True, ensure_ascii=False, indent=7),
    ):
        assert _core.canonical_policy(loose.encode()) == layout.dumps(document).encode()


def test_what_is_no_policy_has_no_file() -> None:
    with pytest.raises(ValueError, match="missing key"):
        _core.canonical_policy(b"{}")
    with pytest.raises(TypeError):
        _core.canonical_policy("{}")  # type: ignore[arg-type]
