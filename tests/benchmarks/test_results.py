"""Results: files, comparisons, charts, the HTML report, and the figures in the README."""

from __future__ import annotations

import json
import re
import sys
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks import browser, publication
from benchmarks.__main__ import main
from benchmarks.analysis import analysed
from benchmarks.charts import CHARTS, draw_charts
from benchmarks.comparison import comparison_text, comparisons
from benchmarks.harness import Sample, Series
from benchmarks.html_report import html_report
from benchmarks.report import Report, Target, markdown_table
from benchmarks.results import Result, ResultError


def a_result(
    values: Mapping[str, list[float]],
    *,
    name: str = "request_cost",
    case: str = "hit, br",
    metric: str = "seconds",
) -> Result:
    """Make a result of one case: the values of each subject, a turn each."""
    series = Series(
        Sample(case=case, subject=subject, metric=metric, process=0, turn=turn, value=value)
        for subject, given in values.items()
        for turn, value in enumerate(given)
    )
    report = Report(
        name=name,
        settings={"turns": 3},
        series=series,
        tables=[("Costs", markdown_table(("", "time"), [("hashserve", "1 us")]))],
        targets=[Target(name="rate", limit="at least 2x", found="1x", is_met=False)],
        notes=["A <b>note</b>."],
        facts={"folder": "/somewhere"},
        seconds=61.0,
    )
    return Result(reports=[report])


STEADY = {"hashserve": [1.0, 1.02, 0.98], "WhiteNoise": [10.0, 10.1, 9.9]}


# Files


def test_a_result_has_every_sample_the_machine_and_the_versions(tmp_path: Path) -> None:
    result = a_result(STEADY)

    result.write(tmp_path / "result.json")

    document = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    (report,) = document["benchmarks"]
    assert [value for _, _, value in report["samples"][0]["values"]] == [1.0, 1.02, 0.98]
    assert document["versions"]["whitenoise"]
    assert document["machine"]["python"] == sys.version
    assert report["settings"] == {"turns": 3}


def test_a_loaded_result_equals_the_written_one(tmp_path: Path) -> None:
    result = a_result(STEADY)

    result.write(tmp_path / "result.json")

    assert Result.load(tmp_path / "result.json").document() == result.document()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": 2}', '{"schema": 1, "benchmarks": []}'])
def test_the_error_for_a_file_that_is_no_result_names_the_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "other.json").write_text(content, encoding="utf-8")

    with pytest.raises(ResultError, match=r"other\.json is"):
        Result.load(tmp_path / "other.json")


# Comparisons


def test_ratios_within_both_spreads_are_equal() -> None:
    slower_machine = {name: [value * 3 for value in values] for name, values in STEADY.items()}

    (found,) = comparisons(a_result(STEADY), a_result(slower_machine))

    assert (found.over, found.under) == ("WhiteNoise", "hashserve")
    assert found.is_judged
    assert not found.differs


def test_a_ratio_that_changes_beyond_both_spreads_differs() -> None:
    (found,) = comparisons(a_result(STEADY), a_result({**STEADY, "WhiteNoise": [12.0, 12.1, 11.9]}))

    assert found.differs
    assert found.change == pytest.approx(1.2, rel=0.02)


def test_a_wide_spread_hides_the_same_change() -> None:
    (found,) = comparisons(a_result(STEADY), a_result({**STEADY, "WhiteNoise": [8.0, 12.0, 16.0]}))

    assert not found.differs


def test_tables_targets_and_notes_are_made_again_from_the_samples(tmp_path: Path) -> None:
    report = browser_report()
    browser.analyse(report)
    old = replace(report, tables=[("old", "old")], targets=[], notes=["old"])

    (found,) = analysed(Result(reports=[old])).reports

    assert (found.tables, found.targets, found.notes) == (report.tables, report.targets, report.notes)


def test_the_error_for_a_report_without_samples_names_the_report() -> None:
    with pytest.raises(ResultError, match=r"build lacks samples or facts .* Measure again"):
        analysed(Result(reports=[Report(name="build", settings={})]))


