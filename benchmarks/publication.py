"""The published result, and its figures in ``README.md``, ``docs/benchmarks.md`` and ``docs/deltas.md``.

Invariant: nobody types a figure. ``published.json`` has the tables, and the samples of the README's figures;
a test compares the texts with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks import browser
from benchmarks.analysis import ANALYSES
from benchmarks.docs_tables import missed, section
from benchmarks.harness import PROJECT, Series
from benchmarks.report import Report, markdown_table
from benchmarks.results import Result
from benchmarks.subjects import HASHSERVE, SERVESTATIC, WHITENOISE

__all__ = [
    "PUBLISHED",
    "TEXTS",
    "PublicationError",
    "deltas_text",
    "merged",
    "page_text",
    "publish",
    "published_result",
    "readme_text",
    "updated",
]

PUBLISHED = Path(__file__).with_name("published.json")
"""The result that the texts are generated from."""

_PEERS = (HASHSERVE, WHITENOISE, SERVESTATIC)


class PublicationError(Exception):
    """A text has no marks for the figures, or the result is a smoke test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of the README's table. Its samples are those of a benchmark's case and metric, less ``minus``."""

    name: str
    benchmark: str
    case: str
    metric: str
    unit: str
    per_unit: float
    minus: str | None = None
    subjects: Mapping[str, str] | None = None

    def subject(self, column: str) -> str:
        """Return the name that a column's subject has in this benchmark."""
        return (self.subjects or {}).get(column, column)

    def cell(self, series: Series, column: str) -> str:
        """Return the median, or a dash if there are no samples."""
        subject = self.subject(column)
        if not series.has(self.case, subject, self.metric):
            return "–"
        value = series.summary(self.case, subject, self.metric, minus=self.minus).median / self.per_unit
        return f"{_rounded(value)} {self.unit}".rstrip()


def _rounded(value: float) -> str:
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"


_BUILDERS = {WHITENOISE: "collectstatic, WhiteNoise"}
ROWS = (
    Row(
        name="one request in process, brotli",
        benchmark="request_cost",
        case="hit, br",
        metric="seconds",
        unit="µs",
        per_unit=1e-6,
        minus="driver",
    ),
    Row(
        name="one `304` in process",
        benchmark="request_cost",
        case="304",
        metric="seconds",
        unit="µs",
        per_unit=1e-6,
        minus="driver",
    ),
    Row(
        name="added to a request for your application",
        benchmark="request_cost",
        case="not static",
        metric="seconds",
        unit="µs",
        per_unit=1e-6,
        minus="constant",
    ),
    *(
        Row(
            name=f"CPU for 1,000 requests under {server}, a page's mix of files",
            benchmark="servers",
            case=f"{server}: mix",
            metric="processor_seconds_per_request",
            unit="ms",
            per_unit=1e-6,
        )
        for server in ("gunicorn sync", "gunicorn gthread", "granian")
    ),
    Row(
        name="start with 50,000 files, to the first answer",
        benchmark="start",
        case="50,000 files",
        metric="first_answer_seconds",
        unit="s",
        per_unit=1,
    ),
    Row(
        name="memory added by them, with four preforked workers",
        benchmark="start",
        case="50,000 files",
        metric="preforked_pss_bytes",
        unit="MB",
        per_unit=1e6,
    ),
    Row(
        name="build of a real tree, cold",
        benchmark="build",
        case="cold",
        metric="wall_seconds",
        unit="s",
        per_unit=1,
        subjects=_BUILDERS,
    ),
    Row(
        name="build of it, nothing changed",
        benchmark="build",
        case="nothing changed",
        metric="wall_seconds",
        unit="s",
        per_unit=1,
        subjects=_BUILDERS,
    ),
)
"""The README's table; WhiteNoise's build is Django's collectstatic with its storage."""


# The published result


def published_result(result: Result) -> Result:
    """Return the result to publish: the tables, the samples of the README's figures, and the machine."""
    about = {**result.about, "machine": {"description": result.about["machine"]["description"]}}
    return replace(result, about=about, reports=[_published_report(report) for report in result.reports])


