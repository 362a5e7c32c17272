"""The new release as the manifest has it, and the older releases that are retained.

Invariant: the manifest lists files that are there, or will be before it is in force; a release that did not
change keeps its date.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hashserve.builder.output.folder import OutputFolder
from hashserve.builder.output.plan import PublishedFile
from hashserve.builder.releases.errors import shortened
from hashserve.builder.releases.known_releases import KnownReleases, check_reachable
from hashserve.builder.releases.needed_files import needed_files
from hashserve.builder.releases.restore import LostFile, restore
from hashserve.builder.releases.retained_deltas import retained_deltas
from hashserve.builder.releases.retention import (
    OldRelease,
    listed_files,
    release_entries,
    retain,
    within_limits,
)
from hashserve.builder.report import BuildReport, Progress
from hashserve.builder.sources.tree import SourceTree
from hashserve.manifest.limits import MOST_OLD_PATHS, MOST_RELEASES
from hashserve.manifest.model import AssetRecord, Manifest, Release, Row, format_row, release_id
from hashserve.module_graph import ModuleGraph
from hashserve.settings.build import BuildSettings

__all__ = ["NewRelease", "RetainedReleases", "make_manifest", "new_release", "retain_releases"]

MOST_REPORTED = 1000
"""How many lost files are reported one by one."""


MOST_FILES_WITH_DELTAS = 200_000
"""How many files have deltas: each takes one of the lists that a manifest may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRelease:
    """The release that is built: its id, and its files.

    ``paths`` has the path of each logical path, ``records`` the record of each fingerprinted path.
    """

    id: str
    paths: Mapping[str, str]
    records: Mapping[str, AssetRecord]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetainedReleases:
    """Older releases that stay served, and the records of those files that the new release does not have.

    ``deltas`` has the rows of the deltas of these files, by fingerprinted path.
    """

    releases: tuple[Release, ...]
    records: Mapping[str, AssetRecord]
    deltas: Mapping[str, Sequence[Row]] = field(default_factory=dict)


def new_release(
    tree: SourceTree, published: Mapping[str, PublishedFile], sizes: Mapping[str, Mapping[str, int]]
) -> NewRelease:
    """Return the release of the files that were ``published``, with the ``sizes`` of their variants."""
    paths = {tree.kept.get(logical_path, logical_path): file.path for logical_path, file in published.items()}
    paths.update((path, path) for path in tree.kept)  # templates use that name too, and a check tells by it
    records = {
        file.path: AssetRecord(
            path=file.path, size=file.size, sha256=file.sha256, variants=sizes.get(file.sha256, {})
        )
        for path, file in published.items()
        if file.path != path or path in tree.kept  # the others have no fingerprint
    }
    return NewRelease(id=release_id(paths), paths=paths, records=records)


def retain_releases(
    release: NewRelease,
    known: KnownReleases,
    plan: Mapping[str, str],
    output: OutputFolder,
    settings: BuildSettings,
    report: BuildReport,
    *,
    now: int,
    on_progress: Progress,
) -> RetainedReleases:
    """Choose the old releases that stay served, and restore their files that the output does not have.

    ``plan`` has the content of each path that the new release has. A file that is lost is reported.
    """
    candidates = [old for manifest in known.manifests for old in known.releases_of(manifest, now)]
    if len(known.manifests) > 1:
        candidates.sort(key=lambda old: -old.created)
    wanted = retain(candidates, release=release.id, keep=settings.keep, keep_days=settings.keep_days, now=now)
    retained, dropped = within_limits(wanted, release.paths)
    if dropped:
        problem = (
            f"is dropped, as are {len(dropped) - 1:,} older ones, because a manifest holds at most "
            f"{MOST_RELEASES:,} old releases with {MOST_OLD_PATHS:,} changed paths together; build with "
            "smaller values of {setting:keep} and {setting:keep_days}"
        )
        report.add("lost", f"release {shortened(dropped[0].id)}", problem)
    already_lost = {finding.path for finding in report.findings if finding.kind == "lost"}
    needed, lost = needed_files(
        retained, release.records, plan, already_lost, settings.already_hashed, known.in_force
    )
    complete, not_restored = restore(list(needed.values()), output, known.previous, on_progress)
    _report_lost([*lost, *not_restored], retained, report)
    if not_restored and settings.require_previous:
        check_reachable(known.previous, settings.previous or "")
    served = {**release.records, **complete}
    releases = tuple(release_entries(retained, release.paths, served))
    deltas: Mapping[str, Sequence[Row]] = {}
    if settings.deltas:
        deltas = retained_deltas(complete, release.records, plan, output, known, settings.deltas)
    return RetainedReleases(releases=releases, records=complete, deltas=deltas)


def _report_lost(lost: Sequence[LostFile], retained: Sequence[OldRelease], report: BuildReport) -> None:
    """Report lost files, each with the newest release that has it; a manifest may list very many."""
    reasons: dict[str, str] = dict(lost[:MOST_REPORTED])
    ids: dict[str, str] = {}
    for path, old in listed_files(retained):
        if path in reasons:
            ids.setdefault(path, old.id)
    for path, reason in reasons.items():
        report.add("lost", shortened(path), f"dropped from release {shortened(ids[path])}: {reason}")
    if len(lost) > len(reasons):
        report.add("lost", "", f"{len(lost) - len(reasons):,} more files of old releases are dropped")


def make_manifest(
    tree: SourceTree,
    release: NewRelease,
    retained_releases: RetainedReleases,
    unhashed_rows: Mapping[str, Row],
    known: KnownReleases,
    settings: BuildSettings,
    *,
    deltas: Mapping[str, Sequence[Row]] | None,
    modules: ModuleGraph,
    now: int,
) -> Manifest:
    """Return the manifest of the new release and of those that are retained.

    ``unhashed_rows`` has a row for each unhashed file whose content is not that of its fingerprinted form.
    ``deltas`` has the rows of the deltas of the new release's files, None if the build makes no deltas.
    """
    records = {**release.records, **retained_releases.records}
    dates = (min(item.created, now) for item in known.manifests if item.release == release.id)
    return Manifest(
        paths=release.paths,
        files={path: format_row(record, settings.codings) for path, record in sorted(records.items())},
        codings=tuple(settings.codings),
        release=release.id,
        created=next(dates, now),
        prefix=settings.prefix,
        releases=retained_releases.releases,
        unhashed=tree.unhashed,
        unhashed_files=unhashed_rows if tree.unhashed == "original" else None,
        skipped=settings.skip_compress,
        # Lists, as in a manifest that is loaded: an unchanged release equals it, and is not written again.
        modules={path: list(imports) for path, imports in modules.items()},
        leave_references=tuple(settings.leave_references),
        deltas=None if deltas is None else _merged(deltas, retained_releases.deltas),
    )


def _merged(*deltas: Mapping[str, Sequence[Row]]) -> dict[str, list[Row]]:
    """Return the rows of all deltas, as in a manifest that is loaded: those of the new release come first."""
    rows: dict[str, list[Row]] = {}
    for part in deltas:
        for path, some in part.items():
            if some and path not in rows and len(rows) < MOST_FILES_WITH_DELTAS:
                rows[path] = list(some)
    return dict(sorted(rows.items()))
