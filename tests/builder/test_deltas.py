"""Deltas of the new release: which are made, against what, and which are made only once."""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import enumerate as enumerate_threads
from typing import Any

import pytest

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from hashserve.builder import BuildReport, BuildSettings, build
from hashserve.builder.compression.deltas import DeltaBuild
from hashserve.builder.compression.versions import Versions
from hashserve.builder.output.folder import OutputFolder, open_output
from hashserve.builder.releases.earlier_deltas import EarlierDeltas
from hashserve.builder.releases.known_releases import KnownReleases
from hashserve.builder.releases.previous import PreviousFolder
from hashserve.cli.summary import summary
from hashserve.dictionary_files import LARGEST_BYTES
from hashserve.digests import digest_of
from hashserve.http.dictionaries import decode_delta
from hashserve.manifest.model import AssetRecord, Manifest, Release
from tests.support.building import manifest_of, snapshot, wrong_files
from tests.support.files import put

SCRIPT = b"".join(b"export const value%d = compute(%d)\n" % (n, n * 7919 % 10007) for n in range(300))
NOISE = [random.Random(seed).randbytes(4000).hex().encode() for seed in range(4)]

A, B, C, D = ("0a1b2c3d4e5f", "1b2c3d4e5f6a", "2c3d4e5f6a7b", "3d4e5f6a7b8c")


def put_release(source: Path, number: int) -> None:
    """Write a script that changes a little in each release, and one that stays the same."""
    put(source, "js/app.js", SCRIPT + b"export const release = %d\n" % number)
    put(source, "js/lib.js", SCRIPT)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    put_release(tmp_path / "source", 0)
    return tmp_path / "source"


def build_release(source: Path, out: Path, number: int, **settings: Any) -> BuildReport:
    put_release(source, number)
    return build(source, out, BuildSettings(**settings))


def dictionaries(out: Path, logical_path: str = "js/app.js") -> list[str]:
    """Return the dictionaries of a file's deltas, in order."""
    manifest = manifest_of(out)
    return [delta.dictionary for delta in manifest.deltas_of(manifest.paths[logical_path])]


# Releases


def test_each_release_has_deltas_against_the_two_before(source: Path, out: Path) -> None:
    paths = []
    for number in range(4):
        report = build_release(source, out, number, keep=4)
        assert report.deltas_made == min(number, 2)
        paths.append(manifest_of(out).paths["js/app.js"])
        assert dictionaries(out) == paths[-2:-4:-1]
        assert dictionaries(out, "js/lib.js") == []
    assert not wrong_files(out)


def test_a_file_that_did_not_change_has_a_delta_for_visitors_of_an_older_release(
    source: Path, out: Path
) -> None:
    build(source, out)
    first = manifest_of(out).paths["js/app.js"]
    build_release(source, out, 1)
    put(source, "new.txt", b"a release in which the script is the same")
    report = build(source, out)
    assert (dictionaries(out), report.deltas_made) == ([first], 0)


def test_a_file_that_is_as_it_was_before_has_a_delta_against_what_it_was_meanwhile(
    source: Path, out: Path
) -> None:
    build(source, out)
    build_release(source, out, 1)
    meanwhile = manifest_of(out).paths["js/app.js"]
    build_release(source, out, 0)
    put(source, "new.txt", b"the first release is not this one")
    build(source, out)
    assert dictionaries(out) == [meanwhile]
    assert not wrong_files(out)


def test_names_of_a_bundler_are_paired_by_its_manifest_and_chunks_by_their_names(
    source: Path, out: Path
) -> None:
    shutil.rmtree(source)
    for app, shared in (("B7x0Qk2m", "Cg1Hq8Zs"), ("DiwrgTda", "DR-PG0Cu")):
        shutil.rmtree(source, ignore_errors=True)
        entry = {"file": f"assets/app-{app}.js", "isEntry": True, "imports": [f"_shared-{shared}.js"]}
        chunk = {"file": f"assets/shared-{shared}.js", "name": "shared"}
        listed = {"src/main.ts": entry, f"_shared-{shared}.js": chunk}
        put(source, ".vite/manifest.json", json.dumps(listed).encode())
        put(source, f"assets/app-{app}.js", b'import "./shared-%b.js"\n' % shared.encode() + SCRIPT)
        put(source, f"assets/shared-{shared}.js", SCRIPT + shared.encode())
        build(source, out)
    assert dictionaries(out, "src/main.ts") == ["assets/app-B7x0Qk2m.js"]
    assert dictionaries(out, "assets/shared-DR-PG0Cu.js") == ["assets/shared-Cg1Hq8Zs.js"]
    assert (out / "assets/app-DiwrgTda.js.B7x0Qk2m.dcz").is_file()
    assert not wrong_files(out)


