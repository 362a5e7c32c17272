"""The names of the check that earlier documentation imported from here."""

from __future__ import annotations

from hashserve.check import (
    DEFAULT_MAX_SIZES,
    RULES,
    CheckFinding,
    CheckReport,
    CheckSettings,
    Level,
    Rule,
    check,
    sarif,
)

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
]

Finding = CheckFinding  # its name at the time
