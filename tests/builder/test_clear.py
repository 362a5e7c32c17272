"""Clearing removes what no release lists, and nothing if that is not known."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashserve import BuildError
from hashserve.builder import build
from hashserve.builder.releases.clear import clear, clearable
from tests.support.building import manifest_of
from tests.support.files import put


@pytest.fixture
def source(tmp_path: Path) -> Path:
    put(tmp_path, "source/app.css", b"a {}")
    return tmp_path / "source"


def test_only_what_no_release_lists_is_removed(source: Path, out: Path) -> None:
    build(source, out)
    put(out, "old.css", b"a {}")
    candidates = ["app.css", manifest_of(out).paths["app.css"], "old.css"]
    assert clearable(str(out), candidates) == ["old.css"]
    assert clear(str(out), candidates) == ["old.css"]
    assert not (out / "old.css").exists()


def test_nothing_is_removed_where_the_manifest_cannot_be_read(source: Path, out: Path) -> None:
    build(source, out)
    put(out, "staticfiles.json", b"{")
    with pytest.raises(BuildError, match=r"not valid JSON.*; nothing was removed"):
        clear(str(out), ["app.css"])
    assert (out / "app.css").exists()


def test_without_a_manifest_nothing_is_needed(out: Path) -> None:
    put(out, "app.css", b"a {}")
    assert clear(str(out), ["app.css"]) == ["app.css"]
