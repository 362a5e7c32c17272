"""Which releases are retained, and how the manifest lists them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashserve import SettingError
from hashserve.builder.releases.retention import (
    OldRelease,
    build_time,
    changed_paths,
    check_retention,
    deltas_between,
    listed_files,
    manifest_without,
    old_releases,
    release_entries,
    retain,
    within_limits,
)
from hashserve.manifest.model import Manifest, Release
from tests.support.growth import assert_linear

DAY = 86_400
NOW = 1_800_000_000


def old(name: str, *, replaced_days_ago: float) -> OldRelease:
    replaced = int(NOW - replaced_days_ago * DAY)
    nothing = Manifest(paths={}, files={})
    return OldRelease(id=name, created=replaced - DAY, replaced=replaced, manifest=nothing, changed={})


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
    assert [item.changed for item in found] == [{}, {"a": "a.1", "b": "b.1", "plain": None}]


def test_releases_of_the_future_are_of_today_where_the_manifest_is_not_trusted() -> None:
    future = manifest()._replace(created=NOW + DAY)
    assert [item.created for item in old_releases(future, NOW)] == [NOW + DAY, 100]
    foreign = old_releases(future, NOW, is_foreign=True)
    assert [(item.created, item.replaced) for item in foreign] == [(NOW, NOW), (100, NOW)]


def test_each_file_is_listed_with_the_newest_release_that_has_it() -> None:
    found = old_releases(manifest(), now=300)
    assert [(path, old.id) for path, old in listed_files(found)] == [
        ("a.2", "second"),
        ("a.1", "first"),
        ("b.1", "first"),
    ]
    assert [path for path, _ in listed_files(found[1:])] == ["a.1", "b.1"]


def test_only_the_difference_between_releases_is_written() -> None:
    assert changed_paths({"a": "a.1", "b": "b.1"}, {"a": "a.2", "b": "b.1", "c": "c.1"}) == {
        "a": "a.1",
        "c": None,
    }


def test_a_path_that_is_not_served_any_more_is_left_out_of_its_release() -> None:
    (_, release) = release_entries(old_releases(manifest(), now=300), {}, {"a.1"})
    assert release == Release(id="first", created=100, changed={"a": "a.1"})
    (newer, _) = release_entries(old_releases(manifest(), now=300), {}, {"a.2"})
    assert newer == Release(id="second", created=200, changed={"a": "a.2", "plain": "plain"})


def test_a_release_that_is_not_trusted_brings_no_path_without_a_fingerprint() -> None:
    foreign = old_releases(manifest(), now=300, is_foreign=True)
    served = {"a.1", "a.2", "b.1"}
    (newer, older) = release_entries(foreign, {}, served)
    assert newer.changed == {"a": "a.2"}
    assert older.changed == {"a": "a.1", "b": "b.1"}
    (newer, _) = release_entries(foreign, {"plain": "plain"}, served)
    assert newer.changed == {"a": "a.2"}  # as in the new release


paths = st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["1", "2", "3"]))


@given(paths, st.lists(st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["1", "2", None]))), paths)
def test_an_entry_has_the_same_paths_as_its_release_had(
    in_force: dict[str, str], changes: list[dict[str, str | None]], new: dict[str, str]
) -> None:
    releases = tuple(Release(id=str(n), created=n, changed=changed) for n, changed in enumerate(changes))
    before = Manifest(paths=in_force, files=dict.fromkeys("12"), release="now", releases=releases)
    entries = list(release_entries(old_releases(before, now=300), new, {"1"}))
    after = Manifest(paths=new, files={}, releases=entries)
    for release, entry in zip((Release(id="now", created=0, changed={}), *releases), entries, strict=True):
        expected = {name: path for name, path in before.paths_of(release).items() if path != "2"}
        assert after.paths_of(entry) == expected


def test_the_work_for_releases_grows_with_their_differences_alone() -> None:
    def work(count: int) -> None:
        paths = {f"p{number}": f"p{number}.1" for number in range(count)}
        same = tuple(Release(id=str(number), created=1, changed={}) for number in range(count))
        before = Manifest(paths=paths, files=dict.fromkeys(paths.values()), release="now", releases=same)
        retained, _ = within_limits(old_releases(before, now=300), paths)
        for _ in listed_files(retained):
            pass
        list(release_entries(retained, paths, before.files))
        manifest_without(before, lambda path: path == "p1.1")

    assert_linear(work, size=200)


def test_a_delta_goes_with_its_file_and_with_its_dictionary() -> None:
    row = "1 " + "A" * 43 + "="
    files = dict.fromkeys(["a.2.css", "a.1.css", "a.0.css"], row)
    deltas = {"a.2.css": ["9 t1 a.1.css", "8 t0 a.0.css"], "a.1.css": ["7 t0 a.0.css"]}
    before = Manifest(paths={"a.css": "a.2.css"}, files=files, deltas=deltas)
    assert deltas_between(before, files) == deltas
    assert manifest_without(before, lambda path: path == "a.1.css").deltas == {"a.2.css": ["8 t0 a.0.css"]}
    assert manifest_without(before, lambda path: path == "a.0.css").deltas == {"a.2.css": ["9 t1 a.1.css"]}
    assert manifest_without(before, lambda path: path != "a.2.css").deltas == {}
    assert manifest_without(before._replace(deltas=None), lambda path: True).deltas is None


def test_old_releases_that_the_manifest_cannot_hold_are_left_out_oldest_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    retained = old_releases(manifest(), now=300)
    assert within_limits(retained, {}) == (retained, ())
    monkeypatch.setattr("hashserve.builder.releases.retention.MOST_RELEASES", 1)
    assert within_limits(retained, {}) == (retained[:1], retained[1:])
    monkeypatch.setattr("hashserve.builder.releases.retention.MOST_OLD_PATHS", 1)
    assert within_limits(retained, {}) == ([], retained)


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
