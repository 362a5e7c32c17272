from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.running import TEXT, Ran
from tests.support.building import manifest_of
from tests.support.files import put


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
