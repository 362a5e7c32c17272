"""The build from end to end, on real folders."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import brotli
import pytest

from hashserve import BuildError, HashServe, SettingError, SourceError
from hashserve.builder import BuildReport, BuildSettings, build
from hashserve.builder.output.folder import open_output
from hashserve.digests import digest_of
from tests.support.building import contents, manifest_of, put_site, snapshot
from tests.support.client import request
from tests.support.files import put


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return put_site(tmp_path / "source")


def test_every_variant_decodes_to_its_source_and_its_size_is_in_the_manifest(source: Path, out: Path) -> None:
    build(source, out)
    record = manifest_of(out).record(manifest_of(out).paths["css/app.css"])
    assert record is not None
    content = (out / record.path).read_bytes()
    coded_br, coded_gzip = (out / f"{record.path}.br").read_bytes(), (out / f"{record.path}.gz").read_bytes()
    assert brotli.decompress(coded_br) == gzip.decompress(coded_gzip) == content
    assert record.variants == {"br": len(coded_br), "gzip": len(coded_gzip)}
    assert record.sha256 == digest_of([content])
    assert record.size == len(content)


def test_a_variant_that_saves_too_little_is_not_kept(source: Path, out: Path) -> None:
    put(source, "noise.bin", os.urandom(5000))
    build(source, out)
    assert not list(out.glob("noise.*.br"))
    assert not list(out.glob("robots.txt.gz"))


def test_an_unchanged_rebuild_writes_nothing(source: Path, out: Path) -> None:
    build(source, out)
    before = snapshot(out)
    report = build(source, out)
    assert report.written == report.compressed == 0
    assert snapshot(out) == before


def test_a_lost_build_state_costs_only_time(source: Path, out: Path) -> None:
    build(source, out)
    (out / ".hashserve/state.json").write_text("{")
    assert build(source, out).written == 0


@pytest.mark.parametrize("name", ["css/app.css", "css/app.{token}.css", "css/app.{token}.css.br"])
def test_a_damaged_file_in_the_output_is_written_again(source: Path, out: Path, name: str) -> None:
    build(source, out)
    token = manifest_of(out).paths["css/app.css"].split(".")[1]
    damaged = out / name.format(token=token)
    right = damaged.read_bytes()
    damaged.write_bytes(right[:-1] + b"?")
    build(source, out)
    assert damaged.read_bytes() == right


def test_the_output_does_not_depend_on_the_order_of_roots_without_common_files(
    source: Path, tmp_path: Path
) -> None:
    put(tmp_path / "more", "js/app.js", b"export default 1\n")
    build([source, tmp_path / "more"], tmp_path / "one")
    build([tmp_path / "more", source], tmp_path / "two")
    assert manifest_of(tmp_path / "one").files == manifest_of(tmp_path / "two").files


def test_of_two_roots_with_the_same_path_the_first_wins(source: Path, out: Path, tmp_path: Path) -> None:
    put(tmp_path / "more", "robots.txt", b"the other one\n")
    report = build([source, tmp_path / "more"], out)
    assert (out / "robots.txt").read_bytes() == b"User-agent: *\n"
    assert any("comes first" in finding.message for finding in report.findings)


def test_what_was_built_is_served(source: Path, out: Path) -> None:
    build(source, out)
    server = HashServe(lambda environ, start_response: [], root=out)
    reply = request(server, server.url("css/app.css"), accept_encoding="br")
    assert reply.status == 200
    assert reply["Content-Encoding"] == "br"
    assert reply["Cache-Control"] == "public, max-age=31536000, immutable"


def test_missing_references_are_reported_with_their_place(source: Path, out: Path) -> None:
    put(source, "css/other.css", b"a {}\nb { background: url(gone.png) }\n")
    warnings = build(source, out).warnings
    assert [(Path(finding.path).name, finding.line, finding.column) for finding in warnings] == [
        ("other.css", 2, 21)
    ]


def test_strict_publishes_nothing_where_a_reference_is_missing(source: Path, out: Path) -> None:
    put(source, "css/other.css", b"b { background: url(gone.png) }\n")
    with pytest.raises(
        BuildError,
        match=r"1 finding; correct it, or build without strict, or name .*:\n.*other\.css:1:21",
    ):
        build(source, out, BuildSettings(strict=True))
    assert not contents(out)


def test_strict_publishes_nothing_where_a_finding_comes_after_the_files_were_written(
    source: Path, out: Path
) -> None:
    build(source, out)
    before = (out / "staticfiles.json").read_bytes()
    put(source, "css/app.css.gz", b"not gzip")
    put(source, "robots.txt.br", b"not brotli")
    with pytest.raises(BuildError, match="2 findings; correct them, or build without"):
        build(source, out, BuildSettings(strict=True))
    assert (out / "staticfiles.json").read_bytes() == before


def test_a_build_that_waited_finds_the_sources_again_and_reports_each_finding_once(
    source: Path, out: Path
) -> None:
    (source / "broken").symlink_to("nowhere")
    with ExitStack() as other_build:
        other_build.enter_context(open_output(str(out)))

        def on_progress(step: str, done: int, total: int) -> None:
            if (step, done) == ("wait", 0):
                put(source, "late.txt", b"late")
                other_build.close()

        report = build(source, out, BuildSettings(wait=60), on_progress=on_progress)
    assert [finding.kind for finding in report.findings] == ["skipped"]
    assert "late.txt" in manifest_of(out).paths


def test_a_source_that_is_missing_is_named(tmp_path: Path, out: Path) -> None:
    with pytest.raises(SourceError, match="nowhere"):
        build(tmp_path / "nowhere", out)


def test_an_output_inside_the_source_is_refused(source: Path) -> None:
    with pytest.raises(SettingError, match="overlaps"):
        build(source, source / "out")


def test_the_command_line_reports_in_json_and_for_people(source: Path, out: Path) -> None:
    command = [sys.executable, "-m", "hashserve", "build", str(source), "--out", str(out)]
    told = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    report = json.loads(told.stdout)
    assert report["files"] == 3
    assert report["release"] == manifest_of(out).release
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "3 files" in told.stdout
    assert report["release"] in told.stdout


def test_the_command_line_says_what_is_wrong_and_exits_with_1(tmp_path: Path, out: Path) -> None:
    command = [sys.executable, "-m", "hashserve", "build", str(tmp_path / "nowhere"), "--out", str(out)]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 1
    assert "nowhere: is not a folder" in told.stderr
    assert "Traceback" not in told.stderr


def test_arguments_that_mean_nothing_exit_with_2(source: Path, out: Path) -> None:
    command = [sys.executable, "-m", "hashserve", "build", str(source), "--out", str(out), "--prefix", "x"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 2
    assert "--prefix=x" in told.stderr


def test_a_report_can_be_made_of_nothing() -> None:
    assert BuildReport().warnings == []


def test_progress_counts_every_step_to_its_end(source: Path, out: Path) -> None:
    build(source, out)
    put(source, "robots.txt", b"changed")
    seen: dict[str, list[tuple[int, int]]] = {}
    build(source, out, on_progress=lambda step, done, total: seen.setdefault(step, []).append((done, total)))
    assert seen == {
        "read": [(1, 3), (2, 3), (3, 3)],
        "publish": [(1, 3), (2, 3), (3, 3)],
        "compress": [(1, 4), (2, 4), (3, 4), (4, 4)],  # the style sheet has two contents
        "retain": [(1, 1)],
    }
