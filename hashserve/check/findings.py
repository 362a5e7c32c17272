"""Findings, and the report that holds them.

Invariant: the same folder has the same report, in the same order, on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass

from hashserve.check.rule_table import RULES, Level
from hashserve.visible_text import visible

__all__ = ["CheckFinding", "CheckReport", "finding"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFinding:
    """One thing that is wrong: the id and the level of its rule, where it is, what it is, what to do.

    ``path`` is relative to the checked folder. ``line`` and ``column`` (in characters) count from 1; they are
    0 if the finding is about the whole file.
    """

    rule: str
    level: Level
    path: str
    message: str
    remedy: str
    line: int = 0
    column: int = 0

    @property
    def place(self) -> str:
        """The place as printable text: ``path`` or ``path:line:column``."""
        path = visible(self.path)
        return f"{path}:{self.line}:{self.column}" if self.line else path

    def __str__(self) -> str:
        """Return the finding as one line."""
        return f"{self.place}: {self.level.value}: {visible(self.message)}; {self.remedy} [{self.rule}]"


def finding(rule: str, path: str, message: str, *, line: int = 0, column: int = 0) -> CheckFinding:
    """Return a finding with the level and the remedy of its rule."""
    return CheckFinding(
        rule=rule,
        level=RULES[rule].level,
        path=path,
        message=message,
        remedy=RULES[rule].remedy,
        line=line,
        column=column,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """The result of one check.

    * ``files``, ``variants``: how many were read; ``size``: their bytes together;
    * ``releases``: how many the manifest has, with the one in force;
    * ``findings``: in the order of path, line, column and rule.
    """

    out: str
    release: str
    releases: int
    files: int
    variants: int
    size: int
    findings: tuple[CheckFinding, ...]

    def count(self, level: Level) -> int:
        """Return the number of findings of one level."""
        return sum(item.level is level for item in self.findings)

    def is_failure(self, *, strict: bool = False) -> bool:
        """Whether there are errors, or with ``strict`` errors or warnings."""
        return self.count(Level.ERROR) > 0 or (strict and self.count(Level.WARNING) > 0)
