"""The releases that a build knows, where one of them is broken or out of reach."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashserve import BuildError
from hashserve.builder import BuildReport, BuildSettings, build
from hashserve.builder.releases.known_releases import load_known_releases
from tests.support.building import manifest_of, wrong_files
from tests.support.previous_releases import (
    FaultySite,
    change,
    faulty_site,
    free_port,
    put_source,
    running_site,
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return put_source(tmp_path / "source")


def test_a_broken_manifest_is_reported_and_built_over(source: Path, out: Path) -> None:
    build(source, out)
    (out / "staticfiles.json").write_text("{")
    report = build(source, out, BuildSettings(strict=True))
    (warning,) = report.warnings
    assert warning.kind == "broken-manifest"
    assert "so its releases are dropped: line 1, column 2: is not valid JSON" in warning.message
    assert not wrong_files(out)


@pytest.mark.parametrize("where", ["nowhere", "http://127.0.0.1:{port}/"])
def test_an_unreachable_previous_release_is_a_warning_or_if_required_an_error(
    source: Path, out: Path, tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hashserve.builder.releases.previous_site.MAX_ATTEMPTS", 1)
    where = where.format(port=free_port())
    where = where if where.startswith("http") else str(tmp_path / where)
    report = build(source, out, BuildSettings(previous=where, strict=True))
    assert [finding.kind for finding in report.warnings] == ["previous"]
    with pytest.raises(BuildError, match="the previous release cannot be loaded"):
        build(source, tmp_path / "other", BuildSettings(previous=where, require_previous=True))
    assert not (tmp_path / "other/staticfiles.json").exists()


@pytest.mark.parametrize("is_required", [True, False])
def test_a_site_that_becomes_unreachable_fails_only_a_build_that_requires_it(
    source: Path, first: Path, out: Path, is_required: bool
) -> None:
    (first / manifest_of(first).paths["a.txt"]).write_bytes(b"damaged")
    change(source)
    asked: list[str] = []

    def go_away(site: FaultySite, path: str) -> None:
        asked.append(path)
        if len(asked) == 1:
            site.respond_correctly(path)
        else:
            site.respond(503, b"")

    with faulty_site(first, "staticfiles.json", go_away) as url:
        settings = BuildSettings(previous=url, require_previous=is_required)
        if is_required:
            with pytest.raises(BuildError, match="the previous release became unreachable during the build"):
                build(source, out, settings)
        else:
            assert [finding.kind for finding in build(source, out, settings).warnings] == ["lost"]
    assert (out / "staticfiles.json").exists() is not is_required
    assert len(asked) == 1 + 3 * is_required


def test_a_damaged_file_of_a_required_site_is_only_reported(source: Path, first: Path, out: Path) -> None:
    (first / manifest_of(first).paths["a.txt"]).write_bytes(b"damaged")
    change(source)
    with running_site(first) as url:
        report = build(source, out, BuildSettings(previous=url, require_previous=True))
    assert [finding.kind for finding in report.warnings] == ["lost"]


def test_a_previous_release_without_a_manifest_is_not_asked_for_files(tmp_path: Path) -> None:
    settings, report = BuildSettings(previous=str(tmp_path / "nowhere")), BuildReport()
    known = load_known_releases(str(tmp_path / "staticfiles.json"), settings, report)
    assert (known.in_force, known.manifests, known.previous) == (None, [], None)
    assert [finding.kind for finding in report.findings] == ["previous"]


def test_a_required_site_is_asked_for_its_manifest_once_if_it_has_all_files(
    source: Path, first: Path, out: Path
) -> None:
    change(source)
    asked: list[str] = []

    def count(site: FaultySite, path: str) -> None:
        asked.append(path)
        site.respond_correctly(path)

    with faulty_site(first, "staticfiles.json", count) as url:
        build(source, out, BuildSettings(previous=url, require_previous=True))
    assert len(asked) == 1
