"""Counts the instructions of a call by callgrind and compares them with budgets.json: ``check.py SITE [--write]``.

A server and a client of it run under callgrind in turn: with the extension as it is installed, and with the one in SITE, which was built with names and each file by
itself, so that the stages can be told apart. Counted is what pynto's own code takes for a call, without the interpreter and the C library; of decoding and encoding
with what these do for them. The same of a connection with its first call and its end.
Blocks of calls are counted and the least is taken. A server that looks whether something comes, instead of sleeping, takes some hundred instructions less for a call; whether it does depends on
what else the machine does, so it is asked slowly, and sleeps each time; what is only reported is of calls one behind the other. The figures are for one compiler, one version
of Python and one kind of processor: with others they are reported, and compared with nothing. Fails when a stage takes more than 5 % more than its budget.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import callgrind
import msgpack

HERE = Path(__file__).resolve().parent
BUDGETS = HERE / "budgets.json"
TOLERANCE = 0.05
BLOCKS, CALLS = 6, 100
PAUSE = 0.001  # between two questions: the server has gone to sleep by then
BATCHES, STEPS = 4, 100  # of a block of pipelined calls
CONNECTIONS = 50  # of a block of them
LOGGED = 120  # come ahead of those: by then the log has had all its lines, but for some a second
MARKS = ("PYNTO_BUDGET_MARKS",)

ECHO = msgpack.packb([0, "echo", [1], {}]) + b"\n"
DENIED = msgpack.packb([0, "nope", [1], {}]) + b"\n"
BATCH = msgpack.packb([-12, [[0, "echo", [1], {}]] * STEPS, {}]) + b"\n"
MARK = msgpack.packb([0, "mark", [], {}]) + b"\n"
LIMITS = {
    "message": 1 << 28,
    "depth": 32,
    "elements": 1 << 24,
    "keys": 4096,
    "integer": 4096,
    "references": 10_000,
    "part": 1 << 20,
}
HELLO = msgpack.packb([-8, "pynto", 1, None, LIMITS]) + b"\n"  # as a client of ours says it
GOODBYE = msgpack.packb([-7, 0, ""]) + b"\n"


def environment() -> dict[str, str]:
    """What the figures depend on."""
    compiler = subprocess.run(["gcc", "-dumpversion"], capture_output=True, text=True, check=True).stdout.strip()
    return {
        "compiler": f"gcc {compiler.split('.')[0]}",
        "python": "{}.{}".format(*sys.version_info[:2]),
        "processor": platform.machine(),
    }


def under_callgrind(script: str, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--compress-strings=no", "--compress-pos=no"]
    command += [f"--callgrind-out-file={folder}/{script}.out", sys.executable, "-P", str(HERE / script), str(folder)]
    return subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def blocks_of(script: str, folder: Path) -> list[callgrind.Profile]:
    """Those between two marks, in their order; their files are taken away."""
    parts = sorted(folder.glob(f"{script}.out.*"), key=lambda path: int(path.suffix[1:]))
    profiles = [callgrind.read(path) for path in parts[1:]]
    for path in parts:
        path.unlink()
    return profiles


def in_kinds(blocks: list[callgrind.Profile], count: int) -> list[list[callgrind.Profile]]:
    """Blocks of several kinds that came one behind the other: between two kinds is a block that warms the next, and counts for neither."""
    return [blocks[kind * (BLOCKS + 1) :][:BLOCKS] for kind in range(count)]


class Peer:
    """A client of bytes: each question is one message, and so is its answer."""

    def __init__(self, folder: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(60)
        self._socket.connect(f"{folder}/socket")
        self._unpacker = msgpack.Unpacker(strict_map_key=False)
        self._socket.sendall(HELLO)
        while self.answer()[0] != -1:  # the root
            pass

    def close(self) -> None:
        """The server has ended it, too, when this comes back."""
        time.sleep(PAUSE)
        self._socket.sendall(GOODBYE)
        while self._socket.recv(65536):
            pass
        self._socket.close()

    def answer(self) -> list[object]:
        while True:
            for message in self._unpacker:
                if isinstance(message, list):  # else it is a newline
                    return message
            self._unpacker.feed(self._socket.recv(65536))

    def ask(self, message: bytes, count: int = 1, answers: int = 1, pause: float = 0.0) -> list[object]:
        """The last answer, of so many to each of so many messages."""
        answer: list[object] = []
        for _ in range(count):
            time.sleep(pause)
            self._socket.sendall(message)
            for _ in range(answers):
                answer = self.answer()
        return answer


def connect(folder: Path, count: int) -> None:
    for _ in range(count):
        peer = Peer(folder)
        peer.ask(ECHO, pause=PAUSE)
        peer.close()


def count_server(folder: Path) -> list[list[callgrind.Profile]]:
    """Echoes one behind the other, echoes now and then, refusals, echoes in batches, and connections."""
    server = under_callgrind("server.py", folder)
    try:
        assert server.stdout is not None
        if server.stdout.readline() != "ready\n":
            raise SystemExit(f"budget: the server has ended: {server.communicate()[1][-1000:]}")
        peer = Peer(folder)
        for message, code, count, answers, pause in (
            (ECHO, -1, CALLS, 1, 0.0),
            (ECHO, -1, CALLS, 1, PAUSE),
            (DENIED, -2, CALLS, 1, PAUSE),
            (BATCH, -1, BATCHES, STEPS, 0.0),
        ):
            if peer.ask(message, count, answers)[0] != code:
                raise SystemExit("budget: a call was not answered as it should be")
            peer.ask(MARK)
            for _ in range(BLOCKS):
                peer.ask(message, count, answers, pause)
                peer.ask(MARK)
        connect(folder, LOGGED)
        peer.ask(MARK)
        for _ in range(BLOCKS):
            connect(folder, CONNECTIONS)
            peer.ask(MARK)
    finally:
        server.kill()
        server.wait()
    return in_kinds(blocks_of("server.py", folder), 5)


def count_client(folder: Path) -> list[list[callgrind.Profile]]:
    """Echoes, echoes in batches, and connections."""
    server = subprocess.Popen(
        [sys.executable, "-P", str(HERE / "server.py"), str(folder)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        server.stdout.readline()
        client = under_callgrind("client.py", folder, *map(str, (BLOCKS, CALLS, BATCHES, STEPS, CONNECTIONS)))
        _, errors = client.communicate(timeout=300)
        if client.returncode != 0:
            raise SystemExit(f"budget: the client has failed: {errors[-1000:]}")
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()
    return in_kinds(blocks_of("client.py", folder), 3)


def own(profile: callgrind.Profile) -> int:
    return sum(cost for name, cost in profile.by_object.items() if "_core." in name)


def of_files(profile: callgrind.Profile, *folders: str) -> int:
    return sum(cost for name, cost in profile.by_file.items() if any(f"/{each}/" in name for each in folders))


def allocations(profile: callgrind.Profile) -> int:
    return sum(count for name, count in profile.calls.items() if re.fullmatch(r"(malloc|calloc|realloc)(@.*)?", name))


# By which a server waits, reads, writes or says what it waits for.
SYSTEM_CALLS = re.compile(
    r"(epoll_wait|epoll_ctl|poll|recv|recvmsg|read|send|sendmsg|write|eventfd_\w+|sched_yield)(@.*)?"
)


def system_calls(profile: callgrind.Profile) -> int:
    return sum(count for name, count in profile.outward.items() if SYSTEM_CALLS.fullmatch(name))


def least(profiles: list[callgrind.Profile], of: Callable[[callgrind.Profile], int], calls: int = CALLS) -> int:
    return round(min(of(profile) for profile in profiles) / calls)


def stages(server: list[list[callgrind.Profile]]) -> dict[str, int]:
    """Instructions of a call's stages, built by files."""
    _, echoes, refusals, *_ = server
    return {
        "scan": least(echoes, lambda profile: profile.inclusive["pyn_scan_feed"]),
        "admit": least(echoes, lambda profile: profile.inclusive["pyn_admit"]),
        "decode": least(echoes, lambda profile: profile.inclusive["pyn_decode"]),
        "encode": least(echoes, lambda profile: profile.inclusive["pyn_encode_result"]),
        "policy_and_quotas": least(echoes, lambda profile: of_files(profile, "policy", "quota")),
        "refusal_allocations": least(refusals, allocations),
        "system_calls": least(echoes, system_calls, CALLS + 1),  # the mark is one, too
    }


