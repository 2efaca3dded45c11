"""Server code that handles a client's objects gets what was declared, or an exception: never more traffic, never a lie."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from attacker import Attacker, Honest, Process, closes, is_call, serving, until
from rawpeer import ERROR, LANE, NEWLINE, RETURN, Mine, Tag, Yours, pack

NAN = float("nan")


def answering(peer: Attacker, name: str, args: list[Any], value: Any) -> Any:
    """The answer to a call whose callbacks all return value."""
    peer.send([0, name, args, {}])
    return peer.serve(lambda _: [RETURN, value])


@pytest.mark.parametrize("value", [Mine(1), Mine(9), True, None, 1, b"s3cr3t", ["s3cr3t"], {"eq": True}], ids=repr)
def test_an_object_is_not_taken_for_a_secret(peer: Attacker, value: Any) -> None:
    """E01: not where a str is declared; and elsewhere == is asked of nobody."""
    answer = peer.call(0, "login", [value])
    assert answer[0] == ERROR and answer[1][0] in ("TypeError", "Refused"), answer
    assert peer.value(0, "login", ["guess"]) is False
    peer.send([0, "same_as", [Mine(1)], {}])
    assert peer.reply() == [RETURN, False], "the client was asked whether it is the secret"


@pytest.mark.memory
@pytest.mark.parametrize(
    "value", [2**62, 2**63, 2**64 - 1, 1 << 200, -1, -(2**63), "5", True, NAN, 1.5, None, [1], Mine(2)], ids=repr
)
def test_a_length_that_is_none_is_an_error(victim: Process, value: Any) -> None:
    """E03: out of range, negative, of another kind; no memory is taken for it."""
    with victim.connect() as peer:
        before = victim.rss()
        answer = answering(peer, "lengths", [Mine(1)], value)
        assert answer[0] == ERROR or answer == [RETURN, 2**62], answer
        for how in ("list", "bytes", "bytearray", "dict", "unpack", "keywords", "iter"):
            answer = answering(peer, "duplicate", [Mine(1), how], value)
            assert answer[0] == RETURN and answer[1].endswith("Error"), (how, answer)
        assert victim.rss() - before < 16 << 20
        peer.lives()


@pytest.mark.parametrize("value", [1, 0, "false", "true", Mine(9), NAN, [0], None, b"", {}, Yours(0), 1.0], ids=repr)
def test_only_true_and_false_are_bool(peer: Attacker, value: Any) -> None:
    """E07: an answer of another kind is an exception in the handler, never a yes."""
    answer = answering(peer, "is_admin", [Mine(1)], value)
    assert answer[0] == ERROR, answer
    answer = answering(peer, "allow", [Mine(1), 3], value)
    assert answer[0] == ERROR, answer
    assert answering(peer, "is_admin", [Mine(1)], False) == [RETURN, "guest"]


@pytest.mark.parametrize(
    "value", [True, 1.0, "1", None, b"1", [1], Mine(1), Yours(0), Tag(1), {"a": 1}, 1.5, [Tag(2), 1]], ids=repr
)
def test_a_result_of_another_kind_is_an_exception_in_the_handler(victim: Process, value: Any) -> None:
    """E17 C25: where an int is declared."""
    if value == Tag(1):
        value = [Tag(1), 1]
    with victim.connect() as peer:
        for name, args in (("each", [Mine(1), 3]), ("rank", [[3, 1, 2], Mine(1)]), ("spend", [Mine(1)])):
            answer = answering(peer, name, args, value)
            assert answer[0] == ERROR, (name, answer)
        peer.lives()


def test_asking_what_an_object_is_asks_nobody(peer: Attacker) -> None:
    """E09 E27: isinstance, issubclass, type, match, singledispatch, ABCs, is None, bool, in: local, and never a server's type."""
    peer.value(0, "clear")
    peer.send([0, "look_at", [Mine(1)], {}])
    assert peer.reply() == [RETURN, [False] * 8]
    assert answering(peer, "truth", [Mine(2)], 0)[0] in (RETURN, ERROR)
    assert peer.value(0, "truth", [None]) == "none"
    assert [trip for trip in peer.trips() if not trip.startswith("Registry")] == []


