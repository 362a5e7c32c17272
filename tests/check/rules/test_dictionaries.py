"""Rules about dictionaries, and the grades that reports list."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from hashserve import Manifest
from hashserve.builder import BuildSettings, build
from hashserve.check import CheckReport, CheckSettings, check
from hashserve.check.dictionary_grades import dictionary_grades
from hashserve.check.reports.dictionaries import _NOT
from hashserve.check.reports.json import json_report
from hashserve.check.reports.text import text_lines
from hashserve.dictionary_files import WHY_NOT_DICTIONARY
from tests.support.files import put
from tests.support.published_folder import plain_manifest

BIG = b"".join(b"f(%d);\n" % number for number in range(500))

# Vite's names: what the manifest keeps is the logical path too.
CHUNKS = ("assets/index-DiwrgTda.js", "assets/index-DR-PG0Cu.js", "assets/main-b7x0qk2m.js")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("graded")
    source = folder / "source"
    put(source, "css/app.css", BIG)
    put(source, "css/small.css", b"a {}")
    put(source, "photo.png", BIG)
    put(source, "pages/[slug].js", BIG)
    for number, path in enumerate(CHUNKS):
        put(source, path, BIG + b"// %d" % number)
    put(source, "chunks/DiwrgTda.js", BIG)
    build(source, folder / "out", BuildSettings(codings=("br",), already_hashed=("assets/*", "chunks/*")))
    return folder / "out"


def text_of(report: CheckReport, **options: bool) -> list[str]:
    return [line for _, line in text_lines(report, 0.1, **options)]


def test_a_name_that_a_url_pattern_cannot_match_is_noted(out: Path) -> None:
    path = Manifest.load(out / "staticfiles.json").paths["pages/[slug].js"]
    messages = {item.path: item.message for item in check(out).findings if item.rule == "dictionary-name"}
    assert messages.keys() == {path, "chunks/DiwrgTda.js"}
    assert "URL patterns" in messages[path]
    assert "no fingerprint" in messages["chunks/DiwrgTda.js"]


def test_files_that_share_a_url_pattern_are_noted(out: Path) -> None:
    findings = [item for item in check(out).findings if item.rule == "dictionary-shared"]
    assert sorted(item.path for item in findings) == sorted(CHUNKS[:2])
    assert "another file has the URL pattern '../assets/index-*.js' too" in findings[0].message


def test_notes_about_dictionaries_fail_no_check(out: Path) -> None:
    assert not check(out).is_failure(strict=True)
    assert {item.rule for item in check(out).findings} == {"dictionary-name", "dictionary-shared"}


def test_the_text_has_one_line_about_dictionaries_before_the_last_line(out: Path) -> None:
    text = text_of(check(out))
    assert text[-2] == (
        "4 of 8 fingerprinted files are dictionaries for deltas; 1 of kinds that gain nothing; "
        "1 under 2,048 bytes; 1 with a character of URL patterns in the name; "
        "1 without a fingerprint to leave out of the name"
    )
    assert "checked in" in text[-1]
    assert "grades" not in json_report(check(out))["dictionaries"]


def test_a_list_has_each_file_under_its_grade(out: Path) -> None:
    paths = Manifest.load(out / "staticfiles.json").paths
    text = text_of(check(out), lists_dictionaries=True)
    assert f"  {paths['css/app.css']}: ../css/app.*.css" in text
    assert f"  {CHUNKS[0]}: ../assets/index-*.js, shared by 2 files" in text
    start = text.index("no dictionaries: it has fewer than 2,048 bytes:")
    assert text[start + 1] == f"  {paths['css/small.css']}"
    assert {path for path in paths.values() if any(path in line for line in text)} == set(paths.values())
    report = json.loads(json.dumps(json_report(check(out), lists_dictionaries=True)))["dictionaries"]
    grades = {grade["path"]: grade for grade in report.pop("grades")}
    assert report == {
        "files": 8,
        "dictionaries": 4,
        "why_not": {"kind": 1, "small": 1, "pattern-characters": 1, "no-fingerprint": 1},
    }
    assert grades[paths["photo.png"]]["why_not"] == "kind"
    assert grades[CHUNKS[0]]["shared_by"] == 2
    assert grades.keys() == set(paths.values())


def test_quiet_says_nothing_about_dictionaries(out: Path) -> None:
    assert text_of(check(out), quiet=True) == []


def test_a_build_without_deltas_has_no_grades(out: Path, tmp_path: Path) -> None:
    manifest = Manifest.load(out / "staticfiles.json")
    assert dictionary_grades(manifest._replace(deltas=None)) is None
    put(tmp_path, "css/app.55e7cbb9ba48.css", BIG)
    plain_manifest(tmp_path, {"css/app.css": "css/app.55e7cbb9ba48.css"})
    report = check(tmp_path, CheckSettings())
    assert json_report(report)["dictionaries"] is None
    assert not [line for line in text_of(report) if "dictionar" in line]


def test_a_file_of_unknown_size_is_no_dictionary(out: Path) -> None:
    manifest = Manifest.load(out / "staticfiles.json")
    path = manifest.paths["css/app.css"]
    (grade,) = dictionary_grades(manifest._replace(paths={"a": path}, files={path: None})) or ()
    assert grade.why_not == "unknown-size"


def test_each_reason_has_words_in_the_text_and_a_row_in_the_documentation() -> None:
    page = (Path(__file__).parents[3] / "docs/checking.md").read_text(encoding="utf-8")
    section = page[page.index("### Dictionaries") : page.index("### Fingerprints")]
    assert (
        _NOT.keys() == WHY_NOT_DICTIONARY.keys() == set(re.findall(r"^\| `(.+?)` \|", section, re.MULTILINE))
    )
