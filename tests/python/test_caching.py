"""Does a client that keeps answers see only what one that asks each time could have seen?"""

from __future__ import annotations

import gc
import importlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import larder
import pynto
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rawpeer import HELLO, RETURN, Mine, RawPeer

STALE = -14


@pytest.fixture(scope="module")
def policy(generate: Callable[..., Path]) -> pynto.Policy:
    return pynto.Policy.load(generate("larder:Larder", config='[policy]\nset = ["larder:Jar.label"]\n'))


@pytest.fixture
def site(serve: Callable[..., Any], policy: pynto.Policy) -> Any:
    larder.asked.clear()
    return serve(larder.Larder(), policy=policy)


@pytest.fixture
def root(site: Any) -> Any:
    return site.connect().root


def counts(netref: Any) -> tuple[int, int]:
    usage = pynto.connection(netref).usage()
    return usage["cache_hits"], usage["cache_misses"]


# ---- what is kept ----


def test_an_answer_is_asked_for_once(root: Any, site: Any) -> None:
    before = site.calls
    assert [root.count() for _ in range(100)] == [2] * 100
    assert larder.asked == ["count"]
    assert site.calls - before == 1
    assert counts(root) == (99, 1)


def test_a_property_is_read_once(root: Any) -> None:
    jar = root.jar("fig")
    assert [jar.label for _ in range(10)] == ["fig"] * 10
    assert larder.asked == ["label"]


def test_each_hit_is_a_value_of_its_own(root: Any) -> None:
    first = root.copied([3, 1])
    first.append(9)
    assert root.copied([3, 1]) == [3, 1]
    assert larder.asked == ["copied"]


def test_only_what_counts_tells_calls_apart_however_it_is_given(root: Any) -> None:
    assert root.find("a") == root.find(key="a") == root.find("a", 7) == root.find("a", deep=True) == ("a", 0)
    assert root.find("b") == ("b", 0)
    assert larder.asked == ["find a 0 False", "find b 0 False"]


def test_an_error_is_not_kept(root: Any) -> None:
    for _ in range(3):
        with pytest.raises(ValueError):
            root.fails()
    assert larder.asked == ["fails"] * 3


def test_what_does_not_fit_is_not_asked_for_and_not_kept(root: Any) -> None:
    for _ in range(2):
        with pytest.raises(TypeError):
            root.find(3)
    assert larder.asked == []


def test_its_time_ends(root: Any, until: Callable[..., Any]) -> None:
    first = root.brief()
    assert until(lambda: root.brief() > first)


def test_a_netref_as_an_argument_is_told_apart_by_what_it_stands_for(root: Any) -> None:
    plum, fig = root.jar("plum"), root.jar("fig")
    for _ in range(2):
        assert (root.weigh(plum), root.weigh(fig)) == ("plum g", "fig g")
    assert larder.asked == ["weigh plum", "weigh fig"]


def test_a_reference_that_was_given_back_and_comes_again_is_another(root: Any) -> None:
    for label in ["one", "two", "three"]:
        jar = root.fresh(label)
        assert (jar.label, jar.described(), root.weigh(jar)) == (label, f"a jar of {label}", f"{label} g")
        del jar
        gc.collect()


def test_two_connections_keep_for_themselves(site: Any) -> None:
    first, second = site.connect().root, site.connect().root
    assert (first.count(), second.count(), first.count(), second.count()) == (2, 2, 2, 2)
    assert larder.asked == ["count", "count"]


# ---- when it goes ----


def test_who_changes_something_sees_the_change(root: Any) -> None:
    for number in range(1, 50):
        root.set_and_tell(number)
        assert root.number() == number
        assert root.number() == number
    assert larder.asked == ["number"] * 49


def test_without_being_told_a_client_goes_on_with_what_it_has(root: Any) -> None:
    assert root.number() == 0
    root.set(7)
    assert root.number() == 0
    root.tell("count")
    assert root.number() == 0
    root.tell("")
    assert root.number() == 7


def test_another_client_is_told_by_the_time_that_the_change_is_answered(site: Any) -> None:
    """On one machine: what was written to a socket is there, and what was not looked at makes a client ask."""
    one, other = site.connect().root, site.connect().root
    for number in range(1, 50):
        assert other.number() == number - 1
        assert one.set_and_tell(number) == 2
        assert other.number() == number


