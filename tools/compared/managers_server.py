import sys
from multiprocessing.managers import BaseManager

from served import Target


class Manager(BaseManager):
    pass


target = Target()
Manager.register(
    "target",
    callable=lambda: target,
    method_to_typeid={"fresh": "Thing", "same": "Thing", "add_up": "Generator", "numbers": "Generator"},
)
Manager.register("Thing", exposed=("name",), create_method=False)
Manager.register("Generator", exposed=("__next__", "send", "throw", "close"), create_method=False)

if __name__ == "__main__":
    server = Manager(("127.0.0.1", int(sys.argv[1])), authkey=b"compared").get_server()
    print("ready", flush=True)
    server.serve_forever()
