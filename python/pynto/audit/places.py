"""Where a class or a member stands: file and line, as a person would write them."""

from __future__ import annotations

import functools
import os
from pathlib import Path

from mypy.nodes import TypeInfo

from .build import World
from .declared import ClassSource, class_source

_STUBS = "/typeshed/"


class Places:
    def __init__(self, world: World) -> None:
        self.world = world
        self._sources: dict[TypeInfo, ClassSource | None] = {}

    def source(self, info: TypeInfo) -> ClassSource | None:
        if info not in self._sources:
            file = self.world.file_of(info.module_name)
            self._sources[info] = class_source(file, info.fullname[len(info.module_name) + 1 :]) if file else None
        return self._sources[info]

    def of(self, info: TypeInfo, member: str = "") -> tuple[str, int]:
        file, source = self.world.file_of(info.module_name), self.source(info)
        line = source.lines.get(member, source.line) if source else 0
        return shown(file), line


@functools.lru_cache(maxsize=4096)
def _shown(file: str, folder: str) -> str:
    path = Path(file).as_posix()
    if _STUBS in path:
        return "typeshed/" + path.rpartition(_STUBS)[2]
    relative = os.path.relpath(file, folder) if file else ""
    return Path(file if relative.startswith("..") else relative).as_posix() if file else ""


def shown(file: str) -> str:
    """A path that is the same on every machine, where there is one."""
    return _shown(file, os.getcwd())
