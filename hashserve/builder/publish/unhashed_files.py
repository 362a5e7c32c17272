"""The files of a release under their own names, and their variants.

Invariant: the release in force has these names too, so they keep their contents until the switch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hashserve.builder.chunks import read_chunks
from hashserve.builder.output.folder import OutputFolder
from hashserve.builder.output.plan import PublishedFile, content_key
from hashserve.builder.report import BuildReport
from hashserve.builder.sources.scanner import ScannedFile, source_chunks
from hashserve.http.codings import CODINGS
from hashserve.manifest.schema import Unhashed

__all__ = ["UnhashedFiles"]


class UnhashedFiles:
    """The files under their own names, as ``unhashed`` says: the ``scanned`` or the ``published`` contents.

    ``files`` has them by logical path: all that have a fingerprinted path too.
    """

    def __init__(
        self,
        unhashed: Unhashed,
        scanned: Mapping[str, ScannedFile],
        published: Mapping[str, PublishedFile],
    ) -> None:
        self._unhashed = unhashed
        self._scanned = scanned
        self._published = published
        self._named_as_variants = _named_as_variants(scanned)
        self._precompressed = {path for path, _ in self._named_as_variants.values()}
        self.files: dict[str, PublishedFile] = {}
        if unhashed != "none":
            contents = scanned if unhashed == "original" else published
            self.files = {
                path: PublishedFile(path=path, size=contents[path].size, sha256=contents[path].sha256)
                for path, file in published.items()
                if file.path != path
            }

    def of_other_content(self) -> list[PublishedFile]:
        """List the files that need variants of their own, because their content is not the published one.

        They are in the output already: the framework that keeps the originals has put them there.
        """
        return [
            file
            for path, file in self.files.items()
            if file.sha256 != self._published[path].sha256 and path not in self._precompressed
        ]

    def stage(
        self,
        output: OutputFolder,
        sizes: Mapping[str, Mapping[str, int]],
        plan: Mapping[str, str],
        report: BuildReport,
    ) -> None:
        """Stage the files and their variants, and the removal of those that the release does not have.

        ``sizes`` has the size of each variant by SHA-256 and coding. ``plan`` has the content of each path.
        """
        if self._unhashed == "none":
            self._stage_removals(output)
        for path, file in self.files.items():
            # If a variant has the path, the source file has only its fingerprinted path.
            if plan[path] == content_key(file.sha256):
                output.stage(path, self._chunks(path, file, output), file.sha256)
            if self._unhashed == "rewritten" or path not in self._precompressed:
                self._stage_variants(file, sizes.get(file.sha256, {}), output)
        output.cancel_removals(plan)  # a name that is removed as a variant may be that of a source file
        self._check_named_as_variants(output, report)

    def _chunks(self, path: str, file: PublishedFile, output: OutputFolder) -> Iterator[bytes]:
        """Read the content of an unhashed file: from its fingerprinted twin, or from the source."""
        twin = self._published[path]
        if file.sha256 == twin.sha256:
            return read_chunks(output.location(twin.path))
        return source_chunks(self._scanned[path])

    def _stage_variants(self, file: PublishedFile, sizes: Mapping[str, int], output: OutputFolder) -> None:
        """Stage the variants of an unhashed file, and the removal of those that it does not have."""
        twin = self._published[file.path]
        # The variants of a file of other content are next to it already.
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
            source = self._published[source_path]
            if output.files.digest(self._published[path].path, coding) != source.sha256:
                report.add(
                    "variant-name",
                    self._scanned[path].file.location,
                    f"has the name of the {coding} variant of {source_path} but does not decode to it, so "
                    "that only its fingerprinted URL serves it; rename it, or compress it again",
                )


def _named_as_variants(scanned: Mapping[str, ScannedFile]) -> dict[str, tuple[str, str]]:
    """Map each source file that has the name of a variant of another to that other's path and the coding."""
    return {
        path + coding.suffix: (path, coding.name)
        for coding in CODINGS.values()
        for path in scanned
        if path + coding.suffix in scanned
    }
