"""What clients may keep, with its time and the parameters that tell answers apart."""
import pynto
from pynto import cached as kept


class Part:
    @kept(ttl=60)
    def name(self) -> str:
        return ""


class Root:
    @pynto.cached(ttl=2.5, vary=("word", "limit"))
    def find(self, word: str, limit: int = 10, *, trace: str = "") -> tuple[str, ...]:
        return ()

    @pynto.cached(ttl=0.25, vary="part")
    def price(self, part: Part, note: str = "") -> int:
        return 1

    @pynto.cached(ttl=86400, vary=None)
    async def rates(self) -> tuple[float, ...]:
        return ()

    @property
    @kept(ttl=1)
    def size(self) -> int:
        return 1

    @size.setter
    def size(self, value: int) -> None:
        return None

    def part(self, name: str) -> Part:
        return Part()

    @kept(ttl=3)
    def __len__(self) -> int:
        return 1
