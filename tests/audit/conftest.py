"""What the tests of the audit share: one mypy build of the whole corpus, and a way to run the command."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from audit_support import HERE, Done, corpus
from pynto.audit import build, generate, roots
from pynto.audit.config import Config, RootSpec

TARGET = build.Target(
    python=(3, 11),
    platform="linux",
    path=tuple(str(HERE / folder) for folder in ("corpus/leaky", "corpus/clean", "stubs")),
    bodies=tuple(path.stem for kind in ("leaky", "clean") for path in corpus(kind)),
)


@pytest.fixture(scope="session", autouse=True)
def private_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """mypy's cache of this run, shared by all folders, so that Python's own stubs are read once."""
    folder = str(tmp_path_factory.mktemp("cache"))
    pytest.MonkeyPatch().setattr(build, "cache_directory", lambda target: folder)


@pytest.fixture(scope="module", autouse=True)
def collected() -> Iterator[None]:
    """What mypy has built is made of cycles, which it moves to where they are seldom looked for: gigabytes by the end of a run."""
    yield
    gc.collect()


@pytest.fixture(scope="session")
def world(private_cache: None) -> build.World:
    """Every module of the corpus, type-checked together."""
    modules = [path.stem for kind in ("leaky", "clean") for path in corpus(kind)]
    return build.read("".join(f"import {module}\n" for module in modules), TARGET)


@pytest.fixture(scope="session")
def audited(world: build.World) -> Callable[[str], generate.Outcome]:
    def audit(module: str) -> generate.Outcome:
        spec = RootSpec("Root", module, "Root")
        with build.strictly():
            return generate.from_world(world, roots.resolve(world, [spec], build.PROBE), Config(), TARGET)

    return audit


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Run ``pynto-policy`` in an empty folder; keyword arguments are the files that it finds there."""
    from pynto.audit import cli

    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, **files: str) -> Done:
        for name, text in files.items():
            (tmp_path / name.replace("_dot_", ".")).write_text(text, encoding="utf-8")
        capsys.readouterr()
        code = cli.main(list(arguments))
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    return run
