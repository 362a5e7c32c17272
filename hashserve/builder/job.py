"""What a build is to do: of which files, where to, and how; and whom it tells of what it does.

Invariant: nothing of it changes while the build goes on, but for the report and the output.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from hashserve.builder.naming.fingerprinter import Naming
from hashserve.builder.output.writer import Output
from hashserve.builder.releases.retention import moment
from hashserve.builder.report import BuildFinding, BuildReport
from hashserve.builder.settings import BuildSettings
from hashserve.builder.sources.scanner import Patterns
from hashserve.builder.sources.walk import SourceFile
from hashserve.manifest.model import Unhashed

__all__ = ["BuildJob", "Progress", "SourceTree"]

Progress = Callable[[str, int, int], None]
"""Called with the name of a step, how many of its files are done, and how many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTree:
    """What a build takes in.

    ``where`` tells people of the place. ``kept`` has the logical path of every one of ``files`` that
    another tool fingerprinted, by its path. ``unhashed`` says what the output holds under each file's
    own name.
    """

    where: str
    files: Sequence[SourceFile]
    kept: Mapping[str, str]
    unhashed: Unhashed = "rewritten"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildJob:
    """One build of ``tree`` into ``output``.

    ``naming`` gives the fingerprinted names; ``patterns`` match references as a framework spells them.
    ``now`` dates the release, in seconds since the epoch.
    """

    tree: SourceTree
    output: Output
    settings: BuildSettings
    report: BuildReport
    on_progress: Progress
    naming: Naming
    patterns: Patterns | None = None
    now: int = field(default_factory=moment)

    def counter(self, step: str, total: int) -> Callable[[], None]:
        """Give what tells of one more file that a step is done with."""
        done = 0

        def count() -> None:
            nonlocal done
            done += 1
            self.on_progress(step, done, total)

        return count

    def find(self, kind: str, path: str, message: str) -> None:
        """Report a finding about a whole file."""
        self.report.findings.append(BuildFinding(kind=kind, path=path, message=message))
