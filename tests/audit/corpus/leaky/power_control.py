"""The process as a whole."""
import os
import signal
import sys


class Root:
    def end(self) -> None:
        sys.exit(1)  # ! power-control/warning Root.end()

    def abort(self) -> None:
        os._exit(1)  # ! power-control Root.abort()

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGTERM)  # ! power-control Root.kill()

    def handler(self) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # ! power-control/warning Root.handler()
