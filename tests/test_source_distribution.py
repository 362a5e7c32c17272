"""The source distribution holds the whole project, so that `make demo` and `make test` run in it."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path, PurePosixPath

import pytest

from tests.support import PROJECT
from tests.support.parts import missing

WRITTEN = {"PKG-INFO"}
"""The files that the build of the distribution writes."""


def in_git() -> set[str]:
    """Return the files of the checkout that git does not ignore."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        missing("only a checkout of git says which files belong to the project")
    return {path for path in done.stdout.split("\0") if (PROJECT / path).is_file()}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=PROJECT, capture_output=True, check=True)
    (found,) = tmp_path.iterdir()
    return found


def test_it_holds_every_file_that_git_tracks(archive: Path) -> None:
    with tarfile.open(archive) as opened:
        members = [member for member in opened.getmembers() if member.isfile()]
    paths = {os.fspath(PurePosixPath(*PurePosixPath(member.name).parts[1:])) for member in members}
    commands = {member.name.partition("/")[2] for member in members if member.mode & 0o111}

    assert paths == in_git() | WRITTEN
    assert commands >= {f".ci/{path.name}" for path in (PROJECT / ".ci").iterdir()}
