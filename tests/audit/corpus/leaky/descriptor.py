"""Reading a descriptor runs code that is not declared here."""
from typing import Any


class Field:
    def __get__(self, instance: Any, owner: Any) -> Any:
        return instance


class Root:
    value: Field = Field()  # ! descriptor-attribute Root.value
