"""What a release follows, where that is broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashserve.builder import BuildSettings, build
from tests.support.building import put, wrong_files


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return put(tmp_path / "source", "a.txt", b"a").parent


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def test_a_broken_manifest_is_reported_and_built_over(source: Path, out: Path) -> None:
    build(source, out)
    (out / "staticfiles.json").write_text("{")
    report = build(source, out, BuildSettings(strict=True))
    assert [finding.kind for finding in report.warnings] == ["broken-manifest"]
    assert not wrong_files(out)
