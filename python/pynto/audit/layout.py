"""The bytes of a policy file: sorted, one operation a line, one space of indentation a level."""

from __future__ import annotations

import json


def dumps(policy: dict[str, object]) -> str:
    return f"{_value(policy, 0)}\n"


def _value(value: object, level: int) -> str:
    if not isinstance(value, dict):
        return json.dumps(value)
    if not value:
        return "{}"
    indent = " " * (level + 1)
    lines = [f"{indent}{json.dumps(key)}: {_value(value[key], level + 1)}" for key in sorted(value)]
    return "{\n" + ",\n".join(lines) + "\n" + " " * level + "}"
