"""The variants of earlier builds, found by manifests, in the previous release or in the cache.

Invariant: a variant is copied only if it decodes to its content. Only the manifest of this output is believed
when it says that a variant is not worth making. A row is parsed only when its content is asked for: 100,000
records take 40 MB.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import IO

from hashserve.builder.chunks import read_chunks
from hashserve.builder.compression.cache import VariantCache
from hashserve.builder.compression.compressors import COMPRESSED, is_compressible
from hashserve.builder.output.plan import PublishedFile
from hashserve.builder.releases.errors import MismatchError, UnreachableError
from hashserve.builder.releases.previous import PreviousRelease
from hashserve.builder.releases.verification import verified_chunks
from hashserve.http.codings import CODINGS
from hashserve.manifest.model import Manifest, Row

__all__ = ["EarlierVariants"]


class EarlierVariants:
    """What a build in ``codings``, with no variants of ``skipped`` extensions, can reuse.

    ``manifests`` are those of earlier builds. ``previous`` has the files of one that was built elsewhere:
    ``foreign``.
    """

    def __init__(
        self,
        manifests: Sequence[Manifest] = (),
        codings: Sequence[str] = (),
        *,
        previous: PreviousRelease | None = None,
        foreign: Manifest | None = None,
        cache: VariantCache | None = None,
        skipped: frozenset[str] = COMPRESSED,
    ) -> None:
        self._previous = previous
        self._cache = cache
        self._skipped = skipped
        self._foreign = foreign
        self._tried: set[str] = set()
        self._tried_elsewhere: set[str] = set()
        self._best_paths = [(manifest, self._read(manifest, codings)) for manifest in manifests]

    def _read(self, manifest: Manifest, codings: Sequence[str]) -> dict[str, str]:
        """Return, by SHA-256, the path of a file with that content that has the most variants.

        It also records which contents were tried in all codings: a variant that they lack was not worth it.
        """
        # A variant of a release that is no longer in force may have been lost since.
        tried = self._tried_elsewhere if manifest is self._foreign else self._tried
        has_tried_all = self._tried_all(manifest, codings)
        in_force = set(manifest.paths.values()) if has_tried_all else set()
        if has_tried_all:
            tried.update(
                _sha256(row)
                for path, row in (manifest.unhashed_files or {}).items()
                if is_compressible(path, self._skipped) and not _is_precompressed(path, manifest)
            )
        best: dict[str, str] = {}
        for path, row in _rows(manifest):
            sha256 = _sha256(row)
            if path in in_force and is_compressible(path, self._skipped):
                tried.add(sha256)
            other = best.setdefault(sha256, path)
            if other is not path and _sizes(row).count("0") < _sizes(_row(manifest, other)).count("0"):
                best[sha256] = path
        return best

    def _tried_all(self, manifest: Manifest, codings: Sequence[str]) -> bool:
        """Whether the build of a manifest tried every variant that this build tries."""
        skipped = COMPRESSED if manifest.skipped is None else frozenset(manifest.skipped)
        return skipped <= self._skipped and set(codings) <= set(manifest.codings)

    def has(self, sha256: str, coding: str) -> bool:
        """Whether an earlier build made the variant, as far as is known."""
        if self._find(sha256, coding) is not None:
            return True
        return self._cache is not None and self._cache.find(sha256, coding) is not None

    def was_not_worth_it(self, sha256: str, coding: str) -> bool:
        """Whether an earlier build made the variant, and it saved too little."""
        if sha256 in self._tried and self._find(sha256, coding) is None:
            return True
        return self._cache is not None and self._cache.was_not_worth_it(sha256, coding)

    def is_said_to_be_not_worth_it(self, sha256: str, coding: str) -> bool:
        """Whether a manifest that is not trusted says that the variant saved too little."""
        return sha256 in self._tried_elsewhere and self._find(sha256, coding) is None

    def copy(self, file: PublishedFile, coding: str, stream: IO[bytes]) -> bool:
        """Write the variant to ``stream`` from the cache or the previous release; False if neither has it."""
        cached = None if self._cache is None else self._cache.find(file.sha256, coding)
        if cached is not None:
            stream.writelines(read_chunks(cached))
            return True
        found = None if self._previous is None else self._find(file.sha256, coding)
        if self._previous is None or found is None:
            return False
        path, coded_size = found
        if coded_size >= file.size:
            return False  # no build keeps such a variant, which may be endless
        try:
            stream.writelines(
                verified_chunks(
                    self._previous.read(path, coding, coded_size),
                    path,
                    file.sha256,
                    coding,
                    size=file.size,
                    coded_size=coded_size,
                )
            )
        except (UnreachableError, MismatchError):
            stream.seek(0)
            stream.truncate()
            return False
        return True

    def keep(self, sha256: str, coding: str, chunks: Iterable[bytes] | None) -> None:
        """Put a variant that was made into the cache, if there is one; None if it saved too little."""
        if self._cache is not None:
            if chunks is None:
                self._cache.keep_not_worth_it(sha256, coding)
            else:
                self._cache.keep(sha256, coding, chunks)

    def _find(self, sha256: str, coding: str) -> tuple[str, int] | None:
        """Return the path of a file with this content and a variant in ``coding``, and the variant's size."""
        for manifest, paths in self._best_paths:
            path = paths.get(sha256)
            if path is not None and coding in manifest.codings:
                size = _sizes(_row(manifest, path))[manifest.codings.index(coding)]
                if size != "0":
                    return path, int(size)
        return None


def _rows(manifest: Manifest) -> Iterator[tuple[str, Row]]:
    """Yield every path whose content the manifest states, with its row: fingerprinted paths come first."""
    for path, row in manifest.files.items():
        if row is not None:
            yield path, row
    for path, row in (manifest.unhashed_files or {}).items():
        if path not in manifest.files:
            yield path, row


def _row(manifest: Manifest, path: str) -> Row:
    row = manifest.files.get(path)
    if row is None:
        assert manifest.unhashed_files is not None
        row = manifest.unhashed_files[path]
    return row


def _is_precompressed(path: str, manifest: Manifest) -> bool:
    """Whether the source had a variant of a file, so that a build may not have tried to make one."""
    return any(path + coding.suffix in manifest.paths for coding in CODINGS.values())


def _sha256(row: Row) -> str:
    return row.split(" ", 2)[1]


def _sizes(row: Row) -> list[str]:
    """Return the sizes of a row's variants: this takes a fifth of the time of a whole record."""
    return row.split(" ")[2:]
