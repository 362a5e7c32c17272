"""The files of a release under their own names: staged with their variants, or their removal is.

Invariant: such a name is one that the release in force has too, and so keeps what it has until all is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hashserve.builder.chunks import read_chunks
from hashserve.builder.compression.variants import PublishedFile, Variants
from hashserve.builder.job import BuildJob
from hashserve.builder.output.claims import claim
from hashserve.builder.sources.scanner import ScannedFile, source_chunks
from hashserve.http.codings import CODINGS, coding_of_suffix

__all__ = ["UnhashedFiles"]


class UnhashedFiles:
    """What is to be under the own names of ``scanned`` files, beside what was ``published`` of them.

    ``files`` has it by logical path, for each file that has a fingerprinted name too.
    """

    def __init__(
        self, job: BuildJob, scanned: Mapping[str, ScannedFile], published: Mapping[str, PublishedFile]
    ) -> None:
        self._job = job
        self._scanned = scanned
        self._published = published
        self._staged_early: set[str] = set()
        self.files = self._named()

    def publish_variants(self, variants: Variants) -> Mapping[str, Mapping[str, int]]:
        """Put the variants of every fingerprinted file beside it; gives their sizes by SHA-256.

        And those of unhashed files that hold something else. While compression goes on, whatever has
        its variants already is staged under its own name.
        """
        files = list(self._published.values())
        twins: dict[str, list[tuple[PublishedFile, PublishedFile]]] = {}
        for path, file in self.files.items():
            if file.sha256 == self._published[path].sha256:
                twins.setdefault(file.sha256, []).append((file, self._published[path]))
            elif not self._has_variants_of_its_own(path):
                files.append(file)
        count = self._job.counter("compress", len({file.sha256 for file in files}))

        # Beside gzip alone, which takes no time, staging would only fight for the interpreter: 10,000
        # small files took a third longer.
        has_time = any(coding != "gzip" for coding in self._job.settings.codings)

        def on_done(sha256: str, sizes: Mapping[str, int]) -> None:
            count()
            for file, source in twins.pop(sha256, ()) if has_time else ():
                self._stage_early(file, source, sizes)

        return variants.make(files, on_done)

    def stage(self, sizes: Mapping[str, Mapping[str, int]], claims: Mapping[str, str]) -> None:
        """Have every file, and its variants, ready to be put under its own name too, or removed there.

        What is named as a variant that is not worth keeping may be a file of the source: that stays.
        """
        if self._job.tree.unhashed == "none":
            self._stage_removals(claims)
        for logical_path, file in self.files.items():
            source = self._published[logical_path]
            is_staged = logical_path in self._staged_early
            if claims[logical_path] == claim(file.sha256) and not is_staged:
                self._job.output.stage(
                    logical_path, self._content_of(logical_path, source, file), file.sha256
                )
            if self._job.tree.unhashed == "rewritten" or not self._has_variants_of_its_own(logical_path):
                self._stage_variants(file, source, sizes, claims)
            self._check_variant_name(logical_path, source)
        self._job.output.keep(claims)

    def _named(self) -> dict[str, PublishedFile]:
        """Give what is to be under the own name of each file that has a fingerprinted one too."""
        if self._job.tree.unhashed == "none":
            return {}
        files: Mapping[str, ScannedFile | PublishedFile]
        files = self._scanned if self._job.tree.unhashed == "original" else self._published
        return {
            path: PublishedFile(path=path, size=file.size, sha256=file.sha256)
            for path, file in files.items()
            if self._published[path].path != path
        }

    def _stage_early(self, file: PublishedFile, source: PublishedFile, sizes: Mapping[str, int]) -> None:
        """Stage an unhashed file and its variants, unless one of their names may be somebody else's too."""
        if coding_of_suffix(file.path) is not None or self._has_variants_of_its_own(file.path):
            return
        self._job.output.stage(file.path, read_chunks(self._job.output.location(source.path)), file.sha256)
        self._stage_twins(file, source, sizes)
        self._staged_early.add(file.path)

    def _stage_twins(self, file: PublishedFile, source: PublishedFile, sizes: Mapping[str, int]) -> None:
        """Stage the variants of an unhashed file that holds what its fingerprinted twin ``source`` does."""
        for coding in sizes:
            suffix = CODINGS[coding].suffix
            content = read_chunks(self._job.output.location(source.path + suffix))
            self._job.output.stage(file.path + suffix, content, file.sha256, coding, newer_than=file.path)

    def _has_variants_of_its_own(self, logical_path: str) -> bool:
        """Whether the source holds a file that is named as a variant of this one."""
        return any(logical_path + coding.suffix in self._scanned for coding in CODINGS.values())

    def _stage_variants(
        self,
        file: PublishedFile,
        source: PublishedFile,
        sizes: Mapping[str, Mapping[str, int]],
        claims: Mapping[str, str],
    ) -> None:
        """Have the variants of an unhashed file ready; ``source`` is its fingerprinted twin."""
        made = sizes.get(file.sha256, {})
        # One that holds something else than its twin has variants that were made for it.
        if file.sha256 == source.sha256 and file.path not in self._staged_early:
            self._stage_twins(file, source, made)
        for coding in CODINGS.values():
            if coding.name not in made and file.path + coding.suffix not in claims:
                self._job.output.stage_removal(file.path + coding.suffix)

    def _stage_removals(self, claims: Mapping[str, str]) -> None:
        """Have files that have a fingerprinted name, and their variants, removed under their own."""
        for logical_path, file in self._published.items():
            if file.path != logical_path:
                for suffix in ("", *(coding.suffix for coding in CODINGS.values())):
                    if logical_path + suffix not in claims:
                        self._job.output.stage_removal(logical_path + suffix)

    def _content_of(self, logical_path: str, source: PublishedFile, file: PublishedFile) -> Iterator[bytes]:
        """Read what an unhashed file is to hold: from its fingerprinted twin, or from the source."""
        if file.sha256 == source.sha256:
            return read_chunks(self._job.output.location(source.path))
        return source_chunks(self._scanned[logical_path])

    def _check_variant_name(self, logical_path: str, file: PublishedFile) -> None:
        """Report a source file that is named as a variant of another, and is none."""
        coding = coding_of_suffix(logical_path)
        source = None if coding is None else self._published.get(logical_path[: -len(coding.suffix)])
        if coding is None or source is None:
            return
        if self._job.output.digest(file.path, coding.name) != source.sha256:
            self._job.find(
                "variant-name",
                self._scanned[logical_path].file.location,
                f"is named as the {coding.name} variant of {source.path} and does not decode to it: "
                "only its fingerprinted URL serves it",
            )
