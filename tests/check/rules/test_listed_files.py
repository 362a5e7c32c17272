"""Rules about files that a release lists."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashserve import Manifest
from hashserve.check import Level, check
from tests.support.published_folder import checked, paths_of, plain_manifest


def test_a_listed_file_that_is_gone_is_missing(out: Path) -> None:
    path = paths_of(out)["robots.txt"]
    (out / path).unlink()
    (finding,) = check(out).findings
    assert (finding.rule, finding.path, finding.level) == ("file-missing", path, Level.ERROR)
    assert "the release in force" in finding.message


def test_a_file_of_an_older_release_that_is_gone_is_missing(out: Path) -> None:
    manifest = Manifest.load(out / "staticfiles.json")
    old = manifest.paths_of(manifest.releases[-1])["css/once.css"]
    (out / old).unlink()
    (finding,) = check(out).findings
    assert (finding.rule, finding.path) == ("file-missing", old)
    assert f"retained release {manifest.releases[-1].id}" in finding.message


@pytest.mark.parametrize("content", [b"User-agent: b\n", b"longer than it was\n"])
def test_a_listed_file_with_other_bytes_is_changed(content: bytes, out: Path) -> None:
    path = paths_of(out)["robots.txt"]
    (out / path).write_bytes(content)
    assert checked(out) == [("file-changed", path)]


def test_a_listed_file_without_a_fingerprint_that_is_gone_is_missing(out: Path) -> None:
    plain_manifest(out, {"robots.txt": "robots.txt", "gone.txt": "gone.txt"})
    assert ("file-missing", "gone.txt") in checked(out)
    assert ("file-missing", "robots.txt") not in checked(out)
