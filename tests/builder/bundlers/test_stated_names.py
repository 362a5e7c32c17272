"""What another tool fingerprinted keeps its name."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from hashserve import BuildError, ManifestError, SettingError
from hashserve.builder import BuildSettings, build
from hashserve.builder.bundlers.stated_names import already_fingerprinted
from tests.support.building import contents, manifest_of, wrong_files
from tests.support.files import put

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


def test_a_broken_bundler_manifest_is_named(source: Path) -> None:
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


def test_a_variant_next_to_a_kept_file_is_not_kept_itself() -> None:
    paths = ["a-0123456789ab.js", "a-0123456789ab.js.br", "b-0123456789ab.js.gz"]
    assert already_fingerprinted([], paths, ["*"]).keys() == {"a-0123456789ab.js", "b-0123456789ab.js.gz"}


def test_content_that_changed_under_a_kept_name_is_reported(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    build(source, out)
    assert build(source, out).warnings == []
    put(source, "assets/app-DiwrgTda.js", CHUNK + b"// other\n")
    report = build(source, out)
    assert [finding.kind for finding in report.warnings] == ["changed-fingerprinted"]
    assert "and browsers keep the old content" in str(report.warnings[0])
    assert not wrong_files(out)
    put(source, "assets/app-DiwrgTda.js", CHUNK)
    with pytest.raises(BuildError, match="the build is strict and has 1 finding; correct it, or"):
        build(source, out, BuildSettings(strict=True))


# Manifests that are named

HASHED = "js/main.0123456789abcdef0123.js"
PLAIN = {"main.js": HASHED, "index.html": "index.html"}


def webpack_source(tmp_path: Path, manifest: dict[str, str], *, below: str = "") -> Path:
    """Make what webpack leaves, its manifest in the folder that it wrote to."""
    source = tmp_path / "webpack"
    put(source, below + HASHED, CHUNK)
    put(source, f"{below}manifest.json", json.dumps(manifest).encode())
    return source


def test_a_plain_manifest_is_read_where_it_is_named(tmp_path: Path) -> None:
    source = webpack_source(tmp_path, {**PLAIN, "gone.js": "js/gone.0123456789abcdef0123.js"})
    build(source, tmp_path / "out")
    assert HASHED not in manifest_of(tmp_path / "out").files, "that manifest is not of this tree"
    build(source, tmp_path / "out", BuildSettings(bundler_manifests=[str(source / "manifest.json")]))
    assert manifest_of(tmp_path / "out").paths["main.js"] == HASHED
    assert not wrong_files(tmp_path / "out")


def test_a_named_manifest_in_a_source_is_read_for_that_source(tmp_path: Path) -> None:
    source = webpack_source(tmp_path, PLAIN, below="dist/")
    named = str(source / "dist/manifest.json")
    assert already_fingerprinted([str(source)], [f"dist/{HASHED}", HASHED], [], [named]) == {
        f"dist/{HASHED}": "dist/main.js"
    }


def test_a_named_manifest_elsewhere_is_read_for_the_first_source_that_has_its_files(tmp_path: Path) -> None:
    named = put(tmp_path, "manifest.json", json.dumps({"main.js": f"/static/{HASHED}"}).encode())
    other, source = tmp_path / "other", webpack_source(tmp_path, {})
    put(other, "a.txt", b"a")
    found = already_fingerprinted([str(other), str(source)], ["a.txt", HASHED], [], [str(named)])
    assert found == {HASHED: "main.js"}


@pytest.mark.parametrize(
    ("manifest", "problem"),
    [
        (None, "cannot be read: No such file or directory; name the manifest that the bundler wrote"),
        ({"main.js": "js/gone.0123456789abcdef0123.js"}, "lists no fingerprinted file of the source"),
        ({"main.js": "js/main.js"}, "lists no fingerprinted file of the source"),
    ],
)
def test_a_named_manifest_that_lists_no_source_file_is_refused(
    tmp_path: Path, manifest: dict[str, str] | None, problem: str
) -> None:
    source = webpack_source(tmp_path, manifest or {})
    named = str(source / "manifest.json") if manifest else str(source / "none.json")
    with pytest.raises(SettingError, match=problem):
        build(source, tmp_path / "out", BuildSettings(bundler_manifests=[named]))
    assert not (tmp_path / "out").exists()


def test_a_named_manifest_that_is_none_says_what_is_expected(tmp_path: Path) -> None:
    source = webpack_source(tmp_path, PLAIN)
    named = put(source, "package.json", b'{"private": true}')
    with pytest.raises(ManifestError, match="is not a manifest of a known tool; hashserve reads"):
        build(source, tmp_path / "out", BuildSettings(bundler_manifests=[str(named)]))


def test_a_compressed_file_of_the_source_next_to_a_kept_file_stays_in_the_output(tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    put(source, "app-3f2a1b9c.js", b"x")  # too small for a variant to be worth keeping
    put(source, "app-3f2a1b9c.js.gz", gzip.compress(b"x", mtime=0))
    put(source, "app-3f2a1b9c.js.br", b"of something else")
    settings = BuildSettings(already_hashed=("app-*.js",))
    build(source, out, settings)
    before = contents(out)
    assert {"app-3f2a1b9c.js.gz", "app-3f2a1b9c.js.br"} <= before.keys()
    assert build(source, out, settings).written == 0
    assert contents(out) == before
    record = manifest_of(out).record("app-3f2a1b9c.js")
    assert record is not None
    assert record.variants == {}
