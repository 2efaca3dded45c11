"""Live containers in attributes can be changed by the client."""


class Root:
    lines: list[str]  # ! mutable-attribute Root.lines

    def __init__(self) -> None:
        self.table: dict[str, int] | None = None  # ! mutable-attribute Root.table
        self.names: set[str] = set()  # ! mutable-attribute Root.names
        self._private: list[str] = []

    @property
    def alias(self) -> list[str]:  # ! mutable-attribute Root.alias
        return self.lines
