"""The private folder: locked for one build, and swept for the next."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashserve import BuildError
from hashserve.builder import build
from hashserve.builder.output.folder import open_output
from tests.support.building import put, temporaries


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return put(tmp_path / "source", "a.txt", b"a").parent


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def test_a_lock_that_the_file_system_lacks_is_not_taken_for_another_build(
    source: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("hashserve.builder.output.lock.fcntl.flock", flock)
    with pytest.raises(BuildError, match="cannot be locked: No locks available"):
        build(source, out)


def test_an_output_that_is_a_file_is_named(source: Path, out: Path) -> None:
    out.write_bytes(b"something of somebody")
    with pytest.raises(BuildError, match="is not a folder"):
        build(source, out)
    assert out.read_bytes() == b"something of somebody"


def test_what_a_killed_build_left_is_swept(tmp_path: Path) -> None:
    put(tmp_path, ".hashserve/temporary/.hashserve-x", b"half")
    with open_output(str(tmp_path)):
        assert not temporaries(tmp_path)


def test_a_folder_that_a_killed_build_had_moved_away_is_swept_too(tmp_path: Path) -> None:
    put(tmp_path, ".hashserve/temporary/displaced-0/deep/x", b"of an old release")
    with open_output(str(tmp_path)):
        assert not temporaries(tmp_path)
