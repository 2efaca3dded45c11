"""Do the examples of docs/asyncio.md run, as they stand there?"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pynto
import pytest
from looped import looped

PAGE = Path(__file__).parents[2] / "docs" / "asyncio.md"


def example(name: str) -> str:
    found = re.findall(rf"```python {name}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    assert len(found) == 1, name
    return str(found[0])


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory, generate: Callable[..., Path]) -> tuple[Any, Path]:
    """The server's module, and the policy that its hints make."""
    folder = tmp_path_factory.mktemp("room")
    (folder / "room.py").write_text(example("server"), encoding="utf-8")
    policy = generate("room:Room", path=folder, config='[policy]\nset = ["room:Room.title"]\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(os.fspath(folder))
        return importlib.import_module("room"), policy


@looped
async def test_the_client_talks_to_the_server(
    room: tuple[Any, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module, policy = room
    address = f"unix://{tmp_path}/room.sock"
    serving = asyncio.create_task(module.main(os.fspath(policy), address))
    while "serving at" not in capsys.readouterr().out:
        assert not serving.done()
        await asyncio.sleep(0.001)
    namespace: dict[str, Any] = {}
    exec(example("client"), namespace)
    await namespace["main"](address)
    assert capsys.readouterr().out.splitlines() == ["lobby", "ada: hello", "bob: 0", "bob: 1", "2", "nobody came"]
    serving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving
    with pytest.raises(pynto.Disconnected):
        await pynto.aio.connect(address)