@pytest.mark.parametrize(
    "how",
    [
        "copy",
        "deepcopy",
        "pickle",
        "json",
        "float",
        "int",
        "index",
        "vars",
        "setattr",
        "hash",
        "repr",
        "str",
        "format",
        "open",
    ],
)
def test_a_clients_object_cannot_be_copied_pickled_or_read_as_data(peer: Attacker, how: str) -> None:
    """E11 E19 P03: an exception, or an answer that needs nobody; not one message goes to the client."""
    peer.send([0, "duplicate", [Mine(1), how], {}])
    answer = peer.reply()
    assert not is_call(answer), f"{how} asked the client for {answer!r}"
    assert answer[0] == RETURN
    if how in ("hash", "repr", "str", "format"):
        assert answer[1] in ("int", "str", "TypeError")
    else:
        assert answer[1].endswith("Error"), answer


@pytest.mark.parametrize(
    "keys", [["self"], ["_admin"], ["__class__"], [1], [f"k{i}" for i in range(2000)]], ids=lambda keys: repr(keys)[:20]
)
def test_unpacking_takes_declared_data_only(victim: Process, keys: list[Any]) -> None:
    """E19: a reference is no mapping; by value, keys are strs and their number is bounded."""
    with victim.connect() as peer:
        for value in (Mine(1), [Tag(2), *keys]):
            answer = peer.call(0, "merge", [value])
            assert answer[0] == ERROR and answer[1][0] in ("TypeError", "Refused")
        answer = peer.call(0, "merge", [dict.fromkeys(keys, 1)])
        assert answer[0] in (RETURN, ERROR, -7)
        assert answer[0] != RETURN or answer[1] == len(keys)
    victim.is_sound()


@pytest.mark.parametrize("value", [True, False, None, 1, "x", Mine(1), [True], 1.0], ids=repr)
def test_a_clients_context_manager_suppresses_nothing_by_accident(peer: Attacker, value: Any) -> None:
    """E13: only a declared bool could; anything else is an exception, and "BYPASS" is never reached by a lie."""
    peer.value(0, "clear")
    peer.send([0, "guarded", [Mine(1)], {}])
    enter = peer.reply()
    assert enter[1:] == ["__enter__", [], {}]
    peer.send([RETURN, 1])
    leave = peer.reply()
    assert leave[1] == "__exit__" and len(leave[2]) == 1
    peer.send([RETURN, value])
    answer = peer.reply()
    assert answer[0] == ERROR, f"an answer of {value!r} has suppressed an exception: {answer!r}"
    assert peer.trips() == []


def test_a_clients_context_manager_is_told_no_more_than_a_caller(peer: Attacker) -> None:
    """G01 E13: of the exception it gets the type, and of its text what the policy lets out: nothing."""
    peer.send([0, "guarded", [Mine(1)], {}])
    assert peer.reply()[1] == "__enter__"
    peer.send([RETURN, 1])
    leave = peer.reply()
    assert leave[1:] == ["__exit__", [["PermissionError", ""]], {}]
    peer.send([RETURN, None])
    assert peer.reply()[0] == ERROR


@pytest.mark.parametrize(
    "type_", ["StopIteration", "StopAsyncIteration", "GeneratorExit", "builtins:StopIteration", "RemoteError"]
)
def test_no_error_of_a_client_ends_a_loop_of_the_servers(peer: Attacker, type_: str) -> None:
    """E15: all(), sum() and sorted() are not cut short."""
    for name, args in (("allow", [Mine(1), 3]), ("each", [Mine(1), 3]), ("rank", [[3, 1, 2], Mine(1)])):
        peer.send([0, name, args, {}])
        answer = peer.serve(lambda _: [ERROR, [type_, "", None, None]])
        assert answer[0] == ERROR, f"{name}: {answer!r}"
    peer.send([0, "total", [Mine(1)], {}])
    answer = peer.serve(lambda call: [RETURN, Mine(2)] if call[1] == "__iter__" else [ERROR, [type_, "", None, None]])
    assert answer == [RETURN, 0] if type_ == "StopIteration" else answer[0] == ERROR


