"""Does everybody get the limits of the class that was decided for them, from the first call on, and nobody another one's?"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pynto
import pytest
import served
from house import House
from pynto import QuotaClass, _core
from rawpeer import ERROR, GOODBYE, HELLO, RETURN, RawPeer, pack

OVER = (pynto.Disconnected, pynto.ProtocolError, pynto.Refused)


@pytest.fixture(scope="module")
def guarded_policy(generate: Callable[..., Path]) -> Path:
    return generate("guarded:Room")


@pytest.fixture
def open_house(tmp_path: Path, guarded_policy: Path) -> Iterator[Callable[..., House]]:
    """open_house(classes=..., ...): a server of guarded.Room at pynto://."""
    houses: list[House] = []

    def open(**options: Any) -> House:
        houses.append(House(tmp_path / f"state{len(houses)}", guarded_policy, **options))
        return houses[-1]

    yield open
    for house in houses:
        house.close()


def limits_at(address: str) -> dict[str, int]:
    """What the server says that it takes from who comes over this Unix socket."""
    peer = RawPeer(address.removeprefix("unix://"), timeout=10.0)
    try:
        limits: dict[str, int] = peer.hello()[4]
        return limits
    finally:
        peer.close()


def message_max(connection: pynto.Connection) -> int:
    """Of its class, to the byte: the server closes at N+1, and the client does not even ask."""
    with pytest.raises(pynto.QuotaExceeded, match="message: ") as refused:
        connection.root.post("x" * 200_000)
    return int(str(refused.value).partition("message: ")[2].split()[0])


# ---- which roots they have ----


@pytest.fixture
def lobbied(serve: Callable[..., Any], generate: Callable[..., Path], tmp_path: Path) -> Callable[..., Any]:
    """lobbied(classes): a Root and a Lobby, over a Unix socket and TCP."""
    policy = generate("served:Root", "served:Lobby")
    listen = [f"unix://{tmp_path}/roots.sock", "tcp://127.0.0.1:0"]
    both = {"Lobby": served.Lobby(), "Root": served.Root()}

    def start(**classes: QuotaClass) -> Any:
        return serve(both, policy=policy, listen=listen, classes=classes)

    return start


def root_at(address: str, **options: Any) -> str:
    try:
        with pynto.connect(address, **options) as connection:
            return "Lobby" if hasattr(connection.root, "name") else "Root"
    except OVER as error:
        return str(error)


def test_who_is_there_decides_which_roots_there_are(lobbied: Callable[..., Any]) -> None:
    me = QuotaClass(users=(os.getuid(),), roots=("Root",))
    unix, tcp = lobbied(staff=me, anonymous=QuotaClass(roots=("Lobby",))).server.addresses
    assert [root_at(unix), root_at(tcp)] == ["Root", "Lobby"]  # the only one that each has
    assert [root_at(unix, root="Root"), root_at(tcp, root="Lobby")] == ["Root", "Lobby"]
    denied = {root_at(unix, root="Lobby"), root_at(tcp, root="Root"), root_at(tcp, root="nothing")}
    assert len(denied) == 1 and "no such root" in denied.pop()  # that it is there is not told either


def test_who_has_both_says_which_and_who_has_none_gets_none(lobbied: Callable[..., Any]) -> None:
    unix, tcp = lobbied(local=QuotaClass(), anonymous=QuotaClass(roots=())).server.addresses
    assert [root_at(unix, root="Root"), root_at(unix, root="Lobby")] == ["Root", "Lobby"]
    assert "no such root" in root_at(unix)
    assert all("no such root" in root_at(tcp, root=root) for root in ("", "Root", "Lobby"))


def test_a_root_of_a_class_has_to_be_there(lobbied: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="class guests: there is no root 'lobby'"):
        lobbied(guests=QuotaClass(roots=("lobby",)))


def test_what_was_granted_is_not_more_than_its_class_has(tmp_path: Path, generate: Callable[..., Path]) -> None:
    policy = generate("served:Root", "served:Lobby")
    both = {"Lobby": served.Lobby(), "Root": served.Root()}
    house = House(tmp_path / "state", policy, both, classes={"guests": QuotaClass(roots=("Lobby",))})
    try:
        lobby, root = (house.url(root=name, quota_class="guests") for name in ("Lobby", "Root"))
        assert [root_at(lobby), root_at(house.url(root="Root"))] == ["Lobby", "Root"]
        assert "no such root" in root_at(root)
    finally:
        house.close()


