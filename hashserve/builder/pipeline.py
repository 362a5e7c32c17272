"""The build from end to end: its steps in order, and the values that pass from one to the next.

Invariant: nothing is written before everything is read. No name of the release in force changes before
everything else is done, and the manifest is written last. If the build fails or is killed, the release in
force is served as before. The same input has the same names on every machine.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from hashserve.builder.bundlers.proven_names import recognise_bundlers
from hashserve.builder.bundlers.stated_names import already_fingerprinted, check_unchanged
from hashserve.builder.compression.cache import VariantCache
from hashserve.builder.compression.compressors import COMPRESSED
from hashserve.builder.compression.deltas import DeltaBuild
from hashserve.builder.compression.earlier_variants import EarlierVariants
from hashserve.builder.compression.variants import Variants
from hashserve.builder.compression.versions import Versions
from hashserve.builder.finding_patterns import finding_patterns
from hashserve.builder.naming.fingerprinter import Fingerprinter, Naming
from hashserve.builder.output.folder import OutputFolder, open_output
from hashserve.builder.output.modes import NO_MODES, Modes
from hashserve.builder.output.paths import paths_named_as_deltas
from hashserve.builder.output.plan import PublishedFile, plan_output
from hashserve.builder.publish.fingerprinted_files import write_fingerprinted_files
from hashserve.builder.publish.import_map import check_names_of_map, stage_import_map
from hashserve.builder.publish.type_changes import stage_type_changes
from hashserve.builder.publish.unhashed_files import UnhashedFiles
from hashserve.builder.references.languages import is_page
from hashserve.builder.releases.earlier_deltas import EarlierDeltas
from hashserve.builder.releases.known_releases import KnownReleases, load_known_releases
from hashserve.builder.releases.new_manifest import (
    NewRelease,
    RetainedReleases,
    make_manifest,
    new_release,
    retain_releases,
)
from hashserve.builder.releases.previous import stopped_on_error
from hashserve.builder.releases.retention import build_time
from hashserve.builder.report import FINDING_KINDS, BuildReport, Progress
from hashserve.builder.sources.patterns import Patterns
from hashserve.builder.sources.scanner import ScannedFile, Scanner, module_graph, scan_tree, source_chunks
from hashserve.builder.sources.tree import SourceFile, SourceTree, check_names, source_files
from hashserve.errors import BuildError, SettingError, SourceError
from hashserve.manifest.discovery import MANIFEST_NAME
from hashserve.manifest.model import Manifest, Row
from hashserve.manifest.schema import Unhashed
from hashserve.release_steps import release_steps
from hashserve.settings.build import BuildSettings

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from hashserve.settings.build import BuildArguments

__all__ = ["build", "build_files"]


def build(
    sources: Sequence[str | os.PathLike[str]] | str | os.PathLike[str],
    out: str | os.PathLike[str],
    settings: BuildSettings | None = None,
    *,
    on_progress: Progress = lambda step, done, total: None,
    **changes: Unpack[BuildArguments],
) -> BuildReport:
    """Build the folders ``sources`` into the folder ``out``.

    If two sources have a file at the same path, that of the first is built. ``out`` then holds each file
    under its own name and under its fingerprinted path, the variants of both, and the manifest. ``changes``
    replace values of ``settings``. Raises `BuildError` or `SettingError`. If the build fails or is killed,
    the release that was in ``out`` is served as before.
    """
    if isinstance(sources, (str, os.PathLike)):
        sources = [sources]
    roots = [os.fspath(source) for source in sources]
    target = os.fspath(out)
    settings = (settings or BuildSettings()).replace(**changes)
    _check_places(roots, target, settings)
    report, _ = _build(partial(_find_sources, roots, settings), target, settings, on_progress)
    return report


def build_files(
    files: Sequence[SourceFile],
    out: str | os.PathLike[str],
    settings: BuildSettings,
    *,
    kept: Mapping[str, str],
    collected_first: Collection[str] = (),
    unhashed: Unhashed = "original",
    naming: Naming | None = None,
    patterns: Patterns | None = None,
    modes: Modes = NO_MODES,
    spellings: Mapping[str, str] | None = None,
    on_progress: Progress = lambda step, done, total: None,
) -> tuple[BuildReport, Manifest]:
    """Build ``files``, which a framework has collected, into the folder ``out``.

    They may be in ``out`` already, under their own names, as Django collects them; ``collected_first`` are
    the paths of those that replaced no file there. ``kept`` maps the path of each file that another tool
    fingerprinted to its logical path. ``unhashed`` says what the files' own names hold. ``naming`` replaces
    the fingerprinter. ``patterns`` match references as a framework spells them. ``modes`` are the permissions
    of what is written. ``spellings`` are the names of settings in findings. Returns the manifest of the new
    release too. Raises `BuildError` or `SettingError`, as `build` does.
    """
    target = os.fspath(out)
    _check_places([], target, settings)
    tree = SourceTree(
        where=target,
        files=files,
        kept=kept,
        unhashed=unhashed,
        collected=True,
        collected_first=collected_first,
    )
    if spellings is not None:
        tree = replace(tree, spellings=spellings)
    return _build(lambda: tree, target, settings, on_progress, naming, patterns, modes)


def _find_sources(roots: Sequence[str], settings: BuildSettings) -> SourceTree:
    where = ", ".join(roots)
    found = BuildReport()
    files = source_files(
        roots,
        ignore=settings.ignore,
        follow_symlinks=settings.follow_symlinks,
        on_skip=partial(found.add, "skipped"),
    )
    if not files:
        raise SourceError(where, "holds no files", "name the folder that holds your static files")
    paths = [file.logical_path for file in files]
    kept = already_fingerprinted(roots, paths, settings.already_hashed, settings.bundler_manifests)
    unhashed: Unhashed = "rewritten" if settings.rewrite_unhashed else "original"
    return SourceTree(where=where, files=files, kept=kept, unhashed=unhashed, skipped=found.findings)


def _build(
    find_sources: Callable[[], SourceTree],
    target: str,
    settings: BuildSettings,
    on_progress: Progress,
    naming: Naming | None = None,
    patterns: Patterns | None = None,
    modes: Modes = NO_MODES,
) -> tuple[BuildReport, Manifest]:
    """Find the sources, lock the output, and build a release in it."""
    started = time.monotonic()
    finding_patterns(settings.accept, FINDING_KINDS, "kind")  # before anything is read
    report = BuildReport()
    waits: list[None] = []

    def on_wait() -> None:
        waits.append(None)
        on_progress("wait", 0, 1)

    try:
        tree = find_sources()  # first of all: a build without sources leaves no trace in the output
        with open_output(target, report, wait_seconds=settings.wait, on_wait=on_wait, modes=modes) as output:
            if waits:
                on_progress("wait", 1, 1)
                tree = find_sources()  # they may have changed meanwhile
            report.findings.extend(tree.skipped)
            manifest = _build_release(tree, output, settings, report, on_progress, naming, patterns)
    except OSError as error:
        # Expected failures raise a `BuildError` that says more. Others must not look like a defect.
        where = error.filename if isinstance(error.filename, str) else target
        raise BuildError(
            where, f"failed: {error.strerror or error}", "the release in force is unchanged"
        ) from error
    report.seconds = time.monotonic() - started
    return report, manifest


def _build_release(
    tree: SourceTree,
    output: OutputFolder,
    settings: BuildSettings,
    report: BuildReport,
    on_progress: Progress,
    naming: Naming | None,
    patterns: Patterns | None,
) -> Manifest:
    """Build a release into the locked output, step by step; returns its manifest.

    Sources -> references -> fingerprinted files -> variants -> plan of the output -> manifest -> staged files
    under their own names -> switch.
    """
    now = build_time()
    naming = naming or Fingerprinter.of(settings)
    paths = frozenset(file.logical_path for file in tree.files)
    known_releases = load_known_releases(output.location(MANIFEST_NAME), settings, report)
    tree = recognise_bundlers(tree, known_releases.manifests, known_releases.in_force, report)
    # Stopped first, because on exit the variants wait for their threads.
    with (
        _variants(output, settings, report, known_releases) as variants,
        stopped_on_error(known_releases.previous),
    ):
        check_names(tree.files, output, naming, report)
        if settings.import_map is not None:
            check_names_of_map(settings, paths)
        scanner = Scanner(
            paths,
            naming,
            prefix=settings.prefix,
            js_references=settings.js_references,
            patterns=patterns,
            html=settings.html,
            leave_references=settings.leave_references,
        )
        compress_early = partial(_compress_early, variants, tree.unhashed)
        scanned = scan_tree(tree, scanner, report, on_scanned=compress_early, on_progress=on_progress)
        _fail_if_strict(tree, settings, report)
        check_unchanged(tree.kept, scanned, known_releases.manifests, report)
        interim = stage_type_changes(scanned, tree.kept, known_releases.in_force, output, report)
        published = write_fingerprinted_files(scanned, naming, output, variants, on_progress)
        unhashed = UnhashedFiles(tree, scanned, published, known_releases)
        originals = unhashed.stage_other_contents(output)
        sizes = variants.make(published.values(), on_progress, staged=originals)
    plan = plan_output(published, unhashed.files, sizes)
    release = new_release(tree, published, sizes)
    retained = retain_releases(
        release, known_releases, plan, output, settings, report, now=now, on_progress=on_progress
    )
    deltas = _deltas(release, retained, known_releases, plan, output, settings, report, on_progress)
    rows = unhashed.rows(sizes, plan, settings.codings)
    modules = module_graph(scanned)
    manifest = make_manifest(
        tree, release, retained, rows, known_releases, settings, deltas=deltas, modules=modules, now=now
    )
    unhashed.stage(output, sizes, plan, report)
    _fail_if_strict(tree, settings, report)
    import_map = stage_import_map(published, modules, settings)
    output.publish(None if manifest == known_releases.in_force else manifest, interim=interim)
    output.save_state()
    if import_map is not None:
        # Last: an import map that is older than the release names files that are retained, but one that is
        # newer names files that no manifest lists.
        os.replace(*import_map)
    _complete(report, release, retained, manifest)
    return manifest


def _deltas(
    release: NewRelease,
    retained: RetainedReleases,
    known_releases: KnownReleases,
    plan: Mapping[str, str],
    output: OutputFolder,
    settings: BuildSettings,
    report: BuildReport,
    on_progress: Progress,
) -> Mapping[str, Sequence[Row]] | None:
    """Make the deltas of the new release's files; None if the settings want none."""
    if not settings.deltas:
        return None
    in_force = known_releases.in_force
    taken = plan.keys() if in_force is None else plan.keys() | paths_named_as_deltas(in_force)
    versions = Versions(release.paths, retained.releases, {**release.records, **retained.records})
    cache = None if settings.cache is None else VariantCache(settings.cache)
    earlier = EarlierDeltas(known_releases)
    return DeltaBuild(output, report, cache, earlier).make(versions, taken, settings.deltas, on_progress)


