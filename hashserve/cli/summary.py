"""The report of a build as text, for ``hashserve build`` and Django's ``collectstatic``.

Invariant: the summary is short. It shows some warnings of each kind, and says how to list all findings.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hashserve.cli.terminal import counted, human_bytes
from hashserve.visible_text import visible

if TYPE_CHECKING:
    from hashserve.builder import BuildFinding, BuildReport

__all__ = ["SHOWN_PER_KIND", "summary", "summary_lines"]

SHOWN_PER_KIND = 20
"""How many findings of a kind a summary shows. A package with half its files missing causes thousands."""


def summary(report: BuildReport, out: str, *, listing: str = "--json", lists_all: bool = False) -> str:
    """Return a build's report as visible text, one fact a line.

    ``listing`` is the option that lists all findings; with ``lists_all``, this text does.
    """
    lines = summary_lines(report, out, listing=listing, lists_all=lists_all)
    return "\n".join(visible(line) for _, line in lines)


def summary_lines(
    report: BuildReport, out: str, *, listing: str = "--json", lists_all: bool = False
) -> Iterator[tuple[str, str]]:
    """Yield the lines of `summary`, each after the mark that `hashserve.cli.terminal.show` takes."""
    files, rewritten = counted(report.files, "file"), counted(report.rewritten_references, "reference")
    yield (
        "title",
        f"{files}, {human_bytes(report.source_bytes)}, built in {report.seconds:.1f} s into {out}",
    )
    written = f"{report.written:,} written" if report.written else "nothing to write"
    yield "", f"  {written}, {report.reused:,} unchanged, {rewritten} rewritten"
    for coding, size in sorted(report.coded_bytes.items()):
        source = report.coded_source_bytes[coding]
        saved = f"{1 - size / source:.0%} saved"
        yield "", f"  {coding:<5} {human_bytes(size)} instead of {human_bytes(source)}, {saved}"
    if report.retained_releases:
        releases = counted(report.retained_releases, "older release")
        yield "", f"  {releases} still served, with {counted(report.retained_files, 'file')} of their own"
    if report.changed_files:
        yield "", f"  {_returning_visit(report)}"
    yield "right", f"  release {report.release} is in force"
    yield from _finding_lines(report, listing, lists_all=lists_all)


def _returning_visit(report: BuildReport) -> str:
    """Return what a visitor of the last release downloads."""
    files = counted(report.changed_files, "new or changed file")
    without, with_deltas = human_bytes(report.changed_bytes), human_bytes(report.changed_bytes_with_deltas)
    if report.changed_bytes_with_deltas == report.changed_bytes:
        return f"{files}: a visitor of the last release downloads {without}"
    return f"{files}: a visitor of the last release downloads {with_deltas} with deltas, {without} without"


def _finding_lines(report: BuildReport, listing: str, *, lists_all: bool) -> Iterator[tuple[str, str]]:
    kinds: dict[str, list[BuildFinding]] = {}
    for finding in report.warnings:
        kinds.setdefault(finding.kind, []).append(finding)
    if kinds:
        yield "warning", f"{counted(len(report.warnings), 'warning')}:"
    for findings in kinds.values():
        most = len(findings) if lists_all else SHOWN_PER_KIND
        yield from (("", f"  {finding}") for finding in findings[:most])
        if len(findings) > most:
            yield "", f"  and {len(findings) - most:,} more like these; {listing} lists them all"
    accepted = sum(finding.accepted for finding in report.findings)
    if accepted:
        yield "note", f"{counted(accepted, 'finding')} accepted"
    for kind, (one, more) in _QUIET_KINDS.items():
        quiet = [item for item in report.findings if item.quiet and not item.accepted and item.kind == kind]
        if quiet:
            rest = ":" if lists_all else f"; {listing} lists them"
            yield "note", f"{len(quiet):,} {one if len(quiet) == 1 else more}{rest}"
        if lists_all:
            yield from (("", f"  {finding}") for finding in quiet)


_QUIET_KINDS = {
    "missing-reference": (
        "source map that no page loads is missing",
        "source maps that no page loads are missing",
    ),
    "delta": ("delta is not made, because the file is large", "deltas are not made, because files are large"),
}
"""By kind, what a summary says about one quiet finding and about more."""
