"""multiprocessing's managers."""

from __future__ import annotations

import gc
import socket
import subprocess
import sys
import threading
from typing import Any

from common import HERE, beside, start, stop, together, until, yes
from managers_server import Manager

with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    PORT = probe.getsockname()[1]
server = start("managers_server", str(PORT))
manager = Manager(("127.0.0.1", PORT), authkey=b"compared")
manager.connect()
target: Any = manager.target()  # type: ignore[attr-defined]


def end() -> None:
    stop(server)


def threads() -> str:
    is_so = together(lambda: target.sleep(1), lambda: target.echo(1))
    return "each thread takes a connection of its own" if is_so else "no"


def large_beside() -> str:
    return "on a connection of its own" if beside(target.echo, lambda: target.echo(1)) >= 4 else "they wait for it"


def callback() -> str:
    return yes(target.call(lambda value: value + 1, 1) == 2)


def no_timeout() -> str:
    return "yes"


def async_served() -> str:
    return yes(target.later(3) == 3)


def generator() -> str:
    step = target.numbers(5)
    return (
        yes([step._callmethod("__next__") for _ in range(5)] == [0, 1, 2, 3, 4], "no") and "with a proxy of one's own"
    )


def tuple_kept() -> str:
    return yes(
        [type(each).__name__ for each in target.kinds()] == ["tuple", "set", "frozenset", "complex", "date", "Decimal"]
    )


def by_reference() -> str:
    target.shared().append("more")
    return yes(target.line_count() == 2, "for types that were registered")


def by_value() -> str:
    return yes(target.shared() == ["first"])


def identity() -> str:
    return yes(target.same() is target.same(), "no")


def freed() -> str:
    before = target.alive()
    held = target.fresh()
    during = target.alive()
    del held
    gc.collect()
    return yes(during == before + 1 and until(lambda: target.alive() == before, 5))


def killed() -> str:
    before = target.alive()
    script = (
        "import time; from managers_server import Manager; "
        f"m=Manager(('127.0.0.1',{PORT}),authkey=b'compared'); m.connect(); t=m.target(); h=[t.fresh() for _ in range(5)]; print('ready',flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=HERE)
    assert child.stdout is not None
    child.stdout.readline()
    during = target.alive()
    child.kill()
    child.wait()
    return yes(during == before + 5 and until(lambda: target.alive() == before, 5))


def exception_type() -> str:
    try:
        target.fail()
    except KeyError:
        return "yes"
    return "no"


def exception_quiet() -> str:
    try:
        target.fail()
    except KeyError as error:
        return yes("served.py" not in f"{error.__cause__}{error}", "the traceback goes along")
    return "no"


def undeclared() -> str:
    return yes("secret" not in dir(target), "every public method, unless listed")


def arguments() -> str:
    return yes(target.echo("text") != "text")


def result() -> str:
    return yes(target.lie() != "not an int")


def no_pickle() -> str:
    return "no"


def callback_thread() -> str:
    return yes(bool(threading) and callback() == "yes")
