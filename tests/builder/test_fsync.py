"""Files are synced one by one, or with their whole file system where that is as safe."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hashserve.builder.output import fsync
from hashserve.builder.output.fsync import MIN_FILES_FOR_SYNCFS, sync
from tests.support.files import put

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every file is synced by itself")


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    return [str(put(tmp_path, f"{number % 7}/{number}", b"x")) for number in range(40)]


@pytest.fixture
def root(tmp_path: Path) -> Iterator[int]:
    """A descriptor on the file system of the files."""
    descriptor = os.open(tmp_path, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is synced by itself: a stand-in, since nothing short of pulling the plug shows an fsync."""
    found: list[str] = []
    real_fsync = os.fsync

    def fsync(descriptor: int) -> None:
        found.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        real_fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return found


@on_linux
def test_few_files_are_synced_one_by_one_and_their_folders_after_them(
    files: list[str], root: int, synced: list[str]
) -> None:
    folders = {os.path.dirname(file) for file in files}
    sync(root, MIN_FILES_FOR_SYNCFS - 1, files, folders)
    assert sorted(synced[: len(files)]) == sorted(files)
    assert sorted(synced[len(files) :]) == sorted(folders)


@on_linux
def test_many_files_are_synced_at_once_where_the_system_waits_for_the_disk(
    files: list[str], root: int, synced: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sync(root, MIN_FILES_FOR_SYNCFS, files, ())
    at_once = not synced
    monkeypatch.setattr(fsync, "SYNCFS_FILE_SYSTEMS", frozenset())
    sync(root, MIN_FILES_FOR_SYNCFS, files, ())
    assert sorted(synced) == sorted(files if at_once else files * 2)


@on_linux
@pytest.mark.parametrize("release", ["4.4.0", "5.7.19-generic", "unknown", ""])
def test_syncfs_is_not_used_where_it_may_not_report_errors(
    files: list[str], root: int, synced: list[str], monkeypatch: pytest.MonkeyPatch, release: str
) -> None:
    real = os.uname()
    monkeypatch.setattr(os, "uname", lambda: os.uname_result((*real[:2], release, *real[3:])))
    sync(root, MIN_FILES_FOR_SYNCFS, files, ())
    assert sorted(synced) == sorted(files)


@pytest.mark.parametrize("release", ["5.8.0", "5.10-rc1", "6.1.0-13-amd64"])
def test_a_system_that_reports_errors_is_known_by_its_release(release: str) -> None:
    assert fsync._version(release) >= fsync._SYNCFS_REPORTS_ERRORS_SINCE


@on_linux
def test_syncfs_is_not_used_where_the_descriptor_is_on_no_disk(files: list[str], synced: list[str]) -> None:
    reader, writer = os.pipe()
    try:
        sync(reader, MIN_FILES_FOR_SYNCFS, files, ())
    finally:
        os.close(reader)
        os.close(writer)
    assert sorted(synced) == sorted(files)


def test_a_file_that_is_gone_is_an_error(files: list[str], root: int) -> None:
    os.unlink(files[20])
    with pytest.raises(FileNotFoundError):
        sync(root, 1, files, ())


def test_no_files_to_sync_are_no_error(root: int) -> None:
    sync(root, 0, (), ())
