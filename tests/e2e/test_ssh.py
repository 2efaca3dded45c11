"""Does ssh:// start a server at the other end, and can no address start anything else?"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pynto
import pytest
from pynto.ssh import Destination

FAKE = """#!/bin/sh
# Notes its command line, and does here what it is asked to do there.
printf '%s\\0' "$@" > "$SSH_NOTE"
cat -- "$SSH_STDERR" >&2
if [ -n "$SSH_CODE" ]; then exit "$SSH_CODE"; fi
while [ "$1" != -- ]; do shift; done
shift; shift
exec sh -c "$*"
"""


def put_program(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


class Fake:
    """A program ``ssh`` of our own, at the front of the PATH."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.note = folder / "note"
        self.stderr = folder / "stderr"
        self.stderr.write_bytes(b"")
        self._monkeypatch = monkeypatch
        programs = folder / "programs"
        programs.mkdir()
        put_program(programs / "ssh", FAKE)
        self.pynto = programs / "pynto"
        put_program(self.pynto, f'#!/bin/sh\nexec {sys.executable} -P -m pynto "$@"\n')
        monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
        monkeypatch.setenv("SSH_NOTE", str(self.note))
        monkeypatch.setenv("SSH_STDERR", str(self.stderr))
        monkeypatch.setenv("SSH_CODE", "")

    def ends_with(self, code: int, said: bytes = b"") -> None:
        self._monkeypatch.setenv("SSH_CODE", str(code))
        self.stderr.write_bytes(said)

    def arguments(self) -> list[str]:
        return self.note.read_text(encoding="utf-8").split("\0")[:-1]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    return Fake(tmp_path, monkeypatch)


def address_of(hall: Any, host: str = "host", more: str = "") -> str:
    return f"ssh://{host}/hall:Hall?folder={hall.folder}&policy={hall.policy}{more}"


def test_what_is_served_there_is_used_here_and_ends_with_the_connection(fake: Fake, hall: Any) -> None:
    with pynto.connect(address_of(hall, "ada@host.example:2222")) as connection:
        room = connection.root
        room.post("ada", "hello")
        assert room.history() == ("ada: hello",)
        assert connection.peer == "ssh://host.example/hall:Hall"
        pid = room.pid()
        assert pid != os.getpid()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    options = ["ClearAllForwardings=yes", "RemoteCommand=none", "ConnectTimeout=30"]
    assert fake.arguments() == [
        *("-T", "-a", "-x"),
        *(word for option in options for word in ("-o", option)),
        *("-p", "2222", "--", "ada@host.example"),
        *("pynto", "serve", "--stdio", f"--policy={hall.policy}", f"--folder={hall.folder}", "--", "hall:Hall"),
    ]


def test_without_a_query_the_policy_is_policy_json_where_ssh_starts_its_commands() -> None:
    there = Destination.parse("ssh://host/chat.rooms:Lobby.first")
    assert there.remote() == ["pynto", "serve", "--stdio", "--policy=policy.json", "--", "chat.rooms:Lobby.first"]
    assert there.arguments(0)[-8:-6] == ["--", "host"]


def test_the_program_there_may_be_said_and_is_called_pynto() -> None:
    for command in ("pynto", "/pynto", "./pynto", "bin/pynto", "/opt/chat/.venv/bin/pynto"):
        assert Destination.parse(f"ssh://host/chat:Room?command={command}").remote()[0] == command


