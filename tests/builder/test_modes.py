"""The permissions of what a build makes follow the umask, in files and folders alike."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hashserve.builder import build
from hashserve.builder.output.modes import make_folders
from tests.support.files import put

TEXT = b"a text that is long enough to be worth compressing\n" * 20


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A source tree with a reference, so that each way of writing a file is taken."""
    put(tmp_path / "source", "css/app.css", b"a { background: url(../img/a.svg) }\n" * 40)
    put(tmp_path / "source", "img/a.svg", TEXT)
    put(tmp_path / "source", "js/deep/app.js", TEXT)
    return tmp_path / "source"


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def modes(root: Path, *, files: bool) -> dict[str, int]:
    """Return the permissions of the files or the folders at and below a folder."""
    found = [path for path in (root, *root.rglob("*")) if path.is_dir() != files]
    return {str(path.relative_to(root)): stat.S_IMODE(path.stat().st_mode) for path in found}


@pytest.mark.parametrize("mask", [0o002, 0o022, 0o027, 0o077])
def test_all_that_a_build_makes_follows_the_umask(source: Path, tmp_path: Path, mask: int) -> None:
    out, cache = tmp_path / "new/out", tmp_path / "cache"
    with umask(mask):
        build(source, out, cache=str(cache), import_map=str(tmp_path / "map.json"))
        put(source, "js/deep/app.js", TEXT + b"more")
        build(source, out, cache=str(cache), import_map=str(tmp_path / "map.json"))
    for root in (out, cache):
        of_files, of_folders = modes(root, files=True), modes(root, files=False)
        assert len(of_files) > 4
        assert of_files == dict.fromkeys(of_files, 0o666 & ~mask)
        assert of_folders == dict.fromkeys(of_folders, 0o777 & ~mask)
    assert stat.S_IMODE((tmp_path / "map.json").stat().st_mode) == 0o666 & ~mask
    assert stat.S_IMODE(out.parent.stat().st_mode) == 0o777 & ~mask


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no groups of files")
def test_what_a_build_makes_has_the_group_of_a_folder_that_passes_its_group_on(
    source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    if os.geteuid() == 0:
        os.chown(out, -1, 65534)
    out.chmod(0o2775)
    with umask(0o002):
        build(source, out)
    group = out.stat().st_gid
    for path in out.rglob("*"):
        status = path.stat()
        assert status.st_gid == group, path
        assert not path.is_dir() or status.st_mode & stat.S_ISGID, path


def test_folders_with_a_mode_have_it_whatever_the_umask(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with umask(0o077):
        make_folders(str(tmp_path / "a/b"), 0o755)
        make_folders(str(tmp_path / "a/b"), 0o777)
    assert modes(tmp_path, files=False) == {".": 0o700, "a": 0o755, "a/b": 0o755}


def test_a_folder_with_a_mode_cannot_be_made_where_a_file_is(tmp_path: Path) -> None:
    put(tmp_path, "a", b"")
    with pytest.raises(OSError, match="a"):
        make_folders(str(tmp_path / "a"), 0o755)
    with pytest.raises(OSError, match="a"):
        make_folders(str(tmp_path / "a/b"), 0o755)
