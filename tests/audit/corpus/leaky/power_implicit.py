"""Calls that nobody writes: properties, operators, with, for, str."""
import os
from collections.abc import Iterator


class Guard:
    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> int:
        return os.open(self._path, 0)  # ! power-files Root.entered()

    def __exit__(self, *details: object) -> None: ...

    def __add__(self, other: str) -> None:
        os.remove(other)  # ! power-files Root.added()

    def __str__(self) -> str:
        return os.readlink("/proc/self")  # ! power-files/info Root.told() ! power-files/info Root.printed()

    def __getitem__(self, path: str) -> int:
        return os.stat(path).st_size  # ! power-files Root.item()

    def __iter__(self) -> Iterator[str]:
        yield os.getlogin()  # ! power-environment/info Root.walked()

    @property
    def size(self) -> int:
        return os.stat(self._path).st_size  # ! power-files Root.sized()


class Root:
    def __init__(self) -> None:
        self._guard = Guard("/")

    def entered(self, path: str) -> None:
        with Guard(path):
            pass

    def added(self, path: str) -> None:
        self._guard + path

    def told(self) -> str:
        return f"{self._guard}"

    def printed(self) -> str:
        return str(self._guard)

    def item(self, path: str) -> int:
        return self._guard[path]

    def walked(self) -> int:
        return len([each for each in self._guard])

    def sized(self) -> int:
        return self._guard.size

    @property
    def own(self) -> int:
        return os.getpriority(0, 0)  # ! power-files/info Root.own

    def __getitem__(self, path: str) -> int:
        return os.stat(path).st_size  # ! power-files Root.__getitem__()
