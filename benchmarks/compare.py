"""Two results compared: which ratios differ by more than their spreads.

Invariant: times of two runs are never compared, only ratios within each run, of all subjects in a case to the
same one. A ratio differs if the two medians are further apart than both spreads together. A ratio of fewer
than three processes has no spread.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.harness import Series, Summary
from benchmarks.report import markdown_table, quantity
from benchmarks.results import Result
from benchmarks.subjects import HASHSERVE

__all__ = ["Comparison", "comparisons", "told"]

FEWEST = 3
"""The fewest processes for a spread."""

LEAST = 0.01
"""Ratios that are closer than this are equal: memory repeats to the page, not to the byte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One ratio, in both results."""

    benchmark: str
    case: str
    metric: str
    over: str
    under: str
    first: Summary
    second: Summary

    @property
    def change(self) -> float:
        """The second median as a multiple of the first."""
        return self.second.median / self.first.median

    @property
    def spread(self) -> float:
        """The largest difference of equal medians, as a part of them."""
        return self.first.spread + self.second.spread + LEAST

    @property
    def is_judged(self) -> bool:
        """Whether there are enough processes for a spread."""
        return min(self.first.count, self.second.count) >= FEWEST

    @property
    def differs(self) -> bool:
        """Whether the medians differ by more than that."""
        return abs(math.log(self.change)) > math.log1p(self.spread)


def comparisons(first: Result, second: Result) -> Iterator[Comparison]:
    """Return every ratio that is in both results and is a positive number in both."""
    for report in first.reports:
        other = second.report(report.name)
        if other is None:
            continue
        for case, metric, over, under in _ratios(report.series):
            if not (other.series.has(case, over, metric) and other.series.has(case, under, metric)):
                continue
            found = [_ratio(series, case, over, under, metric) for series in (report.series, other.series)]
            one, two = found
            if one is not None and two is not None:
                yield Comparison(
                    benchmark=report.name,
                    case=case,
                    metric=metric,
                    over=over,
                    under=under,
                    first=one,
                    second=two,
                )


def _ratios(series: Series) -> Iterator[tuple[str, str, str, str]]:
    """Return case, metric and both subjects: the others over hashserve, or over the first one."""
    for case in series.cases():
        for metric in series.metrics(case):
            subjects = series.subjects(case, metric)
            under = HASHSERVE if HASHSERVE in subjects else subjects[0]
            for over in subjects:
                if over != under:
                    yield case, metric, over, under


def _ratio(series: Series, case: str, over: str, under: str, metric: str) -> Summary | None:
    try:
        ratio = series.ratio(case, over, under, metric)
    except ValueError:  # a divisor of zero, for example no failed request
        return None
    return ratio if ratio.median > 0 else None


def told(first: Result, second: Result) -> str:
    """Return the differences in Markdown, and the number of equal ratios."""
    found = list(comparisons(first, second))
    judged = [each for each in found if each.is_judged]
    differing = sorted((each for each in judged if each.differs), key=_distance, reverse=True)
    parts = [
        f"# {_name(first)} and {_name(second)}",
        "\n".join(_differences_of_surroundings(first, second)),
        _count(len(found), len(judged), len(differing)),
    ]
    if differing:
        parts.append(_table(differing))
    return "\n\n".join(part for part in parts if part) + "\n"


def _count(found: int, judged: int, differing: int) -> str:
    return (
        f"{found:,} ratios are in both; {found - judged:,} were measured less than {FEWEST} times and are "
        f"not judged. Of the others {judged - differing:,} agree within the spreads that both state, and "
        f"{differing:,} do not."
    )


def _distance(comparison: Comparison) -> float:
    return abs(math.log(comparison.change)) - math.log1p(comparison.spread)


def _table(differing: list[Comparison]) -> str:
    rows = [
        (
            each.benchmark,
            each.case,
            f"{each.over} / {each.under}, {each.metric}",
            quantity(each.first, "x"),
            quantity(each.second, "x"),
            f"{(each.change - 1) * 100:+.0f} %",
            f"{each.spread * 100:.0f} %",
        )
        for each in differing
    ]
    return markdown_table(("benchmark", "case", "ratio", "first", "second", "change", "both spreads"), rows)


def _name(result: Result) -> str:
    return f"{result.created} ({(result.about['commit'] or 'unknown')[:12]})"


def _differences_of_surroundings(first: Result, second: Result) -> Iterator[str]:
    """Return other differences, which may be the reason."""
    machines = [result.about["machine"]["description"] for result in (first, second)]
    if machines[0] != machines[1]:
        yield f"- Another machine: {machines[0]}; {machines[1]}"
    versions = [result.about["versions"] for result in (first, second)]
    for name in sorted({*versions[0], *versions[1]}):
        one, two = (known.get(name, "not installed") for known in versions)
        if one != two:
            yield f"- Another version: {name} {one}; {two}"
    for report in first.reports:
        other = second.report(report.name)
        if other is not None and dict(report.settings) != dict(other.settings):
            yield f"- Other settings: {report.name}"
