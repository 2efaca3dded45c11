"""How long a refusal takes, seen from where a client sits: the whole way, with the server's store and its audit log, and Welch's t-test over it.

    tools/login_time [SAMPLES]

Each sample is a connection of its own, from an address of its own: a handshake, then the time from the login to the refusal. Classes come in random order; the slowest
tenth is the machine's and is left out. What needs the disk (a use that is counted) is compared as well, to show that a difference would be seen.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from fortress import Fortress
from rawchannel import LOGIN_CAPABILITY, LOGIN_KEY, REFUSED, RawChannel

BOUND = 4.5
MANY = 8  # capabilities, or keys, of a class
SHORT = 2  # seconds until what is to have expired has

Login = tuple[bytes, bytes | None]  # what is sent, and the secret key of the handshake


def source() -> str:
    return f"127.{random.randrange(1, 250)}.{random.randrange(250)}.{random.randrange(1, 250)}"


def refusal(url: str, login: Login) -> float:
    """Seconds."""
    sent, key = login
    with RawChannel(url, source=source(), timeout=30.0) as channel:
        channel.shake("NK" if key is None else "IK", static=key)
        record = channel.sealed(1, sent)
        began = time.perf_counter()
        channel.socket.sendall(record)
        frame = channel.frame()
        seconds = time.perf_counter() - began
        assert channel.noise.decrypt(frame)[-1] == REFUSED
    return seconds


def welch(samples: list[tuple[float, int]]) -> float:
    """Of the fastest 90 %."""
    kept = sorted(samples)[: len(samples) * 9 // 10]
    mean, spread = [0.0, 0.0], 0.0
    for number in (0, 1):
        times = [seconds for seconds, which in kept if which == number]
        mean[number] = math.fsum(times) / len(times)
        spread += math.fsum((each - mean[number]) ** 2 for each in times) / len(times) ** 2
    return (mean[0] - mean[1]) / math.sqrt(spread)


def compare(url: str, one: Callable[[], Login], other: Callable[[], Login], count: int) -> float:
    chosen = [random.getrandbits(1) for _ in range(count)]
    return welch([(refusal(url, (one, other)[which]()), which) for which in chosen])


class Classes:
    """Logins that are refused, by why they are."""

    def __init__(self, fortress: Fortress) -> None:
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
        from pynto.state import encoded

        state = fortress.state
        ids = {each.id for each in state.capabilities()}

        def ones(**options: int) -> list[bytes]:
            return [state.new_capability(**options) for _ in range(MANY)]  # type: ignore[arg-type]

        revoked = ones()
        for each in state.capabilities():
            if each.id not in ids:
                state.revoke(each.id)
        expired, used = ones(expires_at=int(time.time()) + SHORT), ones(uses=1)
        self.wrong = ones()

        def key() -> tuple[bytes, str]:
            secret = X25519PrivateKey.generate()
            public = secret.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            return secret.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()), encoded(public)

        old, strangers = [key() for _ in range(MANY)], [key() for _ in range(MANY)]
        (state.folder / "authorized_keys").write_text("".join(f"{public} expires=2020-01-01\n" for _, public in old))
        time.sleep(SHORT + 1)
        for each in used:  # its only use
            self._use(fortress, each)
        self.of: dict[str, Callable[[], Login]] = {
            "unknown": lambda: (bytes([LOGIN_CAPABILITY]) + os.urandom(32), None),
            "expired": lambda: (bytes([LOGIN_CAPABILITY]) + random.choice(expired), None),
            "revoked": lambda: (bytes([LOGIN_CAPABILITY]) + random.choice(revoked), None),
            "wrong in its first byte": lambda: (bytes([LOGIN_CAPABILITY]) + self._flipped(0), None),
            "wrong in its last byte": lambda: (bytes([LOGIN_CAPABILITY]) + self._flipped(31), None),
            "used up": lambda: (bytes([LOGIN_CAPABILITY]) + random.choice(used), None),
            "unknown key": lambda: (bytes([LOGIN_KEY]), random.choice(strangers)[0]),
            "expired key": lambda: (bytes([LOGIN_KEY]), random.choice(old)[0]),
        }

    def _flipped(self, at: int) -> bytes:
        data = bytearray(random.choice(self.wrong))
        data[at] ^= 1
        return bytes(data)

    @staticmethod
    def _use(fortress: Fortress, secret: bytes) -> None:
        import pynto

        pynto.connect(fortress.state.address(fortress.where, secret)).close()


PAIRS = (
    ("unknown", "expired"),
    ("unknown", "revoked"),
    ("wrong in its first byte", "wrong in its last byte"),
    ("unknown key", "expired key"),
)
CONTROL = ("unknown", "used up")


def main() -> int:
    parser = argparse.ArgumentParser(prog="tools/login_time")
    parser.add_argument("samples", nargs="?", type=int, default=100_000, help="for each pair of classes (100000)")
    arguments = parser.parse_args()
    here = Path(__file__).parents[1] / "python"
    with tempfile.TemporaryDirectory() as folder:
        policy = Path(folder) / "policy.json"
        subprocess.run(
            [sys.executable, "-m", "pynto.audit.cli", "generate", "guarded:Room", "-o", str(policy)],
            cwd=here,
            check=True,
            env={**os.environ, "PYTHONPATH": str(here)},
        )
        fortress = Fortress(Path(folder), policy, "--audit-log", str(Path(folder) / "audit.log"))
        try:
            classes = Classes(fortress)
            worst = 0.0
            for one, other in (*PAIRS, CONTROL):
                count = arguments.samples if (one, other) != CONTROL else min(arguments.samples, 2000)
                t = compare(fortress.url, classes.of[one], classes.of[other], count)
                worst = max(worst, abs(t)) if (one, other) != CONTROL else worst
                print(f"{one} against {other}: |t| = {abs(t):.2f} over {count} samples", flush=True)
        finally:
            fortress.stop()
    return 0 if worst < BOUND else 1


if __name__ == "__main__":
    sys.exit(main())
