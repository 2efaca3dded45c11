"""Classes of libraries can be held, and nothing else."""
import pathlib
import threading


class Root:
    home: pathlib.Path  # ! opaque-attribute Root.home

    def path(self) -> pathlib.Path:  # ! opaque-class Root.path()
        return self.home

    def thread(self) -> threading.Thread:  # ! opaque-class Root.thread()
        raise NotImplementedError
