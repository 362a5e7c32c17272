"""The figures of the README and of the page about benchmarks, written from a result.

Invariant: no figure is typed by hand. The published result (the samples of the README's figures, and the
tables) is next to this module, and a test compares both texts with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.harness import PROJECT, Series
from benchmarks.page_tables import missed, section
from benchmarks.report import Report, markdown_table
from benchmarks.results import Result
from benchmarks.subjects import HASHSERVE, SERVESTATIC, WHITENOISE

__all__ = ["PUBLISHED", "TEXTS", "ReadmeError", "digest", "page_text", "publish", "readme_text", "updated"]

PUBLISHED = Path(__file__).with_name("published.json")
"""The result that the texts are generated from."""

_PEERS = (HASHSERVE, WHITENOISE, SERVESTATIC)


class ReadmeError(Exception):
    """A text has no place for the figures, or the figures mean nothing; names the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A row of the README's table, and the place of its samples; ``minus`` is subtracted from all."""

    name: str
    benchmark: str
    case: str
    metric: str
    unit: str
    per_unit: float
    minus: str | None = None
    subjects: Mapping[str, str] | None = None

    def subject(self, column: str) -> str:
        """Return the name of a column's subject in this benchmark."""
        return (self.subjects or {}).get(column, column)

    def cell(self, series: Series, column: str) -> str:
        """Return the median, or a dash if there is none."""
        subject = self.subject(column)
        if not series.has(self.case, subject, self.metric):
            return "–"
        value = series.summary(self.case, subject, self.metric, minus=self.minus).median / self.per_unit
        return f"{_rounded(value)} {self.unit}".rstrip()


def _rounded(value: float) -> str:
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"


_BUILDERS = {WHITENOISE: "collectstatic, WhiteNoise"}
FIGURES = (
    Figure(
        name="one request in process, brotli",
        benchmark="request_cost",
        case="hit, br",
        metric="seconds",
        unit="µs",
        per_unit=1e-6,
        minus="driver",
    ),
    Figure(
        name="one `304` in process",
        benchmark="request_cost",
        case="304",
        metric="seconds",
        unit="µs",
        per_unit=1e-6,
        minus="driver",
    ),
    Figure(
        name="added to a request for your application",
        benchmark="request_cost",
        case="not static",
        metric="seconds",
        unit="µs",
        per_unit=1e-6,
        minus="constant",
    ),
    *(
        Figure(
            name=f"CPU for 1,000 requests under {engine}, a page's mix of files",
            benchmark="servers",
            case=f"{engine}: mix",
            metric="processor_seconds_per_request",
            unit="ms",
            per_unit=1e-6,
        )
        for engine in ("gunicorn sync", "gunicorn gthread", "granian")
    ),
    Figure(
        name="start with 50,000 files, to the first answer",
        benchmark="start",
        case="50,000 files",
        metric="first_answer_seconds",
        unit="s",
        per_unit=1,
    ),
    Figure(
        name="memory added by them, with four preforked workers",
        benchmark="start",
        case="50,000 files",
        metric="preforked_pss_bytes",
        unit="MB",
        per_unit=1e6,
    ),
    Figure(
        name="build of a real tree, cold",
        benchmark="build",
        case="cold",
        metric="wall_seconds",
        unit="s",
        per_unit=1,
        subjects=_BUILDERS,
    ),
    Figure(
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


# What is published of a result


def digest(result: Result) -> Result:
    """Return a result with the tables, the samples of the README's figures, and the machine."""
    about = {**result.about, "machine": {"description": result.about["machine"]["description"]}}
    return replace(result, about=about, reports=[_digest_of(report) for report in result.reports])


def _digest_of(report: Report) -> Report:
    wanted = {
        (figure.case, subject, figure.metric)
        for figure in FIGURES
        if figure.benchmark == report.name
        for subject in (*map(figure.subject, _PEERS), *([figure.minus] if figure.minus else []))
    }
    series = Series(
        replace(sample, value=float(f"{sample.value:.5g}"))
        for sample in report.series.samples
        if (sample.case, sample.subject, sample.metric) in wanted
    )
    # Facts about failures may name folders of the machine.
    return replace(report, series=series, facts={})


# The texts


def readme_text(result: Result) -> str:
    """Return the README's table, and its machine and versions."""
    series = {report.name: report.series for report in result.reports}
    rows = [
        (figure.name, *(figure.cell(series[figure.benchmark], column) for column in _PEERS))
        for figure in FIGURES
        if figure.benchmark in series and series[figure.benchmark].has(figure.case, HASHSERVE, figure.metric)
    ]
    about = f"Medians on {result.about['machine']['description']}, {_versions(result.about)}."
    return f"{markdown_table(('', *_PEERS), rows)}\n\n{about}"


def _versions(about: Mapping[str, Any]) -> str:
    names = {"whitenoise": WHITENOISE, "servestatic": SERVESTATIC}
    return ", ".join(f"{name} {about['versions'].get(of, '')}" for of, name in names.items())


def page_text(result: Result) -> str:
    """Return the tables for the page about benchmarks, and which targets are missed."""
    sections = [section(report) for report in result.reports]
    return "\n\n".join([result.heading(), *sections, missed(result.reports)])


TEXTS = {PROJECT / "README.md": readme_text, PROJECT / "docs" / "benchmarks.md": page_text}
"""The function that writes each text."""

_PLACE = re.compile(r"(<!-- benchmarks: begin -->\n).*?(<!-- benchmarks: end -->)", re.DOTALL)


def updated(text: str, figures: str, name: str) -> str:
    """Return a text with figures between its marks. Raises `ReadmeError` if it has none."""
    if len(_PLACE.findall(text)) != 1:
        raise ReadmeError(f"{name} needs one pair of <!-- benchmarks: begin --> and <!-- benchmarks: end -->")
    return _PLACE.sub(lambda match: f"{match[1]}{figures}\n{match[2]}", text)


def publish(result: Result, texts: Sequence[Path] = tuple(TEXTS)) -> Iterator[Path]:
    """Write the digest of a result, and its figures into the texts; yield each written file.

    Raises `ReadmeError`.
    """
    if result.is_quick:
        raise ReadmeError("a smoke test's figures mean nothing: measure without --quick")
    kept = digest(result)
    kept.write(PUBLISHED)
    yield PUBLISHED
    for path in texts:
        text = path.read_text(encoding="utf-8")
        path.write_text(updated(text, TEXTS[path](kept), path.name), encoding="utf-8")
        yield path
