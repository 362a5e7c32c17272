"""A previous release whose manifest does its worst: sizes, amounts, and paths that must not be published."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from hashserve.builder import build
from hashserve.builder.output.folder import OutputFolder
from hashserve.digests import digest_of
from tests.support.building import RULES, contents, manifest_of, temporaries, wrong_files
from tests.support.files import put
from tests.support.hostile_sites import Exchange, hostile_site
from tests.support.previous_releases import TEXT, change, lost, put_source

EVIL = b"evil content, with a digest that is right\n" * 10

ROW = f"{len(EVIL)} {digest_of([EVIL])} 0 0"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return put_source(tmp_path / "source")


def edit(first: Path, change: Callable[[dict[str, Any]], None]) -> None:
    document = json.loads((first / "staticfiles.json").read_text())
    change(document)
    (first / "staticfiles.json").write_text(json.dumps(document))


def list_files(document: dict[str, Any], rows: dict[str, str]) -> None:
    """Let the release in the document have these files too."""
    document["hashserve"]["files"].update(rows)
    document["paths"].update({f"evil-{number}": path for number, path in enumerate(rows)})


GOOD = "good.0123456789ab.css"

EVIL_PATHS = [
    ".htaccess",
    ".user.ini",
    ".git/hooks/post-checkout",
    ".hashserve",
    ".hashserve/temporary/x.0123456789ab.js",
    "index.html",
    "robots.txt",
    "staticfiles.json.br",
    "css/app.css.br",
    "d/" * 2000 + "a.0123456789ab.css",
    "d/" * 40 + "a.0123456789ab.css",
    "n" * 300 + ".0123456789ab.css",
    "CON.0123456789ab.css",
    "a.0123456789ab.css ",
    "a.0123456789ab.css.",
    "c:a.0123456789ab.css",
    "a:0123456789ab.css",
    "a\x1b[2J.0123456789ab.css",
    "a.txt/a.0123456789ab.css",  # in the place of a file of the new release
]


@pytest.mark.parametrize("is_site", [False, True])
def test_paths_that_must_not_be_published_are_reported_and_left_out(
    source: Path, first: Path, out: Path, tmp_path: Path, is_site: bool
) -> None:
    edit(
        first,
        lambda document: list_files(document, dict.fromkeys([*EVIL_PATHS, GOOD], ROW)),
    )
    change(source)
    if is_site:
        with hostile_site(first, lambda exchange: exchange.respond(EVIL), is_evil) as site:
            report = build(source, out, previous=f"http://127.0.0.1:{site.port}")
        assert {path for path in site.requests if is_evil(path)} == {f"/static/{GOOD}"}
    else:
        for path in [*EVIL_PATHS, GOOD]:
            if path.count("/") < 50:
                with suppress(OSError):  # for some of them there cannot be a file
                    put(first, path, EVIL)
        report = build(source, out, previous=str(first))
    build(source, tmp_path / "alone")
    added = contents(out).keys() - contents(tmp_path / "alone").keys()
    assert {path for path in added if is_evil(path)} == {GOOD}
    assert contents(out)[GOOD] == EVIL
    assert len(lost(report)) == len(EVIL_PATHS)
    assert all(str(finding).isprintable() and len(str(finding)) < 600 for finding in report.findings)
    assert not wrong_files(out)
    assert not temporaries(out)
    assert build(source, out).warnings == []


def test_a_file_in_the_place_of_one_that_the_release_in_force_lists_changes_nothing_before_the_switch(
    source: Path, first: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its place is that of a file which the new release does not retain, of its variant, or of its delta."""
    rules = [b"/* %d */\n" % number + RULES for number in range(3)]
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1500000000")  # older than the first
    for content in rules[:2]:
        put(source, "large.css", content)
        build(source, out, keep=2, keep_days=0)
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    in_force = manifest_of(out)
    large = in_force.paths["large.css"]
    [delta] = in_force.deltas_of(large)
    places = [large, f"{large}.br", delta.path, delta.dictionary, f"{large}.0a1b2c3d4e5f.dcz"]
    edit(first, lambda document: list_files(document, dict.fromkeys(places, ROW)))
    for path in places:
        put(first, path, EVIL)
    put(source, "large.css", rules[2])
    with monkeypatch.context() as patched:
        patched.setattr(OutputFolder, "publish", lambda *arguments, **options: stop())
        with pytest.raises(KeyboardInterrupt):
            build(source, out, keep=2, keep_days=0, previous=str(first))
    assert not wrong_files(out)
    assert manifest_of(out) == in_force
    report = build(source, out, keep=2, keep_days=0, previous=str(first))
    assert [release.id for release in manifest_of(out).releases] == [manifest_of(first).release]
    assert set(lost(report)) == set(places)
    assert not any(content == EVIL for content in contents(out).values())


