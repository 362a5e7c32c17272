"""The report of a check: what was read, and what was found.

Invariant: the same folder has the same report, in the same order, on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hashserve.check.acceptance import Acceptance, AcceptedFinding
from hashserve.check.baseline import BaselineEntry
from hashserve.check.dictionary_grades import DictionaryGrade
from hashserve.check.findings import CheckFinding
from hashserve.check.rule_table import Level

__all__ = ["CheckReport"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """The result of one check.

    * ``files``, ``variants``, ``deltas``: how many were read; ``size``: their bytes together;
    * ``releases``: how many the manifest has, with the one in force;
    * ``grades``: which files are dictionaries, None if the build makes no deltas;
    * ``acceptance``: the findings by whether they are accepted.
    """

    out: str
    release: str
    releases: int
    files: int
    variants: int
    deltas: int
    size: int
    grades: tuple[DictionaryGrade, ...] | None = None
    acceptance: Acceptance = field(default_factory=Acceptance)

    @property
    def findings(self) -> tuple[CheckFinding, ...]:
        """What is not accepted, in the order of path, line, column and rule."""
        return self.acceptance.findings

    @property
    def accepted(self) -> tuple[AcceptedFinding, ...]:
        """What is accepted, in the same order, each with what accepts it."""
        return self.acceptance.accepted

    @property
    def gone(self) -> tuple[tuple[BaselineEntry, int], ...]:
        """The known findings that were not found, and how many of each."""
        return self.acceptance.gone

    @property
    def known(self) -> list[CheckFinding]:
        """What a new baseline would hold: all that no pattern accepts."""
        return [*self.findings, *(item.finding for item in self.accepted if item.is_known)]

    def count(self, level: Level) -> int:
        """Return the number of findings of one level."""
        return sum(item.level is level for item in self.findings)

    def is_failure(self, *, strict: bool = False) -> bool:
        """Whether there are errors, or with ``strict`` errors or warnings."""
        return self.count(Level.ERROR) > 0 or (strict and self.count(Level.WARNING) > 0)