# ---- who is in which ----


def test_a_capability_and_a_key_lead_to_the_class_that_was_granted(
    open_house: Callable[..., House], tmp_path: Path
) -> None:
    house = open_house(
        quotas={"message": 9000},
        classes={
            "member": QuotaClass({"message": 8000}),
            "staff": QuotaClass({"message": 7000}),
            "anonymous": QuotaClass({"message": 1024}),
        },
    )
    assert message_max(house.connect()) == 8000
    assert message_max(house.connect(house.url(quota_class="staff"))) == 7000
    assert message_max(house.connect(house.url(quota_class="local"))) == 9000
    key = tmp_path / "ada.key"
    _core.Key.generate().save(key)
    (house.state.folder / "authorized_keys").write_text(f"{_core.Key(key).public} class=staff\n")
    house.server._keeper.load()  # type: ignore[union-attr]
    assert message_max(house.connect(house.address, key=key)) == 7000


def test_a_user_of_this_machine_is_sorted_by_what_the_kernel_says(serve: Callable[..., Any]) -> None:
    mine = {"staff": QuotaClass({"references": 7}, users=(os.getuid(),)), "local": QuotaClass({"references": 8})}
    others = {"staff": QuotaClass({"references": 7}, users=(os.getuid() + 1,)), "local": QuotaClass({"references": 8})}
    assert limits_at(serve(classes=mine).address)["references"] == 7
    assert limits_at(serve(classes=others).address)["references"] == 8
    assert limits_at(serve().address)["references"] == 10_000


def test_plain_tcp_is_anonymous(serve: Callable[..., Any]) -> None:
    site = serve(
        listen="tcp://127.0.0.1:0",
        classes={
            "anonymous": QuotaClass({"references": 3}),
            "local": QuotaClass({"references": 8}, users=(os.getuid(),)),
        },
    )
    root = site.connect().root
    kept = [root.fresh() for _ in range(3)]
    with pytest.raises(pynto.QuotaExceeded, match="references: 3"):
        root.fresh()
    assert len(kept) == 3


def test_the_other_end_of_a_socket_that_was_handed_over_is_sorted_like_others(loaded_policy: pynto.Policy) -> None:
    import served

    with pynto.pair(served.Root(), policy=loaded_policy) as connection:
        assert connection.root.add(1) == 2


# ---- attacks ----


@pytest.mark.parametrize("name", ["staf", "Staff", "staff ", "none"])
def test_a_grant_of_a_class_that_there_is_not_lets_nobody_in_and_the_log_says_why(
    name: str, open_house: Callable[..., House], caplog: pytest.LogCaptureFixture
) -> None:
    house = open_house(classes={"staff": QuotaClass()})
    with caplog.at_level(logging.ERROR, "pynto.server"):
        url = house.url(quota_class=name)
    assert f"no quota class {name}" in caplog.text
    with pytest.raises(OVER, match="no such root"):
        house.connect(url).root.lines()
    assert house.connect(house.url(quota_class="staff")).root.lines() == ()


def test_a_client_does_not_choose_its_class(serve: Callable[..., Any]) -> None:
    """Whatever it says of itself: it is not asked."""
    site = serve(
        classes={
            "staff": QuotaClass({"references": 1}, users=(os.getuid() + 1,)),
            "local": QuotaClass({"references": 5}),
        }
    )
    path = site.address.removeprefix("unix://")
    for hello in (
        [HELLO, "pynto", 1, None, {"class": 1}],
        [HELLO, "pynto", 1, None, {"references": 10**9, "quota_class": 2}],
    ):
        peer = RawPeer(path, timeout=10.0)
        peer.send(hello)
        answer = peer.recv_message()
        assert answer[0] in (HELLO, GOODBYE)
        assert answer[0] == GOODBYE or answer[4]["references"] == 5
        peer.close()
    for root in ("staff", "local", "class=staff"):
        with pytest.raises(OVER):
            site.connect(root=root).root.add(1)