HOSTILE = [
    "ssh://",
    "ssh://host",
    "ssh://host/",
    "ssh://host/chat",
    "ssh://host/chat:",
    "ssh://host/:Room",
    "ssh://-oProxyCommand=touch pwned/chat:Room",
    "ssh://-oProxyCommand=x/chat:Room",
    "ssh://-l@host/chat:Room",
    "ssh://-oProxyCommand=x@host/chat:Room",
    "ssh://user@-host/chat:Room",
    "ssh://user@@host/chat:Room",
    "ssh://user:password@host/chat:Room",
    "ssh://user@host,other/chat:Room",
    "ssh://us er@host/chat:Room",
    "ssh://$USER@host/chat:Room",
    "ssh://`id`/chat:Room",
    "ssh://host:0/chat:Room",
    "ssh://host:022/chat:Room",
    "ssh://host:65536/chat:Room",
    "ssh://host:-1/chat:Room",
    "ssh://host:2 2/chat:Room",
    "ssh://[::1/chat:Room",
    "ssh://[::1%eth0]/chat:Room",
    "ssh://ho%73t/chat:Room",
    "ssh://h\u00f6st/chat:Room",
    "ssh://host\n/chat:Room",
    "ssh://host/chat:Room\n",
    "ssh://host/--listen:x",
    "ssh://host/-c:x",
    "ssh://host/chat:Room;touch pwned",
    "ssh://host/chat:Room;touch${IFS}pwned",
    "ssh://host/chat:Room&touch",
    "ssh://host/chat:Room|sh",
    "ssh://host/chat:Room>x",
    "ssh://host/$(touch pwned):Room",
    "ssh://host/`id`:Room",
    "ssh://host/chat:Room extra",
    "ssh://host/chat:Room'",
    'ssh://host/chat:Room"',
    "ssh://host/chat:Room\\",
    "ssh://host/chat:Room#x",
    "ssh://host/../chat:Room",
    "ssh://host//chat:Room",
    "ssh://host/chat..x:Room",
    "ssh://host/ch\u0430t:Room",
    "ssh://host/chat:Room?",
    "ssh://host/chat:Room?policy",
    "ssh://host/chat:Room?policy=",
    "ssh://host/chat:Room?policy=-x",
    "ssh://host/chat:Room?policy=a b",
    "ssh://host/chat:Room?policy=a;id",
    "ssh://host/chat:Room?policy=$HOME/x",
    "ssh://host/chat:Room?policy=~/x",
    "ssh://host/chat:Room?policy=a*",
    "ssh://host/chat:Room?policy=a?b",
    "ssh://host/chat:Room?policy=a\\b",
    "ssh://host/chat:Room?policy=a%20b",
    "ssh://host/chat:Room?policy={a,b}",
    "ssh://host/chat:Room?policy=!x",
    "ssh://host/chat:Room?policy=a\nb",
    "ssh://host/chat:Room?policy=a\0b",
    "ssh://host/chat:Room?policy=a&policy=b",
    "ssh://host/chat:Room?policy=a&",
    "ssh://host/chat:Room?policy=" + "a" * 1025,
    "ssh://host/chat:Room?command=sh -c id",
    "ssh://host/chat:Room?command=/bin/sh",
    "ssh://host/chat:Room?command=xpynto",
    "ssh://host/chat:Room?command=/bin/pynto/sh",
    "ssh://host/chat:Room?command=-c",
    "ssh://host/chat:Room?folder=`id`",
    "ssh://host/chat:Room?other=x",
    "ssh://host/chat:Room?POLICY=x",
    "ssh://" + "u" * 65 + "@host/chat:Room",
    "ssh://" + "h" * 255 + "/chat:Room",
    "SSH://host/chat:Room",
    " ssh://host/chat:Room",
]


@pytest.mark.parametrize("address", HOSTILE)
def test_an_address_that_is_more_than_an_address_starts_nothing(
    address: str, fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="not an address"):
        pynto.connect(address)
    assert not fake.note.exists() and not (tmp_path / "pwned").exists()


def test_no_part_of_an_address_means_anything_to_a_shell() -> None:
    """Of every character that there is, those that pass are those that no shell looks at."""
    plain = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./@+,=-:[]&")
    for number in [*range(0x250), 0x2028, 0x3000, 0xFF0F]:
        character = chr(number)
        for form in ("ssh://u{}x@host/m:o", "ssh://h{}x/m:o", "ssh://host/m{}x:o", "ssh://host/m:o?policy=p{}x"):
            try:
                there = Destination.parse(form.format(character))
            except ValueError:
                continue
            assert character in plain, (form, character)
            for word in there.arguments(1)[4:]:
                assert not set(word) & set(" \t\n\r\"'`$&|;<>(){}*?[]#~!\\%^"), (form, character, word)


