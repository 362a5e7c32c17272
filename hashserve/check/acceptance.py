"""Accepted findings: those that a pattern or the baseline of the project accepts.

Invariant: an accepted finding is reported as accepted, and by what; it never vanishes. A pattern that accepts
nothing, and a known finding that is gone, are reported too, so that both lists shrink.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hashserve.builder.finding_patterns import finding_patterns
from hashserve.check.baseline import Baseline, BaselineEntry, entry_of, read_baseline
from hashserve.check.findings import CheckFinding
from hashserve.check.rule_table import RULES, Level

__all__ = ["Acceptance", "AcceptedFinding", "Acceptor"]


class AcceptedFinding(NamedTuple):
    """A finding, and what accepts it: a pattern, or the baseline at that path, which ``is_known`` says."""

    finding: CheckFinding
    by: str
    is_known: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """What is left of some findings, what is accepted of them, and what accepted nothing.

    ``gone`` has the known findings that were not found, with their number; ``idle`` are patterns.
    """

    findings: tuple[CheckFinding, ...] = ()
    accepted: tuple[AcceptedFinding, ...] = ()
    gone: tuple[tuple[BaselineEntry, int], ...] = ()
    idle: tuple[str, ...] = ()


class Acceptor:
    """The patterns and the baseline of a check, read before it begins. Raises `SettingError`."""

    def __init__(self, patterns: Sequence[str], baseline: str | None) -> None:
        self._patterns = finding_patterns(patterns, RULES, "rule")
        self._place = baseline or ""
        self._baseline: Baseline = Baseline() if baseline is None else read_baseline(baseline)

    def accept(self, findings: Iterable[CheckFinding]) -> Acceptance:
        """Split ``findings``, which are in order; of findings with one entry, the first ones are known."""
        left, accepted = [], []
        known = self._baseline.copy()
        idle = dict.fromkeys(pattern.text for pattern in self._patterns)
        for finding in findings:
            pattern = self._pattern_for(finding)
            if pattern is not None:
                idle.pop(pattern, None)
                accepted.append(AcceptedFinding(finding, pattern, is_known=False))
            elif known[entry_of(finding)] > 0 and finding.level is not Level.ERROR:
                known[entry_of(finding)] -= 1
                accepted.append(AcceptedFinding(finding, self._place, is_known=True))
            else:
                left.append(finding)
        gone = tuple(sorted((entry, count) for entry, count in known.items() if count > 0))
        return Acceptance(findings=tuple(left), accepted=tuple(accepted), gone=gone, idle=tuple(idle))

    def _pattern_for(self, finding: CheckFinding) -> str | None:
        for pattern in self._patterns:
            if pattern.accepts(finding.rule, finding.logical_path, finding.path):
                return pattern.text
        return None
