"""A report as JSON, for programs.

Invariant: a member keeps its name and its meaning as long as `SCHEMA` stays the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hashserve.check.dictionary_grades import DictionaryGrade, reason_counts
from hashserve.check.findings import CheckFinding
from hashserve.check.report import CheckReport
from hashserve.check.rule_table import Level
from hashserve.visible_text import visible

__all__ = ["SCHEMA", "json_report"]

SCHEMA = 1
"""The version of the format; it grows when a member changes its meaning or is removed."""


def json_report(report: CheckReport, *, lists_dictionaries: bool = False) -> Mapping[str, Any]:
    """Return a report as JSON values; with ``lists_dictionaries``, it has the grade of each file."""
    return {
        "schema": SCHEMA,
        "out": visible(report.out),
        "release": report.release or None,
        "releases": report.releases,
        "files": report.files,
        "variants": report.variants,
        "deltas": report.deltas,
        "bytes": report.size,
        "dictionaries": None if report.grades is None else _dictionaries(report.grades, lists_dictionaries),
        "summary": {level.value: report.count(level) for level in Level},
        "findings": [_finding(item) for item in report.findings],
        "accepted": [{**_finding(item.finding), "accepted_by": visible(item.by)} for item in report.accepted],
        "gone": [{**entry._asdict(), "count": count} for entry, count in report.gone],
        "idle_patterns": list(report.acceptance.idle),
    }


def _dictionaries(grades: Sequence[DictionaryGrade], lists_them: bool) -> Mapping[str, Any]:
    counts = reason_counts(grades)
    facts: dict[str, Any] = {
        "files": len(grades),
        "dictionaries": len(grades) - sum(counts.values()),
        "why_not": counts,
    }
    if lists_them:
        facts["grades"] = [{**grade._asdict(), "path": visible(grade.path)} for grade in grades]
    return facts


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
