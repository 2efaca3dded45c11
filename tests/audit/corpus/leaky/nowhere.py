"""Nothing can be passed where Never is declared, and a callable that is returned must have a signature all the way."""
from collections.abc import Callable
from typing import Never


class Root:
    def nothing(self, x: Never) -> None:  # ! unsupported-type Root.nothing()
        return None

    def nested(self) -> Callable[[int], Callable[..., int]]:  # ! callable-ellipsis Root.nested()
        raise NotImplementedError
