"""Findings that a project accepts: by a pattern, or because a baseline knows them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from hashserve import SettingError
from hashserve.builder import build
from hashserve.check import CheckReport, CheckSettings, Level, check, sarif, write_baseline
from hashserve.check.baseline import LARGEST
from hashserve.check.reports.json import json_report
from hashserve.check.reports.text import text_lines
from tests.support.building import manifest_of
from tests.support.files import put
from tests.support.published_folder import damaged, found


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site whose package has imports that lead nowhere, twice in one file, and a file that is too large."""
    source = tmp_path / "source"
    put(source, "lib/a.js", b'import "./gone.js";\nimport "./gone.js";\nimport "./lost.js";\n')
    put(source, "lib/b.js", b'import "./gone.js";\n')
    put(source, "own/c.js", b'import "./gone.js";\n')
    return source


def checked(source: Path, **settings: Any) -> CheckReport:
    out = source.parent / "out"
    build(source, out)
    return check(out, CheckSettings(**settings))


def logical(report: CheckReport) -> list[tuple[str, str]]:
    return [(item.rule, item.logical_path) for item in report.findings]


# By pattern


def test_a_pattern_accepts_the_findings_of_its_rule_in_files_that_it_matches(site: Path) -> None:
    report = checked(site, accept=["reference-missing:lib/*"])
    assert logical(report) == [("reference-missing", "own/c.js")]
    assert [item.by for item in report.accepted] == ["reference-missing:lib/*"] * 4
    assert report.is_failure(strict=True)
    assert not checked(site, accept=["reference-missing"]).is_failure(strict=True)


def test_a_pattern_may_name_the_file_as_it_is_published(site: Path) -> None:
    checked(site)
    name = manifest_of(site.parent / "out").paths["own/c.js"]
    report = checked(site, accept=[f"reference-missing:{name}", "reference-missing:lib/?.js"])
    assert report.findings == ()


def test_a_pattern_accepts_an_error_too_if_it_names_the_rule(out: Path) -> None:
    damaged(out)
    report = check(out)
    (error,) = {item.rule for item in report.findings if item.level is Level.ERROR}
    assert not check(out, CheckSettings(accept=[error])).is_failure()


def test_a_pattern_that_accepts_nothing_is_reported(site: Path) -> None:
    report = checked(site, accept=["reference-missing", "oversize:lib/*"])
    assert report.acceptance.idle == ("oversize:lib/*",)
    lines = [text for _, text in text_lines(report, 0)]
    assert "the pattern oversize:lib/* accepts nothing; remove it" in lines


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("oversise", "there is no rule 'oversise'; did you mean 'oversize'?"),
        ("x", "there is no rule 'x'; the rules are bundler-reference, "),
        ("oversize:", "has no pattern after the colon; write RULE, or RULE:GLOB"),
    ],
)
def test_a_pattern_that_means_nothing_is_refused(pattern: str, problem: str, site: Path) -> None:
    with pytest.raises(SettingError) as raised:
        checked(site, accept=[pattern])
    assert str(raised.value).startswith(f"accept={pattern!r}: {problem}")


# By a baseline


@pytest.fixture
def known(site: Path) -> str:
    place = str(site.parent / "known.json")
    assert write_baseline(place, checked(site).known) == 5
    return place


def test_a_baseline_accepts_what_it_knows_and_only_new_findings_fail(site: Path, known: str) -> None:
    report = checked(site, baseline=known)
    assert (report.findings, report.gone) == ((), ())
    assert {item.by for item in report.accepted} == {known}
    put(site, "own/d.js", b'import "./gone.js";\n')
    assert logical(checked(site, baseline=known)) == [("reference-missing", "own/d.js")]


def test_a_baseline_does_not_change_with_fingerprints_and_lines(site: Path, known: str) -> None:
    put(site, "lib/a.js", b'// new\n\n\nimport "./lost.js";\n\nimport "./gone.js"; import "./gone.js";\n')
    report = checked(site, baseline=known)
    assert (report.findings, report.gone) == ((), ())
    before = Path(known).read_bytes()
    write_baseline(known, report.known)
    assert Path(known).read_bytes() == before


def test_one_more_of_a_known_finding_is_new_and_one_less_is_gone(site: Path, known: str) -> None:
    put(site, "lib/a.js", b'import "./gone.js";\n' * 3)
    report = checked(site, baseline=known)
    assert [(item.logical_path, item.line) for item in report.findings] == [("lib/a.js", 3)]
    assert report.gone == ((("reference-missing", "lib/a.js", "./lost.js"), 1),)
    assert not report.is_failure()
    (line,) = (text for _, text in text_lines(report, 0) if "not found any more" in text)
    assert line == "1 known finding not found any more; write the baseline again"