def wholes(server: list[list[callgrind.Profile]], clients: list[list[callgrind.Profile]]) -> dict[str, int]:
    """Instructions of a call, or of a connection, as installed."""
    quick, echoes, refusals, batches, arrivals = server
    client, pipelines, connections = clients
    return {
        "server_echo": least(echoes, own),
        "client_echo": least(client, own),
        "refusal": least(refusals, own),
        "server_pipelined": least(batches, own, BATCHES * STEPS),
        "client_pipelined": least(pipelines, own, BATCHES * STEPS),
        "server_connect": least(arrivals, own, CONNECTIONS),
        "client_connect": least(connections, own, CONNECTIONS),
        "server_echo_with_python": least(quick, lambda profile: profile.total),
        "client_echo_with_python": least(client, lambda profile: profile.total),
        "server_pipelined_with_python": least(batches, lambda profile: profile.total, BATCHES * STEPS),
        "client_pipelined_with_python": least(pipelines, lambda profile: profile.total, BATCHES * STEPS),
        "server_connect_with_python": least(arrivals, lambda profile: profile.total, CONNECTIONS),
        "client_connect_with_python": least(connections, lambda profile: profile.total, CONNECTIONS),
    }


EXCHANGE = 3  # system calls of a server that slept: it is told, it reads, it writes
REPORTED = "_with_python"  # another build of the interpreter has others


