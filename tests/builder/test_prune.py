"""Pruning removes the files that no release refers to, and nothing else."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from pathlib import Path

import pytest

from hashserve import BuildError, SettingError
from hashserve.builder import BuildSettings, build, prune
from hashserve.builder.output.folder import open_output
from hashserve.check import check
from hashserve.digests import digest_of
from hashserve.manifest.discovery import MANIFEST_NAME
from tests.support.building import contents, manifest_of, snapshot, wrong_files
from tests.support.files import put

TEXT = b"a text that is long enough to be worth compressing\n" * 20
DAY = 86_400


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three releases, a day apart each, of which the first had a file in a folder of its own."""
    source, out = tmp_path / "source", tmp_path / "out"
    put(source, "css/app.css", TEXT)
    put(source, "old/only.txt", TEXT + b"only")
    for number in range(3):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", str(1_800_000_000 + number * DAY))
        put(source, "a.txt", TEXT + b"%d" % number)
        if number == 1:
            (source / "old/only.txt").unlink()
        build(source, out)
    return out


def test_what_a_build_wrote_that_did_not_end_is_removed_and_nothing_else(out: Path) -> None:
    """A build that is killed, or fails in its last step, saves no state."""
    with open_output(str(out)) as output:
        output.put("css/lost.0a1b2c3d4e5f.css", [TEXT], digest_of([TEXT]))
    put(out, "css/mine.0a1b2c3d4e5f.css", TEXT)
    assert [*prune(out, dry_run=True).files] == ["css/lost.0a1b2c3d4e5f.css"]
    assert [*prune(out).files] == ["css/lost.0a1b2c3d4e5f.css"]
    assert not (out / ".hashserve/written").exists()
    assert [*prune(out).files] == []


def test_a_damaged_note_of_a_build_that_did_not_end_harms_nothing(out: Path) -> None:
    put(out, ".hashserve/written", b'"css/a.css"\n7\n"css/')
    before = manifest_of(out)
    assert [*prune(out).files] == []
    assert manifest_of(out) == before
    os.mkfifo(out / ".hashserve/written")
    with open_output(str(out)) as output:
        output.put("css/new.0a1b2c3d4e5f.css", [TEXT], digest_of([TEXT]))
    assert (out / "css/new.0a1b2c3d4e5f.css").read_bytes() == TEXT


def test_nothing_is_removed_that_a_retained_release_needs(out: Path) -> None:
    before = snapshot(out)
    report = prune(out)
    assert (report.releases, report.files, report.freed_bytes) == ([], {}, 0)
    assert snapshot(out) == before


def test_the_manifest_keeps_its_permissions(out: Path) -> None:
    (out / MANIFEST_NAME).chmod(0o644)
    before = os.umask(0o077)
    try:
        assert prune(out, keep=1).releases
    finally:
        os.umask(before)
    assert stat.S_IMODE((out / MANIFEST_NAME).stat().st_mode) == 0o644


def test_old_releases_are_dropped_first_if_asked_for(out: Path) -> None:
    manifest = manifest_of(out)
    sizes = {path: len(content) for path, content in contents(out).items()}
    report = prune(out, keep=1)
    assert report.releases == sorted(release.id for release in manifest.releases)
    gone = sizes.keys() - contents(out).keys()
    assert report.files == {path: sizes[path] for path in gone}
    assert report.freed_bytes == sum(sizes[path] for path in gone)
    assert len([path for path in gone if path.startswith("a.")]) == 2 * 3
    assert "old/only.txt" in gone
    assert not (out / "old").exists()
    assert manifest_of(out).releases == ()
    assert manifest_of(out).paths == manifest.paths
    assert not wrong_files(out)


def test_those_that_were_replaced_lately_can_be_kept(out: Path) -> None:
    report = prune(out, keep_days=1)
    assert len(report.releases) == 1
    assert [release.id for release in manifest_of(out).releases] != report.releases
    assert not wrong_files(out)


def test_a_dry_run_says_the_same_and_removes_nothing(out: Path) -> None:
    before = snapshot(out)
    told = prune(out, keep=1, dry_run=True)
    assert snapshot(out) == before
    done = prune(out, keep=1)
    assert (told.dry_run, done.dry_run) == (True, False)
    assert (told.releases, told.files) == (done.releases, done.files)


