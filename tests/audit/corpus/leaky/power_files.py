"""A path that a client writes, by each way in which a value gets somewhere."""
import os
import shutil
from pathlib import Path


class Root:
    def __init__(self, base: str) -> None:
        self._base = base

    def plain(self, path: str) -> int:
        return len(open(path).read())  # ! power-files Root.plain() ! power-files/info Root.plain()

    def joined(self, name: str) -> bool:
        return os.path.exists(os.path.join(self._base, name))  # ! power-files Root.joined()

    def formatted(self, name: str) -> None:
        os.remove(f"{self._base}/{name}.txt")  # ! power-files Root.formatted()

    def percent(self, name: str) -> None:
        os.remove("%s/x" % name)  # ! power-files Root.percent()

    def through_path(self, name: str) -> str:
        return (Path(self._base) / name).read_text()  # ! power-files Root.through_path()

    def unpacked(self, names: tuple[str, str]) -> None:
        first, second = names
        shutil.move(first, second)  # ! power-files Root.unpacked()

    def collected(self, names: tuple[str, ...]) -> list[int]:
        sizes = []
        for name in names:
            sizes.append(os.path.getsize(name))  # ! power-files Root.collected()
        return sizes

    def comprehended(self, names: tuple[str, ...]) -> frozenset[bool]:
        return frozenset({os.path.isdir(name) for name in names})  # ! power-files Root.comprehended()

    def mapped(self, names: tuple[str, ...]) -> tuple[bool, ...]:
        return tuple(map(os.path.isfile, names))  # ! power-files Root.mapped()

    def sliced(self, name: str) -> None:
        os.rmdir(name.strip()[1:])  # ! power-files Root.sliced()

    def fixed(self) -> None:
        os.remove("/tmp/lock")  # ! power-files/info Root.fixed()

    def numbered(self, page: int) -> None:
        os.remove(f"{page}.txt")  # ! power-files/info Root.numbered()
