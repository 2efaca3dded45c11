"""A class that answers every name."""


class Root:
    def __getattr__(self, name: str) -> int:  # ! catch-all Root
        return 1

    def fine(self) -> int:
        return 1
