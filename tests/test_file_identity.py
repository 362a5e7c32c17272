"""A file's identity: it differs after each change that a reader of the file could notice."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hashserve.file_identity import content_marks, identify, identify_across_mounts


def rewrite(file: Path) -> None:
    file.write_bytes(b"longer than before")


def replace(file: Path) -> None:
    other = file.with_name("other")
    other.write_bytes(file.read_bytes())
    status = file.stat()
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    os.replace(other, file)


def touch(file: Path) -> None:
    os.utime(file, ns=(1, 1))


@pytest.mark.parametrize("change", [rewrite, replace, touch])
def test_a_changed_file_has_another_identity(tmp_path: Path, change: Callable[[Path], None]) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"content")
    before = file.stat()
    change(file)
    assert identify(file.stat()) != identify(before)
    assert identify_across_mounts(file.stat()) != identify_across_mounts(before)


def test_a_file_that_was_only_read_keeps_its_identity(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"content")
    before = identify(file.stat())
    file.read_bytes()
    assert identify(file.stat()) == before


def test_a_rename_does_not_change_the_marks_of_the_content(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"content")
    before = identify(file.stat())
    renamed = file.rename(tmp_path / "renamed")
    assert content_marks(identify(renamed.stat())) == content_marks(before) == (7, before[3])


def test_the_device_is_not_part_of_the_identity_across_mounts(tmp_path: Path) -> None:
    status = tmp_path.stat()
    assert (status.st_dev, *identify_across_mounts(status)) == identify(status)
