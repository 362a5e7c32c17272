"""The analysis of a result: its tables, targets and notes, made from its samples and facts.

Invariant: an analysis never uses the tables in the file, so an older result is shown like a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from benchmarks import browser, build, deltas, django_request, request_cost, servers, start
from benchmarks.report import Report
from benchmarks.results import Result, ResultError

__all__ = ["ANALYSES", "analysed"]

ANALYSES: Mapping[str, Callable[[Report], None]] = {
    "request_cost": request_cost.analyse,
    "django_request": django_request.analyse,
    "servers": servers.analyse,
    "start": start.analyse,
    "build": build.analyse,
    "deltas": deltas.analyse,
    "browser": browser.analyse,
}
"""The function that analyses the report of each benchmark, in the order of the page."""


def analysed(result: Result) -> Result:
    """Return the result with a new analysis. Raises `ResultError` if it lacks samples or facts."""
    return replace(result, reports=[_analysed(report) for report in result.reports])


def _analysed(report: Report) -> Report:
    copy = replace(report)
    try:
        ANALYSES[report.name](copy)
    except (LookupError, ValueError, TypeError) as error:
        raise ResultError(
            f"{report.name} lacks samples or facts for its tables: {error!r}. Measure again."
        ) from error
    return copy