def test_a_dry_run_makes_nothing_and_needs_no_lock(out: Path) -> None:
    told = prune(out, keep=1, dry_run=True)
    with open_output(str(out)):
        assert prune(out, keep=1, dry_run=True) == told
    shutil.rmtree(out / ".hashserve")
    before = snapshot(out)
    out.chmod(0o555)
    without_state = prune(out, keep=1, dry_run=True)
    out.chmod(0o755)
    assert not (out / ".hashserve").exists()
    assert snapshot(out) == before
    assert set(without_state.files) < set(told.files), "only files whose path has the right fingerprint"


def test_variants_in_codings_that_are_no_longer_built_are_removed(out: Path, tmp_path: Path) -> None:
    def variants() -> set[str]:
        return {path for path in contents(out) if path.endswith((".br", ".gz"))}

    source = tmp_path / "source"
    put(source, "css/app.css.gz", b"an archive of the source's own")
    every = BuildSettings(keep_days=0)
    build(source, out, every)
    before = variants()
    build(source, out, BuildSettings(codings=("br",), keep_days=0))
    prune(out)
    kept = variants()
    path = manifest_of(out).paths["css/app.css"]
    assert f"{path}.br" in kept
    assert f"{path}.gz" in before - kept
    assert "css/app.css.gz" in kept
    assert "variant-unlisted" not in {finding.rule for finding in check(out).findings}
    build(source, out, every)
    assert f"{path}.gz" in variants()
    assert not wrong_files(out)


def test_a_file_that_no_build_made_stays(out: Path) -> None:
    put(out, "favicon.ico", b"by hand")
    put(out, "upload.0123456789ab.png", b"fingerprinted in looks alone")
    (out / "link.txt").symlink_to("a.txt")
    before = contents(out)
    prune(out, keep=1)
    assert {"favicon.ico", "upload.0123456789ab.png"} <= contents(out).keys()
    assert (out / "link.txt").is_symlink()
    assert before["favicon.ico"] == b"by hand"


def test_a_built_file_is_known_by_its_fingerprint_where_the_state_is_lost(out: Path) -> None:
    (out / ".hashserve/state.json").unlink()
    put(out, "favicon.ico", b"by hand")
    put(out, f"long.{'0123456789abcdef' * 4}.png", b"of a longer digest")
    report = prune(out, keep=1)
    assert len([path for path in report.files if path.startswith("a.")]) == 2 * 3
    assert "favicon.ico" not in report.files
    assert not any(path.startswith("long") for path in report.files)
    assert "old/only.txt" not in report.files  # nothing tells whose that is


def test_an_output_of_earlier_builds_loses_their_files_and_no_others(out: Path) -> None:
    own = f"upload.{hashlib.md5(b'by hand').hexdigest()[:12]}.png"
    put(out, own, b"by hand")
    state = json.loads((out / ".hashserve/state.json").read_text("utf-8"))
    earlier = {"made": state["built"], "proven": state["verified"]}
    (out / ".hashserve/memory.json").write_text(json.dumps(earlier), "utf-8")
    expected = prune(out, keep=1, dry_run=True)
    (out / ".hashserve/state.json").unlink()
    assert prune(out, keep=1).files == expected.files
    assert (out / own).is_file()


def test_a_build_after_pruning_writes_nothing_and_verifies_nothing_again(out: Path, tmp_path: Path) -> None:
    prune(out, keep=1)
    before = snapshot(out)
    build(tmp_path / "source", out, BuildSettings())
    assert snapshot(out) == before


def test_a_file_that_cannot_be_removed_is_named(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unlink(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "unlink", unlink)
    with pytest.raises(BuildError, match="cannot be removed: Permission denied; check its permissions"):
        prune(out, keep=1)


def test_a_file_that_is_gone_already_is_no_error(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unlink = os.unlink

    def unlink_twice(path: str) -> None:
        unlink(path)
        unlink(path)

    monkeypatch.setattr(os, "unlink", unlink_twice)
    prune(out, keep=1)
    assert not wrong_files(out)


def test_without_a_usable_manifest_nothing_is_removed(out: Path, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="is not a folder"):
        prune(tmp_path / "nowhere")
    (out / "staticfiles.json").write_text("{")
    before = snapshot(out)
    with pytest.raises(BuildError, match=r"is broken: line 1, column 2: is not valid JSON"):
        prune(out)
    (out / "staticfiles.json").unlink()
    with pytest.raises(BuildError, match="cannot be read"):
        prune(out)
    assert snapshot(out).keys() == before.keys() - {"staticfiles.json"}


@pytest.mark.parametrize("given", [{"keep": 0}, {"keep_days": -1.0}])
def test_numbers_out_of_range_are_rejected(out: Path, given: dict[str, int]) -> None:
    with pytest.raises(SettingError, match="keep"):
        prune(out, **given)  # type: ignore[arg-type]
