"""What is made of results: files and back, comparisons, figures, the page, the README's figures."""

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

from benchmarks import browser, readme
from benchmarks.__main__ import main
from benchmarks.compare import comparisons, told
from benchmarks.conclusions import concluded
from benchmarks.figures import FIGURES, drawings
from benchmarks.harness import Sample, Series
from benchmarks.page import page_of
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


def test_a_result_holds_every_sample_and_what_it_was_measured_on(tmp_path: Path) -> None:
    result = a_result(STEADY)

    result.write(tmp_path / "result.json")

    document = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    (report,) = document["benchmarks"]
    assert [value for _, _, value in report["samples"][0]["values"]] == [1.0, 1.02, 0.98]
    assert document["versions"]["whitenoise"]
    assert document["machine"]["python"] == sys.version
    assert report["settings"] == {"turns": 3}


def test_a_result_that_is_read_is_the_one_that_was_written(tmp_path: Path) -> None:
    result = a_result(STEADY)

    result.write(tmp_path / "result.json")

    assert Result.load(tmp_path / "result.json").document() == result.document()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": 2}', '{"schema": 1, "benchmarks": []}'])
def test_a_file_that_is_no_result_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "other.json").write_text(content, encoding="utf-8")

    with pytest.raises(ResultError, match=r"other\.json is"):
        Result.load(tmp_path / "other.json")


# Comparisons


def test_ratios_that_lie_within_both_spreads_agree() -> None:
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


def test_what_a_result_says_is_made_again_from_its_samples(tmp_path: Path) -> None:
    told = browser_report()
    browser.conclude(told)
    stale = replace(told, tables=[("old", "old")], targets=[], notes=["old"])

    (found,) = concluded(Result(reports=[stale])).reports

    assert (found.tables, found.targets, found.notes) == (told.tables, told.targets, told.notes)


def test_a_result_that_lacks_what_its_tables_are_made_of_is_named() -> None:
    with pytest.raises(ResultError, match=r"build has not all .* measure again"):
        concluded(Result(reports=[Report(name="build", settings={})]))


def browser_report() -> Report:
    """Make a report in which each visit took so many requests and bytes."""
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


def test_what_was_measured_once_is_not_judged() -> None:
    once = {name: values[:1] for name, values in STEADY.items()}

    (found,) = comparisons(a_result(once), a_result(once))

    assert not found.is_judged


def test_what_only_one_result_has_is_not_compared() -> None:
    assert not list(comparisons(a_result(STEADY), a_result(STEADY, case="304")))
    assert not list(comparisons(a_result(STEADY), a_result(STEADY, name="start")))


def test_counts_of_nothing_are_not_compared() -> None:
    none = {"hashserve": [0.0] * 3, "WhiteNoise": [0.0] * 3}

    assert not list(comparisons(a_result(none), a_result(none)))


def test_a_comparison_tells_what_else_is_not_the_same() -> None:
    second = a_result(STEADY)
    second.about = {
        **second.about,
        "versions": {**second.about["versions"], "whitenoise": "0.1"},
        "machine": {**second.about["machine"], "description": "another"},
    }
    second.reports[0].settings = {"turns": 4}

    text = told(a_result(STEADY), second)

    assert re.search(r"Another machine: .*; another", text)
    assert re.search(r"Another version: whitenoise .*; 0\.1", text)
    assert "Other settings: request_cost" in text


def test_the_command_prints_what_differs_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    a_result(STEADY).write(first)
    a_result({**STEADY, "WhiteNoise": [12.0, 12.1, 11.9]}).write(second)

    assert main(["compare", str(first), str(first)]) == 0
    assert main(["compare", str(first), str(second)]) == 1
    assert "WhiteNoise / hashserve, seconds" in capsys.readouterr().out


def test_the_command_names_a_file_that_is_no_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(tmp_path / "none.json"), str(tmp_path / "none.json")]) == 1
    assert "none.json is not a result" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["compare", "a"], ["page"], ["readme", "a", "b"]])