def stop() -> None:
    raise KeyboardInterrupt


def is_evil(path: str) -> bool:
    return "0123456789ab" in path or any(path.endswith(name) for name in EVIL_PATHS)


def test_paths_that_are_one_on_some_systems_are_restored_once(source: Path, first: Path, out: Path) -> None:
    twice = ["x.0123456789ab.css", "X.0123456789ab.css", "é.0123456789ab.css", "e\u0301.0123456789ab.css"]
    edit(first, lambda document: list_files(document, dict.fromkeys(twice, ROW)))
    change(source)
    for path in twice:
        put(first, path, EVIL)
    report = build(source, out, previous=str(first))
    assert lost(report) == sorted([twice[1], twice[3]])
    assert {path for path in contents(out) if "0123456789ab" in path} == {twice[0], twice[2]}
    assert not wrong_files(out)


def test_a_file_in_the_place_of_the_variant_of_a_new_file_is_left_out(
    source: Path, first: Path, out: Path, tmp_path: Path
) -> None:
    """Its name has a fingerprint; the new file has no such variant, because it would save nothing."""
    put(source, "noise.txt", os.urandom(300))
    build(source, tmp_path / "alone")
    path = manifest_of(tmp_path / "alone").paths["noise.txt"] + ".br"
    edit(first, lambda document: list_files(document, {path: ROW}))
    put(first, path, EVIL)
    assert lost(build(source, out, previous=str(first))) == [path]
    assert not wrong_files(out)