def test_before_anybody_is_known_the_strictest_limits_of_all_hold(
    open_house: Callable[..., House], until: Callable[..., Any]
) -> None:
    import socket

    house = open_house(quotas={"hello": 60, "handshake": 60}, classes={"staff": QuotaClass({"handshake": 0.3})})
    host, _, port = house.where.rpartition(":")
    began = time.monotonic()
    with socket.create_connection((host, int(port))) as silent:
        until(lambda: house.server.stats()["connections"] == 1)
        until(lambda: house.server.stats()["connections"] == 0, 10, "it is there for a minute")
        assert time.monotonic() - began < 10
        del silent
    assert house.connect().root.lines() == (), "who is known has the limits of its class"


def test_the_limits_of_the_class_hold_for_the_call_right_behind_the_hello(serve: Callable[..., Any]) -> None:
    """It comes in one piece with the hello, so that it stands in the buffer when the class is decided."""
    for size, answer in ((1500, ERROR), (2500, GOODBYE)):
        site = serve(quotas={"message": 100_000}, classes={"local": QuotaClass({"message": 2000})})
        peer = RawPeer(site.address.removeprefix("unix://"), timeout=10.0)
        peer.send_raw(pack([HELLO, "pynto", 1, None, {}]) + b"\n" + pack([0, "nothing", ["x" * size], {}]) + b"\n")
        assert peer.recv_message()[4]["message"] == 2000
        assert peer.reply()[0] == RETURN, "the root"
        got = peer.reply() if answer == ERROR else peer.expect_close()
        assert got is not None
        assert got[0] == answer
        peer.close()


# ---- totals ----


def test_no_more_connections_of_a_class_than_it_may_have(serve: Callable[..., Any], until: Callable[..., Any]) -> None:
    site = serve(classes={"local": QuotaClass(connections=3)})
    first = [site.connect() for _ in range(3)]
    assert [each.root.add(1) for each in first] == [2, 2, 2]
    for _ in range(3):
        with pytest.raises(OVER):
            site.connect().root.add(1)
    first[0].close()
    until(lambda: site.server.stats()["connections"] == 2)
    assert site.connect().root.add(1) == 2
    with pytest.raises(OVER):
        site.connect().root.add(1)


def test_no_more_connections_of_one_principal_than_it_may_have(
    open_house: Callable[..., House], until: Callable[..., Any]
) -> None:
    house = open_house(classes={"member": QuotaClass(connections_each=2, connections=3)})
    one, other = house.url(), house.url()
    kept = [house.connect(one), house.connect(pynto.narrowed(one, "guarded:Reader"))]
    assert [each.root.lines() for each in kept] == [(), ()]
    for url in (one, pynto.narrowed(one, "guarded:Reader")):
        with pytest.raises(OVER, match="one principal"):
            house.connect(url).root.lines()
    assert house.connect(other).root.lines() == (), "another one is not kept out by it"
    with pytest.raises(OVER, match="of its class"):
        house.connect(other).root.lines()
    kept[0].close()
    until(lambda: house.server.stats()["connections"] == 2)
    assert house.connect(one).root.lines() == ()


def test_who_was_refused_takes_no_place(serve: Callable[..., Any], until: Callable[..., Any]) -> None:
    site = serve(classes={"local": QuotaClass(connections=1)})
    first = site.connect()
    for _ in range(20):
        with pytest.raises(OVER):
            site.connect().root.add(1)
    first.close()
    until(lambda: site.server.stats()["connections"] == 0)
    assert site.connect().root.add(1) == 2


# ---- what makes no sense ----


@pytest.mark.parametrize(
    "classes",
    [
        {"": QuotaClass()},
        {"x" * 32: QuotaClass()},
        {"a\0b": QuotaClass()},
        {"a": QuotaClass({"mesage": 5})},
        {"a": QuotaClass({"message": 5})},
        {"a": QuotaClass(connections=0)},
        {"a": QuotaClass(connections_each=-1)},
        {"a": QuotaClass(users=(-1,))},
        {"a": QuotaClass(users=(2**32 - 1,))},
        {"a": QuotaClass(users=(5, 5))},
        {"a": QuotaClass(users=(5,)), "b": QuotaClass(users=(5,))},
        {f"c{n}": QuotaClass() for n in range(62)},
    ],
)
def test_a_class_that_makes_no_sense_is_refused(classes: dict[str, QuotaClass], serve: Callable[..., Any]) -> None:
    with pytest.raises((ValueError, OverflowError)):
        serve(classes=classes)


def test_as_many_classes_as_there_may_be(serve: Callable[..., Any]) -> None:
    assert serve(classes={f"c{n}": QuotaClass() for n in range(61)}).connect().root.add(1) == 2
