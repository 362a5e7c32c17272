"""A report as JSON, for programs.

Invariant: a member keeps its name and its meaning as long as `SCHEMA` stays the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hashserve.check.findings import CheckFinding
from hashserve.check.report import CheckReport
from hashserve.check.rule_table import Level
from hashserve.visible_text import visible

__all__ = ["SCHEMA", "json_report"]

SCHEMA = 1
"""The version of the format; it grows when a member changes its meaning or is removed."""


def json_report(report: CheckReport) -> Mapping[str, Any]:
    """Return a report as JSON values."""
    return {
        "schema": SCHEMA,
        "out": visible(report.out),
        "release": report.release or None,
        "releases": report.releases,
        "files": report.files,
        "variants": report.variants,
        "deltas": report.deltas,
        "bytes": report.size,
        "summary": {level.value: report.count(level) for level in Level},
        "findings": [_finding(item) for item in report.findings],
        "accepted": [{**_finding(item.finding), "accepted_by": visible(item.by)} for item in report.accepted],
        "gone": [{**entry._asdict(), "count": count} for entry, count in report.gone],
        "idle_patterns": list(report.acceptance.idle),
    }


def _finding(item: CheckFinding) -> Mapping[str, Any]:
    return {
        "rule": item.rule,
        "level": item.level.value,
        "path": visible(item.path),
        "line": item.line or None,
        "column": item.column or None,
        "message": visible(item.message),
        "remedy": item.remedy,
    }
