"""What another tool fingerprinted keeps its name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hashserve import BuildError, ManifestError
from hashserve.build import BuildSettings, build
from hashserve.build.fingerprinted import already_fingerprinted
from tests.building import manifest_of, put, wrong_files

CHUNK = b"export const number = 1;\n" * 40


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """What Vite leaves: an entry, and its manifest."""
    folder = tmp_path / "source"
    put(folder, "assets/app-DiwrgTda.js", CHUNK)
    entry = {"file": "assets/app-DiwrgTda.js", "src": "src/app.js", "isEntry": True}
    put(folder, ".vite/manifest.json", json.dumps({"src/app.js": entry}).encode())
    return folder


def test_what_a_bundlers_manifest_lists_is_known_by_the_bundlers_name(source: Path, tmp_path: Path) -> None:
    build(source, tmp_path / "out")
    assert manifest_of(tmp_path / "out").paths["src/app.js"] == "assets/app-DiwrgTda.js"
    assert not wrong_files(tmp_path / "out")


def test_a_bundlers_manifest_that_is_broken_is_named(source: Path) -> None:
    put(source, ".vite/manifest.json", b"{")
    with pytest.raises(ManifestError, match=r"manifest\.json"):
        already_fingerprinted([str(source)], [], [])


def test_of_two_files_that_would_have_one_logical_path_the_second_keeps_its_own() -> None:
    paths = ["a-0123456789ab.js", "a-ba9876543210.js", "b-0123456789ab.js", "b.js", "plain.js"]
    assert already_fingerprinted([], paths, ["*-*", "plain*"]) == {
        "a-0123456789ab.js": "a.js",
        "a-ba9876543210.js": "a-ba9876543210.js",
        "b-0123456789ab.js": "b-0123456789ab.js",
        "plain.js": "plain.js",
    }


def test_a_variant_beside_a_kept_file_is_the_builds_business() -> None:
    paths = ["a-0123456789ab.js", "a-0123456789ab.js.br", "b-0123456789ab.js.gz"]
    assert already_fingerprinted([], paths, ["*"]).keys() == {"a-0123456789ab.js", "b-0123456789ab.js.gz"}


def test_content_that_changed_under_a_kept_name_is_reported(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    build(source, out)
    assert build(source, out).warnings == []
    put(source, "assets/app-DiwrgTda.js", CHUNK + b"// other\n")
    report = build(source, out)
    assert [finding.kind for finding in report.warnings] == ["changed-fingerprinted"]
    assert "whoever has that keeps it" in str(report.warnings[0])
    assert not wrong_files(out)
    put(source, "assets/app-DiwrgTda.js", CHUNK)
    with pytest.raises(BuildError, match="strict is set"):
        build(source, out, BuildSettings(strict=True))