def test_a_sort_by_a_hostile_key_loses_nothing(victim: Process) -> None:
    """E17 F01: keys that change, that call back into sorting, that fail halfway, that never come."""
    with victim.connect() as peer:
        peer.value(0, "clear")
        numbers = itertools.cycle([5, -1, 2**60, 0, 3, -(2**62)])
        peer.send([0, "rank", [[3, 1, 2], Mine(1)], {}])
        assert sorted(peer.serve(lambda _: [RETURN, next(numbers)])[1]) == [1, 2, 3]
        depth = itertools.count()

        def again(_: Any) -> Any:
            if next(depth) < 30:
                return [0, "rank", [[2, 1], Mine(1)], {}]
            return [RETURN, 1]

        peer.send([0, "rank", [[3, 1, 2], Mine(1)], {}])
        outstanding = 1
        while outstanding:
            message = peer.reply()
            if is_call(message):
                made = again(message)
                outstanding += made[0] == 0
                peer.send(made)
            else:
                outstanding -= 1
                if outstanding:
                    peer.send([RETURN, 1])
        peer.send([0, "rank", [[3, 1, 2], Mine(1)], {}])
        assert is_call(peer.reply())
        assert peer.trips() == []
    with victim.connect() as peer:
        until(lambda: "Root.rank lost items" not in peer.trips(), "nothing was lost")
    victim.is_sound()


@pytest.mark.parametrize("item", ["1", None, Mine(3), True, 1.5, [1]], ids=repr)
def test_an_iterator_of_a_clients_ends_with_its_first_bad_item(peer: Attacker, item: Any) -> None:
    """E05"""
    asked: list[str] = []

    def answer(call: Any) -> Any:
        asked.append(call[1])
        return [RETURN, Mine(2)] if call[1] == "__iter__" else [RETURN, 1 if len(asked) < 3 else item]

    peer.send([0, "total", [Mine(1)], {}])
    assert peer.serve(answer)[0] == ERROR
    assert asked == ["__iter__", "__next__", "__next__"]


def test_an_iterable_may_be_the_servers_own(peer: Attacker) -> None:
    """S11 E25: where a client's iterable is taken, what the server gave out is taken, too, under its interface."""
    shared = peer.ref("shared")
    peer.value(shared, "append", [20])
    assert peer.value(0, "total", [Yours(shared)]) == 20
    assert peer.value(0, "total", [Yours(peer.ref("count", 4))]) == 6
    peer.value(shared, "clear")
    peer.denied(0, "total", [Yours(peer.ref("view_map"))])


def test_an_endless_iterator_holds_up_nobody(victim: Process) -> None:
    """E05 K19: one client feeds a loop without end; the others are served; when it goes, the loop ends."""
    with Honest(victim), victim.connect() as peer:
        peer.send([0, "total", [Mine(1)], {}])
        asked = itertools.count()
        while next(asked) < 500:
            call = peer.reply()
            peer.send([RETURN, Mine(2)] if call[1] == "__iter__" else [RETURN, 1])
    victim.is_sound()


def test_an_answer_may_differ_each_time(peer: Attacker) -> None:
    """E21: documented: a handler that asks twice gets two answers; what was declared by value is asked for once."""
    amounts = iter([1, 10**9])
    peer.send([0, "spend", [Mine(1)], {}])
    assert peer.serve(lambda _: [RETURN, next(amounts)]) == [RETURN, [1, 10**9]]


# ---- answers at the wrong time ----