def _variants(
    output: OutputFolder, settings: BuildSettings, report: BuildReport, known_releases: KnownReleases
) -> Variants:
    skipped = COMPRESSED if settings.skip_compress is None else frozenset(settings.skip_compress)
    return Variants(
        output,
        report,
        settings.codings,
        EarlierVariants(
            known_releases.manifests,
            settings.codings,
            previous=known_releases.previous,
            foreign=known_releases.foreign,
            cache=None if settings.cache is None else VariantCache(settings.cache),
            skipped=skipped,
        ),
        skipped=skipped,
    )


def _compress_early(variants: Variants, unhashed: Unhashed, file: ScannedFile) -> None:
    """Begin to compress a file that will be published as it is."""
    if file.links and (unhashed != "original" or is_page(file.logical_path)):
        return
    # Where references are rewritten, only the file's own name has the original content.
    path = file.logical_path if file.links else file.path
    variants.begin(PublishedFile(path=path, size=file.size, sha256=file.sha256), partial(source_chunks, file))


_OF_OTHER_RELEASES = frozenset({"broken-manifest", "previous", "lost", "delta"})
"""Kinds of findings that no change of the source corrects: a strict build does not fail for them."""


def _fail_if_strict(tree: SourceTree, settings: BuildSettings, report: BuildReport) -> None:
    """Raise `BuildError` if the settings are strict, and there is a finding that is not accepted."""
    report.spell(tree.spellings)
    report.accept(finding_patterns(settings.accept, FINDING_KINDS, "kind"))
    if not settings.strict:
        return
    warnings = [str(item) for item in report.warnings if item.kind not in _OF_OTHER_RELEASES]
    if warnings:
        findings, them = ("1 finding", "it") if len(warnings) == 1 else (f"{len(warnings)} findings", "them")
        raise BuildError(
            tree.where,
            f"nothing was published: the build is strict and has {findings}",
            f"correct {them}, or build without {{setting:strict}}, or name {them} in {{setting:accept}}:",
            [f"  {warning}" for warning in warnings],
        )


