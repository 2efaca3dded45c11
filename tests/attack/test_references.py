"""A reference is what it was exported as, to whom it was exported, as long as it is held: nothing else is one."""

from __future__ import annotations

from typing import Any

import pytest
from attacker import DENIAL, Attacker, Honest, Process, call_bytes, closes, is_call, reset_at_end, serving, until
from rawpeer import ERROR, FREE, LANE, NEWLINE, RETURN, Mine, Tag, Yours, pack

CALLBACK = 7  # an id of the attacker's


def free(ref: int, count: int = 1) -> bytes:
    return pack([FREE, ref, count]) + NEWLINE


# ---- guessing ----

GUESSES = (
    list(range(1, 60))
    + [-1, -2, -100, 0x7F, 0x80, 0xFF, 0x100, 0xFFFF, 0x10000]
    + [2**k for k in range(6, 64)]
    + [2**k - 1 for k in range(6, 65)]
    + [2**k + 1 for k in range(6, 64)]
    + [-(2**k) for k in range(6, 64)]
)


def test_no_id_can_be_guessed_on_a_fresh_connection(victim: Process) -> None:
    """D01 D29 H29: not a small one, not a large one, not another connection's; the denials are the same bytes."""
    with victim.connect() as owner, victim.connect() as peer:
        refs = [owner.ref("open", "a"), owner.ref("view", "b"), owner.ref("count", 3), owner.ref("bound")]
        guesses = GUESSES + refs
        calls = b"".join(pack([guess, "balance", [], {}]) + NEWLINE for guess in guesses)
        assert peer.bulk(calls, -1) == DENIAL * len(guesses)
        for ref in refs:
            peer.denied(0, "audit", [Yours(ref)])
        assert owner.value(refs[0], "balance") == owner.value(refs[0], "__getattr__", ["shown"])


def test_guessing_on_and_on_ends_the_connection_and_no_other(victim: Process) -> None:
    """D01 K09: refusals are counted; nobody else notices."""
    with Honest(victim), victim.connect() as peer:
        peer.pour(b"".join(call_bytes(guess, "balance") for guess in range(1, 3000)))
        answers = 0
        while (message := peer.recv_message())[0] == ERROR:
            answers += 1
        assert message[:2] == [-7, 17]
        assert peer.recv_message() is None
        assert 400 <= answers <= 1000
    victim.is_sound()


# ---- freeing ----


@pytest.mark.parametrize(
    ("frees", "why"),
    [
        ([(1, 1), (1, 1)], "twice what was received once"),
        ([(1, 2)], "more than was received"),
        ([(1, 2**64 - 1)], "as many as there are numbers"),
        ([(1, 2**63)], "a count that is negative to somebody"),
        ([(0, 1)], "the root"),
        ([(0, 1000)], "the root, often"),
        ([(2, 1)], "an id that was never given"),
        ([(2**64 - 1, 1)], "the last id there is"),
        ([(1, 1), (1, 2**32)], "gone, and a count that wraps in 32 bits"),
        ([(1, 2**32 + 1)], "a count that is 1 in 32 bits"),
    ],
)
def test_freeing_more_than_is_held_ends_the_connection(victim: Process, frees: list[tuple[int, int]], why: str) -> None:
    """D05 D07 D09 K11: and another holder of the object has lost nothing."""
    with victim.connect() as other, victim.connect() as peer:
        theirs = other.ref("open", "a")
        assert peer.ref("open", "a") == 1, why
        for ref, count in frees:
            peer.send([FREE, ref, count])
        assert closes(peer) == 15, why
        other.value(theirs, "balance")
        other.lives()


@pytest.mark.parametrize(
    "message",
    [
        [FREE, 1, 0],
        [FREE, -1, 1],
        [FREE, 1, -1],
        [FREE, 1, True],
        [FREE, True, 1],
        [FREE, 1.0, 1],
        [FREE, "1", 1],
        [FREE, 1],
    ],
)
def test_a_free_is_of_a_number_and_at_least_of_one(peer: Attacker, message: list[Any]) -> None:
    """D15 D05"""
    peer.ref("open", "a")
    peer.send(message)
    assert closes(peer) == 8


