import sys

import rpyc
from rpyc.utils.server import ThreadedServer
from served import Target, Thing


class Exposed(rpyc.Service):  # type: ignore[misc]
    """Its public methods, by the prefix that RPyC wants."""

    def __init__(self) -> None:
        self.target = Target()

    def exposed_get(self) -> Target:
        return self.target

    def exposed_relay(self, thing: object, port: int) -> object:
        return rpyc.connect("127.0.0.1", port).root.mirror(thing)

    def exposed_mirror(self, thing: object) -> object:
        return thing


for kind in (Target, Thing):
    for name in [each for each in vars(kind) if not each.startswith("_") and each != "secret"]:
        setattr(kind, f"exposed_{name}", vars(kind)[name])

server = ThreadedServer(Exposed(), hostname="127.0.0.1", port=int(sys.argv[1]))
print("ready", flush=True)
server.start()