def test_a_callback_that_is_never_answered_fails_in_time() -> None:
    """E23 K05: the handler gets an exception; that connection ends, and nobody else's."""
    with serving("--quota", "callback=0.3") as server, Honest(server), server.connect() as peer:
        peer.send([0, "each", [Mine(1), 3], {}])
        assert is_call(peer.reply())
        answer = peer.reply()
        assert answer[:2] == [-7, 15], answer  # a late answer could not be told from another: the connection ends


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ([[RETURN, 1], [RETURN, 1]], "twice"),
        ([[RETURN, 1], [ERROR, ["E", "", None, None]]], "twice, in two ways"),
        ([[RETURN, 1], [RETURN, 1], [RETURN, 1]], "thrice"),
    ],
)
def test_a_second_answer_to_one_callback_ends_the_connection(victim: Process, answers: list[Any], why: str) -> None:
    """E23 K11"""
    with victim.connect() as peer:
        peer.send([0, "each", [Mine(1), 1], {}])
        assert is_call(peer.reply())
        peer.send_raw(b"".join(pack(answer) + NEWLINE for answer in answers))
        first = peer.recv_message()
        if first == [RETURN, 1]:
            assert closes(peer) == 15, why
        else:
            assert first[:2] == [-7, 15] and peer.recv_message() is None, why
    victim.is_sound()


@pytest.mark.parametrize("lane", [1, 2, 3, 2**62])
def test_an_answer_in_another_lane_is_no_answer(peer: Attacker, lane: int) -> None:
    """E23 F15"""
    peer.send([0, "each", [Mine(1), 1], {}])
    assert is_call(peer.reply())
    peer.send([RETURN, 1], lane=lane)
    assert closes(peer) == 15


@pytest.mark.parametrize("lane", [1, 3, 2**63 - 1])
def test_a_client_does_not_open_a_lane_of_the_servers(peer: Attacker, lane: int) -> None:
    """D33 F15"""
    peer.send([0, "echo", [1], {}], lane=lane)
    assert closes(peer) == 15


def test_recursion_through_the_client_has_an_end(victim: Process) -> None:
    """F01: the call that is one too deep is refused by name; the rest unwinds; threads and stack stay bounded."""
    with Honest(victim), victim.connect() as peer:
        threads = victim.thread_count()
        depth = 0
        while True:
            peer.send([0, "each", [Mine(1), 1], {}])
            message = peer.reply()
            if not is_call(message):
                break
            depth += 1
            assert depth < 1000, "no end"
        assert message[1][0] == "QuotaExceeded" and message[1][1].startswith("nesting"), message
        assert depth <= 64
        assert victim.thread_count() - threads <= 3
        for _ in range(depth):
            peer.send([RETURN, 1])
            assert peer.reply() == [RETURN, 1]
        peer.lives()
    victim.is_sound()


def test_recursion_through_the_client_ends_with_it(victim: Process) -> None:
    """F01 F07: a client that leaves from the middle."""
    with victim.connect() as peer:
        for _ in range(30):
            peer.send([0, "each", [Mine(1), 1], {}])
            assert is_call(peer.reply())
    with victim.connect() as peer:
        peer.lives()
    victim.is_sound()


def test_waiting_for_one_client_uses_up_no_one_elses_threads(victim: Process) -> None:
    """F13 K05: more calls wait for answers than there are threads; the others are served, and so are the answers."""
    with victim.connect() as peer, Honest(victim):
        lanes = [2 * i for i in range(100)]
        for lane in lanes:
            peer.send([0, "each", [Mine(1), 1], {}], lane=lane)
        answered: dict[int, Any] = {}
        while len(answered) < len(lanes):
            message = peer.reply(20)
            lane = peer.in_lane
            if is_call(message):
                peer.send([RETURN, lane], lane=lane)
            else:
                answered[lane] = message
        for lane, message in answered.items():
            assert message == [RETURN, lane] or message[1][0] in ("QuotaExceeded", "RemoteError"), message
        assert sum(message[0] == RETURN for message in answered.values()) >= 32


