"""The check of a published folder, which compares it with its manifest and with itself.

Invariant: nothing is changed and nothing is trusted; every finding has a rule, a place and a remedy.
"""

from __future__ import annotations

from hashserve.check.baseline import write_baseline
from hashserve.check.checker import check
from hashserve.check.findings import CheckFinding
from hashserve.check.report import CheckReport
from hashserve.check.reports.sarif import sarif
from hashserve.check.rule_table import RULES, Level, Rule
from hashserve.settings.check import DEFAULT_MAX_SIZES, CheckSettings

__all__ = [
    "DEFAULT_MAX_SIZES",
    "RULES",
    "CheckFinding",
    "CheckReport",
    "CheckSettings",
    "Level",
    "Rule",
    "check",
    "sarif",
    "write_baseline",
]