def test_without_deltas_the_manifest_says_so_and_the_next_build_makes_them(source: Path, out: Path) -> None:
    build(source, out)
    assert build_release(source, out, 1, deltas=0).deltas_made == 0
    assert manifest_of(out).deltas is None
    assert not list(out.rglob("*.dcz"))
    build(source, out)
    assert len(dictionaries(out)) == 1


# Nothing twice


def test_an_unchanged_rebuild_makes_no_delta_and_touches_nothing(source: Path, out: Path) -> None:
    for number in range(3):
        build_release(source, out, number)
    before = snapshot(out)
    report = build(source, out)
    assert (report.deltas_made, report.written) == (0, 0)
    assert snapshot(out) == before
    assert len(dictionaries(out)) == 2


def test_a_lost_build_state_costs_only_time(source: Path, out: Path) -> None:
    for number in range(3):
        build_release(source, out, number)
    before = dictionaries(out)
    (out / ".hashserve/state.json").unlink()
    report = build(source, out)
    assert (report.deltas_made, report.written, dictionaries(out)) == (0, 0, before)


def test_a_pair_of_contents_is_compressed_once_for_all_files_that_have_it(source: Path, out: Path) -> None:
    for number in range(2):
        put_release(source, number)
        shutil.copy(source / "js/app.js", source / "copy.js")
        report = build(source, out)
    assert report.deltas_made == 1
    assert dictionaries(out)
    assert dictionaries(out, "copy.js")
    put_release(source, 1)
    put(source, "more.js", SCRIPT + b"export const release = 0\n")
    build(source, out)
    put(source, "more.js", SCRIPT + b"export const release = 1\n")
    assert build(source, out).deltas_made == 0, "the delta of the other files is copied"
    assert dictionaries(out, "more.js")
    assert not wrong_files(out)


def put_noise(source: Path, number: int) -> None:
    put(source, "js/app.js", NOISE[number])


def test_a_delta_that_saves_too_little_is_left_out_and_not_made_again(source: Path, out: Path) -> None:
    for number in range(2):
        put_noise(source, number)
        report = build(source, out)
    assert (report.deltas_made, manifest_of(out).deltas) == (1, {})
    before = snapshot(out)
    assert build(source, out).deltas_made == 0
    assert snapshot(out) == before
    (out / ".hashserve/state.json").unlink()
    assert build(source, out).deltas_made == 1


def test_what_saved_too_little_beside_brotli_is_made_for_a_build_without_variants(
    source: Path, out: Path
) -> None:
    for number in range(2):
        put_noise(source, number)
        build(source, out)
    assert manifest_of(out).deltas == {}
    build(source, out, codings=())
    assert len(dictionaries(out)) == 1, "hexadecimal digits are halved"
    build(source, out)
    assert manifest_of(out).deltas == {}


def test_a_cache_keeps_deltas_and_which_ones_save_too_little(source: Path, tmp_path: Path) -> None:
    made = []
    for out in (tmp_path / "one", tmp_path / "two"):
        for number in range(2):
            put(source, "noise.txt", NOISE[number])
            report = build_release(source, out, number, cache=str(tmp_path / "cache"))
        made.append(report.deltas_made)
        assert len(dictionaries(out)) == 1
        assert not wrong_files(out)
    assert made == [2, 0]
    assert manifest_of(tmp_path / "one").deltas == manifest_of(tmp_path / "two").deltas


@pytest.mark.parametrize("damage", [b"", b"damaged", bytes(100_000)])
def test_a_damaged_delta_in_the_cache_is_made_again(source: Path, tmp_path: Path, damage: bytes) -> None:
    cache = str(tmp_path / "cache")
    for number in range(2):
        build_release(source, tmp_path / "one", number, cache=cache)
    [location] = Path(cache).rglob("*.dcz")
    location.write_bytes(damage)
    for number in range(2):
        report = build_release(source, tmp_path / "two", number, cache=cache)
    assert report.deltas_made == 1
    assert not wrong_files(tmp_path / "two")
    assert (
        len(location.read_bytes())
        == manifest_of(tmp_path / "two").deltas_of(manifest_of(tmp_path / "two").paths["js/app.js"])[0].size
    )


