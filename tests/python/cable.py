"""A way between a client and a server that can be cut, and whose uses are counted."""

from __future__ import annotations

import contextlib
import socket
import threading


class Cable:
    """Passes bytes on between those who come to ``port`` and a server's port, until it is cut."""

    def __init__(self, to: int) -> None:
        self.to = to
        self.is_down = False  # who comes is hung up on
        self.count = 0  # who has come
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.count += 1
                try:
                    if self.is_down:
                        raise OSError
                    far = socket.create_connection(("127.0.0.1", self.to), 10)
                except OSError:
                    near.close()
                    continue
                self._open += [near, far]
            for pair in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=pair, daemon=True).start()

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """Whoever is there now is cut off."""
        with self._lock:
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            self._open.clear()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
