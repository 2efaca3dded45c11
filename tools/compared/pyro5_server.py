import sys

import Pyro5.api
import served
from Pyro5 import config

config.SERIALIZER = "msgpack"
config.MAX_MESSAGE_SIZE = 1 << 20


@Pyro5.api.expose
class Thing(served.Thing):
    def name(self) -> str:
        return "thing"


class Target(served.Target):
    """Pyro hands out an object by reference when it was registered with the daemon."""

    def __init__(self) -> None:
        super().__init__()
        self.thing = Thing()

    def fresh(self) -> Thing:
        thing = Thing()
        self._pyroDaemon.register(thing)
        return thing

    def call(self, function: object, value: int) -> int:
        function._pyroClaimOwnership()  # type: ignore[attr-defined]
        return function.tell(value)  # type: ignore[attr-defined,no-any-return]

    @Pyro5.api.oneway
    def nap(self, seconds: float) -> None:
        self.sleep(seconds)


for name in [each for each in {**vars(served.Target), **vars(Target)} if not each.startswith("_") and each != "secret"]:
    setattr(Target, name, Pyro5.api.expose(getattr(Target, name)))

daemon = Pyro5.api.Daemon(host="127.0.0.1", port=int(sys.argv[1]))
target = Target()
daemon.register(target, "target")
daemon.register(target.thing)
print("ready", flush=True)
daemon.requestLoop()
