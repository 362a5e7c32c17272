"""The private folder: each build begins with an empty temporary folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from hashserve import BuildError
from hashserve.builder import build, prune
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


def make(path: Path, kind: str) -> None:
    """Put something that no build makes in the place of ``path``."""
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    if kind == "file":
        path.write_bytes(b"[" * 100_000)
    elif kind == "folder":
        put(path, "x/y", b"")
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "endless":
        path.symlink_to("/dev/zero")
    elif kind == "link":
        path.symlink_to(path.parents[1] / "elsewhere")
    else:
        path.symlink_to(path.name)


@pytest.mark.parametrize("kind", ["file", "fifo", "endless", "link", "loop"])
@pytest.mark.parametrize("name", [".hashserve", ".hashserve/temporary"])
def test_what_is_not_a_builds_own_folder_is_an_error_and_nothing_is_removed(
    source: Path, out: Path, name: str, kind: str
) -> None:
    build(source, out)
    before = (out / "staticfiles.json").read_bytes()
    make(out / name, kind)
    if kind == "link":
        for path in ("temporary/keep", "keep"):
            put(Path(os.path.realpath(out / name)), path, b"of somebody")
    with pytest.raises(BuildError, match=f"{name}: is not the folder that builds make there; remove it"):
        build(source, out)
    assert (out / "staticfiles.json").read_bytes() == before
    if kind == "link":
        assert (out / name / "keep").read_bytes() == (out / name / "temporary/keep").read_bytes()
    (out / name).unlink()
    build(source, out)


@pytest.mark.parametrize("kind", ["folder", "fifo", "endless", "link", "loop"])
def test_what_is_not_a_builds_own_lock_is_an_error(source: Path, out: Path, kind: str) -> None:
    build(source, out)
    make(out / ".hashserve/lock", kind)
    with pytest.raises(BuildError, match="lock: is not the file that builds make there; remove it"):
        build(source, out)


@pytest.mark.parametrize("kind", ["file", "folder", "fifo", "endless", "link", "loop"])
def test_a_state_that_cannot_be_read_only_costs_time(source: Path, out: Path, kind: str) -> None:
    build(source, out)
    make(out / ".hashserve/state.json", kind)
    assert build(source, out).written == 0
    prune(out)


def test_an_output_that_is_a_link_to_nowhere_is_named(source: Path, out: Path) -> None:
    out.symlink_to("nowhere")
    with pytest.raises(BuildError, match="out: is not a folder; choose another"):
        build(source, out)


@pytest.mark.parametrize("kind", ["file", "folder", "fifo", "endless", "link", "loop"])
def test_what_is_in_the_place_of_the_manifest_is_replaced_or_named(
    source: Path, out: Path, kind: str
) -> None:
    build(source, out)
    make(out / "staticfiles.json", kind)
    if kind == "folder":
        with pytest.raises(BuildError, match="is a folder, but the manifest has that name; remove or"):
            build(source, out)
    else:
        build(source, out)
        assert (out / "staticfiles.json").is_file()
        assert not (out / "staticfiles.json").is_symlink()
