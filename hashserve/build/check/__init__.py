"""The check: a published folder held against its manifest and against itself.

Law: nothing is changed, nothing is taken on trust; every finding names a rule, a place and a remedy.
"""

from __future__ import annotations

from hashserve.build.check.checker import check
from hashserve.build.check.findings import CheckReport, Finding
from hashserve.build.check.rules import RULES, Level, Rule
from hashserve.build.check.sarif import sarif
from hashserve.build.check.settings import DEFAULT_MAX_SIZES, CheckSettings

__all__ = [
    "DEFAULT_MAX_SIZES",
    "RULES",
    "CheckReport",
    "CheckSettings",
    "Finding",
    "Level",
    "Rule",
    "check",
    "sarif",
]
