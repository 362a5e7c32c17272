"""What a build has to say of itself: what it did, what it found wrong, what it cost.

Invariant: every figure is counted where the thing happens; nothing is estimated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

__all__ = ["BuildFinding", "BuildReport"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildFinding:
    """Something that whoever builds should know of: a kind, a place, and what is the matter.

    ``line`` and ``column`` count from 1 and are 0 where the place is the whole file. A ``quiet``
    one is of no consequence to a page (a missing source map).
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
    source tree; ``coded_bytes`` the variants of the fingerprinted files, by coding, and
    ``coded_source_bytes`` what they are variants of. ``written`` and ``reused`` count files in the
    output. ``seconds`` is by the clock.
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

    @property
    def warnings(self) -> list[BuildFinding]:
        """Give the findings that are not quiet."""
        return [finding for finding in self.findings if not finding.quiet]

    def as_json(self) -> Mapping[str, Any]:
        """Give the report as what JSON can hold."""
        counts = {"coded_bytes": dict(self.coded_bytes), "coded_source_bytes": dict(self.coded_source_bytes)}
        findings = [asdict(finding) for finding in self.findings]
        others = {item.name: getattr(self, item.name) for item in fields(self)}
        return {**others, **counts, "findings": findings}
