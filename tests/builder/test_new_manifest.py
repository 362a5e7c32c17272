"""The new release in the manifest, and the retained ones."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from hashserve import BuildError
from hashserve.builder import BuildSettings, build
from hashserve.manifest import limits
from hashserve.manifest.model import Manifest, Release
from tests.support.building import CSS, manifest_of, put_site, wrong_files
from tests.support.files import put


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return put_site(tmp_path / "source")


def test_the_replaced_release_is_retained_with_its_files(source: Path, out: Path) -> None:
    build(source, out)
    old = manifest_of(out)
    put(source, "css/app.css", b"body { color: red }\n")
    report = build(source, out)
    new = manifest_of(out)
    assert report.retained_releases == 1
    assert [release.id for release in new.releases] == [old.release]
    assert new.paths_of(new.releases[0]) == old.paths
    assert old.paths["css/app.css"] in new.files


def test_no_more_releases_are_kept_than_asked_for(source: Path, out: Path) -> None:
    settings = BuildSettings(keep=2, keep_days=0)
    for number in range(4):
        put(source, "robots.txt", b"%d" % number)
        build(source, out, settings)
    assert len(manifest_of(out).releases) == 1


def test_the_same_release_keeps_its_date_and_one_that_comes_back_gets_a_new_one(
    source: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dates = []
    for number, content in enumerate((b"1", b"1", b"2", b"1")):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", str(1_800_000_000 + number))
        put(source, "robots.txt", content)
        build(source, out)
        dates.append(manifest_of(out).created - 1_800_000_000)
    assert dates == [0, 0, 2, 3]
    assert len(manifest_of(out).releases) == 1


def test_a_changed_prefix_is_in_the_manifest_though_no_path_changed(source: Path, out: Path) -> None:
    build(source, out)
    build(source, out, BuildSettings(prefix="/assets/"))
    assert manifest_of(out).prefix == "/assets/"
    assert manifest_of(out).releases == ()


def test_codings_can_be_changed_between_builds(source: Path, out: Path) -> None:
    build(source, out, BuildSettings(codings=("gzip",)))
    old = manifest_of(out).paths["css/app.css"]
    put(source, "css/app.css", CSS + b"changed")
    build(source, out, BuildSettings(codings=("zstd", "br")))
    record = manifest_of(out).record(old)
    assert record is not None
    assert record.variants == {}
    assert not wrong_files(out)


def test_a_manifest_that_no_server_could_load_is_an_error_and_never_in_force(
    source: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(source, out)
    old = manifest_of(out)
    put(source, "css/app.css", CSS + b"changed")
    with monkeypatch.context() as patch:
        patch.setattr(limits, "MOST_ENTRIES", (out / "staticfiles.json").read_bytes().count(b",") + 2)
        with pytest.raises(BuildError, match="cannot be replaced: the new one has over"):
            build(source, out)
    assert manifest_of(out) == old
    assert not wrong_files(out)


def test_a_build_after_many_releases_takes_memory_in_proportion_to_their_manifest(
    tmp_path: Path, out: Path
) -> None:
    row = f"1234 {'A' * 43}="
    paths = {f"{number}.css": f"{number}.0123456789ab.css" for number in range(1_000)}
    previous = Manifest(
        paths=paths,
        files=dict.fromkeys(paths.values(), row),
        release="now",
        created=1,
        releases=[Release(id=str(number), created=1, changed={}) for number in range(1_000)],
    )
    (tmp_path / "previous").mkdir()
    previous.write(tmp_path / "previous/staticfiles.json")
    size = (tmp_path / "previous/staticfiles.json").stat().st_size
    (tmp_path / "source").mkdir()
    (tmp_path / "source/a.css").write_bytes(b"a {}")
    tracemalloc.start()
    try:
        build(tmp_path / "source", out, previous=str(tmp_path / "previous"), keep=5_000)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000 + 15 * size
    finally:
        tracemalloc.stop()