def test_sizes_of_10_to_the_17_are_not_requested(
    source: Path, first: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hashserve.builder.releases.copying._free_bytes", lambda folder: 10**20)
    digest = digest_of([EVIL])
    huge = 10**17

    def enlarge(document: dict[str, Any]) -> None:
        rows = {f"big-{number}.0123456789ab.css": f"{huge} {digest} 0 0" for number in range(10)}
        rows["small.0123456789ab.css"] = f"{len(EVIL)} {digest} {huge} {huge}"
        list_files(document, rows)
        for path, row in document["hashserve"]["files"].items():
            if path.startswith("css/"):
                size, sha256, *_ = row.split(" ")
                document["hashserve"]["files"][path] = f"{size} {sha256} {huge} {huge}"

    edit(first, enlarge)
    change(source)
    with hostile_site(first, lambda exchange: exchange.respond(EVIL), lambda path: "big" in path) as site:
        put(first, "small.0123456789ab.css", EVIL)
        report = build(source, out, previous=f"http://127.0.0.1:{site.port}")
    assert not site.attacks
    assert len(lost(report)) == 10
    assert all("would be more than 2,147,483,648" in finding.message for finding in report.warnings)
    assert sorted(path for path in site.requests if "0123456789ab" in path) == [
        "/static/small.0123456789ab.css"
    ]
    assert report.compressed == 4  # the variants of the changed file and of the style sheet
    assert not wrong_files(out)


def test_all_files_of_a_site_have_a_longest_length_together(source: Path, first: Path, out: Path) -> None:
    paths = [f"{number}.0123456789ab.css" for number in range(10)]
    edit(first, lambda document: list_files(document, dict.fromkeys(paths, ROW)))
    for path in paths:
        put(first, path, EVIL)
    change(source)
    manifest_bytes = (first / "staticfiles.json").stat().st_size
    with hostile_site(first, lambda exchange: None, lambda path: False) as site:
        report = build(
            source,
            out,
            previous=f"http://127.0.0.1:{site.port}",
            previous_bytes=manifest_bytes + 200 + 5 * len(EVIL),
        )
    assert 5 <= len(lost(report)) < 11
    assert not wrong_files(out)


def test_files_of_a_previous_release_take_half_of_the_room_on_the_disk(
    source: Path, first: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [f"{number}.0123456789ab.css" for number in range(10)]
    edit(first, lambda document: list_files(document, dict.fromkeys(paths, ROW)))
    for path in paths:
        put(first, path, EVIL)
    free = 2 * (len(TEXT) + 5 * len(EVIL))
    monkeypatch.setattr("hashserve.builder.releases.copying._free_bytes", lambda folder: free)
    change(source)
    report = build(source, out, previous=str(first))
    assert 5 <= len(lost(report)) < 10  # the variants of the file that changed take room too
    assert "half of the room on the disk is for the new release" in report.warnings[0].message
    assert not wrong_files(out)


def test_a_file_that_cannot_be_put_into_the_output_takes_no_room_from_others(
    source: Path, first: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [*(f"blocked/{number}.0123456789ab.css" for number in range(10)), GOOD]
    edit(first, lambda document: list_files(document, dict.fromkeys(paths, ROW)))
    for path in paths:
        put(first, path, EVIL)
    put(out, "blocked", b"a file of the user")
    free = 2 * (2 * len(TEXT) + 2 * len(EVIL))
    monkeypatch.setattr("hashserve.builder.releases.copying._free_bytes", lambda folder: free)
    monkeypatch.setattr("hashserve.builder.releases.copying.THREADS", 1)
    change(source)
    report = build(source, out, previous=str(first))
    assert sorted(lost(report)) == sorted(set(paths) - {GOOD})
    assert (out / GOOD).read_bytes() == EVIL


def test_very_many_lost_files_are_counted_and_not_all_reported(
    source: Path, first: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hashserve.builder.releases.new_manifest.MOST_REPORTED", 10)
    paths = [f"{number}.0123456789ab.css" for number in range(50)]
    edit(first, lambda document: list_files(document, dict.fromkeys(paths, ROW)))
    change(source)
    report = build(source, out, previous=str(first))
    assert len(report.warnings) == 11
    assert "40 more files of old releases are dropped" in [finding.message for finding in report.warnings]


def test_more_files_than_a_site_can_have_are_left_out(
    source: Path, first: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hashserve.builder.releases.needed_files.MOST_FOREIGN_FILES", 5)
    paths = [f"{number}.0123456789ab.css" for number in range(8)]
    edit(first, lambda document: list_files(document, dict.fromkeys(paths, ROW)))
    for path in paths:
        put(first, path, EVIL)
    change(source)
    report = build(source, out, previous=str(first))
    assert len(lost(report)) == 4  # of nine, with the one that changed
    assert "lists more than 5 files" in report.warnings[0].message
    assert not wrong_files(out)


def test_a_previous_release_cannot_say_that_no_variant_is_worth_making(
    source: Path, first: Path, out: Path
) -> None:
    put(source, "noise.txt", os.urandom(5000))
    build(source, first)

    def remove_variants(document: dict[str, Any]) -> None:
        for rows in (document["hashserve"]["files"], document["hashserve"]["unhashed_files"]):
            for path, row in rows.items():
                size, sha256, *_ = row.split(" ")
                rows[path] = f"{size} {sha256} 0 0"

    edit(first, remove_variants)
    report = build(source, out, previous=str(first))
    assert report.compressed == 8  # four contents in two codings, and the noise in none
    for path in ("css/app.css", manifest_of(out).paths["css/app.css"]):
        assert (out / f"{path}.br").exists()
        assert (out / f"{path}.gz").exists()


def test_a_previous_release_cannot_say_that_a_name_of_the_source_is_fingerprinted(
    source: Path, first: Path, out: Path
) -> None:
    edit(first, lambda document: list_files(document, {"app.0123456789ab.css": ROW}))
    put(first, "app.0123456789ab.css", EVIL)
    put(source, "app.0123456789ab.css", EVIL)
    build(source, out, previous=str(first))
    manifest = manifest_of(out)
    assert manifest.paths["app.0123456789ab.css"] != "app.0123456789ab.css"
    assert "app.0123456789ab.css" not in manifest.files


def test_a_release_of_the_year_9999_is_dropped_when_it_is_old(
    source: Path, first: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def date(document: dict[str, Any]) -> None:
        document["hashserve"]["created"] = 253_000_000_000

    edit(first, date)
    for content, now in ((b"2", 1_800_000_000), (b"3", 1_800_000_100), (b"4", 1_900_000_000)):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", str(now))
        put(source, "a.txt", content * 500)
        build(source, out, previous=str(first) if content == b"2" else None, keep=1)
    assert manifest_of(first).release not in [release.id for release in manifest_of(out).releases]
    assert all(release.created < 2_000_000_000 for release in manifest_of(out).releases)


_BUILD = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]) * 2**20,) * 2)
from hashserve.cli.main import main
sys.exit(main(sys.argv[2:]))
"""


def run_in(megabytes: int, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run ``hashserve`` with so much address space."""
    return subprocess.run(
        [sys.executable, "-c", _BUILD, str(megabytes), *arguments],
        capture_output=True,
        text=True,
        # One heap for all threads: each of its own reserves 64 MiB of addresses.
        env={**os.environ, "MALLOC_ARENA_MAX": "1"},
        timeout=120,
        check=False,
    )


def many_releases(document: dict[str, Any]) -> str:
    paths = {f"{number}": f"{number}.0123456789ab" for number in range(2000)}
    document["paths"] = paths
    document["hashserve"]["files"] = dict.fromkeys(paths.values(), ROW)
    document["hashserve"]["releases"] = [
        {"id": f"{number}", "created": 1_900_000_000, "paths": {}} for number in range(1600)
    ]
    return json.dumps(document)


def many_objects(document: dict[str, Any]) -> str:
    document["hashserve"]["releases"] = []
    return json.dumps(document).replace('"releases": [', '"releases": [' + "{}," * 10_000_000 + "{}")


def many_entries(document: dict[str, Any]) -> str:
    paths = ",".join(f'"{number:07}":"{number:07}"' for number in range(2_000_000))
    return f'{{"paths": {{{paths}}}, "version": "1.1"}}'


@pytest.mark.parametrize("write", [many_releases, many_objects, many_entries])
def test_a_manifest_of_a_site_cannot_fill_the_memory(
    source: Path, first: Path, out: Path, write: Callable[[dict[str, Any]], str]
) -> None:
    manifest = first / "staticfiles.json"
    manifest.write_text(write(json.loads(manifest.read_text())))
    change(source)
    with hostile_site(first, lambda exchange: None, lambda path: False) as site:
        url = f"http://127.0.0.1:{site.port}"
        ran = run_in(600, "build", source, "--out", out, "--previous", url, "--json")
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert {finding["kind"] for finding in json.loads(ran.stdout)["findings"]} <= {"previous", "lost"}
    assert not wrong_files(out)


def test_the_password_of_a_site_is_sent_and_never_shown(source: Path, first: Path, out: Path) -> None:
    asked: list[str] = []

    def note(exchange: Exchange) -> None:
        asked.append(exchange.field("Authorization"))
        exchange.respond(b"", status=b"401 Unauthorized")

    with hostile_site(first, note) as site:
        url = f"http://me:p%40ss@127.0.0.1:{site.port}/static/"
        for more in ([], ["--require-previous"]):
            ran = run_in(2000, "build", source, "--out", out, "--previous", url, *more)
            assert "the site answered 401 Unauthorized" in ran.stdout + ran.stderr
            assert "p%40ss" not in ran.stdout + ran.stderr
            assert "p@ss" not in ran.stdout + ran.stderr
    assert asked == ["Basic bWU6cEBzcw=="] * 2
