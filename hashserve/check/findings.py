"""Findings, and the report that holds them.

Invariant: the same folder gives the same report, in the same order, on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hashserve.check.rules import RULES, Level

__all__ = ["SCHEMA", "CheckFinding", "CheckReport", "finding", "shown"]

SCHEMA = 1
"""The version of the JSON form; it grows when a member changes its meaning or goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFinding:
    """Something wrong: the id of its rule, its level, the place, what is the matter, what helps.

    ``path`` is relative to the checked folder. ``line`` and ``column`` (in characters) count from 1
    and are 0 where the place is the whole file.
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
        """Give the place as ``path`` or ``path:line:column``, fit to be printed."""
        path = shown(self.path)
        return f"{path}:{self.line}:{self.column}" if self.line else path

    def __str__(self) -> str:
        return f"{self.place}: {self.level.value}: {shown(self.message)}; {self.remedy} [{self.rule}]"

    def as_json(self) -> Mapping[str, Any]:
        """Give the finding as what JSON can hold."""
        return {
            "rule": self.rule,
            "level": self.level.value,
            "path": shown(self.path),
            "line": self.line or None,
            "column": self.column or None,
            "message": shown(self.message),
            "remedy": self.remedy,
        }


def finding(rule: str, path: str, message: str, *, line: int = 0, column: int = 0) -> CheckFinding:
    """Make a finding with the level and the remedy of its rule."""
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
    """The outcome of one check.

    ``files`` and ``variants`` count what was read, and ``size`` their bytes together; ``releases``
    counts those that the manifest has, the one in force included. ``findings`` are in the order of
    their places.
    """

    out: str
    release: str
    releases: int
    files: int
    variants: int
    size: int
    findings: tuple[CheckFinding, ...]

    def count(self, level: Level) -> int:
        """Count the findings of one level."""
        return sum(item.level is level for item in self.findings)

    def is_failure(self, *, strict: bool = False) -> bool:
        """Whether there are errors, or with ``strict`` warnings either."""
        return self.count(Level.ERROR) > 0 or (strict and self.count(Level.WARNING) > 0)

    def as_json(self) -> Mapping[str, Any]:
        """Give the report as what JSON can hold."""
        return {
            "schema": SCHEMA,
            "out": shown(self.out),
            "release": self.release or None,
            "releases": self.releases,
            "files": self.files,
            "variants": self.variants,
            "bytes": self.size,
            "summary": {level.value: self.count(level) for level in Level},
            "findings": [item.as_json() for item in self.findings],
        }


def shown(text: str) -> str:
    """Write text so that it can be printed anywhere: escapes for what is no character or a control."""
    if text.isprintable():
        return text
    escaped = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in escaped)
