"""Rules about unhashed files."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from hashserve import Manifest
from hashserve.builder import build
from hashserve.check import Level, check
from tests.support.files import put
from tests.support.published_folder import DOT, checked, paths_of


def test_a_source_file_that_a_variant_replaced_is_no_error(tmp_path: Path) -> None:
    put(tmp_path / "source", "css/app.css", DOT * 30)
    put(tmp_path / "source", "css/app.css.gz", gzip.compress(b"of another make" + DOT * 30))
    build(tmp_path / "source", tmp_path / "out")
    assert not [item for item in check(tmp_path / "out").findings if item.level is Level.ERROR]


def test_an_unhashed_file_that_lacks_a_variant_is_reported(out: Path) -> None:
    (out / "css/app.css.gz").unlink()
    assert checked(out) == [("unhashed-variant-missing", "css/app.css.gz")]


def test_an_unhashed_file_that_is_gone_is_missing(out: Path) -> None:
    (out / "robots.txt").unlink()
    assert checked(out) == [("unhashed-missing", "robots.txt")]


def test_unhashed_files_are_not_missing_if_all_are_left_out(out: Path) -> None:
    for path in paths_of(out):
        for suffix in ("", ".br", ".gz", ".zst"):
            (out / (path + suffix)).unlink(missing_ok=True)
    assert "unhashed-missing" not in {rule for rule, _ in checked(out)}


@pytest.mark.parametrize("path", ["robots.txt", "css/app.css"])
def test_an_unhashed_file_with_other_bytes_differs(path: str, out: Path) -> None:
    for variant in (f"{path}.br", f"{path}.gz"):
        (out / variant).unlink(missing_ok=True)
    put(out, path, b"User-agent: b\n")
    assert ("unhashed-differs", path) in checked(out)


def test_an_unhashed_file_may_not_hold_its_fingerprinted_form_unless_the_manifest_says_so(out: Path) -> None:
    path = Manifest.load(out / "staticfiles.json").paths["css/app.css"]
    put(out, "css/app.css", (out / path).read_bytes())
    for suffix in (".br", ".gz", ".zst"):
        put(out, f"css/app.css{suffix}", (out / (path + suffix)).read_bytes())
    assert checked(out) == [("unhashed-differs", "css/app.css")]


def test_a_manifest_of_an_earlier_version_does_not_state_what_originals_hold(out: Path) -> None:
    manifest = Manifest.load(out / "staticfiles.json")
    manifest._replace(unhashed_files=None).write(out / "staticfiles.json")
    assert checked(out) == []
