"""A callable without a signature."""
from collections.abc import Callable
from typing import Any


class Root:
    def out(self) -> Callable[..., int]:  # ! callable-ellipsis Root.out()
        raise NotImplementedError

    def into(self, callback: Callable[..., int]) -> None:  # ! callable-ellipsis Root.into()
        return None

    def bare(self) -> Callable:  # ! callable-ellipsis Root.bare()
        raise NotImplementedError

    def any_argument(self, callback: Callable[[Any], None]) -> None:  # ! any-result Root.any_argument()
        return None

    def any_from_client(self, callback: Callable[[], Any]) -> None:  # ! any-parameter Root.any_from_client()
        return None
