"""Reads what callgrind has written, with neither names nor positions compressed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Profile:
    total: int = 0
    by_object: Counter[str] = field(default_factory=Counter)  # instructions of a library, by its path
    by_file: Counter[str] = field(default_factory=Counter)  # of a source file
    inclusive: Counter[str] = field(default_factory=Counter)  # of a function, with all that it calls
    calls: Counter[str] = field(default_factory=Counter)
    outward: Counter[str] = field(default_factory=Counter)  # calls of a function of another library


def read(path: Path) -> Profile:
    profile = Profile()
    place = {"ob": "", "fl": "", "fn": ""}
    callee = ""
    library = ""
    is_call = False
    for line in path.read_text(errors="replace").splitlines():
        key, equals, value = line.partition("=")
        if equals and key in ("fl", "fi", "fe"):
            place["fl"] = value
        elif equals and key in ("ob", "fn"):
            place[key] = value
        elif equals and key == "cob":
            library = value
        elif equals and key == "cfn":
            callee = value
        elif equals and key == "calls":
            count = int(value.split()[0])
            profile.calls[callee] += count
            profile.outward[callee] += count if library else 0
            library = ""
            is_call = True
        elif line[:1].isdigit():
            cost = int(line.split()[1]) if " " in line else 0
            if is_call:
                if callee != place["fn"]:
                    profile.inclusive[callee] += cost
                is_call = False
            else:
                profile.total += cost
                profile.by_object[place["ob"]] += cost
                profile.by_file[place["fl"]] += cost
    return profile