def browser_report() -> Report:
    """Make a report in which every visit has the same requests and bytes."""
    return Report(
        name="browser",
        settings={},
        series=Series(
            Sample(case=case, subject=subject, metric=metric, process=0, turn=0, value=value)
            for case in browser.VISITS
            for subject in ("hashserve", "WhiteNoise")
            for metric, value in (("requests", 1.0), ("revalidations", 0.0), ("bytes", 1000.0))
        ),
    )


def test_a_ratio_measured_once_is_not_judged() -> None:
    once = {name: values[:1] for name, values in STEADY.items()}

    (found,) = comparisons(a_result(once), a_result(once))

    assert not found.is_judged


def test_a_case_that_only_one_result_has_is_not_compared() -> None:
    assert not list(comparisons(a_result(STEADY), a_result(STEADY, case="304")))
    assert not list(comparisons(a_result(STEADY), a_result(STEADY, name="start")))


def test_ratios_of_zero_are_not_compared() -> None:
    none = {"hashserve": [0.0] * 3, "WhiteNoise": [0.0] * 3}

    assert not list(comparisons(a_result(none), a_result(none)))


def test_a_comparison_lists_other_differences() -> None:
    second = a_result(STEADY)
    second.about = {
        **second.about,
        "versions": {**second.about["versions"], "whitenoise": "0.1"},
        "machine": {**second.about["machine"], "description": "another"},
    }
    second.reports[0].settings = {"turns": 4}

    text = comparison_text(a_result(STEADY), second)

    assert re.search(r"Different machines: .*; another", text)
    assert re.search(r"Different versions: whitenoise .*; 0\.1", text)
    assert "Different settings: request_cost" in text


def test_the_command_prints_differences_and_returns_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    a_result(STEADY).write(first)
    a_result({**STEADY, "WhiteNoise": [12.0, 12.1, 11.9]}).write(second)

    assert main(["compare", str(first), str(first)]) == 0
    assert main(["compare", str(first), str(second)]) == 1
    assert "WhiteNoise / hashserve, seconds" in capsys.readouterr().out


def test_the_command_names_a_missing_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(tmp_path / "none.json"), str(tmp_path / "none.json")]) == 1
    assert "none.json is not a result" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["compare", "a"], ["page"], ["readme", "a", "b"]])
def test_a_command_with_wrong_arguments_prints_its_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert f"python -m benchmarks {arguments[0]}" in capsys.readouterr().err


# Charts and the HTML report


def test_the_same_samples_make_the_same_chart() -> None:
    report = a_result(STEADY).reports[0]

    (first,), (second,) = draw_charts(report), draw_charts(report)

    assert first.svg == second.svg
    assert "hit, br: hashserve 1,000,000, WhiteNoise 10,000,000" in first.text


def test_a_logarithmic_chart_leaves_out_values_that_are_not_positive() -> None:
    report = a_result({**STEADY, "constant": [1.0] * 3, "driver": [1.5] * 3}).reports[0]

    (drawing,) = draw_charts(report)

    assert "hit, br: WhiteNoise 8,500,000." in drawing.text


def test_a_line_chart_is_drawn_over_the_number_of_files() -> None:
    report = Report(name="start", settings={})
    for case in ("1,000 files", "10,000 files"):
        report.series.extend(
            a_result(STEADY, case=case, metric="first_answer_seconds").reports[0].series.samples
        )

    (drawing,) = draw_charts(report)

    assert "WhiteNoise: 1,000 files 10.0, 10,000 files 10.0" in drawing.text


@pytest.mark.parametrize("name", CHARTS)
def test_a_report_without_samples_has_no_charts(name: str) -> None:
    assert draw_charts(Report(name=name, settings={})) == []


def test_the_page_loads_no_other_file() -> None:
    page = html_report(a_result(STEADY))

    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert sources
    assert all(source.startswith(("data:image/svg+xml;base64,", "#")) for source in sources)
    assert "<script" not in page


def test_the_charts_in_the_page_are_complete_svg() -> None:
    page = html_report(a_result(STEADY))

    (encoded,) = re.findall(r"data:image/svg\+xml;base64,([^\"]+)", page)
    assert ET.fromstring(b64decode(encoded)).tag == "{http://www.w3.org/2000/svg}svg"


def test_the_page_shows_tables_and_missed_targets_and_escapes_notes() -> None:
    page = html_report(a_result(STEADY))

    assert "<td>hashserve</td>" in page
    assert "0 of 1 targets are met" in page
    assert '<td class="missed">not met</td>' in page
    assert "A &lt;b&gt;note&lt;/b&gt;." in page


