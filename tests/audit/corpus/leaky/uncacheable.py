"""What nobody may keep, and what is not to be understood without running it."""
from collections.abc import Callable, Iterator
from typing import Protocol, overload

import pynto

TTL = 60


class Watcher(Protocol):
    def tell(self, text: str) -> None: ...


class Root:
    @pynto.cached(ttl=1)
    def itself(self) -> "Root":  # ! uncacheable Root.itself()
        return self

    @pynto.cached(ttl=1)
    def ask(self, question: Callable[[int], int]) -> int:  # ! uncacheable Root.ask()
        return question(1)

    @pynto.cached(ttl=1)
    def watch(self, watcher: Watcher) -> int:  # ! uncacheable Root.watch()
        return 1

    @pynto.cached(ttl=TTL)
    def named(self) -> int:  # ! uncacheable Root.named()
        return 1

    @pynto.cached(ttl=30 * 2)
    def computed(self) -> int:  # ! uncacheable Root.computed()
        return 1

    @pynto.cached(ttl=0)
    def never(self) -> int:  # ! uncacheable Root.never()
        return 1

    @pynto.cached(ttl=100_000)
    def forever(self) -> int:  # ! uncacheable Root.forever()
        return 1

    @pynto.cached(ttl=0.0001)
    def briefly(self) -> int:  # ! uncacheable Root.briefly()
        return 1

    @pynto.cached(ttl=1, vary=())
    def nothing(self, word: str) -> int:  # ! uncacheable Root.nothing()
        return 1

    @pynto.cached(ttl=1, vary=("word", "word"))
    def twice(self, word: str) -> int:  # ! uncacheable Root.twice()
        return 1

    @pynto.cached(ttl=1, vary=("wrod",))
    def misspelled(self, word: str) -> int:  # ! uncacheable Root.misspelled()
        return 1

    @pynto.cached(ttl=1, vary=tuple("x"))
    def calculated(self, x: str) -> int:  # ! uncacheable Root.calculated()
        return 1

    @property
    @pynto.cached(ttl=1, vary=("self",))
    def varied(self) -> int:  # ! uncacheable Root.varied
        return 1

    @overload
    def several(self, word: str) -> str: ...  # ! uncacheable Root.several()
    @overload
    def several(self, word: int) -> int: ...
    @pynto.cached(ttl=1)
    def several(self, word: int | str) -> int | str:
        return word

    @pynto.cached(ttl=1)
    def __bool__(self) -> bool:  # ! uncacheable Root.__bool__()
        return True
