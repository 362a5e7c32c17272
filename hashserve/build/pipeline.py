"""The build from end to end: source, references, fingerprint, compress, publish.

Law: nothing is written before everything was read; the manifest is written after everything else.
Same input, same names, on every machine.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from hashserve.build.cache import VariantCache
from hashserve.build.compress import DEFAULT_CODINGS
from hashserve.build.fingerprint import Fingerprinter
from hashserve.build.graph import Component, Fingerprinted, Source, components, fingerprint
from hashserve.build.output import Output, read_chunks
from hashserve.build.report import BuildReport, Finding
from hashserve.build.retention import DEFAULT_KEEP, DEFAULT_KEEP_DAYS, old_releases, release_of, retained
from hashserve.build.scan import Scanned, Scanner, source_chunks
from hashserve.build.source import DEFAULT_IGNORE, walk
from hashserve.build.variants import Published, Variants, tried_before
from hashserve.codings import CODINGS
from hashserve.digests import digest_of
from hashserve.errors import BuildError, ManifestError, SettingError
from hashserve.manifest import MANIFEST_NAME, AssetRecord, Manifest, format_row, release_id

__all__ = ["BuildSettings", "Progress", "build"]

Progress = Callable[[str, int, int], None]
"""Called with the name of a step, how many of its files are done, and how many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSettings:
    """How to build; see `build`."""

    prefix: str = "/static/"
    ignore: Sequence[str] = DEFAULT_IGNORE
    codings: Sequence[str] = DEFAULT_CODINGS
    fingerprinter: Fingerprinter = field(default_factory=Fingerprinter)
    js_references: bool = True
    strict: bool = False
    keep: int = DEFAULT_KEEP
    keep_days: float = DEFAULT_KEEP_DAYS
    cache: str | None = None

    def __post_init__(self) -> None:
        if not (self.prefix.startswith("/") and self.prefix.endswith("/")) or "//" in self.prefix:
            raise SettingError("prefix", self.prefix, "must be a URL path that starts and ends with a slash")
        for coding in self.codings:
            if coding not in CODINGS:
                raise SettingError("codings", coding, f"must be among {', '.join(CODINGS)}")
        if self.keep < 1:
            raise SettingError("keep", self.keep, "must be 1 or more: the new release counts")
        if self.keep_days < 0:
            raise SettingError("keep_days", self.keep_days, "must be 0 or more")


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

    def run(self) -> None:
        """Go through the steps."""
        before = self.manifest_in_force()
        scanned = self.scan()
        self.report.findings.sort(key=lambda finding: (finding.path, finding.line, finding.column))
        if self.settings.strict and self.report.warnings:
            first = self.report.warnings[0]
            raise BuildError(
                f"{first}",
                f"{len(self.report.warnings)} findings and strict is set: nothing was published",
                "mend them, or build without strict",
            )
        published = self.publish_fingerprinted(scanned)
        contents = len({file.sha256 for file in published.values()})
        sizes = self.variants(before).make(published.values(), self.counter("compress", contents))
        self.publish_unhashed(published, sizes)
        self.publish_manifest(before, published, sizes)
        self.output.remember()

    def counter(self, step: str, total: int) -> Callable[[], None]:
        done = 0

        def count() -> None:
            nonlocal done
            done += 1
            self.progress(step, done, total)

        return count

    def find(self, kind: str, path: str, message: str) -> None:
        self.report.findings.append(Finding(kind=kind, path=path, message=message))

    def manifest_in_force(self) -> Manifest | None:
        """Load the manifest that is in the output; a broken one is reported and built over."""
        try:
            return Manifest.load(self.manifest_path)
        except FileNotFoundError:
            return None
        except (OSError, ManifestError) as error:
            self.find("broken-manifest", self.manifest_path, f"is not used: {error}; its releases are lost")
            return None

    # Reading

    def scan(self) -> dict[str, Scanned]:
        files = walk(
            self.roots,
            ignore=self.settings.ignore,
            on_skip=lambda path, reason: self.find("skipped", path, reason),
        )
        if not files:
            raise BuildError(", ".join(self.roots), "holds no files", "name the folder of your static files")
        self.check_names([file.logical_path for file in files])
        scanner = Scanner(
            {file.logical_path for file in files},
            self.settings.fingerprinter,
            prefix=self.settings.prefix,
            js_references=self.settings.js_references,
        )
        count = self.counter("read", len(files))
        scanned = {}
        for file in files:
            scanned[file.logical_path] = found = scanner.scan(file)
            self.report.findings.extend(found.findings)
            self.report.source_bytes += found.size
            count()
        self.report.files = len(scanned)
        return scanned

    def check_names(self, paths: Sequence[str]) -> None:
        """Report names that one folder cannot hold on every system."""
        folded: dict[str, str] = {}
        for path in paths:
            other = folded.setdefault(path.casefold(), path)
            if other != path:
                self.find("case", path, f"differs from {other!r} in case only: many systems hold one of them")

    # Publishing

    def publish_fingerprinted(self, scanned: Mapping[str, Scanned]) -> dict[str, Published]:
        """Put every file under its fingerprinted name; what is referred to comes first."""
        graph = {path: [link.internal.logical_path for link in file.links] for path, file in scanned.items()}
        published: dict[str, Published] = {}
        paths: dict[str, str] = {}
        count = self.counter("publish", len(scanned))
        for component in components(graph):
            for item in self.publish_component(component, scanned, paths):
                published[item[0]] = item[1]
                paths[item[0]] = item[1].path
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
        path = self.settings.fingerprinter.insert(file.logical_path, file.token)
        self.output.put(path, source_chunks(file), file.sha256)
        return Published(path=path, size=file.size, sha256=file.sha256)

    def publish_rewritten(self, item: Fingerprinted) -> Published:
        sha256 = digest_of([item.content])
        self.output.put(item.path, [item.content], sha256)
        return Published(path=item.path, size=len(item.content), sha256=sha256)

    def publish_unhashed(
        self, published: Mapping[str, Published], sizes: Mapping[str, Mapping[str, int]]
    ) -> None:
        """Put every file, and its variants, under its own name too."""
        for logical_path, file in published.items():
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

    def variants(self, before: Manifest | None) -> Variants:
        cache = None if self.settings.cache is None else VariantCache(self.settings.cache)
        tried = tried_before(before, self.settings.codings)
        return Variants(self.output, self.report, self.settings.codings, tried=tried, cache=cache)

    def publish_manifest(
        self,
        before: Manifest | None,
        published: Mapping[str, Published],
        sizes: Mapping[str, Mapping[str, int]],
    ) -> None:
        """Put the new release in force, unless it is already."""
        now = int(os.environ.get("SOURCE_DATE_EPOCH") or time.time())
        paths = {logical_path: file.path for logical_path, file in published.items()}
        records = {file.path: _record(file, sizes) for file in published.values()}
        for record in records.values():
            for coding, size in record.variants.items():
                self.report.coded_bytes[coding] += size
                self.report.coded_source_bytes[coding] += record.size or 0
        release = release_id(paths)
        releases = []
        candidates = old_releases(before, now) if before is not None else []
        for old in retained(
            candidates, release=release, keep=self.settings.keep, keep_days=self.settings.keep_days, now=now
        ):
            missing = frozenset(
                path for path in old.paths.values() if not self.is_whole(old.records.get(path))
            )
            records.update((path, old.records[path]) for path in old.paths.values() if path not in missing)
            releases.append(release_of(old, paths, missing))
        self.report.release = release
        self.report.retained_releases = len(releases)
        self.report.retained_files = len(records) - len(published)
        is_same = before is not None and before.release == release
        manifest = Manifest(
            paths=paths,
            files={
                path: format_row(record, self.settings.codings) for path, record in sorted(records.items())
            },
            codings=tuple(self.settings.codings),
            release=release,
            created=before.created if before is not None and is_same else now,
            prefix=self.settings.prefix,
            releases=tuple(releases),
        )
        if before is None or manifest.dumps() != before.dumps():
            self.write_manifest(manifest)

    def is_whole(self, record: AssetRecord | None) -> bool:
        """Whether a retained file is still in the output, as it was; reported if not."""
        if record is None or record.sha256 is None:
            return False
        if self.output.holds(record.path, record.sha256):
            return True
        self.find(
            "lost", record.path, "of a retained release is gone or damaged; its URL is not served any more"
        )
        return False

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
