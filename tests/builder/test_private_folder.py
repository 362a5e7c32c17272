"""The private folder: each build begins with an empty temporary folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashserve import BuildError
from hashserve.builder import build
from hashserve.builder.output.folder import open_output
from tests.support.building import temporaries
from tests.support.files import put


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return put(tmp_path / "source", "a.txt", b"a").parent


def test_an_output_that_is_a_file_is_named(source: Path, out: Path) -> None:
    out.write_bytes(b"something of somebody")
    with pytest.raises(BuildError, match="is not a folder"):
        build(source, out)
    assert out.read_bytes() == b"something of somebody"


def test_temporary_files_of_a_killed_build_are_removed(tmp_path: Path) -> None:
    put(tmp_path, ".hashserve/temporary/.hashserve-x", b"half")
    with open_output(str(tmp_path)):
        assert not temporaries(tmp_path)


def test_a_folder_that_a_killed_build_had_moved_away_is_removed(tmp_path: Path) -> None:
    put(tmp_path, ".hashserve/temporary/displaced-0/deep/x", b"of an old release")
    with open_output(str(tmp_path)):
        assert not temporaries(tmp_path)
