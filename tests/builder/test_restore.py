"""Files of retained releases: kept in the output, or copied from the previous release."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from hashserve import BuildError
from hashserve.builder import BuildSettings, build, prune
from hashserve.digests import digest_of
from tests.support.building import manifest_of, wrong_files
from tests.support.files import put
from tests.support.previous_releases import (
    TEXT,
    assert_restored,
    change,
    lost,
    put_source,
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return put_source(tmp_path / "source")


def test_files_are_copied_from_a_folder_to_an_empty_disk(source: Path, first: Path, out: Path) -> None:
    change(source)
    report = build(source, out, BuildSettings(previous=str(first)))
    assert report.warnings == []
    assert report.compressed == 2  # the changed file, in two codings
    assert (report.retained_releases, report.retained_files) == (1, 1)
    assert_restored(first, out)


def test_a_variant_that_was_not_worth_keeping_in_the_last_release_is_not_tried_again(
    source: Path, out: Path, tmp_path: Path
) -> None:
    put(source, "noise.txt", os.urandom(2000))
    build(source, tmp_path / "first")
    report = build(source, out, BuildSettings(previous=str(tmp_path / "first")))
    assert report.compressed == 0


def test_over_five_releases_the_last_ones_are_kept_and_unchanged_files_stored_once(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    day, previous, releases = 86_400, None, []
    for number in range(5):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", str(1_800_000_000 + number * day))
        put(source, "a.txt", TEXT + b"%d" % number)
        out = tmp_path / f"out-{number}"
        build(source, out, BuildSettings(keep=3, keep_days=1, previous=previous))
        previous = str(out)
        releases.append(manifest_of(out).release)
    manifest = manifest_of(out)
    assert [release.id for release in manifest.releases] == [releases[3], releases[2]]
    assert [release.created for release in manifest.releases] == [
        1_800_000_000 + 3 * day,
        1_800_000_000 + 2 * day,
    ]
    assert len([path for path in manifest.files if path.startswith("css/")]) == 1
    assert len([path for path in manifest.files if path.startswith("a.")]) == 3
    assert not wrong_files(out)


def test_a_rollback_brings_the_old_content_back_under_its_old_names_and_compresses_nothing(
    source: Path, tmp_path: Path
) -> None:
    outs = [tmp_path / name for name in ("one", "two", "three")]
    for out, content, previous in zip(outs, (TEXT, TEXT + b"2", TEXT), (None, outs[0], outs[1]), strict=True):
        put(source, "a.txt", content)
        settings = BuildSettings(previous=None if previous is None else str(previous))
        report = build(source, out, settings)
    one, two, three = map(manifest_of, outs)
    assert report.compressed == 0
    assert three.release == one.release
    assert three.paths == one.paths
    assert [release.id for release in three.releases] == [two.release]
    assert (outs[2] / "a.txt").read_bytes() == TEXT
    assert not wrong_files(outs[2])


def test_releases_of_a_site_and_of_an_older_output_are_in_the_order_of_their_dates(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, live = tmp_path / "out", tmp_path / "live"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")
    build(source, out)
    behind = manifest_of(out).release
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800001000")
    put(source, "a.txt", TEXT + b"live")
    build(source, live)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800002000")
    put(source, "a.txt", TEXT + b"new")
    build(source, out, BuildSettings(previous=str(live)))
    assert [release.id for release in manifest_of(out).releases] == [manifest_of(live).release, behind]


def test_a_release_of_djangos_storage_is_retained_from_the_same_folder(source: Path, out: Path) -> None:
    put(out, "a.0123456789ab.txt", b"as Django had it")
    put(out, "staticfiles.json", b'{"paths": {"a.txt": "a.0123456789ab.txt"}, "version": "1.1", "hash": "d"}')
    report = build(source, out)
    assert report.warnings == []
    record = manifest_of(out).record("a.0123456789ab.txt")
    assert record is not None
    assert record.sha256 == digest_of([b"as Django had it"])
    assert not wrong_files(out)


def test_a_file_of_djangos_manifest_that_cannot_be_verified_is_left_out(
    source: Path, out: Path, tmp_path: Path
) -> None:
    django = tmp_path / "django"
    put(django, "a.0123456789ab.txt", b"as Django had it")
    put(
        django,
        "staticfiles.json",
        b'{"paths": {"a.txt": "a.0123456789ab.txt"}, "version": "1.1", "hash": "d"}',
    )
    assert lost(build(source, out, BuildSettings(previous=str(django)))) == ["a.0123456789ab.txt"]


def test_a_file_that_is_gone_from_the_folder_is_reported(source: Path, first: Path, out: Path) -> None:
    path = manifest_of(first).paths["a.txt"]
    (first / path).unlink()
    change(source)
    assert lost(build(source, out, BuildSettings(previous=str(first)))) == [path]


def test_a_missing_file_is_lost_without_a_previous_release(source: Path, out: Path) -> None:
    build(source, out)
    old = manifest_of(out).paths["a.txt"]
    (out / old).unlink()
    change(source)
    assert lost(build(source, out)) == [old]
    assert old not in manifest_of(out).files


def test_a_build_fails_where_a_file_cannot_be_restored_to_the_output(
    source: Path, first: Path, out: Path
) -> None:
    change(source)
    build(source, out)
    shutil.rmtree(out / "css")
    (out / "css").symlink_to("/dev/null")
    with pytest.raises(BuildError, match="css: is in the way of 'css' in the new release"):
        build(source, out, BuildSettings(previous=str(first)))


def test_a_file_that_djangos_storage_made_is_pruned_with_its_release(source: Path, out: Path) -> None:
    put(out, "a.0123456789ab.txt", b"as Django had it")
    put(out, "staticfiles.json", b'{"paths": {"a.txt": "a.0123456789ab.txt"}, "version": "1.1", "hash": "d"}')
    build(source, out)
    assert (out / "a.0123456789ab.txt").exists()
    assert "a.0123456789ab.txt" in prune(out, keep=1).files
    assert not (out / "a.0123456789ab.txt").exists()


def test_a_lost_file_is_reported_with_its_release_and_the_reason(source: Path, out: Path) -> None:
    release = build(source, out).release
    path = manifest_of(out).paths["a.txt"]
    (out / path).unlink()
    change(source)
    [finding] = build(source, out).findings
    assert str(finding) == (
        f"{path}: dropped from release {release}: "
        "it is missing or damaged in the output; to keep it, build with --previous, "
        "which names a folder or URL that still has it"
    )