def test_news_of_something_else_costs_no_call(root: Any, site: Any) -> None:
    assert (root.number(), root.count()) == (0, 2)
    before = site.calls
    for _ in range(20):
        assert pynto.stale(site.target, "find") == 1
        assert (root.number(), root.count()) == (0, 2)
    assert site.calls == before


def test_it_is_told_from_any_thread_and_outside_of_calls(site: Any, root: Any) -> None:
    assert root.number() == 0
    site.target.set(5)
    told: list[int] = []
    thread = threading.Thread(target=lambda: told.append(pynto.stale(site.target, "number")))
    thread.start()
    thread.join()
    assert told == [1]
    assert root.number() == 5


def test_only_those_who_hold_the_object_are_told(site: Any) -> None:
    first, second = site.connect().root, site.connect().root
    jar = first.jar("plum")
    assert pynto.stale(site.target._jars["plum"]) == 1
    assert pynto.stale(site.target._jars["fig"]) == 0
    assert pynto.stale(site.target) == 2
    assert pynto.stale(site.target, "nothing_such") == 0
    assert pynto.stale(site.target, "set") == 0
    assert pynto.stale(object()) == 0
    assert jar.peek() == "plum"
    assert second.count() == 2


def test_what_it_takes_is_checked(root: Any, site: Any) -> None:
    with pytest.raises(TypeError, match="netref"):
        pynto.stale(root)
    for wrong in ["", "a" * 256]:
        with pytest.raises(ValueError, match="1 to 255"):
            pynto.stale(site.target, wrong)
    with pytest.raises(TypeError):
        pynto.stale(site.target, 3)  # type: ignore[arg-type]


def test_an_own_write_is_seen(root: Any) -> None:
    jar = root.jar("plum")
    for label in ["a", "b", "c"]:
        assert jar.label == jar.label
        jar.label = label
        assert jar.label == label
        assert jar.described() == f"a jar of {label}"


def test_an_own_call_that_says_so_is_seen(root: Any) -> None:
    jar = root.jar("plum")
    for label in ["a", "b", "c"]:
        assert jar.label == jar.label
        assert jar.swap(label) == label
        assert (jar.label, jar.described()) == (label, f"a jar of {label}")


def test_what_a_released_reference_has_answered_is_gone(root: Any) -> None:
    jar = root.jar("plum")
    before = pynto.connection(root).usage()["cache"]
    assert jar.label == "plum"
    assert pynto.connection(root).usage()["cache"] > before
    pynto.release(jar)
    assert pynto.connection(root).usage()["cache"] == before
    with pytest.raises(ReferenceError):
        jar.label  # noqa: B018
    assert root.jar("plum").label == "plum"
    assert larder.asked == ["label", "label"]


def test_after_the_end_nothing_is_answered_from_what_was_kept(site: Any) -> None:
    connection = site.connect()
    root = connection.root
    assert root.count() == 2
    connection.close()
    with pytest.raises(pynto.Disconnected):
        root.count()
    assert connection.usage()["cache"] == 0


def test_what_is_told_while_an_answer_is_on_its_way_keeps_it_out(
    root: Any, site: Any, in_thread: Callable[..., Any], until: Callable[..., Any]
) -> None:
    """slow() answers with what there was when it began: that is used, and not used again."""
    for number in range(1, 4):
        call = in_thread(root.slow)
        until(lambda number=number: larder.asked == ["slow"] * number)
        assert pynto.stale(site.target, "slow") == 1
        site.target.set(number)
        assert call.result() == number - 1


def test_a_write_in_a_batch_is_seen_whatever_it_is_written_to(site: Any) -> None:
    connection = site.connect()
    root, jar = connection.root, connection.root.jar("plum")
    for label in ("a", "b"):
        assert (jar.label, jar.described(), root.count()) == (jar.label, jar.described(), 2)
        with connection.pipeline() as p:
            p.root.jar("plum").label = label
            seen = p.root.jar("plum").label
        assert seen.result() == label
        assert (jar.label, jar.described()) == (label, f"a jar of {label}")
        with connection.pipeline() as p:
            p(jar).label = label * 2
        assert (jar.label, jar.described()) == (label * 2, f"a jar of {label * 2}")


