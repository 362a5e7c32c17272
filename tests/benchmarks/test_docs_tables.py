"""The tables of the page about benchmarks: cells of a report, with fewer columns."""

from __future__ import annotations

import pytest

from benchmarks.docs_tables import missed, section
from benchmarks.publication import PUBLISHED
from benchmarks.report import Report, Target, markdown_table
from benchmarks.results import Result


def a_report(*tables: tuple[str, str], targets: list[Target] | None = None) -> Report:
    report = Report(name="servers", settings={}, tables=[*tables], targets=targets or [])
    report.notes.append("A note.")
    return report


def rows(markdown: str) -> list[list[str]]:
    lines = [line for line in markdown.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if "---" not in line]


def test_an_unknown_table_keeps_all_columns() -> None:
    table = markdown_table(("a", "b"), [("1", "2")])
    assert section(a_report(("Any", table))) == f"## servers\n\n### Any\n\n{table}\n\n- A note."


def test_some_columns_are_left_out() -> None:
    table = markdown_table(("case", "x, without", "x, with"), [("hit", "1x", "2x")])
    shown = section(a_report(("Ratios: without the driver's loop, and with it", table)))
    assert rows(shown) == [["case", "x, without"], ["hit", "1x"]]


def test_the_tables_of_servers_become_one_with_every_subject() -> None:
    head = ("server", "", "requests/s", "CPU for 1,000", "rate over nginx's")
    loads = {
        "Mix": [("granian", "hashserve", "9", "1 ms", "0.5x"), ("–", "nginx", "20", "2 ms", "")],
        "One file": [("granian", "hashserve", "9", "3 ms", "0.5x")],
        "One file, a connection each": [("granian", "hashserve", "9", "4 ms", "0.5x")],
        "5 MB": [("granian", "hashserve", "9", "5 ms", "0.5x")],
    }
    shown = section(a_report(*((title, markdown_table(head, found)) for title, found in loads.items())))
    assert rows(shown)[1:] == [
        ["granian", "hashserve", "9", "1 ms", "5 ms"],
        ["–", "nginx", "20", "2 ms", "–"],
    ]


def test_targets_that_are_met_are_counted_and_the_others_listed() -> None:
    met = Target(name="a", limit="at most 1x", found="0.5x", is_met=True)
    other = Target(name="b", limit="at most 1x", found="2x", is_met=False)
    text = missed([a_report(targets=[met, other])])
    assert "1 of 2 targets are met" in text
    assert rows(text)[1:] == [["servers", "b", "at most 1x", "2x"]]


@pytest.mark.parametrize("report", Result.load(PUBLISHED).reports, ids=lambda report: report.name)
def test_every_cell_on_the_page_is_in_the_report(report: Report) -> None:
    cells = {cell for row in rows(report.markdown()) for cell in row}
    heads = {"requests/s: mix", "CPU for 1,000: mix", "5 MB"}
    assert {cell for row in rows(section(report)) for cell in row} - heads - {"–"} <= cells
