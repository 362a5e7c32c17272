"""Where a collected file is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage, Storage

from hashserve.django.collection.collected_files import CollectedFile, collected_files
from tests.support.django_settings import configure

configure()


def collected(storage: Any) -> CollectedFile:
    (file,) = collected_files({"shop/app.css": (storage, "app.css")})
    return file


def test_a_file_is_read_where_its_finder_found_it(tmp_path: Path) -> None:
    file = collected(FileSystemStorage(tmp_path / "source"))
    assert file.location(FileSystemStorage(tmp_path / "root")) == str(tmp_path / "source/app.css")


@pytest.mark.parametrize("storage", [Storage(), object()])
def test_the_copy_is_read_if_the_finders_storage_has_no_folder(tmp_path: Path, storage: Any) -> None:
    file = collected(storage)
    assert file.location(FileSystemStorage(tmp_path)) == str(tmp_path / "shop/app.css")
    assert file.source_folder is None


def test_files_are_sorted_by_path() -> None:
    files = collected_files({path: (object(), path) for path in ("b", "a/b", "a.css")})
    assert [file.path for file in files] == ["a.css", "a/b", "b"]
