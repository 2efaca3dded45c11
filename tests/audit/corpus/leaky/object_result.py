"""object as a result lets everything through."""


class Root:
    def leak(self) -> object:  # ! object-result Root.leak()
        return self

    def maybe(self) -> object | None:  # ! object-result Root.maybe()
        return None