@pytest.mark.parametrize(
    ("code", "said", "words"),
    [
        (255, b"ssh: Could not resolve hostname host: Name or service not known\r\n", ["did not get there", "resolve"]),
        (127, b"bash: line 1: pynto: command not found\n", ["no command pynto there", "?command=", "not found"]),
        (126, b"", ["pynto cannot be run there"]),
        (1, b"\x1b[31mred\x07\n", ["the server there has ended", "\\x1b[31mred\\x07"]),
        (0, b"", ["the server there has ended"]),
    ],
)
def test_an_error_says_where_it_failed_and_what_was_said_there(
    code: int, said: bytes, words: list[str], fake: Fake, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    fake.ends_with(code, said)
    with pytest.raises(pynto.Disconnected) as caught:
        pynto.connect("ssh://host/chat:Room")
    text = str(caught.value)
    assert all(word in text for word in ["host: ", *words]), text
    assert text.isprintable()
    assert capfdbinary.readouterr().err == said


def test_a_policy_that_is_not_there_is_said_to_be(fake: Fake, hall: Any) -> None:
    with pytest.raises(pynto.Disconnected, match=r"the server there has ended: .*nowhere\.json"):
        pynto.connect(f"ssh://host/hall:Hall?folder={hall.folder}&policy=nowhere.json")


def test_without_the_program_ssh_that_is_what_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(pynto.Disconnected, match="no program ssh on this machine"):
        pynto.connect("ssh://host/chat:Room")


def test_what_the_server_says_on_stderr_reaches_us(
    fake: Fake, hall: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HALL_IS_LOUD", "1")
    with pynto.connect(address_of(hall)) as connection:
        connection.root.post("ada", "hello")
    assert "print in a call" in capfd.readouterr().err


# ---- a real one ----


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@pytest.fixture
def sshd(
    tmp_path: Path, start_child: Callable[..., Any], until: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> Iterator[int]:
    """The port of an sshd that lets us in, and a program ssh that knows its key."""
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    ssh = shutil.which("ssh")
    if program is None or ssh is None or shutil.which("ssh-keygen") is None:
        pytest.skip("there is no sshd here: tools/setup --tests installs it")
    port = free_port()
    for name in ("host", "client"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)], check=True)
    (tmp_path / "authorized").write_text((tmp_path / "client.pub").read_text())
    (tmp_path / "known").write_text(f"[127.0.0.1]:{port} {(tmp_path / 'host.pub').read_text()}")
    (tmp_path / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {tmp_path}/host\nAuthorizedKeysFile {tmp_path}/authorized\n"
        f"PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    child = start_child(program, "-D", "-e", "-f", str(tmp_path / "sshd_config"))
    (tmp_path / "ssh_config").write_text(
        f"IdentityFile {tmp_path}/client\nIdentitiesOnly yes\nUserKnownHostsFile {tmp_path}/known\nBatchMode yes\n"
    )
    programs = tmp_path / "programs"
    programs.mkdir()
    put_program(programs / "ssh", f'#!/bin/sh\nexec {ssh} -F {tmp_path}/ssh_config "$@"\n')
    found = Path(pynto.__file__).parents[1]
    put_program(programs / "pynto", f'#!/bin/sh\nPYTHONPATH={found} exec {sys.executable} -P -m pynto "$@"\n')
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    until(lambda: "Server listening" in child.stderr, 20, f"sshd did not start: {child.stderr}")
    yield port


def test_a_real_sshd_starts_the_server(sshd: int, hall: Any, tmp_path: Path) -> None:
    more = f"&command={tmp_path}/programs/pynto"
    with pynto.connect(address_of(hall, f"{getpass.getuser()}@127.0.0.1:{sshd}", more)) as connection:
        room = connection.root
        room.post("ada", "x" * 1000)
        assert room.history() == ("ada: " + "x" * 1000,)
        heard: list[str] = []
        room.subscribe(heard.append)
        room.post("bob", "hi")
        assert heard == ["bob: hi"]
    with pytest.raises(pynto.Disconnected, match="there is no command /nowhere/pynto there"):
        pynto.connect(address_of(hall, f"{getpass.getuser()}@127.0.0.1:{sshd}", "&command=/nowhere/pynto"))


def test_a_real_ssh_says_what_is_wrong(sshd: int, hall: Any) -> None:
    with pytest.raises(pynto.Disconnected, match=r"ssh did not get there: .*Permission denied"):
        pynto.connect(address_of(hall, f"nobody-{os.getpid()}@127.0.0.1:{sshd}"))
    with pytest.raises(pynto.Disconnected, match=r"ssh did not get there: .*refused"):
        pynto.connect(address_of(hall, f"127.0.0.1:{free_port()}"))
