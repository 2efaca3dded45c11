"""Is a key that others could have read, or put there, refused; and is nothing of it ever said?"""

from __future__ import annotations

import os
import resource
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pynto
import pytest
from house import House
from pynto import _core
from pynto.state import State


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "keys"
    made.mkdir(mode=0o700)
    return made


@pytest.fixture
def key(folder: Path) -> Path:
    path = folder / "my.key"
    _core.Key.generate().save(path)
    return path


def refused(path: Path) -> str:
    with pytest.raises(PermissionError) as caught:
        _core.Key(path)
    text = str(caught.value)
    assert "\n" not in text and str(path) in text
    return text


def test_a_key_file_is_made_for_its_owner_alone_whatever_the_umask(folder: Path) -> None:
    before = os.umask(0)
    try:
        _core.Key.generate().save(folder / "new.key")
    finally:
        os.umask(before)
    assert stat.S_IMODE((folder / "new.key").stat().st_mode) == 0o600
    with pytest.raises(OSError, match="File exists"):
        _core.Key.generate().save(folder / "new.key")


def test_what_was_saved_is_what_is_read(folder: Path) -> None:
    made = _core.Key.generate()
    made.save(folder / "new.key")
    assert _core.Key(folder / "new.key").public == made.public
    assert repr(made) == f"<pynto.Key {made.public}>"
    assert _core.Key.generate().public != made.public


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o660, 0o777])
def test_a_mode_that_lets_others_in_is_refused(key: Path, mode: int) -> None:
    """N21"""
    key.chmod(mode)
    assert "others than its owner" in refused(key)


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_mode_that_lets_nobody_else_in_is_fine(key: Path, mode: int) -> None:
    key.chmod(mode)
    assert _core.Key(key).public


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(key: Path) -> None:
    os.chown(key, 12345, -1)
    assert "another user" in refused(key)


def test_a_symbolic_link_is_refused(key: Path) -> None:
    """N21"""
    link = key.with_name("link.key")
    link.symlink_to(key)
    assert "symbolic link" in refused(link)
    dangling = key.with_name("dangling.key")
    dangling.symlink_to(key.with_name("nowhere"))
    assert "symbolic link" in refused(dangling)
    with pytest.raises(OSError):
        _core.Key.generate().save(dangling)
    assert not key.with_name("nowhere").exists()


def test_what_is_no_file_is_refused_and_never_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "fifo.key", 0o600)
    (folder / "folder.key").mkdir(mode=0o700)
    for name in ("fifo.key", "folder.key"):
        assert "not a regular file" in refused(folder / name)
    refused(Path("/dev/null"))
    assert "No such file" in refused(folder / "absent.key")
    assert "No such file" in refused(folder / "no" / "such.key")


@pytest.mark.parametrize(
    "change", ["empty", "short", "long", "newline", "crlf", "raw", "31 bytes", "huge", "not base64", "padding"]
)
def test_a_file_that_is_not_exactly_a_key_is_refused(key: Path, change: str) -> None:
    """N21"""
    text = key.read_text()
    contents = {
        "empty": b"",
        "short": text[:-1].encode(),
        "long": (text + "A").encode(),
        "newline": (text + "\n").encode(),
        "crlf": (text[:-2] + "\r\n").encode(),
        "raw": os.urandom(32),
        "31 bytes": text[:42].encode(),
        "huge": b"A" * 10_000_000,
        "not base64": (text[:20] + "!" + text[21:]).encode(),
        "padding": (text[:-1] + "=").encode(),
    }
    key.write_bytes(contents[change])
    said = refused(key)
    assert text[:10] not in said and text[10:30] not in said


def test_the_last_character_has_one_spelling_only(key: Path) -> None:
    """43 characters are 258 bits: the two that are left over are zero."""
    text = key.read_text()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    key.write_text(text[:-1] + alphabet[alphabet.index(text[-1]) | 1])
    assert "does not hold a key" in refused(key)


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o702])
def test_a_folder_that_everybody_may_write_to_is_refused(key: Path, mode: int) -> None:
    """N21"""
    key.parent.chmod(mode)
    assert "everybody may write to" in refused(key)
    with pytest.raises(OSError, match="everybody may write to"):
        _core.Key.generate().save(key.with_name("other.key"))
    key.parent.chmod(0o700)


def test_a_name_with_control_characters_makes_one_line(folder: Path) -> None:
    with pytest.raises(PermissionError) as caught:
        _core.Key(folder / "x\x1b[2J\n.key")
    assert "\x1b" not in str(caught.value) and "\n" not in str(caught.value)


# ---- the folder of a server ----


def test_a_state_that_is_open_to_others_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    State(folder)
    for mode in (0o755, 0o750, 0o701, 0o777):
        folder.chmod(mode)
        with pytest.raises(PermissionError, match="0700"):
            State(folder)
    folder.chmod(0o700)
    State(folder)


