"""What a build reports, and which of it a project accepts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import hashserve
from hashserve import BuildError, SettingError
from hashserve.builder import BuildSettings, build
from hashserve.builder.report import FINDING_KINDS
from hashserve.cli.summary import summary
from tests.support.files import put

PACKAGE = Path(hashserve.__file__).parent


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A source with two references to nothing, one of them in a package of others."""
    put(tmp_path / "source", "vendor/a.css", b"a { background: url(gone.png) }")
    put(tmp_path / "source", "own/b.css", b"a { background: url(gone.png) }")
    return tmp_path / "source"


def test_every_kind_of_finding_is_in_the_table_and_on_the_page() -> None:
    used = set()
    for module in [*(PACKAGE / "builder").rglob("*.py"), *(PACKAGE / "django").rglob("*.py")]:
        text = module.read_text("utf-8")
        used.update(re.findall(r'(?:\.add\(|kind=|\.add, )\s*"([a-z-]+)"', text))
    assert used == set(FINDING_KINDS)
    page = (PACKAGE.parent / "docs/building.md").read_text("utf-8")
    section = page[page.index("## Findings") : page.index("## Old releases")]
    assert re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE) == list(FINDING_KINDS)


def test_accepted_findings_are_no_warnings_and_are_counted(source: Path, tmp_path: Path) -> None:
    report = build(source, tmp_path / "out", accept=["missing-reference:vendor/*"])
    assert [finding.path for finding in report.warnings] == [str(source / "own/b.css")]
    assert [finding["accepted"] for finding in report.as_json()["findings"]] == [False, True]
    assert "1 finding accepted" in summary(report, "out")


def test_a_strict_build_passes_with_what_it_accepts(source: Path, tmp_path: Path) -> None:
    settings = BuildSettings(strict=True, accept=["missing-reference:vendor/*"])
    with pytest.raises(BuildError, match="has 1 finding; correct it, or build without strict, or name it in"):
        build(source, tmp_path / "out", settings)
    report = build(source, tmp_path / "out", settings.replace(accept=["missing-reference"]))
    assert len(report.findings) == 2


def test_a_kind_that_does_not_exist_stops_the_build_before_it_begins(source: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="there is no kind 'missing'; the kinds are "):
        build(source, tmp_path / "out", accept=["missing:vendor/*"])
    assert not (tmp_path / "out").exists()
