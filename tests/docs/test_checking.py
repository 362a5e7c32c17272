"""docs/checking.md: its commands and its example run as they are written."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from hashserve.cli.main import main
from tests.support.published_folder import build_releases


@pytest.fixture
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_releases(tmp_path_factory.mktemp("built"))


@pytest.fixture
def out(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "out", symlinks=True))


def blocks(language: str) -> list[str]:
    page = (Path(__file__).parents[2] / "docs/checking.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def test_the_commands_of_the_page_run_as_they_are_written(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(out.rename(out.with_name("static")).parent)
    commands = [line for block in blocks("console") for line in block.splitlines()]
    assert len(commands) == 5
    for command in commands:
        assert main(shlex.split(command)[1:]) == 0
    assert json.loads(Path("report.sarif").read_bytes())["runs"]


def test_the_example_in_python_runs_as_it_is_written(
    out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(out.rename(out.with_name("static")).parent)
    (block,) = blocks("python")
    exec(compile(block, "docs/checking.md", "exec"), {})
    assert capsys.readouterr().out.endswith("files, 0 errors\n")