def test_an_error_is_never_known(out: Path, tmp_path: Path) -> None:
    damaged(out)
    put(out, "css/broken.css", b"a { background: url(../img/dot.0123456789ab.svg) }")
    place = str(tmp_path / "known.json")
    report = check(out)
    errors = [item for item in report.findings if item.level is Level.ERROR]
    assert errors
    write_baseline(place, report.known)
    assert check(out, CheckSettings(baseline=place)).findings == tuple(errors)
    forged = {"rule": errors[0].rule, "path": errors[0].logical_path, "count": 1}
    put(tmp_path, "known.json", json.dumps({"hashserve-baseline": 1, "findings": [forged]}).encode())
    assert set(errors) <= set(check(out, CheckSettings(baseline=place)).findings)


def test_a_baseline_is_sorted_and_has_a_line_for_each_finding(known: str) -> None:
    lines = Path(known).read_text("utf-8").splitlines()
    assert lines[0:3] == ["{", '  "hashserve-baseline": 1,', '  "findings": [']
    assert lines[3] == (
        '    {"rule": "reference-missing", "path": "lib/a.js", "reference": "./gone.js", "count": 2},'
    )
    assert lines[3:-2] == sorted(lines[3:-2])
    assert len(lines[3:-2]) == 4


def test_a_baseline_of_nothing_can_be_read(site: Path) -> None:
    place = str(site.parent / "known.json")
    assert write_baseline(place, []) == 0
    assert len(checked(site, baseline=place).findings) == 5


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot be read: No such file or directory; make it with --write-baseline"),
        (b"{", "line 1, column 2: is not valid JSON"),
        (b"[]", 'is not a baseline ("hashserve-baseline": 1); write it again with --write-baseline'),
        (b'{"hashserve-baseline": 2, "findings": []}', "is not a baseline"),
        (b'{"hashserve-baseline": 1, "findings": {}}', "findings: expected a list"),
        (b'{"hashserve-baseline": 1, "findings": [7]}', "findings[0]: expected rule, path"),
        (
            b'{"hashserve-baseline": 1, "findings": [{"rule": "a", "path": "b", "count": 0}]}',
            "findings[0]: expected rule, path",
        ),
        (b'{"hashserve-baseline": 1, "findings": ' + b"[" * 100_000, "is nested too deeply"),
        (b" " * (LARGEST + 1), f"has more than {LARGEST} bytes; write it again"),
    ],
)
def test_a_broken_baseline_names_the_file_the_place_and_the_remedy(
    content: bytes | None, problem: str, site: Path
) -> None:
    place = site.parent / "known.json"
    if content is not None:
        place.write_bytes(content)
    with pytest.raises(SettingError) as raised:
        checked(site, baseline=str(place))
    assert str(raised.value).startswith(f"baseline={str(place)!r}: {problem}")


def test_a_baseline_that_would_be_too_large_is_not_written(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hashserve.check.baseline.LARGEST", 200)
    place = site.parent / "known.json"
    with pytest.raises(SettingError, match="would have over 200 bytes; accept most findings by pattern"):
        write_baseline(str(place), checked(site).known)
    assert not place.exists()


# In every report


def test_all_reports_agree_on_what_is_accepted(site: Path, known: str) -> None:
    put(site, "own/d.js", b'import "./gone.js";\n')
    report = checked(site, baseline=known, accept=["reference-missing:own/c.js"])
    values = json_report(report)
    assert values["summary"]["warning"] == len(values["findings"]) == len(report.findings) == 1
    assert [item["accepted_by"] for item in values["accepted"]].count(known) == 4
    assert values["gone"] == [
        {"rule": "reference-missing", "path": "own/c.js", "reference": "./gone.js", "count": 1}
    ]
    results = sarif(report)["runs"][0]["results"]
    suppressed = [item["suppressions"] for item in results if "suppressions" in item]
    assert (len(results), len(suppressed)) == (6, 5)
    assert suppressed[0] == [
        {"kind": "external", "status": "accepted", "justification": f"accepted by {known}"}
    ]
    assert [text for _, text in text_lines(report, 0)][-1].endswith(": 1 warning; 5 accepted")


def test_an_unhashed_copy_and_a_variant_are_known_by_their_logical_paths(site: Path) -> None:
    report = checked(site)
    out = site.parent / "out"
    name = manifest_of(out).paths["lib/a.js"]
    shutil.copy(out / "lib/b.js", out / f"{name}.br")
    assert ("variant-unlisted", f"{name}.br") in found(check(out))
    assert ("variant-unlisted", "lib/a.js.br") in logical(check(out))
    assert report.findings
