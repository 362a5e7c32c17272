"""The build from end to end: source, references, fingerprint, compress, publish.

Law: nothing is written before everything was read; the manifest is written after everything else.
Same input, same names, on every machine.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence

from hashserve.atomic import write_atomically
from hashserve.build.bringing import bring_over
from hashserve.build.cache import VariantCache
from hashserve.build.fingerprinted import already_fingerprinted
from hashserve.build.graph import Component, Fingerprinted, Source, components, fingerprint
from hashserve.build.import_map import import_map
from hashserve.build.output import Output, read_chunks
from hashserve.build.previous import Place, UnreachableError, place_of
from hashserve.build.report import BuildReport, Finding
from hashserve.build.retention import OldRelease, old_releases, release_of, retained
from hashserve.build.scan import Scanned, Scanner, source_chunks
from hashserve.build.settings import BuildSettings
from hashserve.build.source import SourceFile, walk
from hashserve.build.variants import Published, Variants
from hashserve.codings import CODINGS
from hashserve.digests import digest_of
from hashserve.errors import BuildError, ManifestError, SettingError, SourceError
from hashserve.manifest import MANIFEST_NAME, AssetRecord, Manifest, Release, format_row, release_id

__all__ = ["Progress", "build"]

Progress = Callable[[str, int, int], None]
"""Called with the name of a step, how many of its files are done, and how many there are."""


def build(
    sources: Sequence[str | os.PathLike[str]] | str | os.PathLike[str],
    out: str | os.PathLike[str],
    settings: BuildSettings | None = None,
    *,
    on_progress: Progress = lambda step, done, total: None,
) -> BuildReport:
    """Build the trees ``sources`` (of files with the same path the first's) into the folder ``out``.

    ``out`` then holds each file under its own name and under its fingerprinted one, the variants
    of both, and the manifest. Raises `BuildError` or `SettingError`; whatever is raised, and
    wherever the process is killed, the release that was in ``out`` is served as it was.
    """
    if isinstance(sources, (str, os.PathLike)):
        sources = [sources]
    started = time.monotonic()
    report = BuildReport()
    roots = [os.fspath(source) for source in sources]
    target = os.fspath(out)
    _check_apart(roots, target)
    with Output(target, report) as output:
        _Build(roots, output, settings or BuildSettings(), report, on_progress).run()
    report.seconds = time.monotonic() - started
    return report


def _check_apart(roots: Sequence[str], out: str) -> None:
    real_out = os.path.join(os.path.realpath(out), "")
    for root in roots:
        real_root = os.path.join(os.path.realpath(root), "")
        if real_out.startswith(real_root) or real_root.startswith(real_out):
            raise SettingError("out", out, f"overlaps the source {root}; choose a folder beside it")


class _Build:
    """One build, step by step."""

    def __init__(
        self,
        roots: Sequence[str],
        output: Output,
        settings: BuildSettings,
        report: BuildReport,
        on_progress: Progress,
    ) -> None:
        self.roots = roots
        self.output = output
        self.settings = settings
        self.report = report
        self.progress = on_progress
        self.manifest_path = output.location(MANIFEST_NAME)
        self.place: Place | None = None
        self.now = int(os.environ.get("SOURCE_DATE_EPOCH") or time.time())

    def run(self) -> None:
        """Go through the steps."""
        scanned = self.scan()
        self.fail_if_strict()
        before = self.manifest_in_force()
        previous = self.previous_manifest()
        published = self.publish_fingerprinted(scanned)
        sizes = self.publish_variants(published, [item for item in (before, previous) if item is not None])
        self.publish_unhashed(published, sizes)
        self.publish_import_map(published)
        self.publish_manifest(before, previous, published, sizes)
        self.output.remember()
        self.report.findings.sort(key=lambda finding: (finding.path, finding.line, finding.column))

    def counter(self, step: str, total: int) -> Callable[[], None]:
        done = 0

        def count() -> None:
            nonlocal done
            done += 1
            self.progress(step, done, total)

        return count

    def find(self, kind: str, path: str, message: str) -> None:
        self.report.findings.append(Finding(kind=kind, path=path, message=message))

    def fail_if_strict(self) -> None:
        warnings = self.report.warnings
        if self.settings.strict and warnings:
            listed = "\n".join(f"  {finding}" for finding in warnings)
            raise BuildError(
                ", ".join(self.roots),
                f"{len(warnings)} findings, and strict is set: nothing was published\n{listed}\n",
                "mend them, or build without strict",
            )

    # What was there before

    def manifest_in_force(self) -> Manifest | None:
        """Load the manifest that is in the output; a broken one is reported and built over."""
        try:
            return Manifest.load(self.manifest_path)
        except FileNotFoundError:
            return None
        except (OSError, ManifestError) as error:
            self.find("broken-manifest", self.manifest_path, f"is not used: {error}; its releases are lost")
            return None

    def previous_manifest(self) -> Manifest | None:
        """Load the manifest of the release that ``previous`` names; none is a warning, or a failure."""
        where = self.settings.previous
        if where is None:
            return None
        place = place_of(where, self.settings.prefix)
        try:
            manifest = place.manifest()
        except (UnreachableError, ManifestError) as error:
            if self.settings.require_previous:
                remedy = "check --previous, or build without --require-previous"
                raise BuildError(where, f"holds no previous release: {error}", remedy) from error
            self.find("previous", where, f"is not brought over: {error}")
            return None
        self.place = place
        return manifest

    # Reading

    def scan(self) -> dict[str, Scanned]:
        files = walk(
            self.roots,
            ignore=self.settings.ignore,
            on_skip=lambda path, reason: self.find("skipped", path, reason),
        )
        if not files:
            raise BuildError(", ".join(self.roots), "holds no files", "name the folder of your static files")
        paths = [file.logical_path for file in files]
        self.check_names(files)
        self.kept = already_fingerprinted(self.roots, paths, self.settings.already_hashed)
        scanner = Scanner(
            frozenset(paths),
            self.settings.fingerprinter,
            prefix=self.settings.prefix,
            js_references=self.settings.js_references,
        )
        count = self.counter("read", len(files))
        scanned = {}
        for file in files:
            scanned[file.logical_path] = found = scanner.scan(file, whole=file.logical_path not in self.kept)
            self.report.findings.extend(found.findings)
            self.report.source_bytes += found.size
            count()
        self.report.files = len(scanned)
        return scanned

    def check_names(self, files: Sequence[SourceFile]) -> None:
        """Report names that a folder cannot hold, or not everywhere, before anything is written."""
        folded: dict[str, SourceFile] = {}
        longest = self.output.longest_name - self.settings.fingerprinter.length - len("..zst")
        for file in files:
            if len(os.fsencode(os.path.basename(file.logical_path))) > longest:
                raise SourceError(file.location, f"has a name of over {longest} bytes", "shorten it")
            other = folded.setdefault(file.logical_path.casefold(), file)
            if other is not file:
                problem = f"differs from {other.location} in case only"
                if self.output.folds_case:
                    raise SourceError(
                        file.location, f"{problem}, and {self.output.root} cannot hold both", "rename it"
                    )
                self.find("case", file.location, f"{problem}: many systems cannot hold both")

    # Publishing

    def publish_fingerprinted(self, scanned: Mapping[str, Scanned]) -> dict[str, Published]:
        """Put every file under its fingerprinted name; what is referred to comes first."""
        graph = {path: [link.internal.logical_path for link in file.links] for path, file in scanned.items()}
        published: dict[str, Published] = {}
        paths: dict[str, str] = {}
        count = self.counter("publish", len(scanned))
        for component in components(graph):
            for logical_path, file in self.publish_component(component, scanned, paths):
                published[logical_path] = file
                paths[logical_path] = file.path
                count()
        return {path: published[path] for path in scanned}

    def publish_component(
        self, component: Component, scanned: Mapping[str, Scanned], paths: Mapping[str, str]
    ) -> list[tuple[str, Published]]:
        only = scanned[component.members[0]]
        if not component.is_cyclic and not only.links:
            return [(only.logical_path, self.publish_as_it_is(only))]
        made = fingerprint(component, lambda path: _source(scanned[path]), paths, self.settings.fingerprinter)
        self.report.rewritten_references += sum(len(scanned[path].links) for path in component.members)
        return [(item.logical_path, self.publish_rewritten(item)) for item in made]

    def publish_as_it_is(self, file: Scanned) -> Published:
        path = file.logical_path
        if path not in self.kept:
            path = self.settings.fingerprinter.insert(path, file.token)
        self.output.put(path, source_chunks(file), file.sha256)
        return Published(path=path, size=file.size, sha256=file.sha256)

    def publish_rewritten(self, item: Fingerprinted) -> Published:
        sha256 = digest_of([item.content])
        self.output.put(item.path, [item.content], sha256)
        return Published(path=item.path, size=len(item.content), sha256=sha256)

    def publish_variants(
        self, published: Mapping[str, Published], manifests: Sequence[Manifest]
    ) -> Mapping[str, Mapping[str, int]]:
        """Put the variants of every fingerprinted file beside it; gives their sizes by SHA-256."""
        cache = None if self.settings.cache is None else VariantCache(self.settings.cache)
        variants = Variants(
            self.output, self.report, self.settings.codings, known=manifests, place=self.place, cache=cache
        )
        contents = len({file.sha256 for file in published.values()})
        return variants.make(published.values(), self.counter("compress", contents))

    def publish_unhashed(
        self, published: Mapping[str, Published], sizes: Mapping[str, Mapping[str, int]]
    ) -> None:
        """Put every file, and its variants, under its own name too."""
        for logical_path, file in published.items():
            if logical_path == file.path:
                continue
            self.output.put(logical_path, read_chunks(self.output.location(file.path)), file.sha256)
            for coding in CODINGS.values():
                variant = logical_path + coding.suffix
                if variant in published:
                    continue  # a file of the source tree that is called so
                if coding.name not in sizes.get(file.sha256, {}):
                    self.output.remove(variant)
                    continue
                self.output.remove_if_older(variant, logical_path)
                content = read_chunks(self.output.location(file.path + coding.suffix))
                self.output.put(variant, content, file.sha256, coding.name)

    def publish_import_map(self, published: Mapping[str, Published]) -> None:
        location = self.settings.import_map
        if location is None:
            return
        text = import_map(published, self.settings.import_map_bare, self.settings.prefix).encode()
        try:
            if not _has(location, text):
                write_atomically(location, [text])
        except OSError as error:
            raise BuildError(location, f"cannot be written: {error.strerror}", "check its folder") from error

    def publish_manifest(
        self,
        before: Manifest | None,
        previous: Manifest | None,
        published: Mapping[str, Published],
        sizes: Mapping[str, Mapping[str, int]],
    ) -> None:
        """Put the new release in force, unless it is already."""
        paths = {
            self.kept.get(logical_path, logical_path): file.path for logical_path, file in published.items()
        }
        records = {file.path: _record(file, sizes) for file in published.values()}
        self.count_variants(records)
        release = release_id(paths)
        candidates = [
            old for item in (before, previous) if item is not None for old in old_releases(item, self.now)
        ]
        settings = self.settings
        old_ones = retained(
            candidates, release=release, keep=settings.keep, keep_days=settings.keep_days, now=self.now
        )
        releases = self.retain(old_ones, paths, records)
        self.report.release = release
        is_same = before is not None and before.release == release
        manifest = Manifest(
            paths=paths,
            files={path: format_row(record, settings.codings) for path, record in sorted(records.items())},
            codings=tuple(settings.codings),
            release=release,
            created=before.created if before is not None and is_same else self.now,
            prefix=settings.prefix,
            releases=releases,
        )
        if before is None or manifest.dumps() != before.dumps():
            self.write_manifest(manifest)

    def count_variants(self, records: Mapping[str, AssetRecord]) -> None:
        for record in records.values():
            for coding, size in record.variants.items():
                self.report.coded_bytes[coding] += size
                self.report.coded_source_bytes[coding] += record.size or 0

    def retain(
        self, old_ones: Sequence[OldRelease], paths: Mapping[str, str], records: dict[str, AssetRecord]
    ) -> tuple[Release, ...]:
        """Bring over what old releases need, add it to ``records``, and write the releases."""
        needed = {
            path: record for old in old_ones for path, record in old.records.items() if path not in records
        }
        whole, findings = bring_over(list(needed.values()), self.output, self.place)
        self.report.findings.extend(findings)
        records.update(whole)
        self.report.retained_releases = len(old_ones)
        self.report.retained_files = len(whole)
        return tuple(release_of(old, paths, records) for old in old_ones)

    def write_manifest(self, manifest: Manifest) -> None:
        try:
            manifest.write(self.manifest_path)
        except OSError as error:
            raise BuildError(
                self.manifest_path,
                f"cannot be written: {error.strerror}",
                "make room, or check the permissions; the release in force is untouched",
            ) from error


def _source(file: Scanned) -> Source:
    content = b"".join(source_chunks(file))
    return Source(content=content, links=tuple(file.links))


def _record(file: Published, sizes: Mapping[str, Mapping[str, int]]) -> AssetRecord:
    return AssetRecord(
        path=file.path, size=file.size, sha256=file.sha256, variants=sizes.get(file.sha256, {})
    )


def _has(location: str, content: bytes) -> bool:
    try:
        with open(location, "rb") as stream:
            return stream.read() == content
    except FileNotFoundError:
        return False