def test_callbacks_that_are_never_answered_hold_up_nobody(victim: Process) -> None:
    """K05: many connections, each with callbacks that wait; a new client is served meanwhile."""
    peers = [victim.connect() for _ in range(20)]
    try:
        for peer in peers:
            for lane in range(0, 10, 2):
                peer.send([0, "each", [Mine(1), 1000], {}], lane=lane)
        with Honest(victim):
            for peer in peers:
                assert is_call(until(lambda peer=peer: peer.reply(), "a callback"))
            with victim.connect() as another:
                for _ in range(20):
                    another.lives()
    finally:
        for peer in peers:
            peer.close()
    victim.is_sound()


@pytest.mark.memory
def test_one_small_call_does_not_make_a_flood(victim: Process) -> None:
    """K19: a million callbacks to a reader that does not read: one is out at a time."""
    with victim.connect() as peer:
        before = victim.rss()
        peer.send([0, "each", [Mine(1), 10**6], {}])
        assert is_call(peer.reply())
        with victim.connect() as other:
            for _ in range(20):
                other.lives()
        peer.send([-9, 5])
        assert peer.reply() == [-10, 5], "there is more than one callback out"
        assert victim.rss() - before < 16 << 20


def test_freeing_and_lending_in_a_callback_hurts_no_table(victim: Process) -> None:
    """F05 D23: while the server iterates, the client frees what it holds, lends more, and calls what it has freed."""
    with victim.connect() as peer:
        acct = peer.ref("open", "a")
        peer.send([0, "each", [Mine(1), 50], {}])
        count = 0

        while is_call(message := peer.reply()):
            count += 1
            peer.send([0, "keep", [Mine(count + 100)], {}])
            assert peer.reply()[0] == RETURN
            peer.send([0, "fresh", [], {}])
            fresh = peer.reply()[1].id
            peer.send([-3, fresh, 1])
            peer.send([fresh, "balance", [], {}])
            assert peer.reply()[0] == ERROR
            if count == 25:
                peer.send([-3, acct, 1])
                peer.send([0, "forget", [], {}])
                assert peer.reply()[0] == RETURN
            peer.send([RETURN, 1])
        assert message == [RETURN, 50]
        peer.value(0, "forget")


def test_calls_and_answers_keep_their_order(victim: Process) -> None:
    """F15 O-ONE: thousands of numbered calls of all sizes, ahead of their answers, in several lanes."""
    with victim.connect("tcp") as peer:
        calls = [i % 997 * "x" + str(i) for i in range(3000)]
        expected = b"".join(pack([RETURN, text]) + NEWLINE for text in calls)
        assert peer.bulk(b"".join(pack([0, "echo", [text], {}]) + NEWLINE for text in calls), -1) == expected
        for i in range(400):
            peer.send_raw(pack([LANE, 2 * (i % 5)]) + NEWLINE + pack([0, "echo", [i], {}]) + NEWLINE)
        lanes: dict[int, list[int]] = {}
        for _ in range(400):
            message = peer.reply()
            lanes.setdefault(peer.in_lane, []).append(message[1])
        assert lanes == {2 * lane: list(range(lane, 400, 5)) for lane in range(5)}


def test_cancelling_is_answered_once(victim: Process) -> None:
    """K07: a cancel of what runs ends it, of what waits gives Cancelled in its turn; too many end the connection."""
    with victim.connect() as peer:
        peer.send([0, "each", [Mine(1), 1], {}])
        assert is_call(peer.reply())
        peer.send([-6])
        peer.send([RETURN, 1])
        answer = peer.reply()
        if answer == [-6]:  # the callback is not wanted any more; it was answered all the same
            answer = peer.reply()
        assert answer[1][0] == "Cancelled"
        peer.lives()
    with victim.connect() as peer:
        peer.pour((pack([0, "wait", [0.001], {}]) + NEWLINE + pack([-6]) + NEWLINE) * 5000)
        kinds: list[Any] = []
        while (message := peer.reply()) is not None and message[0] != -7:
            kinds.append(message[0] if message[0] == RETURN else message[1][0])
        assert message is None or message[1] in (15, 17)
        assert set(kinds) <= {RETURN, "Cancelled"}
    victim.is_sound()
