"""What a list and a mapping of objects give."""
from collections.abc import Mapping


class Message:
    text: str


class User:
    name: str

    def rename(self, name: str) -> None:
        self.name = name


class Root:
    def messages(self) -> list[Message]:
        return []

    def users(self) -> Mapping[str, User]:
        return {}