def broken_rules(counts: dict[str, int]) -> list[str]:
    """Whatever the compiler is."""
    found = [
        f"{name} was not seen: nothing of it was counted"
        for name, count in counts.items()
        if count == 0 and name != "refusal_allocations"
    ]
    if counts["refusal"] >= counts["server_echo"]:
        found.append(f"a refusal takes {counts['refusal']}, more than the {counts['server_echo']} of a call")
    if counts["refusal_allocations"] != 0:
        found.append(f"a refusal allocates {counts['refusal_allocations']} times")
    if counts["system_calls"] > EXCHANGE:
        found.append(f"a call takes {counts['system_calls']} system calls, more than {EXCHANGE}")
    return found


def compare(counts: dict[str, int], budgets: dict[str, int]) -> list[str]:
    found = []
    for name, count in counts.items():
        budget = budgets.get(name)
        note = ""
        if budget is not None and not name.endswith(REPORTED):
            note = f"{(count - budget) / max(budget, 1):+7.1%} of {budget}"
            if count > budget * (1 + TOLERANCE):
                found.append(f"{name}: {count} instructions, {budget} are its budget")
        print(f"{name:26} {count:7}  {note}")
    return found


def wholes_of(folder: Path) -> dict[str, int]:
    server = count_server(folder)
    (folder / "socket").unlink()
    client = count_client(folder)
    (folder / "socket").unlink()
    return wholes(server, client)


def stages_of(folder: Path) -> dict[str, int]:
    return stages(count_server(folder))


def main() -> int:
    for tool in ("valgrind", "gcc"):
        if shutil.which(tool) is None:
            raise SystemExit(f"budget: {tool} is not there")
    os.environ["PYTHONHASHSEED"] = "0"
    with tempfile.TemporaryDirectory(prefix="budget") as name:
        folder = Path(name)
        marks = folder / "marks.so"
        subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", str(marks), str(HERE / "marks.c")], check=True)
        os.environ[MARKS[0]] = str(marks)
        os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
        generate = [sys.executable, "-m", "pynto.audit.cli", "generate", "served:Target"]
        subprocess.run([*generate, "-o", str(folder / "policy.json")], check=True, capture_output=True, cwd=HERE)
        counts = wholes_of(folder)
        os.environ["PYTHONPATH"] = os.pathsep.join([os.path.abspath(sys.argv[1]), os.environ["PYTHONPATH"]])
        counts |= stages_of(folder)
    here = environment()
    known = json.loads(BUDGETS.read_text()) if BUDGETS.exists() else {"environment": here, "instructions": {}}
    is_known = known["environment"] == here
    found = broken_rules(counts) + compare(counts, known["instructions"] if is_known else {})
    if not is_known:
        print(f"budget: reported only: the budgets are for {known['environment']}, this is {here}")
    if "--write" in sys.argv[2:]:
        BUDGETS.write_text(json.dumps({"environment": here, "instructions": counts}, indent=2) + "\n")
    for each in found:
        print(f"budget: {each}", file=sys.stderr)
    return 1 if found else 0


sys.exit(main())
