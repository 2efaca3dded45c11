"""A type error makes declared types untrue."""


class Root:
    def number(self) -> int:
        return "one"  # ! mypy-error
