"""Does the extension live with what the interpreter asks of it?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SCENARIO = """
import gc, sys, warnings
import pynto, served

def use(policy):
    with pynto.pair(served.Root(), policy=policy, types=[served.Point]) as connection:
        root = connection.root
        assert root.add(1) == 2
        item = root.item()
        item.name = "x"
        assert root.is_item(item)
        assert root.apply(lambda value: root.add(value, 1), 1) == 2
        assert [n for n in root.count(3)] == [0, 1, 2]
        assert root.values().echo_point(served.Point(1, 2)) == served.Point(1, 2)
        assert root.values().echo_color(served.Color.RED).name == "RED"
        with root.opened("x") as opened:
            assert opened.name == "x"
        for wrong in (lambda: root.fail("ValueError"), lambda: root.add("1"), lambda: root.fail("Hidden")):
            try:
                wrong()
            except Exception:
                pass
        root.subscribe(lambda text: None)
        root.publish("x")
        assert root.slow(0.0, 5) == 5

policy = pynto.Policy.load(sys.argv[1])
"""


def test_a_sub_interpreter_is_refused(run_python: Callable[..., Any]) -> None:
    source = """
import sys
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
import pynto
number = interpreters.create()
code = "import sys; sys.path[:] = " + repr(sys.path) + '''
try:
    import pynto._core
except ImportError as error:
    print("refused:", error, flush=True)
else:
    print("loaded", flush=True)
'''
try:
    (getattr(interpreters, "run_string", None) or interpreters.exec)(number, code)
except Exception as error:
    print("refused:", error)
"""
    done = run_python(source)
    assert done.stdout.startswith("refused:"), done
    assert "interpreter" in done.stdout


def test_nothing_warns_in_development_mode(run_python: Callable[..., Any], served_policy: Path) -> None:
    source = (
        f"import sys; sys.argv[1:] = [{str(served_policy)!r}]\n"
        + SCENARIO
        + "use(policy)\ngc.collect()\nprint('done')\n"
    )
    done = run_python(source, "-X", "dev", "-W", "error", timeout=60.0)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "done\n"
    quiet = [line for line in done.stderr.splitlines() if "incident" not in line and line.strip()]
    assert quiet == [], done.stderr


def test_a_program_may_end_with_everything_open(run_python: Callable[..., Any], served_policy: Path) -> None:
    """No crash at the exit: daemon threads are in the middle of waiting, netrefs and connections are alive."""
    source = f"""
import sys; sys.argv[1:] = [{str(served_policy)!r}]
{SCENARIO}
import threading
connection = pynto.pair(served.Root(), policy=policy)
root = connection.root
item = root.item()
root.subscribe(print)
counting = root.count(5)
next(counting)
threading.Thread(target=lambda: root.meet(2), daemon=True).start()
print("end")
"""
    for _ in range(3):
        done = run_python(source, "-X", "faulthandler")
        assert (done.returncode, done.stdout) == (0, "end\n"), done.stderr


def test_repeated_use_leaves_no_reference_behind(run_python: Callable[..., Any], served_policy: Path) -> None:
    """Counts of what everybody shares stay where they are: None, True, the classes of errors, and all objects together."""
    source = f"""
import sys; sys.argv[1:] = [{str(served_policy)!r}]
{SCENARIO}
import logging, time
logging.disable(logging.CRITICAL)
watched = [None, True, False, (), "", pynto.Refused, pynto.RemoteError, pynto.Disconnected, served.Point, ValueError, TypeError,
           pynto._core.Connection, pynto._core.Netref, object, type, dict, tuple]
def counts():
    gc.collect()
    return [sys.getrefcount(each) for each in watched], len(gc.get_objects())
for _ in range(5):
    use(policy)
before, objects = counts()
for _ in range(20):
    use(policy)
def grown():
    after, more = counts()
    return [(each, a, b) for each, a, b in zip(watched, before, after) if b - a >= 20], more - objects
deadline = time.monotonic() + 10  # the threads of the last ones are still ending
while time.monotonic() < deadline and (grown()[0] or grown()[1] >= 200):
    time.sleep(0.05)
print(grown()[0] or grown()[1] < 200)
"""
    done = run_python(source, timeout=60.0)
    assert done.stdout == "True\n", done.stdout + done.stderr


def test_the_module_can_be_imported_only_through_its_package_names(run_python: Callable[..., Any]) -> None:
    done = run_python(
        "import pynto\nprint(sorted(pynto.__all__) == pynto.__all__, all(hasattr(pynto, n) for n in pynto.__all__))"
    )
    assert done.stdout == "True True\n", done.stderr


def test_types_of_the_extension_cannot_be_bent(run_python: Callable[..., Any]) -> None:
    source = """
import pynto._core as core
for cls in (core.Netref,):
    try:
        cls()
    except TypeError as error:
        print("refused")
    try:
        cls.__new__(cls)
    except TypeError:
        print("refused")
for make in (lambda: core.Connection(), lambda: core.Server(), lambda: core.Policy()):
    try:
        make()
    except (TypeError, OSError, ValueError):
        print("refused")
    else:
        print("made")
"""
    done = run_python(source, "-X", "dev")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["refused"] * 5, done.stdout + done.stderr


@pytest.mark.parametrize("option", ["-O", "-OO", "-I"])
def test_other_ways_to_start_python_work(run_python: Callable[..., Any], option: str, served_policy: Path) -> None:
    if option == "-I":
        import pynto

        found = str(Path(pynto.__file__).absolute().parents[1])
        source = f"import sys; sys.path[:0] = [{found!r}, {str(Path(__file__).parent)!r}]\n"
    else:
        source = ""
    source += f"import pynto, served\nwith pynto.pair(served.Root(), policy={str(served_policy)!r}) as c:\n    print(c.root.add(1))"
    done = run_python(source, option)
    assert done.stdout == "2\n", done.stderr
