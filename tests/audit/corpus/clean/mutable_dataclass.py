"""A dataclass that is not frozen is an object like any other: it goes by reference."""
from dataclasses import dataclass, field


@dataclass
class Task:
    title: str
    done: bool = False
    _notes: list[str] = field(default_factory=list)

    def finish(self) -> None:
        self.done = True

    def note(self, text: str) -> int:
        self._notes.append(text)
        return len(self._notes)


class Root:
    def task(self, title: str) -> Task:
        return Task(title)
