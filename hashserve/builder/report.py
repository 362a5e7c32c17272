"""What a build reports: how far it is, what it did, what it found wrong, and how long it took.

Invariant: every figure is counted where the thing happens; nothing is estimated.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from hashserve.builder.finding_patterns import FindingPattern
from hashserve.errors import spelt_text

__all__ = ["FINDING_KINDS", "BuildFinding", "BuildReport", "Progress"]

_DEEPEST = 32
"""How many ends of a path a pattern is compared with."""

Progress = Callable[[str, int, int], None]
"""Called with the name of a step, the number of files that it has done, and the number of all its files."""


FINDING_KINDS: Mapping[str, str] = {
    "skipped": "a file or link of the source is left out",
    "case": "two names differ only in case or in Unicode form",
    "never-served": "no server answers for a name",
    "missing-reference": "a reference names no file of the source",
    "large": "a file is too large, or too slow, to look for references in it",
    "integrity": "a page states the integrity of a file that the build rewrites",
    "variant-name": "a source file has the name of a variant that the build makes",
    "bundler-name": "a name looks fingerprinted by a bundler, and gets a second fingerprint",
    "bundler-manifest": "a bundler's manifest in the source cannot be used",
    "changed-fingerprinted": "a file has other content under its fingerprinted name than before",
    "lost": "a file of an older release cannot be kept",
    "delta": "a delta against an older version of a file cannot be made",
    "previous": "the previous release cannot be read, or breaks a rule",
    "broken-manifest": "the manifest in the output cannot be read",
}
"""What each kind of finding means. That never changes, because projects accept findings by kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildFinding:
    """A problem that a build found: its kind, its place, and what is wrong.

    ``line`` and ``column`` count from 1; they are 0 where the finding is about the whole file. A ``quiet``
    finding changes nothing for a page (a missing source map); an ``accepted`` one is known to the project.
    """

    kind: str
    path: str
    message: str
    line: int = 0
    column: int = 0
    quiet: bool = False
    accepted: bool = False

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}:{self.column}" if self.line else self.path
        return f"{place}: {self.message}"


@dataclass(slots=True, kw_only=True)
class BuildReport:
    """The outcome of one build.

    ``release`` is the id of the release in force now. ``files`` and ``source_bytes`` count the
    source tree; ``coded_bytes`` counts the variants of the fingerprinted files, by coding, and
    ``coded_source_bytes`` the files that they are variants of. ``written`` and ``reused`` count files in the
    output; ``compressed`` and ``deltas_made`` count variants and deltas that could not be reused.
    ``changed_files`` are those that a visitor of the last release downloads: ``changed_bytes`` in their
    smallest variants, ``changed_bytes_with_deltas`` with deltas. ``seconds`` is wall-clock time.
    """

    release: str = ""
    files: int = 0
    source_bytes: int = 0
    rewritten_references: int = 0
    written: int = 0
    reused: int = 0
    coded_bytes: Counter[str] = field(default_factory=Counter)
    coded_source_bytes: Counter[str] = field(default_factory=Counter)
    compressed: int = 0
    deltas_made: int = 0
    changed_files: int = 0
    changed_bytes: int = 0
    changed_bytes_with_deltas: int = 0
    retained_releases: int = 0
    retained_files: int = 0
    findings: list[BuildFinding] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, kind: str, path: str, message: str) -> None:
        """Report a finding about a whole file."""
        self.findings.append(BuildFinding(kind=kind, path=path, message=message))

    @property
    def warnings(self) -> list[BuildFinding]:
        """The findings that are neither quiet nor accepted."""
        return [finding for finding in self.findings if not (finding.quiet or finding.accepted)]

    def spell(self, names: Mapping[str, str]) -> None:
        """Spell the settings that findings mention, ``{setting:keep}``, as those who build write them."""
        for number, finding in enumerate(self.findings):
            if "{setting:" in finding.message:
                self.findings[number] = replace(finding, message=spelt_text(finding.message, names))

    def accept(self, patterns: Sequence[FindingPattern]) -> None:
        """Mark each finding that a pattern accepts, by its whole path or by the end of it."""
        for number, finding in enumerate(self.findings):
            path = finding.path.replace(os.sep, "/")
            parts = path.split("/")
            ends = ["/".join(parts[start:]) for start in range(max(0, len(parts) - _DEEPEST), len(parts))]
            if any(pattern.accepts(finding.kind, path, *ends) for pattern in patterns):
                self.findings[number] = replace(finding, accepted=True)

    def as_json(self) -> Mapping[str, Any]:
        """Return the report as values that JSON can hold."""
        counts = {"coded_bytes": dict(self.coded_bytes), "coded_source_bytes": dict(self.coded_source_bytes)}
        findings = [asdict(finding) for finding in self.findings]
        others = {item.name: getattr(self, item.name) for item in fields(self)}
        return {**others, **counts, "findings": findings}