def test_a_count_is_exact(peer: Attacker) -> None:
    """D09 D11: as often as it came, and then it stands for nothing."""
    refs = {peer.ref("open", "a") for _ in range(5)}
    assert len(refs) == 1
    (ref,) = refs
    peer.send([FREE, ref, 3])
    assert isinstance(peer.value(ref, "balance"), int)
    peer.send([FREE, ref, 2])
    peer.denied(ref, "balance")
    peer.denied(0, "audit", [Yours(ref)])


def test_a_call_behind_the_free_is_denied_and_the_one_ahead_is_served(victim: Process) -> None:
    """D11: C F C in one write, again and again; each call has one answer."""
    for _ in range(3):
        with victim.connect() as peer:
            refs = [peer.ref("fresh") for _ in range(100)]
            burst = b"".join(call_bytes(ref, "balance") + free(ref) + call_bytes(ref, "balance") for ref in refs)
            assert peer.bulk(burst, -1) == (pack([RETURN, 0]) + NEWLINE + DENIAL) * 100


def test_an_id_is_never_used_again(victim: Process) -> None:
    """D03: a stale id stays denied, however many objects of a wider type come after it."""
    with victim.connect() as peer:
        stale = peer.ref("view", "a")
        peer.send([FREE, stale, 1])
        given: set[int] = set()
        for _ in range(20):
            came = peer.value(0, "many", [500])
            ids = {mine.id for mine in came}
            assert len(ids) == 500 and not ids & given and stale not in ids
            given |= ids
            peer.send_raw(b"".join(free(ref) for ref in ids))
        for name in ("balance", "deposit", "same"):
            peer.denied(stale, name)
        for ref in sorted(given)[:100]:
            peer.denied(ref, "balance")


def test_an_id_that_is_to_come_is_denied(peer: Attacker) -> None:
    """D31: a call that names what the server is about to give out."""
    first = peer.ref("fresh")
    step = peer.ref("fresh") - first
    peer.send_raw(call_bytes(0, "fresh") + call_bytes(first + 2 * step, "deposit", 5))
    assert isinstance(peer.reply()[1], Mine)
    answer = peer.reply()
    if answer[0] == ERROR:
        assert peer.raw == DENIAL
    else:  # it came behind the answer in its lane: by then it was there
        assert answer == [RETURN, 5]
    peer.send([first + 9 * step, "deposit", [5], {}], lane=2)
    assert peer.reply() == [ERROR, ["Refused", "not permitted", None, None]]


@pytest.mark.parametrize(
    "disguise",
    [
        "c2",
        "c3",
        "cb0000000000000000",
        "cb8000000000000000",
        "ca3f800000",
        "a131",
        "c40131",
        "c0",
        "90",
        "80",
        "d61000000001",
        "d7110000000000000001",
    ],
)
def test_a_reference_is_an_integer_everywhere(victim: Process, disguise: str) -> None:
    """D15: in a call, and in a free; nothing that is equal to one, or is made of it."""
    data = bytes.fromhex(disguise)
    with victim.connect() as peer:
        peer.ref("open", "a")
        peer.pour(b"\x94" + data + pack("balance") + b"\x90\x80\n")
        assert closes(peer) in (8, 14)
    with victim.connect() as peer:
        peer.ref("open", "a")
        peer.pour(b"\x93\xfd" + data + b"\x01\n")
        assert closes(peer) in (8, 14)


@pytest.mark.parametrize(
    "form",
    ["01", "cc01", "cd0001", "ce00000001", "cf0000000000000001", "d001", "d10001", "d200000001", "d30000000000000001"],
)
def test_a_long_form_is_the_same_id_in_calls_and_in_frees(peer: Attacker, form: str) -> None:
    """D15"""
    data = bytes.fromhex(form)
    assert peer.ref("open", "a") == 1
    peer.send_raw(b"\x94" + data + pack("balance") + b"\x90\x80\n")
    assert peer.reply()[0] == RETURN
    peer.send_raw(b"\x93\xfd" + data + data + b"\n")
    peer.denied(1, "balance")


