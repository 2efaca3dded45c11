"""What one operation keeps, another one uses."""
import os
from dataclasses import dataclass

LAST = ""


@dataclass(frozen=True)
class Job:
    path: str
    mode: int


@dataclass
class Settings:
    where: str = ""


class Root:
    def __init__(self) -> None:
        self._name = ""
        self._safe = "/tmp/x"
        self._settings = Settings()
        self._jobs: dict[int, Job] = {}
        self._names: list[str] = []
        self.paths: list[str] = []  # ! mutable-attribute Root.paths

    def rename(self, name: str) -> None:
        self._name = name

    def show(self) -> str:
        return os.readlink(self._name)  # ! power-files Root.show()

    def safe(self) -> str:
        return os.readlink(self._safe)  # ! power-files/info Root.safe()

    def set(self, where: str) -> None:
        self._settings = Settings(where)

    def get(self) -> str:
        return os.readlink(self._settings.where)  # ! power-files Root.get()

    def record(self, job: Job) -> str:
        return os.readlink(job.path)  # ! power-files Root.record()

    def add(self, number: int, job: Job) -> None:
        self._jobs[number] = job

    def run(self, number: int) -> str:
        return os.readlink(self._jobs[number].path)  # ! power-files Root.run()

    def note(self, name: str) -> None:
        self._names.append(name)

    def noted(self) -> list[str]:
        return [os.readlink(name) for name in self._names]  # ! power-files Root.noted()

    def live(self) -> str:
        return os.readlink(self.paths[0])  # ! power-files Root.live()

    def module(self, name: str) -> None:
        global LAST
        LAST = name

    def last(self) -> str:
        return os.readlink(LAST)  # ! power-files Root.last()
