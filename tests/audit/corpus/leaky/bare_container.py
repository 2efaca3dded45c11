"""A container without type arguments holds Any."""


class Root:
    def items(self) -> list:  # ! any-result Root.items()
        return []

    def mapping(self) -> dict:  # ! any-result Root.mapping()
        return {}