@pytest.mark.parametrize("damage", [b"", b"damaged", bytes(100_000)])
def test_a_damaged_delta_in_the_output_is_made_again(source: Path, out: Path, damage: bytes) -> None:
    for number in range(2):
        build_release(source, out, number)
    [location] = out.rglob("*.dcz")
    right = location.read_bytes()
    location.write_bytes(damage)
    assert build(source, out).deltas_made == 1
    assert location.read_bytes() == right


def test_a_delta_that_was_compressed_otherwise_but_is_right_stays(source: Path, out: Path) -> None:
    for number in range(2):
        build_release(source, out, number)
    [location] = out.rglob("*.dcz")
    manifest = manifest_of(out)
    path = manifest.paths["js/app.js"]
    [delta] = manifest.deltas_of(path)
    prefix = zstd.ZstdDict((out / delta.dictionary).read_bytes(), is_raw=True).as_prefix
    other = location.read_bytes()[:40] + zstd.compress((out / path).read_bytes(), 1, zstd_dict=prefix)
    assert b"".join(decode_delta([other], (out / delta.dictionary).read_bytes(), 10**6))
    location.write_bytes(other)
    assert build(source, out).deltas_made == 0
    assert manifest_of(out).deltas_of(path)[0].size == len(other)


def test_an_empty_disk_gets_deltas_against_the_files_of_the_previous_release(
    source: Path, out: Path, tmp_path: Path
) -> None:
    build(source, tmp_path / "first")
    old = manifest_of(tmp_path / "first").paths["js/app.js"]
    report = build_release(source, out, 1, previous=str(tmp_path / "first"))
    assert (report.deltas_made, dictionaries(out)) == (1, [old])
    assert not wrong_files(out)


# What goes wrong


@pytest.fixture
def output(tmp_path: Path) -> Iterator[OutputFolder]:
    with open_output(str(tmp_path / "out"), BuildReport()) as output:
        yield output


def put_versions(output: OutputFolder, *pairs: tuple[str, str]) -> Versions:
    """Write the new and the old version of some files."""
    contents = {path: SCRIPT + path.encode() for pair in pairs for path in pair}
    for path, content in contents.items():
        output.put(path, [content], digest_of([content]))
    records = {path: AssetRecord(path, len(text), digest_of([text])) for path, text in contents.items()}
    return Versions({new: new for new, _ in pairs}, [Release("0", 1, dict(pairs))], records)


@pytest.mark.parametrize("harm", ["damaged", "missing", "folder"])
@pytest.mark.parametrize("side", [0, 1])
def test_a_file_that_is_damaged_during_the_build_costs_its_delta_and_is_reported(
    output: OutputFolder, harm: str, side: int
) -> None:
    pairs = [(f"{name}.{A}.js", f"{name}.{B}.js") for name in ("one", "two")]
    found = put_versions(output, *pairs)
    path = pairs[0][side]
    location = Path(output.location(path))
    location.unlink()
    if harm == "damaged":
        location.write_bytes(SCRIPT)
    elif harm == "folder":
        location.mkdir()
    report = BuildReport()
    rows = DeltaBuild(output, report).make(found, (), 2)
    assert list(rows) == [pairs[1][0]]
    [finding] = report.warnings
    assert (finding.kind, finding.path) == ("delta", pairs[0][0])
    assert pairs[0][1] in finding.message


def test_every_pair_of_a_large_number_is_made_and_counted_once(output: OutputFolder) -> None:
    pairs = [(f"{number}.{A}.js", f"{number}.{B}.js") for number in range(50)]
    report, done = BuildReport(), list[tuple[str, int, int]]()
    rows = DeltaBuild(output, report, threads=2).make(
        put_versions(output, *pairs), (), 2, lambda *step: done.append(step)
    )
    assert (report.deltas_made, len(rows)) == (50, 50)
    assert done == [("deltas", number, 50) for number in range(1, 51)]