def test_a_facet_made_by_pynto_is_an_object_of_its_own(root: Any, site: Any) -> None:
    """It is told of by itself; and what was kept of it outlives its revocation by its time."""
    facet = root.shown()
    assert (facet.number(), root.number()) == (0, 0)
    site.target.set(1)
    assert pynto.stale(site.target) == 1
    assert (root.number(), facet.number()) == (1, 0)
    assert pynto.stale(site.target.facet, "number") == 1
    assert facet.number() == 1
    site.target.revoke()
    assert facet.number() == 1
    assert pynto.stale(site.target.facet) == 1
    with pytest.raises(pynto.Refused):
        facet.number()


def test_an_iterator_that_changes_what_is_kept_is_not_run_ahead_of_who_looks(root: Any) -> None:
    """A hit is a look elsewhere, as a call is: between two steps the program sees what there is after each."""
    for step, number in enumerate(root.climb(60)):
        assert number == step
        assert root.number() == step
        assert root.number() == step


# ---- how much ----


def test_it_never_holds_more_than_its_quota(site: Any) -> None:
    connection = site.connect(quotas={"cache": 20_000})
    for size in range(200):
        assert len(connection.root.big(size * 10)) == size * 10
        assert connection.usage()["cache"] <= 20_000
    usage = connection.usage()
    assert usage["cache_peak"] <= 20_000
    assert usage["cache_evictions"] > 100
    assert connection.root.big(1990) == bytes(1990)
    assert connection.usage()["cache_hits"] == 1


def test_what_is_larger_than_the_quota_lets_nothing_else_go(site: Any) -> None:
    connection = site.connect(quotas={"cache": 20_000})
    assert connection.root.count() == 2
    for _ in range(2):
        assert len(connection.root.big(30_000)) == 30_000
    connection.root.count()
    assert larder.asked == ["count", "big 30000", "big 30000"]


def test_it_can_be_switched_off(site: Any) -> None:
    root = site.connect(quotas={"cache": 0}).root
    assert (root.count(), root.count()) == (2, 2)
    assert larder.asked == ["count", "count"]


def test_many_threads_may_share_it(root: Any) -> None:
    errors: list[BaseException] = []
    seen = [0]

    def work() -> None:
        try:
            last = 0
            for _ in range(200):
                number = root.number()
                assert number >= last
                last = number
                root.find(str(number % 7))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for number in range(1, 40):
        root.set_and_tell(number)
        seen.append(root.number())
    for thread in threads:
        thread.join()
    assert not errors
    assert seen == list(range(40))


# ---- against a model ----

