"""Pyro5 with its msgpack serializer."""

from __future__ import annotations

import gc
import socket
import subprocess
import sys
import threading
import time
from typing import Any

import Pyro5.api
from common import HERE, start, stop, until, yes
from Pyro5 import config

config.SERIALIZER = "msgpack"
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    PORT = probe.getsockname()[1]
server = start("pyro5_server", str(PORT))
URI = f"PYRO:target@127.0.0.1:{PORT}"


def proxy() -> Any:
    return Pyro5.api.Proxy(URI)


def end() -> None:
    stop(server)


@Pyro5.api.expose
class Listener:
    thread = 0

    def tell(self, value: int) -> int:
        Listener.thread = threading.get_ident()
        return value + 1


daemon = Pyro5.api.Daemon()
listener = Listener()
daemon.register(listener)
threading.Thread(target=daemon.requestLoop, daemon=True).start()


def threads() -> str:
    shared = proxy()
    shared._pyroBind()
    refused: list[str] = []

    def use() -> None:
        try:
            shared.echo(1)
        except Exception as error:
            refused.append(str(error))

    thread = threading.Thread(target=use)
    thread.start()
    thread.join(5)
    return yes(not refused, "a proxy belongs to one thread; each thread takes a connection of its own")


def large_beside() -> str:
    return "a proxy belongs to one thread" if threads() != "yes" else "yes"


def callback() -> str:
    with proxy() as target:
        return yes(target.call(listener, 1) == 2, "no")


def callback_thread() -> str:
    with proxy() as target:
        target.call(listener, 1)
    return yes(Listener.thread == threading.get_ident(), "in a thread of a daemon that the client runs")


def no_timeout() -> str:
    return yes(config.COMMTIMEOUT == 0)


def deadline() -> str:
    with proxy() as target:
        target._pyroTimeout = 0.3
        try:
            target.sleep(2)
        except Exception:
            time.sleep(2.2)
            with proxy() as again:
                return yes(not again.has_slept(), "ends the wait, and the connection with it")
    return "no"


def async_served() -> str:
    with proxy() as target:
        return yes(target.later(3) == 3)


def generator() -> str:
    with proxy() as target:
        return yes(list(target.numbers(5)) == [0, 1, 2, 3, 4])


def generator_send() -> str:
    with proxy() as target:
        step = target.add_up()
        next(step)
        return yes(step.send(4) == 4)


def oneway() -> str:
    with proxy() as target:
        began = time.monotonic()
        target.nap(1)
        return yes(time.monotonic() - began < 0.7)


def tuple_kept() -> str:
    with proxy() as target:
        pair, plain_set, _frozen, number, date, amount = target.kinds()
        return yes(
            type(pair) is tuple
            and type(plain_set) is set
            and number == 1j
            and type(date).__name__ == "date"
            and type(amount).__name__ == "Decimal",
            "some as lists or text",
        )


def by_reference() -> str:
    with proxy() as target:
        target.shared().append("more")
        return yes(target.line_count() == 2, "by value, always")


def by_value() -> str:
    with proxy() as target:
        return yes(target.shared() == ["first"])


def identity() -> str:
    with proxy() as target:
        return yes(
            target.same() is target.same() and target.is_same(target.same()),
            "comes home as itself" if target.is_same(target.same()) else "no",
        )


def freed() -> str:
    with proxy() as target:
        before = target.alive()
        held = target.fresh()
        held.name()
        del held
        gc.collect()
        return yes(until(lambda: target.alive() == before, 3), "stays registered")


def killed() -> str:
    with proxy() as target:
        before = target.alive()
        script = f"import Pyro5.api,time; t=Pyro5.api.Proxy({URI!r}); h=[t.fresh() for _ in range(5)]; print('ready',flush=True); time.sleep(60)"
        child = subprocess.Popen([sys.executable, "-P", "-c", script], stdout=subprocess.PIPE, cwd=HERE)
        assert child.stdout is not None
        child.stdout.readline()
        child.kill()
        child.wait()
        return yes(until(lambda: target.alive() == before, 3), "stays registered")


def exception_type() -> str:
    with proxy() as target:
        try:
            target.fail()
        except KeyError:
            return "yes"
    return "no"


def exception_quiet() -> str:
    with proxy() as target:
        try:
            target.fail()
        except KeyError as error:
            text = "".join(getattr(error, "_pyroTraceback", [])) + str(error)
            return yes("served.py" not in text, "the traceback goes along")
    return "no"


def undeclared() -> str:
    with proxy() as target:
        try:
            target.secret()
        except AttributeError:
            return "yes"
    return "no"


def arguments() -> str:
    with proxy() as target:
        return yes(target.echo("text") != "text")


def result() -> str:
    with proxy() as target:
        return yes(target.lie() != "not an int")


def property_once() -> str:
    with proxy() as target:
        before = target.look_count()
        target.looked  # noqa: B018 - reading it is the check
        return yes(target.look_count() == before + 1)


def no_pickle() -> str:
    return yes("pickle" not in Pyro5.serializers.serializers)


def size_limit() -> str:
    with proxy() as target:
        try:
            target.echo("x" * (2 << 20))
        except Exception:
            return "when configured; 1 GiB by default"
    return "no"


def encrypted() -> str:
    return yes(hasattr(config, "SSL")) and "by TLS, with certificates"
