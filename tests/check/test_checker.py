"""The check from end to end: a clean build, and what holds for every report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hashserve import Manifest, SettingError
from hashserve.builder import BuildSettings, build
from hashserve.check import CheckSettings, check
from tests.support.building import few_frames
from tests.support.files import put
from tests.support.published_folder import SOURCE, checked, paths_of


def test_a_clean_build_with_circles_and_older_releases_has_no_findings(built: Path) -> None:
    report = check(built)
    assert report.findings == ()
    assert not report.is_failure(strict=True)
    assert report.releases == 3
    assert report.files >= 30
    assert report.variants > 20
    assert report.release == Manifest.load(built / "staticfiles.json").release


@pytest.mark.parametrize("how", ["import-map", "off"])
def test_references_that_the_build_left_alone_are_not_reported_with_its_option(
    how: Any, tmp_path: Path
) -> None:
    for path, content in SOURCE.items():
        put(tmp_path / "source", path, content)
    build(tmp_path / "source", tmp_path / "out", BuildSettings(js_references=how, codings=()))
    assert checked(tmp_path / "out", js_references=how) == []
    assert {rule for rule, _ in checked(tmp_path / "out")} == {"reference-unhashed"}


def test_the_check_of_a_damaged_folder_changes_nothing_on_disk(out: Path) -> None:
    (out / paths_of(out)["css/app.css"]).write_bytes(b"")
    before = {path: path.lstat() for path in out.rglob("*")}
    check(out)
    assert {path: path.lstat() for path in out.rglob("*")}.keys() == before.keys()
    assert all(path.lstat().st_ctime_ns == status.st_ctime_ns for path, status in before.items())


def test_a_folder_that_does_not_exist_is_a_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="is not a folder"):
        check(tmp_path / "nothing")


def test_the_same_folder_has_the_same_report_in_the_order_of_places(out: Path) -> None:
    for path in ("z.txt", "a.txt", "css/.env", "robots.txt"):
        put(out, path, b"x")
    first, second = check(out, CheckSettings(threads=1)), check(out, CheckSettings(threads=4))
    assert first == second
    places = [item.path for item in first.findings]
    assert places == sorted(places)
    assert len(places) == 4


def test_deep_folders_need_no_recursion(tmp_path: Path) -> None:
    source, out = tmp_path / "made", tmp_path / "built"
    put(source, "d/" * 300 + "a.css", b"a {}")
    build(source, out)
    with few_frames():
        assert checked(out, threads=1) == []
