"""Does who holds something come in, for what it is good for, as long as it is; and does nobody else?"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import guarded
import pynto
import pytest
from house import House
from pynto import _core
from pynto.state import State


@pytest.fixture(scope="module")
def guarded_policy(generate: Callable[..., Path]) -> Path:
    return generate("guarded:Room")


@pytest.fixture(scope="module")
def two_roots(generate: Callable[..., Path]) -> Path:
    return generate("room=guarded:Room", "hall=guarded:Hall")


@pytest.fixture
def house(tmp_path: Path, guarded_policy: Path) -> Iterator[House]:
    made = House(tmp_path / "state", guarded_policy)
    yield made
    made.close()


def test_who_holds_a_capability_comes_in(house: House) -> None:
    root = house.connect().root
    assert root.post("hello") == 1
    assert root.lines() == ("hello",)


def test_large_values_go_both_ways(house: House) -> None:
    root = house.connect().root
    assert root.size(b"x" * 5_000_000) == 5_000_000
    assert root.bytes(3_000_000) == b"x" * 3_000_000


@pytest.mark.parametrize("flip", [0, 15, 31])
def test_any_other_capability_is_refused(house: House, flip: int) -> None:
    secret = bytearray(house.state.new_capability())
    house.server._keeper.load()  # type: ignore[union-attr]
    secret[flip] ^= 1
    with pytest.raises(pynto.Refused, match="does not let us in"):
        house.connect(house.state.address(house.where, bytes(secret)))


def test_the_address_of_a_server_says_its_key_and_no_capability(house: House) -> None:
    url = house.url()
    capability = url.rpartition("/")[2]
    connection = house.connect(url)
    assert re.fullmatch(r"pynto://[\w-]{43}@127\.0\.0\.1:\d+", house.address)
    assert connection.peer == house.address
    assert capability not in repr(connection)


def test_a_server_of_another_key_is_not_talked_to(house: House) -> None:
    url = house.url().replace(house.state.key.public, _core.Key.generate().public)
    with pytest.raises(pynto.Disconnected, match="is that the server of this key"):
        house.connect(url)


def test_an_address_without_anything_to_show_is_refused_before_anything_is_sent(house: House) -> None:
    with pytest.raises(ValueError, match="needs a capability behind it, or a key"):
        house.connect(house.address)
    with pytest.raises(pynto.Disconnected, match="key of the server is missing"):
        house.connect(f"pynto://{house.where}")


def test_a_capability_ends_with_its_expiry_and_so_do_its_connections(house: House, until: Callable[..., Any]) -> None:
    url = house.url(expires_at=int(time.time()) + 3)
    connection = house.connect(url)
    assert connection.root.lines() == ()
    until(lambda: connection.closed or _fails(connection), why="the connection outlives what it came by")
    with pytest.raises(pynto.Refused, match="does not let us in"):
        house.connect(url)


def _fails(connection: pynto.Connection) -> bool:
    try:
        connection.root.lines()
    except pynto.Disconnected:
        return True
    return False


def test_a_revoked_capability_is_gone_from_live_connections_and_for_new_ones(
    house: House, until: Callable[..., Any]
) -> None:
    url, other = house.url(), house.url()
    first, second = (each.id for each in house.state.capabilities())
    connections = [house.connect(url), house.connect(url)]
    stays = house.connect(other)
    house.state.revoke(first)
    for each in connections:
        until(lambda each=each: _fails(each), why="a revoked capability still works")
    with pytest.raises(pynto.Disconnected, match="revoked"):
        connections[0].root.lines()
    with pytest.raises(pynto.Refused):
        house.connect(url)
    assert stays.root.lines() == ()
    assert second != first


def test_revoking_does_not_wait_for_a_call_that_runs(
    house: House, until: Callable[..., Any], in_thread: Callable[..., Any]
) -> None:
    url = house.url()
    id = house.id()
    connection, busy = house.connect(url), house.connect()
    running = in_thread(lambda: busy.root.sleep(1.5))
    until(lambda: house.server.stats()["calls"] >= 1)
    house.state.revoke(id)
    until(lambda: connection.closed or _closed_by_peer(connection), timeout=1.2, why="revoking waits for a call")
    running.result()


def _closed_by_peer(connection: pynto.Connection) -> bool:
    try:
        connection.ping(0.05)
    except pynto.DeadlineExceeded:
        return False
    except pynto.Disconnected:
        return True
    return False


def test_uses_are_counted_and_end(house: House) -> None:
    url = house.url(uses=2)
    first, second = house.connect(url), house.connect(url)
    for _ in range(3):
        with pytest.raises(pynto.Refused, match="does not let us in"):
            house.connect(url)
    assert (first.root.lines(), second.root.lines()) == ((), ())  # who is in stays in
    assert house.state.capabilities()[-1].used == 2


def test_uses_are_not_counted_twice_by_clients_at_once(house: House, in_thread: Callable[..., Any]) -> None:
    url = house.url(uses=3)

    def one() -> bool:
        try:
            pynto.connect(url).close()
        except pynto.Refused:
            return False
        return True

    assert sum(task.result() for task in [in_thread(one) for _ in range(8)]) == 3


def test_a_use_that_nobody_counts_is_no_use(house: House) -> None:
    url = house.url(uses=5)
    house.state.count_use = lambda id: (_ for _ in ()).throw(OSError("the disk is gone"))  # type: ignore[method-assign]
    with pytest.raises(pynto.Refused, match="does not let us in"):
        house.connect(url)


def test_capabilities_outlive_the_server(tmp_path: Path, guarded_policy: Path) -> None:
    house = House(tmp_path / "state", guarded_policy)
    url = house.url(uses=2)
    house.connect(url).close()
    port = house.where.rpartition(":")[2]
    house.close()
    state = State(tmp_path / "state")
    with pynto.Server(guarded.Room(), policy=guarded_policy, listen=f"pynto://127.0.0.1:{port}", state=state):
        pynto.connect(url).close()
        with pytest.raises(pynto.Refused):
            pynto.connect(url)


def test_a_state_goes_with_its_server(house: House, guarded_policy: Path) -> None:
    house.server.close()
    with pytest.raises(ValueError, match="make a new State"):
        pynto.Server(guarded.Room(), policy=guarded_policy, listen="pynto://127.0.0.1:0", state=house.state)


def test_the_store_does_not_hold_what_it_gives_away(house: House) -> None:
    secret = house.state.new_capability(note="for ada")
    stored = b"".join(each.read_bytes() for each in house.state.folder.iterdir())
    for form in (secret, secret.hex().encode(), pynto.state.encoded(secret).encode()):
        assert form not in stored and form[:16] not in stored
    assert b"for ada" in stored


def test_the_files_are_their_owners_alone(house: House) -> None:
    house.url()
    assert stat.S_IMODE(house.state.folder.stat().st_mode) == 0o700
    for each in house.state.folder.iterdir():
        assert stat.S_IMODE(each.stat().st_mode) == 0o600, each


def test_a_capability_is_good_for_its_root_alone(tmp_path: Path, two_roots: Path) -> None:
    house = House(tmp_path / "state", two_roots, {"room": guarded.Room(), "hall": guarded.Hall()})
    try:
        room, hall, none = house.url(root="room"), house.url(root="hall"), house.url()
        assert house.connect(hall).root.name() == "hall"
        assert house.connect(hall, root="hall").root.name() == "hall"
        assert house.connect(room).root.lines() == ()
        for url, wanted in ((hall, "room"), (room, "hall"), (none, ""), (none, "room"), (house.url(root="x"), "")):
            with pytest.raises((pynto.Refused, pynto.Disconnected, pynto.ProtocolError), match="no such root"):
                house.connect(url, root=wanted)
    finally:
        house.close()


# ---- narrowed ----


def test_a_narrowed_capability_gives_its_facet_and_no_more(house: House) -> None:
    url = house.url()
    whole = house.connect(url).root
    whole.post("hello")
    narrow = pynto.narrowed(url, "guarded:Reader")
    assert narrow != url and url.rpartition("/")[2] not in narrow
    reader = house.connect(narrow).root
    assert reader.lines() == ("hello",)
    for name in ("post", "who", "reader", "size"):
        with pytest.raises(AttributeError):
            getattr(reader, name)


@pytest.mark.parametrize("facet", ["guarded:Room2", "guarded:Hall", "Sequence[str]", "x"])
def test_what_is_no_facet_of_the_root_gives_nothing(house: House, facet: str) -> None:
    with pytest.raises((pynto.Refused, pynto.Disconnected, pynto.ProtocolError), match="no such root"):
        house.connect(pynto.narrowed(house.url(), facet))


def test_what_was_narrowed_cannot_be_widened_or_narrowed_again(house: House) -> None:
    narrow = pynto.narrowed(house.url(), "guarded:Reader")
    with pytest.raises(ValueError, match="whole capability"):
        pynto.narrowed(narrow, "guarded:Room")
    raw = bytearray(pynto.state.base64.urlsafe_b64decode(narrow.rpartition("/")[2] + "=="))
    raw[96:] = b"guarded:Room"
    with pytest.raises(pynto.Refused, match="does not let us in"):
        house.connect(f"{house.address}/{pynto.state.encoded(bytes(raw))}")


def test_revoking_a_capability_revokes_what_was_narrowed_from_it(house: House, until: Callable[..., Any]) -> None:
    url = house.url()
    connection = house.connect(pynto.narrowed(url, "guarded:Reader"))
    house.state.revoke(house.id())
    until(lambda: _fails(connection))


# ---- keys ----


@pytest.fixture
def own_key(tmp_path: Path) -> Path:
    (tmp_path / "keys").mkdir(mode=0o700)
    path = tmp_path / "keys" / "ada.key"
    _core.Key.generate().save(path)
    return path


def authorize(house: House, text: str) -> None:
    (house.state.folder / "authorized_keys").write_text(text)
    house.server._keeper.load()  # type: ignore[union-attr]


def test_a_key_that_is_authorized_comes_in_and_one_that_is_not_does_not(
    house: House, own_key: Path, until: Callable[..., Any]
) -> None:
    public = _core.Key(own_key).public
    with pytest.raises(pynto.Refused, match="does not let us in"):
        house.connect(house.address, key=own_key)
    authorize(house, f"# people\n{public} class=member expires=2999-01-01  # ada\n")
    connection = house.connect(house.address, key=own_key)
    assert connection.root.who()[0] == f"key {public}"
    (house.state.folder / "authorized_keys").write_text("")
    until(lambda: _fails(connection), why="a key that is authorized no more still works")
    with pytest.raises(pynto.Refused):
        house.connect(house.address, key=own_key)


def test_different_keys_get_different_roots(tmp_path: Path, two_roots: Path, own_key: Path) -> None:
    house = House(tmp_path / "state", two_roots, {"room": guarded.Room(), "hall": guarded.Hall()})
    other = own_key.with_name("bob.key")
    _core.Key.generate().save(other)
    try:
        authorize(house, f"{_core.Key(own_key).public} root=room\n{_core.Key(other).public} root=hall\n")
        assert house.connect(house.address, key=own_key).root.lines() == ()
        assert house.connect(house.address, key=other).root.name() == "hall"
        with pytest.raises((pynto.Disconnected, pynto.ProtocolError, pynto.Refused), match="no such root"):
            house.connect(house.address, key=own_key, root="hall")
    finally:
        house.close()


@pytest.mark.parametrize(
    "line",
    [
        "short",
        "A" * 44,
        "A" * 42 + "B",
        "KEY root=room root=hall",
        "KEY rooot=room",
        "KEY expires=soon",
        "KEY root",
    ],
)
def test_a_file_of_keys_with_a_fault_lets_nobody_in(house: House, own_key: Path, line: str) -> None:
    public = _core.Key(own_key).public
    (house.state.folder / "authorized_keys").write_text(f"{public}\n{line.replace('KEY', public)}\n")
    with pytest.raises(ValueError, match="authorized_keys:2"):
        house.server._keeper.load()  # type: ignore[union-attr]
    with pytest.raises(pynto.Refused):
        house.connect(house.address, key=own_key)


def test_a_key_and_a_capability_at_once_are_one_too_many(house: House, own_key: Path) -> None:
    with pytest.raises(ValueError, match="not both"):
        house.connect(house.url(), key=own_key)


def test_a_key_is_not_for_addresses_that_are_not_encrypted(own_key: Path, tmp_path: Path, served_policy: Path) -> None:
    import served

    with pynto.Server(served.Root(), policy=served_policy, listen="tcp://127.0.0.1:0") as server:
        with pytest.raises(ValueError, match="nothing else is encrypted"):
            pynto.connect(server.address, key=own_key)


def test_a_preshared_secret_is_asked_of_everybody(tmp_path: Path, guarded_policy: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    _core.Key.generate().save(folder / "psk.key")
    (tmp_path / "mine").mkdir(mode=0o700)
    _core.Key.generate().save(tmp_path / "mine" / "wrong.key")
    house = House(folder, guarded_policy)
    try:
        url = house.url()
        assert house.connect(url, psk=folder / "psk.key").root.lines() == ()
        for psk in (None, tmp_path / "mine" / "wrong.key"):
            with pytest.raises(ConnectionError):
                house.connect(url, psk=psk)
    finally:
        house.close()


# ---- who is calling ----


def test_the_object_can_ask_who_is_calling(house: House) -> None:
    url = house.url()
    root = house.connect(url).root
    principal, transport, address = root.who()
    assert principal == f"capability {house.id()}"
    assert transport == "pynto"
    assert re.fullmatch(r"127\.0\.0\.1:\d+", address)
    assert root.who_later() == (principal, transport, address)
    assert pynto.caller() is None


def test_of_a_unix_socket_the_kernel_says_who_is_there(tmp_path: Path, guarded_policy: Path) -> None:
    import os

    listen = [f"unix://{tmp_path}/a.sock", "tcp://127.0.0.1:0"]
    with pynto.Server(guarded.Room(), policy=guarded_policy, listen=listen) as server:
        with pynto.connect(server.addresses[0]) as connection:
            assert connection.root.who() == (f"uid {os.getuid()}", "unix", f"unix uid {os.getuid()}")
        with pynto.connect(server.addresses[1]) as connection:
            assert connection.root.who()[:2] == ("None", "tcp")


def test_over_stdio_it_is_who_has_started_the_process(guarded_policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(guarded.__file__).parent)
    with pynto.spawn("guarded:Room", policy=guarded_policy) as connection:
        assert connection.root.who() == ("parent", "stdio", "stdio")


# ---- the commands ----


def test_cap_makes_lists_and_revokes(
    tmp_path: Path,
    guarded_policy: Path,
    run_pynto: Callable[..., Any],
    serve_child: Callable[..., Any],
    until: Callable[..., Any],
) -> None:
    state = str(tmp_path / "state")
    child = serve_child("--state", state, target="guarded:Room", policy=guarded_policy, listen="pynto://127.0.0.1:0")
    assert "nobody may come in yet" in child.line()
    where = child.address.rpartition("@")[2]
    made = run_pynto("cap", "new", "--state", state, "--at", where, "--expires", "30d", "--note", "for ada\x1b[2J")
    url = made.stdout.strip()
    assert url.startswith(child.address + "/"), made.stderr

    def connected() -> pynto.Connection | None:
        try:
            return pynto.connect(url)
        except pynto.Refused:  # the server has not looked yet
            return None

    connection = until(connected)
    assert connection.root.post("hello") == 1
    listed = run_pynto("cap", "list", "--state", state).stdout
    id = listed.split()[0]
    assert " good " in listed and "uses=any" in listed and "\x1b" not in listed
    assert url.rpartition("/")[2] not in listed
    assert run_pynto("cap", "revoke", "--state", state, id).returncode == 0
    until(lambda: _fails(connection))
    assert " revoked " in run_pynto("cap", "list", "--state", state).stdout
    for wrong in ("0" * 16, "x", ""):
        assert run_pynto("cap", "revoke", "--state", state, wrong).returncode == 1
    connection.close()


def test_cap_narrow_reads_the_address_from_stdin(house: House, run_pynto: Callable[..., Any]) -> None:
    url = house.url()
    done = run_pynto("cap", "narrow", "guarded:Reader", input=url + "\n")
    assert done.returncode == 0, done.stderr
    assert house.connect(done.stdout.strip()).root.lines() == ()
    bad = run_pynto("cap", "narrow", "guarded:Reader", input=house.address + "\n")
    assert bad.returncode == 2 and "Traceback" not in bad.stderr


def test_keygen_prints_the_public_half_alone(tmp_path: Path, run_pynto: Callable[..., Any]) -> None:
    (tmp_path / "keys").mkdir(mode=0o700)
    path = tmp_path / "keys" / "me.key"
    done = run_pynto("keygen", str(path))
    assert done.stdout.strip() == _core.Key(path).public
    assert path.read_text() not in done.stdout + done.stderr
    again = run_pynto("keygen", str(path))
    assert again.returncode == 1 and "File exists" in again.stderr


@pytest.mark.parametrize(
    "options", [("--uses", "0"), ("--expires", "soon"), ("--expires", "2001-01-01"), ("--class", "x" * 40)]
)
def test_cap_new_refuses_what_makes_no_sense(
    tmp_path: Path, run_pynto: Callable[..., Any], options: tuple[str, ...]
) -> None:
    done = run_pynto("cap", "new", "--state", str(tmp_path / "state"), *options)
    assert done.returncode == 2 and done.stdout == "" and "Traceback" not in done.stderr


def test_tcp_beyond_this_machine_is_encrypted_when_there_is_a_key(
    tmp_path: Path, guarded_policy: Path, every_line: None
) -> None:
    with pytest.raises(OSError, match="plain text beyond loopback"):
        pynto.Server(guarded.Room(), policy=guarded_policy, listen="tcp://0.0.0.0:0")
    state = State(tmp_path / "state")
    with pynto.Server(
        guarded.Room(), policy=guarded_policy, listen=["tcp://0.0.0.0:0", "tcp://127.0.0.1:0"], state=state
    ) as server:
        assert server.addresses[0].startswith(f"pynto://{state.key.public}@0.0.0.0:")
        assert server.addresses[1].startswith("tcp://127.0.0.1:")


def test_a_server_at_pynto_needs_a_state(guarded_policy: Path) -> None:
    with pytest.raises(ValueError, match="needs a key"):
        pynto.Server(guarded.Room(), policy=guarded_policy, listen="pynto://127.0.0.1:0")


def test_an_address_to_listen_at_has_the_servers_key_or_none(tmp_path: Path, guarded_policy: Path) -> None:
    own = State(tmp_path / "state").key.public
    for key, is_right in ((own, True), (_core.Key.generate().public, False)):
        state = State(tmp_path / "state")
        listen = f"pynto://{key}@127.0.0.1:0"
        if is_right:
            pynto.Server(guarded.Room(), policy=guarded_policy, listen=listen, state=state).close()
        else:
            with pytest.raises(ValueError, match="names another key"):
                pynto.Server(guarded.Room(), policy=guarded_policy, listen=listen, state=state)
    with pytest.raises(OSError, match="capability has no place"):
        pynto.Server(guarded.Room(), policy=guarded_policy, listen=f"pynto://127.0.0.1:0/{'A' * 43}", state=state)


def test_a_store_that_is_no_store_lets_nobody_in(house: House, until: Callable[..., Any]) -> None:
    url = house.url()
    connection = house.connect(url)
    store = house.state.folder / "capabilities.sqlite"
    store.write_bytes(b"not a database" * 100)
    until(lambda: _fails(connection), why="a store that cannot be read still grants")
    with pytest.raises(pynto.Refused):
        house.connect(url)
    with pytest.raises(sqlite3.DatabaseError):
        house.state.capabilities()


# ---- with an event loop ----


def test_an_event_loop_drives_an_encrypted_connection_as_well(house: House, own_key: Path) -> None:
    authorize(house, _core.Key(own_key).public)
    url = house.url()
    wrong = house.state.address(house.where, b"w" * 32)

    async def run() -> None:
        async with await pynto.aio.connect(url) as connection:
            assert await connection.root.post("hello") == 1
            assert await connection.root.size(b"x" * 1_000_000) == 1_000_000
            assert len(await connection.root.bytes(2_000_000)) == 2_000_000
            assert (await connection.root.who_later())[0] == f"capability {house.id()}"
        async with await pynto.aio.connect(house.address, key=own_key) as connection:
            assert (await connection.root.who())[0].startswith("key ")
        with pytest.raises(pynto.Refused, match="does not let us in"):
            await pynto.aio.connect(wrong)

    asyncio.run(run())


# ---- addresses on command lines ----


def test_a_command_reads_an_address_from_a_file_and_never_prints_its_capability(
    house: House, tmp_path: Path, run_pynto: Callable[..., Any]
) -> None:
    url = house.url()
    capability = url.rpartition("/")[2]
    file = tmp_path / "address"
    file.touch(0o600)
    file.write_text(url + "\n")
    for address in (f"@{file}", url):
        done = run_pynto("ping", address, "-c", "1")
        assert done.returncode == 0, done.stderr
        assert house.address in done.stdout and capability not in done.stdout + done.stderr
    assert run_pynto("connect", f"@{file}", "-c", "print(root.post('x'))").stdout == "1\n"
    file.chmod(0o644)
    refused = run_pynto("ping", f"@{file}")
    assert refused.returncode == 1 and "0600" in refused.stderr and len(refused.stderr.splitlines()) == 1
    assert run_pynto("ping", f"@{tmp_path}/absent").returncode == 1


def test_a_command_comes_in_by_a_key(house: House, own_key: Path, run_pynto: Callable[..., Any]) -> None:
    authorize(house, _core.Key(own_key).public)
    done = run_pynto("connect", house.address, "--key", str(own_key), "-c", "print(root.who()[0])")
    assert done.stdout.startswith("key "), done.stderr
