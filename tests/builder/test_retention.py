"""Which releases are retained, and how the manifest lists them."""

from __future__ import annotations

import pytest

from hashserve import SettingError
from hashserve.builder.releases.retention import (
    OldRelease,
    build_time,
    changed_paths,
    check_retention,
    manifest_without,
    old_releases,
    release_entry,
    retain,
)
from hashserve.manifest.model import AssetRecord, Manifest, Release

DAY = 86_400
NOW = 1_800_000_000


def old(name: str, *, replaced_days_ago: float) -> OldRelease:
    replaced = int(NOW - replaced_days_ago * DAY)
    return OldRelease(id=name, created=replaced - DAY, replaced=replaced, paths={}, records={})


@pytest.mark.parametrize(
    ("keep", "keep_days", "expected"),
    [
        (1, 0, []),
        (2, 0, ["a"]),
        (3, 0, ["a", "b"]),
        (9, 0, ["a", "b", "c", "d"]),
        (1, 1, ["a"]),
        (1, 10, ["a", "b"]),
        (1, 10.5, ["a", "b", "c"]),  # replaced ten days ago to the second is not within ten days
        (2, 1, ["a"]),
        (3, 1, ["a", "b"]),
        (1, float("inf"), ["a", "b", "c", "d"]),
    ],
)
def test_a_release_stays_by_its_number_or_by_when_it_was_replaced(
    keep: int, keep_days: float, expected: list[str]
) -> None:
    candidates = [
        old(name, replaced_days_ago=days) for name, days in (("a", 0), ("b", 5), ("c", 10), ("d", 90))
    ]
    kept = retain(candidates, release="new", keep=keep, keep_days=keep_days, now=NOW)
    assert [release.id for release in kept] == expected


def test_a_release_counts_once_and_not_next_to_itself() -> None:
    candidates = [old(name, replaced_days_ago=0) for name in ("a", "new", "a", "b")]
    kept = retain(candidates, release="new", keep=3, keep_days=0, now=NOW)
    assert [release.id for release in kept] == ["a", "b"]


def test_a_clock_that_went_back_keeps_rather_than_drops() -> None:
    kept = retain([old("a", replaced_days_ago=-5)], release="new", keep=1, keep_days=1, now=NOW)
    assert [release.id for release in kept] == ["a"]


def manifest() -> Manifest:
    row = f"1 {'A' * 43}="
    return Manifest(
        paths={"a": "a.2", "plain": "plain"},
        files={"a.1": row, "a.2": row, "b.1": row},
        release="second",
        created=200,
        releases=(Release(id="first", created=100, changed={"a": "a.1", "b": "b.1", "plain": None}),),
    )


def test_each_release_of_a_manifest_was_replaced_when_the_next_was_made() -> None:
    found = old_releases(manifest(), now=300)
    assert [(item.id, item.created, item.replaced) for item in found] == [
        ("second", 200, 300),
        ("first", 100, 200),
    ]
    assert found[1].paths == {"a": "a.1", "b": "b.1"}
    assert found[1].records.keys() == {"a.1", "b.1"}
    assert found[0].paths == {"a": "a.2", "plain": "plain"}
    assert found[0].records.keys() == {"a.2"}
    assert dict(found[0].records) == {"a.2": manifest().record("a.2")}
    assert len(found[1].records) == 2
    with pytest.raises(KeyError):
        found[0].records["a.1"]  # of another release


def test_only_the_difference_between_releases_is_written() -> None:
    assert changed_paths({"a": "a.1", "b": "b.1"}, {"a": "a.2", "b": "b.1", "c": "c.1"}) == {
        "a": "a.1",
        "c": None,
    }


def test_a_path_that_is_not_served_any_more_is_left_out_of_its_release() -> None:
    paths = {"a": "a.1", "b": "b.1", "plain": "plain"}
    records = {path: AssetRecord(path=path) for path in ("a.1", "b.1")}
    release = OldRelease(id="x", created=1, replaced=2, paths=paths, records=records)
    assert release_entry(release, {}, {"a.1"}).changed == {"a": "a.1", "plain": "plain"}


def test_the_clock_can_be_set_for_reproducible_builds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")
    assert build_time() == NOW
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    assert build_time() != NOW


@pytest.mark.parametrize("given", ["yesterday", "-1", "1.5", "253402300800", "9" * 5000, "١"])
def test_a_clock_that_is_set_to_nonsense_is_rejected(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", given)
    with pytest.raises(SettingError, match="SOURCE_DATE_EPOCH"):
        build_time()


@pytest.mark.parametrize(("keep", "keep_days"), [(0, None), (-1, None), (None, -1.0), (None, float("nan"))])
def test_numbers_out_of_range_are_rejected(keep: int | None, keep_days: float | None) -> None:
    with pytest.raises(SettingError, match="keep"):
        check_retention(keep, keep_days)


ROW = "1 " + "A" * 43 + "="

MANIFEST = Manifest(
    paths={"a.txt": "a.1.txt", "b/c": "b/c.1", "plain": "plain"},
    files={"a.1.txt": ROW, "a.0.txt": ROW, "b/c.1": ROW, "old.0": ROW},
    release="new",
    releases=(Release(id="old", created=1, changed={"a.txt": "a.0.txt", "old": "old.0", "b/c": None}),),
)


@pytest.mark.parametrize("gone", ["a.1.txt", "a.0.txt", "b/c.1", "old.0"])
def test_a_manifest_without_a_file_lists_the_others_as_before_and_can_be_read(gone: str) -> None:
    less = manifest_without(MANIFEST, lambda path: path == gone)
    assert Manifest.loads(less.dumps()).files == less.files
    assert less.files.keys() == MANIFEST.files.keys() - {gone}
    assert less.paths == {name: path for name, path in MANIFEST.paths.items() if path != gone}
    before, after = (item.paths_of(item.releases[0]) for item in (MANIFEST, less))
    assert after == {name: path for name, path in before.items() if path != gone}
