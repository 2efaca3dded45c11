"""What stays behind."""
import atexit
import shelve


class Root:
    def kept(self, name: str) -> None:
        shelve.open(name)  # ! power-persistence Root.kept() ! power-files Root.kept() ! power-deserialise Root.kept()

    def registered(self) -> None:
        atexit.register(print, "bye")  # ! power-persistence/warning Root.registered()
