"""The steps of a build, in their order, and what they hand each other.

Invariant: nothing is written before everything was read; no name that the release in force has changes
before everything else is done; the manifest is written last. Same input, same names, on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hashserve.builder.compression.cache import VariantCache
from hashserve.builder.compression.compressors import COMPRESSED
from hashserve.builder.compression.variants import PublishedFile, Variants
from hashserve.builder.job import BuildJob
from hashserve.builder.output.claims import claims_of
from hashserve.builder.publish.fingerprinted_files import Publisher, make_way
from hashserve.builder.publish.import_map import import_map, stage_import_map
from hashserve.builder.publish.unhashed_files import UnhashedFiles
from hashserve.builder.releases.earlier_manifests import EarlierManifests, earlier_manifests_of
from hashserve.builder.releases.new_manifest import make_manifest
from hashserve.builder.sources.reading import check_kept, read
from hashserve.errors import BuildError
from hashserve.manifest.model import Manifest

__all__ = ["run"]

_OF_OTHER_RELEASES = frozenset({"broken-manifest", "previous", "lost"})
"""Kinds of findings that are no fault of the source, and so do not fail a strict build."""


def run(job: BuildJob) -> Manifest:
    """Go through the steps; gives the manifest of the new release."""
    before = earlier_manifests_of(job)
    with _variants_beside(job, before) as variants:
        publisher = Publisher(job, variants)
        scanned = read(job, publisher.begin)
        _fail_if_strict(job)
        check_kept(job, scanned, before.known)
        bridge = make_way(job, scanned, before.in_force)
        published = publisher.publish(scanned)
        unhashed = UnhashedFiles(job, scanned, published)
        sizes = unhashed.publish_variants(variants)
    claims = claims_of(published, unhashed.files, sizes)
    manifest = make_manifest(job, before, published, sizes, claims)
    unhashed.stage(sizes, claims)
    _fail_if_strict(job)
    put_import_map = _staged_import_map(job, published)
    job.output.publish(None if manifest == before.in_force else manifest, bridge=bridge)
    job.output.memory.save(job.output.temporary_folder)
    # Last: a map that is older than its release names files that are retained, one that is newer
    # would name some that no manifest lists.
    put_import_map()
    job.report.findings.sort(key=lambda finding: (finding.path, finding.line, finding.column))
    return manifest


def _variants_beside(job: BuildJob, before: EarlierManifests) -> Variants:
    """Give what makes the variants, and reuses those that earlier manifests and the cache tell of."""
    cache = None if job.settings.cache is None else VariantCache(job.settings.cache)
    skipped = job.settings.skip_compress
    return Variants(
        job.output,
        job.report,
        job.settings.codings,
        known=before.known,
        place=before.place,
        cache=cache,
        skipped=COMPRESSED if skipped is None else frozenset(skipped),
    )


def _fail_if_strict(job: BuildJob) -> None:
    """Raise `BuildError` if anything was found wrong, and the settings are strict."""
    warnings = [item for item in job.report.warnings if item.kind not in _OF_OTHER_RELEASES]
    if job.settings.strict and warnings:
        listed = "\n".join(f"  {finding}" for finding in warnings)
        raise BuildError(
            job.tree.where,
            f"{len(warnings)} findings, and strict is set: nothing was published\n{listed}\n",
            "mend them, or build without strict",
        )


def _staged_import_map(job: BuildJob, published: Mapping[str, PublishedFile]) -> Callable[[], None]:
    """Write the import map beside its place, if one is wanted; gives what puts it there."""
    settings = job.settings
    if settings.import_map is None:
        return lambda: None
    text = import_map(published, settings.import_map_bare, settings.prefix).encode()
    return stage_import_map(settings.import_map, text)
