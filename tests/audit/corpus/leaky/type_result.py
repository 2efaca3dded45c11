"""A class is a constructor: it never crosses, in any direction."""


class Root:
    def cls(self) -> type["Root"]:  # ! type-result Root.cls()
        return Root

    def any_cls(self) -> type:  # ! type-result Root.any_cls()
        return Root

    def make(self, cls: type["Root"]) -> None:  # ! forbidden-type Root.make()
        return None
