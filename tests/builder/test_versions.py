"""Versions in older releases: which are dictionaries, and which chunks are versions of one another."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from hashserve.builder.compression.versions import Versions, dictionaries_of
from hashserve.digests import digest_of
from hashserve.manifest.model import AssetRecord, Release

A, B, C, D = ("0a1b2c3d4e5f", "1b2c3d4e5f6a", "2c3d4e5f6a7b", "3d4e5f6a7b8c")


def versions(paths: Mapping[str, str], *older: Mapping[str, str | None], size: int = 5000) -> Versions:
    """Return versions in which each file has its own content."""
    files = {*paths.values(), *(path for changed in older for path in changed.values() if path)}
    records = {path: AssetRecord(path, size, digest_of([path.encode()])) for path in files}
    releases = [Release(str(number), 1, changed) for number, changed in enumerate(older)]
    return Versions(paths, releases, records)


def test_the_newest_distinct_versions_come_first() -> None:
    older = [{"a.js": f"a.{token}.js"} for token in (B, B, C, D)]
    found = dictionaries_of(versions({"a.js": f"a.{A}.js"}, *older), 2)
    assert found == {f"a.{A}.js": [f"a.{B}.js", f"a.{C}.js"]}


@pytest.mark.parametrize(
    "old",
    [
        f"b/a.{B}.js",  # in another folder
        f"x.{B}.js",  # with another name
        f"a.{B}.css",
    ],
)
def test_a_version_that_no_client_offers_is_no_dictionary(old: str) -> None:
    assert dictionaries_of(versions({"a.js": f"a.{A}.js"}, {"a.js": old}), 2) == {}


def test_a_small_version_and_one_that_is_not_complete_are_no_dictionaries() -> None:
    paths, old = {"a.js": f"a.{A}.js"}, {"a.js": f"a.{B}.js"}
    assert dictionaries_of(versions(paths, old, size=2000), 2) == {}
    found = versions(paths, old)
    complete = {path: record for path, record in found.records.items() if path != f"a.{B}.js"}
    assert dictionaries_of(found._replace(records=complete), 2) == {}


def test_a_version_with_the_same_content_is_no_dictionary() -> None:
    found = versions({"a.js": f"a.{A}.js"}, {"a.js": f"a.{B}.js"})
    same = {path: record._replace(sha256=digest_of([b"same"])) for path, record in found.records.items()}
    assert dictionaries_of(found._replace(records=same), 2) == {}


def test_chunks_without_a_name_that_stays_are_paired_by_their_patterns() -> None:
    new, old = "x/vendor-DiwrgTda.js", "x/vendor-B7x0Qk2m.js"
    assert dictionaries_of(versions({new: new}, {new: None, old: old}), 2) == {new: [old]}


def test_chunks_of_one_pattern_are_not_paired_by_chance() -> None:
    new, old, other = "x/index-DiwrgTda.js", "x/index-B7x0Qk2m.js", "x/index-C_rL51Fj.js"
    assert dictionaries_of(versions({new: new}, {new: None, old: old, other: other}), 2) == {}
    assert dictionaries_of(versions({new: new, other: other}, {new: None, other: None, old: old}), 2) == {}


def test_a_chunk_is_not_paired_by_its_pattern_with_a_version_of_another_file() -> None:
    new, old = "x/index-DiwrgTda.js", "x/index-B7x0Qk2m.js"
    paths = {"main.js": "x/index-C_rL51Fj.js", new: new}
    found = dictionaries_of(versions(paths, {"main.js": old, old: old, new: None}), 2)
    assert found == {"x/index-C_rL51Fj.js": [old]}