def test_kinds_of_references_are_not_confused(victim: Process) -> None:
    """D21 R03: an iterator is no account, an account no iterator; a client's own number is none of the server's."""
    with victim.connect() as peer:
        iterator, acct, lock, call = peer.ref("count", 3), peer.ref("open", "a"), peer.ref("locked"), peer.ref("bound")
        for ref, names in (
            (iterator, "balance __call__ __enter__ close"),
            (acct, "__next__ __iter__ __call__ __enter__ close"),
            (lock, "__next__ balance __call__"),
            (call, "__next__ balance __enter__"),
        ):
            for name in names.split():
                peer.denied(ref, name)
        for wrong in (iterator, lock, call, 0):
            peer.denied(0, "audit", [Yours(wrong)])
        peer.denied(0, "total", [Yours(acct)])
        peer.denied(0, "guarded", [Yours(iterator)])
        peer.send([0, "each", [Mine(CALLBACK), 1], {}])
        message = peer.reply()
        assert is_call(message)
        peer.send([CALLBACK, "__call__", [0], {}])  # our own, called at the server
        assert peer.reply() == [ERROR, ["Refused", "not permitted", None, None]]
        peer.send([RETURN, 1])
        assert peer.reply() == [RETURN, 1]
        peer.denied(0, "each", [Yours(CALLBACK), 1])


@pytest.mark.parametrize(
    ("place", "why"),
    [
        (lambda ref: pack([-8, ref]), "in a message that carries none"),
        (lambda ref: pack([-9, ref]), "as a token"),
        (lambda ref: pack([ref, "echo", [], {}]), "as the receiver"),
        (lambda ref: pack([0, ref, [], {}]), "as the name"),
        (lambda ref: pack([0, "echo", ref, {}]), "as the arguments"),
        (lambda ref: pack([0, "echo", [], ref]), "as the keywords"),
        (lambda ref: b"\x94\x00" + pack("echo") + b"\x91\x81" + pack(ref) + b"\x01\x80", "as a key"),
        (lambda ref: b"\x94\x00" + pack("echo") + b"\x90\x81" + pack(ref) + b"\x01", "as a keyword"),
    ],
)
@pytest.mark.parametrize("ref", [Mine(1), Yours(1), Mine(0), Yours(0)], ids=repr)
def test_a_reference_stands_only_where_values_stand(peer: Attacker, place: Any, why: str, ref: Any) -> None:
    """D21 B13"""
    peer.ref("open", "a")
    peer.send_raw(place(ref) + NEWLINE)
    assert closes(peer) in (8, 14, 15), why


@pytest.mark.parametrize("ref", [Mine(1), Mine(1, 1), Mine(2**64 - 1), Yours(1), Yours(0), Yours(2**64 - 1)], ids=repr)
def test_no_reference_is_data(peer: Attacker, ref: Any) -> None:
    """B21 D13: a reference where data is declared is refused, at any depth, and the connection goes on."""
    peer.ref("open", "a")
    for value in (ref, [ref], [1, [ref]], {"a": ref}, [Tag(2), ref], [Tag(8), "a", ref]):
        answer = peer.call(0, "echo", [value])
        assert answer[0] == ERROR and answer[1][0] in ("Refused", "TypeError"), answer
    for name in ("add", "keywords", "to_int", "mode"):
        answer = peer.call(0, name, [ref])
        assert answer[0] == ERROR and answer[1][0] in ("Refused", "TypeError"), answer
    peer.lives()


def test_a_clients_reference_has_no_interface_of_its_own_choice(peer: Attacker) -> None:
    """P39 D21: the number in what a client sends is 0."""
    answer = peer.call(0, "keep", [Mine(1, 1)])
    assert answer is None or answer[0] in (ERROR, -7), answer


# ---- coming home ----


