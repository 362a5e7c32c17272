"""The comparison of two results: the ratios that differ by more than their spreads.

Invariant: only ratios within one run are compared, never times of two runs. In each case, all subjects are
divided by the same one. A ratio differs if its two medians are further apart than both spreads together. A
ratio of fewer than three processes has no spread.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.harness import Series, Summary
from benchmarks.report import markdown_table, quantity
from benchmarks.results import Result
from benchmarks.subjects import HASHSERVE

__all__ = ["Comparison", "comparison_text", "comparisons"]

FEWEST_PROCESSES = 3
"""The number of processes that a spread needs."""

SMALLEST_CHANGE = 0.01
"""Ratios closer than this are equal: equal runs differ in memory by a few pages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One ratio in both results."""

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
        """The largest difference between medians that count as equal, relative to them."""
        return self.first.spread + self.second.spread + SMALLEST_CHANGE

    @property
    def is_judged(self) -> bool:
        """Whether there are enough processes for a spread."""
        return min(self.first.count, self.second.count) >= FEWEST_PROCESSES

    @property
    def differs(self) -> bool:
        """Whether the medians differ by more than the spread."""
        return abs(math.log(self.change)) > math.log1p(self.spread)


def comparisons(first: Result, second: Result) -> Iterator[Comparison]:
    """Yield every ratio that both results have and that is positive in both."""
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
    """Yield case, metric and both subjects of each ratio; the divisor is hashserve, or the first subject."""
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


def comparison_text(first: Result, second: Result) -> str:
    """Return the differences, and the number of equal ratios, as Markdown."""
    found = list(comparisons(first, second))
    judged = [each for each in found if each.is_judged]
    differing = sorted((each for each in judged if each.differs), key=_distance, reverse=True)
    parts = [
        f"# {_name(first)} and {_name(second)}",
        "\n".join(_other_differences(first, second)),
        _count(len(found), len(judged), len(differing)),
    ]
    if differing:
        parts.append(_table(differing))
    return "\n\n".join(part for part in parts if part) + "\n"


def _count(found: int, judged: int, differing: int) -> str:
    return (
        f"Both results have {found:,} ratios. {found - judged:,} were measured fewer than "
        f"{FEWEST_PROCESSES} times and are not judged. Of the others, {judged - differing:,} are equal "
        f"within the spreads and {differing:,} differ."
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


def _other_differences(first: Result, second: Result) -> Iterator[str]:
    """Yield the differences between machines, versions and settings, which may explain the ratios."""
    machines = [result.about["machine"]["description"] for result in (first, second)]
    if machines[0] != machines[1]:
        yield f"- Different machines: {machines[0]}; {machines[1]}"
    versions = [result.about["versions"] for result in (first, second)]
    for name in sorted({*versions[0], *versions[1]}):
        one, two = (known.get(name, "not installed") for known in versions)
        if one != two:
            yield f"- Different versions: {name} {one}; {two}"
    for report in first.reports:
        other = second.report(report.name)
        if other is not None and dict(report.settings) != dict(other.settings):
            yield f"- Different settings: {report.name}"
