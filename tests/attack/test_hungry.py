"""Methods that are permitted, and hungry: does their caller alone pay for it? And does a server stand what its machine does to it?"""

from __future__ import annotations

import signal
import sys
import threading
import time

from attacker import Honest, Process, call_bytes, serving
from rawpeer import ERROR, NEWLINE, RETURN, pack


def test_numbers_with_more_digits_than_python_reads_are_an_error_of_their_caller(victim: Process) -> None:
    """J01: the interpreter's own limit on digits is left as it is."""
    with Honest(victim), victim.connect() as peer:
        answer = peer.call(0, "to_int", ["9" * 10**6])
        assert answer[0] == ERROR and answer[1][0] == "ValueError"
        limit = sys.int_info.default_max_str_digits
        assert peer.call(0, "to_int", ["9" * (limit + 1)])[1][0] == "ValueError"
        assert peer.call(0, "to_int", ["9" * 400]) == [RETURN, int("9" * 400)]
        peer.pour(call_bytes(0, "to_int", "9" * limit) * 300)
        for _ in range(300):
            assert peer.reply()[0] in (RETURN, ERROR)
        peer.lives()


def test_signals_by_the_thousand_lose_no_answer_and_double_none() -> None:
    """F09: EINTR wherever it can come, during calls of all sizes; SIGTERM in the middle of a hello is an orderly end."""
    with serving() as server:
        stop = threading.Event()

        def storm() -> None:
            while not stop.is_set():
                for number in (signal.SIGCHLD, signal.SIGWINCH, signal.SIGURG, signal.SIGCONT):
                    server.process.send_signal(number)
                time.sleep(0.001)

        thread = threading.Thread(target=storm, daemon=True)
        thread.start()
        try:
            with Honest(server), server.connect() as peer:
                texts = [str(number) * (1 + 997 * (number % 7)) for number in range(1500)]
                expected = b"".join(pack([RETURN, text]) + NEWLINE for text in texts)
                assert peer.bulk(b"".join(call_bytes(0, "echo", text) for text in texts), -1) == expected
        finally:
            stop.set()
            thread.join(10)
        server.is_sound()
        half = server.connect(hello=False)
        half.pour(b"\x95\xf8")
        server.process.terminate()
        half.expect_close()
        half.close()
        assert server.process.wait(timeout=10) == 0
        server.is_sound = lambda: None  # type: ignore[method-assign]  # it has ended as it should


def test_a_refusal_tells_of_the_limits_of_its_own_connection_and_of_no_other() -> None:
    """K23: what another has used cannot be read from what one is told, nor is it taken from what one has."""
    with serving("--quota", "calls_per_second=0.001", "--quota", "burst_seconds=5000") as server:
        with server.connect() as one, server.connect() as other:
            answers = []
            for peer in (one, other):
                for number in range(5):
                    assert peer.call(0, "add", [number, 1]) == [RETURN, number + 1]
                answers.append(peer.call(0, "add", [1, 1]))
                if peer is one:
                    for _ in range(50):
                        peer.call(0, "add", [1, 1])
            assert [answer[:2] for answer in answers] == [
                [ERROR, ["QuotaExceeded", "calls_per_second: 0.001", None, None]]
            ] * 2
            assert [set(answer[2]["fields"]) for answer in answers] == [{"retry_after"}] * 2
            waits = [answer[2]["fields"]["retry_after"] for answer in answers]
            assert all(990 < wait <= 1000 for wait in waits), "it says what is left of its own"