def test_a_reference_that_comes_home_is_the_object_itself(victim: Process) -> None:
    """D13: no proxy of a proxy, in either direction, nested or not; tables return to where they were."""
    with victim.connect() as peer:
        assert peer.value(0, "give_back", [Mine(CALLBACK)]) == Yours(CALLBACK)
        assert peer.value(0, "give_back_all", [[Mine(1), Mine(2), Mine(1)]]) == [Yours(1), Yours(2), Yours(1)]
        ref = peer.ref("bound")
        assert peer.value(0, "echo", [1]) == 1
        for _ in range(300):
            assert peer.value(0, "give_back", [Mine(CALLBACK)]) == Yours(CALLBACK)
        assert isinstance(peer.value(ref, "__call__"), int)


def test_a_reference_that_is_lent_often_is_freed_exactly(victim: Process) -> None:
    """D13 D17: what the server gives back is what it was sent, no more and no less."""
    with victim.connect() as peer:
        for _ in range(10):
            assert peer.value(0, "give_back_all", [[Mine(1)] * 100 + [Mine(2)]]) == [Yours(1)] * 100 + [Yours(2)]
        until(lambda: peer.fence() or peer.freed == {1: 1000, 2: 10}, f"frees: {peer.freed}")
        peer.fence()
        assert peer.freed == {1: 1000, 2: 10}


def test_one_message_may_lend_one_object_very_often_but_not_very_many(victim: Process) -> None:
    """D17: one proxy and one free for the first, one refusal for the second, which takes nothing."""
    with victim.connect() as peer:
        count = 60_000
        peer.send([0, "give_back_all", [[Mine(5)] * count], {}])
        freed = 0
        frees = 0
        answer = None
        while answer is None or freed < count:
            message = peer.recv_message()
            if message[0] == FREE:
                assert message[1] == 5
                freed += message[2]
                frees += 1
            elif message[0] == RETURN:
                answer = message
        assert freed == count and frees <= 2
        peer.send([0, "give_back_all", [[Mine(i) for i in range(1, 10_003)]], {}])
        returned: dict[int, int] = {}
        answer = None
        while answer is None or len(returned) < 10_002:
            message = peer.recv_message()
            if message[0] == FREE:
                returned[message[1]] = returned.get(message[1], 0) + message[2]
            elif message[0] in (RETURN, ERROR):
                answer = message
        assert answer[0] == ERROR and answer[1][0] == "QuotaExceeded", answer
        assert set(returned.values()) == {1}
        assert peer.value(0, "give_back", [Mine(99_999)]) == Yours(99_999)


def test_nothing_is_carried_over_to_an_id_that_the_client_uses_again(peer: Attacker) -> None:
    """D19: the type is the one that is declared where the reference stands, each time."""
    assert peer.value(0, "keep", [Mine(5)]) == 1
    peer.value(0, "forget")
    until(lambda: peer.fence() or peer.freed == {5: 1}, "the callback is given back")
    peer.send([0, "is_admin", [Mine(5)], {}])
    assert peer.serve(lambda call: [RETURN, True] if call[2] == [] else [RETURN, 1]) == [RETURN, "admin"]
    peer.send([0, "is_admin", [Mine(5)], {}])
    answer = peer.serve(lambda _: [RETURN, 1])
    assert answer[0] == ERROR and answer[1][0] != "admin"
    peer.send([0, "each", [Mine(5), 2], {}])
    assert peer.serve(lambda call: [RETURN, call[2][0]]) == [RETURN, 1]


def test_the_same_number_of_a_client_under_two_interfaces_keeps_them_apart(peer: Attacker) -> None:
    """D19 C01: a function that was lent for one type is not checked by another's."""
    assert peer.value(0, "keep", [Mine(5)]) >= 1
    peer.send([0, "is_admin", [Mine(5)], {}])
    answer = peer.serve(lambda _: [RETURN, 7])
    assert answer[0] == ERROR
    peer.send([0, "tell", [3], {}])
    assert peer.serve(lambda call: [RETURN, call[2][0] + 1]) == [RETURN, 4]
    peer.value(0, "forget")


