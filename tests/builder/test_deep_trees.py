"""Trees that are deeper than a recursion can go, or than the system can name."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from hashserve import SourceError
from hashserve.builder import build
from hashserve.builder.output.private_folder import PrivateFolder
from hashserve.builder.releases.prune import prune
from hashserve.check import check
from hashserve.file_tree import walk_folders
from tests.support.deep_trees import deep_folder, shallow_recursion
from tests.support.files import put

FRAMES = 150
TOO_DEEP = 250
LONG_NAME = "d" * 200
FILES = {"app.css": b"a { background: url(dot.svg) }" * 50, "dot.svg": b"<svg/>"}


@pytest.fixture
def _shallow() -> Iterator[None]:
    with shallow_recursion(FRAMES):
        yield


@pytest.mark.usefixtures("_shallow")
def test_a_tree_is_built_checked_and_pruned_however_deep_it_is(tmp_path: Path) -> None:
    deep_folder(tmp_path / "source", TOO_DEEP, FILES)
    put(tmp_path / "source", "top.css", b"a {}" * 50)
    report = build(tmp_path / "source", tmp_path / "out")
    assert (report.files, report.rewritten_references, report.findings) == (3, 50, [])
    assert check(tmp_path / "out").findings == ()
    other = put(tmp_path / "other", "d", b"a file in the place of the folder").parent
    build(other, tmp_path / "out", keep=1, keep_days=0)
    prune(tmp_path / "out", keep=1, keep_days=0)
    assert (tmp_path / "out" / "d").read_bytes() == b"a file in the place of the folder"
    assert len(list(walk_folders(str(tmp_path / "out")))) <= 3
    build(tmp_path / "source", tmp_path / "out", keep=1, keep_days=0)
    assert {finding.rule for finding in check(tmp_path / "out").findings} == {"leftover"}


def test_what_has_too_long_a_path_is_left_out_and_reported(tmp_path: Path) -> None:
    deep_folder(tmp_path / "source", 21, FILES, name=LONG_NAME)
    put(tmp_path / "source", "top.css", b"a {}")
    report = build(tmp_path / "source", tmp_path / "out")
    shutil.rmtree(tmp_path / "source")  # pytest cannot
    assert report.files == 1
    assert [finding.message for finding in report.findings] == [
        "is left out: its path is too long for the system; shorten the names, or nest fewer folders"
    ]


def test_a_file_whose_path_is_too_long_in_the_output_is_named_before_anything_is_written(
    tmp_path: Path,
) -> None:
    source, out = tmp_path / "source", tmp_path / LONG_NAME
    left = 4090 - len(f"{source}/app.css")
    deep_folder(source, left // 200, FILES, name="d" * 199)
    with pytest.raises(SourceError, match="has too long a path to be written to"):
        build(source, out)
    assert not (out / "staticfiles.json").exists()


@pytest.mark.usefixtures("_shallow")
def test_a_deep_temporary_folder_that_a_killed_build_left_is_removed(tmp_path: Path) -> None:
    put(tmp_path / "source", "top.css", b"a {}")
    build(tmp_path / "source", tmp_path / "out")
    temporary = Path(PrivateFolder(str(tmp_path / "out")).temporary_folder)
    deep_folder(temporary / "left", TOO_DEEP, FILES)
    build(tmp_path / "source", tmp_path / "out")
    assert list(temporary.iterdir()) == []