@pytest.mark.parametrize("name", ["server.key", "capabilities.sqlite", "psk.key", "authorized_keys"])
def test_a_link_in_the_place_of_a_file_of_the_state_is_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "state"
    State(folder)
    target = tmp_path / "elsewhere"
    target.write_bytes((folder / name).read_bytes() if (folder / name).exists() else b"")
    target.chmod(0o600)
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(target)
    with pytest.raises(OSError):
        State(folder).grants()


def test_a_link_in_the_place_of_the_state_is_refused(tmp_path: Path) -> None:
    State(tmp_path / "state")
    (tmp_path / "link").symlink_to(tmp_path / "state")
    with pytest.raises(PermissionError, match="not a folder"):
        State(tmp_path / "link")


def test_a_store_with_another_mode_is_refused(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    (tmp_path / "state" / "capabilities.sqlite").chmod(0o644)
    with pytest.raises(PermissionError, match="0600"):
        State(tmp_path / "state")
    with pytest.raises(PermissionError, match="0600"):
        state.new_capability()


def test_a_file_of_keys_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    keys = tmp_path / "state" / "authorized_keys"
    keys.write_text(_core.Key.generate().public + "\n")
    keys.chmod(0o644)
    assert len(state.grants()) == 1  # it may be read: what is in it is no secret
    keys.chmod(0o666)
    with pytest.raises(PermissionError, match="write"):
        state.grants()


def test_files_of_the_state_that_are_opened_to_others_let_nobody_in_from_then_on(
    tmp_path: Path, generate: Callable[..., Path], key: Path, until: Callable[..., Any]
) -> None:
    house = House(tmp_path / "state", generate("guarded:Room"))
    keys = tmp_path / "state" / "authorized_keys"
    keys.touch(0o600)
    keys.write_text(_core.Key(key).public + "\n")
    try:
        for file in (keys, tmp_path / "state" / "capabilities.sqlite"):
            url = until(lambda: _comes_in(house, house.address, key=key) and house.url())
            inside = pynto.connect(url)
            file.chmod(0o666)
            until(lambda url=url: not _comes_in(house, house.address, key=key) and not _comes_in(house, url))
            until(lambda inside=inside: inside.closed or not _goes_on(inside))
            file.chmod(0o600)
            until(lambda url=url: _comes_in(house, url))
    finally:
        house.close()


def test_a_store_that_is_gone_lets_nobody_in_and_nobody_stay_until_it_is_back(
    tmp_path: Path, generate: Callable[..., Path], until: Callable[..., Any]
) -> None:
    house = House(tmp_path / "state", generate("guarded:Room"))
    store = tmp_path / "state" / "capabilities.sqlite"
    try:
        url = house.url()
        inside = pynto.connect(url)
        store.rename(store.with_suffix(".away"))
        until(lambda: inside.closed or not _goes_on(inside))
        assert not _comes_in(house, url)
        store.with_suffix(".away").rename(store)
        until(lambda: _comes_in(house, url))
    finally:
        house.close()


def test_who_has_taken_all_descriptors_throws_nobody_out_and_keeps_nobody_in(
    tmp_path: Path, generate: Callable[..., Path], until: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing can be looked up for a while: what was read stands. What is revoked meanwhile goes as soon as it can be read again."""
    house = House(tmp_path / "state", generate("guarded:Room"))
    least, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        stays, goes = pynto.connect(house.url()), pynto.connect(house.url())
        house.state.revoke(house.id())
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, most))
        try:
            until(lambda: "Too many open files" in caplog.text)
            said = len(caplog.records)
            time.sleep(0.5)  # several looks
            assert len(caplog.records) == said
            assert _goes_on(stays)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (least, most))
        until(lambda: not _goes_on(goes))
        assert _goes_on(stays)
        assert _comes_in(house, house.url())
    finally:
        house.close()


def _comes_in(house: House, address: str, **options: Any) -> bool:
    try:
        pynto.connect(address, **options).close()
    except pynto.Refused:
        return False
    except pynto.Disconnected as error:  # let in, and out again in the same moment
        assert "what was granted has been revoked" in str(error)
        return False
    return True


def _goes_on(connection: pynto.Connection) -> bool:
    try:
        connection.root.lines()
    except pynto.Disconnected:
        return False
    return True


def test_serve_and_connect_say_what_is_wrong_in_one_line(
    key: Path, run_pynto: Callable[..., Any], served_policy: Path, tmp_path: Path
) -> None:
    """N21"""
    folder = tmp_path / "state"
    State(folder)
    (folder / "server.key").chmod(0o644)
    arguments = ("serve", "served:Root", "--policy", str(served_policy), "--listen", "pynto://127.0.0.1:0")
    done = run_pynto(*arguments, "--state", str(folder))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1 and "server.key" in done.stderr and "0600" in done.stderr
    assert (folder / "server.key").read_text() not in done.stderr
