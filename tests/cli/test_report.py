from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.running import TEXT, Ran
from tests.support.building import manifest_of
from tests.support.files import put

BIG = b"".join(b"f(%d);\n" % (number * 7919) for number in range(500))


def test_report_lists_the_releases_of_a_folder(
    source: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Ran(capsys, "build", source, "--out", out)
    first = manifest_of(out).release
    put(source, "app.css", TEXT)
    Ran(capsys, "build", source, "--out", out)
    told = Ran(capsys, "report", out).out
    assert f"serves release {manifest_of(out).release} of 20" in told
    assert "4 files" in told
    assert f"and release {first} of 20" in told
    assert "1 file of its own" in told
    facts = json.loads(Ran(capsys, "report", out, "--json").out)
    assert facts["bytes"]["identity"] == sum(
        (out / path).stat().st_size for path in set(manifest_of(out).paths.values())
    )
    assert facts["releases"][0]["own_files"] == 1


def test_report_shows_what_a_returning_visitor_downloads(
    source: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    releases = []
    for turn in (b"1", b"2", b"3"):
        put(source, "main.js", BIG + b"// " + turn)
        put(source, "small.css", b"a { margin: " + turn + b"px }")
        put(source, "img/" + turn.decode() + ".png", turn)
        Ran(capsys, "build", source, "--out", out)
        releases.append(manifest_of(out).release)
    manifest = manifest_of(out)
    steps = json.loads(Ran(capsys, "report", out, "--json").out)["steps"]
    pairs = [(step["from"], step["to"]) for step in steps]
    assert pairs == [(releases[1], releases[2]), (releases[0], releases[2]), (releases[0], releases[1])]
    path = manifest.paths["main.js"]
    deltas = {delta.dictionary: delta.size for delta in manifest.deltas_of(path)}
    whole = (out / f"{path}.br").stat().st_size
    changed = {file["path"]: file for file in steps[0]["changed"]}
    old = manifest.paths_of(manifest.releases[0])["main.js"]
    assert changed[path] == {
        "path": path,
        "logical_path": "main.js",
        "bytes": whole,
        "delta_bytes": deltas[old],
        "why_no_delta": None,
    }
    assert steps[0]["bytes_without_deltas"] - steps[0]["bytes_with_deltas"] == whole - deltas[old]
    assert (steps[0]["files"], steps[0]["deltas"]) == (3, 1)
    assert steps[0]["without_delta"] == {"new": 1, "small": 1}
    told = Ran(capsys, "report", out).out.splitlines()
    rows = [line.split() for line in told]
    assert [row[:4] for row in rows if row[:2] == list(pairs[0])] == [[*pairs[0], "3", "1"]]
    assert "  1 file: it or its older version has fewer than 2,048 bytes" in told
    assert f"    {manifest.paths['small.css']}" in told


def test_report_of_one_release_has_no_steps(
    source: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Ran(capsys, "build", source, "--out", out)
    assert "returning visitor" not in Ran(capsys, "report", out).out
    assert json.loads(Ran(capsys, "report", out, "--json").out)["steps"] == []


def test_report_reads_djangos_manifest_too(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(out, "staticfiles.json", b'{"paths": {"a.css": "a.0123456789ab.css"}, "version": "1.0"}')
    told = Ran(capsys, "report", out).out
    assert "release (without an id) of an unknown date" in told
    assert "1 file: 0 B identity" in told


def test_report_without_a_manifest_says_what_to_do(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys, "report", out)
    assert ran.code == 1
    assert str(out / "staticfiles.json") in ran.err
    assert "build the folder first" in ran.err
