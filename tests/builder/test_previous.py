"""Where the previous release is: a folder or a site."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hashserve import Manifest, SettingError
from hashserve.builder import BuildSettings
from hashserve.builder.releases.errors import MismatchError, UnreachableError
from hashserve.builder.releases.previous import PreviousFolder, open_previous
from hashserve.builder.releases.previous_site import PreviousSite
from tests.support.files import put


@pytest.mark.parametrize("where", ["s3://bucket/static", "ftp://example.com/", "http://[::1/"])
def test_a_url_with_another_scheme_is_rejected(where: str) -> None:
    with pytest.raises(SettingError, match="previous="):
        open_previous(BuildSettings(previous=where))


def test_a_scheme_may_be_in_any_case() -> None:
    assert isinstance(open_previous(BuildSettings(previous="HTTPS://example.com")), PreviousSite)
    assert isinstance(open_previous(BuildSettings(previous="some/folder")), PreviousFolder)


@pytest.mark.parametrize("where", ["http://me:secret@[::1/", "s3://me:secret@bucket"])
def test_an_error_shows_no_password(where: str) -> None:
    with pytest.raises(SettingError, match="previous=") as raised:
        open_previous(BuildSettings(previous=where))
    assert "secret" not in str(raised.value)


def test_a_folder_that_is_stopped_is_not_read_to_the_end(tmp_path: Path) -> None:
    put(tmp_path, "a.txt", bytes(1_000_000))
    folder = PreviousFolder(str(tmp_path))
    chunks = folder.read("a.txt", "identity", 1_000_000)
    next(chunks)
    folder.stop()
    with pytest.raises(UnreachableError, match="the build was interrupted"):
        next(chunks)


def test_a_pipe_in_the_folder_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.txt")
    with pytest.raises(UnreachableError, match="is not a regular file"):
        list(PreviousFolder(str(tmp_path)).read("a.txt", "identity", 1))


def test_errors_say_where(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match=r"staticfiles\.json: No such file"):
        PreviousFolder(str(tmp_path)).manifest()
    with pytest.raises(UnreachableError, match=r"a\.txt: No such file"):
        list(PreviousFolder(str(tmp_path)).read("a.txt", "identity", 1))
    assert str(MismatchError("a.txt", "is wrong")) == "a.txt: is wrong"
    assert isinstance(Manifest.loads('{"paths": {}, "version": "1.1"}'), Manifest)
