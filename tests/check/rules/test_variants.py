"""Rules about variants."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import brotli
import pytest

from hashserve.builder import BuildSettings, build
from hashserve.check import check
from tests.support.files import put
from tests.support.published_folder import CSS, SOURCE, checked, paths_of


@pytest.fixture
def app(out: Path) -> str:
    return paths_of(out)["css/app.css"]


def test_a_listed_variant_that_is_gone_is_missing(out: Path, app: str) -> None:
    (out / f"{app}.br").unlink()
    assert checked(out) == [("variant-missing", f"{app}.br")]


def test_the_variants_of_a_missing_file_are_compared_with_the_manifest(out: Path, app: str) -> None:
    (out / app).unlink()
    assert checked(out) == [("file-missing", app)]


@pytest.mark.parametrize("suffix", [".br", ".gz", ".zst"])
def test_a_variant_that_is_cut_short_is_broken(suffix: str, out: Path, app: str) -> None:
    location = out / (app + suffix)
    location.write_bytes(location.read_bytes()[:-3])
    assert checked(out) == [("variant-broken", app + suffix)]


def test_a_variant_of_other_bytes_differs(out: Path, app: str) -> None:
    (out / f"{app}.br").write_bytes(brotli.compress(CSS))
    assert checked(out) == [("variant-differs", f"{app}.br")]


def test_a_variant_of_another_size_differs(out: Path, app: str) -> None:
    (out / f"{app}.gz").write_bytes(gzip.compress((out / app).read_bytes(), 0))
    (finding,) = check(out).findings
    assert (finding.rule, finding.path) == ("variant-differs", f"{app}.gz")
    assert "the manifest states" in finding.message


def test_a_variant_that_the_manifest_does_not_list_is_unlisted(out: Path) -> None:
    path = paths_of(out)["robots.txt"]
    put(out, f"{path}.br", brotli.compress(SOURCE["robots.txt"]))
    assert checked(out) == [("variant-unlisted", f"{path}.br")]


@pytest.mark.parametrize("coded", [b"no brotli", brotli.compress(b"something else")])
def test_a_variant_of_an_unhashed_file_with_other_bytes_is_stale(coded: bytes, out: Path) -> None:
    (out / "css/app.css.br").write_bytes(coded)
    assert checked(out) == [("variant-stale", "css/app.css.br")]


def test_a_variant_that_is_older_than_its_unhashed_file_is_reported(out: Path) -> None:
    os.utime(out / "css/app.css.br", (1_000_000_000, 1_000_000_000))
    assert checked(out) == [("variant-older", "css/app.css.br")]


def test_a_source_file_with_the_name_of_a_variant_is_a_file_of_its_own(tmp_path: Path) -> None:
    put(tmp_path / "source", "data.txt", b"some text " * 100)
    put(tmp_path / "source", "data.txt.gz", gzip.compress(b"some text " * 100, mtime=0))
    put(tmp_path / "source", "other.txt.gz", gzip.compress(b"alone"))
    build(tmp_path / "source", tmp_path / "out", BuildSettings(codings=("br",)))
    os.utime(tmp_path / "out/data.txt", (1_000_000_000, 1_000_000_000))
    assert checked(tmp_path / "out") == []
    put(tmp_path / "out", "data.txt.gz", gzip.compress(b"other"))
    assert ("variant-stale", "data.txt.gz") in checked(tmp_path / "out")
