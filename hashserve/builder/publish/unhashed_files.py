"""The files of a release under their own names, and their variants.

Invariant: the release in force has these names too, so they keep their contents until the switch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial

from hashserve.builder.chunks import Content, read_chunks
from hashserve.builder.output.folder import OutputFolder
from hashserve.builder.output.plan import PublishedFile, content_key
from hashserve.builder.references.languages import is_page
from hashserve.builder.releases.known_releases import KnownReleases
from hashserve.builder.report import BuildReport
from hashserve.builder.sources.scanner import ScannedFile, source_chunks
from hashserve.builder.sources.tree import SourceTree
from hashserve.http.codings import CODINGS
from hashserve.manifest.model import AssetRecord, Row, format_row

__all__ = ["UnhashedFiles"]


class UnhashedFiles:
    """The files of ``tree`` under their own names, with the ``scanned`` or the ``published`` contents.

    ``files`` has them by logical path: all that have a fingerprinted path too. A page has the published
    content, in which references are rewritten only if that was asked for: people know only its own name.
    """

    def __init__(
        self,
        tree: SourceTree,
        scanned: Mapping[str, ScannedFile],
        published: Mapping[str, PublishedFile],
        known: KnownReleases,
    ) -> None:
        self._unhashed = tree.unhashed
        self._collected = tree.collected
        self._collected_first = tree.collected_first
        self._known = known
        self._scanned = scanned
        self._published = published
        self._named_as_variants = _named_as_variants(scanned)
        # A framework has put these, and the variants that the source has of them, into the output.
        self._precompressed = (
            {path for path, _ in self._named_as_variants.values()}
            if tree.collected and tree.unhashed == "original"
            else set()
        )
        self.files = {
            path: self._file(path, is_rewritten=tree.unhashed == "rewritten" or _is_page(path, tree))
            for path, file in published.items()
            if file.path != path and tree.unhashed != "none"
        }

    def _file(self, path: str, *, is_rewritten: bool) -> PublishedFile:
        content = self._published[path] if is_rewritten else self._scanned[path]
        return PublishedFile(path=path, size=content.size, sha256=content.sha256)

    def stage_other_contents(self, output: OutputFolder) -> dict[PublishedFile, Content]:
        """Stage the files whose content is not the published one; return those that need variants.

        Each is mapped to its content, which is in the source. They are staged before their variants are made,
        because servers take a variant that is older than its file for stale.
        """
        for path, file in self._differing():
            source = source_chunks(self._scanned[path])
            output.stage(path, source, file.sha256, dated_as=self._dated_as(path, file, output))
        return {
            file: partial(source_chunks, self._scanned[path])
            for path, file in self._differing()
            if path not in self._precompressed
        }

    def rows(
        self, sizes: Mapping[str, Mapping[str, int]], plan: Mapping[str, str], codings: Sequence[str]
    ) -> dict[str, Row]:
        """Return a row of the manifest for each file whose content is not the published one.

        ``sizes`` and ``plan`` are those of `stage`.
        """
        return {
            path: format_row(AssetRecord(path, file.size, file.sha256, sizes.get(file.sha256, {})), codings)
            for path, file in sorted(self._differing())
            if plan[path] == content_key(file.sha256)
        }

    def _differing(self) -> Iterator[tuple[str, PublishedFile]]:
        return (item for item in self.files.items() if item[1].sha256 != self._published[item[0]].sha256)

    def stage(
        self,
        output: OutputFolder,
        sizes: Mapping[str, Mapping[str, int]],
        plan: Mapping[str, str],
        report: BuildReport,
    ) -> None:
        """Stage the other files, the variants of these, and the removal of what the release does not have.

        ``sizes`` has the size of each variant by SHA-256 and coding. ``plan`` has the content of each path.
        """
        if self._unhashed == "none":
            self._stage_removals(output)
        for path, file in self.files.items():
            twin = self._published[path]
            # If a variant has the path, the source file has only its fingerprinted path.
            if file.sha256 == twin.sha256 and plan[path] == content_key(file.sha256):
                content = read_chunks(output.location(twin.path))
                output.stage(path, content, file.sha256, dated_as=self._dated_as(path, file, output))
            if path not in self._precompressed:
                self._stage_variants(file, sizes.get(file.sha256, {}), output)
            if path in self._collected_first:
                self._keep_date(path, file, output)
        output.cancel_removals(plan)  # a name that is removed as a variant may be that of a source file
        self._check_named_as_variants(output, report)

    def _dated_as(self, path: str, file: PublishedFile, output: OutputFolder) -> str | None:
        """Return the location of the source whose date an unhashed file keeps, None if it must not.

        If a file is replaced, its date decides. Otherwise, for example on an empty disk, no known release may
        have other content, because its date is not known.
        """
        scanned = self._scanned[path]
        is_replaced = output.files.has_file(path) and not self._collected
        may_keep = is_replaced or self._had_no_other_content(path, file.sha256)
        return scanned.file.location if may_keep and file.sha256 == scanned.sha256 else None

    def _had_no_other_content(self, path: str, sha256: str) -> bool:
        """Whether each known release that has this unhashed name is known to have this content under it."""
        for manifest in self._known.manifests:
            published = manifest.paths.get(path)
            if published is not None:
                record = manifest.unhashed_record(path) or manifest.record(published)
                if record is None or record.sha256 != sha256:
                    return False
        return path not in self._changed_before

    @cached_property
    def _changed_before(self) -> frozenset[str]:
        """The unhashed names whose content differs between known releases."""
        releases = (release for manifest in self._known.manifests for release in manifest.releases)
        changed = (item for release in releases for item in release.changed.items())
        return frozenset(path for path, old in changed if old is not None and path in self.files)

    def _keep_date(self, path: str, file: PublishedFile, output: OutputFolder) -> None:
        source = self._dated_as(path, file, output)
        if source is not None and source != output.location(path):
            output.keep_date(path, source, file.sha256)

    def _stage_variants(self, file: PublishedFile, sizes: Mapping[str, int], output: OutputFolder) -> None:
        """Stage the variants of an unhashed file, and the removal of those that it does not have."""
        twin = self._published[file.path]
        # The variants of a file of other content were staged when they were made.
        if file.sha256 == twin.sha256:
            for coding in sizes:
                suffix = CODINGS[coding].suffix
                content = read_chunks(output.location(twin.path + suffix))
                output.stage(file.path + suffix, content, file.sha256, coding, newer_than=file.path)
        for other in CODINGS.values():
            if other.name not in sizes:
                output.stage_removal(file.path + other.suffix)

    def _stage_removals(self, output: OutputFolder) -> None:
        """Stage the removal of the files, and their variants, under their own names."""
        suffixes = ("", *(coding.suffix for coding in CODINGS.values()))
        for path, file in self._published.items():
            if file.path != path:
                for suffix in suffixes:
                    output.stage_removal(path + suffix)

    def _check_named_as_variants(self, output: OutputFolder, report: BuildReport) -> None:
        """Report each source file that has the name of a variant of another, but is not one."""
        for path, (source_path, coding) in self._named_as_variants.items():
            if path not in self.files:
                continue
            source = self.files.get(source_path) or self._published[source_path]
            digest = output.files.digest(self._published[path].path, coding, most=source.size)
            if digest != source.sha256:
                report.add(
                    "variant-name",
                    self._scanned[path].file.location,
                    f"has the name of the {coding} variant of {source_path} but does not decode to it, so "
                    "that only its fingerprinted URL serves it; rename it, or compress it again",
                )


def _is_page(path: str, tree: SourceTree) -> bool:
    """Whether a file is a page of a build: one that a framework collected is in the output as it is."""
    return is_page(path) and not tree.collected


def _named_as_variants(scanned: Mapping[str, ScannedFile]) -> dict[str, tuple[str, str]]:
    """Map each source file that has the name of a variant of another to that other's path and the coding."""
    return {
        path + coding.suffix: (path, coding.name)
        for coding in CODINGS.values()
        for path in scanned
        if path + coding.suffix in scanned
    }
