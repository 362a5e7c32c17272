"""The names that a manifest speaks for."""

from __future__ import annotations

import pytest

from hashserve import Manifest, Release
from hashserve.builder.releases.manifest_paths import folders_of, is_in, names_of, unlisted_variants, without

ROW = "1 " + "A" * 43 + "="

MANIFEST = Manifest(
    paths={"a.txt": "a.1.txt", "b/c": "b/c.1", "plain": "plain"},
    files={"a.1.txt": ROW, "a.0.txt": ROW, "b/c.1": ROW, "old.0": ROW},
    release="new",
    releases=(Release(id="old", created=1, changed={"a.txt": "a.0.txt", "old": "old.0", "b/c": None}),),
)


def test_every_name_of_every_release_is_spoken_for_and_its_variants() -> None:
    names = {"staticfiles.json", "plain", "a.txt", "a.1.txt", "a.0.txt", "b/c", "b/c.1", "old", "old.0"}
    assert {name for name in names_of(MANIFEST) if not name.endswith((".br", ".gz", ".zst"))} == names
    assert {"a.txt.br", "a.0.txt.gz"} <= names_of(MANIFEST)


def test_folders_are_those_at_any_depth() -> None:
    assert folders_of(["a", "b/c", "d/e/f/g", "d/x"]) == {"b", "d", "d/e", "d/e/f"}


@pytest.mark.parametrize(("path", "expected"), [("a", True), ("a/b", True), ("ab", False), ("b/a", False)])
def test_a_name_is_that_of_a_file_or_of_a_folder_above_it(path: str, expected: bool) -> None:
    assert is_in(path, "a") == expected


@pytest.mark.parametrize("gone", ["a.1.txt", "a.0.txt", "b/c.1", "old.0"])
def test_a_manifest_without_a_file_lists_the_others_as_before_and_can_be_read(gone: str) -> None:
    less = without(MANIFEST, lambda path: path == gone)
    assert Manifest.loads(less.dumps()).files == less.files
    assert less.files.keys() == MANIFEST.files.keys() - {gone}
    assert less.paths == {name: path for name, path in MANIFEST.paths.items() if path != gone}
    before, after = (item.paths_of(item.releases[0]) for item in (MANIFEST, less))
    assert after == {name: path for name, path in before.items() if path != gone}


def test_variants_without_a_row_are_ruled_out_but_where_the_name_is_an_unhashed_file_s_too() -> None:
    rows = {"x.svg": "0 0", "a.1.css": "0 0", "b.2.css": "0 40"}
    manifest = Manifest(
        paths={"x.svg": "x.3.svg", "a.css": "a.1.css", "b.css": "b.2.css", "a.1.css.zst": "a.1.css.zst"},
        files={path: f"{ROW} {sizes}" for path, sizes in rows.items()} | {"c.4.css": None},
        codings=("br", "gzip"),
    )
    assert unlisted_variants(manifest) == {"a.1.css.br", "a.1.css.gz", "b.2.css.br", "b.2.css.zst"}
