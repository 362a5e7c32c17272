"""The new release as the manifest has it, and those that are retained beside it.

Invariant: the manifest lists what is there, or will be before it is in force; a release that did not change
keeps its date.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hashserve.builder.compression.variants import PublishedFile
from hashserve.builder.job import BuildJob
from hashserve.builder.output.claims import is_free
from hashserve.builder.releases.earlier_manifests import EarlierManifests, check_place
from hashserve.builder.releases.manifest_paths import folders_of
from hashserve.builder.releases.previous import Place
from hashserve.builder.releases.retention import OldRelease, old_releases, release_of, retained
from hashserve.builder.releases.retrieval import bring_over
from hashserve.builder.report import BuildReport
from hashserve.manifest.model import AssetRecord, Manifest, Release, format_row, release_id

__all__ = ["make_manifest"]


def make_manifest(
    job: BuildJob,
    before: EarlierManifests,
    published: Mapping[str, PublishedFile],
    sizes: Mapping[str, Mapping[str, int]],
    claims: Mapping[str, str],
) -> Manifest:
    """Write down the new release, and those that are retained beside it."""
    settings = job.settings
    paths = {
        job.tree.kept.get(logical_path, logical_path): file.path for logical_path, file in published.items()
    }
    if job.tree.unhashed != "rewritten":
        paths.update((path, path) for path in job.tree.kept)  # Django's templates use that name too
    records = {
        file.path: _record(file, sizes)
        for path, file in published.items()
        if file.path != path or path in job.tree.kept  # the others have no fingerprint
    }
    _count_variants(job.report, records)
    job.report.release = release = release_id(paths)
    candidates = [old for item in before.known for old in old_releases(item, job.now)]
    if len(before.known) > 1:
        candidates.sort(key=lambda old: -old.created)
    old_ones = retained(
        candidates, release=release, keep=settings.keep, keep_days=settings.keep_days, now=job.now
    )
    releases = _retain(job, before.place, old_ones, paths, records, claims)
    return Manifest(
        paths=paths,
        files={path: format_row(record, settings.codings) for path, record in sorted(records.items())},
        codings=tuple(settings.codings),
        release=release,
        created=next((item.created for item in before.known if item.release == release), job.now),
        prefix=settings.prefix,
        releases=releases,
        unhashed=job.tree.unhashed,
        skipped=settings.skip_compress,
    )


def _retain(
    job: BuildJob,
    place: Place | None,
    old_ones: Sequence[OldRelease],
    paths: Mapping[str, str],
    records: dict[str, AssetRecord],
    claims: Mapping[str, str],
) -> tuple[Release, ...]:
    """Bring over what old releases need, add it to ``records``, and write the releases."""
    needed: dict[str, AssetRecord] = {}
    folders = folders_of(claims)
    reported = {finding.path for finding in job.report.findings if finding.kind == "lost"}
    for old in old_ones:
        for path in old.records:
            if path in records or path in needed or path in reported:
                continue
            record = old.records[path]
            if is_free(record, claims, folders):
                needed[path] = record
            else:
                reported.add(path)
                job.find("lost", path, "of a retained release is not served any more: its name is taken")
    whole, findings = bring_over(list(needed.values()), job.output, place, job.counter("retain", len(needed)))
    job.report.findings.extend(findings)
    if findings and job.settings.require_previous:
        check_place(job, place)
    records.update(whole)
    job.report.retained_releases = len(old_ones)
    job.report.retained_files = len(whole)
    return tuple(release_of(old, paths, records) for old in old_ones)


def _count_variants(report: BuildReport, records: Mapping[str, AssetRecord]) -> None:
    """Count the bytes of all variants, and of what they are variants of."""
    for record in records.values():
        for coding, size in record.variants.items():
            report.coded_bytes[coding] += size
            report.coded_source_bytes[coding] += record.size or 0


def _record(file: PublishedFile, sizes: Mapping[str, Mapping[str, int]]) -> AssetRecord:
    return AssetRecord(
        path=file.path, size=file.size, sha256=file.sha256, variants=sizes.get(file.sha256, {})
    )
