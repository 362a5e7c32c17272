"""What a build reports: how far it is, what it did, what it found wrong, and how long it took.

Invariant: every figure is counted where the thing happens; nothing is estimated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

__all__ = ["BuildFinding", "BuildReport", "Progress"]

Progress = Callable[[str, int, int], None]
"""Called with the name of a step, the number of files that it has done, and the number of all its files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildFinding:
    """A problem that a build found: its kind, its place, and what is wrong.

    ``line`` and ``column`` count from 1; they are 0 where the finding is about the whole file. A ``quiet``
    finding changes nothing for a page (a missing source map).
    """

    kind: str
    path: str
    message: str
    line: int = 0
    column: int = 0
    quiet: bool = False

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}:{self.column}" if self.line else self.path
        return f"{place}: {self.message}"


@dataclass(slots=True, kw_only=True)
class BuildReport:
    """The outcome of one build.

    ``release`` is the id of the release in force now. ``files`` and ``source_bytes`` count the
    source tree; ``coded_bytes`` counts the variants of the fingerprinted files, by coding, and
    ``coded_source_bytes`` the files that they are variants of. ``written`` and ``reused`` count files in the
    output. ``seconds`` is wall-clock time.
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
    retained_releases: int = 0
    retained_files: int = 0
    findings: list[BuildFinding] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, kind: str, path: str, message: str) -> None:
        """Report a finding about a whole file."""
        self.findings.append(BuildFinding(kind=kind, path=path, message=message))

    @property
    def warnings(self) -> list[BuildFinding]:
        """The findings that are not quiet."""
        return [finding for finding in self.findings if not finding.quiet]

    def as_json(self) -> Mapping[str, Any]:
        """Return the report as values that JSON can hold."""
        counts = {"coded_bytes": dict(self.coded_bytes), "coded_source_bytes": dict(self.coded_source_bytes)}
        findings = [asdict(finding) for finding in self.findings]
        others = {item.name: getattr(self, item.name) for item in fields(self)}
        return {**others, **counts, "findings": findings}
