"""Where the previous release is: a folder or a site."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hashserve import Manifest, SettingError
from hashserve.builder.releases.errors import MismatchError, UnreachableError
from hashserve.builder.releases.previous import PreviousFolder, open_previous
from hashserve.builder.releases.previous_site import PreviousSite


@pytest.mark.parametrize("where", ["s3://bucket/static", "ftp://example.com/", "http://[::1/"])
def test_a_url_with_another_scheme_is_rejected(where: str) -> None:
    with pytest.raises(SettingError, match="previous="):
        open_previous(where, "/static/")


def test_a_scheme_may_be_in_any_case() -> None:
    assert isinstance(open_previous("HTTPS://example.com", "/static/"), PreviousSite)
    assert isinstance(open_previous("some/folder", "/static/"), PreviousFolder)


def test_a_pipe_in_the_folder_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.txt")
    with pytest.raises(UnreachableError, match="is not a regular file"):
        list(PreviousFolder(str(tmp_path)).read("a.txt"))


def test_errors_say_where(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match=r"staticfiles\.json: No such file"):
        PreviousFolder(str(tmp_path)).manifest()
    with pytest.raises(UnreachableError, match=r"a\.txt: No such file"):
        list(PreviousFolder(str(tmp_path)).read("a.txt"))
    assert str(MismatchError("a.txt", "is wrong")) == "a.txt: is wrong"
    assert isinstance(Manifest.loads('{"paths": {}, "version": "1.1"}'), Manifest)