def _published_report(report: Report) -> Report:
    wanted = {
        (row.case, subject, row.metric)
        for row in ROWS
        if row.benchmark == report.name
        for subject in (*map(row.subject, _PEERS), *([row.minus] if row.minus else []))
    }
    series = Series(
        replace(sample, value=float(f"{sample.value:.5g}"))
        for sample in report.series.samples
        if (sample.case, sample.subject, sample.metric) in wanted
    )
    # Facts can contain folders of the machine, for example in the text of an error.
    return replace(report, series=series, facts={})


# The texts


def readme_text(result: Result) -> str:
    """Return the README's table, the machine and the versions."""
    series = {report.name: report.series for report in result.reports}
    rows = [
        (row.name, *(row.cell(series[row.benchmark], column) for column in _PEERS))
        for row in ROWS
        if row.benchmark in series and series[row.benchmark].has(row.case, HASHSERVE, row.metric)
    ]
    about = f"Medians on {result.about['machine']['description']}, {_versions(result.about)}."
    return f"{markdown_table(('', *_PEERS), rows)}\n\n{about}"


def _versions(about: Mapping[str, Any]) -> str:
    names = {"whitenoise": WHITENOISE, "servestatic": SERVESTATIC}
    return ", ".join(f"{name} {about['versions'].get(package, '')}" for package, name in names.items())


def page_text(result: Result) -> str:
    """Return the tables and the missed targets for ``docs/benchmarks.md``."""
    sections = [section(report) for report in result.reports]
    return "\n\n".join([result.heading(), *sections, missed(result.reports)])


def deltas_text(result: Result) -> str:
    """Return the sizes of deltas for ``docs/deltas.md``."""
    found = [table for report in result.reports if report.name == "deltas" for table in report.tables[:1]]
    if not found:
        return "No figures of deltas are published yet."
    visits = [
        table for report in result.reports for table in report.tables if table[0] == browser.BUNDLED_TITLE
    ]
    return "\n\n".join(f"{title}:\n\n{table}" for title, table in [*found, *visits])


TEXTS = {
    PROJECT / "README.md": readme_text,
    PROJECT / "docs" / "benchmarks.md": page_text,
    PROJECT / "docs" / "deltas.md": deltas_text,
}
"""The function that returns the figures of each text."""

_MARKED = re.compile(r"(<!-- benchmarks: begin -->\n).*?(<!-- benchmarks: end -->)", re.DOTALL)


def updated(text: str, figures: str, name: str) -> str:
    """Return the text with the figures between its marks. Raises `PublicationError` if it has no marks."""
    if len(_MARKED.findall(text)) != 1:
        raise PublicationError(
            f"{name} needs one pair of <!-- benchmarks: begin --> and <!-- benchmarks: end -->"
        )
    return _MARKED.sub(lambda match: f"{match[1]}{figures}\n{match[2]}", text)


def merged(result: Result, published: Result) -> Result:
    """Return the published result with the reports of another run, each with a note that says so."""
    machine, commit = result.about["machine"]["description"], (result.about["commit"] or "unknown")[:12]
    where = "" if machine == published.about["machine"]["description"] else f", on {machine}"
    load = result.about["machine"].get("load")
    busy = f"; load before: {load[0]:.1f}" if load else ""
    note = f"Measured apart from the others, {result.created}, commit {commit}{where}{busy}."
    reports = {report.name: report for report in published.reports}
    for report in published_result(result).reports:
        reports[report.name] = replace(report, notes=[*report.notes, note])
    order = [*ANALYSES]
    return replace(published, reports=sorted(reports.values(), key=lambda report: order.index(report.name)))


def publish(result: Result, texts: Sequence[Path] = tuple(TEXTS)) -> Iterator[Path]:
    """Write the published result and the texts, and yield each written file. Raises `PublicationError`.

    The reports of a run that left out some benchmarks replace those of the published result.
    """
    if result.is_quick:
        raise PublicationError("the figures of a smoke test mean nothing: measure without --quick")
    is_whole = {report.name for report in result.reports} == ANALYSES.keys()
    kept = published_result(result) if is_whole else merged(result, Result.load(PUBLISHED))
    kept.write(PUBLISHED)
    yield PUBLISHED
    for path in texts:
        text = path.read_text(encoding="utf-8")
        path.write_text(updated(text, TEXTS[path](kept), path.name), encoding="utf-8")
        yield path