# ---- the end ----


def test_a_message_that_only_servers_send_ends_the_connection(victim: Process) -> None:
    """D33: returns for nothing, errors for nothing, frees of one's own, hellos, descriptions."""
    for message, code in (
        ([RETURN, 1], 15),
        ([ERROR, ["ValueError", "", None, None]], 15),
        ([FREE, CALLBACK, 1], 15),
        ([-5, 1, {"interfaces": {}}], 15),
        ([-8, "pynto", 1, None, {}], 15),
        ([-8, "pynto", 1, None, {"message": 1}], 15),
        ([-1], 8),
        ([-2, []], 8),
        ([-11, 1], 8),
        ([-128], 8),
    ):
        with victim.connect() as peer:
            peer.send(message)
            assert closes(peer) == code, message


def test_references_go_with_their_connection(victim: Process) -> None:
    """D25 O-REFS: a goodbye, an end of stream, a reset: the objects are gone soon, cycles through the client among them."""
    with victim.connect() as watcher:
        before = watcher.value(0, "alive")
        for end in ("goodbye", "shutdown", "reset"):
            peer = victim.connect("tcp")
            for _ in range(20):
                peer.ref("fresh")
                peer.ref("cycle", Mine(CALLBACK))
            peer.value(0, "many", [200])
            assert watcher.value(0, "alive") >= before + 240
            if end == "reset":
                with reset_at_end(peer):
                    pass
            else:
                peer.pour(pack([-7, 0, ""]) + NEWLINE if end == "goodbye" else b"")
                peer.close()
            until(lambda: watcher.value(0, "alive") <= before, f"after a {end}", 5)


def test_a_callback_of_a_client_that_has_gone_fails_and_is_let_go(victim: Process) -> None:
    """D25: whoever keeps it gets an exception, not somebody else's callback."""
    with victim.connect() as other:
        other.value(0, "forget")
        with victim.connect() as peer:
            assert peer.value(0, "keep", [Mine(1)]) == 1
        answer = until(lambda: _failing(other), "the callback fails")
        assert answer[1][0] in ("Disconnected", "RemoteError", "ConnectionError", "OSError"), answer
        other.value(0, "forget")
        other.lives()


def _failing(other: Attacker) -> Any:
    answer = other.call(0, "tell", [1])
    return answer if answer[0] == ERROR else None


def test_freed_while_it_is_called_from_many_lanes(victim: Process) -> None:
    """D11 D23: calls and frees of the same objects in many lanes at once; each call is answered once."""
    with victim.connect() as peer:
        refs = [peer.ref("fresh") for _ in range(64)]
        data = b""
        for i, ref in enumerate(refs):
            data += (
                pack([LANE, 2 * (i % 8)])
                + NEWLINE
                + call_bytes(ref, "balance")
                + free(ref)
                + call_bytes(ref, "balance")
            )
        data += pack([LANE, 0]) + NEWLINE
        peer.send_raw(data)
        kinds = [peer.reply()[0] for _ in range(128)]
        assert kinds.count(RETURN) == 64 and kinds.count(ERROR) == 64
        peer.send([0, "echo", ["alive"], {}])
        assert peer.reply() == [RETURN, "alive"]


def test_what_a_client_lends_is_bounded(victim: Process) -> None:
    """K05 D17: the quota `lent`, exactly; giving back makes room again."""
    with serving("--quota", "lent=10") as server, server.connect() as peer:
        for i in range(1, 11):
            assert peer.value(0, "keep", [Mine(i)]) == i
        peer.raises("QuotaExceeded", 0, "keep", [Mine(11)])
        peer.raises("QuotaExceeded", 0, "give_back_all", [[Mine(11), Mine(12)]])
        assert peer.value(0, "keep", [Mine(3)]) == 11  # one that is lent already
        peer.value(0, "forget")
        until(lambda: peer.call(0, "keep", [Mine(20)])[0] == RETURN, "there is room again")


