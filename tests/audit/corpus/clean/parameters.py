"""Every kind of parameter."""


class Root:
    def positional(self, a: int, b: str = "", /) -> None:
        return None

    def both(self, a: int, b: str = "") -> None:
        return None

    def mixed(self, a: int, /, b: int, *, z: int, c: int = 1) -> None:
        return None

    def rest(self, *values: int, flag: bool = False, **options: str) -> None:
        return None

    def old(self, __a: int, b: int = 2) -> None:
        return None
