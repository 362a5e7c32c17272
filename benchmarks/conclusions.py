"""The conclusions of a result: tables, targets and notes, made again from its samples and facts.

Invariant: no conclusion comes from the file, so an older result is shown like a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from benchmarks import browser, build, django_request, request_cost, servers, start
from benchmarks.report import Report
from benchmarks.results import Result, ResultError

__all__ = ["concluded"]

CONCLUDE: Mapping[str, Callable[[Report], None]] = {
    "request_cost": request_cost.conclude,
    "django_request": django_request.conclude,
    "servers": servers.conclude,
    "start": start.conclude,
    "build": build.conclude,
    "browser": browser.conclude,
}


def concluded(result: Result) -> Result:
    """Return a result with new conclusions. Raises `ResultError` if it lacks samples or facts."""
    return replace(result, reports=[_concluded(report) for report in result.reports])


def _concluded(report: Report) -> Report:
    made = replace(report)
    try:
        CONCLUDE[report.name](made)
    except (LookupError, ValueError, TypeError) as error:
        raise ResultError(
            f"{report.name} has not all that its tables are made of: {error!r}; measure again"
        ) from error
    return made
