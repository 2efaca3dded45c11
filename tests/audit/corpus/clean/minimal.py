"""Private names, class-level names and undeclared attributes are not offered."""
from typing import ClassVar, Final


class Root:
    count: ClassVar[int] = 0
    LIMIT: Final = 3
    name: Final[str] = "root"
    inferred = 4

    def __init__(self) -> None:
        self.title: str = ""
        self.hidden = 1
        self._secret: int = 2
        self.__mangled: int = 3

    def __repr__(self) -> str:
        return "Root"

    def __hash__(self) -> int:
        return 1

    def _private(self) -> int:
        return self.__mangled

    @staticmethod
    def static(x: int) -> int:
        return x

    @classmethod
    def make(cls) -> "Root":
        return cls()

    class Inner:
        def go(self) -> None:
            return None
