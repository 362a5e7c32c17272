"""The tables of ``docs/benchmarks.md``: those of a report, without the columns that say little more.

Invariant: no cell is changed; what is left out stays in the report that ``make bench`` writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from benchmarks.report import Report, Target, markdown_table

__all__ = ["missed", "section"]

Table = list[list[str]]
"""Rows of cells; the first row is the head."""

_SERVERS = {
    ("Mix", "requests/s"): "requests/s: mix",
    ("Mix", "CPU for 1,000"): "CPU for 1,000: mix",
    ("5 MB", "CPU for 1,000"): "5 MB",
}
"""The columns of the one table about servers, by the table and the column that they come from."""

_LOADS = ("Mix", "One file", "One file, a connection each", "5 MB")
"""The tables that it replaces."""

_LEFT_OUT: Mapping[str, Callable[[str], bool]] = {
    "Ratios: without the driver's loop, and with it": lambda head: head.endswith(", with"),
    "First answer, and added memory": {"of it on CPU", "RSS", "highest RSS"}.__contains__,
    "Time and memory: 2,259 files, 26.0 MB": {"less processor time"}.__contains__,
    "Growth: what each file adds, gzip alone": {"processor time", "processor time a file"}.__contains__,
}
"""Which columns of a table are not shown, by its title."""


def section(report: Report) -> str:
    """Return the tables and the notes of one benchmark."""
    tables = {title: _parsed(table) for title, table in report.tables}
    parts = [f"## {report.name}"]
    for title, table in _joined(tables):
        parts += [f"### {title}", markdown_table(table[0], table[1:])]
    parts += ["\n".join(f"- {note}" for note in report.notes)] if report.notes else []
    return "\n\n".join(parts)


def missed(reports: Iterable[Report]) -> str:
    """Return how many targets are met, and a table of those that are not."""
    targets = [(report.name, target) for report in reports for target in report.targets]
    count = sum(target.is_met for _, target in targets)
    rows = [_row(name, target) for name, target in targets if not target.is_met]
    table = markdown_table(("benchmark", "target", "limit", "found"), rows)
    return f"## Targets\n\n{count} of {len(targets)} are met. These are not:\n\n{table}"


def _row(name: str, target: Target) -> Sequence[str]:
    return name, target.name, target.limit, target.found


def _parsed(table: str) -> Table:
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    return [lines[0], *lines[2:]]


def _joined(tables: Mapping[str, Table]) -> Iterator[tuple[str, Table]]:
    has_loads = set(_LOADS) <= tables.keys()
    if has_loads:
        yield "Requests per second, and processor time for 1,000 requests", _about_servers(tables)
    for title, table in tables.items():
        if not (has_loads and title in _LOADS):
            is_left_out = _LEFT_OUT.get(title, lambda head: False)
            yield title, _without(table, is_left_out)


def _about_servers(tables: Mapping[str, Table]) -> Table:
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for (title, column), name in _SERVERS.items():
        head, *rows = tables[title]
        for row in rows:
            cells.setdefault((row[0], row[1]), {})[name] = row[head.index(column)]
    names = _SERVERS.values()
    rows = [[*who, *(found.get(name, "–") for name in names)] for who, found in cells.items()]
    return [["server", "", *names], *rows]


def _without(table: Table, is_left_out: Callable[[str], bool]) -> Table:
    kept = [index for index, head in enumerate(table[0]) if not is_left_out(head)]
    return [[row[index] for index in kept] for row in table]