def _complete(
    report: BuildReport, release: NewRelease, retained: RetainedReleases, manifest: Manifest
) -> None:
    """Add to the report what was published, and sort its findings."""
    report.release = release.id
    report.retained_releases = len(retained.releases)
    report.retained_files = len(retained.records)
    for record in release.records.values():
        for coding, size in record.variants.items():
            report.coded_bytes[coding] += size
            report.coded_source_bytes[coding] += record.size or 0
    step = next(release_steps(manifest), None)
    if step is not None:
        report.changed_files = len(step.files)
        report.changed_bytes, report.changed_bytes_with_deltas = step.best_bytes, step.delta_bytes
    report.findings.sort(key=lambda finding: (finding.path, finding.line, finding.column))


def _check_places(roots: Sequence[str], target: str, settings: BuildSettings) -> None:
    """Raise `SettingError` if one folder that the build uses lies in another."""
    places = [(f"the source {root}", root) for root in roots]
    for name, root in places:
        _check_apart("out", target, name, root)
    places.append((f"the output {target}", target))
    for setting, place in (("cache", settings.cache), ("import_map", settings.import_map)):
        if place is not None:
            for name, other in places:
                _check_apart(setting, place, name, other)


def _check_apart(setting: str, folder: str, other_name: str, other: str) -> None:
    real, real_other = os.path.join(os.path.realpath(folder), ""), os.path.join(os.path.realpath(other), "")
    if real.startswith(real_other) or real_other.startswith(real):
        raise SettingError(setting, folder, f"overlaps {other_name}; choose a folder outside of it")
