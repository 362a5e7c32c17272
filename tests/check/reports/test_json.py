"""The report as JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path

from hashserve.check import check
from hashserve.check.reports.json import json_report
from tests.support.published_folder import damaged

PAGE = Path(__file__).parents[3] / "docs/checking.md"


def test_a_report_has_the_members_of_the_documentation(built: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    table = text[text.index("## JSON") : text.index("Each finding has")]
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    assert [*json_report(check(built))] == re.findall(r"`(\w+)`", " ".join(rows))


def test_a_finding_has_the_members_of_the_documentation(out: Path) -> None:
    damaged(out)
    text = PAGE.read_text(encoding="utf-8")
    sentence = text[text.index("Each finding has") : text.index("The same folder has")]
    for item in json_report(check(out))["findings"]:
        assert [*item] == re.findall(r"`(\w+)`", sentence)


def test_lines_are_null_for_a_finding_about_a_whole_file(out: Path) -> None:
    name = damaged(out)
    report = json.loads(json.dumps(json_report(check(out))))
    by_path = {item["path"]: item for item in report["findings"]}
    assert (by_path[name]["line"], by_path[name]["column"]) == (1, 22)
    assert by_path["robots.txt"]["line"] is by_path["robots.txt"]["column"] is None


def test_the_summary_counts_findings_by_level(out: Path) -> None:
    damaged(out)
    assert json_report(check(out))["summary"] == {"error": 1, "warning": 1, "note": 2}