def test_what_a_client_holds_is_bounded(victim: Process) -> None:
    """K11: the quota `references`, exactly, whatever is freed and received again."""
    with serving("--quota", "references=10") as server, server.connect() as peer:
        watcher = server.connect()
        before = watcher.value(0, "alive")
        for _ in range(5):
            refs = [peer.ref("fresh") for _ in range(10)]
            peer.raises("QuotaExceeded", 0, "fresh")
            peer.raises("QuotaExceeded", 0, "many", [1])
            peer.raises("QuotaExceeded", 0, "many", [1000])
            until(lambda: watcher.value(0, "alive") == before + 10, "what was not sent is not kept")
            peer.send_raw(b"".join(free(ref) for ref in refs))
        until(lambda: watcher.value(0, "alive") == before, "all are gone")
        watcher.close()


def test_descriptors_come_back(victim: Process) -> None:
    """F07 L05 L09 O-FD: a session cut off behind each of its bytes, by an end of stream and by a reset, leaves nothing."""
    session = pack([-8, "pynto", 1, None, {}]) + NEWLINE + call_bytes(0, "open", "a") + call_bytes(1, "balance")
    session += call_bytes(0, "keep", Mine(1)) + call_bytes(0, "each", Mine(2), 3) + free(1)
    with victim.connect() as watcher:
        watcher.value(0, "forget")
        before_alive = watcher.value(0, "alive")
        before = victim.fd_count()
        with Honest(victim):
            for cut in range(len(session) + 1):
                for is_reset in (False, True):
                    peer = victim.connect("tcp" if is_reset else "unix", hello=False)
                    peer.pour(session[:cut])
                    if is_reset:
                        with reset_at_end(peer):
                            pass
                    peer.close()
        until(lambda: victim.fd_count() <= before + 1, f"descriptors: {before}", 5)
        watcher.value(0, "forget")
        until(lambda: watcher.value(0, "alive") <= before_alive, "objects are gone", 5)
        watcher.lives()


def test_a_slow_call_of_a_client_that_has_gone_ends_quietly(victim: Process) -> None:
    """F07: the result has nowhere to go."""
    with victim.connect() as watcher:
        before = watcher.value(0, "alive")
        peer = victim.connect()
        peer.send([0, "wait", [0.05], {}])
        peer.send([0, "fresh", [], {}])
        with reset_at_end(peer):
            pass
        until(lambda: watcher.value(0, "alive") == before, "nothing is left", 5)


def test_threads_do_not_pile_up(victim: Process) -> None:
    """O-FD: many clients that each wait in a callback when they go."""
    with victim.connect() as watcher:
        before = victim.thread_count()
        peers = [victim.connect() for _ in range(30)]
        for peer in peers:
            peer.send([0, "each", [Mine(1), 1], {}])
        for peer in peers:
            assert is_call(peer.reply())
        watcher.lives()
        for peer in peers:
            peer.close()
        watcher.lives()
        until(lambda: victim.thread_count() <= max(before, 8), f"threads: {before}, now {victim.thread_count()}", 15)


def test_what_a_handler_starts_has_none_of_the_servers_descriptors(peer: Attacker) -> None:
    """Q01 F17"""
    assert set(peer.value(0, "child_fds")) <= {0, 1, 2, 3}  # 3: the listing itself


@pytest.mark.parametrize("how", ["exit", "write", "raise", "fail", "return"])
def test_a_forked_child_says_nothing_on_its_parents_connections(how: str) -> None:
    """F17: one answer, from the parent, whatever the child does; no free of the child's finalisers; the service goes on."""
    with serving() as server, server.connect() as peer, server.connect("tcp") as other:
        ref = other.ref("open", "a")
        peer.value(0, "keep", [Mine(1)])
        peer.send([0, "fork", [how], {}])
        assert peer.reply() == [RETURN, server.pid]
        for _ in range(3):
            peer.fence()
            assert peer.value(0, "pid") == server.pid
        assert peer.freed == {}
        other.value(ref, "balance")
        with server.connect() as third:
            assert third.value(0, "pid") == server.pid