STEP = st.one_of(
    st.tuples(st.just("read"), st.integers(0, 1)),
    st.tuples(st.just("find"), st.integers(0, 1), st.sampled_from("ab")),
    st.tuples(st.just("set"), st.integers(0, 1)),
    st.tuples(st.just("set_and_tell"), st.integers(0, 1)),
    st.tuples(st.just("tell"), st.sampled_from(["", "number", "find", "count"])),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(st.lists(STEP, max_size=40))
def test_in_any_order_a_client_sees_what_there_was_since_it_was_told_last(
    serve: Callable[..., Any], policy: pynto.Policy, steps: list[tuple[Any, ...]]
) -> None:
    """A read gives a value that was true at some instant since the last news of it that this client had: with the cache off that is the last one."""
    site = serve(larder.Larder(), policy=policy)
    roots = [site.connect().root, site.connect(quotas={"cache": 0}).root]
    current = 0
    since: dict[str, set[int]] = {"number": {0}, "find": {0}}  # what may be seen
    kept: dict[tuple[str, str], int] = {}  # what a client has, that may use it again
    for kind, *rest in steps:
        if kind in ("read", "find"):
            which = rest[0]
            key = ("number", "") if kind == "read" else ("find", rest[1])
            seen = roots[which].number() if kind == "read" else roots[which].find(rest[1])[1]
            if which == 1:
                assert seen == current
            else:
                assert seen == kept.setdefault(key, current)
                assert seen in since[key[0]]
        elif kind in ("set", "set_and_tell"):
            current += 1
            getattr(roots[rest[0]], kind)(current)
            for values in since.values():
                values.add(current)
        name = "number" if kind == "set_and_tell" else rest[0] if kind == "tell" else None
        if kind == "tell":
            pynto.stale(site.target, name) if name else pynto.stale(site.target)
        if name is not None:
            for operation in [name] if name else ["number", "find"]:
                if operation in since:
                    since[operation] = {current}
                    for key in [each for each in kept if each[0] == operation]:
                        del kept[key]
    site.close()


# ---- a server that does what it likes ----

DESCRIPTION: dict[str, Any] = {
    "interfaces": {
        "evil:Root": {
            "cached": {"text": "3600s", "size": "3600s", "page": "3600s by number"},
            "get": {"size": "int"},
            "methods": {"other": "() -> evil:Root", "page": "(number: int) -> str", "text": "() -> str"},
        }
    }
}
OTHER = {"interfaces": {"evil:Root": {"cached": {"text": "3600s"}, "methods": {"text": "() -> int"}}}}


class Scripted:
    """A server of raw messages; answers maps names to what is sent when they are called."""

    def __init__(self, description: Any = None) -> None:
        ours, theirs = socket.socketpair()
        self.peer = RawPeer(theirs, timeout=10)
        self.description = description or DESCRIPTION
        self.calls: list[str] = []
        self.answers: dict[str, Callable[[], list[Any]]] = {}
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        fd = ours.detach()
        self.connection = pynto.Connection(fd, fd, "scripted", quotas={"cache": 5000})

    def _serve(self) -> None:
        try:
            self.peer.recv_message()
            self.peer.send([HELLO, "pynto", 1, None, {}])
            self.peer.send([-5, 1, self.description])
            self.peer.send([RETURN, Mine(0, 1)])
            while (message := self.peer.reply()) is not None and len(message) == 4:
                name = message[2][0] if message[1] == "__getattr__" else message[1]
                self.calls.append(name)
                for each in self.answers[name]():
                    self.peer.send(each)
        except (OSError, AssertionError):
            pass

    def close(self) -> None:
        self.connection.close()
        self.peer.close()
        self._thread.join(10)


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    server = Scripted()
    yield server
    server.close()


def test_a_flood_of_news_of_what_is_not_there_changes_nothing(scripted: Scripted) -> None:
    names = ["text", "size", "none", "t", "texts", "a" * 255]
    flood = [[STALE, id, name] for id in (1, 2, 2**64 - 1) for name in (*names, None)] * 200
    scripted.answers = {"text": lambda: [[RETURN, "kept"]], "size": lambda: [*flood, [RETURN, 3]]}
    root = scripted.connection.root
    assert (root.text(), root.size, root.text(), root.size) == ("kept", 3, "kept", 3)
    assert scripted.calls == ["text", "size"]


def test_a_server_that_always_says_stale_is_always_asked(scripted: Scripted) -> None:
    scripted.answers = {"text": lambda: [[STALE, 0, None], [RETURN, "x"]]}
    for _ in range(5):
        assert scripted.connection.root.text() == "x"
    assert scripted.calls == ["text"] * 5
    assert scripted.connection.usage()["cache"] == 0


def test_an_answer_that_does_not_fit_is_not_kept(scripted: Scripted) -> None:
    scripted.answers = {"text": lambda: [[RETURN, 5]], "size": lambda: [[RETURN, Mine(0, 1)]]}
    for _ in range(2):
        with pytest.raises(pynto.Refused):
            scripted.connection.root.text()
        with pytest.raises(pynto.Refused):
            scripted.connection.root.size  # noqa: B018
    assert scripted.calls == ["text", "size"] * 2
    assert scripted.connection.usage()["cache"] == 0


def test_a_server_cannot_make_a_client_keep_more_than_its_quota(scripted: Scripted) -> None:
    scripted.answers = {"page": lambda: [[RETURN, "x" * 1000]]}
    for number in range(100):
        scripted.connection.root.page(number)
        assert scripted.connection.usage()["cache"] <= 5000
    assert scripted.connection.usage()["cache_peak"] <= 5000


def test_one_id_under_two_interfaces_shares_nothing(scripted: Scripted) -> None:
    """What was found to be a str is never taken for what another interface says to be an int."""
    values = iter(["a str", 7])
    scripted.answers = {
        "other": lambda: [[-5, 2, OTHER], [RETURN, Mine(0, 2)]],
        "text": lambda: [[RETURN, next(values)]],
    }
    root = scripted.connection.root
    assert root.text() == "a str"
    other = root.other()
    assert (other.text(), other.text(), root.text()) == (7, 7, "a str")


@pytest.mark.parametrize(
    "methods",
    [
        {"text": "() -> evil:Root"},
        {"text": "() -> (evil:Root*)"},
        {"text": "(f: fn()->none) -> str"},
        {"text": ["() -> str", "(int, /) -> str"]},
    ],
)
def test_a_description_that_would_keep_more_than_data_ends_the_connection(methods: Any) -> None:
    description = {"interfaces": {"evil:Root": {"cached": {"text": "3600s"}, "methods": methods}}}
    with pytest.raises((pynto.ProtocolError, pynto.Disconnected)):
        Scripted(description)


def test_what_a_read_finds_while_an_own_write_is_on_its_way_is_not_kept(in_thread: Callable[..., Any]) -> None:
    """A thread may read ahead of another's write, and its answer may come ahead of the write's: it is of before."""
    description = {
        "interfaces": {"evil:Root": {"cached": {"title": "3600s"}, "get": {"title": "str"}, "set": {"title": "str"}}}
    }
    ours, theirs = socket.socketpair()
    fd = ours.detach()
    with RawPeer(theirs, timeout=10) as peer:
        peer.send([HELLO, "pynto", 1, None, {}])
        peer.send([-5, 1, description])
        peer.send([RETURN, Mine(0, 1)])
        connection = pynto.Connection(fd, fd, "raw")
        peer.recv_message()
        root = connection.root
        write = in_thread(lambda: setattr(root, "title", "new"))
        assert peer.reply() == [0, "__setattr__", ["title", "new"], {}]
        lane = peer.in_lane
        read = in_thread(lambda: root.title)
        assert peer.reply()[1] == "__getattr__"
        peer.send([RETURN, "old"], lane=peer.in_lane)
        assert read.result() == "old"
        peer.send([RETURN, None], lane=lane)
        write.result()
        read = in_thread(lambda: root.title)
        assert peer.reply()[1] == "__getattr__"
        peer.send([RETURN, "new"], lane=peer.in_lane)
        assert (read.result(), root.title) == ("new", "new")
        connection.close()


def test_a_client_may_not_say_it(site: Any) -> None:
    with RawPeer(site.address.removeprefix("unix://")) as peer:
        peer.hello()
        peer.send([STALE, 0, None])
        assert peer.expect_close()[1] == 15  # type: ignore[index]


# ---- on the wire ----


def test_a_server_says_it_ahead_of_the_answer_and_only_of_what_may_be_kept(site: Any) -> None:
    with RawPeer(site.address.removeprefix("unix://")) as peer:
        peer.hello()
        peer.send([0, "set_and_tell", [4], {}])
        assert [peer.recv_message(), peer.recv_message()] == [[STALE, 0, "number"], [RETURN, 1]]
        peer.send([0, "tell", [""], {}])
        assert [peer.recv_message(), peer.recv_message()] == [[STALE, 0, None], [RETURN, 1]]
        peer.send([0, "tell", ["set"], {}])
        assert peer.recv_message() == [RETURN, 0]


def test_who_does_not_read_what_it_is_told_is_sent_away(serve: Callable[..., Any], policy: pynto.Policy) -> None:
    site = serve(larder.Larder(), policy=policy, quotas={"message": 1 << 12, "output": 1 << 16})
    with RawPeer(site.address.removeprefix("unix://")) as peer:
        peer.hello()
        told = 0
        while pynto.stale(site.target, "number") == 1:
            told += 1
            assert told < 1_000_000
        assert pynto.stale(site.target) == 0


# ---- the page ----

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "caching.md").read_text(encoding="utf-8")


def test_the_page_does_what_it_says(
    generate: Callable[..., Path], serve: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = re.findall(r"^```python( client)?\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (shop,) = [text for client, text in blocks if not client]
    name, _, _ = shop.removeprefix("# ").partition("\n")
    (tmp_path / name).write_text(shop, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    served = serve(importlib.import_module("shop").Shop(), policy=generate("shop:Shop", path=tmp_path))
    names = {"pynto": pynto, "shop": served.connect().root, "connect": served.connect}
    for client, text in blocks:
        if client:
            exec(text, names)
    assert names["usage"]["cache"] > 0  # type: ignore[index]
