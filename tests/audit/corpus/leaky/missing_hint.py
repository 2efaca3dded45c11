"""What has no hint is not offered."""


class Root:
    def nothing(self):  # ! missing-hint Root.nothing()
        return self

    def no_parameter_hint(self, x) -> int:  # ! missing-hint Root.no_parameter_hint()
        return 1

    def no_result_hint(self, x: int):  # ! missing-hint Root.no_result_hint()
        return x

    @property
    def prop(self):  # ! missing-hint Root.prop
        return 1
