"""Findings: what is wrong with a published folder, where, and what to do.

Invariant: the level and the remedy of a finding are those of its rule.
"""

from __future__ import annotations

from dataclasses import dataclass

from hashserve.check.rule_table import RULES, Level
from hashserve.visible_text import visible

__all__ = ["CheckFinding", "finding"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFinding:
    """One thing that is wrong: the id and the level of its rule, where it is, what it is, what to do.

    ``path`` is relative to the checked folder; ``logical_path`` is the same without fingerprints.
    ``reference`` is the text of the reference that the finding is about, if it is about one. ``line`` and
    ``column`` (in characters) count from 1; they are 0 if the finding is about the whole file.
    """

    rule: str
    level: Level
    path: str
    message: str
    remedy: str
    line: int = 0
    column: int = 0
    reference: str = ""
    logical_path: str = ""

    @property
    def place(self) -> str:
        """The place as printable text: ``path`` or ``path:line:column``."""
        path = visible(self.path)
        return f"{path}:{self.line}:{self.column}" if self.line else path

    def __str__(self) -> str:
        """Return the finding as one line."""
        return f"{self.place}: {self.level.value}: {visible(self.message)}; {self.remedy} [{self.rule}]"


def finding(
    rule: str, path: str, message: str, *, line: int = 0, column: int = 0, reference: str = ""
) -> CheckFinding:
    """Return a finding with the level and the remedy of its rule."""
    return CheckFinding(
        rule=rule,
        level=RULES[rule].level,
        path=path,
        message=message,
        remedy=RULES[rule].remedy,
        line=line,
        column=column,
        reference=reference,
    )
