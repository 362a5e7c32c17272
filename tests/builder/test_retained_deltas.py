"""The deltas of files of old releases: kept in the output, or copied from the previous release."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hashserve import Manifest
from hashserve.builder import BuildReport, BuildSettings, build, prune
from hashserve.builder.compression.compressors import compress_delta
from hashserve.builder.releases.clear import clear, clearable
from hashserve.http.dictionaries import HEADER_BYTES
from hashserve.manifest.model import DeltaRecord
from tests.support.building import RULES, command, contents, manifest_of, snapshot, wrong_files
from tests.support.files import put
from tests.support.previous_releases import FAULTS, Fault, FaultySite, faulty_site, not_found, running_site


def put_release(source: Path, number: int) -> None:
    """Write a style sheet that changes a little in each release, and one that stays the same."""
    put(source, "css/app.css", b"/* release %d */\n" % number + RULES)
    put(source, "css/base.css", RULES[:4000])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "source"


def build_releases(source: Path, out: Path, numbers: range, **settings: Any) -> Manifest:
    for number in numbers:
        put_release(source, number)
        build(source, out, BuildSettings(**settings))
    return manifest_of(out)


def deltas_of(manifest: Manifest) -> dict[str, set[str]]:
    """Return by path the dictionaries of its deltas."""
    return {path: {delta.dictionary for delta in manifest.deltas_of(path)} for path in manifest.deltas or ()}


def records_of(manifest: Manifest) -> list[DeltaRecord]:
    return [delta for path in manifest.deltas or () for delta in manifest.deltas_of(path)]


def test_an_old_file_keeps_its_deltas_as_long_as_their_dictionaries_are_retained(
    source: Path, out: Path
) -> None:
    paths = []
    for number in range(4):
        manifest = build_releases(source, out, range(number, number + 1), keep=3, keep_days=0)
        paths.append(manifest.paths["css/app.css"])
    assert deltas_of(manifest) == {paths[3]: {paths[2], paths[1]}, paths[2]: {paths[1]}}
    assert not wrong_files(out)


def test_a_build_without_changes_writes_no_delta_again(source: Path, out: Path) -> None:
    build_releases(source, out, range(3))
    before = snapshot(out)
    report = build(source, out)
    assert (report.written, snapshot(out)) == (0, before)


@pytest.mark.parametrize("damage", ["removed", "damaged", "other", "long"])
def test_a_delta_of_an_old_file_that_is_not_right_any_more_is_dropped_quietly(
    source: Path, out: Path, damage: str
) -> None:
    manifest = build_releases(source, out, range(2))
    [delta] = records_of(manifest)
    location = out / delta.path
    content = location.read_bytes()
    if damage == "removed":
        location.unlink()
    else:
        wrong = {
            "damaged": content[:-1] + bytes([content[-1] ^ 1]),
            "other": content[: HEADER_BYTES - 32] + bytes(32) + content[HEADER_BYTES:],
            "long": content + b"x",
        }
        location.write_bytes(wrong[damage])
    put_release(source, 2)
    assert build(source, out).warnings == []
    assert delta not in records_of(manifest_of(out))
    assert delta.of in manifest_of(out).files
    assert not wrong_files(out)


def test_a_build_without_deltas_lists_none_and_prune_removes_them(source: Path, out: Path) -> None:
    [delta] = records_of(build_releases(source, out, range(2)))
    manifest = build_releases(source, out, range(2, 3), deltas=0)
    assert manifest.deltas is None
    assert delta.path in prune(out).files
    assert not (out / delta.path).exists()
    assert not wrong_files(out)


def test_a_smaller_number_of_deltas_holds_for_old_files_too(source: Path, out: Path) -> None:
    build_releases(source, out, range(3))
    manifest = build_releases(source, out, range(3, 4), deltas=1)
    assert {len(rows) for rows in (manifest.deltas or {}).values()} == {1}
    newest = {path: manifest.deltas_of(path)[0].dictionary for path in manifest.deltas or ()}
    assert manifest.paths["css/app.css"] in newest
    assert not wrong_files(out)


def assert_same_deltas(first: Path, out: Path) -> None:
    """Assert that each delta of the first output is in the other, with the same bytes."""
    expected = records_of(manifest_of(first))
    assert expected
    assert {*expected} <= {*records_of(manifest_of(out))}
    for delta in expected:
        assert (out / delta.path).read_bytes() == (first / delta.path).read_bytes()
    assert not wrong_files(out)


def test_deltas_of_old_files_are_copied_from_a_folder_to_an_empty_disk(
    source: Path, out: Path, tmp_path: Path
) -> None:
    first = tmp_path / "first"
    build_releases(source, first, range(3))
    put_release(source, 3)
    report = build(source, out, BuildSettings(previous=str(first)))
    assert report.warnings == []
    assert report.deltas_made == 2  # those of the file that changed
    assert_same_deltas(first, out)


def test_deltas_of_files_that_did_not_change_are_copied_too(source: Path, out: Path, tmp_path: Path) -> None:
    first = tmp_path / "first"
    build_releases(source, first, range(3))
    report = build(source, out, BuildSettings(previous=str(first)))
    assert report.deltas_made == 0
    assert_same_deltas(first, out)


NOWHERE = "robots.txt"
"""A path at which no fault matters."""


def test_deltas_are_copied_from_a_site_that_serves_them(source: Path, out: Path, tmp_path: Path) -> None:
    first = tmp_path / "first"
    build_releases(source, first, range(3))
    put_release(source, 3)
    with faulty_site(first, NOWHERE, not_found) as url:
        report = build(source, out, BuildSettings(previous=url))
    assert report.warnings == []
    assert report.deltas_made == 2
    assert_same_deltas(first, out)


def test_a_server_of_ours_gives_its_deltas_to_a_build(source: Path, out: Path, tmp_path: Path) -> None:
    """Those of files that did not change as well: nothing is made but what is new."""
    first = tmp_path / "first"
    build_releases(source, first, range(3))
    put(source, "css/other.css", b"/* new */\n" + RULES)
    with running_site(first) as url:
        report = build(source, out, BuildSettings(previous=url))
    assert report.warnings == []
    assert report.deltas_made == 0
    assert_same_deltas(first, out)


def no_delta(site: FaultySite, path: str) -> None:
    """Send the delta correctly, and say that it is the file."""
    site.respond(200, site.coded(path)[1])


@pytest.mark.parametrize("fault", [*FAULTS, no_delta], ids=lambda fault: fault.__name__)
def test_a_delta_that_a_site_does_not_send_as_listed_is_made_anew_or_dropped(
    source: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    monkeypatch.setattr("hashserve.builder.releases.request_limits.TIMEOUT_SECONDS", 0.3)
    first = tmp_path / "first"
    manifest = build_releases(source, first, range(3))
    current, old = manifest.paths["css/app.css"], manifest.releases[0].changed["css/app.css"]
    assert old is not None
    for path in (current, old):

        def only_deltas(site: FaultySite, path: str) -> None:
            if site.headers["Accept-Encoding"] == "dcz":
                fault(site, path)
            else:
                site.respond_correctly(path)

        with faulty_site(first, path, only_deltas) as url:
            report = build(source, out / path, BuildSettings(previous=url))
        assert report.warnings == []
        assert report.deltas_made == (2 if path == current else 0)
        assert not wrong_files(out / path)
        expected = deltas_of(manifest)
        if path == old:
            del expected[old]
        assert deltas_of(manifest_of(out / path)) == expected


def test_a_site_that_sends_no_deltas_is_soon_asked_for_no_more(
    source: Path, out: Path, tmp_path: Path
) -> None:
    first, asked = tmp_path / "first", list[str]()

    def put_all(number: int) -> None:
        for name in range(20):
            put(source, f"css/{name}.css", b"/* %d of %d */\n" % (name, number) + RULES)

    for number in range(2):
        put_all(number)
        build(source, first)

    class Site(FaultySite):
        def delta(self, path: str) -> tuple[str, bytes]:
            asked.append(path)
            return "identity", (self.root / path).read_bytes()

    with faulty_site(first, NOWHERE, not_found, Site) as url:
        report = build(source, out, BuildSettings(previous=url))
    assert report.warnings == []
    assert report.deltas_made == 20
    assert 8 <= len(asked) < 20
    assert not wrong_files(out)


def test_of_builds_at_once_the_last_one_lists_deltas_against_the_others(tmp_path: Path, out: Path) -> None:
    """They share a cache, and prune runs between them."""
    put_release(tmp_path / "0", 0)
    build(tmp_path / "0", out)
    commands = [command("prune", out)]
    for number in range(1, 5):
        put_release(tmp_path / str(number), number)
        settings = ("--wait", "60", "--cache", tmp_path / "cache", "--quiet")
        commands.append(command("build", tmp_path / str(number), "--out", out, *settings))
    running = [subprocess.Popen(each, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for each in commands]
    ended = [(process.communicate(timeout=100), process.returncode) for process in running]
    assert [status for _, status in ended[1:]] == [0] * 4, ended
    manifest = manifest_of(out)
    assert len(manifest.releases) == 4
    assert len(manifest.deltas_of(manifest.paths["css/app.css"])) == 2
    assert sorted(len(rows) for rows in (manifest.deltas or {}).values()) == [1, 2, 2, 2]
    assert not wrong_files(out)


# A previous release that is not trusted


def edit_deltas(first: Path, change: Callable[[str, list[str]], list[str]]) -> None:
    """Change the rows of each file that has deltas in the manifest of an output."""
    document = json.loads((first / "staticfiles.json").read_text("utf-8"))
    deltas = document["hashserve"]["deltas"]
    document["hashserve"]["deltas"] = {path: change(path, rows) for path, rows in deltas.items()}
    put(first, "staticfiles.json", json.dumps(document).encode())


def build_on(first: Path, source: Path, out: Path) -> tuple[Manifest, BuildReport]:
    put_release(source, 3)
    report = build(source, out, BuildSettings(previous=str(first)))
    assert report.warnings == []
    assert not wrong_files(out)
    return manifest_of(out), report


def test_a_delta_that_is_listed_larger_than_its_file_is_not_requested(
    source: Path, out: Path, tmp_path: Path
) -> None:
    first, asked = tmp_path / "first", list[str]()
    build_releases(source, first, range(3))
    edit_deltas(first, lambda path, rows: [f"{10**17} {row.split(' ', 1)[1]}" for row in rows])

    class Site(FaultySite):
        def delta(self, path: str) -> tuple[str, bytes]:
            asked.append(path)
            return super().delta(path)

    with faulty_site(first, NOWHERE, not_found, Site) as url:
        report = build(source, out, BuildSettings(previous=url))
    assert (report.warnings, report.deltas_made, asked) == ([], 2, [])
    assert not wrong_files(out)


def test_the_tokens_of_another_output_are_not_used(source: Path, out: Path, tmp_path: Path) -> None:
    first = tmp_path / "first"
    build_releases(source, first, range(3))

    def with_other_tokens(path: str, rows: list[str]) -> list[str]:
        """Rename the deltas too, so that they are where the manifest says."""
        changed = []
        for number, row in enumerate(rows):
            size, token, dictionary = row.split(" ")
            (first / f"{path}.{token}.dcz").rename(first / f"{path}.{number}-X.dcz")
            changed.append(f"{size} {number}-X {dictionary}")
        return changed

    edit_deltas(first, with_other_tokens)
    manifest, report = build_on(first, source, out)
    assert report.deltas_made == 2
    assert len(records_of(manifest)) == 2 + 2 + 1
    assert all(delta.token in delta.dictionary for delta in records_of(manifest))


def test_two_dictionaries_with_one_fingerprint_in_their_names_give_one_delta(
    source: Path, out: Path, tmp_path: Path
) -> None:
    """Otherwise the deltas would have one name, and no manifest can list that."""
    first = tmp_path / "first"
    before = build_releases(source, first, range(2))
    [delta] = records_of(before)
    twin = f"twin/{delta.dictionary.rpartition('/')[2]}"
    document = json.loads((first / "staticfiles.json").read_text("utf-8"))
    files, releases = document["hashserve"]["files"], document["hashserve"]["releases"]
    files[twin] = files[delta.dictionary]
    releases[0]["paths"]["twin/app.css"] = twin
    put(first, "staticfiles.json", json.dumps(document).encode())
    put(first, twin, (first / delta.dictionary).read_bytes())
    edit_deltas(first, lambda path, rows: [*rows, f"{delta.size} other {twin}"])
    manifest, _ = build_on(first, source, out)
    assert twin in manifest.files
    assert len(manifest.deltas_of(delta.of)) == 1
    assert build(source, out).warnings == []  # its manifest can be read


def test_a_delta_against_a_file_that_was_not_restored_is_left_out(
    source: Path, out: Path, tmp_path: Path
) -> None:
    first = tmp_path / "first"
    manifest = build_releases(source, first, range(3))
    oldest = manifest.releases[1].changed["css/app.css"]
    assert oldest is not None
    (first / oldest).unlink()
    put_release(source, 3)
    report = build(source, out, BuildSettings(previous=str(first)))
    assert [finding.path for finding in report.warnings] == [oldest]
    assert oldest not in {delta.dictionary for delta in records_of(manifest_of(out))}
    assert not wrong_files(out)


def test_a_delta_that_decodes_to_very_many_bytes_is_left_out(source: Path, out: Path, tmp_path: Path) -> None:
    first = tmp_path / "first"
    manifest = build_releases(source, first, range(2))
    [delta] = records_of(manifest)
    bomb = compress_delta(bytes(200_000_000), (first / delta.dictionary).read_bytes())
    assert len(bomb) < 9000
    put(first, delta.path, bomb)
    edit_deltas(first, lambda path, rows: [f"{len(bomb)} {row.split(' ', 1)[1]}" for row in rows])
    manifest, _ = build_on(first, source, out)
    assert delta.of not in (manifest.deltas or {})


def test_no_more_deltas_than_the_build_wants_are_taken_of_an_old_file(
    source: Path, out: Path, tmp_path: Path
) -> None:
    first = tmp_path / "first"
    build_releases(source, first, range(8), keep=9, deltas=7)
    settings = BuildSettings(previous=str(first), keep=9)
    put_release(source, 8)
    build(source, out, settings)
    assert {len(rows) for rows in (manifest_of(out).deltas or {}).values()} == {1, 2}
    assert not wrong_files(out)


def test_a_build_on_the_output_of_an_earlier_version_makes_deltas(source: Path, out: Path) -> None:
    """It lists none, and the files of none are there."""
    build_releases(source, out, range(1))
    document = json.loads((out / "staticfiles.json").read_text("utf-8"))
    del document["hashserve"]["deltas"]
    put(out, "staticfiles.json", json.dumps(document).encode())
    assert manifest_of(out).deltas is None
    manifest = build_releases(source, out, range(1, 2))
    assert len(records_of(manifest)) == 1
    assert not wrong_files(out)


# Pruning and clearing


def test_pruning_removes_deltas_with_their_file_or_their_dictionary_and_says_so_first(
    source: Path, out: Path
) -> None:
    before = records_of(build_releases(source, out, range(3)))
    told = prune(out, keep=2, dry_run=True)
    assert all((out / delta.path).exists() for delta in before)
    assert prune(out, keep=2).files == told.files
    left = records_of(manifest_of(out))
    assert [delta.token for delta in left] == [delta.token for delta in before if delta in left]
    assert len(left) == 1
    for delta in before:
        assert (out / delta.path).exists() == (delta in left)
        assert (delta.path in told.files) == (delta not in left)
    assert not wrong_files(out)


def test_after_pruning_a_build_lists_the_deltas_that_are_left_and_writes_nothing(
    source: Path, out: Path
) -> None:
    build_releases(source, out, range(4), keep=4)
    prune(out, keep=3)
    before, manifest = snapshot(out), manifest_of(out)
    assert build(source, out, BuildSettings(keep=3, keep_days=0)).written == 0
    assert (snapshot(out), manifest_of(out)) == (before, manifest)


def test_pruning_knows_deltas_by_their_names_where_the_state_is_lost(source: Path, out: Path) -> None:
    before = records_of(build_releases(source, out, range(3)))
    (out / ".hashserve/state.json").unlink()
    put(out, "css/app.css.mine.dcz", b"by hand")
    removed = prune(out, keep=2).files
    assert sorted(path for path in removed if path.endswith(".dcz")) == sorted(
        delta.path for delta in before if delta not in records_of(manifest_of(out))
    )
    assert (out / "css/app.css.mine.dcz").exists()
    assert not wrong_files(out)


def test_a_delta_that_no_manifest_lists_is_pruned(source: Path, out: Path) -> None:
    [delta] = records_of(build_releases(source, out, range(2)))
    document = json.loads((out / "staticfiles.json").read_text("utf-8"))
    document["hashserve"]["deltas"] = {}
    put(out, "staticfiles.json", json.dumps(document).encode())
    assert [*prune(out).files] == [delta.path]


def test_clearing_keeps_listed_deltas_and_removes_others(source: Path, out: Path) -> None:
    deltas = [delta.path for delta in records_of(build_releases(source, out, range(3)))]
    other = f"{deltas[0]}.0123456789ab.dcz"
    put(out, other, b"of nothing")
    candidates = [*contents(out)]
    assert clearable(str(out), candidates) == [other]
    assert clear(str(out), candidates) == [other]
    assert not wrong_files(out)


# Names that a delta would take


def test_a_source_file_with_the_name_of_a_delta_stays_what_it_is(source: Path, out: Path) -> None:
    put(source, "css/app.css.x.dcz", b"a file of the source's own\n" * 100)
    manifest = build_releases(source, out, range(2))
    [delta] = records_of(manifest)
    path = manifest.paths["css/app.css.x.dcz"]
    assert path != "css/app.css.x.dcz"
    for name in ("css/app.css.x.dcz", path):
        assert (out / name).read_bytes() == (source / "css/app.css.x.dcz").read_bytes()
    # A file that has the very name of a listed delta: it has this name, and the delta is not listed.
    put(source, delta.path, b"another file of the source's own\n" * 100)
    manifest = build_releases(source, out, range(2, 3))
    assert delta.path in manifest.paths
    assert (out / delta.path).read_bytes() == (source / delta.path).read_bytes()
    assert delta.path not in {delta.path for delta in records_of(manifest)}
    assert delta.of in manifest.files
    assert not wrong_files(out)
    assert build(source, out).written == 0


def test_a_name_that_a_retained_release_has_is_not_taken_by_a_delta(
    source: Path, out: Path, tmp_path: Path
) -> None:
    [delta] = records_of(build_releases(source, tmp_path / "other", range(2)))
    put(source, delta.path, b"a file of the first release")
    build_releases(source, out, range(1), keep=2, keep_days=0)
    (source / delta.path).unlink()
    manifest = build_releases(source, out, range(1, 2), keep=2, keep_days=0)
    assert (out / delta.path).read_bytes() == b"a file of the first release"
    assert manifest.deltas == {}
    assert build(source, out, BuildSettings(keep=2, keep_days=0)).written == 0
    assert not wrong_files(out)


def test_a_folder_with_the_name_of_a_delta_stays_what_it_is(source: Path, out: Path) -> None:
    [delta] = records_of(build_releases(source, out, range(2)))
    put(source, f"{delta.path}/file.txt", b"in a folder of the source's own")
    manifest = build_releases(source, out, range(2, 3))
    assert (out / delta.path / "file.txt").exists()
    assert delta.path not in {delta.path for delta in records_of(manifest)}
    assert not wrong_files(out)
    assert build(source, out).written == 0


def test_a_name_that_is_too_long_for_a_delta_has_none(source: Path, out: Path) -> None:
    for number in range(2):
        put(source, f"{'n' * 225}.css", b"/* release %d */\n" % number + RULES)
        assert build(source, out).warnings == []
    assert manifest_of(out).deltas == {}
    assert not wrong_files(out)
