"""The paths that a manifest refers to, and the folders that they lie in."""

from __future__ import annotations

import pytest

from hashserve import Manifest, Release
from hashserve.builder.output.paths import (
    delta_paths,
    folders_of,
    is_at_or_below,
    paths_named_as_deltas,
    referenced_paths,
    served_paths,
    unlisted_variants,
)

ROW = "1 " + "A" * 43 + "="

MANIFEST = Manifest(
    paths={"a.txt": "a.1.txt", "b/c": "b/c.1", "plain": "plain"},
    files={"a.1.txt": ROW, "a.0.txt": ROW, "b/c.1": ROW, "old.0": ROW},
    release="new",
    releases=(Release(id="old", created=1, changed={"a.txt": "a.0.txt", "old": "old.0", "b/c": None}),),
)


def test_every_path_of_every_release_is_referenced_with_its_variants() -> None:
    names = {"staticfiles.json", "plain", "a.txt", "a.1.txt", "a.0.txt", "b/c", "b/c.1", "old", "old.0"}
    assert {name for name in referenced_paths(MANIFEST) if not name.endswith((".br", ".gz", ".zst"))} == names
    assert {"a.txt.br", "a.0.txt.gz"} <= referenced_paths(MANIFEST)


def test_folders_are_those_at_any_depth() -> None:
    assert folders_of(["a", "b/c", "d/e/f/g", "d/x"]) == {"b", "d", "d/e", "d/e/f"}


@pytest.mark.parametrize(("path", "expected"), [("a", True), ("a/b", True), ("ab", False), ("b/a", False)])
def test_a_path_is_at_another_or_below_it(path: str, expected: bool) -> None:
    assert is_at_or_below(path, "a") == expected


def test_a_variant_without_a_size_is_unlisted_unless_an_unhashed_file_has_its_path() -> None:
    rows = {"x.svg": "0 0", "a.1.css": "0 0", "b.2.css": "0 40"}
    manifest = Manifest(
        paths={"x.svg": "x.3.svg", "a.css": "a.1.css", "b.css": "b.2.css", "a.1.css.zst": "a.1.css.zst"},
        files={path: f"{ROW} {sizes}" for path, sizes in rows.items()} | {"c.4.css": None},
        codings=("br", "gzip"),
    )
    assert unlisted_variants(manifest) == {"a.1.css.br", "a.1.css.gz", "b.2.css.br", "b.2.css.zst"}


DELTA = "a.1.txt.0a1b2c.dcz"


def test_a_delta_that_is_listed_is_referenced_and_served_and_no_other() -> None:
    manifest = MANIFEST._replace(deltas={"a.1.txt": ["5 0a1b2c a.0.txt"]})
    assert delta_paths(manifest) == {DELTA}
    for paths in (referenced_paths, served_paths):
        assert paths(manifest) - paths(MANIFEST) == {DELTA}


def test_names_of_deltas_that_files_and_folders_of_any_release_have_are_known() -> None:
    release = Release(
        id="old", created=1, changed={"b.x.dcz": "b.x.0.dcz", "c.x.dcz/d": "c.x.dcz/d.0", "e": None}
    )
    manifest = MANIFEST._replace(paths={"a.dcz": "a.1.dcz", "plain": "plain"}, releases=(release,))
    assert paths_named_as_deltas(manifest) == {"a.dcz", "a.1.dcz", "b.x.dcz", "b.x.0.dcz", "c.x.dcz"}