def test_an_interrupt_stops_the_deltas_that_have_not_begun(output: OutputFolder) -> None:
    pairs = [(f"{number}.{A}.js", f"{number}.{B}.js") for number in range(100)]
    found, report = put_versions(output, *pairs), BuildReport()

    def interrupt(step: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        DeltaBuild(output, report, threads=1).make(found, (), 2, interrupt)
    assert report.deltas_made < 20


def test_an_interrupt_stops_the_previous_release_before_the_threads_are_waited_for(
    source: Path, out: Path, tmp_path: Path
) -> None:
    build(source, tmp_path / "first")
    stopped: list[int] = []

    class Previous(PreviousFolder):
        def stop(self) -> None:
            stopped.append(sum(thread.name.startswith("hashserve-deltas") for thread in enumerate_threads()))

    def interrupt(step: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    previous = Previous(str(tmp_path / "first"))
    manifest = previous.manifest()
    earlier = EarlierDeltas(KnownReleases(in_force=None, manifests=[manifest], previous=previous))
    with open_output(str(out), BuildReport()) as output:
        found = put_versions(output, (f"one.{A}.js", f"one.{B}.js"))
        deltas = DeltaBuild(output, BuildReport(), None, earlier, threads=1)
        with pytest.raises(KeyboardInterrupt):
            deltas.make(found, (), 2, interrupt)
    assert stopped == [1]


def test_a_name_and_a_path_that_the_disk_cannot_have_are_left_out(output: OutputFolder) -> None:
    longest = os.pathconf(output.root, "PC_PATH_MAX") - 1
    left = longest - len(f"{output.root}/f.{A}.js") - len(".dcz")
    folders = ("d" * 99 + "/") * 40
    for name in ("n" * 235 + ".{}.js", f"{folders[-left:].lstrip('/')}f.{{}}.js"):
        found = put_versions(output, (name.format(A), name.format(B)))
        assert DeltaBuild(output, BuildReport()).make(found, (), 2) == {}


def test_a_folder_that_is_in_the_way_of_a_delta_stays(output: OutputFolder) -> None:
    found = put_versions(output, (f"one.{A}.js", f"one.{B}.js"))
    put(Path(output.root), f"one.{A}.js.{B}.dcz/mine.txt", b"of somebody else")
    assert DeltaBuild(output, BuildReport()).make(found, (), 2) == {}


def test_a_delta_whose_name_is_taken_is_left_out(output: OutputFolder) -> None:
    new, old = f"one.{A}.js", f"one.{B}.js"
    found = put_versions(output, (new, old))
    for taken in (f"{new}.{B}.dcz", f"{new}.{B}.dcz/below"):
        assert DeltaBuild(output, BuildReport()).make(found, [taken], 2) == {}
    assert DeltaBuild(output, BuildReport()).make(found, [], 2)


def test_of_two_dictionaries_with_one_token_the_newer_has_the_delta(output: OutputFolder) -> None:
    new, old = f"one.{A}.js", f"one.{B}.js"
    found = put_versions(output, (new, old), (f"x/one.{A}.js", f"x/one.{B}.js"))
    older = Release("1", 1, {new: f"one.{B}.js"})
    rows = DeltaBuild(output, BuildReport()).make(found._replace(older=[*found.older, older]), (), 2)
    assert [len(some) for some in rows.values()] == [1, 1]


def test_a_file_over_the_limit_has_no_delta_which_no_strict_build_minds(source: Path, out: Path) -> None:
    for number in range(2):
        put_release(source, number)
        put(source, "data.bin", bytes(LARGEST_BYTES) + b"%d" % number)
        report = build(source, out, strict=True, codings=())
    [finding] = report.findings
    assert (finding.kind, finding.path) == ("delta", manifest_of(out).paths["data.bin"])
    assert "more than 32 MiB" in finding.message
    assert summary(report, "out").splitlines()[-1] == (
        "1 delta is not made, because the file is large; --json lists them"
    )
    assert list(manifest_of(out).deltas or ()) == [manifest_of(out).paths["js/app.js"]]


# The report


def test_a_report_says_what_a_visitor_of_the_last_release_downloads(source: Path, out: Path) -> None:
    report = build(source, out)
    assert (report.changed_files, report.changed_bytes, report.changed_bytes_with_deltas) == (0, 0, 0)
    assert "visitor" not in summary(report, "out")
    report = build_release(source, out, 1)
    manifest = manifest_of(out)
    record = manifest.record(manifest.paths["js/app.js"])
    assert record is not None
    [delta] = manifest.deltas_of(record.path)
    assert report.changed_files == 1
    assert (report.changed_bytes, report.changed_bytes_with_deltas) == (record.variants["br"], delta.size)
    assert report.as_json()["changed_bytes_with_deltas"] == delta.size
    lines = summary(report, "out").splitlines()
    assert f"a visitor of the last release downloads {delta.size} B with deltas, " in lines[-2]
    put(source, "js/app.js", b"no delta")
    lines = summary(build(source, out), "out").splitlines()
    assert lines[-2] == "  1 new or changed file: a visitor of the last release downloads 8 B"


def test_the_rows_of_a_manifest_are_lists_as_in_one_that_is_loaded(source: Path, out: Path) -> None:
    for number in range(2):
        build_release(source, out, number)
    text = (out / "staticfiles.json").read_text()
    assert Manifest.loads(text).dumps() == text