def test_the_page_of_a_result_is_made_again(tmp_path: Path) -> None:
    Result(reports=[browser_report()]).write(tmp_path / "a.json")

    assert main(["page", str(tmp_path / "a.json")]) == 0
    assert (tmp_path / "a.html").read_text(encoding="utf-8").startswith("<!doctype html>")


# The README's figures


@pytest.mark.parametrize("path", publication.TEXTS, ids=lambda path: path.name)
def test_a_text_has_the_figures_of_the_published_result(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    figures = publication.TEXTS[path](Result.load(publication.PUBLISHED))

    assert publication.updated(text, figures, path.name) == text


def test_a_run_of_one_benchmark_replaces_its_own_report_alone() -> None:
    published, result = a_result(STEADY), a_result({**STEADY, "Django": [3.0]})
    published.reports += a_result(STEADY, name="browser").reports
    machine = {**published.about["machine"], "load": [1.25, 0.5, 0.5]}
    result.about = {**result.about, "commit": "0123456789abcdef", "machine": machine}

    found = publication.merged(result, published)

    assert [report.name for report in found.reports] == ["request_cost", "browser"]
    assert len(found.reports[0].series.samples) == 6  # those of the README's figures
    assert found.reports[0].notes == [
        "A <b>note</b>.",
        f"Measured apart from the others, {result.created}, commit 0123456789ab; load before: 1.2.",
    ]
    assert found.reports[1] is published.reports[1]
    assert found.about is published.about


def test_a_cell_is_the_median_of_the_samples() -> None:
    text = publication.readme_text(a_result({**STEADY, "driver": [0.0] * 3, "ServeStatic": [3e-6] * 3}))

    assert re.search(
        r"\| one request in process, brotli +\| 1,000,000 µs +\| 10,000,000 µs +\| 3.00 µs", text
    )


def test_a_peer_that_was_not_measured_has_a_dash() -> None:
    assert re.search(r"10,000,000 µs +\| – +\|", publication.readme_text(a_result(STEADY)))


def test_the_page_about_deltas_has_the_table_of_sizes() -> None:
    tables = [("Bytes", "| a |\n| --- |\n| 1 |"), ("Time", "| b |")]
    measured = Report(name="deltas", settings={}, tables=tables)

    assert publication.deltas_text(Result(reports=[measured])) == "Bytes:\n\n| a |\n| --- |\n| 1 |"
    visited = Report(
        name="browser", settings={}, tables=[("A page", "| c |"), (browser.BUNDLED_TITLE, "| d |")]
    )
    text = publication.deltas_text(Result(reports=[measured, visited]))
    assert text.endswith(f"| 1 |\n\n{browser.BUNDLED_TITLE}:\n\n| d |")
    assert publication.deltas_text(Result(reports=[])) == "No figures of deltas are published yet."


def test_the_published_result_has_the_samples_of_the_readme_and_no_folders() -> None:
    result = a_result({**STEADY, "Django": [1.0]})
    result.reports += a_result(STEADY, case="HEAD").reports

    kept = publication.published_result(result)

    assert [len(report.series.samples) for report in kept.reports] == [6, 0]
    assert all(report.facts == {} for report in kept.reports)
    assert [report.tables for report in kept.reports] == [report.tables for report in result.reports]


def test_the_figures_of_a_smoke_test_are_not_published() -> None:
    result = a_result(STEADY)
    result.is_quick = True

    with pytest.raises(publication.PublicationError, match="without --quick"):
        next(publication.publish(result))


def test_the_error_for_a_text_without_marks_names_the_text() -> None:
    with pytest.raises(publication.PublicationError, match=r"NOTES\.md needs"):
        publication.updated("No marks.", "figures", "NOTES.md")


def test_new_figures_replace_old_ones() -> None:
    text = "a\n<!-- benchmarks: begin -->\nold \\1\n<!-- benchmarks: end -->\nb\n"

    found = publication.updated(text, "new \\1", "README.md")

    assert found == "a\n<!-- benchmarks: begin -->\nnew \\1\n<!-- benchmarks: end -->\nb\n"
