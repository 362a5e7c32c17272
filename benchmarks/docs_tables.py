"""The tables of ``docs/benchmarks.md``: those of a report, with fewer columns.

Invariant: no cell is changed, and the report of ``make bench`` has every column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from benchmarks.report import Report, markdown_table

__all__ = ["missed", "section"]

Table = list[list[str]]
"""Rows of cells; the first row is the head."""

_SERVERS = {
    ("Mix", "requests/s"): "requests/s: mix",
    ("Mix", "CPU for 1,000"): "CPU for 1,000: mix",
    ("5 MB", "CPU for 1,000"): "5 MB",
}
"""The columns of the only table of servers on the page, by the table and column that they come from."""

_LOADS = ("Mix", "One file", "One file, a connection each", "5 MB")
"""The tables that this one replaces."""

_LEFT_OUT: Mapping[str, Callable[[str], bool]] = {
    "Ratios: without the driver's loop, and with it": lambda head: head.endswith(", with"),
    "First answer, and added memory": {"processor time", "RSS", "highest RSS"}.__contains__,
    "Time and memory: 2,259 files, 26.0 MB": {"less processor time"}.__contains__,
    "Growth: what each file adds, gzip alone": {"processor time", "processor time a file"}.__contains__,
}
"""The columns that the page leaves out, by the title of their table."""


def section(report: Report) -> str:
    """Return the tables and the notes of one benchmark."""
    tables = {title: _parsed(table) for title, table in report.tables}
    parts = [f"## {report.name}"]
    for title, table in _joined(tables):
        parts += [f"### {title}", markdown_table(table[0], table[1:])]
    parts += ["\n".join(f"- {note}" for note in report.notes)] if report.notes else []
    return "\n\n".join(parts)


def missed(reports: Iterable[Report]) -> str:
    """Return the number of targets that are met, and a table of the others."""
    targets = [(report.name, target) for report in reports for target in report.targets]
    count = sum(target.is_met for _, target in targets)
    rows = [(name, target.name, target.limit, target.found) for name, target in targets if not target.is_met]
    table = markdown_table(("benchmark", "target", "limit", "found"), rows)
    return f"## Targets\n\n{count} of {len(targets)} targets are met. These are not:\n\n{table}"


def _parsed(table: str) -> Table:
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    return [lines[0], *lines[2:]]


def _joined(tables: Mapping[str, Table]) -> Iterator[tuple[str, Table]]:
    has_loads = set(_LOADS) <= tables.keys()
    if has_loads:
        yield "Requests per second, and processor time for 1,000 requests", _server_table(tables)
    for title, table in tables.items():
        if not (has_loads and title in _LOADS):
            is_left_out = _LEFT_OUT.get(title, lambda head: False)
            yield title, _without(table, is_left_out)


def _server_table(tables: Mapping[str, Table]) -> Table:
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for (title, column), name in _SERVERS.items():
        head, *rows = tables[title]
        for row in rows:
            cells.setdefault((row[0], row[1]), {})[name] = row[head.index(column)]
    names = _SERVERS.values()
    rows = [[*key, *(found.get(name, "–") for name in names)] for key, found in cells.items()]
    return [["server", "", *names], *rows]


def _without(table: Table, is_left_out: Callable[[str], bool]) -> Table:
    kept = [index for index, head in enumerate(table[0]) if not is_left_out(head)]
    return [[row[index] for index in kept] for row in table]
