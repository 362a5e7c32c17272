from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hashserve.manifest.discovery import UNSERVED_MANIFESTS, find_manifest, read_file

NAMES = [
    "staticfiles.json",
    ".vite/manifest.json",
    "cache_manifest.json",
    ".manifest.json",
    ".sprockets-manifest-5d41402abc4b2a76b9719d911017c592.json",
    "mix-manifest.json",
]


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.mark.parametrize("position", range(len(NAMES)))
def test_the_first_known_name_is_found(tmp_path: Path, position: int) -> None:
    touch(tmp_path, "manifest.json", "deep/staticfiles.json", *NAMES[position:])
    assert find_manifest(tmp_path) == str(tmp_path.joinpath(*NAMES[position].split("/")))


def test_the_newest_manifest_of_sprockets_is_found(tmp_path: Path) -> None:
    touch(tmp_path, ".sprockets-manifest-a.json", ".sprockets-manifest-b.json")
    os.utime(tmp_path / ".sprockets-manifest-b.json", (1, 1))
    assert find_manifest(tmp_path) == str(tmp_path / ".sprockets-manifest-a.json")


@pytest.mark.parametrize(
    "name", [".sprockets-manifest-a.json.gz", "sprockets-manifest-a.json", ".sprockets-manifest-a"]
)
def test_a_name_that_only_resembles_sprockets_is_not_found(tmp_path: Path, name: str) -> None:
    touch(tmp_path, name)
    assert find_manifest(tmp_path) is None


def test_a_root_is_searched_by_its_name_and_not_as_a_pattern(tmp_path: Path) -> None:
    touch(tmp_path, "[ab]*/.sprockets-manifest-a.json")
    assert find_manifest(tmp_path / "[ab]*") == str(tmp_path / "[ab]*" / ".sprockets-manifest-a.json")


def test_a_folder_without_a_manifest_has_none(tmp_path: Path) -> None:
    touch(tmp_path, "manifest.json", "sub/mix-manifest.json")
    (tmp_path / "staticfiles.json").mkdir()
    assert find_manifest(tmp_path) is None
    assert find_manifest(tmp_path / "missing") is None


def test_the_unserved_manifests_are_the_known_names_that_do_not_start_with_a_dot() -> None:
    assert list(UNSERVED_MANIFESTS) == [name for name in NAMES if not name.startswith(".")]


def test_a_file_is_read_byte_by_byte(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a\r\n\xff\x1a")
    assert read_file(str(tmp_path / "a")) == b"a\r\n\xff\x1a"


@pytest.mark.parametrize(("make", "number"), [(os.mkfifo, errno.EINVAL), (os.mkdir, errno.EISDIR)])
def test_reading_anything_but_a_regular_file_is_an_os_error_at_once(
    tmp_path: Path, make: Callable[[str], None], number: int
) -> None:
    path = str(tmp_path / "made")
    make(path)
    with pytest.raises(OSError, match="not a regular file") as caught:
        read_file(path)
    assert (caught.value.errno, caught.value.filename) == (number, path)
