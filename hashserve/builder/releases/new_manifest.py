"""The new release as the manifest has it, and the older releases that are retained.

Invariant: the manifest lists files that are there, or will be before it is in force; a release that did not
change keeps its date.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hashserve.builder.compression.variants import PublishedFile
from hashserve.builder.output.claims import is_free
from hashserve.builder.output.writer import Output
from hashserve.builder.releases.earlier_manifests import EarlierManifests, check_place
from hashserve.builder.releases.manifest_paths import folders_of
from hashserve.builder.releases.retention import OldRelease, old_releases, release_of, retained
from hashserve.builder.releases.retrieval import bring_over
from hashserve.builder.report import BuildReport, Progress
from hashserve.builder.settings import BuildSettings
from hashserve.builder.sources.tree import SourceTree
from hashserve.manifest.model import AssetRecord, Manifest, Release, format_row, release_id

__all__ = ["NewRelease", "RetainedReleases", "make_manifest", "new_release", "retain_releases"]


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
    """Older releases that stay served, and the records of those files that the new release does not have."""

    releases: tuple[Release, ...]
    records: Mapping[str, AssetRecord]


def new_release(
    tree: SourceTree, published: Mapping[str, PublishedFile], sizes: Mapping[str, Mapping[str, int]]
) -> NewRelease:
    """Return the release of the files that were ``published``, with the ``sizes`` of their variants."""
    paths = {tree.kept.get(logical_path, logical_path): file.path for logical_path, file in published.items()}
    if tree.unhashed != "rewritten":
        paths.update((path, path) for path in tree.kept)  # Django's templates use that name too
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
    earlier: EarlierManifests,
    claims: Mapping[str, str],
    output: Output,
    settings: BuildSettings,
    report: BuildReport,
    *,
    now: int,
    on_progress: Progress,
) -> RetainedReleases:
    """Choose the older releases that stay served, and bring over their files that the output does not have.

    ``claims`` says what each path of the output will hold. A file that cannot be retained is reported.
    """
    candidates = [old for manifest in earlier.known for old in old_releases(manifest, now)]
    if len(earlier.known) > 1:
        candidates.sort(key=lambda old: -old.created)
    old_ones = retained(
        candidates, release=release.id, keep=settings.keep, keep_days=settings.keep_days, now=now
    )
    needed = _needed(old_ones, release, claims, report)
    whole, findings = bring_over(list(needed.values()), output, earlier.place, on_progress)
    report.findings.extend(findings)
    if findings and settings.require_previous:
        check_place(earlier.place, settings.previous or "")
    served = {**release.records, **whole}
    releases = tuple(release_of(old, release.paths, served) for old in old_ones)
    return RetainedReleases(releases=releases, records=whole)


def _needed(
    old_ones: list[OldRelease], release: NewRelease, claims: Mapping[str, str], report: BuildReport
) -> dict[str, AssetRecord]:
    """List the files of old releases that the new one does not have, and report those that it displaces."""
    needed: dict[str, AssetRecord] = {}
    folders = folders_of(claims)
    reported = {finding.path for finding in report.findings if finding.kind == "lost"}
    for old in old_ones:
        for path in old.records:
            if path in release.records or path in needed or path in reported:
                continue
            record = old.records[path]
            if is_free(record, claims, folders):
                needed[path] = record
            else:
                reported.add(path)
                report.add("lost", path, "of a retained release is not served any more: its name is taken")
    return needed


def make_manifest(
    tree: SourceTree,
    release: NewRelease,
    retained_releases: RetainedReleases,
    earlier: EarlierManifests,
    settings: BuildSettings,
    *,
    now: int,
) -> Manifest:
    """Return the manifest of the new release and of those that are retained."""
    records = {**release.records, **retained_releases.records}
    dates = (item.created for item in earlier.known if item.release == release.id)
    return Manifest(
        paths=release.paths,
        files={path: format_row(record, settings.codings) for path, record in sorted(records.items())},
        codings=tuple(settings.codings),
        release=release.id,
        created=next(dates, now),
        prefix=settings.prefix,
        releases=retained_releases.releases,
        unhashed=tree.unhashed,
        skipped=settings.skip_compress,
    )