def test_a_command_that_lacks_a_file_says_how_it_is_used(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert f"python -m benchmarks {arguments[0]}" in capsys.readouterr().err


# Figures and the page


def test_every_figure_is_drawn_alike_from_the_same_samples() -> None:
    report = a_result(STEADY).reports[0]

    (first,), (second,) = drawings(report), drawings(report)

    assert first.svg == second.svg
    assert "hit, br: hashserve 1,000,000, WhiteNoise 10,000,000" in first.text


def test_what_is_nothing_without_the_loop_is_left_out_of_a_logarithmic_figure() -> None:
    report = a_result({**STEADY, "constant": [1.0] * 3, "driver": [1.5] * 3}).reports[0]

    (drawing,) = drawings(report)

    assert "hit, br: WhiteNoise 8,500,000." in drawing.text


def test_a_line_is_drawn_over_the_number_of_files() -> None:
    report = Report(name="start", settings={})
    for case in ("1,000 files", "10,000 files"):
        report.series.extend(
            a_result(STEADY, case=case, metric="first_answer_seconds").reports[0].series.samples
        )

    (drawing,) = drawings(report)

    assert "WhiteNoise: 1,000 files 10.0, 10,000 files 10.0" in drawing.text


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_is_drawn_of_a_report_without_samples(name: str) -> None:
    assert drawings(Report(name=name, settings={})) == []


def test_the_page_needs_nothing_but_itself() -> None:
    page = page_of(a_result(STEADY))

    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert sources
    assert all(source.startswith(("data:image/svg+xml;base64,", "#")) for source in sources)
    assert "<script" not in page


def test_the_pictures_in_the_page_are_whole() -> None:
    page = page_of(a_result(STEADY))

    (encoded,) = re.findall(r"data:image/svg\+xml;base64,([^\"]+)", page)
    assert ET.fromstring(b64decode(encoded)).tag == "{http://www.w3.org/2000/svg}svg"


def test_the_page_shows_tables_and_what_was_missed_and_runs_no_markup_of_a_note() -> None:
    page = page_of(a_result(STEADY))

    assert "<td>hashserve</td>" in page
    assert "0 of 1 targets are met" in page
    assert '<td class="missed">not met</td>' in page
    assert "A &lt;b&gt;note&lt;/b&gt;." in page


def test_a_page_is_made_again_of_a_result(tmp_path: Path) -> None:
    Result(reports=[browser_report()]).write(tmp_path / "a.json")

    assert main(["page", str(tmp_path / "a.json")]) == 0
    assert (tmp_path / "a.html").read_text(encoding="utf-8").startswith("<!doctype html>")


# The README's figures


@pytest.mark.parametrize("path", readme.TEXTS, ids=lambda path: path.name)
def test_the_figures_in_a_text_are_those_of_the_published_result(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    figures = readme.TEXTS[path](Result.load(readme.PUBLISHED))

    assert readme.updated(text, figures, path.name) == text


def test_a_figure_is_the_median_of_the_samples() -> None:
    text = readme.readme_text(a_result({**STEADY, "driver": [0.0] * 3, "ServeStatic": [3e-6] * 3}))

    assert re.search(
        r"\| one request in process, brotli +\| 1,000,000 µs +\| 10,000,000 µs +\| 3.00 µs", text
    )


def test_a_peer_that_was_not_measured_has_a_dash() -> None:
    assert re.search(r"10,000,000 µs +\| – +\|", readme.readme_text(a_result(STEADY)))


def test_the_digest_keeps_the_samples_of_the_figures_and_nothing_of_the_machines_folders() -> None:
    result = a_result({**STEADY, "Django": [1.0]})
    result.reports += a_result(STEADY, case="HEAD").reports

    kept = readme.digest(result)

    assert [len(report.series.samples) for report in kept.reports] == [6, 0]
    assert all(report.facts == {} for report in kept.reports)
    assert [report.tables for report in kept.reports] == [report.tables for report in result.reports]


def test_the_figures_of_a_smoke_test_are_not_published() -> None:
    result = a_result(STEADY)
    result.is_quick = True

    with pytest.raises(readme.ReadmeError, match="without --quick"):
        next(readme.publish(result))


def test_a_text_without_a_place_for_figures_is_named() -> None:
    with pytest.raises(readme.ReadmeError, match=r"NOTES\.md needs"):
        readme.updated("No marks.", "figures", "NOTES.md")


def test_figures_take_the_place_of_older_ones() -> None:
    text = "a\n<!-- benchmarks: begin -->\nold \\1\n<!-- benchmarks: end -->\nb\n"

    found = readme.updated(text, "new \\1", "README.md")

    assert found == "a\n<!-- benchmarks: begin -->\nnew \\1\n<!-- benchmarks: end -->\nb\n"
