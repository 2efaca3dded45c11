"""RPyC 6, as it is served by default: names with the prefix ``exposed_``."""

from __future__ import annotations

import gc
import pickle
import socket
import subprocess
import sys
import threading
import time
from typing import Any

import rpyc
from common import HERE, beside, start, stop, together, until, yes

with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    PORT = probe.getsockname()[1]
server = start("rpyc_server", str(PORT))
connection = rpyc.connect("127.0.0.1", PORT)
target: Any = connection.root.get()


def end() -> None:
    connection.close()
    stop(server)


def threads() -> str:
    return yes(
        together(lambda: rpyc.connect("127.0.0.1", PORT).root.get().sleep(1), lambda: target.echo(1))
        and together(lambda: target.sleep(1), lambda: target.echo(1)),
        "one after the other",
    )


def large_beside() -> str:
    return yes(beside(target.echo, lambda: target.echo(1)) >= 4, "they wait for it")


def callback() -> str:
    return yes(target.call(lambda value: value + 1, 1) == 2)


def callback_thread() -> str:
    seen: set[int] = set()

    def work() -> None:
        for each in range(20):
            target.call(lambda value: seen.add(threading.get_ident()) or value, each)

    workers = [threading.Thread(target=work) for _ in range(3)]
    for each in workers:
        each.start()
    idents = {each.ident for each in workers}
    for each in workers:
        each.join(20)
    return yes(seen == idents, "in whichever thread reads")


def no_timeout() -> str:
    return yes(
        connection._config["sync_request_timeout"] is None,
        f"{connection._config['sync_request_timeout']} s unless configured",
    )


def deadline() -> str:
    waiting = rpyc.timed(target.sleep, 0.3)(2)
    try:
        waiting.wait()
        waiting.value  # noqa: B018 - it raises
    except Exception:
        time.sleep(2.2)
        return yes(not target.has_slept(), "ends the wait only")
    return "no"


def generator() -> str:
    return yes(list(target.numbers(5)) == [0, 1, 2, 3, 4])


def generator_send() -> str:
    step = target.add_up()
    next(step)
    try:
        return yes(step.send(4) == 4)
    except AttributeError:
        return "with allow_public_attrs, for all objects at once"


def tuple_kept() -> str:
    pair, plain_set, frozen, number, date, _amount = target.kinds()
    kept = [
        type(pair) is tuple,
        type(plain_set) is set,
        type(frozen) is frozenset,
        number == 1j,
        type(date).__module__ == "datetime",
    ]
    return yes(all(kept), "tuples and complex by value, others by reference" if kept[0] and kept[3] else "no")


def by_reference() -> str:
    try:
        target.shared().append("more")
    except AttributeError:
        return "with allow_public_attrs, for all objects at once"
    return yes(target.line_count() == 2)


def by_value() -> str:
    try:
        rpyc.classic.obtain(target.shared())
    except ValueError:
        return "by pickle, when the server allows it"
    return "yes"


def identity() -> str:
    return yes(
        target.same() is target.same() and target.is_same(target.same()),
        "comes home as itself" if target.is_same(target.same()) else "no",
    )


def freed() -> str:
    before = target.alive()
    held = target.fresh()
    during = target.alive()
    del held
    gc.collect()
    return yes(during == before + 1 and until(lambda: target.alive() == before))


def killed() -> str:
    before = target.alive()
    script = f"import rpyc,time; c=rpyc.connect('127.0.0.1',{PORT}); t=c.root.get(); h=[t.fresh() for _ in range(5)]; print('ready',flush=True); time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-P", "-c", script], stdout=subprocess.PIPE, cwd=HERE)
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
        return yes(
            "served.py" not in "".join(map(str, getattr(error, "_remote_tb", ""))) + str(error),
            "the traceback goes along, unless configured",
        )
    return "no"


def undeclared() -> str:
    try:
        target.secret()
    except AttributeError:
        return "yes"
    return "no"


def property_once() -> str:
    before = target.look_count()
    target.looked  # noqa: B018 - reading it is the check
    return yes(target.look_count() == before + 1)


def no_pickle() -> str:
    try:
        pickle.dumps(target.same())
    except ValueError:
        return "yes"
    return "no"


def asyncio() -> str:
    return "no"


def oneway() -> str:
    began = time.monotonic()
    rpyc.async_(target.sleep)(0.5)
    return yes(False, "asynchronous calls, which are answered") if time.monotonic() - began < 0.4 else "no"


def read_ahead() -> str:
    return yes(sum(rpyc.buffiter(target.numbers(100), 50)) == 4950) and "by a helper that the caller uses"


def three_parties() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    third = start("rpyc_server", str(port))
    try:
        mine = threading.Event()
        return yes(connection.root.relay(mine, port) is mine)
    finally:
        stop(third)


def pipe() -> str:
    program = (
        "import sys, rpyc; from rpyc.core.stream import PipeStream; "
        "out = sys.stdout.buffer; sys.stdout = sys.stderr; "
        "rpyc.connect_stream(PipeStream(sys.stdin.buffer, out), rpyc.SlaveService).serve_all()"
    )
    child = rpyc.utils.factory.connect_subproc([sys.executable, "-c", program], rpyc.core.service.MasterService)
    try:
        return yes(child.modules.os.getpid() == child.proc.pid)
    finally:
        child.proc.kill()
        child.proc.wait()


def encrypted() -> str:
    return yes(callable(rpyc.ssl_connect)) and "by TLS, with certificates"
